"""The control interface under `/_simulator/`: what exists, what was asked, time, faults.

Called by tests over HTTP, without a key. Speaks JSON only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from emulator_tests.simulators import bookkeeping
from emulator_tests.simulators.bunny import api
from emulator_tests.simulators.bunny.world import World
from emulator_tests.simulators.clockwork import Readiness
from emulator_tests.simulators.faults import OperationRule


async def answer(world: World, request: Request, path: str) -> Response:
    """Answer one request to the control interface."""
    return await bookkeeping.respond(world, request, path, lambda method, name, sent: _route(world, method, name, sent))


def _route(world: World, method: str, name: str, sent: Mapping[str, Any]) -> Any:
    match (method, name):
        case ("GET", "things"):
            return {
                "videos": [{**api.told(world, one), "fetchedFrom": one.fetched_from} for one in world.videos.values()]
            }
        case ("POST", "clock"):
            return _set_clock(world, sent)
        case ("POST", "reset"):
            world.reset()
            return {}
    return bookkeeping.answer(world, OperationRule, method, name, sent)


def _set_clock(world: World, sent: Mapping[str, Any]) -> dict[str, Any]:
    if "ready" in sent:
        rule = Readiness.parse(str(sent["ready"]))
        if "guid" in sent:
            world.videos[str(sent["guid"])].readiness = rule
        else:
            world.readiness = rule
    bookkeeping.move_clock(world, sent)
    world.tick()
    return bookkeeping.clock(world)
