"""The account in whose name addresses of objects are signed.

Called by `storage.py`, which imports it only when it is needed. In the cloud no instance has a private key, so the
account's signatures are made by the IAM Credentials API: one call for each, and the account needs the permission to
sign as itself. An account from a key file signs here. In the emulator, which verifies no signature, a key that is made
for this process signs.

Source: https://cloud.google.com/storage/docs/access-control/signing-urls-with-helpers
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any, Final, Protocol

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.credentials import Credentials, Signing
from google.auth.crypt import RSASigner
from google.auth.iam import Signer
from google.oauth2 import service_account

from shared.core.errors import Misconfigured

SIGNING_TIMEOUT_S: Final = 10.0
"""The time for each of the few tries of one signature."""

EMULATOR_ACCOUNT: Final = "emulator@example.iam.gserviceaccount.com"

_FORBIDDEN: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)


class Transport(Protocol):
    """
    Sends a request, as the transports of Google's library do.
    """

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Any: ...


def signing_account(credentials: Credentials, own: Callable[[], str], transport: Transport) -> Signing:
    """
    Return the account that signs: that of the credentials if they can sign, else the one that this code runs as.

    Args:
        credentials: The credentials of this process.
        own: Returns the e-mail address of the account that this code runs as.
        transport: Sends requests to the IAM Credentials API.

    Raises:
        Transient: The metadata server did not name the account (again).
    """
    if isinstance(credentials, Signing):
        return credentials
    return IamAccount(own(), credentials, transport)


@cache
def emulator_account() -> Signing:
    """
    Return an account whose key is made for this process, so that no service knows it.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    signer = RSASigner.from_string(pem)  # type: ignore[no-untyped-call]  # the library has no types for it
    account: Signing = service_account.Credentials(  # type: ignore[no-untyped-call]  # likewise
        signer, EMULATOR_ACCOUNT, "https://example.com"
    )
    return account


@dataclass(frozen=True, slots=True)
class IamAccount(Signing):
    """
    An account whose key stays with Google.

    Attributes:
        email: The account.
        credentials: The credentials that may sign as it.
        transport: Sends requests to the IAM Credentials API.
    """

    email: str
    credentials: Credentials
    transport: Transport

    @property
    def signer_email(self) -> str:
        return self.email

    @property
    def signer(self) -> Signer:
        return Signer(self._request, self.credentials, self.email)  # type: ignore[no-untyped-call]  # likewise

    def sign_bytes(self, message: bytes) -> bytes:
        """
        Return the signature of a message, with one call.

        Raises:
            google.auth.exceptions.GoogleAuthError: There was no signature (again).
            Misconfigured: The account may not sign as itself (never, until the operator lets it).
        """
        signature: bytes = self.signer.sign(message)
        return signature

    def _request(
        self, url: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        answer = self.transport(url=url, method=method, body=body, headers=headers, timeout=SIGNING_TIMEOUT_S)
        # The same transport renews the token, and a refused renewal says nothing about this permission.
        if url.endswith(":signBlob") and answer.status in _FORBIDDEN:
            raise Misconfigured(
                f"Grant {self.email} the role roles/iam.serviceAccountTokenCreator on itself, and enable the API "
                "iamcredentials.googleapis.com: it signs addresses of files."
            )
        return answer
