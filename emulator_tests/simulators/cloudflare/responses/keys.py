"""Signing keys (`/stream/keys`) and tokens signed with them (`/stream/{uid}/token`).

Called by `urls`.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from emulator_tests.simulators.cloudflare.errors import bad_request, not_found
from emulator_tests.simulators.cloudflare.models.account import Account, Key
from emulator_tests.simulators.cloudflare.models.video import Video

KEYS_MAX = 1000
_TOKEN_S = 3600
_TOKEN_MAX_S = 24 * 3600


def keys(account: Account, method: str, rest: list[str]) -> Any:
    """List, create and delete keys."""
    match (method, rest):
        case ("GET", []):
            return [{"id": key.id, "created": account.instant(key.created_s)} for key in account.keys.values()]
        case ("POST", []):
            if len(account.keys) >= KEYS_MAX:
                raise bad_request(f"an account has at most {KEYS_MAX} keys")
            return _key_json(account, account.new_key())
        case ("DELETE", [key_id]) if key_id in account.keys:
            del account.keys[key_id]
            return ""
    raise not_found()


def _key_json(account: Account, key: Key) -> dict[str, Any]:
    pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(key.private, as_dict=True)
    jwk = {**jwk, "use": "sig", "alg": "RS256", "kid": key.id}
    return {
        "id": key.id,
        "pem": base64.b64encode(pem).decode(),
        "jwk": base64.b64encode(json.dumps(jwk).encode()).decode(),
        "created": account.instant(key.created_s),
    }


def token(account: Account, video: Video, sent: dict[str, Any]) -> str:
    """Sign a playback token for a video.

    Raises:
        ApiError: `exp` is out of range.
    """
    now = int(account.clock.now())
    expires_s = int(sent.get("exp") or now + _TOKEN_S)
    if not now < expires_s <= now + _TOKEN_MAX_S:
        raise bad_request("exp is in the future, and at most 24 hours away")
    key = account.keys.get(str(sent.get("id"))) or next(iter(account.keys.values()), None) or account.new_key()
    claims = {"sub": video.uid, "kid": key.id, "exp": expires_s}
    claims |= {name: sent[name] for name in ("nbf", "downloadable", "accessRules") if name in sent}
    return jwt.encode(claims, key.private, algorithm="RS256", headers={"kid": key.id})
