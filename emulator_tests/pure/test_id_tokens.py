"""Sign-in as it is in the cloud: a deployed callable, with no emulator near, and the tokens that it must not believe.

The function runs under functions-framework as it does there. What stands for Google's servers, with a certificate of
our own and keys of our own, is reached through a proxy: nothing of ours or of the SDK is changed for it. The ids begin
with the number in the list of bad inputs; what the Auth emulator checks as well is in `flow/test_bad_calls.py` too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

# It starts two functions.
pytestmark = pytest.mark.long

ROOT: Final = Path(__file__).parents[2]
PROJECT: Final = "demo-greenroom"
NUMBER: Final = "1234567890"
READY_S: Final = 60.0
ANSWER_S: Final = 20.0

CERTIFICATES: Final = "www.googleapis.com:443/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com"
APP_CHECK_KEYS: Final = "firebaseappcheck.googleapis.com:443/v1/jwks"
HOSTS: Final = ("www.googleapis.com", "firebaseappcheck.googleapis.com")


@dataclass(frozen=True, slots=True)
class Key:
    """
    A key, and the certificate in which it signs itself.
    """

    private: rsa.RSAPrivateKey
    certificate: str

    @classmethod
    def make(cls, *hosts: str) -> Key:
        """
        A new one; the names are those of servers that may show it.
        """
        private = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "nobody")])
        now = datetime.now(UTC)
        built = (
            x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts or ("none",)]), False)
        )
        signed = built.sign(private, hashes.SHA256())
        return cls(private, signed.public_bytes(serialization.Encoding.PEM).decode())

    def pem(self) -> str:
        """
        The private key as servers and service accounts keep it.
        """
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    def jwk(self, kid: str) -> dict[str, str]:
        """
        The public key as App Check shows it.
        """
        numbers = self.private.public_key().public_numbers()
        return {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": kid,
            "n": _number(numbers.n),
            "e": _number(numbers.e),
        }


def _number(value: int) -> str:
    return _word(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _word(content: object) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _signed(key: Key, header: Mapping[str, Any], claims: object) -> str:
    text = f"{_word(dict(header))}.{_word(claims)}"
    return f"{text}.{_word(key.private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


@dataclass
class Google:
    """
    What stands for Google's servers, behind a proxy: what it says at which address, and which it was asked for.
    """

    proxy: str
    says: dict[str, object]
    heard: list[str] = field(default_factory=list)


@contextmanager
def _google(key: Key, folder: Path, says: dict[str, object]) -> Iterator[Google]:
    (folder / "server.pem").write_text(key.pem() + key.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    google = Google("", says)

    class Proxy(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            method, host, _ = _request(self.request)
            google.heard.append(host)
            if method != "CONNECT" or host.rpartition(":")[0] not in HOSTS:
                return
            self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            with context.wrap_socket(self.request, server_side=True) as inside:
                _, path, _ = _request(inside)
                body = json.dumps(google.says.get(host + path, {})).encode()
                google.heard[-1] = host + path
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                inside.sendall(head.encode() + b"Cache-Control: max-age=3600\r\nConnection: close\r\n\r\n" + body)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy) as listener:
        google.proxy = f"http://127.0.0.1:{listener.server_address[1]}"
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        yield google
        listener.shutdown()
        thread.join()


def _request(connection: Any) -> tuple[str, str, str]:
    """
    The first line of a request without a body.
    """
    head = b""
    while b"\r\n\r\n" not in head and (more := connection.recv(4096)):
        head += more
    method, target, version = head.split(b"\r\n", 1)[0].decode().split(" ")
    return method, target, version


@dataclass(frozen=True, slots=True)
class Cloud:
    """
    One deployed function, and whom it believes.
    """

    google: Google
    google_key: Key
    app_check_key: Key
    strangers_key: Key
    port: int
    log: Path

    def call(self, id_token: str | None, app_check_token: str | None = None) -> tuple[int, str, str]:
        """
        Call it without a field: who is signed in is told that one is missing.

        Returns:
            HTTP status, code and sentence.
        """
        headers = {"Content-Type": "application/json"}
        if id_token is not None:
            headers["Authorization"] = f"Bearer {id_token}"
        if app_check_token is not None:
            headers["X-Firebase-AppCheck"] = app_check_token
        connection = HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_S)
        try:
            connection.request("POST", "/", b'{"data":{}}', headers)
            answer = connection.getresponse()
            error = json.loads(answer.read())["error"]
        finally:
            connection.close()
        return answer.status, error["status"], error["message"]


WELCOME: Final = (400, "INVALID_ARGUMENT", "The field sessionId is missing.")
REFUSED: Final = (401, "UNAUTHENTICATED", "Unauthenticated")


@contextmanager
def _deployed(folder: Path, settings: Mapping[str, str]) -> Iterator[Cloud]:
    """
    The function that answers what a session has at Kaltura, deployed with these settings.
    """
    google_key, app_check_key, server_key = Key.make(), Key.make(), Key.make(*HOSTS)
    says: dict[str, object] = {
        CERTIFICATES: {"k1": google_key.certificate},
        APP_CHECK_KEYS: {"keys": [app_check_key.jwk("a1")]},
    }
    (folder / "authorities.pem").write_text(server_key.certificate)
    (folder / "account.json").write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": PROJECT,
                "client_email": f"functions@{PROJECT}.iam.gserviceaccount.com",
                "private_key": Key.make().pem(),
                "token_uri": "https://oauth2.googleapis.com/token",
            }
        )
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with _google(server_key, folder, says) as google, (folder / "log").open("wb") as log:
        environment = {
            **{name: os.environ[name] for name in ("HOME", "LANG", "PATH") if name in os.environ},
            "GCLOUD_PROJECT": PROJECT,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "GOOGLE_APPLICATION_CREDENTIALS": str(folder / "account.json"),
            "HTTPS_PROXY": google.proxy,
            "REQUESTS_CA_BUNDLE": str(folder / "authorities.pem"),
            "SSL_CERT_FILE": str(folder / "authorities.pem"),
            **settings,
        }
        program = str(Path(sys.executable).with_name("functions-framework"))
        command = [program, "--source", str(ROOT / "main.py"), "--target", "getKalturaSession"]
        function = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            cloud = Cloud(google, google_key, app_check_key, Key.make(), port, folder / "log")
            _await_answer(function, cloud)
            yield cloud
        finally:
            function.terminate()
            function.wait()


def _await_answer(function: subprocess.Popen[bytes], cloud: Cloud) -> None:
    ends_at = time.monotonic() + READY_S
    while True:
        try:
            cloud.call(None)
            return
        except OSError:
            assert function.poll() is None, cloud.log.read_text()
            assert time.monotonic() < ends_at, f"no answer within {READY_S} s: {cloud.log.read_text()}"
            time.sleep(0.02)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """
    The function as it is deployed by default.
    """
    with _deployed(tmp_path_factory.mktemp("cloud"), {}) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """
    The function where only apps that App Check knows are answered.
    """
    with _deployed(tmp_path_factory.mktemp("guarded"), {"ENFORCE_APP_CHECK": "true"}) as cloud:
        yield cloud


def _claims(**changes: object) -> dict[str, object]:
    """
    What a teacher's ID token says; a change to `None` leaves a claim out.
    """
    now = int(time.time())
    claims = {
        "iss": f"https://securetoken.google.com/{PROJECT}",
        "aud": PROJECT,
        "auth_time": now - 60,
        "user_id": "teacher",
        "sub": "teacher",
        "iat": now - 60,
        "exp": now + 3540,
        "teacher": True,
        "firebase": {"identities": {}, "sign_in_provider": "password"},
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


HEADER: Final = {"alg": "RS256", "kid": "k1", "typ": "JWT"}


def _good(cloud: Cloud, **changes: object) -> str:
    return _signed(cloud.google_key, HEADER, _claims(**changes))


def _app_check_claims(**changes: object) -> dict[str, object]:
    now = int(time.time())
    return {
        "iss": f"https://firebaseappcheck.googleapis.com/{NUMBER}",
        "aud": [f"projects/{NUMBER}", f"projects/{PROJECT}"],
        "sub": f"1:{NUMBER}:web:0123456789abcdef",
        "iat": now - 60,
        "exp": now + 3540,
        **changes,
    }


APP_CHECK_HEADER: Final = {"alg": "RS256", "kid": "a1", "typ": "JWT"}


def _app_check(cloud: Cloud, **changes: object) -> str:
    return _signed(cloud.app_check_key, APP_CHECK_HEADER, _app_check_claims(**changes))


def test_a_good_token_lets_one_in_and_so_no_refusal_here_is_for_another_reason(cloud: Cloud) -> None:
    assert cloud.call(_good(cloud)) == WELCOME
    assert set(cloud.google.heard) == {CERTIFICATES}


def test_without_a_token_one_is_asked_to_sign_in(cloud: Cloud) -> None:
    assert cloud.call(None) == (401, "UNAUTHENTICATED", "Sign in first.")


EVIL_URL: Final = "https://evil.example/keys"


def _with_hmac(secret: str) -> str:
    """
    A token that is signed, as with a secret, with what everybody may know.
    """
    text = f"{_word({'alg': 'HS256', 'kid': 'k1', 'typ': 'JWT'})}.{_word(_claims())}"
    return f"{text}.{_word(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())}"


def _by_stranger(**header: object) -> Callable[[Cloud], str]:
    """
    A token that is signed by somebody else, whose header says so or hides it.
    """
    return lambda cloud: _signed(cloud.strangers_key, {**HEADER, **header}, _claims())


def _with_his_key(name: str, key: Callable[[Key], object]) -> Callable[[Cloud], str]:
    """
    The same with the key to verify it by in its header.
    """
    return lambda cloud: _by_stranger(**{name: key(cloud.strangers_key)})(cloud)


def _saying(**changes: object) -> Callable[[Cloud], str]:
    """
    A token that is signed by Google and says something else.
    """
    return lambda cloud: _good(cloud, **changes)


def _changed(cloud: Cloud) -> str:
    """
    A good token whose claims were changed afterwards.
    """
    header, _, signature = _good(cloud, teacher=False).split(".")
    return f"{header}.{_word(_claims(teacher=True))}.{signature}"


TOKENS: dict[str, Callable[[Cloud], str]] = {
    "16 garbage": lambda _: "garbage",
    "16 changed after it was signed": _changed,
    "16 signed by somebody else": _by_stranger(),
    "16 without its signature": lambda cloud: _good(cloud).rpartition(".")[0] + ".",
    "17 alg none": lambda _: f"{_word({**HEADER, 'alg': 'none'})}.{_word(_claims())}.",
    "17 alg NONE": lambda _: f"{_word({**HEADER, 'alg': 'NONE'})}.{_word(_claims())}.",
    "17 no alg": lambda _: f"{_word({'kid': 'k1'})}.{_word(_claims())}.",
    "17 alg none over a good signature": lambda cloud: (
        f"{_word({**HEADER, 'alg': 'none'})}." + _good(cloud).partition(".")[2]
    ),
    "18 HS256 with the certificate": lambda cloud: _with_hmac(cloud.google_key.certificate),
    "18 HS256 with nothing": lambda _: _with_hmac(""),
    "19 an unknown kid": _by_stranger(kid="k2"),
    "19 a kid that is empty": _by_stranger(kid=""),
    "19 no kid": lambda cloud: _signed(cloud.google_key, {"alg": "RS256"}, _claims()),
    "19 a kid that is a list": _by_stranger(kid=["k1"]),
    "20 a kid that is a path": _by_stranger(kid="../x"),
    "20 a kid that is a file": _by_stranger(kid="/dev/null"),
    "20 a kid that is an address": _by_stranger(kid=EVIL_URL),
    "21 jku": _by_stranger(kid="e1", jku=EVIL_URL),
    "21 jku with our kid": _by_stranger(jku=EVIL_URL),
    "21 jwk": _with_his_key("jwk", lambda key: key.jwk("k1")),
    "21 x5u": _by_stranger(x5u=EVIL_URL),
    "21 x5c": _with_his_key("x5c", lambda key: [key.certificate]),
    "22 expired": lambda cloud: _good(cloud, iat=int(time.time()) - 3700, exp=int(time.time()) - 100),
    "22 expired just now": lambda cloud: _good(cloud, exp=int(time.time()) - 2),
    "23 given in the future": lambda cloud: _good(cloud, iat=int(time.time()) + 600, exp=int(time.time()) + 4000),
    "23 given at no time": _saying(iat=None),
    "24 without an end": _saying(exp=None),
    "24 of an end that is a text": _saying(exp="never"),
    "25 for another audience": _saying(aud="another"),
    "25 for several": _saying(aud=[PROJECT, "another"]),
    "25 for nobody": _saying(aud=None),
    "26 of another issuer": _saying(iss="https://accounts.google.com"),
    "26 of an issuer that begins alike": _saying(iss=f"https://securetoken.google.com/{PROJECT}.evil.example"),
    "26 of no issuer": _saying(iss=None),
    "27 of another project": _saying(aud="another", iss="https://securetoken.google.com/another"),
    "28 an App Check token": lambda cloud: _app_check(cloud),
    "28 an App Check token of Google's other key": lambda cloud: _signed(cloud.google_key, HEADER, _app_check_claims()),
    "29 a session cookie": _saying(iss=f"https://session.firebase.google.com/{PROJECT}"),
    "29 a custom token": _saying(
        aud="https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit"
    ),
    "30 an empty sub": _saying(sub=""),
    "30 no sub": _saying(sub=None),
    "30 a number for sub": _saying(sub=7),
    "31 a sub of 129 signs": _saying(sub="x" * 129),
    "36 of an emulator": lambda _: f"{_word({'alg': 'none', 'typ': 'JWT'})}.{_word(_claims())}.",
}


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS.keys())
def test_a_token_that_is_not_google_s_for_us_now_is_refused(cloud: Cloud, token: Callable[[Cloud], str]) -> None:
    sent = token(cloud)

    assert cloud.call(sent) == REFUSED

    # Whatever a header says, keys come from one place alone.
    assert set(cloud.google.heard) <= {CERTIFICATES}
    # What the log quotes of it, it quotes without what could be used: its claims and its signature.
    log = cloud.log.read_text()
    assert all(word not in log for word in sent.split(".")[1:] if len(word) > 20)
    assert cloud.call(_good(cloud)) == WELCOME


APP_CHECK_TOKENS: dict[str, Callable[[Cloud], str | None]] = {
    "37 no App Check token": lambda _: None,
    "37 an empty one": lambda _: "",
    "37 garbage": lambda _: "garbage",
    "37 one of alg none": lambda _: f"{_word({**APP_CHECK_HEADER, 'alg': 'none'})}.{_word(_app_check_claims())}.",
    "37 one signed by somebody else": lambda cloud: _signed(cloud.strangers_key, APP_CHECK_HEADER, _app_check_claims()),
    "37 one that has expired": lambda cloud: _app_check(cloud, exp=int(time.time()) - 100),
    "37 an ID token in its place": lambda cloud: _good(cloud),
    "38 another project's app": lambda cloud: _app_check(
        cloud,
        iss="https://firebaseappcheck.googleapis.com/9876543210",
        aud=["projects/9876543210", "projects/another"],
        sub="1:9876543210:web:0123456789abcdef",
    ),
    "38 another issuer's app": lambda cloud: _app_check(cloud, iss="https://evil.example/"),
}


@pytest.mark.parametrize("token", APP_CHECK_TOKENS.values(), ids=APP_CHECK_TOKENS.keys())
def test_an_app_that_app_check_does_not_know_is_refused(guarded: Cloud, token: Callable[[Cloud], str | None]) -> None:
    assert guarded.call(_good(guarded), token(guarded)) == REFUSED
    assert set(guarded.google.heard) <= {CERTIFICATES, APP_CHECK_KEYS}
    assert guarded.call(_good(guarded), _app_check(guarded)) == WELCOME


def test_an_app_that_app_check_knows_signs_nobody_in(guarded: Cloud) -> None:
    assert guarded.call(None, _app_check(guarded)) == (401, "UNAUTHENTICATED", "Sign in first.")
    assert guarded.call(_app_check(guarded), _app_check(guarded)) == REFUSED
