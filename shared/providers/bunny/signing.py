"""Tokens by which the CDN lets somebody have everything of one video, and nothing else.

Called by `host.py`. Never talks to Bunny.

Source: BunnyWay/BunnyCDN.TokenAuthentication, python3/token.py; docs.bunny.net, CDN token authentication.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime
from urllib.parse import quote


def directory_token(key: str, path: str, expires_at: datetime) -> str:
    """
    The first part of the path of everything below a path, until then: a player that follows the relative addresses of a
    manifest keeps it.

    Args:
        key: The token authentication key of the pull zone.
        path: With a slash at both ends.
        expires_at: When it ends; parts of a second are cut off.
    """
    expires = str(int(expires_at.timestamp()))
    signed = hmac.new(key.encode(), f"{path}{expires}token_path={path}".encode(), hashlib.sha256).digest()
    token = base64.urlsafe_b64encode(signed).decode().rstrip("=")
    return f"bcdn_token=HS256-{token}&token_path={quote(path, safe='')}&expires={expires}"
