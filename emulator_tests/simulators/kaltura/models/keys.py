"""Kaltura Sessions: the two wire formats, and what one session carries.

Called by `permissions` for every request and by the session services, which hand sessions out. Knows nothing of
revocation or roles. Formats: kaltura/server, kSessionBase.class.php.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, urlencode

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

USER = 0
ADMIN = 2

_RANDOM_BYTES = 16
_HASH_BYTES = 20
_BLOCK_BYTES = 16


@dataclass(frozen=True, slots=True)
class Session:
    """The content of a valid KS.

    Args:
        text: The KS as it was sent.
        hash: Identifies this very KS, for revocation and for counting its actions.
        expires_at_s: Unix seconds; at this second it is already invalid.
        privileges: Comma-separated, as the server compares them.
    """

    text: str
    hash: str
    partner_id: int
    user_id: str
    type: int
    expires_at_s: int
    privileges: str

    @property
    def is_admin(self) -> bool:
        """Whether this is an ADMIN session; any type of 1 or more is."""
        return self.type >= 1

    @property
    def is_widget(self) -> bool:
        """Whether this is an anonymous widget session."""
        return self.type == USER and self.user_id in ("", "0") and "widget:1" in self.privileges

    def values(self, name: str) -> list[str]:
        """The values of a privilege, split at `/`; empty for a bare or absent one. Pure."""
        found: list[str] = []
        for each in self.privileges.split(","):
            key, _, value = each.partition(":")
            if key == name and value:
                found += value.split("/")
        return found

    def value(self, name: str) -> str | None:
        """The whole value of the first such privilege, None when there is none. Pure."""
        for each in self.privileges.split(","):
            key, _, value = each.partition(":")
            if key == name:
                return value
        return None

    def grants(self, name: str, object_id: str) -> bool:
        """Whether a privilege covers an object; by substring, as the server compares (kSessionUtils). Pure."""
        if self.privileges == "*" or f"{name}:*" in self.privileges or f"{name}:{object_id}" in self.privileges:
            return True
        return object_id in self.values(name)


def encode_v2(secret: str, partner_id: int, user_id: str, session_type: int, expires_at_s: int, privileges: str) -> str:
    """Make an encrypted KS."""
    fields: dict[str, str] = {}
    for each in privileges.split(","):
        name, _, value = each.strip().partition(":")
        if name == "*":
            name, value = "all", "*"
        if name:
            fields[name] = value
    fields |= {"_e": str(expires_at_s), "_t": str(session_type), "_u": user_id}
    body = secrets.token_bytes(_RANDOM_BYTES) + urlencode(fields).encode()
    plain = hashlib.sha1(body).digest() + body
    plain += b"\0" * (-len(plain) % _BLOCK_BYTES)
    encryptor = _cipher(secret).encryptor()
    sealed = encryptor.update(plain) + encryptor.finalize()
    return base64.urlsafe_b64encode(f"v2|{partner_id}|".encode() + sealed).decode()


def encode_v1(secret: str, partner_id: int, user_id: str, session_type: int, expires_at_s: int, privileges: str) -> str:
    """Make a signed KS of the old format."""
    rand = secrets.randbelow(32000)
    body = f"{partner_id};{partner_id};{expires_at_s};{session_type};{rand};{user_id};{privileges};;"
    signature = hashlib.sha1((secret + body).encode()).hexdigest()
    return base64.b64encode(f"{signature}|{body}".encode()).decode()


def decode(text: str, partner_id: int, admin_secrets: Sequence[str]) -> Session | None:
    """Read a KS of either format; None when it is garbled, forged or another partner's."""
    return _decode(text, partner_id, tuple(admin_secrets))


# A caller uses the same KS again and again, and for each call of a multirequest.
@lru_cache(1000)
def _decode(text: str, partner_id: int, admin_secrets: tuple[str, ...]) -> Session | None:
    try:
        raw = base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
    return _decode_v2(text, raw, partner_id, admin_secrets) or _decode_v1(text, raw, partner_id, admin_secrets)


def _decode_v2(text: str, raw: bytes, partner_id: int, admin_secrets: Sequence[str]) -> Session | None:
    version, _, rest = raw.partition(b"|")
    partner, _, sealed = rest.partition(b"|")
    if version != b"v2" or partner != str(partner_id).encode() or not sealed or len(sealed) % _BLOCK_BYTES:
        return None
    for secret in admin_secrets:
        decryptor = _cipher(secret).decryptor()
        plain = (decryptor.update(sealed) + decryptor.finalize()).rstrip(b"\0")
        digest, body = plain[:_HASH_BYTES], plain[_HASH_BYTES:]
        if hashlib.sha1(body).digest() == digest:
            fields = dict(parse_qsl(body[_RANDOM_BYTES:].decode(errors="replace"), keep_blank_values=True))
            return _session_from_fields(text, digest.hex(), partner_id, fields)
    return None


def _session_from_fields(text: str, digest: str, partner_id: int, fields: dict[str, str]) -> Session | None:
    try:
        expires_at_s, session_type = int(fields.pop("_e")), int(fields.pop("_t"))
    except (KeyError, ValueError):
        return None
    user_id = fields.pop("_u", "")
    privileges = ",".join(
        f"{name}:{value}" if value else name for name, value in fields.items() if not name.startswith("_")
    )
    privileges = "*" if privileges == "all:*" else privileges
    return Session(text, digest, partner_id, user_id, session_type, expires_at_s, privileges)


def _decode_v1(text: str, raw: bytes, partner_id: int, admin_secrets: Sequence[str]) -> Session | None:
    signature, _, body = raw.partition(b"|")
    if not any(hashlib.sha1(secret.encode() + body).hexdigest().encode() == signature for secret in admin_secrets):
        return None
    parts = body.decode(errors="replace").split(";")
    if len(parts) < 3 or parts[0] != str(partner_id):
        return None
    parts += [""] * (7 - len(parts))
    try:
        expires_at_s, session_type = int(parts[2]), int(parts[3] or 0)
    except ValueError:
        return None
    return Session(text, signature.decode(), partner_id, parts[5], session_type, expires_at_s, parts[6])


def _cipher(secret: str) -> Cipher[modes.CBC]:
    key = hashlib.sha1(secret.encode()).digest()[:16]
    return Cipher(algorithms.AES(key), modes.CBC(b"\0" * _BLOCK_BYTES))
