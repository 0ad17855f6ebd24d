"""One fault or one change of mind at each effect of each flow in turn, and then no help."""

from __future__ import annotations

from datetime import timedelta

import pytest

from emulator_tests.crashes.account import Account
from emulator_tests.crashes.flows import FLOWS, SENT, Flow
from emulator_tests.crashes.playing import play
from emulator_tests.crashes.recording import Case, effects, failure_of, flows_of, recorded
from emulator_tests.crashes.settings import FEED_INTERVAL_S
from emulator_tests.crashes.simulator import PROCESSING_S
from shared.core.paths import VIDEOS
from shared.videos.model import VideoState

IS_IN_EVERY_SHARE = True

FLOW_TIMEOUT_S = 1200
"""The first case of a flow runs all cases of the flow: 600 at most."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """
    Parametrize with a case for each recorded effect and each disturbance of it.
    """
    for name in {"fault", "mind"} & set(metafunc.fixturenames):
        cases = [
            Case(flow, number, met, what)
            for flow, number, met in effects(metafunc.config)
            for what in (met.faults() if name == "fault" else flow.minds)
        ]
        metafunc.parametrize(name, cases, ids=lambda case: case.id)
    if "flow" in metafunc.fixturenames:
        metafunc.parametrize("flow", flows_of(metafunc.config), ids=lambda flow: flow.name)


@pytest.mark.timeout(FLOW_TIMEOUT_S)
def test_whatever_goes_wrong_once_is_made_good(fault: Case, request: pytest.FixtureRequest) -> None:
    _require_recovery(fault, request)


@pytest.mark.timeout(FLOW_TIMEOUT_S)
def test_a_change_of_mind_and_a_second_worker_come_at_any_time(mind: Case, request: pytest.FixtureRequest) -> None:
    _require_recovery(mind, request)


def test_what_nothing_disturbs_stays_as_it_was_wished(
    flow: Flow, account: Account, request: pytest.FixtureRequest
) -> None:
    assert play(flow, account, hastily=False).met() == recorded(request.config, flow)


@pytest.mark.parametrize(
    ("name", "state", "after_s"),
    [("upload", VideoState.READY, SENT[-1][0] + PROCESSING_S), ("poll-until-error", VideoState.FAILED, 0)],
)
def test_what_becomes_of_a_video_is_seen_by_the_next_tick(
    account: Account, name: str, state: VideoState, after_s: float
) -> None:
    world = play(next(flow for flow in FLOWS if flow.name == name), account)
    (video,) = world.documents(VIDEOS).values()
    (seen_at,) = (moment["at"] for moment in video.fields["history"] if moment["state"] == state)
    assert seen_at - world.counted_from <= timedelta(seconds=after_s + FEED_INTERVAL_S)


def test_tasks_that_come_twice_change_nothing(flow: Flow, account: Account) -> None:
    play(flow, account, copies=2)


def _require_recovery(case: Case, request: pytest.FixtureRequest) -> None:
    failure = failure_of(case, request.session)
    if failure is not None:
        pytest.fail(failure, pytrace=False)
