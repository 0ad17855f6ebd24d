"""The sweep: whatever was lost (an event, a task, a chain, an answer) is found again, and nothing that is wanted is
touched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar, cast

import pytest

from emulator_tests.memory import Effect, undisturbed
from emulator_tests.pure.deployment import (
    HOUR,
    INTERVAL_S,
    LATE_COMMIT_S,
    REAP_GRACE_S,
    SESSION,
    STRAY_AGE_S,
    Deployment,
    Killed,
    refusal,
)
from shared.core.errors import Doubtful, Permanent, Transient
from shared.core.paths import EPOCH, KEYS_SEPARATOR, POLL_READINESS, RECONCILE_SESSION, RECONCILE_VIDEO, pairing_path
from shared.deletions.decide import PAUSE_MAX_S
from shared.deletions.model import Reason
from shared.operations.orphans.scan import PAGE
from shared.operations.sweep import PAGE as SWEEP_PAGE
from shared.ports import Create, EventSpec, MediaState, Observation, Task
from shared.reconcile import LEASE_S
from shared.sessions.admissions.changes import following
from shared.sessions.model import Pairing, PairingState
from shared.sessions.session import Session
from shared.videos.decide import MISSED_AFTER_S
from shared.videos.model import VideoState

pytestmark = pytest.mark.long

T = TypeVar("T")

LIVE: dict[str, Any] = {"format": "liveStreaming"}
READY = Observation(MediaState.READY, percent=100, duration_s=10.0, size_bytes=1000, media_type="video/mp4")
EVENT = EventSpec("Algebra", None, None)


def killed_at(operation_that_kills: str, *, after: bool) -> Effect:
    """
    The process dies at one operation.
    """

    def effect(operation: str, do: Callable[[], T]) -> T:
        if operation != operation_that_kills:
            return do()
        if after:
            do()
        raise Killed

    return effect


def failing(operation_that_fails: str) -> Effect:
    """
    One operation of the provider cannot be reached.
    """

    def effect(operation: str, do: Callable[[], T]) -> T:
        if operation == operation_that_fails:
            raise refusal(operation)
        return do()

    return effect


def sweep(deployment: Deployment, seconds: float = 0) -> None:
    """
    Let time pass without any task being delivered, then sweep and deliver what that left.
    """
    deployment.lose_tasks()
    deployment.clock.advance(seconds)
    deployment.sweep.run()
    deployment.run()


def enqueued_videos(deployment: Deployment) -> list[str]:
    """
    The videos that tasks speak of, together or alone.
    """
    return sorted(video_id for key in deployment.enqueued(RECONCILE_VIDEO) for video_id in key.split(KEYS_SEPARATOR))


def visit_session(deployment: Deployment, session_id: str = "s1") -> None:
    """
    The trigger's task arrives.
    """
    deployment.deliver(Task(RECONCILE_SESSION, session_id))


def with_event() -> Deployment:
    """
    A deployment with one public live session that has its event.
    """
    deployment = Deployment()
    deployment.write_session(**LIVE)
    visit_session(deployment)
    assert len(deployment.events.alive()) == 1
    return deployment


def references(deployment: Deployment) -> list[str]:
    """
    Under which everything was made that is left at the provider, events first.
    """
    events, videos = deployment.events.alive(), deployment.media.alive()
    return [event.reference for event in events] + [video.reference for video in videos]


# --- lost triggers -----------------------------------------------------------------------------------------------


def test_sweep_finds_a_missed_publication() -> None:
    deployment = Deployment()
    deployment.write_session(**LIVE)
    sweep(deployment)
    assert references(deployment) == ["session:s1:1"]
    assert deployment.document("sessions/s1").fields["kaltura"]["state"] == "ready"


def test_sweep_finds_a_missed_change() -> None:
    deployment = with_event()
    deployment.write_session(title="Geometry")
    sweep(deployment)
    assert [event.spec.title for event in deployment.events.alive()] == ["Geometry"]


@pytest.mark.parametrize("behind", ["nothing", "others that changed later"])
def test_a_change_whose_task_was_lost_too_is_found_for_three_hours(behind: str) -> None:
    deployment = Deployment()
    sweep(deployment)
    deployment.write_session(**LIVE)
    for _ in range(5):
        deployment.clock.advance(2000)
        if behind != "nothing":
            deployment.write_session("s2", status="draft")
        deployment.sweep.run()
        assert deployment.enqueued(RECONCILE_SESSION) == ["s1"]
        deployment.lose_tasks()
    sweep(deployment)
    assert references(deployment) == ["session:s1:1"]


def test_a_task_of_the_very_first_run_that_was_lost_is_left_again_by_the_next() -> None:
    deployment = Deployment()
    deployment.write_session(**LIVE)
    deployment.clock.advance(2000)
    deployment.sweep.run()
    assert deployment.enqueued(RECONCILE_SESSION)
    sweep(deployment, 300)
    assert references(deployment) == ["session:s1:1"]


def test_sweep_finds_missed_changes_among_many_sessions() -> None:
    """A6: ten pages of changed sessions before the one whose trigger was lost."""
    deployment = Deployment()
    deployment.sweep.run()
    deployment.run(300)
    for number in range(10 * SWEEP_PAGE):
        deployment.write_session(f"m{number}", ownerUid="mallory")
    deployment.clock.advance(1)
    at = deployment.clock() + 100 * HOUR
    deployment.write_session("lost", ownerUid="other", format="liveStreaming", startsAt=at, endsAt=at + HOUR)

    deployment.sweep.run()

    assert "lost" in deployment.enqueued(RECONCILE_SESSION)


def test_sweep_finds_a_missed_unpublication() -> None:
    deployment = with_event()
    deployment.write_session(status="draft")
    sweep(deployment)
    assert deployment.document("sessions/s1").fields.get("kaltura") is None
    sweep(deployment, REAP_GRACE_S - 1)
    assert len(deployment.events.alive()) == 1
    sweep(deployment, 1)
    assert deployment.events.alive() == ()


def test_sweep_finds_a_missed_deletion_with_its_videos() -> None:
    deployment = with_event()
    video_id = deployment.ask_upload().video_id
    deployment.delete_session()
    sweep(deployment)
    assert (deployment.events.alive(), deployment.media.alive()) == ((), ())
    assert deployment.video(video_id).state is VideoState.GONE
    sweep(deployment, 60)
    assert deployment.pairing().expires_at is not None


def test_settled_object_gets_no_task() -> None:
    deployment = with_event()
    deployment.write_session("s2")
    deployment.write_session("s3", status="draft", **LIVE)
    deployment.write_session("s4", format="inPerson")
    video_id = deployment.ask_upload(session_id="s2").video_id
    deployment.show(video_id, READY)
    deployment.run(60)
    deployment.delete_session("s4")
    deployment.lose_tasks()
    deployment.sweep.run()
    assert deployment.queue.waiting() == ()
    assert {path for path in deployment.documents.paths() if path.startswith("kalturaSession")} == {
        "kalturaSession/s1",
        "kalturaSession/s2",
    }


def test_data_of_the_app_causes_no_work() -> None:
    deployment = with_event()
    deployment.run(60)
    before = deployment.document("sessions/s1")
    for app in ({"courseId": "optics-1"}, {"courseId": "optics-2", "kaltura": "x"}, {}, "not a map", None):
        deployment.write_session(app=app)
        after = deployment.document("sessions/s1")
        assert following("s1", Session.from_document(before), Session.from_document(after)) == []
        deployment.lose_tasks()
        deployment.sweep.run()
        assert deployment.queue.waiting() == ()
        before = after
    # Work for another reason leaves it as it is.
    deployment.write_session(app={"courseId": "optics-3"}, title="Geometry")
    sweep(deployment)
    assert deployment.events.alive()[0].spec.title == "Geometry"
    assert deployment.document("sessions/s1").fields["app"] == {"courseId": "optics-3"}


def test_a_step_that_waits_for_its_next_try_gets_no_task_before() -> None:
    deployment = Deployment()
    deployment.write_session(**LIVE)

    def refused(operation: str, do: Callable[[], T]) -> T:
        if operation == "create_event":
            raise Transient("Busy.", provider="memory", operation=operation, code="HTTP_429", retry_after_s=600)
        return do()

    deployment.disturb = refused
    visit_session(deployment)
    deployment.disturb = undisturbed
    deployment.lose_tasks()
    deployment.clock.advance(599)
    deployment.sweep.run()
    assert deployment.queue.waiting() == ()
    sweep(deployment, 1)
    assert len(deployment.events.alive()) == 1


# --- lost tasks --------------------------------------------------------------------------------------------------


def test_overdue_object_is_enqueued_on_every_page() -> None:
    deployment = Deployment()
    due = Pairing(SESSION, state=PairingState.GONE)
    fields = {**due.to_fields(), "dueAt": deployment.clock()}
    deployment.documents.commit(Create(pairing_path("s1"), fields))
    deployment.clock.advance(1)
    deployment.documents.commit(Create(pairing_path("s2"), {**fields, "dueAt": deployment.clock()}))
    deployment.documents.commit(
        Create(pairing_path("s3"), {**fields, "dueAt": deployment.clock() + timedelta(microseconds=1)})
    )
    # Only the overdue ones: what the scan would find is another matter.
    for session_id in ("s1", "s2", "s3"):
        deployment.write_session(session_id, createdAt=SESSION.created_at, kalturaSession=True)
    deployment.sweep.run()
    assert deployment.enqueued(RECONCILE_SESSION) == ["s1", "s2"]


@pytest.mark.parametrize("after", [False, True], ids=["before it", "after it"])
@pytest.mark.parametrize("operation", ["create_event", "update_event", "delete_event"])
def test_step_of_a_dead_worker_resumes_after_its_lease(operation: str, after: bool) -> None:
    deployment = Deployment() if operation == "create_event" else with_event()
    if operation == "create_event":
        deployment.write_session(**LIVE)
    elif operation == "update_event":
        deployment.write_session(title="Geometry")
    else:
        deployment.delete_session()
    deployment.disturb = killed_at(operation, after=after)
    with pytest.raises(Killed):
        visit_session(deployment)
    deployment.disturb = undisturbed
    sweep(deployment, LEASE_S - 1)
    assert deployment.pairing().progress.claim is not None, "the dead visitor still counts as alive"
    # A creation that is not found may still be under way.
    for _ in range(6):
        sweep(deployment, LATE_COMMIT_S / 2)
    assert [event.spec.title for event in deployment.events.alive()] == {
        "create_event": ["Algebra"],
        "update_event": ["Geometry"],
        "delete_event": [],
    }[operation]


def test_a_video_that_the_poller_missed_is_found() -> None:
    deployment = Deployment()
    deployment.write_session()
    video_ids = [deployment.ask_upload(f"r{number}").video_id for number in range(3)]
    deployment.run(3 * INTERVAL_S)
    deployment.show(video_ids[0], Observation(MediaState.PROCESSING))
    deployment.show(video_ids[1], READY)
    deployment.lose_tasks()
    deployment.sweep.run()
    assert enqueued_videos(deployment) == [], "the feed still has time to see it"
    deployment.clock.advance(MISSED_AFTER_S)
    deployment.sweep.run()
    assert enqueued_videos(deployment) == sorted(video_ids), "one call tells of all of them"
    deployment.run()
    states = [deployment.video(video_id).state for video_id in video_ids]
    assert states == [VideoState.PROCESSING, VideoState.READY, VideoState.UPLOADING]


def test_a_video_that_vanished_at_the_provider_is_found() -> None:
    deployment = Deployment()
    deployment.write_session()
    video_id = deployment.ask_upload().video_id
    deployment.media.vanish(deployment.video(video_id).external_ids["entryId"])
    sweep(deployment, MISSED_AFTER_S)
    assert deployment.document("sessions/s1").fields["videos"][video_id]["failure"]["code"] == "VANISHED"


def test_an_upload_that_was_never_finished_fails_at_its_deadline_and_leaves_nothing_at_the_provider() -> None:
    deployment = Deployment()
    deployment.write_session()
    video_id = deployment.ask_upload().video_id
    deadline_at = deployment.video(video_id).deadline_at
    assert deadline_at is not None
    sweep(deployment, (deadline_at - deployment.clock()).total_seconds() - 1)
    assert deployment.video(video_id).state is VideoState.UPLOADING
    sweep(deployment, 1)
    assert deployment.document("sessions/s1").fields["videos"][video_id]["failure"]["code"] == "UPLOAD_NOT_FINISHED"
    assert deployment.media.alive() == ()


def test_a_chain_that_died_is_begun_again_where_something_is_pending() -> None:
    deployment = Deployment()
    deployment.write_session()
    deployment.ask_upload()
    deployment.lose_tasks()
    deployment.clock.advance(LEASE_S + INTERVAL_S)
    deployment.sweep.run()
    assert deployment.enqueued(POLL_READINESS) == ["memory:2"]


# --- orphans ------------------------------------------------------------------------------------------------------


def test_recorded_object_is_never_an_orphan() -> None:
    deployment = with_event()
    deployment.ask_upload()
    for _ in range(3):
        sweep(deployment, STRAY_AGE_S)
    assert (len(deployment.events.alive()), len(deployment.media.alive())) == (1, 1)


@pytest.mark.parametrize(
    "reference",
    [
        pytest.param("session:s1:7", id="of a session that has another"),
        pytest.param("session:unknown:1", id="of a session that nobody knows"),
        pytest.param("video:unknown:1", id="of a video that nobody knows"),
    ],
)
def test_unrecorded_object_is_deleted_once_old_enough(reference: str) -> None:
    deployment = with_event()
    if reference.startswith("session"):
        deployment.events.create_event(reference, EVENT)
    else:
        deployment.media.prepare_upload(reference, deployment.video(deployment.ask_upload().video_id).upload)

    sweep(deployment, STRAY_AGE_S)
    assert reference in references(deployment)
    sweep(deployment, 1)
    assert reference not in references(deployment)
    assert "session:s1:1" in references(deployment)


def test_a_second_event_made_under_the_same_reference_is_deleted_and_the_recorded_one_is_kept() -> None:
    deployment = with_event()
    recorded = dict(deployment.pairing().external_ids)
    deployment.clock.advance(1)
    deployment.events.create_event("session:s1:1", EVENT)
    sweep(deployment, STRAY_AGE_S + 1)
    assert [dict(event.external_ids) for event in deployment.events.alive()] == [recorded]


@pytest.mark.parametrize("found", [True, False], ids=["adopted", "given up"])
def test_adoptable_object_is_left_alone_until_decided(found: bool) -> None:
    deployment = Deployment()
    deployment.write_session(**LIVE)
    deployment.clock.advance(1)

    def losing(operation: str, do: Callable[[], T]) -> T:
        if operation == "create_event":
            do()
            raise Doubtful("No answer.", provider="memory", operation=operation, code="TIMEOUT")
        if operation == "find_event":
            raise refusal(operation)
        return do()

    def not_finding(operation: str, do: Callable[[], T]) -> T:
        return cast(T, {}) if operation == "find_event" else do()

    deployment.disturb = losing
    visit_session(deployment)
    for _ in range(3):
        deployment.lose_tasks()
        deployment.clock.advance(STRAY_AGE_S)
        deployment.sweep.run()
        assert references(deployment) == ["session:s1:1"]
    deployment.disturb = undisturbed if found else not_finding
    sweep(deployment)
    assert deployment.pairing().state is PairingState.READY
    sweep(deployment)
    assert references(deployment) == [f"session:s1:{1 if found else 2}"]


def test_orphans_behind_a_page_of_recorded_objects_are_found() -> None:
    deployment = Deployment()
    made = []
    for number in range(PAGE + 3):
        made.append(deployment.events.create_event(f"session:x{number}:1", EVENT).external_ids)
        deployment.clock.advance(1)
    records = [Pairing(SESSION, state=PairingState.READY, external_ids=external_ids) for external_ids in made[:PAGE]]
    deployment.documents.commit(
        *(Create(pairing_path(f"x{number}"), record.to_fields()) for number, record in enumerate(records))
    )
    deployment.clock.advance(STRAY_AGE_S)
    deployment.sweep.run()
    assert [pending.external_ids for pending in deployment.deletions()] == made[PAGE:]


def test_next_sweep_makes_up_for_an_outage() -> None:
    deployment = with_event()
    deployment.events.create_event("session:unknown:1", EVENT)
    deployment.disturb = failing("delete_stray")
    sweep(deployment, STRAY_AGE_S + 1)
    assert len(deployment.events.alive()) == 2
    (pending,) = deployment.deletions()
    assert (pending.reference, pending.reason) == ("session:unknown:1", Reason.STRAY)
    deployment.disturb = undisturbed
    sweep(deployment, 10)
    assert references(deployment) == ["session:s1:1"]
    assert deployment.deletions() == []


def test_next_sweep_lists_what_failed() -> None:
    deployment = with_event()
    deployment.events.create_event("session:unknown:1", EVENT)
    deployment.disturb = failing("strays")
    sweep(deployment, STRAY_AGE_S + 1)
    assert deployment.deletions() == []
    deployment.disturb = undisturbed
    sweep(deployment)
    assert references(deployment) == ["session:s1:1"]


def test_failing_orphan_deletion_blocks_no_other() -> None:
    deployment = with_event()
    for number in range(3):
        deployment.clock.advance(1)
        deployment.events.create_event(f"session:unknown{number}:1", EVENT)
    oldest_first = iter([True])

    def refusing_the_oldest(operation: str, do: Callable[[], T]) -> T:
        if operation == "delete_stray" and next(oldest_first, False):
            raise Permanent("No.", provider="memory", operation=operation, code="SERVICE_FORBIDDEN")
        return do()

    deployment.disturb = refusing_the_oldest
    sweep(deployment, STRAY_AGE_S + 1)
    assert references(deployment) == ["session:s1:1", "session:unknown0:1"]
    sweep(deployment, 2 * PAUSE_MAX_S)
    assert references(deployment) == ["session:s1:1"]


@pytest.mark.parametrize("operation", ["observe", "strays"])
def test_a_provider_that_is_down_keeps_the_sweep_from_nothing_else(operation: str) -> None:
    deployment = Deployment()
    deployment.write_session()
    deployment.ask_upload()
    deployment.write_session("s2", **LIVE)
    deployment.disturb = failing(operation)
    sweep(deployment, STRAY_AGE_S + MISSED_AFTER_S)
    assert references(deployment)[0] == "session:s2:1"


def test_two_sweeps_at_once_do_no_harm_to_each_other() -> None:
    deployment = Deployment()
    deployment.write_session(**LIVE)

    def sweeping(operation: str, do: Callable[[], T]) -> T:
        if operation == "strays":
            deployment.disturb = undisturbed
            deployment.sweep.run()
        return do()

    deployment.clock.advance(STRAY_AGE_S)
    deployment.disturb = sweeping
    deployment.sweep.run()
    deployment.run()
    assert references(deployment) == ["session:s1:1"]


# --- a provider that is down -------------------------------------------------------------------------------------


@pytest.mark.parametrize("deadline_passed", [False, True], ids=["in time", "past its deadline"])
def test_failed_observation_keeps_the_video_until_its_deadline(deadline_passed: bool) -> None:
    deployment = Deployment()
    deployment.write_session()
    video_id = deployment.ask_upload().video_id
    deployment.show(video_id, Observation(MediaState.PROCESSING))
    deployment.run(INTERVAL_S)
    deployment.lose_tasks()
    deadline_at = deployment.video(video_id).deadline_at
    assert deadline_at is not None
    if deadline_passed:
        deployment.clock.move_to(deadline_at)
    deployment.show(video_id, READY)
    deployment.disturb = failing("observe")
    deployment.deliver(Task(RECONCILE_VIDEO, video_id))
    ended = VideoState.FAILED if deadline_passed else VideoState.PROCESSING
    assert deployment.video(video_id).state is ended
    deployment.disturb = undisturbed
    deployment.run(60)
    assert deployment.video(video_id).state is VideoState.READY, "what is finished late plays all the same"


def test_a_run_keeps_what_others_wrote_beside_its_marks() -> None:
    deployment = Deployment()
    deployment.documents.commit(Create(EPOCH, {"databaseUid": "u1"}))
    deployment.sweep.run()
    deployment.sweep.run()
    fields = deployment.document(EPOCH).fields
    assert (fields["databaseUid"], fields["straysSince"].keys()) == ("u1", {"memory", "second"})
