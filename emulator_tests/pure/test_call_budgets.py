"""A6: how often one person may call: honest use is never refused, a flood is, and neither makes work for others."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Final, TypeVar

import pytest
from firebase_functions.https_fn import AuthData, CallableRequest
from flask import Request
from werkzeug.test import create_environ

import main
from emulator_tests.memory import ManualClock, MemoryDocuments
from emulator_tests.pure.deployment import TEACHER, Deployment
from emulator_tests.pure.test_copies import copied
from emulator_tests.testbed.places import ROOT
from functions.edge.callables import CALLABLES, Call, Declaration, respond
from functions.edge.fields import message
from shared.core.callers import Caller
from shared.core.errors import TooMany
from shared.core.paths import CALL_BUDGETS, CHECK_HOST, RECONCILE_COPY, RECONCILE_VIDEO, call_budget_path
from shared.hosts.model import CopyState
from shared.limits.call_budgets import ADMINISTRATORS_TIMES, LOOKS, REPORTS, TABLE, CallBudgets, Work
from shared.limits.limiter import Limiter
from shared.ports import Query
from shared.reconcile.slots import SLOT_S
from shared.sessions.broadcasting import BRISK_PACE_S, LIVE_PACE_S
from shared.videos.commands import Correction, cancel_upload, delete_video, update_video

pytestmark = pytest.mark.long

T = TypeVar("T")

STUDENT: Final = Caller("student", is_teacher=False)
OTHER: Final = Caller("other", is_teacher=False)
ADMIN: Final = Caller("admin", is_teacher=False, is_admin=True)
INSTANCES: Final = 10
"""As many as a function has at the most, where nobody has set another number."""


class School:
    """Some instances of a callable, and what they share."""

    def __init__(self, instances: int = INSTANCES) -> None:
        self.counts: Counter[str] = Counter()
        self.documents, self.clock = MemoryDocuments(self._counted), ManualClock()
        budgets = [CallBudgets(Limiter(self.documents, self.clock)) for _ in range(instances)]
        self._next = itertools.cycle(budgets)

    def _counted(self, operation: str, do: Callable[[], T]) -> T:
        self.counts[operation] += 1
        return do()

    def take(self, caller: Caller, work: Work) -> None:
        """Call once, at the next instance."""
        next(self._next).take(caller, work)

    def wait_s(self, work: Work, caller: Caller = STUDENT) -> float:
        """Call once; how long to wait, nothing where it was let pass."""
        try:
            self.take(caller, work)
        except TooMany as refused:
            return refused.retry_after_s or math.inf
        return 0.0

    def passed(self, work: Work, calls: int, every_s: float = 0.0, caller: Caller = STUDENT) -> int:
        """How many of so many calls pass, one after the other."""
        count = 0
        for _ in range(calls):
            count += not self.wait_s(work, caller)
            self.clock.advance(every_s)
        return count


# --- the table -----------------------------------------------------------------------------------------------------


def callables() -> list[str]:
    """The public names of all callables that are deployed."""
    return [name for name in main.FUNCTIONS if getattr(main, name).__firebase_endpoint__.callableTrigger is not None]


@message
class Nothing:
    pass


def test_every_callable_has_a_kind_and_every_kind_a_row() -> None:
    """A6."""
    # They are imported, and so declared, when they are asked for.
    names = callables()
    assert set(CALLABLES) == set(names)
    assert {one.work for one in CALLABLES.values()} == set(TABLE) == set(Work)


def test_the_api_page_has_the_table() -> None:
    """A6."""
    callables()
    page = (ROOT / "docs" / "api.md").read_text()
    rows = re.findall(r"^\| (\w+) \| (`.+`) \| (\d+) \| (\d+) \|$", page, re.MULTILINE)
    told = {work: (set(re.findall("`(.+?)`", names)), int(burst), int(rate)) for work, names, burst, rate in rows}
    assert told == {
        work.value: (
            {name for name, one in CALLABLES.items() if one.work is work},
            TABLE[work].budget.burst,
            TABLE[work].budget.per_minute,
        )
        for work in Work
    }
    assert ADMINISTRATORS_TIMES == 10
    assert (REPORTS.burst, REPORTS.per_minute) == (6, 1)


@pytest.mark.parametrize("work", Work, ids="A6 {}".format)
def test_each_refusal_says_what_to_do(work: Work) -> None:
    school = School(1)
    school.passed(work, 1000)
    with pytest.raises(TooMany, match=r"^You [a-z ]+\. Wait (a second|[0-9]+ seconds), then try again\.$"):
        school.take(STUDENT, work)


# --- honest callers ------------------------------------------------------------------------------------------------

HONEST: Final = {
    "a hundred files chosen at once, each sent and both repeated": (Work.UPLOAD, 300, 0.0),
    "all videos of a session put into another order": (Work.CHANGE, 250, 0.0),
    "a player that renews every minute": (Work.PLAY, 300, 60.0),
    "a page with all videos of a session": (Work.PLAY, 200, 0.0),
    "an app that tries again each second": (Work.PLAY, 3600, 1.0),
    "an app that changes something each second": (Work.CHANGE, 3600, 1.0),
    "an app that looks each second": (Work.LOOK, 3600, 1.0),
    "an erasure that is asked for again and again": (Work.HEAVY, 10, 0.0),
}


@pytest.mark.parametrize("instances", [1, INSTANCES])
@pytest.mark.parametrize(("work", "calls", "every_s"), HONEST.values(), ids=[f"A6 {name}" for name in HONEST])
def test_honest_callers_are_never_refused(work: Work, calls: int, every_s: float, instances: int) -> None:
    assert School(instances).passed(work, calls, every_s) == calls


@pytest.mark.parametrize(
    ("events", "pace_s", "documents"),
    [(1, BRISK_PACE_S, 0), (50, BRISK_PACE_S, None), (75, LIVE_PACE_S, None)],
    ids=["A6 one costs no document", "A6 50 about to begin", "A6 75 on the air"],
)
def test_what_a_school_broadcasts_at_once_is_watched(events: int, pace_s: int, documents: int | None) -> None:
    school = School(1)
    budgets = CallBudgets(Limiter(school.documents, school.clock))
    for _ in range(3600 // pace_s):
        assert all(budgets.watches("teacher") for _ in range(events))
        school.clock.advance(pace_s)
    assert documents in (None, school.counts.total())


def test_observations_of_one_owners_events_are_limited() -> None:
    """A6: 1,500 events, each looked at every ten seconds, by one instance."""
    school = School(1)
    budgets = CallBudgets(Limiter(school.documents, school.clock))
    looks = 0
    for _ in range(3600 // BRISK_PACE_S):
        looks += sum(budgets.watches("teacher") for _ in range(1500))
        school.clock.advance(BRISK_PACE_S)
    often = LOOKS.burst + 60 * LOOKS.per_minute
    assert often <= looks <= 1.2 * often
    assert budgets.watches("another")


@pytest.mark.parametrize("work", Work, ids="A6 {}".format)
def test_a_back_end_of_an_administrator_may_do_much_at_once(work: Work) -> None:
    burst = ADMINISTRATORS_TIMES * TABLE[work].budget.burst
    assert School().passed(work, burst, caller=ADMIN) == burst


def test_ordinary_use_costs_nothing() -> None:
    """A6."""
    school = School(1)
    school.passed(Work.PLAY, 180, 60.0)
    school.passed(Work.UPLOAD, 10)
    school.passed(Work.CHANGE, 10, 1.0)
    school.passed(Work.HEAVY, 1)
    assert not school.counts


# --- floods --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("instances", [1, INSTANCES])
@pytest.mark.parametrize("work", Work, ids="A6 {}".format)
def test_of_a_thousand_calls_in_ten_seconds_most_are_refused_and_others_are_not(work: Work, instances: int) -> None:
    school = School(instances)
    budget = TABLE[work].budget

    passed = school.passed(work, 1000, 0.01)

    assert passed <= budget.burst + instances * budget.unasked + budget.per_minute * 10 / 60 + budget.portion < 500
    assert not school.wait_s(work, OTHER)
    assert sum(not school.wait_s(other) for other in Work) == len(Work) - 1, "one kind of work takes nothing of another"
    school.clock.advance(school.wait_s(work))
    assert not school.wait_s(work)


@pytest.mark.parametrize("work", Work, ids="A6 {}".format)
def test_a_flood_that_goes_on_costs_little(work: Work) -> None:
    school = School()
    budget = TABLE[work].budget

    passed = school.passed(work, 12_000, 0.01)

    fills = timedelta(minutes=2) / budget.filled_in + 1
    assert passed <= budget.burst + 2 * budget.per_minute + INSTANCES * (budget.unasked * fills + budget.portion)
    # Who is refused is refused from memory until tokens can be there again.
    assert school.counts["commit"] < passed
    assert school.counts["read"] < 20 * passed


def test_documents_of_budgets_name_nobody_and_expire() -> None:
    """A6."""
    school = School(1)
    caller = Caller("anna@school.example", is_teacher=False)
    for work in Work:
        school.passed(work, 400, caller=caller)

    documents = school.documents.select(Query(CALL_BUDGETS))

    assert len(documents) == len(Work)
    for one in documents:
        assert "anna" not in one.path + str(one.fields)
        assert school.clock() < one.fields["expiresAt"] <= school.clock() + timedelta(minutes=10)


@pytest.mark.parametrize("uid", ["a/b", "", "..", "__x__", "ü" * 128, "x" * 5000], ids=ascii)
def test_every_caller_kind_has_a_budget(uid: str) -> None:
    """A6."""
    collection, _, name = call_budget_path("look-", uid).partition("/")
    assert collection == CALL_BUDGETS
    assert name.isascii()
    assert "/" not in name
    assert len(name) < 100


# --- the edge ------------------------------------------------------------------------------------------------------


def asked(school: School, done: list[str], auth: AuthData | None) -> tuple[int, Any]:
    """Call a callable as the edge has it called; HTTP status and content of the answer."""

    def eraseContent(call: Call[Nothing]) -> dict[str, Any]:  # noqa: N802
        done.append(call.caller.uid)
        return {}

    call = CallableRequest[Any](data={}, raw_request=Request(create_environ(method="POST")), auth=auth)
    declaration = Declaration(Nothing, Work.HEAVY, False, eraseContent)
    answer = respond(declaration, call, lambda caller: school.take(caller, Work.HEAVY))
    return answer.status_code, json.loads(answer.get_data())


def test_refused_call_says_when_to_retry() -> None:
    """A6."""
    school, done = School(), list[str]()
    for _ in range(100):
        status, content = asked(school, done, AuthData("student", {}))

    assert status == 429
    assert content["error"]["status"] == "RESOURCE_EXHAUSTED"
    details = content["error"]["details"]
    assert (details["code"], details["retryable"]) == ("CALLS_TOO_MANY", True)
    assert isinstance(details["retryAfterS"], int)
    count = len(done)
    assert count <= TABLE[Work.HEAVY].budget.burst + INSTANCES * TABLE[Work.HEAVY].budget.unasked
    assert asked(school, done, AuthData("other", {}))[0] == 200
    school.clock.advance(details["retryAfterS"])
    assert asked(school, done, AuthData("student", {}))[0] == 200
    assert done[count:] == ["other", "student"]


@pytest.mark.parametrize(
    ("auth", "code"),
    [
        pytest.param(None, "SIGN_IN_REQUIRED", id="nobody"),
        pytest.param(AuthData("a/b", {}), "ACCOUNT_ID_UNUSABLE", id="an id with a slash"),
        pytest.param(AuthData("a\ud800", {}), "ACCOUNT_ID_UNUSABLE", id="an id that cannot be written"),
    ],
)
def test_non_callers_have_no_budget(auth: AuthData | None, code: str) -> None:
    """A6."""
    school, done = School(), list[str]()
    assert asked(school, done, auth)[1]["error"]["details"]["code"] == code
    assert not school.counts
    assert done == []


# --- what is enqueued ----------------------------------------------------------------------------------------------


def with_video() -> tuple[Deployment, str]:
    deployment = Deployment()
    deployment.write_session()
    video_id = deployment.ask_upload().video_id
    deployment.run()
    return deployment, video_id


def flood(deployment: Deployment, spec: Callable[[], object], seconds: float = 10.0) -> int:
    """A teacher wishes something a thousand times in so many seconds; how many tasks for videos that leaves."""
    before = sum(1 for _ in tasks(deployment, RECONCILE_VIDEO))
    for _ in range(1000):
        spec()
        deployment.clock.advance(seconds / 1000)
    return sum(1 for _ in tasks(deployment, RECONCILE_VIDEO)) - before


def tasks(deployment: Deployment, *queues: str) -> Iterable[str]:
    return (task.queue for task in deployment.queue.waiting() if task.queue in queues)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(delete_video, id="A6 deleteVideo"),
        pytest.param(cancel_upload, id="A6 cancelUpload"),
        pytest.param(
            lambda caller, video_id, *ports: update_video(caller, video_id, Correction("Algebra II"), *ports),
            id="A6 updateVideo",
        ),
    ],
)
def test_thousand_commands_leave_two_tasks_per_slot(spec: Callable[..., None]) -> None:
    deployment, video_id = with_video()
    known = (TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock)
    assert 1 <= flood(deployment, lambda: spec(*known)) <= 2 * (10 / SLOT_S + 1)


def test_deleting_a_video_that_is_gone_makes_no_work() -> None:
    """A6."""
    deployment, video_id = with_video()
    known = (TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock)
    delete_video(*known)
    deployment.run(3600)
    before = deployment.document(f"videos/{video_id}")
    assert before.fields["gone"]

    assert flood(deployment, lambda: delete_video(*known)) == 0

    assert deployment.document(f"videos/{video_id}") == before


def test_repeated_host_failure_reports_leave_few_tasks() -> None:
    """A6: failedHost, by anybody who may watch."""
    deployment, video_id = copied()
    students = [Caller(f"student{number}", is_teacher=False) for number in range(3)]
    deployment.clock.advance(3600)
    deployment.lose_tasks()
    minutes = 10
    for _ in range(minutes):
        for student in students:
            hosts = {deployment.playbacks.issue_playback(student, video_id, "fetching").host for _ in range(20)}
            assert "fetching" not in hosts, "who could not play gets another host, believed or not"
        deployment.clock.advance(60)
    assert deployment.playbacks.issue_playback(Caller("new", is_teacher=False), video_id).host == "fetching"
    assert len(list(tasks(deployment, CHECK_HOST, RECONCILE_COPY))) <= 2 * minutes
    assert shown_ready(deployment, video_id)


def test_failure_reports_are_limited_per_user() -> None:
    """A6: failedHost; tasks of several videos do not merge."""
    deployment, _ = copied()
    believed = sum(deployment.playbacks.believes(STUDENT) for _ in range(1000))
    assert believed == REPORTS.burst
    assert deployment.playbacks.believes(OTHER)
    deployment.clock.advance(3600)
    assert sum(deployment.playbacks.believes(STUDENT) for _ in range(1000)) == REPORTS.burst


def test_ignored_report_enqueues_nothing() -> None:
    """A6: failedHost."""
    deployment, video_id = copied()
    deployment.clock.advance(3600)
    deployment.lose_tasks()
    while deployment.playbacks.believes(STUDENT):
        pass
    deployment.playbacks.issue_playback(STUDENT, video_id, "fetching")
    assert list(tasks(deployment, CHECK_HOST, RECONCILE_COPY)) == []
    deployment.playbacks.issue_playback(OTHER, video_id, "fetching")
    assert len(list(tasks(deployment, CHECK_HOST, RECONCILE_COPY))) == 2


def shown_ready(deployment: Deployment, video_id: str) -> bool:
    copies = deployment.document(f"videos/{video_id}").fields["hosts"]
    return bool(copies["fetching"]["state"] == CopyState.READY.value)
