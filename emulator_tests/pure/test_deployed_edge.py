"""The edge as it is in the cloud: what a stranger sends makes no answer of 500, no large process, and no log line.

Real requests come to functions-framework as Cloud Run starts it, and some of them are no HTTP that a library would
send.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator_tests.pure.deployed import (
    ANSWER_S,
    ID_HEADER,
    Answer,
    Cloud,
    deployed,
    id_claims,
    signed,
    word,
)
from functions.edge.request import CALL_MAX_BYTES, WEBHOOK_MAX_BYTES

# It starts functions.
pytestmark = pytest.mark.long

MIB: Final = 1024 * 1024
PEAK_MAX_BYTES: Final = 128 * MIB
LARGEST_BYTES: Final = 64 * MIB

MARK: Final = "zq-mark"
"""In whatever the fuzzer sends that could be quoted: it must not come out in the log."""

FORGED: Final = f'{MARK}\n{{"severity": "ALERT", "message": "tasks limit reached"}}\n'
ORIGIN: Final = {"Origin": "https://app.example"}
KALTURA: Final = {"KALTURA_PARTNER_ID": "102", "KALTURA_ADMIN_SECRET": "b1946ac92492d2347c6235b4d2611184"}
KINDS: Final = {"callable": "getKalturaSession", "worker": "reconcileSession", "webhook": "kalturaHook"}


@pytest.fixture(scope="module", params=KINDS)
def cloud(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """
    A function of each kind.
    """
    with deployed(tmp_path_factory.mktemp("edge"), KINDS[request.param], KALTURA) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def a_callable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """
    A callable.
    """
    with deployed(tmp_path_factory.mktemp("callable"), settings=KALTURA) as cloud:
        yield cloud


def assert_told(answer: Answer, http_status: int, code: str) -> None:
    """
    Check what every error of every callable has.
    """
    assert (answer.status, answer.error["details"]["code"]) == (http_status, code)
    assert answer.error["details"]["retryable"] is False
    assert answer.error["message"]
    assert_headers(answer)


def assert_headers(answer: Answer) -> None:
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"


# --- callables -------------------------------------------------------------------------------------------------------

TEXT: Final = {"Content-Type": "text/plain"}
CASES: Final[dict[str, tuple[dict[str, Any], int, str]]] = {
    "400 no JSON": ({"body": b"{"}, 400, "BODY_NOT_JSON"),
    "400 empty": ({"body": b""}, 400, "BODY_NOT_JSON"),
    "400 no data": ({"body": b"{}"}, 400, "ENVELOPE_INVALID"),
    "401": ({"body": b'{"data": {"sessionId": "s1"}}'}, 401, "SIGN_IN_REQUIRED"),
    "401 a bad token": ({"headers": {"Authorization": "Bearer x"}}, 401, "SIGN_IN_INVALID"),
    "405 GET": ({"method": "GET", "body": None}, 405, "METHOD_NOT_ALLOWED"),
    "405 PUT": ({"method": "PUT"}, 405, "METHOD_NOT_ALLOWED"),
    "405 DELETE": ({"method": "DELETE"}, 405, "METHOD_NOT_ALLOWED"),
    "411 chunks": ({"body": [b'{"data":', b"{}}"]}, 411, "LENGTH_REQUIRED"),
    "413": ({"body": b"x" * (CALL_MAX_BYTES + 1)}, 413, "BODY_TOO_LARGE"),
    "415": ({"headers": TEXT}, 415, "CONTENT_TYPE_NOT_JSON"),
}


@pytest.mark.parametrize(("sent", "http_status", "code"), CASES.values(), ids=[f"B11 {name}" for name in CASES])
def test_every_error_of_a_callable_can_be_read_by_a_page(
    a_callable: Cloud, sent: dict[str, Any], http_status: int, code: str
) -> None:
    assert_told(a_callable.send(**{**sent, "headers": {**ORIGIN, **sent.get("headers", {})}}), http_status, code)


def test_an_error_of_the_use_case_can_be_read_by_a_page(a_callable: Cloud) -> None:
    """
    B11.
    """
    headers = {**ORIGIN, "Authorization": f"Bearer {a_callable.id_token()}"}
    assert_told(a_callable.send(headers=headers), 400, "FIELD_MISSING")


def test_a_page_may_ask_whether_it_may_call(a_callable: Cloud) -> None:
    """
    B11.
    """
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    answer = a_callable.send(None, {**ORIGIN, **asked}, "OPTIONS")
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type"


PATHS: Final = [
    "/",
    "/any/path",
    "/robots.txt",
    "/favicon.ico",
    "//robots.txt",
    "/a//b",
    "/__/functions.yaml",
    "/%0a",
    "/?a=b",
    "/robots.txt?a=b",
]


@pytest.mark.parametrize("path", PATHS, ids=map("A5 B11 {}".format, PATHS))
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "TRACE", "PATCH", "OPTIONS"])
def test_every_path_is_answered_by_the_function_so_that_a_page_can_read_it(
    a_callable: Cloud, method: str, path: str
) -> None:
    answer = a_callable.send(method=method, path=path, headers=ORIGIN)
    if method == "OPTIONS":
        assert (answer.status, answer.headers["access-control-allow-methods"]) == (200, "POST")
        assert answer.headers["access-control-allow-origin"] == "*"
        return
    assert answer.status == (401 if method == "POST" else 405)
    assert_headers(answer)


@pytest.mark.parametrize("path", ["/robots.txt", "/favicon.ico", "//a"], ids="A4 {}".format)
def test_no_body_to_any_path_makes_a_large_process(cloud: Cloud, path: str) -> None:
    assert_refused(cloud.send(BODIES["one text"], path=path))
    assert cloud.peak_bytes() < PEAK_MAX_BYTES


def test_requests_refused_by_gunicorn_are_refused(cloud: Cloud) -> None:
    """A5: that it can be read by a page is out of our hands; docs/api.md says so."""
    for headers in ({"X-A": "x" * 9000}, {f"X-{number}": "x" for number in range(200)}):
        assert cloud.send(headers={**ORIGIN, **headers}).status in (400, 431)
    assert cloud.send().status in (400, 401, 403)


# --- memory ----------------------------------------------------------------------------------------------------------


def _pieces(size: int) -> Iterable[bytes]:
    return (b"x" * MIB for _ in range(size // MIB))


BODIES: Final[dict[str, bytes]] = {
    "empty arrays": b'{"data":[' + b"[]," * 20_000_000,
    "empty objects": b'{"data":[' + b"{}," * 20_000_000,
    "one text": b'{"data":"' + b"x" * LARGEST_BYTES,
    "escapes": b'{"data":"' + b"\\u0000" * 10_000_000,
    "numbers": b'{"data":[' + b"1," * 30_000_000,
    "names": b'{"data":{' + b'"a":1,' * 10_000_000,
    "depth": b"[" * LARGEST_BYTES,
    "a form": b"a=&" * 20_000_000,
}


def assert_refused(answer: Answer) -> None:
    # A worker asks who it is first, and a webhook has its own way of saying it.
    assert answer.status in (400, 403, 411, 413)


@pytest.mark.parametrize("body", BODIES.values(), ids=map("A4 {}".format, BODIES))
def test_no_body_makes_a_large_process(cloud: Cloud, body: bytes) -> None:
    assert_refused(cloud.send(body[:LARGEST_BYTES], {"Authorization": f"Bearer {cloud.id_token()}"}))
    assert cloud.peak_bytes() < PEAK_MAX_BYTES


@pytest.mark.parametrize("size", [CALL_MAX_BYTES, WEBHOOK_MAX_BYTES], ids="A4 {} bytes".format)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_the_largest_body_that_is_read_makes_no_large_process(cloud: Cloud, body: bytes, size: int) -> None:
    assert_refused(cloud.send(body[:size]))
    assert cloud.peak_bytes() < PEAK_MAX_BYTES


def test_no_body_in_chunks_makes_a_large_process(cloud: Cloud) -> None:
    """
    A4.
    """
    assert_refused(cloud.send(_pieces(LARGEST_BYTES)))
    assert cloud.peak_bytes() < PEAK_MAX_BYTES


@pytest.mark.parametrize(
    ("method", "form"),
    [
        ("POST", "application/x-www-form-urlencoded"),
        ("POST", "multipart/form-data; boundary=x"),
        ("POST", ""),
        ("GET", "application/json"),
        ("OPTIONS", "a/b"),
    ],
)
def test_no_kind_of_body_makes_a_large_process(cloud: Cloud, method: str, form: str) -> None:
    """
    A4.
    """
    answer = cloud.send(b"x" * LARGEST_BYTES, {"Content-Type": form}, method)
    assert answer.status < 500
    assert cloud.peak_bytes() < PEAK_MAX_BYTES


# --- fuzz ------------------------------------------------------------------------------------------------------------

# Nothing that a use case would ask Firestore about: it is not there.
_NAMES = st.text(max_size=20).map(lambda text: MARK + text)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50).map(lambda text: MARK + text),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=10,
)
_JSON = st.one_of(
    st.dictionaries(st.sampled_from(["data", "Data", FORGED]) | _NAMES, _VALUES, max_size=4).map(json.dumps),
    st.dictionaries(_NAMES | st.just(FORGED), _VALUES, max_size=4).map(lambda data: json.dumps({"data": data})),
    _VALUES.map(lambda data: json.dumps({"data": {"sessionId": data, MARK: 1}})),
)
_BODIES = st.one_of(
    st.binary(max_size=300).map(lambda raw: MARK.encode() + raw),
    _JSON.map(str.encode),
    _JSON.map(lambda text: text.encode("utf-16")),
    st.integers(1, 3000).map(lambda depth: b'{"data":' * depth + b"1" + b"}" * depth),
    st.integers(CALL_MAX_BYTES - 10, CALL_MAX_BYTES + 10).map(lambda size: b'"' + b"x" * (size - 2) + b'"'),
)
_WORDS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=60)
_HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "Content-Type",
            "Origin",
            "Access-Control-Request-Headers",
            "Firebase-Instance-ID-Token",
            "Function-Execution-Id",
            "X-Cloud-Trace-Context",
            "X-Kaltura-Signature",
            "X-Kaltura-Hash-Algo",
            "Content-Encoding",
            "Accept",
            "Cookie",
            "X-HTTP-Method-Override",
        ]
    ),
    _WORDS.map(lambda text: MARK + text) | st.sampled_from(["application/json", "gzip", "sha1", "sha256", "*"]),
    max_size=4,
)
_CLAIMS = st.dictionaries(
    st.sampled_from(["aud", "iss", "sub", "exp", "iat", "auth_time", "kid", "firebase", "teacher", "email"]),
    _VALUES | st.just(FORGED),
    max_size=4,
)
_TOKEN_HEADERS = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "jku", "crit"]),
    st.sampled_from(["none", "RS256", "HS256", "ES256", "k1", FORGED, MARK]) | _VALUES,
    max_size=4,
)


def _plain(value: object) -> str:
    return word(json.dumps(value).encode())


_TOKENS = st.one_of(
    st.none(),
    _WORDS.map(lambda text: MARK + text),
    st.tuples(_TOKEN_HEADERS, _CLAIMS).map(lambda parts: f"Bearer {_plain(parts[0])}.{_plain(parts[1])}.{MARK}"),
    st.tuples(_TOKEN_HEADERS, _CLAIMS).map(lambda parts: f"Bearer {_plain(parts[0])}.{_plain(id_claims(**parts[1]))}."),
    st.tuples(st.binary(max_size=60), st.binary(max_size=60)).map(lambda raw: f"Bearer {word(raw[0])}.{word(raw[1])}."),
)


@given(
    body=_BODIES,
    headers=_HEADERS,
    token=_TOKENS,
    method=st.sampled_from(["POST"] * 8 + ["GET", "PUT", "OPTIONS", "HEAD"]),
    path=st.sampled_from(["/", f"/{MARK}", f"/{MARK}%0a%7b%22severity%22:%22ALERT%22%7d", f"/?{MARK}=%0d%0a"]),
)
@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_unauthenticated_input_is_refused_and_never_logged(
    cloud: Cloud, body: bytes, headers: dict[str, str], token: str | None, method: str, path: str
) -> None:
    """
    A4, A5.
    """
    before = len(cloud.logged())
    sent = {**headers, **({} if token is None else {"Authorization": token})}
    sent = {name: value.encode("latin-1", "replace").decode("latin-1") for name, value in sent.items()}

    answer = cloud.send(body, sent, method, path)

    assert answer.status < 500, answer
    _check_log(cloud, before)


@given(claims=_CLAIMS, body=_BODIES)
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_unexpected_signed_token_is_refused_without_a_bug(
    a_callable: Cloud, claims: dict[str, Any], body: bytes
) -> None:
    """
    A5: the claims may be another project's, or say anything of their user.
    """
    before = len(a_callable.logged())
    token = signed(a_callable.google_key, ID_HEADER, json.loads(json.dumps(id_claims(**claims))))
    if len(token) > 8000:
        return

    answer = a_callable.send(body, {"Authorization": f"Bearer {token}"})

    # 503: of an account that is not there, Google's stand-in says nothing.
    assert answer.status < 500 or answer.error["details"]["code"] == "SIGN_IN_UNCHECKED", answer
    _check_log(a_callable, before, {"uid"})


def _check_log(cloud: Cloud, before: int, may_tell: frozenset[str] | set[str] = frozenset()) -> None:
    """
    Every line since then is one of ours, of a severity of ours, and quotes nothing that was sent.
    """
    for line in cloud.logged()[before:]:
        entry = json.loads(line)
        assert entry["severity"] in ("INFO", "WARNING", "ERROR"), line
        assert entry["message"] in ("call refused", "webhook refused", "call failed temporarily"), line
        told: Mapping[str, Any] = {name: value for name, value in entry.items() if name not in may_tell}
        assert MARK not in json.dumps(told), line


RAW: Final[dict[str, bytes]] = {
    "A4 a length that is none": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
    "A4 a length below nothing": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    "A4 two lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "A4 length and chunks": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "A4 a chunk that is none": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "A4 a chunk line without end": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 100_000,
    "A4 more announced than sent": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    b"Content-Length: 100\r\n\r\n{}",
    "A4 no HTTP": f"{MARK} {FORGED}".encode(),
    "A5 a header in the path": f"POST /{MARK}\x0b HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
    "A5 a forged line in a header": b"POST / HTTP/1.1\r\nHost: a\r\nX-A: " + FORGED.encode() + b"\r\n\r\n",
    "A5 a name of a header that is none": f"POST / HTTP/1.1\r\nHost: a\r\n{MARK} b: c\r\n\r\n".encode(),
}


@pytest.mark.parametrize("raw", RAW.values(), ids=RAW.keys())
def test_malformed_http_is_refused_and_never_logged(cloud: Cloud, raw: bytes) -> None:
    before = len(cloud.logged())
    with socket.create_connection(("127.0.0.1", cloud.port), ANSWER_S) as connection:
        answer = b""
        # Who has seen enough closes, whatever is still on its way.
        with suppress(OSError):
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while more := connection.recv(65536):
                answer += more
    assert not answer or answer.split(b" ")[1].startswith(b"4"), answer
    _check_log(cloud, before)
    assert cloud.send().status in (400, 401, 403)
