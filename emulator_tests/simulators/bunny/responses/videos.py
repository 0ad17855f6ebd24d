"""The Stream API: videos of one library.

Called by `urls` for every address under `/library/`.

Source: docs.bunny.net, Stream API, "Manage videos"; the status numbers and the fields of a video as there.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator_tests.simulators.bunny.models import Status, Video, World

_PAGE_MAX = 1000
_PAGE = 100


def operation_of(method: str, path: str) -> str:
    """What a request is called in faults and in the log."""
    match (method, path.strip("/").split("/")):
        case ("POST", [_, _, "videos", "fetch"]):
            return "fetch"
        case ("POST", [_, _, "videos"]):
            return "create"
        case ("GET", [_, _, "videos"]):
            return "list"
        case (_, [_, _, "videos", _]):
            return {"GET": "get", "DELETE": "delete", "POST": "update", "PUT": "upload"}.get(method, "other")
    return "other"


async def answer(world: World, request: Request, lag_s: float) -> Response:
    """Answer one request; lists lag behind by so many seconds."""
    library, *words = request.scope["path"].removeprefix("/library/").split("/")
    if not hmac.compare_digest(request.headers.get("AccessKey", "").encode(), world.api_key.encode()):
        return _refused(401, "Authentication has been denied for this request.")
    if library != str(world.library_id) or words[:1] != ["videos"]:
        return _refused(404, "The requested video library was not found.")
    match (request.method, words[1:]):
        case ("POST", ["fetch"]):
            return await _fetch(world, request)
        case ("POST", []):
            title = (await _body(request)).get("title")
            if not isinstance(title, str) or not title:
                return _refused(400, "The Title field is required.")
            return JSONResponse(told(world, world.add(title)))
        case ("GET", []):
            return _list(world, request.query_params, lag_s)
        case (method, [guid]) if guid in world.videos:
            return await _one(world, world.videos[guid], method, request)
        case (_, [_]):
            return _refused(404, "The requested video was not found.")
    return _refused(404, "Not found.")


def told(world: World, video: Video) -> dict[str, Any]:
    """A video as the API tells it."""
    is_playable = video.status is Status.FINISHED
    return {
        "videoLibraryId": world.library_id,
        "guid": video.guid,
        "title": video.title,
        "dateUploaded": world.instant(video.created_s),
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


async def _fetch(world: World, request: Request) -> Response:
    sent = await _body(request)
    url = sent.get("url")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        return JSONResponse({"success": False, "message": "The URL is not valid.", "statusCode": 400})
    title = str(sent.get("title") or url.partition("?")[0].rpartition("/")[2])
    video = world.add(title, request.query_params.get("collectionId", ""), url)
    world.spawn(world.fetch(video))
    named = {"id": video.guid} if world.settings.fetch_tells_id else {}
    return JSONResponse({**named, "success": True, "message": "OK", "statusCode": 200})


def _list(world: World, query: Mapping[str, str], lag_s: float) -> Response:
    try:
        page, size = int(query.get("page", "1")), int(query.get("itemsPerPage", str(_PAGE)))
    except ValueError:
        return _refused(400, "The page is not a number.")
    page, size = max(page, 1), min(max(size, 1), _PAGE_MAX)
    search, collection = query.get("search", "").lower(), query.get("collection", "")
    seen_until_s = world.clock.now() - lag_s
    found = [
        video
        for video in world.videos.values()
        if search in video.title.lower()
        and collection in ("", video.collection_id)
        and (not lag_s or video.created_s <= seen_until_s)
    ]
    if query.get("orderBy") == "title":
        found.sort(key=lambda video: video.title)
    else:
        found.sort(key=lambda video: video.created_s, reverse=True)
    items = [told(world, video) for video in found[(page - 1) * size : page * size]]
    return JSONResponse({"totalItems": len(found), "currentPage": page, "itemsPerPage": size, "items": items})


async def _one(world: World, video: Video, method: str, request: Request) -> Response:
    match method:
        case "GET":
            video.looks += 1
            world.advance(video)
            return JSONResponse(told(world, video))
        case "POST":
            title = (await _body(request)).get("title")
            video.title = title if isinstance(title, str) and title else video.title
        case "DELETE":
            world.remove(video.guid)
        case "PUT":
            if video.status not in (Status.CREATED, Status.UPLOAD_FAILED):
                return _refused(400, "The requested video was already uploaded.")
            world.bytes_of(video.guid).write_bytes(await request.body())
            video.status = Status.UPLOADED
            world.spawn(world.look_into(video))
        case _:
            return _refused(405, "Not allowed.")
    return JSONResponse({"success": True, "message": "OK", "statusCode": 200})


async def _body(request: Request) -> Mapping[str, Any]:
    try:
        sent = await request.json()
    except ValueError:
        return {}
    return sent if isinstance(sent, dict) else {}


def _refused(status: int, message: str) -> Response:
    return JSONResponse({"success": False, "message": message, "statusCode": status}, status)
