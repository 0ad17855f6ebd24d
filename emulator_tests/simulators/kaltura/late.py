"""Requests that were let in, hung, and are carried out when nobody waits for their answer any more.

`urls` puts them here; `control` and a background task have those carried out whose time has come on the clock.
"""

from __future__ import annotations

from emulator_tests.simulators.kaltura import responses, wire
from emulator_tests.simulators.kaltura.responses import Exchange
from emulator_tests.simulators.kaltura.world import World


def hold(world: World, exchange: Exchange, parsed: wire.Parsed, after_s: float) -> None:
    """Keep a request for later; its session is judged as of now."""
    exchange.arrived_at_s = world.clock.now()
    world.late.append((world.clock.now() + after_s, exchange, parsed))


async def commit_due(world: World) -> None:
    """Carry out every request whose time has come, in that order."""
    while world.late:
        due_at_s, exchange, parsed = min(world.late, key=lambda each: each[0])
        if due_at_s > world.clock.now():
            return
        world.late.remove((due_at_s, exchange, parsed))
        await responses.answer(exchange, parsed)
