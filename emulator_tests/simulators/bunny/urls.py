"""The simulator's addresses: the API, playback and the control interface.

Made by `__main__`. Leaves faults and the request log to `emulator_tests/simulators/answering.py`, and what an answer
says to the other rooms.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator_tests.simulators.application import Answer, Application
from emulator_tests.simulators.bunny import control
from emulator_tests.simulators.bunny.models import World
from emulator_tests.simulators.bunny.responses import playback, videos
from emulator_tests.simulators.server import Connections

_CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "Range"}


def application(world: World, connections: Connections) -> Application:
    """What `__main__` serves."""
    return Application(world, _Service(world), connections, _CORS)


class _Service:
    def __init__(self, world: World) -> None:
        self._world = world

    def operation(self, method: str, path: str) -> str:
        return videos.operation_of(method, path) if path.startswith("/library/") else "play"

    async def control(self, request: Request, path: str) -> Response:
        return await control.answer(self._world, request, path)

    def failed(self, status: int) -> Response:
        return JSONResponse({"success": False, "message": "Internal server error", "statusCode": status}, status)

    def throttled(self, retry_after_s: int) -> Response:
        return Response("", 429, {"Retry-After": str(retry_after_s)})

    async def keep_moving(self) -> None:
        await self._world.keep_moving()

    def answering(self, request: Request, path: str, lag_s: float) -> Answer:
        world = self._world

        async def answer() -> Response:
            if path.startswith("/library/"):
                return await videos.answer(world, request, lag_s)
            return await playback.answer(world, request)

        return answer
