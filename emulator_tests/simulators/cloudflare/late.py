"""Requests that were let in, hung, and are carried out when nobody waits for their answer any more.

`urls` puts them here; `control` and a background task have those carried out whose time has come on the clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from emulator_tests.simulators.cloudflare.world import World

_PACE_S = 0.05


def hold(world: World, carry_out: Callable[[], Awaitable[object]], after_s: float) -> None:
    """Keep a request for later."""
    world.late.append((world.clock.now() + after_s, carry_out))


async def commit_due(world: World) -> None:
    """Carry out every request whose time has come, in that order."""
    while world.late:
        due = min(world.late, key=lambda each: each[0])
        if due[0] > world.clock.now():
            return
        world.late.remove(due)
        await due[1]()


async def keep_committing(world: World) -> None:
    """Do so by itself; never returns."""
    while True:
        await commit_due(world)
        await asyncio.sleep(_PACE_S)
