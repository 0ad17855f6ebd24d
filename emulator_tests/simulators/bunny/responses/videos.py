"""The videos of the Stream API: created, fetched from an address, listed, uploaded, changed, deleted.

Called by `urls`.

Source: docs.bunny.net, Stream API, "Manage videos"; the status numbers and the fields of a video are described there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator_tests.simulators.bunny.errors import refusal
from emulator_tests.simulators.bunny.models import Account, Status, Video

_PAGE_MAX = 1000
_PAGE = 100


def video_json(account: Account, video: Video) -> dict[str, Any]:
    """Return a video in the form of the API."""
    is_playable = video.status is Status.FINISHED
    return {
        "videoLibraryId": account.library_id,
        "guid": video.guid,
        "title": video.title,
        "dateUploaded": account.instant(video.created_s),
        "views": 0,
        "isPublic": False,
        "length": round(video.duration_s),
        "status": int(video.status),
        "framerate": 0.0,
        "rotation": None,
        "width": video.width,
        "height": video.height,
        "availableResolutions": f"{video.height}p" if is_playable else None,
        "thumbnailCount": 1 if is_playable else 0,
        "encodeProgress": video.percent,
        "storageSize": video.size_bytes,
        "captions": [],
        "hasMP4Fallback": False,
        "collectionId": video.collection_id,
        "thumbnailFileName": "thumbnail.jpg",
        "averageWatchTime": 0,
        "totalWatchTime": 0,
        "category": "unknown",
        "chapters": [],
        "moments": [],
        "metaTags": [],
    }


async def create(account: Account, request: Request) -> Response:
    """Create a video without bytes."""
    title = (await _body(request)).get("title")
    if not isinstance(title, str) or not title:
        return refusal(400, "The Title field is required.")
    return JSONResponse(video_json(account, account.add(title)))


async def fetch(account: Account, request: Request) -> Response:
    """Create a video, and fetch its bytes from an address in the background."""
    sent = await _body(request)
    url = sent.get("url")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        return JSONResponse({"success": False, "message": "The URL is not valid.", "statusCode": 400})
    title = str(sent.get("title") or url.partition("?")[0].rpartition("/")[2])
    video = account.add(title, request.query_params.get("collectionId", ""), url)
    account.spawn(account.fetch(video))
    named = {"id": video.guid} if account.settings.fetch_tells_id else {}
    return JSONResponse({**named, "success": True, "message": "OK", "statusCode": 200})


def listing(account: Account, query: Mapping[str, str], lag_s: float) -> Response:
    """List videos; those created in the last `lag_s` seconds are not listed yet."""
    try:
        page, size = int(query.get("page", "1")), int(query.get("itemsPerPage", str(_PAGE)))
    except ValueError:
        return refusal(400, "The page is not a number.")
    page, size = max(page, 1), min(max(size, 1), _PAGE_MAX)
    search, collection = query.get("search", "").lower(), query.get("collection", "")
    listed_until_s = account.clock.now() - lag_s
    found = [
        video
        for video in account.videos.values()
        if search in video.title.lower()
        and collection in ("", video.collection_id)
        and (not lag_s or video.created_s <= listed_until_s)
    ]
    if query.get("orderBy") == "title":
        found.sort(key=lambda video: video.title)
    else:
        found.sort(key=lambda video: video.created_s, reverse=True)
    items = [video_json(account, video) for video in found[(page - 1) * size : page * size]]
    return JSONResponse({"totalItems": len(found), "currentPage": page, "itemsPerPage": size, "items": items})


async def one(account: Account, video: Video, method: str, request: Request) -> Response:
    """Read, change, delete one video, or take its bytes."""
    match method:
        case "GET":
            video.reads += 1
            account.advance(video)
            return JSONResponse(video_json(account, video))
        case "POST":
            title = (await _body(request)).get("title")
            video.title = title if isinstance(title, str) and title else video.title
        case "DELETE":
            account.remove(video.guid)
        case "PUT":
            if video.status not in (Status.CREATED, Status.UPLOAD_FAILED):
                return refusal(400, "The requested video was already uploaded.")
            account.bytes_of(video.guid).write_bytes(await request.body())
            video.status = Status.UPLOADED
            account.spawn(account.inspect_upload(video))
        case _:
            return refusal(405, "Not allowed.")
    return JSONResponse({"success": True, "message": "OK", "statusCode": 200})


async def _body(request: Request) -> Mapping[str, Any]:
    try:
        sent = await request.json()
    except ValueError:
        return {}
    return sent if isinstance(sent, dict) else {}
