"""Findings of `doctor`, and the setup of an account: what it needs, and how that is created."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Health(StrEnum):
    """
    The state of one thing that a deployment needs.
    """

    OK = "ok"
    MADE = "made"
    ABSENT = "absent"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    The finding about one thing that a deployment needs.

    Attributes:
        what: The thing's name, as an operator knows it.
        health: `OK` it exists, `MADE` it was just created, `ABSENT` it is missing but optional, `MISSING` it is missing
            and needed, `UNKNOWN` it could not be checked.
        sentence: What follows from it, and what creates it; empty if all is well.
    """

    what: str
    health: Health
    sentence: str = ""


class Setup(Protocol):
    """
    The setup of one provider account, by an operator. Raises as `Events` does if the provider cannot be asked at all.
    """

    def check(self) -> Sequence[Finding]:
        """
        Tell which of the needed things exist. Repeatable, changes nothing.
        """
        ...

    def make(self) -> Sequence[Finding]:
        """
        Create what can be created from here. Repeatable, by one operator at a time.

        Returns:
            What exists and what was created.
        """
        ...
