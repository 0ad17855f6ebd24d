"""Sign playback tokens with a signing key of the account, and seal upload addresses with a key derived from it.

Called by `media.py`. Who gets a token, and for how long, is left to others. Never calls Cloudflare.

Source: cloudflare/cloudflare-docs, stream/viewing-videos/securing-your-stream.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self

from shared.core.errors import Misconfigured

if TYPE_CHECKING:
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

TOKEN_LIFETIME_MAX_S: Final = 24 * 3600
"""The longest lifetime of a token that Cloudflare allows."""

_SEALING: Final = b"greenroom upload address\0"


@dataclass(frozen=True, slots=True)
class UploadAddress:
    """
    The address of one upload. Anybody who has it may send bytes there.

    Attributes:
        url: The address.
        expires_at: From then on it accepts none.
    """

    url: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SigningKey:
    """
    A signing key of the account, which is shown only once, at its creation.

    Attributes:
        id: Cloudflare's id of it.
        pem: The private key.
    """

    id: str
    pem: bytes = field(repr=False)
    _loaded: dict[str, RSAPrivateKey | Fernet] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def parse(cls, secret: str) -> Self:
        """
        Read a key as `to_secret` wrote it.

        Raises:
            Misconfigured: It is not such a key (never).
        """
        try:
            told = json.loads(secret)
            return cls(str(told["id"]), base64.b64decode(told["pem"], validate=True))
        except (ValueError, KeyError, TypeError):
            raise Misconfigured(
                "CLOUDFLARE_SIGNING_KEY is not what `greenroom make-signing-key` prints: make one and set it again."
            ) from None

    def to_secret(self) -> str:
        """
        Return the key as one line of text, for Secret Manager.
        """
        return json.dumps({"id": self.id, "pem": base64.b64encode(self.pem).decode()})

    def playback_token(self, uid: str, expires_at: datetime, *, is_downloadable: bool = False) -> str:
        """
        Return a token that plays one video until it expires, and that also downloads its file if `is_downloadable`.
        """
        import jwt

        claims: dict[str, str | int | bool] = {"sub": uid, "kid": self.id, "exp": int(expires_at.timestamp())}
        if is_downloadable:
            claims["downloadable"] = True
        return jwt.encode(claims, self._private_key(), algorithm="RS256", headers={"kid": self.id})

    def seal(self, address: UploadAddress) -> str:
        """
        Encrypt an upload address for a document that the owner of the session can read.
        """
        told = json.dumps([address.url, address.expires_at.timestamp()])
        return self._fernet().encrypt(told.encode()).decode()

    def unseal(self, sealed: str) -> UploadAddress | None:
        """
        Decrypt what `seal` returned; `None` if it was sealed with another key.
        """
        from cryptography.fernet import InvalidToken

        try:
            url, expires_at = json.loads(self._fernet().decrypt(sealed.encode()))
        except InvalidToken:
            return None
        return UploadAddress(url, datetime.fromtimestamp(expires_at, UTC))

    def _private_key(self) -> RSAPrivateKey:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        if "rsa" not in self._loaded:
            try:
                loaded = load_pem_private_key(self.pem, None)
            except ValueError:
                raise Misconfigured("CLOUDFLARE_SIGNING_KEY holds no private key: make one and set it again.") from None
            if not isinstance(loaded, RSAPrivateKey):
                raise Misconfigured("CLOUDFLARE_SIGNING_KEY holds no RSA key: make one and set it again.")
            self._loaded["rsa"] = loaded
        key = self._loaded["rsa"]
        assert isinstance(key, RSAPrivateKey)
        return key

    def _fernet(self) -> Fernet:
        from cryptography.fernet import Fernet

        if "fernet" not in self._loaded:
            digest = hashlib.sha256(_SEALING + self.pem).digest()
            self._loaded["fernet"] = Fernet(base64.urlsafe_b64encode(digest))
        fernet = self._loaded["fernet"]
        assert isinstance(fernet, Fernet)
        return fernet
