"""The control interface under `/_simulator/`: what exists, what was asked, time, faults.

Called by tests and the demo over HTTP, without a token. Speaks JSON only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from emulator_tests.simulators import control
from emulator_tests.simulators.clock import Readiness
from emulator_tests.simulators.cloudflare.models import processing
from emulator_tests.simulators.cloudflare.models.account import World
from emulator_tests.simulators.cloudflare.models.video_json import video_json
from emulator_tests.simulators.faults import OperationRule


async def answer(world: World, request: Request, path: str) -> Response:
    """Answer one request to the control interface."""
    return await control.respond(world, request, path, lambda method, name, sent: _route(world, method, name, sent))


def _route(world: World, method: str, name: str, sent: Mapping[str, Any]) -> Any:
    match (method, name):
        case ("GET", "things"):
            return things(world)
        case ("POST", "clock"):
            return _set_clock(world, sent)
        case ("POST", "reset"):
            world.reset()
            return {}
    return control.answer(world, OperationRule, method, name, sent)


def things(world: World) -> dict[str, Any]:
    """Everything that exists, by kind."""
    videos = [
        {**video_json(world, video), "uploadedBytes": video.offset, "uploadLength": video.upload_length}
        for video in world.videos.values()
    ]
    return {
        "videos": videos,
        "keys": list(world.keys),
        "liveInputs": list(world.live_inputs.values()),
        "webhook": None if world.webhook is None else world.webhook.url,
        "storage": {
            "usedMinutes": world.used_s() / 60,
            "reservedMinutes": world.reserved_s() / 60,
            "limitMinutes": world.settings.storage_minutes,
        },
    }


def _set_clock(world: World, sent: Mapping[str, Any]) -> dict[str, Any]:
    if "ready" in sent:
        rule = Readiness.parse(str(sent["ready"]))
        if "uid" in sent:
            world.videos[str(sent["uid"])].readiness = rule
        else:
            world.readiness = rule
    control.move_clock(world, sent)
    processing.tick(world)
    return control.clock(world)
