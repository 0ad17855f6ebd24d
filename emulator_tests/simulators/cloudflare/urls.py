"""The simulator's addresses: the API, upload addresses, playback and the control interface.

Made by `__main__`. Leaves faults and the request log to `emulator_tests/simulators/answering.py`, and what an answer
says to the other rooms.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from emulator_tests.simulators.application import Answer, Application
from emulator_tests.simulators.cloudflare import control
from emulator_tests.simulators.cloudflare.errors import ApiError, too_many
from emulator_tests.simulators.cloudflare.models import processing
from emulator_tests.simulators.cloudflare.models.account import World
from emulator_tests.simulators.cloudflare.responses import fields, playback, uploads, videos
from emulator_tests.simulators.server import Connections

_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET, HEAD, PATCH, PUT, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Range, Tus-Resumable, Upload-Creator, Upload-Length, "
    "Upload-Metadata, Upload-Offset, X-HTTP-Method-Override, X-Requested-With",
    "Access-Control-Expose-Headers": "Location, Tus-Extension, Tus-Max-Size, Tus-Resumable, Tus-Version, "
    "Upload-Length, Upload-Metadata, Upload-Offset, stream-media-id",
    "Access-Control-Max-Age": "86400",
}


def application(world: World, connections: Connections) -> Application:
    """What `__main__` serves."""
    return Application(world, _Service(world), connections, _CORS)


class _Service:
    def __init__(self, world: World) -> None:
        self._world = world

    def operation(self, method: str, path: str) -> str:
        if path.startswith("/client/v4/"):
            return videos.operation_of(method, path)
        if path.startswith("/tus/"):
            return f"tus_{method.lower()}"
        return "upload" if path.startswith("/upload/") else "play"

    async def control(self, request: Request, path: str) -> Response:
        return await control.answer(self._world, request, path)

    def failed(self, status: int) -> Response:
        return fields.refused(ApiError(status, 10001, "Internal server error"))

    def throttled(self, retry_after_s: int) -> Response:
        return fields.refused(too_many(retry_after_s))

    async def keep_moving(self) -> None:
        await processing.keep_moving(self._world)

    def answering(self, request: Request, path: str, lag_s: float) -> Answer:
        world = self._world

        async def answer() -> Response:
            if path.startswith("/client/v4/"):
                return await videos.answer(world, request, lag_s)
            if path.startswith("/tus/"):
                return await uploads.tus(world, request, path.removeprefix("/tus/"))
            if path.startswith("/upload/"):
                return await uploads.form(world, request, path.removeprefix("/upload/"))
            if request.method == "OPTIONS":
                return Response(b"", 204)
            return await playback.answer(world, request)

        return answer
