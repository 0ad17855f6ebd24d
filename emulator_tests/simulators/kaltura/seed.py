"""The content of a new account, and the reset to it.

Called by `__main__` at the start and by `control` for a reset.
"""

from __future__ import annotations

from emulator_tests.simulators.kaltura.models.account import World
from emulator_tests.simulators.kaltura.responses.services import access, assets, widgets


def fill(world: World) -> None:
    """Add what every account starts with, unless it exists."""
    access.seed(world)
    assets.seed(world)
    widgets.seed(world)
    world.store.flush()


def reset(world: World) -> None:
    """Forget everything that happened; time, faults, settings and readiness included."""
    world.store.clear()
    world.clock.reset()
    world.agenda.clear()
    world.late.held.clear()
    world.requests.clear()
    world.counts.clear()
    world.faults.rules.clear()
    world.settings = type(world.settings)()
    world.readiness = world.first_readiness
    fill(world)
