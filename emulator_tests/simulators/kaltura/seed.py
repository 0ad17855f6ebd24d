"""The content of a new account, and the reset to it.

Called by `__main__` at the start and by `control` for a reset.
"""

from __future__ import annotations

from emulator_tests.simulators.kaltura.models.account import Account
from emulator_tests.simulators.kaltura.responses.services import access, assets, widgets


def fill(account: Account) -> None:
    """Add what every account starts with, unless it exists."""
    access.seed(account)
    assets.seed(account)
    widgets.seed(account)
    account.store.flush()


def reset(account: Account) -> None:
    """Forget everything that happened; time, faults, settings and readiness included."""
    account.store.clear()
    account.clock.reset()
    account.agenda.clear()
    account.late.held.clear()
    account.requests.clear()
    account.counts.clear()
    account.faults.rules.clear()
    account.settings = type(account.settings)()
    account.readiness = account.first_readiness
    fill(account)
