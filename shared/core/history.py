"""The states that a thing has been in, with their times, kept short.

Called by the `model` of every subject; leaves to them which states there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

HISTORY_MAX: Final = 20
"""Entries kept: enough to tell a story, few enough to read with every look."""


@dataclass(frozen=True, slots=True)
class Moment:
    """
    From then on it was in this state.
    """

    state: str
    at: datetime


History = tuple[Moment, ...]


def moved(history: History, state: str, at: datetime) -> History:
    """
    The history with one more state, without repeating the last. Pure.
    """
    if history and history[-1].state == state:
        return history
    return (*history, Moment(state, at))[-HISTORY_MAX:]


def history_fields(history: History) -> list[dict[str, Any]]:
    """
    The document form: `[{state, at}]`. Pure.
    """
    return [{"state": moment.state, "at": moment.at} for moment in history]


def history_from(fields: Sequence[Mapping[str, Any]]) -> History:
    """
    Read back what `history_fields` wrote. Pure.
    """
    return tuple(Moment(entry["state"], entry["at"]) for entry in fields)
