"""The API under `/client/v4/accounts/{account}/stream`: who may, what is meant, and what is answered.

Called by `urls`. Leaves upload addresses to `uploads` and what becomes of bytes to `processing`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import shutil
import urllib.request
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from emulator_tests.simulators.cloudflare.errors import ApiError, bad_request, not_found, unauthorized
from emulator_tests.simulators.cloudflare.models import processing, webhooks
from emulator_tests.simulators.cloudflare.models.account import Key, State, Video, World
from emulator_tests.simulators.cloudflare.responses import fields, uploads

ROOT = "/client/v4/accounts/"
LIST_MAX = 1000
KEYS_MAX = 1000
_TOKEN_S = 3600
_TOKEN_MAX_S = 24 * 3600
_DOWNLOAD_S = 1.0
_FETCH_TIMEOUT_S = 30.0


def operation_of(method: str, path: str) -> str:
    """The name of what a request asks for, by which faults find it. Pure."""
    words = path.removeprefix(ROOT).strip("/").split("/")[1:]
    if words[:1] != ["stream"]:
        return "unknown"
    match (method, words[1:]):
        case ("POST", []):
            return "create"
        case ("GET", []):
            return "list"
        case (_, ["direct_upload"]):
            return "direct_upload"
        case (_, ["copy"]):
            return "copy"
        case (_, ["keys", *_]):
            return "keys"
        case (_, ["webhook"]):
            return "webhook"
        case (_, ["storage-usage"]):
            return "storage_usage"
        case (_, ["live_inputs", *_]):
            return "live_inputs"
        case (_, [_, "token"]):
            return "token"
        case (_, [_, "downloads", *_]):
            return "downloads"
        case ("GET", [_]):
            return "get"
        case ("DELETE", [_]):
            return "delete"
        case ("POST", [_]):
            return "edit"
    return "unknown"


async def answer(world: World, request: Request, lag_s: float = 0.0) -> Response:
    """Answer one request to the API."""
    try:
        account, *words = request.scope["path"].removeprefix(ROOT).strip("/").split("/")
        token = request.headers.get("authorization", "")
        if account != world.account_id or token.removeprefix("Bearer ").removeprefix("bearer ") != world.api_token:
            raise unauthorized()
        if words[:1] != ["stream"]:
            raise not_found()
        return await _route(world, request, words[1:], lag_s)
    except ApiError as error:
        return fields.refused(error)


async def _route(world: World, request: Request, words: list[str], lag_s: float) -> Response:
    base_url = str(request.base_url).rstrip("/")
    match (request.method, words):
        case ("POST", []):
            return await _create(world, request, base_url)
        case ("GET", []):
            return _list(world, request, lag_s)
        case ("POST", ["direct_upload"]):
            creator = request.headers.get("upload-creator")
            return fields.done(uploads.create_by_form(world, await _body(request), creator, base_url))
        case ("POST", ["copy"]):
            return fields.done(_copy(world, await _body(request), request.headers.get("upload-creator")))
        case ("GET", ["storage-usage"]):
            return fields.done(_usage(world, request.query_params.get("creator")))
        case (_, ["keys", *rest]):
            return fields.done(_keys(world, request.method, rest))
        case (_, ["webhook"]):
            return fields.done(await _webhook(world, request))
        case (_, ["live_inputs", *rest]):
            return fields.done(await _live_inputs(world, request, rest))
        case ("POST", [uid, "token"]):
            return fields.done({"token": _token(world, _known(world, uid), await _body(request))})
        case (_, [uid, "downloads", *rest]):
            return fields.done(_downloads(world, _known(world, uid), request.method, rest))
        case ("GET", [uid]):
            found = _known(world, uid)
            processing.looked_at(world, found)
            return fields.done(fields.video(world, found))
        case ("POST", [uid]):
            return fields.done(fields.video(world, _edit(world, _known(world, uid), await _body(request))))
        case ("DELETE", [uid]):
            world.remove(_known(world, uid).uid)
            return fields.done("")
    raise not_found()


def _known(world: World, uid: str) -> Video:
    found = world.videos.get(uid)
    if found is None:
        raise not_found()
    return found


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    try:
        sent = json.loads(raw) if raw else {}
    except ValueError:
        raise bad_request("the body is not JSON") from None
    if not isinstance(sent, dict):
        raise bad_request("the body is an object")
    return sent


async def _create(world: World, request: Request, base_url: str) -> Response:
    """An upload address of TUS, or an upload of one form with the API token."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return uploads.create_by_tus(world, request, base_url)
    uploads.require_room(world, 0)
    sent = await request.form(max_part_size=uploads.FORM_MAX)
    file = sent.get("file")
    if not isinstance(file, UploadFile):
        raise bad_request("there is no file")
    now = world.clock.now()
    made = world.add(Video(world.new_uid(), now, now, creator=request.headers.get("upload-creator")))
    await uploads.store(world, made, file)
    return fields.done(fields.video(world, made))


def _list(world: World, request: Request, lag_s: float) -> Response:
    asked = request.query_params
    after = asked.get("after") or asked.get("start")
    before = asked.get("before") or asked.get("end")
    after_s = None if after is None else fields.instant(after, "start")
    before_s = None if before is None else fields.instant(before, "end")
    try:
        limit = min(int(asked.get("limit", LIST_MAX)), LIST_MAX)
    except ValueError:
        raise bad_request("limit is a whole number") from None
    ids = {each for each in asked.get("id", "").split(",") if each}
    if ids:
        chosen = sorted((world.videos[uid] for uid in ids if uid in world.videos), key=lambda each: each.created_s)
    else:
        is_upwards = asked.get("asc", "").lower() == "true"
        select = world.select if is_upwards else world.select_newest
        chosen = list(select(after_s, before_s, asked.get("creator")))
    known_by = world.clock.now() - lag_s
    meant = [video for video in chosen if video.created_s <= known_by and _is_asked(video, dict(asked))]
    for video in meant[:limit]:
        processing.looked_at(world, video)
    result = [fields.video(world, video) for video in meant[:limit]]
    counts = {"total": len(meant), "range": len(result)} if asked.get("include_counts", "").lower() == "true" else {}
    return fields.done(result, **counts)


def _is_asked(video: Video, asked: dict[str, str]) -> bool:
    name = str(video.meta.get("name", ""))
    return (
        asked.get("status") in (None, video.state.value)
        and asked.get("search", "").lower() in name.lower()
        and asked.get("video_name") in (None, name)
        and asked.get("type") in (None, "vod")
    )


def _copy(world: World, sent: dict[str, Any], header_creator: str | None) -> dict[str, Any]:
    """Fetch a video from an address, beside the request."""
    url = sent.get("url") or sent.get("input")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise bad_request("url is an address")
    uploads.require_room(world, 0)
    now = world.clock.now()
    made = world.add(
        Video(
            world.new_uid(),
            now,
            now,
            creator=fields.creator(sent.get("creator", header_creator)),
            meta=dict(sent.get("meta") or {}),
            require_signed_urls=fields.flag(sent, "requireSignedURLs"),
            state=State.DOWNLOADING,
        )
    )
    world.spawn(_fetch(world, made, url))
    return fields.video(world, made)


async def _fetch(world: World, made: Video, url: str) -> None:
    target = world.bytes_of(made.uid)
    try:
        await asyncio.to_thread(_download, url, target)
    except (OSError, ValueError):
        if made.uid in world.videos:
            processing.fail(world, made, "ERR_FETCH_ORIGIN_ERROR")
        return
    if made.uid in world.videos:
        processing.arrived(world, made)
    else:
        target.unlink(missing_ok=True)


def _download(url: str, target: Path) -> None:
    with urllib.request.urlopen(url, timeout=_FETCH_TIMEOUT_S) as source, target.open("wb") as kept:
        shutil.copyfileobj(source, kept)


def _usage(world: World, creator: str | None) -> dict[str, Any]:
    if creator is None:
        seconds, count = world.used_s() + world.reserved_s(), len(world.videos)
    else:
        mine = list(world.select(None, None, creator))
        seconds, count = sum(max(video.duration_s, 0) for video in mine), len(mine)
    return {
        "creator": creator,
        "totalStorageMinutes": round(seconds / 60),
        "totalStorageMinutesLimit": world.settings.storage_minutes,
        "videoCount": count,
    }


def _edit(world: World, video: Video, sent: dict[str, Any]) -> Video:
    if "creator" in sent:
        world.change_creator(video, fields.creator(sent["creator"]))
    if "meta" in sent:
        if not isinstance(sent["meta"], dict):
            raise bad_request("meta is an object")
        video.meta = dict(sent["meta"])
    if "requireSignedURLs" in sent:
        video.require_signed_urls = fields.flag(sent, "requireSignedURLs")
    if "allowedOrigins" in sent:
        video.allowed_origins = [str(each) for each in sent["allowedOrigins"] or []]
    if "thumbnailTimestampPct" in sent:
        video.thumbnail_timestamp_pct = float(sent["thumbnailTimestampPct"])
    if "scheduledDeletion" in sent:
        video.scheduled_deletion = sent["scheduledDeletion"]
    if video.state is State.PENDING_UPLOAD:
        if sent.get("maxDurationSeconds") is not None:
            video.max_duration_s = fields.max_duration(sent["maxDurationSeconds"])
        if sent.get("uploadExpiry") is not None:
            video.upload_expires_s = fields.instant(sent["uploadExpiry"], "uploadExpiry")
    world.touch(video)
    return video


# --- keys and tokens ----------------------------------------------------------------------------------------------


def _keys(world: World, method: str, rest: list[str]) -> Any:
    match (method, rest):
        case ("GET", []):
            return [{"id": key.id, "created": world.instant(key.created_s)} for key in world.keys.values()]
        case ("POST", []):
            if len(world.keys) >= KEYS_MAX:
                raise bad_request(f"an account has at most {KEYS_MAX} keys")
            return _told_key(world, new_key(world))
        case ("DELETE", [key_id]) if key_id in world.keys:
            del world.keys[key_id]
            return ""
    raise not_found()


def new_key(world: World) -> Key:
    """Make a signing key."""
    key = Key(secrets.token_hex(16), rsa.generate_private_key(65537, 2048), world.clock.now())
    world.keys[key.id] = key
    return key


def _told_key(world: World, key: Key) -> dict[str, Any]:
    pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(key.private, as_dict=True)
    jwk = {**jwk, "use": "sig", "alg": "RS256", "kid": key.id}
    return {
        "id": key.id,
        "pem": base64.b64encode(pem).decode(),
        "jwk": base64.b64encode(json.dumps(jwk).encode()).decode(),
        "created": world.instant(key.created_s),
    }


def _token(world: World, video: Video, sent: dict[str, Any]) -> str:
    now = int(world.clock.now())
    expires_s = int(sent.get("exp") or now + _TOKEN_S)
    if not now < expires_s <= now + _TOKEN_MAX_S:
        raise bad_request("exp is in the future, and at most 24 hours away")
    key = world.keys.get(str(sent.get("id"))) or next(iter(world.keys.values()), None) or new_key(world)
    claims = {"sub": video.uid, "kid": key.id, "exp": expires_s}
    claims |= {name: sent[name] for name in ("nbf", "downloadable", "accessRules") if name in sent}
    return jwt.encode(claims, key.private, algorithm="RS256", headers={"kid": key.id})


# --- the rest -----------------------------------------------------------------------------------------------------


async def _webhook(world: World, request: Request) -> Any:
    if request.method == "PUT":
        sent = await _body(request)
        url = sent.get("notificationUrl") or sent.get("notification_url")
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise bad_request("notificationUrl begins with http:// or https://")
        webhooks.subscribe(world, url)
    elif request.method == "DELETE":
        world.webhook = None
        return ""
    if world.webhook is None:
        raise not_found()
    return {
        "notificationUrl": world.webhook.url,
        "notification_url": world.webhook.url,
        "secret": world.webhook.secret,
        "modified": world.instant(world.webhook.modified_s),
    }


def _downloads(world: World, video: Video, method: str, rest: list[str]) -> Any:
    kind = rest[0] if rest else "default"
    if kind not in ("default", "audio"):
        raise not_found()
    if method == "POST":
        if not video.plays:
            raise bad_request("the video is not ready")
        video.downloads.setdefault(kind, world.clock.now())
    elif method == "DELETE":
        video.downloads.pop(kind, None)
        return ""
    suffix = {"default": "mp4", "audio": "m4a"}
    return {
        name: {
            "status": "ready" if world.clock.now() - since_s >= _DOWNLOAD_S else "inprogress",
            "percentComplete": min(100.0, 100 * (world.clock.now() - since_s) / _DOWNLOAD_S),
            "url": f"{world.base_url}/{video.uid}/downloads/{name}.{suffix[name]}",
        }
        for name, since_s in video.downloads.items()
    }


def is_downloadable(world: World, video: Video, kind: str = "default") -> bool:
    """Whether a download was asked for, and made."""
    since_s = video.downloads.get(kind)
    return since_s is not None and world.clock.now() - since_s >= _DOWNLOAD_S


async def _live_inputs(world: World, request: Request, rest: list[str]) -> Any:
    match (request.method, rest):
        case ("GET", []):
            return {"liveInputs": list(world.live_inputs.values()), "total": len(world.live_inputs)}
        case ("POST", []):
            return _new_live_input(world, await _body(request))
        case (_, [uid, *_]) if uid not in world.live_inputs:
            raise not_found()
        case ("GET", [uid]):
            return world.live_inputs[uid]
        case ("GET", [_, "videos"]):
            return []
        case ("PUT", [uid]):
            sent = await _body(request)
            for name in ("meta", "recording", "defaultCreator", "enabled"):
                if name in sent:
                    world.live_inputs[uid][name] = sent[name]
            world.live_inputs[uid]["modified"] = world.instant(world.clock.now())
            return world.live_inputs[uid]
        case ("DELETE", [uid]):
            del world.live_inputs[uid]
            return ""
    raise not_found()


def _new_live_input(world: World, sent: dict[str, Any]) -> dict[str, Any]:
    uid, key, now = world.new_uid(), secrets.token_hex(24), world.instant(world.clock.now())
    recording = {"mode": "off", "requireSignedURLs": False, "allowedOrigins": None, **(sent.get("recording") or {})}
    made = {
        "uid": uid,
        "created": now,
        "modified": now,
        "meta": sent.get("meta") or {},
        "defaultCreator": sent.get("defaultCreator"),
        "enabled": sent.get("enabled", True),
        "recording": recording,
        "deleteRecordingAfterDays": sent.get("deleteRecordingAfterDays"),
        "status": None,
        "rtmps": {"url": "rtmps://live.cloudflare.com:443/live/", "streamKey": key},
        "rtmpsPlayback": {"url": "rtmps://live.cloudflare.com:443/live/", "streamKey": key},
        "srt": {"url": "srt://live.cloudflare.com:778", "streamId": uid, "passphrase": secrets.token_hex(24)},
        "webRTC": {"url": f"{world.base_url}/{uid}/webRTC/publish"},
        "webRTCPlayback": {"url": f"{world.base_url}/{uid}/webRTC/play"},
    }
    world.live_inputs[uid] = made
    return made
