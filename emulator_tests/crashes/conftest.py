"""The one account that all tests of this folder share; every run begins with an empty one."""

from __future__ import annotations

import pytest

from emulator_tests.crashes.recording import account_of
from emulator_tests.crashes.world import Account


@pytest.fixture(scope="session")
def account(request: pytest.FixtureRequest) -> Account:
    """
    A Kaltura account of these tests' own: they break it, and move its time.
    """
    return account_of(request.config)
