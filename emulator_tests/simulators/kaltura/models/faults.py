"""The faults of Kaltura's requests, which have a service and an action for each of their parts.

Called by `urls` and `control`. Leaves to `emulator_tests/simulators/faults.py` when a rule strikes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emulator_tests.simulators import faults

Addresses = list[tuple[str, str]]
"""Service and action of each part of a request."""


@dataclass(slots=True, kw_only=True)
class Rule(faults.Rule[Addresses]):
    """One fault; `status` answers the right body all the same.

    Args:
        service: Service it hits, lower case; empty for any.
        action: Action it hits, lower case; empty for any.
        code: API error of `error`.
    """

    service: str = ""
    action: str = ""
    code: str = "INTERNAL_SERVER_ERROR"

    @classmethod
    def own(cls, raw: Mapping[str, Any], match: Mapping[str, Any]) -> dict[str, Any]:
        """Service, action and code."""
        return {
            "service": str(match.get("service", "")).lower(),
            "action": str(match.get("action", "")).lower(),
            "code": str(raw.get("code", "INTERNAL_SERVER_ERROR")),
        }

    def matches(self, asked: Addresses) -> bool:
        """Return whether one part of a request is of its service and action."""
        return any(self.service in ("", service) and self.action in ("", action) for service, action in asked)
