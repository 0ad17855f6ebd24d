"""The simulator's addresses: the API, playback and the control interface.

Called by `__main__`. Faults and the request log are in `emulator_tests/simulators/application.py`, the answers in
`responses`.
"""

from __future__ import annotations

import hmac

from starlette.requests import Request
from starlette.responses import Response

from emulator_tests.simulators.application import Answer, Application
from emulator_tests.simulators.bunny import control
from emulator_tests.simulators.bunny.errors import refusal
from emulator_tests.simulators.bunny.models import Account
from emulator_tests.simulators.bunny.responses import playback, videos
from emulator_tests.simulators.server import Connections

_CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "Range"}


def application(account: Account, connections: Connections) -> Application:
    """Return the ASGI application."""
    return Application(account, _Service(account), connections, _CORS)


class _Service:
    def __init__(self, account: Account) -> None:
        self._account = account

    def operation(self, method: str, path: str) -> str:
        return _operation(method, path) if path.startswith("/library/") else "play"

    async def control(self, request: Request, path: str) -> Response:
        return await control.answer(self._account, request, path)

    def failed(self, status: int) -> Response:
        return refusal(status, "Internal server error")

    def throttled(self, retry_after_s: int) -> Response:
        return Response("", 429, {"Retry-After": str(retry_after_s)})

    async def keep_moving(self) -> None:
        await self._account.keep_moving()

    def answering(self, request: Request, path: str, lag_s: float) -> Answer:
        account = self._account

        async def answer() -> Response:
            if path.startswith("/library/"):
                return await _answer(account, request, lag_s)
            return await playback.answer(account, request)

        return answer


def _operation(method: str, path: str) -> str:
    """Return the operation of a request, by which faults match it. Pure."""
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


async def _answer(account: Account, request: Request, lag_s: float) -> Response:
    """Check the key of the library, and answer one request to the API."""
    library, *words = request.scope["path"].removeprefix("/library/").split("/")
    if not hmac.compare_digest(request.headers.get("AccessKey", "").encode(), account.api_key.encode()):
        return refusal(401, "Authentication has been denied for this request.")
    if library != str(account.library_id) or words[:1] != ["videos"]:
        return refusal(404, "The requested video library was not found.")
    match (request.method, words[1:]):
        case ("POST", ["fetch"]):
            return await videos.fetch(account, request)
        case ("POST", []):
            return await videos.create(account, request)
        case ("GET", []):
            return videos.listing(account, request.query_params, lag_s)
        case (method, [guid]) if guid in account.videos:
            return await videos.one(account, account.videos[guid], method, request)
        case (_, [_]):
            return refusal(404, "The requested video was not found.")
    return refusal(404, "Not found.")
