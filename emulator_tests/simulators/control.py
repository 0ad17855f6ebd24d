"""The part of the control interface that all simulators share: request log, faults, clock, settings.

Called by each simulator's own `control`, which adds the inspection of what exists.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator_tests.simulators.clock import Clock, Readiness
from emulator_tests.simulators.faults import Faults, Rule
from emulator_tests.simulators.late_requests import Late

Route = Callable[[str, str, Mapping[str, Any]], Any]
"""Maps method, name and JSON body to a result; None means there is no such address."""


class World(Protocol):
    """The part of a simulated account that the control interface uses."""

    clock: Clock
    late: Late
    readiness: Readiness
    settings: Any
    requests: deque[dict[str, Any]]

    @property
    def faults(self) -> Faults[Any]:
        """The rules in force."""
        ...


async def respond(world: World, request: Request, path: str, route: Route) -> Response:
    """Answer one request to a control interface.

    Args:
        world: The account.
        request: Its body is a JSON object or empty.
        path: The request's path.
        route: Answers by method and name.
    """
    name = path.removeprefix("/_simulator").strip("/")
    try:
        sent = await request.json() if await request.body() else {}
        result = route(request.method, name, sent if isinstance(sent, dict) else {})
        await world.late.commit_due()
    except (ValueError, TypeError, KeyError) as error:
        return JSONResponse({"error": str(error)}, 400)
    if result is None:
        return JSONResponse({"error": f"there is no {request.method} {name or '/'}"}, 404)
    return JSONResponse(result)


def answer(world: World, rule_type: type[Rule[Any]], method: str, name: str, sent: Mapping[str, Any]) -> Any:
    """Answer a request for the shared part; None for any other address.

    Raises:
        ValueError, TypeError, KeyError: The request is malformed.
    """
    match (method, name):
        case ("GET", "requests"):
            return list(world.requests)
        case ("DELETE", "requests"):
            world.requests.clear()
            return {}
        case ("GET", "faults"):
            return [dataclasses.asdict(rule) for rule in world.faults.rules]
        case ("POST", "faults"):
            rule = rule_type.parse(sent)
            world.faults.rules.append(rule)
            return dataclasses.asdict(rule)
        case ("DELETE", "faults"):
            world.faults.rules.clear()
            return {}
        case ("GET", "clock"):
            return clock(world)
        case ("GET", "settings"):
            return dataclasses.asdict(world.settings)
        case ("POST", "settings"):
            return _change_settings(world, sent)
    return None


def clock(world: World) -> dict[str, Any]:
    """Return the time and the readiness rule."""
    return {"now": world.clock.now(), "offset_s": world.clock.offset_s, "ready": str(world.readiness)}


def move_clock(world: World, sent: Mapping[str, Any]) -> None:
    """Move the clock as the body says, if it does."""
    if "advance_s" in sent:
        world.clock.advance(float(sent["advance_s"]))
    if "stand_at" in sent:
        world.clock.stop_at(float(sent["stand_at"]))


def _change_settings(world: World, sent: Mapping[str, Any]) -> dict[str, Any]:
    known = {each.name for each in dataclasses.fields(world.settings)}
    for key, value in sent.items():
        if key not in known:
            raise KeyError(f"there is no setting {key}")
        setattr(world.settings, key, tuple(value) if isinstance(value, list) else value)
    return dataclasses.asdict(world.settings)
