"""Bytes for players, behind the pull zone's token authentication: HLS, a picture, and the file itself.

Called by `urls` for every address that is none of the others. A token stands in the query, or before the path, and is
then good for what the addresses in a manifest point to as well.

Source: BunnyWay/BunnyCDN.TokenAuthentication, python3/token.py; docs.bunny.net, CDN token authentication.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from emulator_tests.simulators import media
from emulator_tests.simulators.bunny.models import Account, Status

_HLS = "application/vnd.apple.mpegurl"
_SIGN = "bcdn_token="
_UNSIGNED = ("token", "bcdn_token", "expires")


async def answer(account: Account, request: Request) -> Response:
    """Serve one address of a video."""
    raw = request.scope["raw_path"].decode("latin-1")
    path, sent = raw, dict(request.query_params)
    if raw.startswith(f"/{_SIGN}"):
        told, _, path = raw.removeprefix("/").partition("/")
        sent, path = dict(parse_qsl(told, keep_blank_values=True)), f"/{path}"
        sent["token"] = sent.pop("bcdn_token")
    if not is_signed(account.token_key, path, sent, account.clock.now()):
        return Response("The token is not valid.", 403)
    guid, *words = path.strip("/").split("/")
    video = account.videos.get(guid)
    if video is None or video.status is not Status.FINISHED:
        return Response("Not found.", 404)
    resolution = f"{video.height}p"
    match words:
        case ["playlist.m3u8"]:
            size = f"RESOLUTION={video.width}x{video.height}"
            lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-STREAM-INF:BANDWIDTH=1000000,{size}"]
            return Response("\n".join([*lines, f"{resolution}/video.m3u8"]) + "\n", media_type=_HLS)
        case [folder, name] if folder == resolution:
            return await _segment(account, guid, name)
        case ["thumbnail.jpg"]:
            picture = await media.frame(account.bytes_of(guid), 0.0, media.scaling(640, 0, 1), 75)
            return Response("", 404) if picture is None else Response(picture, media_type="image/jpeg")
        case ["original"]:
            return FileResponse(account.bytes_of(guid), media_type="video/mp4")
    return Response("Not found.", 404)


def is_signed(key: str, path: str, sent: Mapping[str, str], now_s: float) -> bool:
    """Return whether a token is valid for a path at this instant. Pure.

    Args:
        key: Of the pull zone.
        path: Without the token that may stand before it.
        sent: The parameters, `token` and `expires` among them.
        now_s: Seconds since the epoch.
    """
    token, expires, allowed = sent.get("token", ""), sent.get("expires", ""), sent.get("token_path", "")
    if not expires.isdigit() or int(expires) < now_s or not path.startswith(allowed):
        return False
    signed = "&".join(f"{name}={value}" for name, value in sorted(sent.items()) if name not in _UNSIGNED)
    message = f"{allowed or path}{expires}{signed}".encode()
    current = "HS256-" + _in_base64(hmac.new(key.encode(), message, hashlib.sha256).digest())
    older = _in_base64(hashlib.sha256(key.encode() + message).digest())
    return any(hmac.compare_digest(token.encode(), one.encode()) for one in (current, older))


def _in_base64(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


async def _segment(account: Account, guid: str, name: str) -> Response:
    """A part of a video cut for HLS; it is cut when first asked for."""
    folder = account.segments_of(guid)
    if not await media.segment(account.bytes_of(guid), folder):
        return Response("Not found.", 404)
    file = folder / ("index.m3u8" if name == "video.m3u8" else Path(name).name)
    if not file.is_file():
        return Response("Not found.", 404)
    return FileResponse(file, media_type=_HLS if file.suffix == ".m3u8" else "video/mp2t")
