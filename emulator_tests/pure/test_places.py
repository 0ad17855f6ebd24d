"""The place of a video among those of its session: B9. And its correction by the owner, with its title: B10."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import pytest

from emulator_tests.memory import undisturbed
from emulator_tests.pure.deployment import LATE_COMMIT_S, ROOMY, SLOT_OVER_S, TEACHER, Deployment, live, refusal
from shared.core.callers import Caller
from shared.core.errors import BadRequest, Conflict, Doubtful, NotAllowed, NotFound, Permanent, Transient
from shared.core.identity import SessionIdentity
from shared.core.paths import RECONCILE_SESSION, RECONCILE_VIDEO, VIDEOS, session_path, uploader_path, video_path
from shared.core.text import TITLE_MAX
from shared.ports import REMOVE, Create, MediaState, Observation, Query, Task, Update
from shared.reconcile.slots import SLOT_S
from shared.videos.commands import Correction, cancel_upload, delete_video, update_video
from shared.videos.model import Video, VideoState
from shared.videos.policy import ORDER_MAX
from shared.videos.recordings import recorded_video_id
from shared.videos.settings import Policy
from shared.videos.turns import free_place

pytestmark = pytest.mark.long

T = TypeVar("T")

OTHER_TEACHER = Caller("other", is_teacher=True)
STUDENT = Caller("student", is_teacher=False)
READY = Observation(MediaState.READY, percent=100, duration_s=10.0, size_bytes=1000, media_type="video/mp4")


def with_session(policy: Policy = ROOMY) -> Deployment:
    deployment = Deployment(policy=policy)
    deployment.write_session()
    return deployment


def orders(deployment: Deployment, session_id: str = "s1") -> list[int | None]:
    """
    The places of the videos of a session, in their order.
    """
    videos = [
        Video.from_document(deployment.document(path))
        for path in deployment.documents.paths()
        if path.startswith("videos/")
    ]
    found = [one.order for one in videos if one.state is not VideoState.GONE and one.session.session_id == session_id]
    return sorted(found, key=lambda order: order or 0)


def ask(deployment: Deployment, request_id: str) -> str:
    """
    Ask for an upload as a client does, again where somebody else was faster.
    """
    for _ in range(100):
        try:
            return deployment.ask_upload(request_id).video_id
        except (Conflict, Transient):
            continue
    raise AssertionError("never answered")


# --- places ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [5, 20])
def test_files_chosen_at_once_come_one_after_the_other(count: int) -> None:
    """
    B9.
    """
    deployment = with_session()
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(lambda number: ask(deployment, f"r{number}"), range(count)))
    assert orders(deployment) == [*range(1, count + 1)]
    shown = deployment.document(session_path("s1")).fields["videos"]
    assert sorted(one["order"] for one in shown.values()) == [*range(1, count + 1)]


def test_a_place_is_counted_from_the_videos_that_there_are_whatever_the_session_shows() -> None:
    """
    B9.
    """
    deployment = with_session()
    deployment.ask_upload("r1", order=4)
    deployment.documents.commit(Update(session_path("s1"), {"videos": REMOVE}))
    deployment.ask_upload("r2")
    assert orders(deployment) == [4, 5]


def test_a_deleted_video_leaves_a_gap_unless_it_was_the_last() -> None:
    """
    B9.
    """
    deployment = with_session()
    videos = [ask(deployment, f"r{number}") for number in range(3)]
    for video_id in videos[1:]:
        delete_video(TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock)
        deployment.run()
        ask(deployment, f"after {video_id}")
    assert orders(deployment) == [1, 4, 5]
    last = next(one.id for one in deployment.documents.select(Query(VIDEOS)) if one.fields["order"] == 5)
    delete_video(TEACHER, last, deployment.documents, deployment.queue, deployment.clock)
    deployment.run()
    ask(deployment, "in its place")
    assert orders(deployment) == [1, 4, 5]


def test_every_placement_writes_the_placement_document() -> None:
    """
    B9: a document that is written as it was keeps its version, so that nobody else would notice.
    """
    deployment = with_session()
    ask(deployment, "r1")
    (turns,) = deployment.documents.read(uploader_path("teacher"))
    assert turns is not None
    place = free_place(deployment.documents, deployment.video(ask(deployment, "r2")).session)
    (turns,) = deployment.documents.read(uploader_path("teacher"))
    deployment.documents.commit(place.turn)
    (after,) = deployment.documents.read(uploader_path("teacher"))
    assert turns is not None
    assert after is not None
    assert after.fields["turn"] != turns.fields["turn"]
    with pytest.raises(Conflict):
        deployment.documents.commit(place.turn)


def test_place_taken_during_an_observation_is_not_taken_twice() -> None:
    """
    B9.
    """
    deployment = live()
    ask(deployment, "r1")
    video_id = recorded(deployment)
    overtaken: list[str] = []

    def overtaking(operation: str, do: Callable[[], T]) -> T:
        found = do()
        if operation == "select" and video_path(video_id) in deployment.documents.paths():
            deployment.disturb = undisturbed
            overtaken.append(deployment.ask_upload("meanwhile").video_id)
        return found

    deployment.clock.advance(3600)
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    assert deployment.video(video_id).order is None
    deployment.disturb = overtaking
    deployment.deliver(Task(RECONCILE_VIDEO, video_id))
    deployment.run(60)
    assert overtaken
    assert deployment.video(video_id).order is not None
    assert orders(deployment) == [1, 2, 3]


def test_the_videos_of_an_earlier_session_of_the_same_id_take_no_place() -> None:
    """
    B9, A1.
    """
    deployment = with_session()
    old = deployment.video(ask(deployment, "r1"))
    earlier = SessionIdentity("s1", "teacher", deployment.clock() - timedelta(days=9))
    left = {**deployment.document(video_path(ask(deployment, "r2"))).fields, **earlier.to_fields(), "order": 77}
    deployment.documents.commit(Create(video_path("0" * 20), left))
    third = deployment.video(ask(deployment, "r3"))
    assert (old.order, third.order) == (1, 3)


def test_more_videos_than_a_page_has_are_all_counted() -> None:
    """
    B9.
    """
    many, much = 1000, 10**15
    deployment = with_session(
        replace(
            ROOMY,
            session_videos_max=many,
            teacher_videos_max=many,
            session_bytes_max=much,
            teacher_bytes_max=much,
        )
    )
    fields = deployment.document(video_path(ask(deployment, "r1"))).fields
    for number in range(600):
        ready = {"order": number, "state": VideoState.READY.value, "pending": False}
        deployment.documents.commit(Create(video_path(f"{number:020x}"), {**fields, **ready}))
    assert deployment.video(ask(deployment, "r2")).order == 600


def recorded(deployment: Deployment) -> str:
    """
    The event is broadcast and has ended, and what was recorded is not taken over yet.

    Returns:
        The id of the video that it becomes.
    """
    (made,) = deployment.events.alive()
    deployment.events.broadcast(made.external_ids, is_live=True)
    deployment.run(60)
    deployment.events.broadcast(made.external_ids, is_live=False)
    deployment.run(3000)
    video_id = recorded_video_id("s1", {"entryId": f"{made.external_ids['entryId']}-recorded"})
    assert video_path(video_id) not in deployment.documents.paths()
    return video_id


def test_a_recording_comes_after_the_videos_that_there_are() -> None:
    """
    B9.
    """
    deployment = live()
    ask(deployment, "r1")
    video_id = recorded(deployment)
    deployment.run(2 * 3600)
    video = deployment.video(video_id)
    assert (video.order, video.state) == (2, VideoState.PROCESSING)
    assert deployment.document(session_path("s1")).fields["videos"][video_id]["order"] == 2
    ask(deployment, "r2")
    assert orders(deployment) == [1, 2, 3]


@pytest.mark.parametrize("moment", range(12))
def test_an_upload_while_a_recording_is_taken_over_gets_another_place(moment: int) -> None:
    """
    B9: whichever effect of the reconciliation it comes before.
    """
    deployment = live()
    ask(deployment, "r1")
    video_id = recorded(deployment)
    left = [moment]

    def overtaking(operation: str, do: Callable[[], T]) -> T:
        left[0] -= operation in ("read", "select", "commit")
        if left[0] < 0:
            deployment.disturb = undisturbed
            deployment.ask_upload("meanwhile")
        return do()

    deployment.clock.advance(3600)
    deployment.disturb = overtaking
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    deployment.run(60)
    deployment.disturb = undisturbed
    if left[0] >= 0:
        deployment.ask_upload("meanwhile")
    assert deployment.video(video_id).order is not None
    assert orders(deployment) == [1, 2, 3]


def test_a_recording_of_a_teacher_who_never_uploaded_gets_a_place_too() -> None:
    """
    B9.
    """
    deployment = live()
    video_id = recorded(deployment)
    deployment.run(2 * 3600)
    assert deployment.video(video_id).order == 1


# --- corrections -------------------------------------------------------------------------------------------------


def test_two_corrections_at_once_both_come_true() -> None:
    """
    B10: the second call reads what the first has written.
    """
    deployment, video_id = with_video()

    def overtaking(operation: str, do: Callable[[], T]) -> T:
        if operation == "commit":
            deployment.disturb = undisturbed
            placed = Correction(order=9)
            update_video(TEACHER, video_id, placed, deployment.documents, deployment.queue, deployment.clock)
        return do()

    deployment.disturb = overtaking
    correct(deployment, video_id, title="Corrected")
    assert shown(deployment, video_id) == ("Corrected", 9)


def with_video(seen: Observation | None = READY) -> tuple[Deployment, str]:
    deployment = with_session()
    video_id = ask(deployment, "r1")
    arrive(deployment, video_id, seen)
    return deployment, video_id


def arrive(deployment: Deployment, video_id: str, seen: Observation | None) -> None:
    if seen is not None:
        deployment.show(video_id, seen)
    deployment.queue.put(Task(RECONCILE_VIDEO, video_id))
    deployment.run()


def correct(
    deployment: Deployment, video_id: str, title: str | None = None, order: int | None = None, caller: Caller = TEACHER
) -> None:
    update_video(caller, video_id, Correction(title, order), deployment.documents, deployment.queue, deployment.clock)
    deployment.run(SLOT_OVER_S)


def shown(deployment: Deployment, video_id: str) -> tuple[str, int]:
    told = deployment.document(session_path("s1")).fields["videos"][video_id]
    return told["title"], told["order"]


def titles(deployment: Deployment) -> list[str]:
    """
    What the provider calls what it has.
    """
    return sorted(made.spec.title for made in deployment.media.alive())


@pytest.mark.parametrize(
    "seen",
    [
        None,
        Observation(MediaState.AWAITING_UPLOAD, 50, received_bytes=500),
        Observation(MediaState.PROCESSING, 10),
        READY,
        Observation(MediaState.ERROR, reason="The converter broke.", retryable=True),
    ],
    ids=["before a byte", "after some", "while it is processed", "ready", "failed, bytes kept"],
)
def test_a_title_is_corrected_for_viewers_and_at_the_provider(seen: Observation | None) -> None:
    """
    B10.
    """
    deployment, video_id = with_video(seen)
    before = deployment.video(video_id)
    correct(deployment, video_id, " Algebra II ")
    assert shown(deployment, video_id) == ("Algebra II", 1)
    assert titles(deployment) == ["Algebra II"]
    video = deployment.video(video_id)
    assert (video.state, video.rename_at, video.upload.title) == (before.state, None, "Algebra II")
    assert {made.spec.stamp for made in deployment.media.alive()} == {video.session.stamp()}, "A3: whose it is"
    arrive(deployment, video_id, READY)
    assert shown(deployment, video_id) == ("Algebra II", 1)


def test_of_a_video_that_is_being_replaced_both_are_corrected_and_a_later_replacement_has_its_own_title() -> None:
    """
    B10.
    """
    deployment, video_id = with_video()
    deployment.ask_replacement(video_id)
    correct(deployment, video_id, "Algebra II")
    assert titles(deployment) == ["Algebra II"] * 2
    told = deployment.document(session_path("s1")).fields["videos"][video_id]
    assert (told["title"], told["replacement"]["title"]) == ("Algebra II", "Algebra II")

    deployment.ask_replacement(video_id, "third", title="Geometry")
    arrive(deployment, video_id, READY)

    assert shown(deployment, video_id) == ("Geometry", 1)
    assert titles(deployment) == ["Geometry"]


def test_a_replacement_that_is_asked_for_without_a_title_has_the_corrected_one() -> None:
    """
    B10.
    """
    deployment, video_id = with_video()
    correct(deployment, video_id, "Algebra II")
    deployment.ask_replacement(video_id)
    arrive(deployment, video_id, READY)
    assert (shown(deployment, video_id), titles(deployment)) == (("Algebra II", 1), ["Algebra II"])


def test_a_request_that_is_repeated_after_its_title_was_corrected_is_still_the_same_request() -> None:
    """
    B10.
    """
    deployment, video_id = with_video(None)
    correct(deployment, video_id, "Algebra II")
    assert deployment.ask_upload("r1").video_id == video_id
    assert shown(deployment, video_id) == ("Algebra II", 1)


def test_videos_are_reordered_and_new_ones_come_after_the_last() -> None:
    """
    B10.
    """
    deployment = with_session()
    first, second = (ask(deployment, f"r{number}") for number in range(2))
    correct(deployment, first, order=9)
    correct(deployment, second, order=0)
    assert (shown(deployment, first)[1], shown(deployment, second)[1]) == (9, 0)
    ask(deployment, "r3")
    assert orders(deployment) == [0, 9, 10]


def test_the_same_correction_again_changes_nothing_more() -> None:
    """
    B10.
    """
    deployment, video_id = with_video()
    for _ in range(3):
        correct(deployment, video_id, "Algebra II", 4)
    assert (shown(deployment, video_id), titles(deployment)) == (("Algebra II", 4), ["Algebra II"])
    calls: list[str] = []

    def noting(operation: str, do: Callable[[], T]) -> T:
        calls.append(operation)
        return do()

    deployment.disturb = noting
    deployment.deliver(Task(RECONCILE_VIDEO, video_id))
    assert "rename" not in calls
    assert "commit" not in calls or calls.count("commit") == 1


@pytest.mark.parametrize("done", [True, False], ids=["it was done", "it was not"])
def test_renaming_with_lost_answer_is_repeated_once_late_commits_are_past(done: bool) -> None:
    """
    B10.
    """
    deployment, video_id = with_video()
    calls: list[str] = []

    def losing(operation: str, do: Callable[[], T]) -> T:
        if operation == "rename":
            calls.append(operation)
            if done:
                do()
            if len(calls) == 1:
                raise Doubtful("No answer.", provider="memory", operation=operation, code="TIMEOUT")
        return do()

    deployment.disturb = losing
    correct(deployment, video_id, "Algebra II")
    assert shown(deployment, video_id) == ("Algebra II", 1), "viewers do not wait for it"
    correct(deployment, video_id, "Algebra III")
    deployment.run(LATE_COMMIT_S - 2 * SLOT_OVER_S - 5)
    assert calls == ["rename"]
    deployment.run(10)
    assert titles(deployment) == ["Algebra III"]
    assert deployment.video(video_id).rename_at is None


def test_a_provider_that_is_down_is_told_the_title_once_it_is_back_and_nothing_waits_for_that() -> None:
    """
    B10.
    """
    deployment, video_id = with_video(None)

    def down(operation: str, do: Callable[[], T]) -> T:
        if operation == "rename":
            raise refusal(operation)
        return do()

    deployment.disturb = down
    correct(deployment, video_id, "Algebra II")
    arrive(deployment, video_id, READY)
    assert shown(deployment, video_id) == ("Algebra II", 1)
    assert deployment.video(video_id).state is VideoState.READY
    deployment.run(600)
    deployment.disturb = undisturbed
    deployment.run(400)
    assert titles(deployment) == ["Algebra II"]
    assert deployment.video(video_id).progress.failure is None


def test_a_title_that_the_provider_refuses_for_good_is_shown_all_the_same_and_asked_once() -> None:
    """
    B10.
    """
    deployment, video_id = with_video(None)
    calls: list[str] = []

    def refusing(operation: str, do: Callable[[], T]) -> T:
        if operation == "rename":
            calls.append(operation)
            raise Permanent("Choose another.", provider="memory", operation=operation, code="BAD_NAME")
        return do()

    deployment.disturb = refusing
    correct(deployment, video_id, "Algebra II")
    deployment.run(600)
    arrive(deployment, video_id, Observation(MediaState.PROCESSING, 30))
    arrive(deployment, video_id, READY)
    for _ in range(3):
        deployment.deliver(Task(RECONCILE_VIDEO, video_id))
        deployment.run(600)
    assert shown(deployment, video_id) == ("Algebra II", 1)
    assert len(calls) == 1
    assert deployment.video(video_id).progress.failure is None
    deployment.disturb = undisturbed
    correct(deployment, video_id, "Algebra III")
    assert titles(deployment) == ["Algebra III"]


def test_a_correction_that_comes_while_the_upload_is_prepared_is_not_lost() -> None:
    """
    B10.
    """
    deployment = with_session()

    def correcting(operation: str, do: Callable[[], T]) -> T:
        if operation == "prepare_upload":
            deployment.disturb = undisturbed
            (video_id,) = [
                path.partition("/")[2] for path in deployment.documents.paths() if path.startswith("videos/")
            ]
            update_video(
                TEACHER, video_id, Correction("Algebra II", 5), deployment.documents, deployment.queue, deployment.clock
            )
        return do()

    deployment.disturb = correcting
    video_id = ask(deployment, "r1")
    deployment.run(SLOT_OVER_S)
    assert (shown(deployment, video_id), titles(deployment)) == (("Algebra II", 5), ["Algebra II"])


# --- who may correct what ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caller", "error"),
    [
        pytest.param(OTHER_TEACHER, NotFound, id="B10 another teacher"),
        pytest.param(STUDENT, NotAllowed, id="B10 a student"),
        pytest.param(Caller("teacher", is_teacher=False), NotAllowed, id="B10 no teacher any more"),
        pytest.param(Caller("root", is_teacher=False, is_admin=True), NotAllowed, id="B10 an administrator"),
    ],
)
def test_unauthorised_correction_changes_nothing(caller: Caller, error: type[Exception]) -> None:
    deployment, video_id = with_video()
    before = deployment.document(video_path(video_id))
    with pytest.raises(error):
        correct(deployment, video_id, "Mine", 1, caller)
    assert deployment.document(video_path(video_id)) == before
    assert deployment.enqueued(RECONCILE_VIDEO) == []


IMPOSSIBLE: Sequence[tuple[str | None, int | None]] = (
    (None, None),
    ("", None),
    ("   ", None),
    ("x" * (TITLE_MAX + 1), None),
    ("a\nb", None),
    (None, -1),
    (None, ORDER_MAX + 1),
    ("Fine", -1),
)


@pytest.mark.parametrize(("title", "order"), IMPOSSIBLE, ids=lambda value: f"B10 {str(value)[:12]!r}")
def test_invalid_correction_changes_nothing(title: str | None, order: int | None) -> None:
    deployment, video_id = with_video()
    before = deployment.document(video_path(video_id))
    with pytest.raises(BadRequest):
        correct(deployment, video_id, title, order)
    assert deployment.document(video_path(video_id)) == before
    assert deployment.enqueued(RECONCILE_VIDEO) == []


@pytest.mark.parametrize("end", [delete_video, cancel_upload], ids=["deleted", "cancelled, and nothing plays"])
def test_a_video_that_is_gone_cannot_be_corrected(end: Callable[..., None]) -> None:
    """
    B10.
    """
    deployment, video_id = with_video(None)
    end(TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock)
    deployment.run()
    with pytest.raises(NotFound, match="There is no such video"):
        correct(deployment, video_id, "Algebra II")
    with pytest.raises(NotFound):
        correct(deployment, "0" * 20, "Algebra II")


def test_video_being_deleted_cannot_be_corrected() -> None:
    """
    B10.
    """
    deployment, video_id = with_video()
    delete_video(TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock)
    with pytest.raises(NotFound):
        update_video(
            TEACHER, video_id, Correction("Algebra II"), deployment.documents, deployment.queue, deployment.clock
        )


def test_a_flood_of_corrections_brings_two_reconciles_in_a_few_seconds_and_the_last_one_counts() -> None:
    """
    B10, A6.
    """
    deployment, video_id = with_video()
    renamed: list[str] = []

    def noting(operation: str, do: Callable[[], T]) -> T:
        if operation == "rename":
            renamed.append(operation)
        return do()

    deployment.disturb = noting
    began_at = deployment.clock()
    for number in range(280):
        update_video(
            TEACHER, video_id, Correction(f"T{number}"), deployment.documents, deployment.queue, deployment.clock
        )
        # The last one of the slot before may still wait.
        assert len(deployment.enqueued(RECONCILE_VIDEO)) <= 3
        if number % 28 == 27:
            deployment.run(1)
    deployment.run(SLOT_OVER_S)
    most = 2 * ((deployment.clock() - began_at).total_seconds() / SLOT_S + 1)
    assert 0 < len(renamed) <= most
    assert (shown(deployment, video_id), titles(deployment)) == (("T279", 1), ["T279"])
