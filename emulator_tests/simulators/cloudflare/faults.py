"""Faults on request: what the real service and the network between do now and then.

Rules come over the control interface; `urls` asks for the rule that hits each request. A rule counts the requests it
matches and strikes from the `nth` for `times` of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What happens to the request."""

    STATUS = "status"
    HTML = "html"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    DELAY = "delay"
    DROP_BEFORE = "drop_before"
    DROP_AFTER_COMMIT = "drop_after_commit"
    LATE_COMMIT = "late_commit"
    DUPLICATE = "duplicate"
    THROTTLE = "throttle"
    LIST_LAG = "list_lag"


@dataclass(slots=True)
class Rule:
    """One fault.

    Args:
        kind: What happens.
        operation: Which operation it hits, such as `create`; empty for any.
        nth: First matching request it strikes, counted from 1.
        times: How many it strikes; 0 for ever.
        status: HTTP status of `status` and `html`.
        commits: Whether a request answered with `status`, `html` or nothing was carried out all the same.
        after_s: Seconds of `delay`, `late_commit` and `list_lag`; of `throttle` those of Retry-After.
    """

    kind: Kind
    operation: str = ""
    nth: int = 1
    times: int = 1
    status: int = 500
    commits: bool = False
    after_s: float = 1.0
    seen: int = field(default=0)

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Rule:
        """Read a rule as the control interface takes it.

        Raises:
            ValueError: The kind is unknown or a number is none.
        """
        match = raw.get("match") or {}
        return cls(
            kind=Kind(str(raw.get("kind"))),
            operation=str(match.get("operation", "")),
            nth=int(match.get("nth", 1)),
            times=int(match.get("times", 1)),
            status=int(raw.get("status", 502 if raw.get("kind") == Kind.HTML else 500)),
            commits=bool(raw.get("commits", False)),
            after_s=float(raw.get("after_s", 1.0)),
        )

    def strikes(self, operation: str) -> bool:
        """Count a request; whether the rule strikes it."""
        if self.operation not in ("", operation):
            return False
        self.seen += 1
        return self.seen >= self.nth and (self.times == 0 or self.seen < self.nth + self.times)


class Faults:
    """The rules in force."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def hitting(self, operation: str) -> Rule | None:
        """The first rule that strikes this request; every rule counts it."""
        struck = [rule for rule in self.rules if rule.strikes(operation)]
        return struck[0] if struck else None
