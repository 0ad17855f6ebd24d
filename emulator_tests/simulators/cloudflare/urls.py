"""The simulator's addresses: the API, upload addresses, playback and the control interface.

Called by `__main__`. Faults and the request log are in `emulator_tests/simulators/application.py`, the answers in
`responses`.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from emulator_tests.simulators.application import Answer, Application
from emulator_tests.simulators.cloudflare import control
from emulator_tests.simulators.cloudflare.errors import ApiError, not_found, too_many, unauthorized
from emulator_tests.simulators.cloudflare.models import processing
from emulator_tests.simulators.cloudflare.models.account import Account
from emulator_tests.simulators.cloudflare.models.video import Video
from emulator_tests.simulators.cloudflare.models.video_json import video_json
from emulator_tests.simulators.cloudflare.responses import (
    account_settings,
    downloads,
    envelope,
    fields,
    keys,
    live_inputs,
    playback,
    uploads,
    videos,
)
from emulator_tests.simulators.server import Connections

_ROOT = "/client/v4/accounts/"
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET, HEAD, PATCH, PUT, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Range, Tus-Resumable, Upload-Creator, Upload-Length, "
    "Upload-Metadata, Upload-Offset, X-HTTP-Method-Override, X-Requested-With",
    "Access-Control-Expose-Headers": "Location, Tus-Extension, Tus-Max-Size, Tus-Resumable, Tus-Version, "
    "Upload-Length, Upload-Metadata, Upload-Offset, stream-media-id",
    "Access-Control-Max-Age": "86400",
}


def application(account: Account, connections: Connections) -> Application:
    """Return the ASGI application."""
    return Application(account, _Service(account), connections, _CORS)


class _Service:
    def __init__(self, account: Account) -> None:
        self._account = account

    def operation(self, method: str, path: str) -> str:
        if path.startswith("/client/v4/"):
            return _operation(method, path)
        if path.startswith("/tus/"):
            return f"tus_{method.lower()}"
        return "upload" if path.startswith("/upload/") else "play"

    async def control(self, request: Request, path: str) -> Response:
        return await control.answer(self._account, request, path)

    def failed(self, status: int) -> Response:
        return envelope.failure(ApiError(status, 10001, "Internal server error"))

    def throttled(self, retry_after_s: int) -> Response:
        return envelope.failure(too_many(retry_after_s))

    async def keep_moving(self) -> None:
        await processing.keep_moving(self._account)

    def answering(self, request: Request, path: str, lag_s: float) -> Answer:
        account = self._account

        async def answer() -> Response:
            if path.startswith("/client/v4/"):
                return await _answer(account, request, lag_s)
            if path.startswith("/tus/"):
                return await uploads.tus(account, request, path.removeprefix("/tus/"))
            if path.startswith("/upload/"):
                return await uploads.form(account, request, path.removeprefix("/upload/"))
            if request.method == "OPTIONS":
                return Response(b"", 204)
            return await playback.answer(account, request)

        return answer


def _operation(method: str, path: str) -> str:
    """Return the operation of a request, by which faults match it. Pure."""
    words = path.removeprefix(_ROOT).strip("/").split("/")[1:]
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


async def _answer(account: Account, request: Request, lag_s: float) -> Response:
    """Check the API token, and answer one request to the API."""
    try:
        account_id, *words = request.scope["path"].removeprefix(_ROOT).strip("/").split("/")
        token = request.headers.get("authorization", "")
        if (
            account_id != account.account_id
            or token.removeprefix("Bearer ").removeprefix("bearer ") != account.api_token
        ):
            raise unauthorized()
        if words[:1] != ["stream"]:
            raise not_found()
        return await _route(account, request, words[1:], lag_s)
    except ApiError as error:
        return envelope.failure(error)


async def _route(account: Account, request: Request, words: list[str], lag_s: float) -> Response:
    """Call what answers the path after `/stream`."""
    base_url = str(request.base_url).rstrip("/")
    match (request.method, words):
        case ("POST", []):
            return await videos.create(account, request, base_url)
        case ("GET", []):
            return videos.listing(account, request, lag_s)
        case ("POST", ["direct_upload"]):
            creator = request.headers.get("upload-creator")
            return envelope.success(uploads.create_by_form(account, await fields.body(request), creator, base_url))
        case ("POST", ["copy"]):
            return envelope.success(
                videos.copy(account, await fields.body(request), request.headers.get("upload-creator"))
            )
        case ("GET", ["storage-usage"]):
            return envelope.success(account_settings.storage_usage(account, request.query_params.get("creator")))
        case (_, ["keys", *rest]):
            return envelope.success(keys.keys(account, request.method, rest))
        case (_, ["webhook"]):
            return envelope.success(await account_settings.webhook(account, request))
        case (_, ["live_inputs", *rest]):
            return envelope.success(await live_inputs.live_inputs(account, request, rest))
        case ("POST", [uid, "token"]):
            return envelope.success({"token": keys.token(account, _known(account, uid), await fields.body(request))})
        case (_, [uid, "downloads", *rest]):
            return envelope.success(downloads.downloads(account, _known(account, uid), request.method, rest))
        case ("GET", [uid]):
            found = _known(account, uid)
            processing.count_read(account, found)
            return envelope.success(video_json(account, found))
        case ("POST", [uid]):
            return envelope.success(
                video_json(account, videos.edit(account, _known(account, uid), await fields.body(request)))
            )
        case ("DELETE", [uid]):
            account.remove(_known(account, uid).uid)
            return envelope.success("")
    raise not_found()


def _known(account: Account, uid: str) -> Video:
    found = account.videos.get(uid)
    if found is None:
        raise not_found()
    return found
