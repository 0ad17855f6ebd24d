"""Upload addresses and the bytes that are sent to them: by TUS, and by one form.

Called by `api` for making them and by `urls` for everything under `/tus/` and `/upload/`. Who knows an address may send
bytes to it. Leaves to `processing` what becomes of them.

Source: https://tus.io/protocols/resumable-upload; cloudflare/cloudflare-docs, stream/uploading-videos.
"""

from __future__ import annotations

import secrets
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from emulator_tests.simulators.cloudflare.errors import ApiError, bad_request, over_quota, too_large, too_many
from emulator_tests.simulators.cloudflare.models import processing
from emulator_tests.simulators.cloudflare.models.account import Account
from emulator_tests.simulators.cloudflare.models.video import State, Video
from emulator_tests.simulators.cloudflare.models.video_json import video_json
from emulator_tests.simulators.cloudflare.responses import envelope, fields

TUS = "1.0.0"
SIZE_MAX = 30 * 10**9
FORM_MAX = 200 * 10**6
CHUNK_MIN = 5_242_880
CHUNK_MAX = 209_715_200
CHUNK_STEP = 256 * 1024

DEFAULT_DURATION_S = 14_400
DEFAULT_FORM_EXPIRY_S = 30 * 60
DEFAULT_TUS_EXPIRY_S = 24 * 3600
_RETRY_AFTER_S = 60

#: Keys of `Upload-Metadata` that are options; all others are the video's `meta`.
_OPTIONS = frozenset(
    (
        "maxdurationseconds",
        "expiry",
        "requiresignedurls",
        "allowedorigins",
        "scheduleddeletion",
        "thumbnailtimestamppct",
        "watermark",
    )
)


def create_by_tus(account: Account, request: Request, base_url: str) -> Response:
    """Make an upload address of TUS.

    Raises:
        ApiError: The headers make no sense, or the account has no room.
    """
    _require_version(request)
    length = fields.whole(request.headers.get("upload-length"), "Upload-Length")
    if length > SIZE_MAX:
        raise too_large()
    told = fields.metadata(request.headers.get("upload-metadata", ""))
    options = {key.lower(): value for key, value in told.items() if key.lower() in _OPTIONS}
    is_direct = request.query_params.get("direct_user", "").lower() == "true"
    now = account.clock.now()
    expires_s = fields.expiry(options.get("expiry"), now, DEFAULT_TUS_EXPIRY_S)
    most = fields.max_duration(options["maxdurationseconds"]) if "maxdurationseconds" in options else DEFAULT_DURATION_S
    require_room(account, most)
    video = account.add(
        Video(
            uid=account.new_uid(),
            created_s=now,
            modified_s=now,
            creator=fields.creator(request.headers.get("upload-creator")),
            meta={key: value for key, value in told.items() if key.lower() not in _OPTIONS},
            require_signed_urls="requiresignedurls" in options,
            allowed_origins=fields.origins(options.get("allowedorigins")),
            scheduled_deletion=options.get("scheduleddeletion"),
            thumbnail_timestamp_pct=fields.share(options.get("thumbnailtimestamppct", "0")),
            max_duration_s=most,
            upload_expires_s=expires_s,
            upload_length=length,
            upload_key=secrets.token_urlsafe(24),
            is_direct=is_direct,
        )
    )
    account.bytes_of(video.uid).touch()
    headers = {
        "Location": f"{base_url}/tus/{video.upload_key}?tusv2=true",
        "stream-media-id": video.uid,
        "Tus-Resumable": TUS,
    }
    if length == 0:
        processing.start(account, video)
    return Response(b"", 201, headers)


def create_by_form(account: Account, sent: dict[str, Any], header_creator: str | None, base_url: str) -> dict[str, Any]:
    """Make an upload address that takes one form; gives `{uploadURL, uid}`.

    Raises:
        ApiError: The body makes no sense, or the account has no room.
    """
    if "maxDurationSeconds" not in sent:
        raise bad_request("maxDurationSeconds is missing")
    now = account.clock.now()
    expires_s = fields.expiry(sent.get("expiry"), now, DEFAULT_FORM_EXPIRY_S)
    meta = sent.get("meta") or {}
    if not isinstance(meta, dict):
        raise bad_request("meta is an object")
    most = fields.max_duration(sent["maxDurationSeconds"])
    require_room(account, most)
    video = account.add(
        Video(
            uid=account.new_uid(),
            created_s=now,
            modified_s=now,
            creator=fields.creator(sent.get("creator", header_creator)),
            meta=dict(meta),
            require_signed_urls=fields.flag(sent, "requireSignedURLs"),
            allowed_origins=list(sent.get("allowedOrigins") or []),
            scheduled_deletion=sent.get("scheduledDeletion"),
            thumbnail_timestamp_pct=fields.share(sent.get("thumbnailTimestampPct", 0)),
            max_duration_s=most,
            upload_expires_s=expires_s,
            upload_key=secrets.token_urlsafe(24),
        )
    )
    return {"uploadURL": f"{base_url}/upload/{video.upload_key}", "uid": video.uid}


def require_room(account: Account, seconds: int) -> None:
    """
    Raises:
        ApiError: Too many videos are in process, or so many seconds cannot be reserved.
    """
    if account.in_process() >= account.settings.processing_max:
        raise too_many(_RETRY_AFTER_S)
    if account.used_s() + account.reserved_s() + seconds > 60 * account.settings.storage_minutes:
        raise over_quota()


async def tus(account: Account, request: Request, key: str) -> Response:
    """Answer at an upload address of TUS."""
    if request.method == "OPTIONS":
        return Response(
            b"",
            204,
            {
                "Tus-Resumable": TUS,
                "Tus-Version": TUS,
                "Tus-Extension": "creation,expiration",
                "Tus-Max-Size": str(SIZE_MAX),
            },
        )
    try:
        _require_version(request)
        video = account.by_upload_key(key)
        if video is None or video.upload_length is None:
            return _plain(404, "There is no such upload.")
        if not video.is_direct and request.headers.get("authorization") != f"Bearer {account.api_token}":
            return _plain(401, "This upload takes the API token.")
        if video.state is State.PENDING_UPLOAD and account.is_expired(video):
            return _plain(410, "This upload has expired.")
        if request.method == "HEAD":
            return _plain(200, "", _progress(video))
        if request.method == "PATCH":
            return await _patch(account, request, video)
    except ApiError as error:
        return _plain(error.status, error.message)
    return _plain(405, "HEAD, PATCH or OPTIONS")


async def form(account: Account, request: Request, key: str) -> Response:
    """Take the one form that an upload address is for."""
    video = account.by_upload_key(key)
    if request.method == "OPTIONS":
        return Response(b"", 204)
    if video is None or video.upload_length is not None:
        return envelope.failure(ApiError(404, 10003, "There is no such upload."))
    if request.method != "POST":
        return envelope.failure(ApiError(405, 10014, "Method Not Allowed"))
    if video.state is not State.PENDING_UPLOAD:
        return envelope.failure(ApiError(400, 10005, "This address was used."))
    if account.is_expired(video):
        return envelope.failure(ApiError(410, 10015, "This upload has expired."))
    if int(request.headers.get("content-length") or 0) > FORM_MAX:
        return envelope.failure(ApiError(413, 10012, "A form takes at most 200 MB."))
    try:
        sent = await request.form(max_part_size=FORM_MAX)
    except ClientDisconnect:
        return envelope.failure(bad_request("the form broke off"))
    file = sent.get("file")
    if not isinstance(file, UploadFile):
        return envelope.failure(bad_request("there is no file"))
    await store(account, video, file)
    return envelope.success(video_json(account, video))


async def store(account: Account, video: Video, file: UploadFile) -> None:
    """Keep the file of a form as the bytes of a video."""
    with account.bytes_of(video.uid).open("wb") as kept:
        while block := await file.read(CHUNK_STEP):
            kept.write(block)
            video.offset += len(block)
    video.meta.setdefault("name", file.filename or "")
    processing.start(account, video)


async def _patch(account: Account, request: Request, video: Video) -> Response:
    if request.headers.get("content-type") != "application/offset+octet-stream":
        return _plain(415, "A chunk is application/offset+octet-stream.")
    offset = fields.whole(request.headers.get("upload-offset"), "Upload-Offset")
    assert video.upload_length is not None
    if video.is_receiving:
        return _plain(423, "Another request is sending bytes.")
    if offset != video.offset:
        return _plain(409, "The offset is another.", _progress(video))
    if video.state is not State.PENDING_UPLOAD:
        return _plain(403, "The upload is complete.", _progress(video))
    left, announced = video.upload_length - video.offset, request.headers.get("content-length")
    if announced is not None:
        size = fields.whole(announced, "Content-Length")
        if size > left:
            return _plain(413, "That is more than was announced.", _progress(video))
        if size > CHUNK_MAX:
            return _plain(413, f"A chunk has at most {CHUNK_MAX} bytes.", _progress(video))
        # What goes on after a break begins in the middle of a chunk: only how much is sent is measured.
        if size < left and (size < CHUNK_MIN or size % CHUNK_STEP):
            return _plain(400, "A chunk has at least 5 MiB, in steps of 256 KiB.", _progress(video))
    video.is_receiving = True
    try:
        with account.bytes_of(video.uid).open("r+b") as kept:
            kept.seek(video.offset)
            async for block in request.stream():
                if video.offset + len(block) > video.upload_length:
                    return _plain(413, "That is more than was announced.", _progress(video))
                kept.write(block)
                video.offset += len(block)
    except ClientDisconnect:
        return _plain(400, "The chunk broke off.")
    finally:
        video.is_receiving = False
    if video.uid not in account.videos:
        return _plain(404, "There is no such upload.")
    if video.offset == video.upload_length:
        processing.start(account, video)
    return _plain(204, "", _progress(video))


def _progress(video: Video) -> dict[str, str]:
    return {
        "Upload-Offset": str(video.offset),
        "Upload-Length": str(video.upload_length),
        "Cache-Control": "no-store",
        "stream-media-id": video.uid,
    }


def _require_version(request: Request) -> None:
    if request.headers.get("tus-resumable") != TUS:
        raise ApiError(412, 10016, f"Tus-Resumable is {TUS}.", {"Tus-Version": TUS})


def _plain(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return Response(text, status, {"Tus-Resumable": TUS, **(headers or {})}, "text/plain")
