"""What is given up at a provider is deleted until it is gone; what cannot be is left to a person, who can see it and
have it tried again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TypeVar, cast

import pytest

from emulator_tests.memory import Effect as Disturbance
from emulator_tests.memory import MemoryDocuments, undisturbed
from emulator_tests.pure.deployment import TEACHER, Deployment, refusal
from shared.core.callers import Caller
from shared.core.errors import NotAllowed, NotFound, Permanent, WrongState
from shared.core.paths import DELETIONS, RECONCILE_DELETION, RECONCILE_SESSION, RECONCILE_VIDEO, deletion_path
from shared.deletions.controller import requeue_deletion
from shared.deletions.decide import DELETE, DROP, PAUSE_MAX_S, TRIES_MAX, DeletionSpec, decide
from shared.deletions.model import Deletion, DeletionState, Reason, deletion_id, given_up
from shared.ports import Create, Task, UploadSpec
from shared.reconcile import (
    ALARM_AFTER_S,
    LEASE_S,
    Decision,
    Done,
    Effect,
    Failure,
    Progress,
    RequeueAt,
    Snapshot,
    Step,
)
from shared.reconcile.epoch import HELD_LOOK_S, held_until
from shared.videos.commands import delete_video

pytestmark = pytest.mark.long

T = TypeVar("T")

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
PARTS = {"entryId": "0_video1", "uploadTokenId": "token1"}
DELETION = Deletion("memory", "video:v1:1", PARTS, Reason.REPLACED, NOW, progress=Progress(due_at=NOW))
ADMIN = Caller("admin", is_teacher=False, is_admin=True)


def dead(deletion: Deletion, requeues: int = 0) -> Deletion:
    failure = Failure("FORBIDDEN", "No.", False, "delete", str(requeues), TRIES_MAX, NOW, None)
    return replace(deletion, progress=Progress(failure=failure))


# --- what is recorded ----------------------------------------------------------------------------------------------


def test_a_deletion_is_read_back_as_it_was_written() -> None:
    documents = MemoryDocuments()
    documents.commit(given_up("memory", "video:v1:1", PARTS, Reason.REPLACED, NOW))
    (document,) = documents.read(deletion_path(deletion_id("video:v1:1", PARTS)))
    assert document is not None
    assert Deletion.from_document(document) == DELETION
    assert (document.fields["state"], document.fields["requeues"], document.fields["failure"]) == ("pending", 0, None)


def test_dead_deletion_says_why() -> None:
    fields = dead(DELETION).to_fields()
    assert fields["state"] == "dead"
    assert fields["failure"] == {"code": "FORBIDDEN", "message": "No.", "retryable": False}


def test_each_object_has_one_deletion() -> None:
    assert deletion_id("video:v1:1", PARTS) == deletion_id("video:v1:1", dict(reversed(PARTS.items())))
    others = [
        ("video:v1:2", PARTS),
        ("video:v1:1", {"entryId": "0_video1"}),
        ("video:v1:1", {**PARTS, "entryId": "0_b"}),
    ]
    assert len({deletion_id(*one) for one in [("video:v1:1", PARTS), *others]}) == 4


def deleted(record: Deletion, requeues: str) -> Step[Deletion]:
    """
    Tried again whatever the provider says, up to an hour apart, and so many times for each requeue.
    """
    return Step(
        DELETE,
        Effect.CHANGE,
        record,
        record,
        requeues,
        retry_permanent=True,
        tries_max=TRIES_MAX,
        pause_max_s=PAUSE_MAX_S,
    )


@pytest.mark.parametrize(
    ("record", "requeues", "expected"),
    [
        pytest.param(None, 0, Done(), id="nothing"),
        pytest.param(replace(DELETION, gone=True), 0, Done(), id="gone"),
        pytest.param(DELETION, 0, deleted(DELETION, "0"), id="pending"),
        pytest.param(dead(DELETION), 0, deleted(dead(DELETION), "0"), id="dead: the failure holds it back"),
        pytest.param(dead(DELETION), 1, deleted(dead(DELETION), "1"), id="requeued"),
    ],
)
def test_decide_returns_the_step_of_its_table(
    record: Deletion | None, requeues: int, expected: Decision[Deletion]
) -> None:
    assert decide(Snapshot("d", DeletionSpec(requeues), record, 1), NOW) == expected


def test_deletion_of_a_recorded_object_is_dropped_and_a_held_one_waits() -> None:
    """A3."""
    for is_held in (False, True):
        named = decide(Snapshot("d", DeletionSpec(is_named=True, is_held=is_held), DELETION, 1), NOW)
        assert named == Step(DROP, Effect.OBSERVE, DELETION, DELETION)
    assert decide(Snapshot("d", DeletionSpec(is_held=True), DELETION, 1), NOW) == RequeueAt(held_until(NOW))
    assert decide(Snapshot("d", DeletionSpec(is_held=True), replace(DELETION, gone=True), 1), NOW) == Done()


def test_held_deletions_come_again_together() -> None:
    instants = {held_until(NOW + timedelta(seconds=seconds)) for seconds in range(0, HELD_LOOK_S, 7)}
    assert instants == {NOW + timedelta(seconds=HELD_LOOK_S)}


# --- until it is gone ----------------------------------------------------------------------------------------------


def with_deleted_video() -> tuple[Deployment, str]:
    """
    A deployment in which a video was given up, and its deletion has yet to come.

    Returns:
        With the deletion's id.
    """
    deployment = Deployment()
    deployment.write_session()
    video_id = deployment.ask_upload().video_id
    external_ids, reference = deployment.video(video_id).external_ids, deployment.video(video_id).reference
    deployment.lose_tasks()
    delete_video(TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock)
    deployment.deliver(deployment.queue.take())
    return deployment, deletion_id(reference or "", external_ids)


def refusing(error: Exception) -> Disturbance:
    def effect(operation: str, do: Callable[[], T]) -> T:
        if operation in ("delete_media", "delete_stray"):
            raise error
        return do()

    return effect


FORBIDDEN = Permanent("No.", provider="memory", operation="media.delete", code="SERVICE_FORBIDDEN")


def test_released_object_is_deleted_with_its_deletion_document() -> None:
    deployment, key = with_deleted_video()
    assert deployment.enqueued_now(RECONCILE_DELETION) == [key]
    (pending,) = deployment.deletions()
    assert (pending.reason, pending.state) == (Reason.DELETED, DeletionState.PENDING)
    deployment.run()
    assert (deployment.media.alive(), deployment.deletions()) == ((), [])
    deployment.deliver(Task(RECONCILE_DELETION, key))
    assert deployment.deletions() == [], "a note that comes again finds nothing"


def test_a_deletion_whose_task_was_lost_is_found_by_the_sweep() -> None:
    deployment, _ = with_deleted_video()
    deployment.lose_tasks()
    deployment.sweep.run()
    deployment.run()
    assert (deployment.media.alive(), deployment.deletions()) == ((), [])


@pytest.mark.parametrize("error", [refusal("delete_media"), FORBIDDEN], ids=["down", "forbidden"])
def test_a_deletion_that_fails_is_tried_with_growing_pauses_of_an_hour_at_most(error: Exception) -> None:
    deployment, _ = with_deleted_video()
    tried_at: list[datetime] = []

    def counting(operation: str, do: Callable[[], T]) -> T:
        if operation == "delete_media":
            tried_at.append(deployment.clock())
            raise error
        return do()

    deployment.disturb = counting
    deployment.run(24 * 3600)
    pauses_s = [(later - earlier).total_seconds() for earlier, later in pairwise(tried_at)]
    assert pauses_s == sorted(pauses_s)
    assert max(pauses_s) <= 1.25 * PAUSE_MAX_S + 1
    assert len(tried_at) > 15
    (pending,) = deployment.deletions()
    assert pending.state is DeletionState.PENDING
    deployment.disturb = undisturbed
    deployment.run(2 * PAUSE_MAX_S)
    assert (deployment.media.alive(), deployment.deletions()) == ((), [])


def test_object_that_survives_its_deletion_is_deleted_again() -> None:
    deployment, _ = with_deleted_video()
    answers = iter([{"entryId": "0_video1"}, {"entryId": "0_video1"}])

    def keeping(operation: str, do: Callable[[], T]) -> T:
        if operation == "delete_media" and (left := next(answers, None)) is not None:
            return cast(T, left)
        return do()

    deployment.disturb = keeping
    deployment.run()
    (pending,) = deployment.deletions()
    assert pending.progress.failure is not None
    assert (pending.progress.failure.code, pending.progress.failure.retryable) == ("STILL_THERE", True)
    deployment.run(60)
    assert (deployment.media.alive(), deployment.deletions()) == ((), [])


def test_a_deletion_that_fails_for_a_day_is_an_alarm(capsys: pytest.CaptureFixture[str]) -> None:
    deployment, key = with_deleted_video()
    deployment.disturb = refusing(refusal("delete_media"))
    deployment.run(ALARM_AFTER_S + 2 * PAUSE_MAX_S)
    (alarm,) = [line for line in capsys.readouterr().err.splitlines() if "step stuck" in line]
    assert (json.loads(alarm)["severity"], json.loads(alarm)["key"]) == ("ALERT", key)


def test_deletion_of_a_dead_worker_resumes_after_its_lease() -> None:
    deployment, key = with_deleted_video()

    class Died(BaseException):
        pass

    def dying(operation: str, do: Callable[[], T]) -> T:
        if operation == "delete_media":
            raise Died
        return do()

    deployment.disturb = dying
    with pytest.raises(Died):
        deployment.deliver(Task(RECONCILE_DELETION, key))
    deployment.disturb = undisturbed
    deployment.lose_tasks()
    deployment.clock.advance(LEASE_S)
    deployment.sweep.run()
    deployment.run()
    assert deployment.deletions() == []


# --- dead letters --------------------------------------------------------------------------------------------------


def with_dead_deletion() -> tuple[Deployment, str]:
    deployment, key = with_deleted_video()
    deployment.disturb = refusing(FORBIDDEN)
    deployment.run(14 * 24 * 3600)
    (pending,) = deployment.deletions()
    assert pending.state is DeletionState.DEAD
    assert pending.progress.failure is not None
    assert pending.progress.failure.tries == TRIES_MAX
    return deployment, key


def test_deletion_refused_for_a_week_is_dead(capsys: pytest.CaptureFixture[str]) -> None:
    deployment, _ = with_dead_deletion()
    alarms = [line for line in capsys.readouterr().err.splitlines() if "step stuck" in line]
    assert len(alarms) == 1, "who was told once need not be told again"
    assert deployment.queue.waiting() == ()
    deployment.disturb = undisturbed
    deployment.sweep.run()
    deployment.run()
    assert len(deployment.deletions()) == 1, "nothing tries it but a person"
    assert len(deployment.media.alive()) == 1


def test_an_administrator_has_a_dead_deletion_tried_again() -> None:
    deployment, key = with_dead_deletion()
    deployment.disturb = undisturbed
    requeue_deletion(ADMIN, key, deployment.documents, deployment.queue, deployment.clock)
    deployment.run()
    assert (deployment.media.alive(), deployment.deletions()) == ((), [])


def test_requeued_deletion_gets_all_attempts_again() -> None:
    deployment, key = with_dead_deletion()
    requeue_deletion(ADMIN, key, deployment.documents, deployment.queue, deployment.clock)
    deployment.run()
    (pending,) = deployment.deletions()
    assert pending.progress.failure is not None
    assert (pending.state, pending.progress.failure.tries) == (DeletionState.PENDING, 1)


@pytest.mark.parametrize("caller", [TEACHER, Caller("student", is_teacher=False)], ids=["teacher", "student"])
def test_only_an_administrator_requeues(caller: Caller) -> None:
    deployment, key = with_dead_deletion()
    before = deployment.document(deletion_path(key))
    with pytest.raises(NotAllowed, match="Only administrators"):
        requeue_deletion(caller, key, deployment.documents, deployment.queue, deployment.clock)
    assert deployment.document(deletion_path(key)) == before


def test_only_dead_deletions_are_requeued() -> None:
    deployment, key = with_deleted_video()
    with pytest.raises(WrongState, match="still being retried"):
        requeue_deletion(ADMIN, key, deployment.documents, deployment.queue, deployment.clock)
    deployment.run()
    with pytest.raises(NotFound, match="It may be done already"):
        requeue_deletion(ADMIN, key, deployment.documents, deployment.queue, deployment.clock)


def test_orphan_is_deleted() -> None:
    deployment = Deployment()
    external_ids = deployment.media.prepare_upload("video:ghost:1", UploadSpec("A stray", "a.mp4", 1))
    deployment.clock.advance(1)
    asked: list[str] = []

    def watching(operation: str, do: Callable[[], T]) -> T:
        asked.append(operation)
        return do()

    deployment.documents.commit(given_up("memory", "video:ghost:1", external_ids, Reason.STRAY, deployment.clock()))
    deployment.disturb = watching
    deployment.deliver(Task(RECONCILE_DELETION, deletion_id("video:ghost:1", external_ids)))
    assert ("delete_stray" in asked, "delete_media" in asked) == (True, False)
    assert (deployment.media.alive(), deployment.deletions()) == ((), [])


def test_many_deletions_do_not_wait_for_one_that_fails() -> None:
    deployment = Deployment()
    made = [deployment.media.prepare_upload(f"video:v{number}:1", UploadSpec("", "a.mp4", 1)) for number in range(5)]
    for number, external_ids in enumerate(made):
        write = given_up("memory", f"video:v{number}:1", external_ids, Reason.DELETED, deployment.clock())
        deployment.documents.commit(write)
    stubborn = made[2]["entryId"]

    def refusing_one(operation: str, do: Callable[[], T]) -> T:
        if operation != "delete_media":
            return do()
        deployment.disturb = undisturbed
        (claimed,) = [one for one in deployment.deletions() if one.progress.claim is not None]
        deployment.disturb = refusing_one
        if claimed.external_ids["entryId"] == stubborn:
            raise FORBIDDEN
        return do()

    deployment.disturb = refusing_one
    deployment.clock.advance(1)
    deployment.sweep.run()
    deployment.run()
    assert [one.external_ids["entryId"] for one in deployment.media.alive()] == [stubborn]


def test_a_document_that_somebody_wrote_by_hand_under_the_same_name_is_no_error() -> None:
    deployment = Deployment()
    deployment.documents.commit(
        Create(f"{DELETIONS}/d", {**DELETION.to_fields(), "requeues": 0, "parts": {"entryId": "never"}})
    )
    deployment.deliver(Task(RECONCILE_DELETION, "d"))
    assert deployment.deletions() == []


# --- named again (A3) ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["video", "session"])
def test_deletion_is_dropped_if_a_document_names_its_object_again(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A3: as after an import of older documents over newer ones."""
    deployment = Deployment()
    deployment.write_session(format="liveStreaming")
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    video_id = deployment.ask_upload().video_id
    backup = deployment.back_up()
    if kind == "video":
        delete_video(TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock)
        deployment.deliver(Task(RECONCILE_VIDEO, video_id))
        assert len(deployment.deletions()) == 1
    else:
        pairing = deployment.pairing()
        event = given_up("memory", pairing.reference or "", pairing.external_ids, Reason.STRAY, deployment.clock())
        deployment.documents.commit(event)
        deployment.queue.put(Task(RECONCILE_DELETION, event.path.partition("/")[2]))
    deployment.restore(backup, keeps=True)
    before = (deployment.media.alive(), deployment.events.alive())

    deployment.run(60)

    assert (deployment.media.alive(), deployment.events.alive()) == before
    assert deployment.deletions() == []
    assert "deletion cancelled" in capsys.readouterr().out
