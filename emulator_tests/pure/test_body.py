"""The body of a request: what is read, what is refused before it is read, and what JSON it may be."""

from __future__ import annotations

import json
import math
import tracemalloc
from contextlib import suppress
from io import BytesIO

import pytest
from flask import Request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import create_environ

from functions.edge.request import CALL_MAX_BYTES, DEPTH_MAX, data_of, discard_body, parse_json, read_body
from shared.core.errors import BadRequest

pytestmark = pytest.mark.long


class Counted(BytesIO):
    """
    A body that knows how much of it was read.
    """

    read_bytes = 0

    def read(self, size: int | None = -1) -> bytes:
        """
        Read, and count.
        """
        data = super().read(size)
        self.read_bytes += len(data)
        return data


def request_of(stream: BytesIO, **headers: str) -> Request:
    """
    A request as gunicorn hands it on: the server sees to it that nothing is read beyond its end.
    """
    environ = create_environ(method="POST", headers=headers)
    environ.pop("CONTENT_LENGTH", None)
    told = {"CONTENT_LENGTH": headers["Content-Length"]} if "Content-Length" in headers else {}
    return Request({**environ, **told, "wsgi.input": stream, "wsgi.input_terminated": True})


@pytest.mark.parametrize("size", [0, 1, 1000, CALL_MAX_BYTES])
def test_a_body_is_read_up_to_the_limit(size: int) -> None:
    stream = Counted(b"x" * size)
    request = request_of(stream, **{"Content-Length": str(size)})
    assert read_body(request, CALL_MAX_BYTES) == b"x" * size
    # Whoever asks for more later gets none.
    assert request.get_data() == b""


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        pytest.param({"Content-Length": str(CALL_MAX_BYTES + 1)}, "BODY_TOO_LARGE", id="A4 a byte too many"),
        pytest.param({"Content-Length": str(10**18)}, "BODY_TOO_LARGE", id="A4 many bytes too many"),
        pytest.param({}, "LENGTH_REQUIRED", id="A4 of no length"),
        pytest.param({"Transfer-Encoding": "chunked"}, "LENGTH_REQUIRED", id="A4 in chunks"),
        pytest.param({"Transfer-Encoding": "gzip, chunked"}, "LENGTH_REQUIRED", id="A4 squeezed, in chunks"),
        pytest.param({"Transfer-Encoding": "chunked", "Content-Length": "5"}, "LENGTH_REQUIRED", id="A4 both"),
    ],
)
def test_a_body_is_refused_before_it_is_read(headers: dict[str, str], reason: str) -> None:
    stream = Counted(b"x" * 1_000_000)
    with pytest.raises(BadRequest) as raised:
        read_body(request_of(stream, **headers), CALL_MAX_BYTES)
    assert (raised.value.reason, stream.read_bytes) == (reason, 0)


def test_rest_of_a_body_is_discarded_in_chunks() -> None:
    stream = Counted(b"x" * 10_000_000)
    discard_body(request_of(stream, **{"Content-Length": "10000000"}))
    assert stream.read_bytes == 10_000_000


class Broken(BytesIO):
    """
    A body whose connection breaks.
    """

    def read(self, size: int | None = -1) -> bytes:
        """
        Fail.
        """
        raise ConnectionResetError


def test_broken_connection_is_not_logged_as_a_bug() -> None:
    request = request_of(Broken(), **{"Content-Length": "10"})
    with pytest.raises(BadRequest):
        data_of(read_body(request, CALL_MAX_BYTES))
    discard_body(request)


@pytest.mark.parametrize(
    ("body", "parsed"),
    [
        (b"{}", {}),
        (b'{"data": {"a": [1, 2.5, true, null, "x"]}}', {"data": {"a": [1, 2.5, True, None, "x"]}}),
        (b'{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        ('{"a": "\u4f60\u597d"}'.encode(), {"a": "\u4f60\u597d"}),
        (b' \n[{"a": 1}, {"a": 2}]\n', [{"a": 1}, {"a": 2}]),
        (b'{"a": 1e3}', {"a": 1000.0}),
        (b"[" * DEPTH_MAX + b"]" * DEPTH_MAX, None),
    ],
    ids=["nothing", "one of each", "a pair of halves", "another script", "the same name in two", "1e3", "deep enough"],
)
def test_json_is_read(body: bytes, parsed: object) -> None:
    assert parse_json(body) == (json.loads(body) if parsed is None else parsed)


BAD: dict[str, bytes] = {
    "nothing": b"",
    "cut": b'{"data": {',
    "and more": b"{} x",
    "not UTF-8": b'{"data": "\xe9"}',
    "UTF-16": '{"data": 1}'.encode("utf-16"),
    "a mark of byte order": b'\xef\xbb\xbf{"data": 1}',
    "A4 deeper than that": b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1),
    "A4 as deep as it gets": b"[" * 32_000 + b"]" * 32_000,
    "A4 objects as deep as it gets": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "A4 a name twice": b'{"data": 1, "data": 1}',
    "A4 a name twice within": b'{"data": [{"a": 1, "b": 2, "a": 1}]}',
    "A4 a name twice, spelt in two ways": b'{"data": 1, "d\\u0061ta": 1}',
    "A4 NaN": b'{"data": NaN}',
    "A4 infinity": b'{"data": [-Infinity]}',
    "A4 a number beyond all": b'{"data": 1e999}',
    "A4 a number of five thousand digits": b'{"data": ' + b"9" * 5000 + b"}",
    "A4 half a character": b'{"data": "\\ud800"}',
    "A4 the other half": b'{"data": ["a\\udc00b"]}',
    "A4 half a character in a name": b'{"\\ud800": 1}',
    "A4 half a character deep within": b'{"data": [[{"a": {"b": "\\udfff"}}]]}',
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD.keys())
def test_invalid_or_ambiguous_json_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest) as raised:
        parse_json(body)
    assert raised.value.reason == "BODY_NOT_JSON"
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("body", [b"[]", b"7", b'"data"', b"null", b"{}", b'{"a": 1}', b'{"data": 1, "a": 1}'])
def test_an_envelope_holds_data_and_nothing_else(body: bytes) -> None:
    with pytest.raises(BadRequest) as raised:
        data_of(body)
    assert raised.value.reason == "ENVELOPE_INVALID"


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@given(PLAIN)
def test_whatever_json_has_comes_through_as_it_is(data: object) -> None:
    try:
        assert data_of(json.dumps({"data": data}).encode()) == data
    except BadRequest:
        assert depth_of(data) >= DEPTH_MAX


def depth_of(value: object) -> int:
    """
    Count the objects and arrays within each other.
    """
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


@given(st.binary(max_size=2000) | st.text(max_size=500).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_bytes_are_json_that_can_be_stored_or_refused(body: bytes) -> None:
    with suppress(BadRequest):
        json.dumps(parse_json(body), ensure_ascii=False, allow_nan=False).encode()


@given(st.floats())
def test_a_number_is_read_only_where_it_is_one(number: float) -> None:
    body = json.dumps({"data": number}).encode()
    if math.isfinite(number):
        assert data_of(body) == number
    else:
        with pytest.raises(BadRequest):
            data_of(body)


def test_a_body_that_may_be_read_costs_little() -> None:
    body = b'{"data":[' + b"[]," * ((CALL_MAX_BYTES - 20) // 3) + b"1]}"
    assert CALL_MAX_BYTES - 100 < len(body) <= CALL_MAX_BYTES
    tracemalloc.start()
    try:
        data_of(body)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 4_000_000
