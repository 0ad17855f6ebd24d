"""The faults of Cloudflare's requests, each of which is one operation.

Called by `urls` and `control`. Leaves to `emulator_tests/simulators/faults.py` when a rule strikes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from emulator_tests.simulators import faults
from emulator_tests.simulators.faults import Kind


@dataclass(slots=True, kw_only=True)
class Rule(faults.Rule[str]):
    """One fault; the seconds of `throttle` are those of Retry-After.

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
        """Whether a request is of its operation."""
        return self.operation in ("", asked)
