"""Faults that tests inject: errors, delays and cut connections, as the real service and the network produce them.

Rules arrive over the control interface; each simulator's `urls` asks for the rule that applies to a request. A rule
counts the requests it matches and applies from the `nth` for `times` of them. Each simulator names its own operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Final, Generic, Self, TypeVar

Asked = TypeVar("Asked")

BAD_GATEWAY: Final = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


class Kind(StrEnum):
    """The kinds of fault."""

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
    ERROR = "error"
    LIST_LAG = "list_lag"


@dataclass(slots=True, kw_only=True)
class Rule(Generic[Asked]):
    """One fault.

    Args:
        kind: What happens.
        nth: First matching request it strikes, counted from 1.
        times: How many it strikes; 0 for ever.
        status: HTTP status of `status` and `html`.
        commits: Whether a request that gets no answer of its own was carried out all the same.
        after_s: Seconds of `delay`, `late_commit` and `list_lag`.
        seen: How many matching requests there were.
    """

    #: The kinds that the simulator has.
    kinds: ClassVar[frozenset[Kind]] = frozenset(Kind)

    kind: Kind
    nth: int = 1
    times: int = 1
    status: int = 500
    commits: bool = False
    after_s: float = 1.0
    seen: int = 0

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Self:
        """Read a rule as the control interface takes it.

        Raises:
            ValueError: The kind is unknown or a number is malformed.
        """
        match = raw.get("match") or {}
        kind = Kind(str(raw.get("kind")))
        if kind not in cls.kinds:
            raise ValueError(f"{kind} is not a fault of this simulator")
        return cls(
            kind=kind,
            nth=int(match.get("nth", 1)),
            times=int(match.get("times", 1)),
            status=int(raw.get("status", 502 if kind is Kind.HTML else 500)),
            commits=bool(raw.get("commits", False)),
            after_s=float(raw.get("after_s", 1.0)),
            **cls.own(raw, match),
        )

    @classmethod
    def own(cls, raw: Mapping[str, Any], match: Mapping[str, Any]) -> dict[str, Any]:
        """The fields that the simulator adds, as the control interface takes them."""
        raise NotImplementedError

    def matches(self, asked: Asked) -> bool:
        """Return whether a request is one that the rule is about."""
        raise NotImplementedError

    def strikes(self, asked: Asked) -> bool:
        """Count a request; whether the rule strikes it."""
        if not self.matches(asked):
            return False
        self.seen += 1
        return self.seen >= self.nth and (self.times == 0 or self.seen < self.nth + self.times)


@dataclass(slots=True, kw_only=True)
class OperationRule(Rule[str]):
    """One fault where each request is one operation; the seconds of `throttle` are those of Retry-After.

    Args:
        operation: Which operation it hits, such as `create`; empty for any.
    """

    kinds: ClassVar[frozenset[Kind]] = frozenset(Kind) - {Kind.ERROR}

    operation: str = ""

    @classmethod
    def own(cls, raw: Mapping[str, Any], match: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG003  # as others have it
        """The operation."""
        return {"operation": str(match.get("operation", ""))}

    def matches(self, asked: str) -> bool:
        """Return whether a request is of its operation."""
        return self.operation in ("", asked)


R = TypeVar("R", bound=Rule[Any])


class Faults(Generic[R]):
    """The rules in force."""

    def __init__(self) -> None:
        self.rules: list[R] = []

    def hitting(self, asked: Any) -> R | None:
        """The first rule that strikes this request; every rule counts it."""
        struck = [rule for rule in self.rules if rule.strikes(asked)]
        return struck[0] if struck else None
