"""The table of services and actions: parameters, who may call, whose thing it touches, and what runs.

Filled by the modules of `services` through the `action` decorator; read by `dispatch` and `permissions`. One file per
group of services holds the rows and their special rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: Letters of `roles`: which built-in permission sets hold the action (deployment/permissions in kaltura/server).
OPEN = "O"  # without any KS
USER = "U"  # plain USER KS
WIDGET = "W"  # anonymous widget KS
PLAYBACK = "P"  # PLAYBACK_BASE_ROLE
UPLOAD = "L"  # UPLOAD_BASE_ROLE
IGNORES_KS = "X"  # a KS that is sent is not even looked at

ROLES = {"always": OPEN, "user": USER, "widget": WIDGET, "playback": PLAYBACK, "upload": UPLOAD}
#: How the names of actions begin that change nothing.
_READING = ("get", "list", "count", "search", "isLive", "ping")

#: Takes the call and one keyword per parameter; may be a coroutine function.
Run = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument: its wire name, its keyword, its kind, and its default when it may be left out.

    A kind is a scalar kind, an enumeration, an object type, a filter type, `pager` or `file`.
    """

    name: str
    keyword: str
    kind: str
    required: bool
    default: str | None


@dataclass(frozen=True, slots=True)
class Action:
    """One row of the table.

    Args:
        service: Lower case, with its plugin: `schedule_scheduleevent`.
        name: Lower case.
        label: The two as the API writes them in texts, `media->list`.
        parameters: In the order of the API.
        roles: Letters of the permission sets that hold it; ADMIN sessions hold all.
        owner: `entry:<parameter>` or `asset:<parameter>` when only the owner may call.
        serves_file: Whether it answers with a file.
        run: Takes the call and one keyword per parameter; may be a coroutine function.
    """

    service: str
    name: str
    label: str
    parameters: tuple[Parameter, ...]
    roles: str
    owner: str
    serves_file: bool
    run: Run

    @property
    def reads(self) -> bool:
        """True for an action that changes nothing."""
        return self.label.partition("->")[2].startswith(_READING)


ACTIONS: dict[tuple[str, str], Action] = {}


def action(
    address: str, signature: str = "", *, roles: str = "", owner: str = "", serves_file: bool = False
) -> Callable[[Run], Run]:
    """Enter a function into the table.

    Args:
        address: `service.action` as the API spells it.
        signature: `name: kind` or `name: kind = default`, comma-separated.
        roles: Letters of the permission sets that hold it.
        owner: See `Action`.
        serves_file: See `Action`.
    """
    service, _, name = address.partition(".")

    def enter(run: Run) -> Run:
        row = Action(
            service.lower(), name.lower(), f"{service}->{name}", _parameters(signature), roles, owner, serves_file, run
        )
        ACTIONS[row.service, row.name] = row
        return run

    return enter


def _parameters(signature: str) -> tuple[Parameter, ...]:
    found = []
    for part in filter(None, (each.strip() for each in signature.split(","))):
        head, equals, default = part.partition("=")
        name, _, kind = head.partition(":")
        keyword = re.sub(r"(?<!^)(?=[A-Z])", "_", name.strip()).lower()
        given = None if default.strip() == "null" else default.strip()
        found.append(Parameter(name.strip(), keyword, kind.strip(), not equals, given))
    return tuple(found)
