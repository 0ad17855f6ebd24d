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
from emulator_tests.simulators.cloudflare.models.account import Account
from emulator_tests.simulators.cloudflare.models.video_json import video_json
from emulator_tests.simulators.faults import OperationRule


async def answer(account: Account, request: Request, path: str) -> Response:
    """Answer one request to the control interface."""
    return await control.respond(account, request, path, lambda method, name, sent: _route(account, method, name, sent))


def _route(account: Account, method: str, name: str, sent: Mapping[str, Any]) -> Any:
    match (method, name):
        case ("GET", "things"):
            return things(account)
        case ("POST", "clock"):
            return _set_clock(account, sent)
        case ("POST", "reset"):
            account.reset()
            return {}
    return control.answer(account, OperationRule, method, name, sent)


def things(account: Account) -> dict[str, Any]:
    """Everything that exists, by kind."""
    videos = [
        {**video_json(account, video), "uploadedBytes": video.offset, "uploadLength": video.upload_length}
        for video in account.videos.values()
    ]
    return {
        "videos": videos,
        "keys": list(account.keys),
        "liveInputs": list(account.live_inputs.values()),
        "webhook": None if account.webhook is None else account.webhook.url,
        "storage": {
            "usedMinutes": account.used_s() / 60,
            "reservedMinutes": account.reserved_s() / 60,
            "limitMinutes": account.settings.storage_minutes,
        },
    }


def _set_clock(account: Account, sent: Mapping[str, Any]) -> dict[str, Any]:
    if "ready" in sent:
        rule = Readiness.parse(str(sent["ready"]))
        if "uid" in sent:
            account.videos[str(sent["uid"])].readiness = rule
        else:
            account.readiness = rule
    control.move_clock(account, sent)
    processing.tick(account)
    return control.clock(account)
