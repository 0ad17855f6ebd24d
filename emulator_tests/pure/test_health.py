"""`operations/health`: what the sweep records about a deployment, and what `greenroom status` says about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from cli.main import main
from cli.running import Status, Surroundings
from emulator_tests.memory import undisturbed
from emulator_tests.pure.deployment import Deployment, refusal
from emulator_tests.pure.test_edited_epoch import VALUES
from shared.core.errors import Transient
from shared.core.paths import DELETIONS, EPOCH, HEALTH, RECONCILE_SESSION, VIDEOS
from shared.operations.health import STATES_EVERY_S, Health, OldestDue
from shared.operations.kill_switch import SWITCH, KillSwitch
from shared.ports import Create, Delete, Document, Task, Update
from shared.reconcile import AT_ONCE
from shared.reconcile.bulk import HOUR_S, TASKS
from shared.registry import BULK_QUEUES, RESOURCES

pytestmark = pytest.mark.long

SWEEP_S: Final = 300
LIVE: Final = {"format": "liveStreaming"}


def health_of(deployment: Deployment) -> Mapping[str, Any]:
    return deployment.document(HEALTH).fields


def swept(deployment: Deployment, seconds: float = SWEEP_S, revision: str = "") -> Mapping[str, Any]:
    """
    Let time pass, sweep while no task is delivered, and return what is recorded.
    """
    deployment.clock.advance(seconds)
    deployment.sweep.run(revision)
    return health_of(deployment)


def with_dead(deployment: Deployment, count: int, state: str = "dead") -> None:
    """
    There are deletions that are no longer tried.
    """
    for number in range(count):
        deployment.documents.commit(Create(f"{DELETIONS}/d{number}", {"state": state, "dueAt": None}))


# --- what the sweep records ---------------------------------------------------------------------------------------


def test_a_sweep_records_that_it_was_there() -> None:
    deployment = Deployment()
    recorded = swept(deployment, revision="sweep-00007-abc")
    assert recorded["sweptAt"] == deployment.clock()
    assert recorded["revision"] == "sweep-00007-abc"
    assert (recorded["due"], recorded["oldestDue"]) == ({}, None)
    swept(deployment)
    assert health_of(deployment)["sweptAt"] == deployment.clock()


def test_a_sweep_that_breaks_records_nothing() -> None:
    deployment = Deployment()
    before = swept(deployment)["sweptAt"]

    def breaks(operation: str, do: Callable[[], Any]) -> Any:
        if operation == "count":
            raise refusal(operation)
        return do()

    deployment.disturb = breaks
    with pytest.raises(Transient):
        swept(deployment, STATES_EVERY_S)
    deployment.disturb = undisturbed
    assert health_of(deployment)["sweptAt"] == before


def test_what_is_due_for_longest_keeps_its_time_until_somebody_works_on_it() -> None:
    deployment = Deployment()
    deployment.write_session(**LIVE)
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    due_at = deployment.clock()
    deployment.documents.commit(Update("kalturaSession/s1", {"dueAt": due_at}))
    first = swept(deployment)["oldestDue"]
    assert first == {"path": "kalturaSession/s1", "dueAt": due_at, "since": deployment.clock()}
    for _ in range(3):
        deployment.lose_tasks()
        assert swept(deployment)["oldestDue"] == first
    deployment.documents.commit(Update("kalturaSession/s1", {"dueAt": AT_ONCE}))
    assert swept(deployment)["oldestDue"] == {**first, "dueAt": AT_ONCE, "since": deployment.clock()}
    assert swept(deployment)["due"] == {"kalturaSession": 1}
    deployment.run(SWEEP_S)
    assert swept(deployment)["oldestDue"] is None


def test_states_are_counted_from_time_to_time() -> None:
    deployment = Deployment()
    with_dead(deployment, 3)
    first = swept(deployment)
    counted_at = deployment.clock()
    assert first["counts"] == {
        one.collection: dict.fromkeys(one.counted, 0) | ({"dead": 3} if one.collection == DELETIONS else {})
        for one in RESOURCES
        if one.counted
    }
    assert first["countedAt"] == counted_at
    deployment.documents.commit(Delete(f"{DELETIONS}/d0"))
    assert swept(deployment)["counts"][DELETIONS]["dead"] == 3
    assert health_of(deployment)["countedAt"] == counted_at
    assert swept(deployment, STATES_EVERY_S)["counts"][DELETIONS]["dead"] == 2
    assert health_of(deployment)["countedAt"] == deployment.clock()


def test_counted_states_exist() -> None:
    """A state that was renamed would be counted as zero for ever."""
    from shared.deletions.model import DeletionState
    from shared.erasure.model import ErasureState
    from shared.hosts.model import CopyState
    from shared.sessions.model import PairingState
    from shared.transfers.model import TransferState
    from shared.videos.model import VideoState

    states = {
        "kalturaSession": PairingState,
        "videos": VideoState,
        "copies": CopyState,
        "pendingDeletions": DeletionState,
        "transfers": TransferState,
        "erasures": ErasureState,
    }
    counted = {one.collection: set(one.counted) for one in RESOURCES if one.counted}
    assert set(counted) == set(states)
    assert [name for name, found in counted.items() if found - set(map(str, states[name]))] == []


def test_the_document_can_be_deleted_by_hand() -> None:
    deployment = Deployment()
    swept(deployment)
    deployment.documents.commit(Delete(HEALTH))
    assert "counts" not in swept(deployment)
    assert "counts" in swept(deployment, STATES_EVERY_S)


def test_a_health_that_was_recorded_is_read_again() -> None:
    deployment = Deployment()
    at = deployment.clock()
    health = Health(at, "r", {VIDEOS: 2}, OldestDue("videos/v", AT_ONCE, at), {VIDEOS: {"failed": 1}}, at)
    health.record(deployment.documents)
    assert Health.from_document(deployment.document(HEALTH), at) == health


# --- what status says ---------------------------------------------------------------------------------------------


class Operator:
    """
    Somebody who asks how a deployment is.
    """

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys
        self.deployment = Deployment()
        swept(self.deployment, revision="sweep-00007-abc")

    @property
    def kill_switch(self) -> KillSwitch:
        deployment = self.deployment
        return KillSwitch(deployment.documents, deployment.queue, deployment.clock, 1_000, BULK_QUEUES)

    def write(self, path: str, **fields: Any) -> None:
        """
        Write into a document, which may not exist.
        """
        (there,) = self.deployment.documents.read(path)
        self.deployment.documents.commit(Create(path, fields) if there is None else Update(path, fields))

    def ask(self, *words: str) -> tuple[int, str]:
        """
        Return the exit status, and what is said.
        """

        def read(*_: Any) -> Any:
            raise AssertionError

        self.capsys.readouterr()
        status = main(["status", *words], Surroundings(self.deployment.app, read))
        return status, self.capsys.readouterr().out

    def wrong(self) -> list[str]:
        """
        Return the problems, after it was made sure that they are in both forms.
        """
        status, text = self.ask()
        lines = [line for line in text.splitlines() if line.startswith("WRONG")]
        problems = json.loads(self.ask("--json")[1])["problems"]
        assert [" ".join(line.split()) for line in lines] == [
            " ".join(f"WRONG {one['what']} {one['sentence']}".split()) for one in problems
        ]
        assert status == (Status.FAILED if lines else Status.DONE)
        return [f"{one['what']}: {one['sentence']}" for one in problems]


@pytest.fixture
def operator(capsys: pytest.CaptureFixture[str]) -> Operator:
    return Operator(capsys)


def test_all_is_well(operator: Operator) -> None:
    operator.deployment.clock.advance(200)
    assert operator.wrong() == []
    status, text = operator.ask()
    assert status == Status.DONE
    assert "3 minutes ago, at 20" in text
    assert "by sweep-00007-abc." in text
    assert "Nothing was overdue at the last sweep." in text
    assert "Nothing is under way, and nothing has failed (counted 3 minutes ago)." in text


def test_json_has_everything(operator: Operator) -> None:
    with_dead(operator.deployment, 2, "pending")
    swept(operator.deployment, STATES_EVERY_S)
    at = operator.deployment.clock().isoformat()
    told = json.loads(operator.ask("--json")[1])
    assert told["isWell"] is True
    assert told["sweep"] == {"at": at, "revision": ""}
    assert told["counts"][DELETIONS] == {"pending": 2, "dead": 0}
    assert told["countedAt"] == at
    assert (told["due"], told["oldestDue"], told["hold"], told["unreadable"]) == ({}, None, None, [])
    assert told["switch"] == {"stopped": False, "why": ""}
    assert set(told["tasks"]) == {"thisHour", "max", "bulkUntil", "until"}


def test_a_deployment_that_was_never_swept_is_said(operator: Operator) -> None:
    operator.deployment.documents.commit(Delete(HEALTH))
    (said,) = operator.wrong()
    assert said.startswith("last sweep: There was none yet")
    assert "correct FIRESTORE_DATABASE" in said
    assert "Nothing was overdue" not in operator.ask()[1]


@pytest.mark.parametrize("was_swept", [True, False])
def test_emulators_run_no_schedules(operator: Operator, was_swept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    operator.deployment.clock.advance(3600 * 24)
    if not was_swept:
        operator.deployment.documents.commit(Delete(HEALTH))
    assert operator.wrong() == []
    text = operator.ask()[1]
    assert "Emulators run no schedules." in text
    assert "doctor --cloud" not in text


def test_the_database_is_named(operator: Operator) -> None:
    text = operator.ask()[1]
    assert "(default). FIRESTORE_DATABASE names it." in text
    assert json.loads(operator.ask("--json")[1])["database"] == "(default)"


@pytest.mark.parametrize(("minutes", "is_wrong"), [(19, False), (21, True), (60 * 50, True)])
def test_a_sweep_that_is_late_is_said(operator: Operator, minutes: int, is_wrong: bool) -> None:
    operator.deployment.clock.advance(minutes * 60)
    said = operator.wrong()
    assert len(said) == is_wrong
    assert all("It should run every 5 minutes" in one for one in said)


def test_a_stopped_deployment_is_said_once(operator: Operator) -> None:
    operator.kill_switch.stop("restore")
    operator.deployment.clock.advance(3600 * 24)
    assert operator.wrong() == ["work: All work is stopped (restore). `greenroom start` starts it again."]
    operator.kill_switch.start()
    assert len(operator.wrong()) == 1, "the sweep is late"


def test_work_that_nobody_does_is_said(operator: Operator) -> None:
    deployment = operator.deployment
    deployment.write_session(**LIVE)
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    deployment.documents.commit(Update("kalturaSession/s1", {"dueAt": deployment.clock()}))
    swept(deployment)
    assert operator.wrong() == []
    assert "1 of kalturaSession; kalturaSession/s1 for longest" in operator.ask()[1]
    for _ in range(13):
        deployment.lose_tasks()
        swept(deployment)
    (said,) = operator.wrong()
    assert "kalturaSession/s1 was first enqueued 1 hour ago, and nobody has worked on it since." in said


@pytest.mark.parametrize(
    ("field", "says"), [("bulkUntil", "bulk work waits until"), ("tasksUntil", "every task waits until")]
)
def test_a_limit_that_was_reached_is_said_until_the_hour_is_over(operator: Operator, field: str, says: str) -> None:
    now = operator.deployment.clock()
    operator.write(TASKS, hour=int(now.timestamp()) // HOUR_S, count=1_234)
    operator.write(SWITCH, stopped=False, **{field: now + timedelta(minutes=10)})
    (said,) = operator.wrong()
    assert said.startswith("tasks: 1,234 of ")
    assert says in said
    operator.deployment.clock.advance(601)
    assert operator.wrong() == []


def test_the_tasks_of_another_hour_do_not_count(operator: Operator) -> None:
    operator.write(TASKS, hour=1, count=1_234)
    assert json.loads(operator.ask("--json")[1])["tasks"]["thisHour"] == 0


def test_a_restored_database_is_said(operator: Operator) -> None:
    now = operator.deployment.clock()
    hold = {"reason": "otherDatabase", "found": "u-2", "since": now, "sweptAt": now, "alarmedAt": now}
    operator.write(EPOCH, hold=hold)
    (said,) = operator.wrong()
    assert "Firestore reports another database than before: u-2." in said
    assert "`greenroom resume-after-restore`" in said
    assert json.loads(operator.ask("--json")[1])["hold"]["found"] == "u-2"


def test_an_epoch_that_was_edited_is_said(operator: Operator) -> None:
    operator.write(EPOCH, sweptAt="yesterday")
    (said,) = operator.wrong()
    assert said.startswith("deletions: They are held: operations/epoch was edited, in sweptAt.")


def test_dead_deletions_are_said(operator: Operator) -> None:
    with_dead(operator.deployment, 2)
    swept(operator.deployment, STATES_EVERY_S)
    (said,) = operator.wrong()
    assert said.startswith("dead deletions: 2 have failed for a week")
    assert "pendingDeletions: 2 dead (counted less than a minute ago)." in operator.ask()[1]


# --- documents that somebody edited -------------------------------------------------------------------------------

KEPT: Final = sorted(VALUES.keys() - {"reference", "place", "vector"})
"""The values that the documents of these tests can keep."""

FIELDS: Final = ("sweptAt", "revision", "due", "oldestDue", "counts", "countedAt")


@pytest.mark.parametrize("kind", KEPT)
@pytest.mark.parametrize("name", FIELDS)
def test_whatever_is_in_the_documents_status_says_something(operator: Operator, name: str, kind: str) -> None:
    operator.write(HEALTH, **{name: VALUES[kind]})
    health = Health.from_document(operator.deployment.document(HEALTH), operator.deployment.clock())
    operator.wrong()
    assert health.unreadable in ((), (name,))
    said = operator.ask()[1]
    assert (f"Somebody edited {name}." in said) == (health.unreadable != ())


@pytest.mark.parametrize("kind", KEPT)
@pytest.mark.parametrize(
    ("path", "name"), [(SWITCH, "stopped"), (SWITCH, "why"), (SWITCH, "tasksUntil"), (TASKS, "hour"), (TASKS, "count")]
)
def test_whatever_is_in_switch_and_count_status_says_something(
    operator: Operator, path: str, name: str, kind: str
) -> None:
    hour = int(operator.deployment.clock().timestamp()) // HOUR_S
    operator.write(path, **{**({"hour": hour} if path == TASKS else {}), name: VALUES[kind]})
    operator.wrong()


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_health_with_any_values_is_read(value: Any) -> None:
    at = datetime(2026, 11, 30, tzinfo=UTC)
    health = Health.from_document(Document(HEALTH, dict.fromkeys(FIELDS, value), 1, at), at)
    assert set(health.unreadable) <= set(FIELDS)


def test_a_future_time_counts_as_now(operator: Operator) -> None:
    operator.write(HEALTH, sweptAt=datetime(2999, 1, 1, tzinfo=UTC))
    assert operator.wrong() == []
    assert "less than a minute ago" in operator.ask()[1]
