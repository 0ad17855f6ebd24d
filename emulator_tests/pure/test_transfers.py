"""Transfers: a session gets another owner, everything that it has follows, and nobody is locked out on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulator_tests.memory import BEGIN_AT, undisturbed
from emulator_tests.pure.deployment import POLICY, ROOMY, TEACHER, Deployment, live
from emulator_tests.pure.races.defects import Passing, changed
from shared.core.callers import Caller
from shared.core.errors import NotAllowed, NotFound, TooMany, Transient, WrongState
from shared.core.identity import SessionIdentity
from shared.core.paths import (
    ADMISSIONS,
    COPIES,
    ENROLMENTS,
    RECONCILE_SESSION,
    TRANSFERS,
    VIDEOS,
    session_path,
    transfer_path,
    video_path,
)
from shared.hosts.table import Terms
from shared.ports import (
    Condition,
    Create,
    Document,
    Documents,
    MediaState,
    Observation,
    Operator,
    Query,
    Task,
    Update,
    Version,
    Write,
)
from shared.reconcile import WORKER_TIMEOUT_S, Decision, Done, Effect, Failure, Progress, RequeueAt, Snapshot, Step
from shared.sessions.moderation import rotate_stream_key, stream_ingest
from shared.transfers.controller import PAGE
from shared.transfers.decide import (
    FOLLOW_LOOK_S,
    FORGET,
    MOVE,
    ROTATE,
    SETTLE,
    SETTLES_AFTER_S,
    SHOW,
    TRIES_MAX,
    TRY_PAUSE_MAX_S,
    TransferSpec,
    decide,
)
from shared.transfers.model import Transfer, TransferState
from shared.videos.commands import cancel_upload
from shared.videos.model import VideoState

pytestmark = pytest.mark.long

BERT = Caller("bert", is_teacher=True)
OTHER = Caller("other", is_teacher=True)
ADMIN = Caller("admin", is_teacher=False, is_admin=True)
STUDENT = Caller("student", is_teacher=False)
READY = Observation(MediaState.READY, 100, duration_s=60.0, size_bytes=1000, media_type="video/mp4")

NOW = BEGIN_AT + timedelta(hours=1)
SESSION = SessionIdentity("s1", "bert", BEGIN_AT)
MOVING = Transfer(SESSION, ("teacher",), NOW - timedelta(seconds=SETTLES_AFTER_S))
ROTATING = replace(MOVING, state=TransferState.ROTATING, former_owner_uids=())
FAILURE = Failure("HTTP_503", "No.", True, "rotate", "", 1, NOW, retry_at=NOW + timedelta(seconds=2))
FAILED = Progress(failure=FAILURE)
DEAD = Progress(failure=Failure("GONE", "No.", False, "rotate", "", 180, NOW, retry_at=None))
EVENT = {"entryId": "0_live1"}
OWNED = TransferSpec(is_there=True, shown=("teacher",))
WITH_EVENT = replace(OWNED, event=EVENT)
PAGE_OF_ONE = (Update("enrolments/s1_student", {"ownerUid": "bert"}),)
FOLLOWING = (Task("reconcileVideo", "v1"),)


def written(name: str, record: Transfer, **changes: Any) -> Step[Transfer]:
    after = replace(record, **changes)
    return Step(name, Effect.WRITE, after, after)


def rotated(record: Transfer) -> Step[Transfer]:
    """
    Tried again whatever the provider says, up to an hour apart, for about a week.
    """
    return Step(
        ROTATE, Effect.CHANGE, record, record, retry_permanent=True, tries_max=TRIES_MAX, pause_max_s=TRY_PAUSE_MAX_S
    )


DONE = TransferState.DONE
FAILED_NOW = replace(MOVING, progress=Progress(failure=replace(FAILURE, retry_at=NOW)))
SETTLED = {"state": TransferState.ROTATING, "former_owner_uids": ()}
HAS_KEY = replace(MOVING, is_key_rotated=True)

TABLE: dict[str, tuple[Transfer | None, TransferSpec, Decision[Transfer]]] = {
    "nothing recorded": (None, TransferSpec(), Done()),
    "session deleted": (MOVING, TransferSpec(), written(FORGET, MOVING, state=DONE)),
    "session deleted while rotating": (ROTATING, TransferSpec(), written(FORGET, ROTATING, state=DONE)),
    "another owner was written": (MOVING, replace(OWNED, is_owned=False), Done()),
    "a back end took the former owners away": (MOVING, replace(OWNED, shown=()), written(SHOW, MOVING)),
    "a former owner came back": (ROTATING, replace(OWNED, shown=("teacher",)), written(SHOW, ROTATING)),
    "an event with the old key": (MOVING, replace(WITH_EVENT, page=PAGE_OF_ONE), rotated(MOVING)),
    "the key could not be rotated a moment ago": (
        replace(MOVING, progress=FAILED),
        replace(WITH_EVENT, page=PAGE_OF_ONE),
        written(MOVE, replace(MOVING, progress=FAILED), moved=1),
    ),
    "the key could not be rotated, and is due": (
        FAILED_NOW,
        replace(WITH_EVENT, page=PAGE_OF_ONE),
        rotated(FAILED_NOW),
    ),
    "the key is not rotated for good": (
        replace(MOVING, progress=DEAD),
        WITH_EVENT,
        written(SETTLE, replace(MOVING, progress=DEAD), **SETTLED),
    ),
    "an event with a new key": (HAS_KEY, replace(WITH_EVENT, page=PAGE_OF_ONE), written(MOVE, HAS_KEY, moved=1)),
    "a page": (MOVING, replace(OWNED, page=PAGE_OF_ONE, following=FOLLOWING), written(MOVE, MOVING, moved=1)),
    "another page, of two": (
        replace(MOVING, moved=5),
        replace(OWNED, page=PAGE_OF_ONE * 2),
        written(MOVE, MOVING, moved=7),
    ),
    "what follows by itself": (
        MOVING,
        replace(OWNED, following=FOLLOWING),
        RequeueAt(NOW + timedelta(seconds=FOLLOW_LOOK_S)),
    ),
    "nothing more, at once": (
        replace(MOVING, asked_at=NOW),
        OWNED,
        RequeueAt(NOW + timedelta(seconds=SETTLES_AFTER_S)),
    ),
    "nothing more": (MOVING, OWNED, written(SETTLE, MOVING, **SETTLED)),
    "rotating": (ROTATING, replace(WITH_EVENT, shown=()), rotated(ROTATING)),
    "rotated": (
        replace(ROTATING, is_key_rotated=True),
        replace(WITH_EVENT, shown=()),
        written(FORGET, ROTATING, is_key_rotated=True, state=DONE),
    ),
    "rotating without an event": (ROTATING, replace(OWNED, shown=()), written(FORGET, ROTATING, state=DONE)),
}


@pytest.mark.parametrize(("record", "spec", "expected"), TABLE.values(), ids=TABLE)
def test_decide_returns_the_step_of_its_table(
    record: Transfer | None, spec: TransferSpec, expected: Decision[Transfer]
) -> None:
    """
    A13.
    """
    assert decide(Snapshot("s1", spec, record, None), NOW) == expected


def test_a_transfer_is_read_back_as_it_was_written() -> None:
    for record in (MOVING, replace(ROTATING, is_key_rotated=True, moved=7, progress=FAILED)):
        assert Transfer.from_document(Document("transfers/s1", record.to_fields(), 1, BEGIN_AT)) == record


# --- the story -------------------------------------------------------------------------------------------------------


def school() -> tuple[Deployment, str]:
    """
    Make a live session with a ready video, a copy of it, and an enrolled student.

    Returns:
        The deployment, and the video's id.
    """
    deployment = live(terms={"waiting": Terms(), "memory": Terms()}, visibility="enrolled")
    video_id = deployment.ask_upload().video_id
    deployment.show(video_id, READY)
    deployment.enrol("student")
    deployment.run(60)
    assert deployment.video(video_id).state is VideoState.READY
    assert [one.fields["state"] for one in deployment.documents.select(Query(COPIES))] == ["ready"]
    return deployment, video_id


def naming(deployment: Deployment, uid: str) -> list[str]:
    """
    Return the paths of the documents that name somebody, in whatever field.
    """
    paths = deployment.documents.paths()
    read = deployment.documents.read(*paths)
    return [one.path for one in read if one is not None and (uid in repr(one.fields) or uid in one.path)]


def test_everything_that_a_session_has_follows_its_new_owner() -> None:
    """
    A13: videos, copies, enrolments and quota go along, the stream key is another, moderators stay.
    """
    deployment, video_id = school()
    deployment.write_session(moderators={"anna": True})
    external_ids, key = deployment.pairing().external_ids, stream_ingest(TEACHER, "s1", deployment.sessions).stream_key
    made = (deployment.events.alive(), deployment.media.alive(), deployment.waiting.alive())

    assert deployment.transfer("bert") is TransferState.MOVING
    deployment.run(SETTLES_AFTER_S + 10)

    assert [path for path in naming(deployment, "teacher") if not path.startswith("uploaders/")] == []
    assert deployment.documents.select(Query(TRANSFERS)) == []
    session = deployment.document(session_path("s1")).fields
    assert (session["ownerUid"], session["moderators"]) == ("bert", {"anna": True})
    assert deployment.video(video_id).session == deployment.pairing().identity
    assert deployment.pairing().identity == SessionIdentity("s1", "bert", session["createdAt"])
    assert (deployment.media.alive(), deployment.waiting.alive()) == made[1:]
    (event,) = deployment.events.alive()
    assert (event.external_ids, event.spec.moderators) == (external_ids, ("anna", "bert"))
    assert stream_ingest(BERT, "s1", deployment.sessions).stream_key != key
    assert deployment.playbacks.issue_playback(STUDENT, video_id).url
    assert deployment.joining.join(BERT, "s1").is_moderator
    for ask in (stream_ingest, rotate_stream_key):
        with pytest.raises(NotFound):
            ask(TEACHER, "s1", deployment.sessions)
    with pytest.raises(NotFound):
        deployment.playbacks.issue_playback(TEACHER, video_id)


def test_transfer_revokes_tokens_of_the_former_owner_only() -> None:
    """
    A8, A13: although no trigger comes.
    """
    deployment, _ = school()
    ids = {}
    for caller in (TEACHER, STUDENT):
        joined = deployment.joining.join(caller, "s1")
        ids[caller.uid] = joined.admission.player.values["revocationId"]
    deployment.transfer("bert")
    deployment.run(SETTLES_AFTER_S + 10)
    assert deployment.documents.select(Query(TRANSFERS)) == []
    assert deployment.keys.ended == {ids["teacher"]}
    assert [one.id for one in deployment.documents.select(Query(ADMISSIONS))] == ["s1_student"]


def test_transfer_locks_out_no_viewer() -> None:
    """
    A13.
    """
    deployment, video_id = school()
    deployment.transfer("bert")
    for _ in every_task(deployment):
        assert deployment.playbacks.issue_playback(STUDENT, video_id).url
        assert deployment.joining.join(STUDENT, "s1").admission.player.token
        assert deployment.playbacks.issue_playback(BERT, video_id).url
    assert deployment.documents.select(Query(TRANSFERS)) == []


def every_task(deployment: Deployment) -> Iterator[None]:
    """
    Deliver task after task, until a transfer must have ended.
    """
    ends_at = deployment.clock() + timedelta(seconds=SETTLES_AFTER_S + 60)
    yield
    while (waiting := deployment.queue.waiting()) and (waiting[0].at or deployment.clock()) <= ends_at:
        task = deployment.queue.take()
        deployment.clock.move_to(max(task.at or deployment.clock(), deployment.clock()))
        deployment.deliver(task)
        yield


def test_the_quota_of_the_former_owner_is_free_and_that_of_the_new_one_is_used() -> None:
    """
    A13.
    """
    deployment = Deployment(policy=replace(ROOMY, teacher_videos_max=1))
    deployment.write_session()
    deployment.write_session("s2")
    video_id = deployment.ask_upload().video_id
    deployment.show(video_id, READY)
    deployment.run(30)
    deployment.transfer("bert")
    deployment.run(SETTLES_AFTER_S + 10)
    assert deployment.ask_upload("r2", session_id="s2").video_id
    with pytest.raises(TooMany):
        deployment.ask_upload("r3", caller=BERT)


def test_an_upload_that_is_under_way_goes_on_and_the_new_owner_renews_its_token() -> None:
    """
    A13: it belongs to the session.
    """
    deployment = Deployment()
    deployment.write_session()
    token = deployment.ask_upload()
    deployment.transfer("bert")
    deployment.run(SETTLES_AFTER_S + 10)
    with pytest.raises(NotFound):
        deployment.upload_tokens.renew_upload_token(TEACHER, token.video_id)
    assert deployment.upload_tokens.renew_upload_token(BERT, token.video_id).grant.values == token.grant.values
    deployment.show(token.video_id, READY)
    deployment.run(30)
    assert deployment.video(token.video_id).state is VideoState.READY


def test_transfer_moves_pending_deletions_and_many_enrolments() -> None:
    """
    A13.
    """
    deployment, _ = school()
    for number in range(PAGE + 5):
        deployment.enrol(f"student{number:04}")
    fields = {"provider": "memory", "reference": "video:x:1", "sessionId": "s1", "ownerUid": "teacher", "dueAt": None}
    deployment.documents.commit(Create("pendingDeletions/dead", fields))
    deployment.transfer("bert")
    deployment.run(SETTLES_AFTER_S + 10)
    assert deployment.document("pendingDeletions/dead").fields["ownerUid"] == "bert"
    assert {one.fields["ownerUid"] for one in deployment.documents.select(Query(ENROLMENTS))} == {"bert"}


def test_a_provider_that_cannot_be_reached_delays_the_key_and_nothing_else() -> None:
    """
    A13: and when it is back, the old key opens nothing any more.
    """
    deployment, _ = school()
    key = stream_ingest(TEACHER, "s1", deployment.sessions).stream_key

    def failing(operation: str, do: object) -> object:
        if operation == "rotate_stream_key":
            raise Transient("Busy.", provider="memory", operation=operation, code="HTTP_503")
        return do()  # type: ignore[operator]  # the shape of every Effect

    deployment.disturb = failing  # type: ignore[assignment]  # likewise
    deployment.transfer("bert")
    deployment.run(SETTLES_AFTER_S + 60)
    assert [path for path in naming(deployment, "teacher") if not path.startswith("uploaders/")] == []
    (job,) = [Transfer.from_document(one) for one in deployment.documents.select(Query(TRANSFERS))]
    assert (job.state, job.is_key_rotated) == (TransferState.ROTATING, False)

    deployment.disturb = lambda _operation, do: do()
    deployment.run(3600)
    assert deployment.documents.select(Query(TRANSFERS)) == []
    assert stream_ingest(BERT, "s1", deployment.sessions).stream_key != key


def test_former_owner_gets_no_key_from_a_call_in_progress() -> None:
    """
    A13.
    """
    deployment, _ = school()

    def transferring(operation: str, do: object) -> object:
        if operation in ("ingest", "rotate_stream_key"):
            deployment.disturb = lambda _operation, do: do()
            deployment.transfer("bert")
        return do()  # type: ignore[operator]  # the shape of every Effect

    deployment.disturb = transferring  # type: ignore[assignment]  # likewise
    with pytest.raises(NotFound):
        stream_ingest(TEACHER, "s1", deployment.sessions)


class HastyTransfers(Passing):
    """
    Nobody waits for calls that have read the former owner before.
    """

    def commit(self, *writes: Write) -> tuple[Version, ...]:
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        return self._documents.commit(
            *(changed(write, "askedAt", long_ago) if write.path.startswith(TRANSFERS) else write for write in writes)
        )


def _owner_of_an_upload_that_was_under_way(transfers: Callable[[Documents], Documents]) -> str | None:
    """
    Transfer a session while an upload of its former owner is about to be recorded, which takes as long as a call may.

    Returns:
        Whose the upload is once all has settled.
    """
    deployment = Deployment()
    deployment.write_session()
    deployment.ask_upload("first")

    def transferring(operation: str, do: object) -> object:
        if operation == "commit":
            deployment.disturb = undisturbed
            deployment.transfer("bert", documents=transfers(deployment.documents))
            deployment.run(WORKER_TIMEOUT_S)
        return do()  # type: ignore[operator]  # the shape of every Effect

    deployment.disturb = transferring  # type: ignore[assignment]  # likewise
    video_id = deployment.ask_upload("late").video_id
    deployment.run(3600)
    return deployment.video(video_id).session.owner_uid


def test_an_upload_that_a_call_records_after_the_transfer_follows_too() -> None:
    """
    A13: a call may have read the former owner.
    """
    assert _owner_of_an_upload_that_was_under_way(lambda documents: documents) == "bert"


def test_a_transfer_that_waits_for_nobody_loses_such_an_upload() -> None:
    """
    A13: the test above can fail.
    """
    with pytest.raises(WrongState, match="was deleted"):
        _owner_of_an_upload_that_was_under_way(HastyTransfers)


def test_a_session_that_is_deleted_on_the_way_leaves_nothing() -> None:
    """
    A13.
    """
    deployment, _ = school()
    deployment.transfer("bert")
    deployment.delete_session()
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    deployment.run(3600)
    assert (deployment.events.alive(), deployment.media.alive(), deployment.waiting.alive()) == ((), (), ())
    left = [path for path in deployment.documents.paths() if path.split("/")[0] in (TRANSFERS, ENROLMENTS)]
    assert left == []


def test_a_session_that_a_back_end_overwrites_on_the_way_follows_all_the_same() -> None:
    """
    A13: `set` without `merge` takes the former owner away.
    """
    deployment, video_id = school()
    deployment.transfer("bert")
    fields = deployment.document(session_path("s1")).fields
    kept = {name: fields[name] for name in ("ownerUid", "title", "status", "format", "visibility", "createdAt")}
    removed = {name: None for name in fields if name not in kept}
    deployment.documents.commit(Update(session_path("s1"), removed))
    deployment.run(SETTLES_AFTER_S + 60)
    assert deployment.documents.select(Query(TRANSFERS)) == []
    assert deployment.video(video_id).session.owner_uid == "bert"
    assert [path for path in naming(deployment, "teacher") if not path.startswith("uploaders/")] == []


# --- who may ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caller", "error"), [(STUDENT, NotAllowed), (OTHER, NotFound), (BERT, NotFound)], ids=["student", "other", "bert"]
)
def test_none_but_the_owner_and_administrators_transfer_a_session(caller: Caller, error: type[Exception]) -> None:
    """
    A13.
    """
    deployment, _ = school()
    before = deployment.documents.paths(), deployment.document(session_path("s1"))
    with pytest.raises(error):
        deployment.transfer("bert", caller=caller)
    assert (deployment.documents.paths(), deployment.document(session_path("s1"))) == before
    assert deployment.transfer("bert", caller=ADMIN) is TransferState.MOVING


@pytest.mark.parametrize("flaw", ["no account", "no teacher", "disabled", "claims as a text"])
def test_a_new_owner_has_an_account_that_may_own_a_session(flaw: str) -> None:
    """
    A13.
    """
    deployment, _ = school()
    match flaw:
        case "no account":
            deployment.accounts.delete("bert")
        case "no teacher":
            deployment.accounts.write("bert")
        case "disabled":
            deployment.accounts.write("bert", is_enabled=False, teacher=True)
        case _:
            deployment.accounts.write("bert", teacher="true")
    before = deployment.document(session_path("s1"))
    with pytest.raises(WrongState, match="needs an enabled account with the teacher claim"):
        deployment.transfer("bert")
    assert deployment.document(session_path("s1")) == before


def test_repeated_transfer_is_the_same_and_another_waits() -> None:
    """
    A13.
    """
    deployment, _ = school()
    deployment.transfer("bert")
    job = deployment.document(transfer_path("s1"))
    for caller in (TEACHER, BERT, ADMIN):
        assert deployment.transfer("bert", caller=caller) is TransferState.MOVING
    for caller in (BERT, ADMIN):
        with pytest.raises(Transient, match="is being transferred") as busy:
            deployment.transfer("other", caller=caller)
        assert busy.value.retry_after_s == SETTLES_AFTER_S
    assert deployment.document(transfer_path("s1")) == job
    deployment.run(SETTLES_AFTER_S + 10)
    assert deployment.transfer("bert", caller=ADMIN) is TransferState.DONE
    with pytest.raises(WrongState, match="already belongs to this owner"):
        deployment.transfer("bert", caller=BERT)
    with pytest.raises(NotFound):
        deployment.transfer("bert")
    assert deployment.transfer("teacher", caller=BERT) is TransferState.MOVING


def test_a_session_whose_event_is_being_worked_on_is_transferred_a_moment_later() -> None:
    """
    A13: what the worker records must not be lost.
    """
    deployment, _ = school()
    until = deployment.clock() + timedelta(seconds=30)
    deployment.documents.commit(Update("kalturaSession/s1", {"claim": {"step": "update", "until": until}}))
    with pytest.raises(Transient, match="is being worked on"):
        deployment.transfer("bert")
    deployment.clock.move_to(until)
    assert deployment.transfer("bert") is TransferState.MOVING


# --- an administrator has changed the owner without a transfer -------------------------------------------------------


def test_a_person_is_told_once_that_an_owner_was_changed_without_a_transfer(capsys: pytest.CaptureFixture[str]) -> None:
    """
    A13.
    """
    deployment, video_id = school()
    deployment.documents.commit(Update(session_path("s1"), {"ownerUid": "bert"}))
    for _ in range(3):
        deployment.sweep.run()
        deployment.run(300)
    told = [line for line in capsys.readouterr().err.splitlines() if "without transfer" in line]
    assert len(told) == 1
    assert '"severity": "ALERT"' in told[0]
    assert '"session": "s1"' in told[0]
    assert deployment.video(video_id).state is VideoState.READY
    assert len(deployment.events.alive()) == 1


def test_an_administrator_brings_along_what_waits() -> None:
    """
    A13: `transferSession` to the present owner.
    """
    deployment, video_id = school()
    key = stream_ingest(TEACHER, "s1", deployment.sessions).stream_key
    deployment.documents.commit(Update(session_path("s1"), {"ownerUid": "bert"}))
    deployment.sweep.run()
    deployment.run(300)
    with pytest.raises(NotFound):
        deployment.playbacks.issue_playback(STUDENT, video_id)
    with pytest.raises(WrongState, match="already belongs to this owner"):
        deployment.transfer("bert", caller=BERT)

    assert deployment.transfer("bert", caller=ADMIN) is TransferState.MOVING
    assert deployment.playbacks.issue_playback(STUDENT, video_id).url
    deployment.run(SETTLES_AFTER_S + 60)

    assert [path for path in naming(deployment, "teacher") if not path.startswith("uploaders/")] == []
    assert deployment.playbacks.issue_playback(STUDENT, video_id).url
    assert deployment.joining.join(STUDENT, "s1").admission.player.token
    assert stream_ingest(BERT, "s1", deployment.sessions).stream_key != key
    assert deployment.pairing().held_at is None


def test_an_administrator_who_writes_another_owner_on_the_way_has_to_transfer_it_to_that_one() -> None:
    """
    A13.
    """
    deployment, video_id = school()
    deployment.transfer("bert")
    deployment.documents.commit(Update(session_path("s1"), {"ownerUid": "other"}))
    deployment.run(3600)
    assert len(deployment.events.alive()) == 1
    assert deployment.video(video_id).state is VideoState.READY
    with pytest.raises(Transient):
        deployment.transfer("bert", caller=ADMIN)
    assert deployment.transfer("other", caller=ADMIN) is TransferState.MOVING
    deployment.run(SETTLES_AFTER_S + 60)
    for uid in ("teacher", "bert"):
        assert [path for path in naming(deployment, uid) if not path.startswith("uploaders/")] == []
    assert deployment.playbacks.issue_playback(STUDENT, video_id).url
    assert deployment.document(video_path(video_id)).fields["ownerUid"] == "other"


def test_an_owner_who_is_written_back_gets_everything_back() -> None:
    """
    A13.
    """
    deployment, video_id = school()
    for owner_uid in ("bert", "teacher"):
        deployment.documents.commit(Update(session_path("s1"), {"ownerUid": owner_uid}))
        deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    deployment.run(60)
    assert deployment.pairing().held_at is None
    assert deployment.playbacks.issue_playback(STUDENT, video_id).url
    assert deployment.document(session_path("s1")).fields["kaltura"]["state"] == "ready"


# --- quotas ----------------------------------------------------------------------------------------------------------


def _filled(deployment: Deployment, session_id: str, videos: int, owner: Caller = TEACHER) -> None:
    """
    A session with so many ready videos.
    """
    deployment.write_session(session_id, ownerUid=owner.uid)
    for number in range(videos):
        token = deployment.ask_upload(f"r{number}", session_id=session_id, caller=owner)
        deployment.show(token.video_id, READY)
        deployment.run(30)


def test_transfers_fill_nobodys_quota_beyond_its_end_and_an_administrators_do() -> None:
    """
    A13: of eight videos that the new owner may have; what is still on its way to them counts too.
    """
    deployment = Deployment()
    _filled(deployment, "own", 1, BERT)
    for session_id, videos in (("s1", 3), ("s2", 3), ("s3", 2)):
        _filled(deployment, session_id, videos)
    for session_id in ("s1", "s2"):
        deployment.transfer("bert", session_id=session_id)

    with pytest.raises(TooMany) as refused:
        deployment.transfer("bert", session_id="s3")
    assert refused.value.reason == "QUOTA_USED_UP"
    deployment.run(SETTLES_AFTER_S + 600)
    with pytest.raises(TooMany):
        deployment.transfer("bert", session_id="s3")

    assert deployment.transfer("bert", caller=ADMIN, session_id="s3") is TransferState.MOVING
    deployment.run(SETTLES_AFTER_S + 600)
    owned = Condition("ownerUid", Operator.EQUAL, "bert"), Condition("gone", Operator.EQUAL, False)
    assert deployment.documents.count(Query(VIDEOS, owned)) == 9


def test_uploads_that_somebody_is_given_leave_them_one_of_their_own() -> None:
    """
    A13: nobody can keep another teacher from uploading.
    """
    deployment = Deployment()
    deployment.write_session()
    tokens = [deployment.ask_upload(f"r{number}") for number in range(POLICY.uploads_in_flight_max)]
    with pytest.raises(TooMany) as refused:
        deployment.transfer("bert")
    assert refused.value.reason == "UPLOADS_OPEN_TOO_MANY"

    cancel_upload(TEACHER, tokens[0].video_id, deployment.documents, deployment.queue, deployment.clock)
    deployment.run(60)
    deployment.transfer("bert")
    deployment.run(SETTLES_AFTER_S + 600)
    deployment.write_session("s2", ownerUid="bert")
    assert deployment.ask_upload("mine", session_id="s2", caller=BERT).video_id


def test_two_transfers_at_once_do_not_both_take_the_last_room() -> None:
    """
    A13: there is room for the videos of one of the two sessions.
    """
    deployment = Deployment()
    _filled(deployment, "own", 3, BERT)
    for session_id in ("s1", "s2"):
        _filled(deployment, session_id, 4)

    def meanwhile(operation: str, do: Callable[[], Any]) -> Any:
        if operation == "commit":
            deployment.disturb = undisturbed
            deployment.transfer("bert", session_id="s2")
        return do()

    deployment.disturb = meanwhile
    with pytest.raises(TooMany):
        deployment.transfer("bert", session_id="s1")
    assert deployment.document(session_path("s2")).fields["ownerUid"] == "bert"
