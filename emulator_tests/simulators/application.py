"""The ASGI application of a simulator: applies faults, keeps the request log, and leaves the answers to a `Service`.

Created by each simulator's `urls` and served by its `__main__`. Kaltura's `urls` has an application of its own, because
a fault there may concern one of several calls in a request.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from emulator_tests.simulators.clock import Clock
from emulator_tests.simulators.faults import BAD_GATEWAY, Faults, Kind, Rule
from emulator_tests.simulators.late_requests import Late
from emulator_tests.simulators.server import Connections, Receive, Scope, Send

LOGGED_REQUESTS = 200_000

Answer = Callable[[], Awaitable[Response]]


class Account(Protocol):
    """The part of a simulated account that the application uses."""

    base_url: str
    clock: Clock
    late: Late
    requests: deque[dict[str, Any]]
    tasks: set[asyncio.Task[None]]

    @property
    def faults(self) -> Faults[Any]:
        """The rules in force."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the requests, until it ends or the simulator stops."""
        ...


class Service(Protocol):
    """The answers of one simulator."""

    def operation(self, method: str, path: str) -> str:
        """Return the operation of a request, the name in fault rules and in the request log."""
        ...

    def answering(self, request: Request, path: str, lag_s: float) -> Answer:
        """Return the function that answers a request; lists lag behind by `lag_s`."""
        ...

    async def control(self, request: Request, path: str) -> Response:
        """Answer a request to the control interface."""
        ...

    def failed(self, status: int) -> Response:
        """Return the answer of a server that has failed."""
        ...

    def throttled(self, retry_after_s: int) -> Response:
        """Return the answer to a client that has sent too many requests."""
        ...

    async def keep_moving(self) -> None:
        """Let time pass while nobody asks; never returns."""
        ...


class Application:
    """The ASGI application.

    Args:
        account: The account to serve.
        service: The answers.
        connections: Where the server's protocol reports connections.
        headers: Added to every answer that lacks them.
    """

    def __init__(
        self, account: Account, service: Service, connections: Connections, headers: Mapping[str, str]
    ) -> None:
        self._account = account
        self._service = service
        self._connections = connections
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the server's lifespan or one request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            request = Request(scope, receive)
            host, port = scope["server"]
            self._account.base_url = f"{scope['scheme']}://{host}:{port}"
            try:
                response = await self._answer(request)
            except ClientDisconnect:
                return
            if response is not None:
                for name, value in self._headers.items():
                    response.headers.setdefault(name, value)
                await response(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._account.spawn(self._service.keep_moving())
        self._account.spawn(self._account.late.keep_committing())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in list(self._account.tasks):
            task.cancel()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, request: Request) -> Response | None:
        path = request.scope["path"]
        if path.startswith("/_simulator"):
            return await self._service.control(request, path)
        operation = self._service.operation(request.method, path)
        rule = self._account.faults.hitting(operation)
        response = await self._carry_out(request, path, rule)
        self._account.requests.append(
            {
                "at": self._account.clock.now(),
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

    async def _carry_out(self, request: Request, path: str, rule: Rule[Any] | None) -> Response | None:
        """Answer a request as its fault wants; None means the connection is cut instead."""
        answer = self._service.answering(
            request, path, 0.0 if rule is None or rule.kind is not Kind.LIST_LAG else rule.after_s
        )
        if rule is None or rule.kind is Kind.LIST_LAG:
            return await answer()
        match rule.kind:
            case Kind.DROP_BEFORE:
                return None
            case Kind.THROTTLE:
                return self._service.throttled(int(rule.after_s))
            case Kind.DELAY:
                await asyncio.sleep(rule.after_s)
                return await answer()
            case Kind.LATE_COMMIT:
                # Read the body while the client is still connected.
                await request.body()
                self._account.late.hold(answer, rule.after_s)
                return None
            case Kind.STATUS | Kind.HTML | Kind.EMPTY:
                if rule.commits:
                    await answer()
                if rule.kind is Kind.STATUS:
                    return self._service.failed(rule.status)
                page = BAD_GATEWAY if rule.kind is Kind.HTML else ""
                return Response(page, rule.status if rule.kind is Kind.HTML else 200, media_type="text/html")
        given = await answer()
        if rule.kind is Kind.DUPLICATE:
            await answer()
        elif rule.kind is Kind.TRUNCATED:
            body = bytes(given.body)
            return Response(body[: len(body) // 2], given.status_code, media_type=given.media_type)
        return None if rule.kind is Kind.DROP_AFTER_COMMIT else given
