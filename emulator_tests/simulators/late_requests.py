"""Requests whose client has lost the connection, and which the server still carries out, later.

Used by the fault `late_commit`: the application keeps the request here; the control interface and a background task
carry it out when it is due on the simulator's clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from emulator_tests.simulators.clock import Clock

_PACE_S = 0.05

CarryOut = Callable[[], Awaitable[object]]


@dataclass(slots=True)
class Late:
    """The requests to carry out later."""

    clock: Clock
    held: list[tuple[float, CarryOut]] = field(default_factory=list)

    def hold(self, carry_out: CarryOut, after_s: float) -> None:
        """Keep a request for later."""
        self.held.append((self.clock.now() + after_s, carry_out))

    async def commit_due(self) -> None:
        """Carry out every request whose time has come, in that order."""
        while self.held:
            due = min(self.held, key=lambda each: each[0])
            if due[0] > self.clock.now():
                return
            self.held.remove(due)
            await due[1]()

    async def keep_committing(self) -> None:
        """Carry out requests as they fall due; never returns."""
        while True:
            await self.commit_due()
            await asyncio.sleep(_PACE_S)
