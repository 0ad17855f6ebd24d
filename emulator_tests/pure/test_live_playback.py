"""Watching a live event: who may, from when until when, and for how long a grant lasts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest

from emulator_tests.pure.deployment import TEACHER, Deployment
from shared.core.callers import Caller
from shared.core.errors import NotFound, WrongState
from shared.core.paths import RECONCILE_SESSION, enrolment_path
from shared.ports import Delete, Grant, Task
from shared.sessions.admissions.joining import live_lifetime_s

pytestmark = pytest.mark.long

T = TypeVar("T")

STUDENT = Caller("student", is_teacher=False)
EARLY_S, OVERRUN_S = 900, 3600
HOUR = timedelta(hours=1)


def live(**fields: Any) -> tuple[Deployment, datetime]:
    """
    A deployment with a public live session that begins in an hour and lasts one.

    Returns:
        With its beginning.
    """
    deployment = Deployment()
    starts_at = deployment.clock() + HOUR
    usual = {"format": "liveStreaming", "startsAt": starts_at, "endsAt": starts_at + HOUR}
    deployment.write_session(**{**usual, **fields})
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    return deployment, starts_at


def watch(deployment: Deployment, caller: Caller = STUDENT) -> Grant:
    return deployment.joining.issue_playback(caller, "s1").grant


def test_a_viewer_watches_the_event_until_a_little_after_its_end() -> None:
    deployment, starts_at = live()
    deployment.clock.move_to(starts_at)
    grant = watch(deployment)
    assert grant.values["entryId"] == deployment.events.alive()[0].external_ids["entryId"]
    assert grant.expires_at == starts_at + HOUR, "addresses cannot be ended: they last an hour at the most"
    deployment.clock.advance(1800)
    assert watch(deployment).expires_at == starts_at + HOUR + timedelta(minutes=10)


@pytest.mark.parametrize(
    ("after_s", "refusal"),
    [
        pytest.param(-EARLY_S - 1, r"This session opens at 2026-01-05 09:45 UTC\.", id="too early"),
        pytest.param(-EARLY_S, None, id="as early as may be"),
        pytest.param(0, None, id="at its beginning"),
        pytest.param(3600, None, id="at its planned end"),
        pytest.param(3600 + OVERRUN_S - 1, None, id="as late as may be"),
        pytest.param(3600 + OVERRUN_S, r"This session is over\.", id="too late"),
    ],
)
def test_viewers_are_let_in_from_a_little_before_until_a_while_after(after_s: int, refusal: str | None) -> None:
    deployment, starts_at = live()
    deployment.clock.move_to(starts_at + timedelta(seconds=after_s))
    if refusal is None:
        assert watch(deployment).token
    else:
        with pytest.raises(WrongState, match=refusal):
            watch(deployment)
    assert watch(deployment, TEACHER).token, "its owner sees it at any time"


def test_calls_of_the_provider_are_not_needed() -> None:
    deployment, starts_at = live()
    deployment.clock.move_to(starts_at)
    asked: list[str] = []

    def counting(operation: str, do: Callable[[], T]) -> T:
        asked.append(operation)
        return do()

    deployment.disturb = counting
    watch(deployment)
    assert asked == ["read", "commit", "read"], "what is given is recorded once"
    asked.clear()
    watch(deployment)
    assert asked == ["read"]


@pytest.mark.parametrize("times", [{"startsAt": None}, {"endsAt": None}, {"startsAt": None, "endsAt": None}])
def test_event_without_times_admits_viewers(times: dict[str, None]) -> None:
    deployment, _ = live(**times)
    deployment.clock.advance(3600)
    assert watch(deployment).token


def test_unenrolling_ends_new_grants_at_once() -> None:
    deployment, starts_at = live(visibility="enrolled")
    deployment.clock.move_to(starts_at)
    with pytest.raises(NotFound, match="not enrolled"):
        watch(deployment)
    deployment.enrol("student")
    assert watch(deployment).token
    deployment.documents.commit(Delete(enrolment_path("s1", "student")))
    with pytest.raises(NotFound, match="not enrolled"):
        watch(deployment)


def test_a_draft_is_watched_by_nobody() -> None:
    deployment, starts_at = live()
    deployment.clock.move_to(starts_at)
    deployment.write_session(status="draft")
    with pytest.raises(NotFound):
        watch(deployment)
    with pytest.raises(WrongState, match="no live event"):
        watch(deployment, TEACHER)


def test_a_session_without_an_event_has_nothing_to_watch() -> None:
    deployment = Deployment()
    deployment.write_session()
    with pytest.raises(WrongState, match="no live event"):
        watch(deployment)


def test_an_event_that_is_not_there_yet_is_worth_asking_for_again() -> None:
    deployment = Deployment()
    deployment.write_session(format="liveStreaming")
    with pytest.raises(WrongState, match=r"not ready\. Try again"):
        watch(deployment)


def test_an_unknown_session_is_told_as_one_that_is_hidden() -> None:
    deployment = Deployment()
    with pytest.raises(NotFound, match="There is no such session, or you are not enrolled in it"):
        watch(deployment)


@pytest.mark.parametrize(
    ("left_s", "lifetime_s"),
    [(1800, 2400), (3600, 3600), (86_400, 3600), (0, 600), (-1800, 600), (0.9, 600), (None, 600)],
    ids=repr,
)
def test_a_grant_lasts_ten_minutes_longer_than_the_event_and_an_hour_at_the_most(
    left_s: float | None, lifetime_s: int
) -> None:
    now = Deployment().clock()
    ends_at = None if left_s is None else now + timedelta(seconds=left_s)
    assert live_lifetime_s(ends_at, now) == lifetime_s
