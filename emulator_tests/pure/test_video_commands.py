"""What a teacher wishes of a video that is there: that it be replaced, that its upload end, that it go, that a failure
be tried again; each from its spec to what is left at the provider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from emulator_tests.memory import undisturbed
from emulator_tests.pure.deployment import LATE_COMMIT_S, POLICY, SLOT_OVER_S, TEACHER, Deployment, refusal
from shared.core.callers import Caller
from shared.core.errors import Conflict, Doubtful, NotAllowed, NotFound, Permanent, Transient, WrongState
from shared.core.paths import RECONCILE_VIDEO, video_path
from shared.core.retry import TRIES_MAX
from shared.deletions.model import Reason
from shared.ports import Clock, Documents, MediaState, Observation, Queue, Task, Update
from shared.videos.commands import cancel_upload, delete_video, retry_video, upload_finished
from shared.videos.model import Video, VideoState

pytestmark = pytest.mark.long

T = TypeVar("T")
Spec = Callable[[Caller, str, Documents, Queue, Clock], None]

OTHER_TEACHER = Caller("other", is_teacher=True)
STUDENT = Caller("student", is_teacher=False)
READY = Observation(MediaState.READY, percent=100, duration_s=10.0, size_bytes=1000, media_type="video/mp4")
BROKEN = Observation(MediaState.ERROR, reason="The converter broke.", retryable=True)
DAMAGED = Observation(MediaState.ERROR, reason="It is damaged.")


def with_upload(*, ready: bool = False) -> tuple[Deployment, str]:
    deployment = Deployment()
    deployment.write_session()
    video_id = deployment.ask_upload().video_id
    if ready:
        arrive(deployment, video_id, READY)
    return deployment, video_id


def arrive(deployment: Deployment, video_id: str, observation: Observation) -> None:
    """
    The latest upload of a video arrives, and the provider makes this of it.
    """
    deployment.show(video_id, observation)
    deployment.queue.put(Task(RECONCILE_VIDEO, video_id))
    deployment.run()


def shown(deployment: Deployment, video_id: str) -> dict[str, Any]:
    found: dict[str, Any] = deployment.document("sessions/s1").fields["videos"].get(video_id) or {}
    return found


def plays(deployment: Deployment, video_id: str) -> str:
    """
    The entry that viewers get.
    """
    return str(deployment.playbacks.issue_playback(STUDENT, video_id).values["entryId"])


def alive(deployment: Deployment) -> list[str]:
    return [made.external_ids["entryId"] for made in deployment.media.alive()]


def spec(deployment: Deployment, what: Spec, video_id: str, caller: Caller = TEACHER) -> None:
    what(caller, video_id, deployment.documents, deployment.queue, deployment.clock)


# --- replacing -----------------------------------------------------------------------------------------------------


def test_the_old_video_plays_until_its_replacement_is_ready_and_goes_then() -> None:
    deployment, video_id = with_upload(ready=True)
    old = plays(deployment, video_id)
    token = deployment.ask_replacement(video_id, title="Algebra, corrected")
    assert token.video_id == video_id
    for seen, state in ((None, "uploading"), (Observation(MediaState.PROCESSING, percent=30), "processing")):
        if seen is not None:
            arrive(deployment, video_id, seen)
        told = shown(deployment, video_id)
        assert (told["state"], told["title"], told["replacement"]["state"]) == ("ready", "Algebra", state)
        assert plays(deployment, video_id) == old
        assert len(alive(deployment)) == 2

    arrive(deployment, video_id, READY)

    told = shown(deployment, video_id)
    assert (told["state"], told["title"], told.get("replacement")) == ("ready", "Algebra, corrected", None)
    assert alive(deployment) == [plays(deployment, video_id)] != [old]
    assert deployment.deletions() == []


def test_one_write_switches_to_the_replacement_and_releases_the_old_video() -> None:
    deployment, video_id = with_upload(ready=True)
    deployment.ask_replacement(video_id)
    deployment.show(video_id, READY)
    seen: list[tuple[object, ...]] = []

    def watching(operation: str, do: Callable[[], T]) -> T:
        result = do()
        if operation == "commit":
            deployment.disturb = undisturbed
            video = deployment.video(video_id)
            assert video.playable is not None
            pending = [one.reason for one in deployment.deletions()]
            seen.append((video.playable.reference, shown(deployment, video_id).get("replacement"), pending))
            deployment.disturb = watching
        return result

    deployment.disturb = watching
    deployment.deliver(Task(RECONCILE_VIDEO, video_id))
    assert seen[0] == (f"video:{video_id}:2", None, [Reason.REPLACED])


@pytest.mark.parametrize("seen", [DAMAGED, Observation(MediaState.READY, is_video=False)], ids=["damaged", "a lie"])
def test_a_replacement_that_fails_says_so_and_leaves_the_old_video_playing(seen: Observation) -> None:
    deployment, video_id = with_upload(ready=True)
    old = plays(deployment, video_id)
    deployment.ask_replacement(video_id)
    arrive(deployment, video_id, seen)
    told = shown(deployment, video_id)
    assert (told["state"], told["replacement"]["state"]) == ("ready", "failed")
    assert told["replacement"]["failure"]["message"]
    assert (plays(deployment, video_id), alive(deployment)) == (old, [old])
    deployment.ask_replacement(video_id, "third")
    arrive(deployment, video_id, READY)
    assert plays(deployment, video_id) != old
    assert len(alive(deployment)) == 1


def test_replacing_twice_releases_the_first_replacement() -> None:
    deployment, video_id = with_upload(ready=True)
    old = plays(deployment, video_id)
    first = deployment.ask_replacement(video_id, "first")
    second = deployment.ask_replacement(video_id, "second", size_bytes=2000)
    deployment.run()
    assert first.grant.values != second.grant.values
    assert len(alive(deployment)) == 2
    assert plays(deployment, video_id) == old
    with pytest.raises(WrongState, match="replaced by a later one"):
        deployment.ask_replacement(video_id, "first")
    deployment.show(video_id, replace(READY, size_bytes=2000))
    deployment.queue.put(Task(RECONCILE_VIDEO, video_id))
    deployment.run()
    assert alive(deployment) == [plays(deployment, video_id)]


def test_the_same_replacement_asked_for_again_is_the_same() -> None:
    deployment, video_id = with_upload(ready=True)
    first, again = deployment.ask_replacement(video_id), deployment.ask_replacement(video_id)
    assert first.grant.values == again.grant.values
    assert len(alive(deployment)) == 2
    with pytest.raises(WrongState, match="used for another file"):
        deployment.ask_replacement(video_id, size_bytes=2000)


def test_overtaken_request_gets_no_token() -> None:
    deployment, video_id = with_upload(ready=True)

    def overtaking(operation: str, do: Callable[[], T]) -> T:
        if operation == "prepare_upload":
            deployment.disturb = undisturbed
            spec = deployment.document(video_path(video_id)).fields["wish"]
            deployment.documents.commit(Update(video_path(video_id), {"wish": {**spec, "number": spec["number"] + 1}}))
        return do()

    deployment.disturb = overtaking
    with pytest.raises(WrongState, match="replaced by a later one"):
        deployment.ask_replacement(video_id)


def test_video_that_was_never_ready_may_be_replaced() -> None:
    deployment, video_id = with_upload()
    deployment.ask_replacement(video_id)
    deployment.run()
    assert len(alive(deployment)) == 1
    assert "replacement" not in shown(deployment, video_id)
    arrive(deployment, video_id, READY)
    assert plays(deployment, video_id) == alive(deployment)[0]


def test_a_title_is_kept_where_a_replacement_brings_none() -> None:
    deployment, video_id = with_upload(ready=True)
    deployment.ask_replacement(video_id, title=None)
    arrive(deployment, video_id, READY)
    assert shown(deployment, video_id)["title"] == "Algebra"


# --- cancelling ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seen",
    [None, Observation(MediaState.AWAITING_UPLOAD, 50, received_bytes=500), Observation(MediaState.PROCESSING), BROKEN],
    ids=["before a byte", "after some", "while it is processed", "after it failed"],
)
@pytest.mark.parametrize("replacing", [False, True], ids=["first upload", "replacement"])
def test_cancelled_upload_leaves_only_what_played(seen: Observation | None, replacing: bool) -> None:
    deployment, video_id = with_upload(ready=replacing)
    left = alive(deployment) if replacing else []
    if replacing:
        deployment.ask_replacement(video_id)
    if seen is not None:
        arrive(deployment, video_id, seen)
    spec(deployment, cancel_upload, video_id)
    deployment.run()
    assert alive(deployment) == left
    assert deployment.deletions() == []
    if replacing:
        assert shown(deployment, video_id)["state"] == "ready"
        assert plays(deployment, video_id) == left[0]
    else:
        assert shown(deployment, video_id) == {}
        assert deployment.video(video_id).state is VideoState.GONE


def test_cancelling_again_changes_nothing() -> None:
    deployment, video_id = with_upload()
    for _ in range(3):
        spec(deployment, cancel_upload, video_id)
    deployment.run()
    spec(deployment, cancel_upload, video_id)
    deployment.run()
    assert deployment.video(video_id).state is VideoState.GONE


@pytest.mark.parametrize("replaced", [False, True])
def test_an_upload_that_is_complete_cannot_be_cancelled(replaced: bool) -> None:
    deployment, video_id = with_upload(ready=True)
    if replaced:
        deployment.ask_replacement(video_id)
        arrive(deployment, video_id, READY)
    before = deployment.document(video_path(video_id))
    with pytest.raises(WrongState, match="This upload is complete"):
        spec(deployment, cancel_upload, video_id)
    assert deployment.document(video_path(video_id)) == before


def test_an_upload_that_completes_while_it_is_cancelled_is_either_cancelled_or_complete() -> None:
    deployment, video_id = with_upload()
    deployment.show(video_id, READY)

    def completing(operation: str, do: Callable[[], T]) -> T:
        if operation == "commit":
            deployment.disturb = undisturbed
            deployment.deliver(Task(RECONCILE_VIDEO, video_id))
        return do()

    deployment.disturb = completing
    with pytest.raises(WrongState, match="complete"):
        spec(deployment, cancel_upload, video_id)
    assert plays(deployment, video_id) == alive(deployment)[0]


def test_a_cancelled_upload_gets_no_token_any_more() -> None:
    deployment, video_id = with_upload()
    spec(deployment, cancel_upload, video_id)
    with pytest.raises(WrongState, match="was cancelled"):
        deployment.ask_upload()
    with pytest.raises(WrongState, match="was cancelled"):
        deployment.upload_tokens.renew_upload_token(TEACHER, video_id)


def test_an_upload_that_is_cancelled_while_it_is_prepared_is_found_and_deleted() -> None:
    deployment, video_id = with_upload(ready=True)
    old = plays(deployment, video_id)

    def cancelling(operation: str, do: Callable[[], T]) -> T:
        if operation == "prepare_upload":
            deployment.disturb = undisturbed
            spec(deployment, cancel_upload, video_id)
        return do()

    deployment.disturb = cancelling
    with pytest.raises(WrongState, match="was cancelled"):
        deployment.ask_replacement(video_id)
    deployment.run()
    assert alive(deployment) == [old]
    assert plays(deployment, video_id) == old


# --- deleting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seen",
    [None, Observation(MediaState.PROCESSING), READY, DAMAGED, BROKEN],
    ids=["uploading", "processing", "ready", "failed", "failed, bytes kept"],
)
@pytest.mark.parametrize("replacing", [False, True], ids=["first upload", "replacement"])
def test_a_deleted_video_leaves_nothing_wherever_it_stands(seen: Observation | None, replacing: bool) -> None:
    deployment, video_id = with_upload(ready=replacing)
    if replacing:
        deployment.ask_replacement(video_id)
    if seen is not None:
        arrive(deployment, video_id, seen)
    spec(deployment, delete_video, video_id)
    deployment.run()
    assert alive(deployment) == []
    assert deployment.deletions() == []
    assert shown(deployment, video_id) == {}
    with pytest.raises(NotFound):
        plays(deployment, video_id)


def test_deleting_again_and_after_it_is_gone_changes_nothing() -> None:
    deployment, video_id = with_upload(ready=True)
    for _ in range(2):
        spec(deployment, delete_video, video_id)
        deployment.run()
    assert deployment.video(video_id).state is VideoState.GONE
    with pytest.raises(NotFound, match="There is no such video"):
        deployment.ask_replacement(video_id)


def test_deleting_the_session_during_a_replacement_leaves_nothing() -> None:
    deployment, video_id = with_upload(ready=True)
    deployment.ask_replacement(video_id)
    deployment.delete_session()
    deployment.queue.put(Task(RECONCILE_VIDEO, video_id))
    deployment.run()
    assert alive(deployment) == []


# --- trying again --------------------------------------------------------------------------------------------------


def failed(observation: Observation = BROKEN) -> tuple[Deployment, str]:
    deployment, video_id = with_upload()
    arrive(deployment, video_id, observation)
    assert shown(deployment, video_id)["state"] == "failed"
    return deployment, video_id


def test_retry_reprocesses_the_bytes_that_arrived() -> None:
    deployment, video_id = failed()
    assert shown(deployment, video_id)["failure"] == {
        "code": "REFUSED_BY_PROVIDER",
        "message": "The converter broke.",
        "retryable": True,
    }
    entries = alive(deployment)
    spec(deployment, retry_video, video_id)
    deployment.run()
    told = shown(deployment, video_id)
    assert (told["state"], told.get("failure")) == ("processing", None)
    arrive(deployment, video_id, READY)
    assert alive(deployment) == entries == [plays(deployment, video_id)]


def test_repeated_retry_command_is_done_once() -> None:
    deployment, video_id = failed()
    asked: list[str] = []

    def counting(operation: str, do: Callable[[], T]) -> T:
        asked.append(operation)
        return do()

    deployment.disturb = counting
    spec(deployment, retry_video, video_id)
    spec(deployment, retry_video, video_id)
    deployment.run()
    assert asked.count("reprocess") == 1


def test_repeated_failure_waits_for_another_retry_command() -> None:
    deployment, video_id = failed()
    spec(deployment, retry_video, video_id)
    deployment.run()
    arrive(deployment, video_id, BROKEN)
    assert shown(deployment, video_id)["state"] == "failed"
    deployment.run(600)
    assert shown(deployment, video_id)["state"] == "failed"
    spec(deployment, retry_video, video_id)
    deployment.run()
    assert shown(deployment, video_id)["state"] == "processing"


LOST = Doubtful("No answer.", provider="memory", operation="reprocess", code="TIMEOUT")


@pytest.mark.parametrize("done", [True, False], ids=["it was done", "it was not"])
def test_a_retry_whose_answer_was_lost_is_not_repeated_before_that_is_certain(done: bool) -> None:
    deployment, video_id = failed()
    asked: list[str] = []

    def losing(operation: str, do: Callable[[], T]) -> T:
        asked.append(operation)
        if operation == "reprocess":
            deployment.disturb = counting
            if done:
                do()
            raise LOST
        return do()

    def counting(operation: str, do: Callable[[], T]) -> T:
        asked.append(operation)
        return do()

    deployment.disturb = losing
    spec(deployment, retry_video, video_id)
    deployment.run(LATE_COMMIT_S - 1)
    assert asked.count("reprocess") == 1
    assert shown(deployment, video_id)["state"] == ("processing" if done else "retrying")
    deployment.run(60)
    assert asked.count("reprocess") == (1 if done else 2)
    assert shown(deployment, video_id)["state"] == "processing"


def test_undelivered_retry_is_repeated() -> None:
    deployment, video_id = failed()

    def down(operation: str, do: Callable[[], T]) -> T:
        if operation == "reprocess":
            raise refusal(operation)
        return do()

    deployment.disturb = down
    spec(deployment, retry_video, video_id)
    deployment.run(10)
    assert shown(deployment, video_id)["state"] == "failed"
    deployment.disturb = undisturbed
    deployment.run(60)
    assert shown(deployment, video_id)["state"] == "processing"


def test_a_retry_that_the_provider_refuses_for_good_leaves_the_failure_and_still_ends() -> None:
    deployment, video_id = failed()

    def refused(operation: str, do: Callable[[], T]) -> T:
        if operation == "reprocess":
            raise Permanent(
                "No source.", provider="memory", operation=operation, code="ORIGINAL_FLAVOR_ASSET_IS_MISSING"
            )
        return do()

    deployment.disturb = refused
    spec(deployment, retry_video, video_id)
    deployment.run(60)
    assert shown(deployment, video_id)["failure"]["message"] == "The converter broke."
    deployment.run(POLICY.retry_keep_s)
    deployment.sweep.run()
    deployment.run()
    assert alive(deployment) == []
    assert shown(deployment, video_id)["failure"]["retryable"] is False


def test_bytes_of_a_failed_upload_are_kept_so_long_and_no_longer() -> None:
    deployment, video_id = failed()
    deployment.run(POLICY.retry_keep_s - 1)
    deployment.sweep.run()
    deployment.run()
    assert len(alive(deployment)) == 1
    deployment.run(1)
    deployment.sweep.run()
    deployment.run()
    assert alive(deployment) == []
    with pytest.raises(WrongState, match="A retry would not help"):
        spec(deployment, retry_video, video_id)


def test_refused_upload_can_start_again_and_waits_for_bytes() -> None:
    deployment = Deployment()
    deployment.write_session()

    def forbidden(operation: str, do: Callable[[], T]) -> T:
        if operation == "prepare_upload":
            raise Permanent("Not allowed.", provider="memory", operation=operation, code="SERVICE_FORBIDDEN")
        return do()

    deployment.disturb = forbidden
    with pytest.raises(WrongState, match="Not allowed"):
        deployment.ask_upload()
    (video_id,) = deployment.document("sessions/s1").fields["videos"]
    assert shown(deployment, video_id)["failure"]["retryable"] is True
    spec(deployment, retry_video, video_id)
    deployment.run()
    assert shown(deployment, video_id)["failure"]["code"] == "SERVICE_FORBIDDEN"
    deployment.disturb = undisturbed
    spec(deployment, retry_video, video_id)
    deployment.run(SLOT_OVER_S)
    assert shown(deployment, video_id)["state"] == "uploading"
    token = deployment.upload_tokens.renew_upload_token(TEACHER, video_id)
    assert token.grant.values["uploadTokenId"] == deployment.media.alive()[0].external_ids["uploadTokenId"]


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        (None, "Nothing about this video has failed"),
        (Observation(MediaState.PROCESSING), "Nothing about this video has failed"),
        (READY, "Nothing about this video has failed"),
        (DAMAGED, "A retry would not help: It is damaged."),
    ],
    ids=["uploading", "processing", "ready", "damaged"],
)
def test_failure_that_would_repeat_is_not_retried(seen: Observation | None, sentence: str) -> None:
    deployment, video_id = with_upload()
    if seen is not None:
        arrive(deployment, video_id, seen)
    before = deployment.document(video_path(video_id))
    with pytest.raises(WrongState, match=sentence):
        spec(deployment, retry_video, video_id)
    assert deployment.document(video_path(video_id)) == before


def test_video_that_becomes_ready_after_failure_is_shown() -> None:
    deployment, video_id = with_upload()
    arrive(deployment, video_id, Observation(MediaState.PROCESSING))
    deployment.run(POLICY.processing_deadline_s)
    deployment.sweep.run()
    deployment.run()
    assert shown(deployment, video_id)["failure"]["code"] == "PROCESSING_TOO_LONG"
    arrive(deployment, video_id, READY)
    assert plays(deployment, video_id) == alive(deployment)[0]


# --- hints ---------------------------------------------------------------------------------------------------------


def test_a_hint_brings_a_reconciliation_forward_and_hints_merge() -> None:
    deployment, video_id = with_upload()
    deployment.lose_tasks()
    deployment.show(video_id, READY)
    for _ in range(5):
        upload_finished(TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock)
    assert deployment.enqueued_now(RECONCILE_VIDEO) == [video_id]
    deployment.run()
    assert plays(deployment, video_id)
    assert deployment.enqueued(RECONCILE_VIDEO) == [video_id]
    deployment.run(SLOT_OVER_S)
    upload_finished(TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock)
    assert deployment.enqueued_now(RECONCILE_VIDEO) == [video_id]


def test_false_hint_changes_nothing() -> None:
    deployment, video_id = with_upload()
    before = shown(deployment, video_id)
    upload_finished(TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock)
    deployment.run()
    assert shown(deployment, video_id) | {"stage": None} == before | {"stage": None}
    assert shown(deployment, video_id)["state"] == "uploading"


# --- who may -------------------------------------------------------------------------------------------------------

WISHES: dict[str, Spec] = {
    "delete": delete_video,
    "cancel": cancel_upload,
    "retry": retry_video,
    "finished": upload_finished,
}


@pytest.mark.parametrize("what", WISHES)
@pytest.mark.parametrize(
    ("caller", "error"),
    [(OTHER_TEACHER, NotFound), (STUDENT, NotAllowed), (Caller("teacher", is_teacher=False), NotAllowed)],
    ids=["other teacher", "student", "no teacher any more"],
)
def test_unauthorised_command_changes_nothing(what: str, caller: Caller, error: type[Exception]) -> None:
    deployment, video_id = failed()
    deployment.lose_tasks()
    before = deployment.document(video_path(video_id))
    with pytest.raises(error):
        spec(deployment, WISHES[what], video_id, caller)
    assert deployment.document(video_path(video_id)) == before
    assert deployment.queue.waiting() == ()


@pytest.mark.parametrize("what", WISHES)
def test_command_for_a_missing_video_is_refused(what: str) -> None:
    deployment, video_id = failed()
    with pytest.raises(NotFound, match="There is no such video"):
        spec(deployment, WISHES[what], "0" * 20)
    deployment.delete_session()
    with pytest.raises(NotFound, match="There is no such video"):
        spec(deployment, WISHES[what], video_id)


@pytest.mark.parametrize("what", [cancel_upload, retry_video], ids=["cancel", "retry"])
def test_command_that_always_conflicts_is_refused(what: Spec) -> None:
    deployment, video_id = failed()
    commits: list[str] = []

    def lost(operation: str, do: Callable[[], T]) -> T:
        if operation == "commit":
            commits.append(operation)
            raise Conflict("Someone wrote first.")
        return do()

    deployment.disturb = lost
    with pytest.raises(Conflict):
        spec(deployment, what, video_id)
    assert len(commits) == TRIES_MAX


@pytest.mark.parametrize("what", WISHES)
def test_command_with_lost_task_is_found_by_the_sweep(what: str) -> None:
    deployment, video_id = failed()

    def lost(operation: str, do: Callable[[], T]) -> T:
        if operation == "put":
            raise refusal(operation)
        return do()

    deployment.disturb = lost
    with pytest.raises(Transient):
        spec(deployment, WISHES[what], video_id)
    deployment.disturb = undisturbed
    deployment.lose_tasks()
    deployment.sweep.run()
    deployment.run()
    expected = {"delete": VideoState.GONE, "cancel": VideoState.GONE, "retry": VideoState.PROCESSING}
    assert deployment.video(video_id).state is expected.get(what, VideoState.FAILED)


# --- the budget of looks -------------------------------------------------------------------------------------------


def test_a_provider_is_asked_so_often_about_one_upload_and_then_at_its_deadline() -> None:
    deployment, video_id = with_upload()
    deployment.lose_tasks()
    asked: list[str] = []

    def counting(operation: str, do: Callable[[], T]) -> T:
        asked.append(operation)
        return do()

    deployment.disturb = counting
    for _ in range(3 * POLICY.looks_max):
        deployment.deliver(Task(RECONCILE_VIDEO, video_id))
    assert asked.count("observe") == POLICY.looks_max
    deployment.show(video_id, READY)
    deadline_at = deployment.video(video_id).deadline_at
    assert deadline_at is not None
    deployment.clock.move_to(deadline_at + timedelta(seconds=1))
    deployment.deliver(Task(RECONCILE_VIDEO, video_id))
    assert asked.count("observe") == POLICY.looks_max + 1
    assert plays(deployment, video_id), "what was finished in time plays"


def test_each_upload_has_a_budget_of_its_own() -> None:
    deployment, video_id = with_upload()
    for _ in range(2 * POLICY.looks_max):
        deployment.deliver(Task(RECONCILE_VIDEO, video_id))
    deployment.ask_replacement(video_id)
    arrive(deployment, video_id, READY)
    assert plays(deployment, video_id)


def test_the_record_says_how_often_the_provider_was_asked() -> None:
    deployment, video_id = with_upload()
    for _ in range(3):
        deployment.deliver(Task(RECONCILE_VIDEO, video_id))
    video: Video = deployment.video(video_id)
    assert (video.looks, video.looked_at) == (3, deployment.clock())
