"""A signed address is good for one request and no other. The signature is computed here too, by the published rules of
Cloud Storage.

The emulator verifies no signature, so these are the only tests of what a client cannot do with an address.

Source: https://cloud.google.com/storage/docs/authentication/canonical-requests,
https://cloud.google.com/storage/docs/authentication/signatures
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from google.auth.credentials import AnonymousCredentials, Signing
from google.auth.crypt import RSASigner
from google.auth.exceptions import TransportError
from google.cloud.storage import Client
from google.oauth2 import credentials as oauth2
from google.oauth2 import service_account

from shared.cloud.signing import IamAccount, emulator_account, signing_account
from shared.cloud.storage import CloudStorage, Connection, connect_storage
from shared.cloud.storage_arguments import LIFETIME_MAX_S
from shared.core.errors import BackendError, Misconfigured, Transient
from shared.core.log_format import blanked
from shared.slides.addresses import LIFETIME_S as LIFETIME_OF_PAGES_S
from shared.slides.addresses import Addresses

pytestmark = pytest.mark.long

BUCKET = "my-slides"
NAME = "medias/m1/Übung 1+2.pdf"
PDF = "application/pdf"
LIFETIME_S = 600
ACCOUNT = "own@my-school.iam.gserviceaccount.com"
TOKEN = "ya29.token-of-the-account"


@cache
def key() -> rsa.RSAPrivateKey:
    """The private key of the account."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(frozen=True)
class Request:
    """A request, as a client sends it."""

    method: str
    url: str
    headers: Mapping[str, str]

    def at(self, seconds: float) -> datetime:
        """Return the instant so many seconds after the signature."""
        signed_at = dict(parse_qsl(urlsplit(self.url).query))["X-Goog-Date"]
        return datetime.strptime(signed_at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) + timedelta(seconds=seconds)

    def with_query(self, **changes: str | None) -> Request:
        """Return the request with other values in its query; `None` leaves a name out."""
        parts = urlsplit(self.url)
        names = {name.replace("_", "-"): value for name, value in changes.items()}
        query = {**dict(parse_qsl(parts.query, keep_blank_values=True)), **names}
        left = {name: value for name, value in query.items() if value is not None}
        return replace(self, url=urlunsplit(parts._replace(query=urlencode(left, quote_via=quote))))

    def with_headers(self, **changes: str | None) -> Request:
        """Return the request with other headers; `None` leaves one out."""
        headers = {**self.headers, **{name.replace("_", "-"): value for name, value in changes.items()}}
        return replace(self, headers={name: value for name, value in headers.items() if value is not None})


def is_admitted(request: Request, at: datetime, public_key: rsa.RSAPublicKey | None = None) -> bool:
    """Tell whether Cloud Storage admits a request to a signed address at an instant."""
    url = urlsplit(request.url)
    pairs = parse_qsl(url.query, keep_blank_values=True, strict_parsing=True)
    query = dict(pairs)
    headers = {"host": url.netloc, **{name.lower(): value for name, value in request.headers.items()}}
    signature = bytes.fromhex(query.pop("X-Goog-Signature", ""))
    signed_names = query.get("X-Goog-SignedHeaders", "").split(";")
    date, lifetime_s = query.get("X-Goog-Date", ""), int(query.get("X-Goog-Expires", "0"))
    account, *scope = query.get("X-Goog-Credential", "").split("/")
    if len(pairs) != len(query) + 1 or query.get("X-Goog-Algorithm") != "GOOG4-RSA-SHA256" or account != ACCOUNT:
        return False
    if scope != [date[:8], "auto", "storage", "goog4_request"] or not 1 <= lifetime_s <= 604_800:
        return False
    signed_at = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if not signed_at <= at <= signed_at + timedelta(seconds=lifetime_s):
        return False
    extended = {name for name in headers if name.startswith("x-goog-")}
    if "host" not in signed_names or not set(signed_names) <= headers.keys() or not extended <= set(signed_names):
        return False
    canonical_query = "&".join(
        f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(query.items())
    )
    canonical = "\n".join(
        [
            request.method,
            url.path,
            canonical_query,
            *(f"{name}:{' '.join(headers[name].split())}" for name in sorted(signed_names)),
            "",
            ";".join(sorted(signed_names)),
            "UNSIGNED-PAYLOAD",
        ]
    )
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = "\n".join(["GOOG4-RSA-SHA256", date, "/".join(scope), hashed])
    try:
        (public_key or key().public_key()).verify(signature, to_sign.encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _key_file() -> Signing:
    """The account with its key, as from a file."""
    pem = key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signer = RSASigner.from_string(pem)  # type: ignore[no-untyped-call]  # the library has no types for it
    account: Signing = service_account.Credentials(  # type: ignore[no-untyped-call]  # likewise
        signer, ACCOUNT, "https://example.com"
    )
    return account


@dataclass(frozen=True)
class Answer:
    """An answer, as a transport of Google's library gives it."""

    status: int
    data: bytes


def _sign_blob(url: str, method: str = "GET", body: Any = None, headers: Any = None, timeout: Any = None) -> Answer:
    """The IAM Credentials API, which has the key of the account."""
    assert url == f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{ACCOUNT}:signBlob"
    assert method == "POST"
    assert {name.lower(): value for name, value in headers.items()}["authorization"] == f"Bearer {TOKEN}"
    assert timeout <= 10
    message = base64.b64decode(json.loads(body)["payload"])
    signature = key().sign(message, padding.PKCS1v15(), hashes.SHA256())
    return Answer(200, json.dumps({"signedBlob": base64.b64encode(signature).decode()}).encode())


def _instance(transport: Callable[..., Answer]) -> Signing:
    """The account of an instance in the cloud, whose key stays with Google."""
    token = oauth2.Credentials(TOKEN)  # type: ignore[no-untyped-call]  # likewise
    return signing_account(token, lambda: ACCOUNT, transport)


def _anonymous() -> AnonymousCredentials:
    return AnonymousCredentials()  # type: ignore[no-untyped-call]  # likewise


def _storage(account: Signing) -> CloudStorage:
    client = Client(project="my-school", credentials=_anonymous())
    return CloudStorage(lambda: Connection(client, account), BUCKET, lambda: datetime.now(UTC))


@pytest.fixture(params=["key file", "instance"])
def storage(request: pytest.FixtureRequest) -> CloudStorage:
    """The storage, with both ways to sign."""
    return _storage(_key_file() if request.param == "key file" else _instance(_sign_blob))


@pytest.fixture(scope="module")
def signing_here() -> CloudStorage:
    """The storage, with the key of the account."""
    return _storage(_key_file())


def _upload(storage: CloudStorage, name: str = NAME) -> Request:
    address = storage.upload_address(name, PDF, 1234, LIFETIME_S)
    return Request(address.method, address.url, address.headers)


def _read(storage: CloudStorage, name: str = NAME, file_name: str | None = None) -> Request:
    return Request("GET", storage.read_address(name, LIFETIME_S, file_name), {})


# --- what is admitted ---------------------------------------------------------------------------------------------


def test_an_upload_is_admitted_until_its_address_expires(storage: CloudStorage) -> None:
    request = _upload(storage)

    assert request.url.startswith("https://storage.googleapis.com/my-slides/medias/m1/%C3%9Cbung%201%2B2.pdf?")
    assert is_admitted(request, request.at(0))
    assert is_admitted(request, request.at(LIFETIME_S))
    assert not is_admitted(request, request.at(LIFETIME_S + 1))
    assert not is_admitted(request, request.at(-1))


@pytest.mark.parametrize("file_name", [None, "a.pdf", '講義 "1"; x=\r\ny.pdf'])
def test_a_read_is_admitted_until_its_address_expires(storage: CloudStorage, file_name: str | None) -> None:
    request = _read(storage, file_name=file_name)

    assert is_admitted(request, request.at(0))
    assert is_admitted(request, request.at(LIFETIME_S))
    assert not is_admitted(request, request.at(LIFETIME_S + 1))


def test_a_client_may_send_headers_that_say_nothing_to_the_storage(signing_here: CloudStorage) -> None:
    request = _upload(signing_here).with_headers(origin="https://app.example", content_length="0")

    assert is_admitted(request, request.at(0))


def test_an_address_says_when_it_expires(storage: CloudStorage) -> None:
    address = storage.upload_address(NAME, PDF, 1234, LIFETIME_MAX_S)
    request = Request(address.method, address.url, address.headers)

    assert is_admitted(request, address.expires_at)
    assert not is_admitted(request, address.expires_at + timedelta(seconds=2))


# --- what is refused ----------------------------------------------------------------------------------------------

UPLOADS: Mapping[str, Callable[[Request], Request]] = {
    "another object": lambda one: replace(one, url=one.url.replace("/m1/", "/m2/")),
    "an object inside": lambda one: replace(one, url=one.url.replace(".pdf?", ".pdf/x?")),
    "another bucket": lambda one: replace(one, url=one.url.replace("/my-slides/", "/my-recordings/")),
    "another host": lambda one: replace(one, url=one.url.replace("storage.googleapis.com", "storage.example.com")),
    "another host in the header": lambda one: one.with_headers(host="my-slides.storage.googleapis.com"),
    "PUT": lambda one: replace(one, method="PUT"),
    "GET": lambda one: replace(one, method="GET"),
    "DELETE": lambda one: replace(one, method="DELETE"),
    "another type": lambda one: one.with_headers(content_type="text/html"),
    "a type with more": lambda one: one.with_headers(content_type=f"{PDF}; charset=utf-8"),
    "no type": lambda one: one.with_headers(content_type=None),
    "one byte more": lambda one: one.with_headers(x_upload_content_length="1235"),
    "one byte less": lambda one: one.with_headers(x_upload_content_length="1233"),
    "no size": lambda one: one.with_headers(x_upload_content_length=None),
    "not resumable": lambda one: one.with_headers(x_goog_resumable=None),
    "no condition": lambda one: one.with_headers(x_goog_if_generation_match=None),
    "another condition": lambda one: one.with_headers(x_goog_if_generation_match="17"),
    "no headers": lambda one: replace(one, headers={}),
    "a list of access": lambda one: one.with_headers(x_goog_acl="public-read"),
    "metadata": lambda one: one.with_headers(x_goog_meta_session="another"),
    "a longer lifetime": lambda one: one.with_query(X_Goog_Expires="604800"),
    "a later date": lambda one: one.with_query(X_Goog_Date=(one.at(60)).strftime("%Y%m%dT%H%M%SZ")),
    "fewer signed headers": lambda one: one.with_query(X_Goog_SignedHeaders="host"),
    "no signature": lambda one: one.with_query(X_Goog_Signature=None),
    "another signature": lambda one: one.with_query(X_Goog_Signature="00" * 256),
    "another account": lambda one: replace(one, url=one.url.replace("own%40", "other%40")),
    "a generation": lambda one: one.with_query(generation="1"),
}

READS: Mapping[str, Callable[[Request], Request]] = {
    "another object": lambda one: replace(one, url=one.url.replace("/m1/", "/m2/")),
    "another bucket": lambda one: replace(one, url=one.url.replace("/my-slides/", "/my-recordings/")),
    "another host": lambda one: replace(one, url=one.url.replace("storage.googleapis.com", "storage.example.com")),
    "POST": lambda one: replace(one, method="POST"),
    "PUT": lambda one: replace(one, method="PUT"),
    "DELETE": lambda one: replace(one, method="DELETE"),
    "HEAD": lambda one: replace(one, method="HEAD"),
    "another file name": lambda one: one.with_query(response_content_disposition="inline"),
    "no file name": lambda one: one.with_query(response_content_disposition=None),
    "another type": lambda one: one.with_query(response_content_type="text/html"),
    "another generation": lambda one: one.with_query(generation="1"),
    "a longer lifetime": lambda one: one.with_query(X_Goog_Expires="604800"),
    "the list of the bucket": lambda one: replace(one, url=one.url.replace("medias/m1/%C3%9Cbung%201%2B2.pdf", "")),
}


@pytest.mark.parametrize("change", UPLOADS.values(), ids=UPLOADS)
def test_an_upload_is_refused_with(change: Callable[[Request], Request], signing_here: CloudStorage) -> None:
    request = _upload(signing_here)
    changed = change(request)

    assert changed != request
    assert is_admitted(request, request.at(1))
    assert not is_admitted(changed, request.at(1))


@pytest.mark.parametrize("change", READS.values(), ids=READS)
def test_a_read_is_refused_with(change: Callable[[Request], Request], signing_here: CloudStorage) -> None:
    request = _read(signing_here, file_name="a.pdf")
    changed = change(request)

    assert changed != request
    assert is_admitted(request, request.at(1))
    assert not is_admitted(changed, request.at(1))


def test_the_address_of_a_read_and_that_of_an_upload_differ(signing_here: CloudStorage) -> None:
    upload, read = _upload(signing_here), _read(signing_here)

    assert not is_admitted(replace(read, url=upload.url), upload.at(0))
    assert not is_admitted(replace(upload, url=read.url), read.at(0))


def test_another_key_signs_nothing() -> None:
    request = _upload(_storage(emulator_account()))

    assert not is_admitted(request, request.at(1))
    assert not is_admitted(
        replace(request, url=request.url.replace("emulator%40example", "own%40my-school")), request.at(1)
    )


def test_the_emulator_gets_what_it_needs_in_the_query() -> None:
    client = Client(
        project="my-school", credentials=_anonymous(), client_options={"api_endpoint": "http://127.0.0.1:1"}
    )
    connection = Connection(client, emulator_account(), is_emulator=True)

    url = CloudStorage(lambda: connection, BUCKET, lambda: datetime.now(UTC)).upload_address(NAME, PDF, 1, 60).url

    query = dict(parse_qsl(urlsplit(url).query))
    assert (query["name"], query["ifGenerationMatch"]) == (NAME, "0")
    assert {"name", "ifGenerationMatch"}.isdisjoint(dict(parse_qsl(urlsplit(_upload(_storage(_key_file())).url).query)))


# --- without a key ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403, 404])
def test_an_account_that_may_not_sign_is_for_the_operator(status: int) -> None:
    storage = _storage(_instance(lambda **_: Answer(status, b"{}")))

    with pytest.raises(Misconfigured, match=r"iam[.]serviceAccountTokenCreator"):
        storage.upload_address(NAME, PDF, 1, 60)
    with pytest.raises(Misconfigured, match="own@my-school"):
        storage.read_address(NAME, 60)


def _unreachable(**_: object) -> Answer:
    raise TransportError("It is not reached.")  # type: ignore[no-untyped-call]  # likewise


@pytest.mark.parametrize(
    "transport", [_unreachable, lambda **_: Answer(400, b"{}")], ids=["not reached", "another refusal"]
)
def test_without_a_signature_there_is_another_try(transport: Callable[..., Answer]) -> None:
    storage = _storage(_instance(transport))

    for sign in (lambda: storage.upload_address(NAME, PDF, 1, 60), lambda: storage.read_address(NAME, 60)):
        with pytest.raises(Transient):
            sign()


def _not_asked() -> str:
    raise AssertionError("It was asked for.")


def test_an_account_with_a_key_is_not_asked_for_at_the_metadata_server() -> None:
    account = _key_file()

    assert signing_account(account, _not_asked, _unreachable) is account  # type: ignore[arg-type]  # it is both
    assert isinstance(_instance(_unreachable), IamAccount)


def test_addresses_that_are_signed_beside_each_other_are_each_for_their_object() -> None:
    asked = []

    def counted(**call: Any) -> Answer:
        asked.append(call["url"])
        return _sign_blob(**call)

    addresses = Addresses(_storage(_instance(counted)), lambda: datetime.now(UTC))
    wanted = [(f"slides/m1/17/1/{number}.png", None) for number in range(40)]

    urls = addresses.of(wanted)

    for (name, _), url in zip(wanted, urls, strict=True):
        request = Request("GET", url, {})
        assert urlsplit(url).path == f"/{BUCKET}/{name}"
        assert is_admitted(request, request.at(LIFETIME_OF_PAGES_S))
        assert not is_admitted(request, request.at(LIFETIME_OF_PAGES_S + 1))
    assert addresses.of(wanted) == urls
    assert len(asked) == 40


# --- the credentials of this process --------------------------------------------------------------------------------


@pytest.fixture
def credentials_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Google's library looks for credentials; there is no Google machine around it."""
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "my-school")
    return tmp_path / "application_default_credentials.json"


def _connected(own: Callable[[], str]) -> Connection:
    return connect_storage("my-school", own)


def test_a_key_file_signs_by_itself(credentials_file: Path) -> None:
    pem = key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    told = {"type": "service_account", "client_email": ACCOUNT, "private_key": pem.decode()}
    credentials_file.write_text(json.dumps({**told, "token_uri": "https://example.com", "project_id": "my-school"}))
    connection = _connected(_not_asked)

    request = _upload(CloudStorage(lambda: connection, BUCKET, lambda: datetime.now(UTC)))

    assert not connection.is_emulator
    assert is_admitted(request, request.at(1))


def test_without_a_key_the_account_of_the_instance_signs(credentials_file: Path) -> None:
    told = {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}
    credentials_file.write_text(json.dumps({**told, "quota_project_id": "my-school"}))

    assert _connected(lambda: ACCOUNT).account.signer_email == ACCOUNT


@pytest.mark.usefixtures("credentials_file")
def test_without_credentials_it_is_for_the_operator() -> None:
    with pytest.raises(Misconfigured, match="credentials"):
        _connected(_not_asked)


# --- secrets ------------------------------------------------------------------------------------------------------


def test_no_address_gets_into_logs_or_representations(storage: CloudStorage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    upload, read = storage.upload_address(NAME, PDF, 1, 60), storage.read_address(NAME, 60)

    for url in (upload.url, read):
        signature = dict(parse_qsl(urlsplit(url).query))["X-Goog-Signature"]
        assert signature in url
        for text in (caplog.text, repr(upload), repr(storage), repr(storage.connect()), blanked(f"GET {url}")):
            assert signature not in text
            assert TOKEN not in text


def test_no_error_has_what_the_service_has_said() -> None:
    secret = "f00d" * 64
    storage = _storage(_instance(lambda **_: Answer(400, secret.encode())))

    with pytest.raises(BackendError) as raised:
        storage.upload_address(NAME, PDF, 1, 60)

    assert secret not in "".join(traceback.format_exception(raised.value))
