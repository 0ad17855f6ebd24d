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


class Account(Protocol):
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


async def respond(account: Account, request: Request, path: str, route: Route) -> Response:
    """Answer one request to a control interface.

    Args:
        account: The simulated account.
        request: Its body is a JSON object or empty.
        path: The request's path.
        route: Answers by method and name.
    """
    name = path.removeprefix("/_simulator").strip("/")
    try:
        sent = await request.json() if await request.body() else {}
        result = route(request.method, name, sent if isinstance(sent, dict) else {})
        await account.late.commit_due()
    except (ValueError, TypeError, KeyError) as error:
        return JSONResponse({"error": str(error)}, 400)
    if result is None:
        return JSONResponse({"error": f"there is no {request.method} {name or '/'}"}, 404)
    return JSONResponse(result)


def answer(account: Account, rule_type: type[Rule[Any]], method: str, name: str, sent: Mapping[str, Any]) -> Any:
    """Answer a request for the shared part; None for any other address.

    Raises:
        ValueError, TypeError, KeyError: The request is malformed.
    """
    match (method, name):
        case ("GET", "requests"):
            return list(account.requests)
        case ("DELETE", "requests"):
            account.requests.clear()
            return {}
        case ("GET", "faults"):
            return [dataclasses.asdict(rule) for rule in account.faults.rules]
        case ("POST", "faults"):
            rule = rule_type.parse(sent)
            account.faults.rules.append(rule)
            return dataclasses.asdict(rule)
        case ("DELETE", "faults"):
            account.faults.rules.clear()
            return {}
        case ("GET", "clock"):
            return clock(account)
        case ("GET", "settings"):
            return dataclasses.asdict(account.settings)
        case ("POST", "settings"):
            return _change_settings(account, sent)
    return None


def clock(account: Account) -> dict[str, Any]:
    """Return the time and the readiness rule."""
    return {"now": account.clock.now(), "offset_s": account.clock.offset_s, "ready": str(account.readiness)}


def move_clock(account: Account, sent: Mapping[str, Any]) -> None:
    """Move the clock as the body says, if it does."""
    if "advance_s" in sent:
        account.clock.advance(float(sent["advance_s"]))
    if "stand_at" in sent:
        account.clock.stop_at(float(sent["stand_at"]))


def _change_settings(account: Account, sent: Mapping[str, Any]) -> dict[str, Any]:
    known = {each.name for each in dataclasses.fields(account.settings)}
    for key, value in sent.items():
        if key not in known:
            raise KeyError(f"there is no setting {key}")
        setattr(account.settings, key, tuple(value) if isinstance(value, list) else value)
    return dataclasses.asdict(account.settings)
