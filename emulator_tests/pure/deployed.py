"""A function as it is in the cloud: served by functions-framework, with no emulator near.

Called by the tests of what stands between the wire and a use case. What stands for Google's servers, with a certificate
of our own and keys of our own, is reached through a proxy: nothing of ours or of the SDK is changed for it. Leaves to
the tests what is sent, and what must come of it.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ROOT: Final = Path(__file__).parents[2]
PROJECT: Final = "demo-greenroom"
NUMBER: Final = "1234567890"
READY_S: Final = 60.0
ANSWER_S: Final = 60.0

CERTIFICATES: Final = "www.googleapis.com:443/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com"
APP_CHECK_KEYS: Final = "firebaseappcheck.googleapis.com:443/v1/jwks"
TASK_CERTIFICATES: Final = "www.googleapis.com:443/oauth2/v1/certs"
ACCESS: Final = "oauth2.googleapis.com:443/token"
LOCATIONS: Final = "iamcredentials.googleapis.com:443"
"""google-auth asks here by itself from where a service account may be used; it gets no answer."""

ACCOUNTS: Final = f"identitytoolkit.googleapis.com:443/v1/projects/{PROJECT}/accounts:lookup"
HOSTS: Final = (
    "www.googleapis.com",
    "firebaseappcheck.googleapis.com",
    "oauth2.googleapis.com",
    "identitytoolkit.googleapis.com",
)
TASKS_ACCOUNT: Final = f"tasks@{PROJECT}.iam.gserviceaccount.com"
WORKERS_URL: Final = f"https://us-central1-{PROJECT}.cloudfunctions.net"


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
            "n": number(numbers.n),
            "e": number(numbers.e),
        }


def number(value: int) -> str:
    return word(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def word(content: object) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(key: Key, header: Mapping[str, Any], claims: object) -> str:
    text = f"{word(dict(header))}.{word(claims)}"
    return f"{text}.{word(key.private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


@dataclass
class Google:
    """
    A stand-in for Google's servers, behind a proxy: what it says at which address, and which it was asked for.
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
            method, host = _request(self.request)
            if method != "CONNECT" or host.rpartition(":")[0] not in HOSTS:
                google.heard.append(host)
                return
            self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            with context.wrap_socket(self.request, server_side=True) as inside:
                _, path = _request(inside)
                body = json.dumps(google.says.get(host + path, {})).encode()
                google.heard.append(host + path)
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                head += f"Date: {formatdate(usegmt=True)}\r\n"
                inside.sendall(head.encode() + b"Cache-Control: max-age=3600\r\nConnection: close\r\n\r\n" + body)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy) as listener:
        google.proxy = f"http://127.0.0.1:{listener.server_address[1]}"
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield google
        finally:
            listener.shutdown()
            thread.join()


def _request(connection: Any) -> tuple[str, str]:
    """
    Read a request: its method, and what it asks for.
    """
    received = b""
    while b"\r\n\r\n" not in received and (more := connection.recv(4096)):
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
    left_bytes = 0 if length is None else int(length[1]) - len(body)
    while left_bytes > 0 and (more := connection.recv(4096)):
        left_bytes -= len(more)
    method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
    return method, target


@dataclass(frozen=True, slots=True)
class Answer:
    """
    A function's answer.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        """
        The error that it is.
        """
        error: dict[str, Any] = json.loads(self.body)["error"]
        return error


@dataclass(frozen=True, slots=True)
class Cloud:
    """
    One deployed function, and whom it believes.
    """

    google: Google = field(repr=False)
    google_key: Key = field(repr=False)
    app_check_key: Key = field(repr=False)
    strangers_key: Key = field(repr=False)
    process_id: int
    port: int
    log: Path

    def send(
        self,
        body: bytes | Iterable[bytes] | None = b'{"data":{}}',
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
        path: str = "/",
    ) -> Answer:
        """
        Send a request; a body that comes in pieces is sent in chunks, without its length.
        """
        connection = HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_S)
        try:
            sent = {"Content-Type": "application/json", **(headers or {})}
            connection.request(method, path, body, sent, encode_chunked=not isinstance(body, bytes | None))
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def call(self, id_token: str | None, app_check_token: str | None = None) -> tuple[int, str, str]:
        """
        Call it without a field: who is signed in is told that one is missing.

        Returns:
            HTTP status, status and code.
        """
        headers = {}
        if id_token is not None:
            headers["Authorization"] = f"Bearer {id_token}"
        if app_check_token is not None:
            headers["X-Firebase-AppCheck"] = app_check_token
        answer = self.send(headers=headers)
        return answer.status, answer.error["status"], answer.error["details"]["code"]

    def id_token(self, **changes: object) -> str:
        """
        The ID token of a teacher, of which some claims are changed.
        """
        return signed(self.google_key, ID_HEADER, id_claims(**changes))

    def logged(self) -> list[str]:
        """
        The lines that it has logged so far.
        """
        return self.log.read_text().splitlines()

    def peak_bytes(self) -> int:
        """
        The most memory that a process which answers has ever had (proc(5): VmHWM).
        """
        children = Path(f"/proc/{self.process_id}/task/{self.process_id}/children").read_text().split()
        return max(_peak_bytes(int(child)) for child in children)


def _peak_bytes(process_id: int) -> int:
    status = Path(f"/proc/{process_id}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) * 1024


_NUMBERS: Final = itertools.count()


def id_claims(**changes: object) -> dict[str, object]:
    """
    Return what a new teacher's ID token says, so that nobody calls too often; a change to `None` leaves a claim out.
    """
    now, uid = int(time.time()), f"teacher-{next(_NUMBERS)}"
    claims = {
        "iss": f"https://securetoken.google.com/{PROJECT}",
        "aud": PROJECT,
        "auth_time": now - 60,
        "user_id": uid,
        "sub": uid,
        "iat": now - 60,
        "exp": now + 3540,
        "teacher": True,
        "firebase": {"identities": {}, "sign_in_provider": "password"},
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


ID_HEADER: Final = {"alg": "RS256", "kid": "k1", "typ": "JWT"}


def account(uid: str, claims: Mapping[str, object], **more: object) -> dict[str, object]:
    """
    Return what Firebase Auth says of an account.
    """
    return {"users": [{"localId": uid, "customAttributes": json.dumps(claims), **more}]}


@contextmanager
def deployed(
    folder: Path, target: str = "getKalturaSession", settings: Mapping[str, str] | None = None
) -> Iterator[Cloud]:
    """
    One function, deployed with these settings.
    """
    google_key, app_check_key, server_key = Key.make(), Key.make(), Key.make(*HOSTS)
    says: dict[str, object] = {
        CERTIFICATES: {"k1": google_key.certificate},
        APP_CHECK_KEYS: {"keys": [app_check_key.jwk("a1")]},
        TASK_CERTIFICATES: {"k1": google_key.certificate},
        ACCESS: {"access_token": "access", "expires_in": 3600, "token_type": "Bearer"},
        ACCOUNTS: account("teacher", {"teacher": True}),
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
            # Before another checkout, from which the operator's command may be installed.
            "PYTHONPATH": str(ROOT),
            "GOOGLE_APPLICATION_CREDENTIALS": str(folder / "account.json"),
            "HTTPS_PROXY": google.proxy,
            "REQUESTS_CA_BUNDLE": str(folder / "authorities.pem"),
            "SSL_CERT_FILE": str(folder / "authorities.pem"),
            # As Cloud Run and firebase-tools set them.
            "K_CONFIGURATION": target,
            "LOG_EXECUTION_ID": "true",
            "TASKS_SERVICE_ACCOUNT": TASKS_ACCOUNT,
            **(settings or {}),
        }
        program = str(Path(sys.executable).with_name("functions-framework"))
        command = [program, "--source", str(ROOT / "main.py"), "--target", target]
        function = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            cloud = Cloud(google, google_key, app_check_key, Key.make(), function.pid, port, folder / "log")
            _await_answer(function, cloud)
            yield cloud
        finally:
            function.terminate()
            function.wait()


def _await_answer(function: subprocess.Popen[bytes], cloud: Cloud) -> None:
    ends_at = time.monotonic() + READY_S
    while True:
        try:
            cloud.send()
            return
        except OSError:
            assert function.poll() is None, cloud.log.read_text()
            assert time.monotonic() < ends_at, f"no answer within {READY_S} s: {cloud.log.read_text()}"
            time.sleep(0.02)
