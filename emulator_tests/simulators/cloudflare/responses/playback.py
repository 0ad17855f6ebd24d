"""Bytes for players: HLS, the mp4 of a download, and thumbnails, of videos that are public or behind a signed token.

Called by `urls` for every address that is none of the others. A token stands where the video's id would.

Source: cloudflare/cloudflare-docs, stream/viewing-videos/securing-your-stream.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from emulator_tests.simulators import media
from emulator_tests.simulators.cloudflare.models.account import Account
from emulator_tests.simulators.cloudflare.models.video import Video
from emulator_tests.simulators.cloudflare.responses import downloads

_HLS = "application/vnd.apple.mpegurl"
_TOKEN_MAX_S = 24 * 3600
_LEEWAY_S = 60
_SIZE = 640


async def answer(account: Account, request: Request) -> Response:
    """Serve one address of a video."""
    who, *words = request.scope["path"].strip("/").split("/")
    is_download = words[:1] == ["downloads"]
    video = _admitted(account, who, request, is_download=is_download)
    if isinstance(video, Response):
        return video
    if not video.plays:
        return Response("The video is not ready.", 404)
    match words:
        case ["manifest", "video.m3u8"]:
            size = f"RESOLUTION={video.width}x{video.height}" if video.width > 0 else ""
            lines = ["#EXTM3U", "#EXT-X-VERSION:6", f"#EXT-X-STREAM-INF:BANDWIDTH=1000000,{size}", "stream/index.m3u8"]
            return Response("\n".join(lines) + "\n", media_type=_HLS)
        case ["manifest", "stream", name]:
            return await _segment(account, video, name)
        case ["thumbnails", "thumbnail.jpg"]:
            at_s = video.duration_s * video.thumbnail_timestamp_pct
            picture = await media.frame(account.bytes_of(video.uid), at_s, media.scaling(_SIZE, 0, 1), 75)
            return Response("", 404) if picture is None else Response(picture, media_type="image/jpeg")
        case ["downloads", "default.mp4"] if downloads.is_downloadable(account, video):
            return FileResponse(account.bytes_of(video.uid), media_type="video/mp4")
    return Response("Not Found", 404)


def _admitted(account: Account, who: str, request: Request, *, is_download: bool) -> Video | Response:
    """The video that an address is of, where its bearer may see it."""
    if "." not in who:
        video = account.videos.get(who)
        if video is None:
            return Response("Not Found", 404)
        return Response("This video requires a signed token.", 401) if video.require_signed_urls else video
    claims = _claims(account, who)
    video = None if claims is None else account.videos.get(str(claims.get("sub")))
    if claims is None or video is None:
        return Response("The token is not valid.", 401)
    if is_download and claims.get("downloadable") is not True:
        return Response("The token does not let its bearer download.", 403)
    address = request.client.host if request.client else ""
    if not _is_let_in(claims.get("accessRules"), address):
        return Response("The token does not let this address in.", 403)
    return video


def _claims(account: Account, token: str) -> Mapping[str, Any] | None:
    """Return the claims of a token; None when its signature or its times are not valid."""
    try:
        header = jwt.get_unverified_header(token)
        key = account.keys.get(str(header.get("kid")))
        if key is None or header.get("alg") != "RS256":
            return None
        # The times are judged by the simulator's clock.
        claims: dict[str, Any] = jwt.decode(
            token,
            key.private.public_key(),
            algorithms=["RS256"],
            options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
        now = account.clock.now()
        expires_s = float(claims["exp"])
        is_its_time = now < expires_s <= now + _TOKEN_MAX_S + _LEEWAY_S and float(claims.get("nbf") or 0) <= now
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, json.JSONDecodeError):
        return None
    return claims if is_its_time and claims.get("kid") == key.id else None


def _is_let_in(rules: object, address: str) -> bool:
    """Return whether the first matching rule allows an address; without a match it is allowed. Pure."""
    for rule in rules if isinstance(rules, list) else []:
        kind, action = rule.get("type"), rule.get("action")
        if kind == "any":
            return bool(action == "allow")
        if kind == "ip.src" and any(_is_within(address, each) for each in rule.get("ip") or []):
            return bool(action == "allow")
        # Whoever calls from the same machine is in no country.
    return True


def _is_within(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


async def _segment(account: Account, video: Video, name: str) -> Response:
    """A part of a video cut for HLS; it is cut when first asked for."""
    folder = account.segments_of(video.uid)
    if not await media.segment(account.bytes_of(video.uid), folder):
        return Response("Not Found", 404)
    file = folder / Path(name).name
    if not file.is_file():
        return Response("Not Found", 404)
    return FileResponse(file, media_type=_HLS if name.endswith(".m3u8") else "video/mp2t")
