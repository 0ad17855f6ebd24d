"""The snapshot at everything: what nothing else would find is found, in slices that a function can do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from emulator_tests.memory import undisturbed
from emulator_tests.pure.deployment import SESSION, TEACHER, Deployment
from shared.core.paths import (
    EPOCH,
    KEYS_SEPARATOR,
    RECONCILE_COPY,
    RECONCILE_SESSION,
    RECONCILE_VIDEO,
    pairing_path,
    session_path,
    video_path,
)
from shared.hosts.table import Terms
from shared.operations.full_check import SLICE_S, FullCheck
from shared.ports import REMOVE, Create, Delete, MediaState, Observation, Update
from shared.reconcile.resource import Mark
from shared.registry import RESOURCES
from shared.sessions.model import Pairing, PairingState
from shared.videos.commands import delete_video
from shared.videos.full_check import PAGE, VIDEOS_PHASE
from shared.videos.model import VideoState

pytestmark = pytest.mark.long

T = TypeVar("T")

LIVE: dict[str, Any] = {"format": "liveStreaming"}
READY = Observation(MediaState.READY, percent=100, duration_s=10.0, size_bytes=1000, media_type="video/mp4")
DAY_S = 24 * 3600


def session_ids(count: int) -> list[str]:
    return [f"s{number:05}" for number in range(count)]


def enqueued_videos(deployment: Deployment) -> list[str]:
    """
    The videos that tasks speak of, together or alone.
    """
    return sorted(video_id for key in deployment.enqueued(RECONCILE_VIDEO) for video_id in key.split(KEYS_SEPARATOR))


def look_at_everything(deployment: Deployment) -> None:
    """
    Have one whole look.
    """
    deployment.lose_tasks()
    mark: Mark | None = Mark()
    while mark is not None:
        mark, _, _ = FullCheck(deployment.app, RESOURCES).go_on(mark)


def one_page_a_slice(deployment: Deployment) -> None:
    """
    Make the documents so slow that a slice has time for one page.
    """

    def slow(operation: str, do: Callable[[], T]) -> T:
        if operation == "select":
            deployment.clock.advance(SLICE_S / 2)
        return do()

    deployment.disturb = slow


def with_ready_video(**fields: Any) -> tuple[Deployment, str]:
    """
    A deployment with one session, as these fields say, and its ready video.
    """
    deployment = Deployment(**fields)
    deployment.write_session()
    video_id = deployment.ask_upload().video_id
    deployment.show(video_id, READY)
    deployment.run(60)
    assert deployment.video(video_id).state is VideoState.READY
    return deployment, video_id


# --- slices --------------------------------------------------------------------------------------------------------


def test_full_check_runs_in_slices_and_resumes() -> None:
    """
    C4.
    """
    deployment = Deployment()
    ids = session_ids(2 * PAGE + 3)
    public = {"status": "public", **LIVE}
    deployment.documents.commit(*(Create(session_path(session_id), public) for session_id in ids))
    one_page_a_slice(deployment)
    for expected in (ids[:PAGE], ids[PAGE : 2 * PAGE], ids[2 * PAGE :], []):
        deployment.lose_tasks()
        deployment.sweep.run()
        assert deployment.enqueued(RECONCILE_SESSION) == expected


def test_everything_is_checked_once_a_day() -> None:
    """
    C4: an administrator changes a title and leaves the time of the change as it was.
    """
    deployment = Deployment()
    deployment.write_session(**LIVE)
    begun_at = deployment.clock()
    for _ in range(2):
        deployment.sweep.run()
        deployment.run(300)
    deployment.documents.commit(Update(session_path("s1"), {"title": "Geometry"}))
    deployment.clock.move_to(begun_at + timedelta(seconds=DAY_S - 1))
    deployment.sweep.run()
    deployment.run()
    assert [event.spec.title for event in deployment.events.alive()] == ["Algebra"]
    deployment.clock.advance(1)
    deployment.sweep.run()
    deployment.run()
    assert [event.spec.title for event in deployment.events.alive()] == ["Geometry"]


def test_pages_of_sessions_and_of_records_are_looked_through_side_by_side() -> None:
    deployment = Deployment()
    ids = session_ids(PAGE + 100)
    new, settled = ids[::2], ids[1::2]
    # Between the first two sessions stand more records without a session than fit on a page.
    orphaned = [f"{ids[0]}-{number:03}" for number in range(PAGE + 100)]
    left_behind = Pairing(SESSION, state=PairingState.READY, generation=1, external_ids={"entryId": "0_a"})
    records = {**dict.fromkeys(settled, Pairing(SESSION)), **dict.fromkeys(orphaned, left_behind)}
    of_session = {"ownerUid": SESSION.owner_uid, "createdAt": SESSION.created_at, "kalturaSession": True}
    deployment.documents.commit(
        *(Create(session_path(session_id), {"status": "public", **LIVE}) for session_id in new),
        *(Create(session_path(session_id), {"status": "draft", **of_session}) for session_id in settled),
        *(Create(pairing_path(session_id), record.to_fields()) for session_id, record in records.items()),
    )
    deployment.sweep.run()
    assert sorted(deployment.enqueued(RECONCILE_SESSION)) == sorted(new + orphaned)


def test_all_videos_are_looked_through_where_some_belong_to_no_session() -> None:
    deployment = Deployment()
    deployment.write_session()
    video_id = deployment.ask_upload().video_id
    failed = {
        **deployment.document(video_path(video_id)).fields,
        "pending": False,
        "state": "failed",
        "parts": {},
        "dueAt": None,
    }
    ids = [f"v{number:05}" for number in range(PAGE + 100)]
    alive = [id_ for number, id_ in enumerate(ids) if number % 10]
    deployment.documents.commit(*(Create(video_path(id_), {**failed, "gone": id_ not in alive}) for id_ in ids))
    deployment.delete_session()
    deployment.documents.commit(Delete(pairing_path("s1")))
    look_at_everything(deployment)
    assert enqueued_videos(deployment) == sorted([video_id, *alive])


def test_videos_are_read_once_where_each_belongs_to_a_session() -> None:
    """
    C4: the second phase is for what the first has not seen.
    """
    deployment, _ = with_ready_video()
    mark, looked, enqueued = FullCheck(deployment.app, RESOURCES).go_on(Mark())
    assert (mark, looked, enqueued) == (None, 3, 0)
    assert FullCheck(deployment.app, RESOURCES).go_on(Mark(VIDEOS_PHASE))[0] is None


def test_a_new_host_is_noticed_by_the_next_sweep() -> None:
    """
    C4.
    """
    deployment, _ = with_ready_video(terms={"fetching": Terms(), "memory": Terms()})
    deployment.sweep.run()
    looked_at = deployment.document(EPOCH).fields["lookedAt"]
    deployment.clock.advance(300)
    deployment.sweep.run()
    assert deployment.document(EPOCH).fields["lookedAt"] == looked_at
    deployment.documents.commit(Update(EPOCH, {"hosts": []}))
    deployment.sweep.run()
    assert deployment.document(EPOCH).fields["lookedAt"] == deployment.clock()


def test_copies_that_are_under_way_are_not_asked_for_again() -> None:
    deployment, _ = with_ready_video(terms={"fetching": Terms(), "memory": Terms()})
    look_at_everything(deployment)
    assert deployment.enqueued(RECONCILE_COPY) == []


# --- views ---------------------------------------------------------------------------------------------------------


def test_a_view_that_somebody_wrote_by_hand_is_put_right() -> None:
    """
    Every view that a client reads follows from its source, whoever wrote it last.
    """
    deployment, video_id = with_ready_video()
    deployment.write_session("s2", **LIVE)
    deployment.sweep.run()
    deployment.run()
    shown = {id_: deployment.document(session_path(id_)).fields for id_ in ("s1", "s2")}
    wrong = {"state": "failed", "title": "Mine"}
    forged: list[dict[tuple[str, ...], Any]] = [
        {("videos", video_id): wrong},
        {("videos", video_id): REMOVE},
        {("videos", "0" * 20): wrong},
        {("kaltura",): wrong},
        {("kaltura",): REMOVE},
    ]
    for changes in forged:
        for session_id in ("s1", "s2"):
            deployment.documents.commit(Update(session_path(session_id), changes))
        look_at_everything(deployment)
        deployment.disturb = undisturbed
        deployment.run(60)
        for session_id, fields in shown.items():
            assert {**deployment.document(session_path(session_id)).fields, "videos": {}} == {**fields, "videos": {}}
            assert (deployment.document(session_path(session_id)).fields.get("videos") or None) == fields.get("videos")


def test_a_ref_to_a_video_that_is_gone_goes() -> None:
    deployment, video_id = with_ready_video()
    ref = deployment.document(session_path("s1")).fields["videos"][video_id]
    delete_video(TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock)
    look_at_everything(deployment)
    deployment.run(60)
    assert deployment.video(video_id).state is VideoState.GONE
    forged: dict[tuple[str, ...], Any] = {("videos", video_id): ref}
    deployment.documents.commit(Update(session_path("s1"), forged))
    look_at_everything(deployment)
    deployment.run(60)
    assert deployment.document(session_path("s1")).fields["videos"] == {}


def test_unknown_phase_restarts_the_full_check() -> None:
    deployment, _ = with_ready_video()
    assert FullCheck(deployment.app, RESOURCES).go_on(Mark("lamps", "l7")) == FullCheck(
        deployment.app, RESOURCES
    ).go_on(Mark())
