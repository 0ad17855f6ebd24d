"""Tests of the tests in this folder: if one part of the mechanism is broken, an invariant breaks too.

The race model finds the same defects by chance. Here each is shown by the flow that needs the broken part.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast

import pytest

from emulator_tests.crashes.account import Account
from emulator_tests.crashes.acts import Act, break_kaltura, delete, publish, retitle, sweep, visit_session
from emulator_tests.crashes.effects import Fault
from emulator_tests.crashes.flows import FLOWS, Flow
from emulator_tests.crashes.playing import play, play_each
from emulator_tests.crashes.recording import recorded
from emulator_tests.pure.races.defects import DEFECTS, Build
from emulator_tests.pure.races.invariants import Broken

LATE = Flow(
    "late",
    (
        (0, break_kaltura("late_commit", {"service": "livestream", "action": "add"}, after_s=300)),
        (0, publish),
        # The change makes a worker read what exists.
        (400, retitle),
    ),
)

SHOWN_BY: dict[str, tuple[str | Flow, tuple[Fault | Act, ...]]] = {
    "the claim is unconditional": ("republish-after-grace", (visit_session,)),
    "a lost event is not looked for": ("publish", (Fault.ANSWER_LOST,)),
    "a lost video is not looked for": ("upload", (Fault.ANSWER_LOST,)),
    "what is named no more is forgotten": ("delete-video", ()),
    "a video is replaced too soon": ("replace", ()),
    "uploads are not told apart": ("replace-twice", ()),
    "there is no lease": ("retitle", (visit_session,)),
    "there is no intent": ("publish", ()),
    "there is no sweep": ("publish", (Fault.KILLED_BEFORE,)),
    "late commits are not waited for": (LATE, ()),
    "what is under way counts as a stray": ("publish", (sweep,)),
    "nobody looks for strays": ("sweep-finds-strays", ()),
    "a gone session is written all the same": ("publish", (delete,)),
    "gone is written before anything is deleted": ("delete-public", (Fault.KILLED_AFTER,)),
    "there is no grace": ("unpublish", ()),
    "what has content counts as empty": ("adopt", ()),
}

SHOWN_IN_MEMORY: Final = {
    "admissions are not looked at again",
    "a transfer names no former owner",
}
"""No person enters and no session is transferred in these flows. `test_admissions.py` and `test_transfers.py` have
their own."""


SHOWN_ONLY_BY_A_DISTURBANCE: Final = (
    "a lost event is not looked for",
    "a lost video is not looked for",
    "there is no lease",
    "there is no sweep",
    "what is under way counts as a stray",
    "a gone session is written all the same",
)


@pytest.mark.parametrize("defect", SHOWN_BY)
def test_each_defect_is_noticed(defect: str, account: Account, request: pytest.FixtureRequest) -> None:
    build = DEFECTS[defect]
    shown_by, what = SHOWN_BY[defect]
    flow = shown_by if isinstance(shown_by, Flow) else next(flow for flow in FLOWS if flow.name == shown_by)
    blows = _blows(flow, what, request.config) if what else [(0, None)]
    assert any(_breaks(flow, account, number, one, build) for number, one in blows)


@pytest.mark.parametrize("defect", SHOWN_ONLY_BY_A_DISTURBANCE)
def test_each_defect_is_noticed_in_copies_that_are_judged_once_per_state(defect: str, account: Account) -> None:
    build = DEFECTS[defect]
    shown_by, what = SHOWN_BY[defect]
    assert isinstance(shown_by, str)
    flow = next(flow for flow in FLOWS if flow.name == shown_by)
    met = play(flow, account, build=build).met()
    acts = tuple(act for act in what if not isinstance(act, Fault))
    cases = [
        (number, one, disturbance)
        for number, one in enumerate(met, 1)
        for disturbance in cast(tuple[Fault | Act, ...], one.faults()) + acts
    ]
    assert any("Broken: " in failure for failure in play_each(flow, account, cases, build=build) if failure)


def test_every_defect_of_the_model_of_races_is_shown_here_too() -> None:
    assert DEFECTS.keys() == SHOWN_BY.keys() | SHOWN_IN_MEMORY


def _breaks(flow: Flow, account: Account, number: int, what: Fault | Act | None, build: Build) -> bool:
    try:
        play(flow, account, number=number, what=what, build=build)
    except Broken:
        return True
    return False


def _blows(
    flow: Flow, what: tuple[Fault | Act, ...], config: pytest.Config
) -> Iterator[tuple[int, Fault | Act | None]]:
    for number, met in enumerate(recorded(config, flow), 1):
        for one in what:
            if not isinstance(one, Fault) or one in met.faults():
                yield number, one
