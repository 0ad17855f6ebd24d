"""Which session a thing belongs to: the rule by itself, and what follows from it wherever somebody asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from emulator_tests.memory import BEGIN_AT
from emulator_tests.pure.deployment import Deployment, live
from shared.core.callers import Caller
from shared.core.errors import NotFound, WrongState
from shared.core.identity import ROUNDING, Belonging, SessionIdentity
from shared.core.paths import COPIES, RECONCILE_SESSION, VIDEOS, enrolment_path, pairing_path, session_path, video_path
from shared.hosts.model import Copy
from shared.hosts.table import Terms
from shared.ports import REMOVE, Create, Delete, Document, MediaState, Observation, Query, Task, Update
from shared.sessions.admissions.changes import following
from shared.sessions.kaltura_session import get_kaltura_session
from shared.sessions.model import PairingState
from shared.sessions.moderation import rotate_stream_key, set_moderator, stream_ingest
from shared.sessions.session import Session
from shared.videos.commands import cancel_upload, delete_video, retry_video, upload_finished
from shared.videos.model import VideoState

pytestmark = pytest.mark.long

AT: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MOMENT: Final = timedelta(microseconds=1)
THING: Final = SessionIdentity("s1", "anna", AT)
READY: Final = Observation(MediaState.READY, 100, duration_s=60.0, size_bytes=1000, media_type="video/mp4")

ANNA: Final = Caller("teacher", is_teacher=True)
BERT: Final = Caller("bert", is_teacher=True)
STUDENT: Final = Caller("student", is_teacher=False)

TABLE: Final = {
    "the very session": (THING, THING, Belonging.SAME),
    "another owner": (THING, replace(THING, owner_uid="bert"), Belonging.OWNER_CHANGED),
    "created anew": (THING, replace(THING, created_at=AT + MOMENT), Belonging.OTHER),
    "created anew by another": (THING, SessionIdentity("s1", "bert", AT + MOMENT), Belonging.OTHER),
    "without a mark, and the time of its document": (THING, replace(THING, is_marked=False), Belonging.SAME),
    "the same, within what server timestamps leave out": (
        THING,
        replace(THING, created_at=AT + ROUNDING, is_marked=False),
        Belonging.SAME,
    ),
    "without a mark, created anew": (
        THING,
        replace(THING, created_at=AT + ROUNDING + MOMENT, is_marked=False),
        Belonging.OTHER,
    ),
    "a record of an earlier release": (replace(THING, created_at=None), THING, Belonging.SAME),
    "the same, with another owner": (
        replace(THING, created_at=None),
        replace(THING, owner_uid="bert"),
        Belonging.OWNER_CHANGED,
    ),
}


@pytest.mark.parametrize("row", TABLE)
def test_object_belongs_to_the_session_of_its_owner_and_mark(row: str) -> None:
    """
    A1.
    """
    thing, session, belonging = TABLE[row]
    assert thing.belonging(session) is belonging


def test_an_identity_is_read_back_as_it_was_written() -> None:
    assert SessionIdentity.from_fields("s1", THING.to_fields()) == THING
    assert SessionIdentity.from_fields("s1", {}) == SessionIdentity("s1", "", None)


# --- the id of a session is taken by another one ---------------------------------------------------------------------


def taken_over(owner_uid: str, deployment: Deployment | None = None, **fields: Any) -> tuple[Deployment, str]:
    """
    A session with a ready video is deleted, and another is created under its id before anything was noticed.

    Returns:
        The deployment, and the id of the earlier session's video.
    """
    deployment = deployment or live(terms={"fetching": Terms(), "memory": Terms()})
    video_id = deployment.ask_upload().video_id
    deployment.show(video_id, READY)
    deployment.run(60)
    assert deployment.video(video_id).state is VideoState.READY
    deployment.lose_tasks()
    deployment.delete_session()
    deployment.write_session(ownerUid=owner_uid, **fields)
    return deployment, video_id


SUCCESSORS: Final = pytest.mark.parametrize("successor", [BERT, ANNA], ids=["another teacher", "the same teacher"])


@SUCCESSORS
def test_nobody_plays_a_video_of_an_earlier_session_of_the_id(successor: Caller) -> None:
    """
    A1: not the new owner, nor the old one, nor whom either of them enrols.
    """
    deployment, video_id = taken_over(successor.uid)
    now = deployment.clock() + MOMENT
    for owner_uid in {ANNA.uid, successor.uid}:
        path = enrolment_path("s1", f"student-of-{owner_uid}")
        fields = {"sessionId": "s1", "uid": f"student-of-{owner_uid}", "ownerUid": owner_uid, "createdAt": now}
        deployment.documents.commit(Create(path, fields))
    for viewer in (ANNA, BERT, STUDENT, *(Caller(f"student-of-{one.uid}", is_teacher=False) for one in (ANNA, BERT))):
        with pytest.raises(NotFound):
            deployment.playbacks.issue_playback(viewer, video_id)


@SUCCESSORS
@pytest.mark.parametrize("caller", [ANNA, BERT], ids=["the old owner", "the new owner"])
def test_nobody_handles_a_video_of_an_earlier_session_of_the_id(successor: Caller, caller: Caller) -> None:
    """
    A1.
    """
    deployment, video_id = taken_over(successor.uid)
    documents, queue, clock = deployment.documents, deployment.queue, deployment.clock
    before = deployment.document(video_path(video_id))
    handles: list[Callable[[], object]] = [
        lambda: delete_video(caller, video_id, documents, queue, clock),
        lambda: cancel_upload(caller, video_id, documents, queue, clock),
        lambda: retry_video(caller, video_id, documents, queue, clock),
        lambda: upload_finished(caller, video_id, documents, queue, clock),
        lambda: deployment.ask_replacement(video_id, caller=caller),
        lambda: deployment.upload_tokens.renew_upload_token(caller, video_id),
    ]
    for handle in handles:
        with pytest.raises(NotFound):
            handle()
    assert deployment.document(video_path(video_id)) == before
    assert deployment.queue.waiting() == ()


@SUCCESSORS
def test_nobody_enters_the_event_of_an_earlier_session_of_the_id(successor: Caller) -> None:
    """
    A1: live, the same entry, and its stream key.
    """
    deployment = live()
    now = deployment.clock()
    times = {"format": "liveStreaming", "startsAt": now, "endsAt": now + timedelta(hours=1)}
    deployment, _ = taken_over(successor.uid, deployment, **times)
    earlier = deployment.pairing().external_ids
    for caller in (ANNA, BERT, STUDENT):
        with pytest.raises(WrongState):
            deployment.joining.join(caller, "s1")
        with pytest.raises(WrongState):
            deployment.joining.issue_playback(caller, "s1")
    for ask in (stream_ingest, rotate_stream_key):
        with pytest.raises((WrongState, NotFound)):
            ask(successor, "s1", deployment.sessions)
    known = get_kaltura_session(
        successor, "s1", deployment.sessions, deployment.documents, deployment.queue, deployment.clock
    )
    assert known.get("entryId") != earlier["entryId"]


@SUCCESSORS
def test_the_new_owner_makes_no_moderator_of_the_earlier_event(successor: Caller) -> None:
    """
    A1.
    """
    deployment = live()
    now = deployment.clock()
    times = {"format": "liveStreaming", "startsAt": now, "endsAt": now + timedelta(hours=1)}
    deployment, _ = taken_over(successor.uid, deployment, **times)
    earlier = deployment.pairing().external_ids["entryId"]
    set_moderator(
        successor, "s1", "mallory", deployment.sessions, deployment.queue, deployment.clock, is_moderator=True
    )
    made = {one.external_ids["entryId"]: one.spec.moderators for one in deployment.events.alive()}
    assert "mallory" not in made.get(earlier, ())


@SUCCESSORS
def test_content_of_the_former_session_is_deleted_and_of_the_new_one_kept(successor: Caller) -> None:
    """
    A1: the new session is not shown the old video, and keeps its own.
    """
    deployment, old = taken_over(successor.uid, format="liveStreaming")
    earlier = deployment.pairing().external_ids
    new = deployment.ask_upload("r2", caller=successor).video_id
    deployment.show(new, READY)
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    deployment.run(3600)

    assert deployment.video(old).state is VideoState.GONE
    assert deployment.video(new).state is VideoState.READY
    assert earlier["entryId"] not in [made.external_ids["entryId"] for made in deployment.events.alive()]
    assert [made.reference for made in deployment.media.alive()] == [f"video:{new}:1"]
    assert deployment.deletions() == []
    session = deployment.document(session_path("s1"))
    assert list(session.fields["videos"]) == [new]
    pairing = deployment.pairing()
    assert pairing.identity == deployment.video(new).session
    assert (pairing.state, pairing.generation) == (PairingState.READY, 2)
    assert session.fields["kaltura"]["entryId"] == pairing.external_ids["entryId"]
    (copy,) = [Copy.from_document(one) for one in deployment.documents.select(Query(COPIES))]
    assert copy.session == pairing.identity


def test_a_lost_trigger_of_the_deletion_is_made_good_by_the_sweep_with_a_new_session_of_the_id_in_place() -> None:
    """
    A1.
    """
    deployment, old = taken_over(BERT.uid)
    deployment.sweep.run()
    deployment.run(3600)
    assert deployment.video(old).state is VideoState.GONE
    assert deployment.media.alive() == ()


# --- sessions that the app's own back end wrote ---------------------------------------------------------------------


def by_back_end(deployment: Deployment, **fields: object) -> None:
    """
    Write a session as a back end may: without the times that the rules demand.
    """
    usual = {"ownerUid": ANNA.uid, "title": "Algebra", "status": "public", "format": "onDemand", "visibility": "open"}
    deployment.documents.commit(Create(session_path("s1"), {**usual, **fields}))


def test_a_session_without_a_mark_gets_it_with_the_first_thing_that_it_has() -> None:
    """
    A1.
    """
    deployment = Deployment()
    by_back_end(deployment)
    written = deployment.document(session_path("s1"))
    assert "createdAt" not in written.fields
    video_id = deployment.ask_upload().video_id
    assert deployment.document(session_path("s1")).fields["createdAt"] == written.created_at
    assert deployment.video(video_id).session == SessionIdentity("s1", ANNA.uid, written.created_at)


def test_a_session_without_a_mark_gets_it_at_once_though_it_has_nothing() -> None:
    """
    A1: the rules let no enrolled student in before. It needs no record, and the sweep's counts agree.
    """
    deployment = Deployment()
    by_back_end(deployment, visibility="enrolled")
    written = deployment.document(session_path("s1"))
    for task in following("s1", None, Session.from_document(written)):
        deployment.queue.put(task)
    deployment.run()

    marked = deployment.document(session_path("s1"))
    assert marked.fields == {**written.fields, "createdAt": written.created_at}
    assert pairing_path("s1") not in deployment.documents.paths()
    assert following("s1", Session.from_document(written), Session.from_document(marked)) == []
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    assert deployment.document(session_path("s1")).version == marked.version


@pytest.mark.parametrize("times", [{}, {"updatedAt": BEGIN_AT}], ids=["by none", "by its last change"])
def test_a_session_without_a_mark_whose_trigger_was_lost_is_found(times: dict[str, object]) -> None:
    """
    A1.
    """
    deployment = Deployment()
    if times:
        # The first sweep looks at everything; later ones look at what was changed since.
        deployment.sweep.run()
    by_back_end(deployment, **times)
    deployment.clock.advance(1)
    deployment.sweep.run()
    deployment.run()
    session = deployment.document(session_path("s1"))
    assert session.fields["createdAt"] == session.created_at


def test_a_mark_that_is_taken_away_while_an_event_is_retired_is_put_back_at_once() -> None:
    """
    A1: not only when the event goes.
    """
    deployment = live()
    deployment.write_session(format="onDemand")
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    assert deployment.pairing().state is PairingState.RETIRING
    mark = deployment.document(session_path("s1")).fields["createdAt"]
    deployment.documents.commit(Update(session_path("s1"), {"createdAt": REMOVE, "kalturaSession": REMOVE}))

    deployment.deliver(Task(RECONCILE_SESSION, "s1"))

    fields = deployment.document(session_path("s1")).fields
    assert (fields["createdAt"], fields["kalturaSession"]) == (mark, True)
    assert deployment.pairing().state is PairingState.RETIRING


def test_a_back_end_that_overwrites_a_session_loses_nothing() -> None:
    """
    A1: `set` without `merge` takes mark and views away.
    """
    deployment = Deployment()
    by_back_end(deployment)
    video_id = deployment.ask_upload().video_id
    deployment.show(video_id, READY)
    deployment.run(60)
    shown = deployment.document(session_path("s1")).fields["videos"]
    changes = dict.fromkeys(("createdAt", "kalturaSession", "videos"), REMOVE)
    deployment.documents.commit(Update(session_path("s1"), changes))
    deployment.sweep.run()
    deployment.run(60)
    session = deployment.document(session_path("s1"))
    assert session.fields["videos"] == shown
    assert (session.fields["createdAt"], session.fields["kalturaSession"]) == (session.created_at, True)
    assert deployment.playbacks.issue_playback(STUDENT, video_id).url


def _with_rounded_mark() -> tuple[Deployment, datetime]:
    """
    Write a session whose mark is a server timestamp: Firestore's own time has digits that it lacks.

    Returns:
        The deployment, and the mark.
    """
    deployment = Deployment()
    deployment.write_session()
    path = session_path("s1")
    mark = deployment.document(path).created_at - timedelta(microseconds=400)
    deployment.documents.commit(Update(path, {"createdAt": mark}))
    return deployment, mark


def test_an_upload_to_a_session_whose_mark_was_taken_away_a_moment_before_stays() -> None:
    """
    A1: the session is known by the mark of its pairing; Firestore's own time has digits that server timestamps lack.
    """
    deployment, mark = _with_rounded_mark()
    path = session_path("s1")
    first = deployment.ask_upload().video_id
    deployment.documents.commit(Update(path, {"createdAt": REMOVE, "kalturaSession": REMOVE}))
    second = deployment.ask_upload("r2").video_id
    for video_id in (first, second):
        deployment.show(video_id, READY)
    deployment.sweep.run()
    deployment.run(3600)

    assert deployment.document(path).fields["createdAt"] == mark
    for video_id in (first, second):
        assert deployment.video(video_id).state is VideoState.READY
        assert deployment.video(video_id).session.created_at == mark
    assert deployment.document(path).fields["videos"].keys() == {first, second}


def test_a_back_end_that_deletes_and_creates_a_session_without_marks_gets_nothing_of_the_old_one() -> None:
    """
    A1.
    """
    deployment = Deployment()
    by_back_end(deployment)
    video_id = deployment.ask_upload().video_id
    deployment.show(video_id, READY)
    deployment.run(60)
    deployment.documents.commit(Delete(session_path("s1")))
    by_back_end(deployment)
    with pytest.raises(NotFound):
        deployment.playbacks.issue_playback(ANNA, video_id)
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    deployment.run(600)
    assert deployment.media.alive() == ()


def test_documents_of_an_earlier_release_are_migrated_when_reconciled() -> None:
    """
    A1: neither session nor records have a mark, and nothing of theirs is lost.
    """
    deployment = live(terms={"fetching": Terms(), "memory": Terms()})
    video_id = deployment.ask_upload().video_id
    deployment.show(video_id, READY)
    deployment.run(60)
    session_marks = dict.fromkeys(("createdAt", "updatedAt", "kalturaSession"), REMOVE)
    deployment.documents.commit(Update(session_path("s1"), session_marks))
    record_marks = {"sessionCreatedAt": REMOVE}
    (copy,) = deployment.documents.select(Query(COPIES))
    deployment.documents.commit(
        Update("kalturaSession/s1", record_marks),
        Update(video_path(video_id), record_marks),
        Update(copy.path, {**record_marks, "sessionId": REMOVE}),
    )
    entry_id = deployment.pairing().external_ids["entryId"]
    assert deployment.playbacks.issue_playback(STUDENT, video_id).url
    deployment.sweep.run()
    deployment.run(24 * 3600)

    identity = SessionIdentity("s1", ANNA.uid, deployment.document(session_path("s1")).fields["createdAt"])
    assert identity.created_at is not None
    assert deployment.pairing().identity == identity
    assert deployment.video(video_id).session == identity
    (copy,) = deployment.documents.select(Query(COPIES))
    assert Copy.from_document(copy).session == identity
    assert [made.external_ids["entryId"] for made in deployment.events.alive()] == [entry_id]
    assert deployment.video(video_id).state is VideoState.READY


# --- an administrator changes the owner without a transfer ----------------------------------------------------------


def test_what_a_session_has_waits_where_its_owner_was_changed_without_a_transfer() -> None:
    """
    A13: nobody gets at it, and nothing of it is deleted.
    """
    deployment = live()
    video_id = deployment.ask_upload().video_id
    deployment.show(video_id, READY)
    deployment.run(60)
    external_ids = deployment.pairing().external_ids
    deployment.documents.commit(Update(session_path("s1"), {"ownerUid": BERT.uid}))
    for caller in (ANNA, BERT, STUDENT):
        with pytest.raises(NotFound):
            deployment.playbacks.issue_playback(caller, video_id)
        with pytest.raises((NotFound, WrongState)):
            deployment.joining.join(caller, "s1")
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    deployment.sweep.run()
    deployment.run(24 * 3600)
    assert [made.external_ids for made in deployment.events.alive()] == [external_ids]
    assert deployment.video(video_id).state is VideoState.READY
    assert len(deployment.media.alive()) == 1
    assert "kaltura" not in deployment.document(session_path("s1")).fields
    assert [one.id for one in deployment.documents.select(Query(VIDEOS))] == [video_id]


@pytest.mark.parametrize("changes", [{}, {"ownerUid": BERT.uid}], ids=["its owner's", "after a change of the owner"])
def test_a_transfer_of_a_session_whose_mark_was_taken_away_loses_nothing(changes: dict[str, object]) -> None:
    """
    A1, A13: as `set` without `merge` does, before anybody has put the mark back. Firestore's own time has digits that
    server timestamps lack.
    """
    deployment, mark = _with_rounded_mark()
    path = session_path("s1")
    video_id = deployment.ask_upload().video_id
    deployment.show(video_id, READY)
    deployment.run(60)
    deployment.documents.commit(Update(path, {"createdAt": REMOVE, "kalturaSession": REMOVE, **changes}))
    if changes:
        deployment.deliver(Task(RECONCILE_SESSION, "s1"))

    deployment.transfer(BERT.uid, caller=Caller("admin", is_teacher=False, is_admin=True))
    for _ in range(6):
        deployment.sweep.run()
        deployment.run(600)

    assert deployment.document(path).fields["createdAt"] == mark
    assert deployment.video(video_id).state is VideoState.READY
    assert deployment.video(video_id).session == SessionIdentity("s1", BERT.uid, mark)


def test_a_session_without_a_mark_under_the_id_of_one_that_still_goes_gets_it_at_once() -> None:
    """
    A1: the rules let nobody in whom it enrols before, however long the other's going takes.
    """
    deployment = Deployment()
    by_back_end(deployment, visibility="enrolled")
    old = deployment.ask_upload().video_id
    deployment.show(old, READY)
    deployment.run(60)
    deployment.documents.commit(Delete(session_path("s1")))
    by_back_end(deployment, visibility="enrolled")

    deployment.deliver(Task(RECONCILE_SESSION, "s1"))

    session = deployment.document(session_path("s1"))
    assert session.fields["createdAt"] == session.created_at
    deployment.enrol(STUDENT.uid)
    deployment.run(3600)
    assert deployment.video(old).state is VideoState.GONE
    assert enrolment_path("s1", STUDENT.uid) in deployment.documents.paths()


# --- a back end writes the mark anew ---------------------------------------------------------------------------------


@pytest.mark.parametrize("later_s", [0.0, 30.0, 3600.0], ids="A1 {} s later".format)
def test_mark_overwritten_by_a_back_end_is_restored(later_s: float) -> None:
    """
    A1, A3: as `set` with a server timestamp for `createdAt` does on each save.
    """
    deployment = live(visibility="enrolled")
    deployment.enrol(STUDENT.uid)
    video_id = deployment.ask_upload().video_id
    deployment.show(video_id, READY)
    deployment.run(600)
    before = deployment.document(session_path("s1"))
    entries = [made.external_ids for made in deployment.events.alive()]

    written_at = deployment.clock() + timedelta(seconds=later_s)
    deployment.documents.commit(Update(session_path("s1"), {"createdAt": written_at, "updatedAt": deployment.clock()}))
    assert deployment.playbacks.issue_playback(STUDENT, video_id).url
    after = Session.from_fields("s1", deployment.document(session_path("s1")).fields)
    for task in following("s1", Session.from_fields("s1", before.fields), after):
        deployment.queue.put(task)
    deployment.run(60)

    assert deployment.document(session_path("s1")).fields["createdAt"] == before.fields["createdAt"]
    deployment.sweep.run()
    deployment.run(24 * 3600)
    assert deployment.video(video_id).state is VideoState.READY
    assert [made.external_ids for made in deployment.events.alive()] == entries
    assert deployment.playbacks.issue_playback(STUDENT, video_id).url


def test_a_mark_that_is_later_than_its_document_is_none() -> None:
    """
    A1: a back end whose clock is ahead shuts out nobody who was enrolled by the server's time.
    """
    for late, is_marked in ((-MOMENT, True), (ROUNDING, True), (ROUNDING + MOMENT, False)):
        session = Session.from_document(Document("sessions/s1", {"createdAt": AT + late}, 1, AT))
        assert session.is_marked is is_marked, late
        assert session.created_at == (AT + late if is_marked else AT), late
