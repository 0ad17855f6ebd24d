"""The one account that all tests of this folder share. Every run begins by emptying it."""

from __future__ import annotations

import pytest

from emulator_tests.crashes.account import Account
from emulator_tests.crashes.recording import account_of


@pytest.fixture(scope="session")
def account(request: pytest.FixtureRequest) -> Account:
    """
    A Kaltura account for these tests only: they break it, and move its clock.
    """
    return account_of(request.config)
