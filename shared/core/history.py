"""The history of a thing's states, with times, limited in length.

Called by the `model` of every resource; leaves the set of states to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

HISTORY_MAX: Final = 20
"""Entries kept: enough to see what happened, few enough to read with every reconciliation."""


@dataclass(frozen=True, slots=True)
class Moment:
    """
    One entry: the thing was in this state from this time on.
    """

    state: str
    at: datetime


History = tuple[Moment, ...]


def moved(history: History, state: str, at: datetime) -> History:
    """
    Return the history with one more state; the same state twice in a row is not repeated. Pure.
    """
    if history and history[-1].state == state:
        return history
    return (*history, Moment(state, at))[-HISTORY_MAX:]


def history_fields(history: History) -> list[dict[str, Any]]:
    """
    Return the document form: `[{state, at}]`. Pure.
    """
    return [{"state": moment.state, "at": moment.at} for moment in history]


def history_from(fields: Sequence[Mapping[str, Any]]) -> History:
    """
    Parse the document form that `history_fields` wrote. Pure.
    """
    return tuple(Moment(entry["state"], entry["at"]) for entry in fields)
