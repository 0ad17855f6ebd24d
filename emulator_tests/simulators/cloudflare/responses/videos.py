"""Videos (`/stream`): created, copied from an address, listed, changed.

Called by `urls`. Upload addresses are in `uploads`; what becomes of the bytes is in `models/processing.py`.
"""

from __future__ import annotations

import asyncio
import shutil
import urllib.request
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from emulator_tests.simulators.cloudflare.errors import bad_request
from emulator_tests.simulators.cloudflare.models import processing
from emulator_tests.simulators.cloudflare.models.account import Account
from emulator_tests.simulators.cloudflare.models.video import State, Video
from emulator_tests.simulators.cloudflare.models.video_json import video_json
from emulator_tests.simulators.cloudflare.responses import envelope, fields, uploads

LIST_MAX = 1000
_FETCH_TIMEOUT_S = 30.0


async def create(account: Account, request: Request, base_url: str) -> Response:
    """Create a TUS upload address, or a video from the file of a form."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return uploads.create_by_tus(account, request, base_url)
    uploads.require_room(account, 0)
    sent = await request.form(max_part_size=uploads.FORM_MAX)
    file = sent.get("file")
    if not isinstance(file, UploadFile):
        raise bad_request("there is no file")
    now = account.clock.now()
    made = account.add(Video(account.new_uid(), now, now, creator=request.headers.get("upload-creator")))
    await uploads.store(account, made, file)
    return envelope.success(video_json(account, made))


def listing(account: Account, request: Request, lag_s: float) -> Response:
    """List videos; those created in the last `lag_s` seconds are not listed yet."""
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
        chosen = sorted((account.videos[uid] for uid in ids if uid in account.videos), key=lambda each: each.created_s)
    else:
        is_upwards = asked.get("asc", "").lower() == "true"
        select = account.select if is_upwards else account.select_newest
        chosen = list(select(after_s, before_s, asked.get("creator")))
    listed_until_s = account.clock.now() - lag_s
    found = [video for video in chosen if video.created_s <= listed_until_s and _matches(video, dict(asked))]
    for video in found[:limit]:
        processing.count_read(account, video)
    result = [video_json(account, video) for video in found[:limit]]
    counts = {"total": len(found), "range": len(result)} if asked.get("include_counts", "").lower() == "true" else {}
    return envelope.success(result, **counts)


def _matches(video: Video, asked: dict[str, str]) -> bool:
    name = str(video.meta.get("name", ""))
    return (
        asked.get("status") in (None, video.state.value)
        and asked.get("search", "").lower() in name.lower()
        and asked.get("video_name") in (None, name)
        and asked.get("type") in (None, "vod")
    )


def copy(account: Account, sent: dict[str, Any], header_creator: str | None) -> dict[str, Any]:
    """Create a video, and fetch its bytes from an address in the background."""
    url = sent.get("url") or sent.get("input")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise bad_request("url is an address")
    uploads.require_room(account, 0)
    now = account.clock.now()
    made = account.add(
        Video(
            account.new_uid(),
            now,
            now,
            creator=fields.creator(sent.get("creator", header_creator)),
            meta=dict(sent.get("meta") or {}),
            require_signed_urls=fields.flag(sent, "requireSignedURLs"),
            state=State.DOWNLOADING,
        )
    )
    account.spawn(_fetch(account, made, url))
    return video_json(account, made)


async def _fetch(account: Account, made: Video, url: str) -> None:
    target = account.bytes_of(made.uid)
    try:
        await asyncio.to_thread(_download, url, target)
    except (OSError, ValueError):
        if made.uid in account.videos:
            processing.fail(account, made, "ERR_FETCH_ORIGIN_ERROR")
        return
    if made.uid in account.videos:
        processing.start(account, made)
    else:
        target.unlink(missing_ok=True)


def _download(url: str, target: Path) -> None:
    with urllib.request.urlopen(url, timeout=_FETCH_TIMEOUT_S) as source, target.open("wb") as kept:
        shutil.copyfileobj(source, kept)


def edit(account: Account, video: Video, sent: dict[str, Any]) -> Video:
    """Change the fields that were sent."""
    if "creator" in sent:
        account.change_creator(video, fields.creator(sent["creator"]))
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
    account.touch(video)
    return video
