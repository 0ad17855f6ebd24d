"""What an account must have, and how it is created."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Health(StrEnum):
    """
    How something stands that an account needs.
    """

    OK = "ok"
    MADE = "made"
    ABSENT = "absent"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    What was found of one thing that an account needs.

    Attributes:
        what: Its name, as an operator knows it.
        health: There, just made, not there and can be done without, not there and needed.
        sentence: What follows, and what creates it; empty where all is well.
    """

    what: str
    health: Health
    sentence: str = ""


class Setup(Protocol):
    """
    One provider account, as an operator sets it up. Raises as `Events` does where the provider cannot be asked at all.
    """

    def check(self) -> Sequence[Finding]:
        """
        What of all that is needed is there. Repeatable, changes nothing.
        """
        ...

    def make(self) -> Sequence[Finding]:
        """
        Make what can be made from here. Repeatable, by one operator at a time.

        Returns:
            What was found and made of that.
        """
        ...
