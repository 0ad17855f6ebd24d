"""The simulator's addresses: the API, upload addresses, playback and the control interface.

The ASGI application that `__main__` serves. Applies faults; keeps the request log. Leaves what an answer says to the
other rooms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from emulator_tests.simulators.cloudflare import api, control, playback, processing, uploads, wire
from emulator_tests.simulators.cloudflare.errors import ApiError, too_many
from emulator_tests.simulators.cloudflare.faults import Rule
from emulator_tests.simulators.cloudflare.world import World
from emulator_tests.simulators.faults import BAD_GATEWAY, Kind
from emulator_tests.simulators.serving import Connections, Receive, Scope, Send

_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET, HEAD, PATCH, PUT, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Range, Tus-Resumable, Upload-Creator, Upload-Length, "
    "Upload-Metadata, Upload-Offset, X-HTTP-Method-Override, X-Requested-With",
    "Access-Control-Expose-Headers": "Location, Tus-Extension, Tus-Max-Size, Tus-Resumable, Tus-Version, "
    "Upload-Length, Upload-Metadata, Upload-Offset, stream-media-id",
    "Access-Control-Max-Age": "86400",
}


class Application:
    """The ASGI application.

    Args:
        world: The account it serves.
        connections: Where the server's protocol reports connections.
    """

    def __init__(self, world: World, connections: Connections) -> None:
        self._world = world
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the server's lifespan or one request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            request = Request(scope, receive)
            host, port = scope["server"]
            self._world.base_url = f"{scope['scheme']}://{host}:{port}"
            try:
                response = await self._answer(request)
            except ClientDisconnect:
                return
            if response is not None:
                for name, value in _CORS.items():
                    response.headers.setdefault(name, value)
                await response(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._world.spawn(processing.keep_moving(self._world))
        self._world.spawn(self._world.late.keep_committing())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in list(self._world.tasks):
            task.cancel()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, request: Request) -> Response | None:
        path = request.scope["path"]
        if path.startswith("/_simulator"):
            return await control.answer(self._world, request, path)
        operation = _operation(request.method, path)
        rule = self._world.faults.hitting(operation)
        response = await self._carry_out(request, path, rule)
        self._world.requests.append(
            {
                "at": self._world.clock.now(),
                "method": request.method,
                "path": path,
                "operation": operation,
                "status": None if response is None else response.status_code,
                "fault": None if rule is None else rule.kind,
            }
        )
        if response is None:
            self._connections.cut((request.client.host, request.client.port) if request.client else ("", 0))
            # Only once the server has noticed may it be left without an answer.
            await asyncio.sleep(0)
        return response

    async def _carry_out(self, request: Request, path: str, rule: Rule | None) -> Response | None:
        """Answer a request as its fault wants; None means the connection is cut instead."""
        answer = self._answering(request, path, 0.0 if rule is None or rule.kind is not Kind.LIST_LAG else rule.after_s)
        if rule is None or rule.kind is Kind.LIST_LAG:
            return await answer()
        match rule.kind:
            case Kind.DROP_BEFORE:
                return None
            case Kind.THROTTLE:
                return wire.refused(too_many(int(rule.after_s)))
            case Kind.DELAY:
                await asyncio.sleep(rule.after_s)
                return await answer()
            case Kind.LATE_COMMIT:
                # What is sent must be read while there is somebody who sends it.
                await request.body()
                self._world.late.hold(answer, rule.after_s)
                return None
            case Kind.STATUS | Kind.HTML | Kind.EMPTY:
                if rule.commits:
                    await answer()
                if rule.kind is Kind.STATUS:
                    return wire.refused(ApiError(rule.status, 10001, "Internal server error"))
                page = BAD_GATEWAY if rule.kind is Kind.HTML else ""
                return Response(page, rule.status if rule.kind is Kind.HTML else 200, media_type="text/html")
        given = await answer()
        if rule.kind is Kind.DUPLICATE:
            await answer()
        elif rule.kind is Kind.TRUNCATED:
            body = bytes(given.body)
            return Response(body[: len(body) // 2], given.status_code, media_type=given.media_type)
        return None if rule.kind is Kind.DROP_AFTER_COMMIT else given

    def _answering(self, request: Request, path: str, lag_s: float) -> Callable[[], Awaitable[Response]]:
        world = self._world

        async def answer() -> Response:
            if path.startswith("/client/v4/"):
                return await api.answer(world, request, lag_s)
            if path.startswith("/tus/"):
                return await uploads.tus(world, request, path.removeprefix("/tus/"))
            if path.startswith("/upload/"):
                return await uploads.form(world, request, path.removeprefix("/upload/"))
            if request.method == "OPTIONS":
                return Response(b"", 204)
            return await playback.answer(world, request)

        return answer


def _operation(method: str, path: str) -> str:
    if path.startswith("/client/v4/"):
        return api.operation_of(method, path)
    if path.startswith("/tus/"):
        return f"tus_{method.lower()}"
    return "upload" if path.startswith("/upload/") else "play"
