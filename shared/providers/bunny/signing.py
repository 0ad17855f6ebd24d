"""Sign tokens by which the CDN serves a viewer everything of one video, and nothing else.

Called by `host.py`. Never calls Bunny.

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
    Return the first part of the path for everything below a path, valid until it expires. A player keeps it, because it
    follows the relative addresses of a manifest.

    Args:
        key: The token authentication key of the pull zone.
        path: The path, with a slash at both ends.
        expires_at: When it expires; fractions of a second are cut off.
    """
    expires = str(int(expires_at.timestamp()))
    signed = hmac.new(key.encode(), f"{path}{expires}token_path={path}".encode(), hashlib.sha256).digest()
    token = base64.urlsafe_b64encode(signed).decode().rstrip("=")
    return f"bcdn_token=HS256-{token}&token_path={quote(path, safe='')}&expires={expires}"
