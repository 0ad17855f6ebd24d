"""The simulator's addresses: the API, playback, thumbnails and the control interface.

The ASGI application that `__main__` serves. Routes by the normalised path, as the real web server does, while the raw
one is what urirestrict sees; applies faults; keeps the request log. The answers are in `responses`.
"""

from __future__ import annotations

import asyncio
import os
import posixpath
import time
from functools import partial

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from emulator_tests.simulators.faults import BAD_GATEWAY, Kind
from emulator_tests.simulators.kaltura import control
from emulator_tests.simulators.kaltura.models import processing
from emulator_tests.simulators.kaltura.models.account import Account
from emulator_tests.simulators.kaltura.models.faults import Rule
from emulator_tests.simulators.kaltura.responses import dispatch, playback, requests
from emulator_tests.simulators.kaltura.responses.dispatch import Answer, Exchange
from emulator_tests.simulators.server import Connections, Receive, Scope, Send

_PREFLIGHT = {
    "Access-Control-Allow-Headers": "Origin, X-Requested-With, Content-Type, Accept, Range, Cache-Control",
    "Access-Control-Allow-Methods": "POST, GET, HEAD, OPTIONS",
    "Access-Control-Max-Age": "86400",
}


class Application:
    """The ASGI application.

    Args:
        account: The account to serve.
        connections: Where the server's protocol reports connections.
    """

    def __init__(self, account: Account, connections: Connections) -> None:
        self._account = account
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the server's lifespan or one request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            request = Request(scope, receive)
            response = await self._answer(request)
            if response is not None:
                response.headers["Access-Control-Allow-Origin"] = "*"
                await response(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._account.spawn(processing.keep_moving(self._account))
        processing.reschedule(self._account)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in list(self._account.tasks):
            task.cancel()
        self._account.store.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, request: Request) -> Response | None:
        path = posixpath.normpath("/" + request.scope["path"].lstrip("/"))
        if request.method == "OPTIONS":
            return Response(b"", 200, _PREFLIGHT)
        if path.startswith("/_simulator"):
            return await control.answer(self._account, request, path)
        if path.startswith("/api_v3"):
            try:
                return await self._api(request, path)
            except ClientDisconnect:
                return None
        served = await playback.answer(self._account, request, path)
        return served if served is not None else Response("Not Found", 404)

    async def _api(self, request: Request, path: str) -> Response | None:
        peer = (request.client.host, request.client.port) if request.client else ("", 0)
        connection = self._connections.number(peer)
        parsed = await requests.read_request(request, path)
        rule = self._account.faults.hitting(dispatch.addresses_of(parsed))
        exchange = self._exchange(request, peer[0], rule)
        started_at = self._account.clock.now()
        answer = await self._carry_out(exchange, parsed, rule)
        if rule is None or rule.kind is not Kind.LATE_COMMIT:
            # The files that came with it.
            await request.close()
        self._account.requests.append(
            {
                "at": started_at,
                "connection": connection,
                "method": request.method,
                "path": path,
                "fault": rule.kind if rule else None,
                "service": parsed.parameters.get("service"),
                "action": parsed.parameters.get("action"),
                "parts": [
                    {
                        "service": part.service,
                        "action": part.action,
                        "user": part.user,
                        "sessionType": part.session_type,
                        "error": part.error or None,
                    }
                    for part in exchange.parts
                ],
            }
        )
        if answer is None:
            self._connections.cut(peer)
            # Only once the server has noticed may it be left without an answer.
            await asyncio.sleep(0)
            return None
        answer.response.headers["X-Me"] = "simulator"
        answer.response.headers["X-Kaltura-Session"] = f"{os.getpid():x}{connection:06x}, {int(time.time())}"
        return answer.response

    def _exchange(self, request: Request, address: str, rule: Rule | None) -> Exchange:
        raw = request.scope["raw_path"].decode("latin-1")
        query = request.scope["query_string"].decode("latin-1")
        exchange = Exchange(
            account=self._account,
            base_url=f"{request.url.scheme}://{request.headers.get('host', '')}",
            raw_uri=f"{raw}?{query}" if query else raw,
            remote_address=address,
        )
        if rule is not None:
            exchange.forced_service, exchange.forced_action = rule.service, rule.action
            if rule.kind is Kind.THROTTLE:
                exchange.forced_error = "ACTION_BLOCKED"
            elif rule.kind is Kind.ERROR:
                exchange.forced_error = rule.code
            elif rule.kind is Kind.LIST_LAG:
                exchange.lag_s = rule.after_s
        return exchange

    async def _carry_out(self, exchange: Exchange, parsed: requests.Parsed, rule: Rule | None) -> Answer | None:
        """Answer a request as its fault wants; None means the connection is cut instead."""
        kind = rule.kind if rule else None
        if rule is None or kind in (Kind.THROTTLE, Kind.ERROR, Kind.LIST_LAG):
            return await dispatch.answer(exchange, parsed)
        if kind is Kind.DROP_BEFORE:
            return None
        if kind is Kind.LATE_COMMIT:
            # Its session is judged as of now.
            exchange.arrived_at_s = self._account.clock.now()
            self._account.late.hold(partial(dispatch.answer, exchange, parsed), rule.after_s)
            return None
        if kind is Kind.DELAY:
            await asyncio.sleep(rule.after_s)
            return await dispatch.answer(exchange, parsed)
        if kind in (Kind.HTML, Kind.EMPTY):
            if rule.commits:
                await dispatch.answer(exchange, parsed)
            page = BAD_GATEWAY if kind is Kind.HTML else ""
            status = rule.status if kind is Kind.HTML else 200
            return Answer(Response(page, status, media_type="text/html"))
        answer = await dispatch.answer(exchange, parsed)
        if kind is Kind.DUPLICATE:
            await dispatch.answer(exchange, parsed)
        elif kind is Kind.STATUS:
            answer.response.status_code = rule.status
        elif kind is Kind.TRUNCATED:
            body = bytes(answer.response.body)
            return Answer(Response(body[: len(body) // 2], media_type=answer.response.media_type))
        return None if kind is Kind.DROP_AFTER_COMMIT else answer
