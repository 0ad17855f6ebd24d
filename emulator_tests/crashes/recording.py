"""The effects of each flow, recorded once before the tests that disturb them are collected.

Called by the test files' `pytest_generate_tests` and by `conftest`. The first caller starts the account; it is stopped
when pytest ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pytest

from emulator_tests.crashes.account import Account
from emulator_tests.crashes.acts import Act
from emulator_tests.crashes.effects import Fault, Met
from emulator_tests.crashes.flows import FLOWS, Flow
from emulator_tests.crashes.playing import play, play_each

ACCOUNT: Final = pytest.StashKey[Account]()
RECORDED: Final = pytest.StashKey[dict[str, Sequence[Met]]]()
FAILURES: Final = pytest.StashKey[dict[str, str | None]]()


@dataclass(frozen=True, slots=True)
class Case:
    """
    One effect of a flow, and its disturbance.

    Attributes:
        flow: What users do.
        number: Number of the effect, counted from 1.
        met: The effect, as it was recorded.
        what: The disturbance.
    """

    flow: Flow
    number: int
    met: Met
    what: Fault | Act

    @property
    def id(self) -> str:
        """
        Return the id with which pytest runs this case alone.
        """
        what = self.what.value if isinstance(self.what, Fault) else self.what.__name__
        words = re.findall("[A-Za-z0-9]+", f"{self.met.name} {what}")
        return "-".join([self.flow.name, f"{self.number:02}", *words])


def account_of(config: pytest.Config) -> Account:
    """
    Return the account of this run of pytest.
    """
    if ACCOUNT not in config.stash:
        account = config.stash[ACCOUNT] = Account()
        config.add_cleanup(account.close)
    return config.stash[ACCOUNT]


def recorded(config: pytest.Config, flow: Flow) -> Sequence[Met]:
    """
    Return the effects of a flow in an undisturbed run.
    """
    known = config.stash.setdefault(RECORDED, {})
    if flow.name not in known:
        known[flow.name] = play(flow, account_of(config)).met()
    return known[flow.name]


def flows_of(config: pytest.Config) -> Sequence[Flow]:
    """
    Return the flows of this share of the tests (`--share`).
    """
    number, shares = map(int, (config.getoption("share") or "1/1").split("/"))
    return FLOWS[number - 1 :: shares]


def effects(config: pytest.Config) -> Iterator[tuple[Flow, int, Met]]:
    """
    Yield every effect of every flow of this share.
    """
    for flow in flows_of(config):
        for number, met in enumerate(recorded(config, flow), 1):
            yield flow, number, met


def failure_of(case: Case, session: pytest.Session) -> str | None:
    """
    Return the traceback of a case's failure, or `None`. The first case of a flow runs all its cases that are selected.
    """
    failures = session.config.stash.setdefault(FAILURES, {})
    if case.id not in failures:
        cases = sorted(_selected(case.flow, session), key=lambda one: one.number)
        account = account_of(session.config)
        ends = play_each(case.flow, account, [(one.number, one.met, one.what) for one in cases])
        failures.update(zip((one.id for one in cases), ends, strict=True))
    return failures[case.id]


def _selected(flow: Flow, session: pytest.Session) -> Iterator[Case]:
    for item in session.items:
        assert isinstance(item, pytest.Function)
        if hasattr(item, "callspec"):
            yield from (one for one in item.callspec.params.values() if isinstance(one, Case) and one.flow is flow)
