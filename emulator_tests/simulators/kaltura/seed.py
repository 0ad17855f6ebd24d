"""The account at its beginning: what is in it before anybody calls, and back to that.

Called by `__main__` at the start and by `control` for a reset.
"""

from __future__ import annotations

from emulator_tests.simulators.kaltura.models.account import World
from emulator_tests.simulators.kaltura.responses.services import access, assets, widgets


def seed(world: World) -> None:
    """Put in what every account begins with, unless it is there already."""
    access.seed(world)
    assets.seed(world)
    widgets.seed(world)
    world.store.flush()


def reset(world: World) -> None:
    """Forget everything that happened; time, faults, settings and readiness included."""
    world.store.clear()
    world.clock.put_right()
    world.agenda.clear()
    world.late.held.clear()
    world.requests.clear()
    world.counts.clear()
    world.faults.rules.clear()
    world.settings = type(world.settings)()
    world.readiness = world.first_readiness
    seed(world)
