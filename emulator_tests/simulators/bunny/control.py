"""The control interface under `/_simulator/`: what exists, what was asked, time, faults.

Called by tests over HTTP, without a key. Speaks JSON only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from emulator_tests.simulators import control
from emulator_tests.simulators.bunny.models import Account
from emulator_tests.simulators.bunny.responses import videos
from emulator_tests.simulators.clock import Readiness
from emulator_tests.simulators.faults import OperationRule


async def answer(account: Account, request: Request, path: str) -> Response:
    """Answer one request to the control interface."""
    return await control.respond(account, request, path, lambda method, name, sent: _route(account, method, name, sent))


def _route(account: Account, method: str, name: str, sent: Mapping[str, Any]) -> Any:
    match (method, name):
        case ("GET", "things"):
            return {
                "videos": [
                    {**videos.video_json(account, one), "fetchedFrom": one.fetched_from}
                    for one in account.videos.values()
                ]
            }
        case ("POST", "clock"):
            return _set_clock(account, sent)
        case ("POST", "reset"):
            account.reset()
            return {}
    return control.answer(account, OperationRule, method, name, sent)


def _set_clock(account: Account, sent: Mapping[str, Any]) -> dict[str, Any]:
    if "ready" in sent:
        rule = Readiness.parse(str(sent["ready"]))
        if "guid" in sent:
            account.videos[str(sent["guid"])].readiness = rule
        else:
            account.readiness = rule
    control.move_clock(account, sent)
    account.tick()
    return control.clock(account)
