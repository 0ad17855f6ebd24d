"""Erasures: all content of somebody goes, page by page, and nobody else's; and nothing names them any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from emulator_tests.memory import BEGIN_AT
from emulator_tests.pure.deployment import LATE_COMMIT_S, ROOMY, TEACHER, Deployment
from shared.core import paths as all_paths
from shared.core.callers import Caller
from shared.core.errors import NotAllowed, NotFound, Transient, WrongState
from shared.core.identity import TOMBSTONE_S
from shared.core.paths import ADMISSIONS, ERASURES, RECONCILE_ERASURE, RECONCILE_SESSION, erasure_path, session_path
from shared.deletions.controller import requeue_deletion
from shared.erasure import decide as decisions
from shared.erasure.commands import ask_erasure, carry_over, erasure_of
from shared.erasure.decide import (
    COUNT,
    COUNT_PAUSE_S,
    FINISH,
    FORGET,
    LASTS_MAX_S,
    MARK,
    PACE_S,
    TURN,
    WAIT_S,
    ErasureSpec,
    Page,
    decide,
)
from shared.erasure.model import Erasure, ErasureState, Left, hashed
from shared.erasure.pages import PAGE_VIDEOS
from shared.erasure.reading import PAGE
from shared.hosts.table import Terms
from shared.operations.sweep import COUNT_EVERY_S
from shared.ports import Create, Delete, Document, MediaState, Observation, Query, Task, Update
from shared.reconcile import LEASE_S, Decision, Done, Effect, RequeueAt, Snapshot, Step
from shared.reconcile.bulk import TASKS
from shared.registry import TRACES
from shared.sessions.moderation import set_moderator
from shared.videos.commands import Correction, update_video

pytestmark = pytest.mark.long

NAMELESS = {
    all_paths.CACHE,
    all_paths.CALL_BUDGETS,
    all_paths.HOSTS,
    all_paths.OPERATIONS,
    all_paths.REPORTS,
    "archive",
}
"""Collections that name no person."""

CARRIED_OVER = {all_paths.REMOVALS}
"""Collections of an earlier release, whose documents are converted once a day."""

ADMIN = Caller("admin", is_teacher=False, is_admin=True)
OTHER = Caller("other", is_teacher=True)
STUDENT = Caller("student", is_teacher=False)
READY = Observation(MediaState.READY, 100, duration_s=60.0, size_bytes=1000, media_type="video/mp4")

VIEWS = {all_paths.SHARED_MEDIAS, all_paths.SLIDE_TIMELINES}
"""Collections below a session whose documents are deleted with the record that they show."""

LASTS_S = LEASE_S + LATE_COMMIT_S
"""An erasure of which nothing is left at once takes so long."""

TITLE = "Algebra"
"""Of everything that the teacher has made."""

NAMES_OF_TEACHER = ("teacher", TITLE, "algebra.mp4")
NAMES_OF_STUDENT = ("'student'", "_student'", "The student")


def school(sessions: int = 3, videos: int = 2) -> Deployment:
    """
    Make a teacher with sessions that have ready videos, copies and an enrolment, and a live one; and another teacher
    with one of each, in which the first one moderates and is enrolled. A student has entered both.
    """
    policy = replace(ROOMY, uploads_in_flight_max=1000, tokens_per_minute_max=1000)
    deployment = Deployment(policy=policy, terms={"waiting": Terms(), "memory": Terms()})
    for number in range(sessions):
        deployment.write_session(f"s{number}")
        deployment.enrol("student", f"s{number}")
        for video in range(videos):
            token = deployment.ask_upload(f"r{number}-{video}", session_id=f"s{number}")
            deployment.show(token.video_id, READY)
    # Without times, so that nobody looks all the time whether they are on the air.
    deployment.write_session("live", format="liveStreaming")
    deployment.write_session("other", ownerUid="other", title="Optics")
    kept = deployment.ask_upload("kept", caller=OTHER, session_id="other", title="Optics", file_name="optics.mp4")
    deployment.show(kept.video_id, READY)
    deployment.write_session("otherlive", ownerUid="other", title="Optics", format="liveStreaming")
    for uid in ("teacher", "student"):
        deployment.enrol(uid, "otherlive", "other")
        set_moderator(
            OTHER, "otherlive", uid, deployment.sessions, deployment.queue, deployment.clock, is_moderator=True
        )
    for session_id in ("live", "otherlive"):
        deployment.deliver(Task(RECONCILE_SESSION, session_id))
        for caller in (TEACHER, STUDENT, OTHER):
            deployment.joining.join(caller, session_id)
    deployment.run(30)
    return deployment


def ask(deployment: Deployment, caller: Caller = TEACHER, uid: str | None = "teacher", request: str = "r") -> str:
    """
    Ask for an erasure; gives its id.
    """
    key, _ = ask_erasure(caller, request, uid, deployment.documents, deployment.queue, deployment.clock)
    return key


def erasure(deployment: Deployment, key: str) -> Erasure:
    """
    Return how far it is.
    """
    return Erasure.from_document(deployment.document(erasure_path(key)))


def sweep_until(deployment: Deployment, done: Callable[[], bool], rounds: int = 100) -> None:
    """
    Let only the sweep come, every five minutes, and do what it leaves tasks for.
    """
    for _ in range(rounds):
        deployment.sweep.run()
        deployment.run(300)
        if done():
            return
    raise AssertionError("There is no end of it.")


def paths(deployment: Deployment, *collections: str) -> list[str]:
    """
    Return the documents of these collections.
    """
    return [path for path in deployment.documents.paths() if path.partition("/")[0] in collections]


def everything(deployment: Deployment) -> list[str]:
    """
    Return all that there is, as text: documents with their paths and the names of their fields, and all things at
    providers, hosts and among their users.
    """
    read = deployment.documents.read(*deployment.documents.paths())
    documents = [f"'{one.path}' {one.fields!r}" for one in read if one is not None]
    made = [*deployment.events.alive(), *deployment.media.alive(), *deployment.waiting.alive()]
    return [*documents, *map(repr, made), f"[{sorted(deployment.audience.known())} {deployment.audience.names}"]


def naming(deployment: Deployment, *names: str) -> list[str]:
    """
    Return what of everything has one of these names in it.
    """
    return [one for one in everything(deployment) if any(name in one for name in names)]


# --- the table -------------------------------------------------------------------------------------------------------

NOW = Deployment().clock()
LATE_S = 600
BEGUN = Erasure("teacher", hashed("teacher"), hashed("teacher"), NOW)
LONG_AGO = NOW - timedelta(seconds=LEASE_S + LATE_S)
EMPTIED_AT = NOW - timedelta(minutes=5)
DELETING = replace(BEGUN, state=ErasureState.DELETING, emptied_at=EMPTIED_AT, marked_at=LONG_AGO, next_at=NOW)
OVERDUE = replace(DELETING, asked_at=NOW - timedelta(seconds=LASTS_MAX_S), left=Left(1, 0, 0, 0, 0))
SOON = NOW + timedelta(seconds=5)
NONE_LEFT = Left(0, 0, 0, 0, 0)
PAGE_OF_ONE = Page((Delete("sessions/s1"),), sessions=1, videos=2)


def written(name: str, record: Erasure, **changes: Any) -> Step[Erasure]:
    after = replace(record, **changes)
    return Step(name, Effect.WRITE, after, after)


def counted(record: Erasure, left: Left, **changes: Any) -> Step[Erasure]:
    next_at = NOW + timedelta(seconds=COUNT_PAUSE_S)
    return written(COUNT, record, **{"left": left, "next_at": next_at, **changes})


def finished(record: Erasure, **changes: Any) -> Step[Erasure]:
    expires_at = NOW + timedelta(seconds=TOMBSTONE_S)
    end = {"state": ErasureState.DONE, "uid": None, "done_at": NOW, "next_at": None, "expires_at": expires_at}
    return written(FINISH, record, **{**end, **changes})


def forgotten(record: Erasure) -> Step[Erasure]:
    return Step(FORGET, Effect.CHANGE, record, record, retry_permanent=True)


PACED_AT = NOW + timedelta(seconds=PACE_S)
HALFWAY = replace(BEGUN, pages=7, sessions=5, enrolments=3, videos=11)
PAGE_OF_ALL = Page((Delete("sessions/s1"),), sessions=1, enrolments=4, videos=2)
JUST_MARKED = replace(DELETING, marked_at=LONG_AGO + timedelta(seconds=1))
VIDEO_LEFT, COPY_LEFT, EVENT_LEFT = (replace(NONE_LEFT, **{name: 1}) for name in ("videos", "copies", "events"))
DELETION_LEFT, DEAD_LEFT = (replace(NONE_LEFT, deletions=2, dead=dead) for dead in (1, 2))

TABLE: dict[str, tuple[Erasure | None, ErasureSpec, Decision[Erasure]]] = {
    "nothing recorded": (None, ErasureSpec(), Done()),
    "done": (replace(BEGUN, state=ErasureState.DONE), ErasureSpec(), Done()),
    "a page, a moment after the last": (replace(BEGUN, next_at=SOON), ErasureSpec(PAGE_OF_ONE), RequeueAt(SOON)),
    "a page": (
        HALFWAY,
        ErasureSpec(PAGE_OF_ALL),
        written(MARK, HALFWAY, pages=8, sessions=6, enrolments=7, videos=13, next_at=PACED_AT),
    ),
    "a page without videos": (
        replace(HALFWAY, next_at=NOW),
        ErasureSpec(replace(PAGE_OF_ALL, videos=0), waits_until=SOON),
        written(MARK, HALFWAY, pages=8, sessions=6, enrolments=7, next_at=NOW),
    ),
    "a page with videos, and too many tasks": (BEGUN, ErasureSpec(PAGE_OF_ONE, waits_until=SOON), RequeueAt(SOON)),
    "a page, and a transfer to wait for": (
        BEGUN,
        ErasureSpec(replace(PAGE_OF_ONE, is_waiting=True)),
        written(MARK, BEGUN, pages=1, sessions=1, videos=2, next_at=PACED_AT),
    ),
    "a transfer to wait for": (
        BEGUN,
        ErasureSpec(Page(is_waiting=True)),
        RequeueAt(NOW + timedelta(seconds=WAIT_S)),
    ),
    "no page": (
        BEGUN,
        ErasureSpec(),
        written(TURN, BEGUN, state=ErasureState.DELETING, marked_at=NOW, next_at=NOW),
    ),
    "counted a moment ago": (replace(DELETING, next_at=SOON), ErasureSpec(left=Left(1)), RequeueAt(SOON)),
    "videos left": (DELETING, ErasureSpec(left=VIDEO_LEFT), counted(DELETING, VIDEO_LEFT)),
    "copies left": (DELETING, ErasureSpec(left=COPY_LEFT), counted(DELETING, COPY_LEFT)),
    "events left": (DELETING, ErasureSpec(left=EVENT_LEFT), counted(DELETING, EVENT_LEFT)),
    "deletions left": (DELETING, ErasureSpec(left=DELETION_LEFT), counted(DELETING, DELETION_LEFT)),
    "dead deletions left": (DELETING, ErasureSpec(left=DEAD_LEFT), forgotten(DELETING)),
    "nothing left, but somebody may still write": (
        JUST_MARKED,
        ErasureSpec(left=NONE_LEFT),
        counted(JUST_MARKED, NONE_LEFT, next_at=NOW + timedelta(seconds=1)),
    ),
    "nothing left, and it is not known since when": (
        replace(DELETING, marked_at=None),
        ErasureSpec(left=NONE_LEFT),
        counted(replace(DELETING, marked_at=None), NONE_LEFT, next_at=NOW + timedelta(seconds=LEASE_S + LATE_S)),
    ),
    "nothing left": (DELETING, ErasureSpec(left=NONE_LEFT), forgotten(DELETING)),
    "forgotten": (
        replace(DELETING, is_forgotten=True),
        ErasureSpec(left=DEAD_LEFT),
        finished(DELETING, is_forgotten=True, left=DEAD_LEFT),
    ),
    "overdue, something names them": (
        OVERDUE,
        ErasureSpec(PAGE_OF_ONE, VIDEO_LEFT),
        written(MARK, OVERDUE, pages=1, sessions=1, videos=2, next_at=PACED_AT),
    ),
    "overdue, and never counted": (
        replace(OVERDUE, left=Left()),
        ErasureSpec(left=Left(1)),
        counted(OVERDUE, Left(1)),
    ),
    "overdue, something is left": (OVERDUE, ErasureSpec(left=VIDEO_LEFT), finished(OVERDUE)),
    "a second before it is overdue, something is left": (
        replace(OVERDUE, asked_at=OVERDUE.asked_at + timedelta(seconds=1)),
        ErasureSpec(left=VIDEO_LEFT),
        counted(OVERDUE, VIDEO_LEFT, asked_at=OVERDUE.asked_at + timedelta(seconds=1)),
    ),
}


@pytest.mark.parametrize(("record", "spec", "expected"), TABLE.values(), ids=TABLE)
def test_decide_returns_the_step_of_its_table(
    record: Erasure | None, spec: ErasureSpec, expected: Decision[Erasure]
) -> None:
    """
    A12.
    """
    assert decide(Snapshot("key", spec, record, None), NOW, LATE_S) == expected


@pytest.mark.parametrize("is_all", [True, False], ids=["all users", "some users"])
def test_an_erasure_is_forgotten_once_the_provider_deleted_all_users(is_all: bool) -> None:
    assert decisions.forgotten(DELETING, is_all=is_all) == replace(DELETING, is_forgotten=is_all)


@pytest.mark.parametrize(
    ("left", "emptied_at", "expected"),
    [
        (Left(1, 0, 0, 0, 0), None, None),
        (Left(0, 1, 0, 0, 0), None, None),
        (Left(0, 0, 1, 0, 0), None, NOW),
        (Left(0, 0, 0, 1, 0), None, NOW),
        (Left(0, 0, 0, 1, 0), EMPTIED_AT, EMPTIED_AT),
        (Left(1, 0, 0, 0, 0), EMPTIED_AT, EMPTIED_AT),
    ],
    ids=["a video", "a copy", "an event", "a deletion", "emptied before", "a video, emptied before"],
)
def test_an_erasure_is_emptied_when_videos_and_copies_are_first_gone(
    left: Left, emptied_at: datetime | None, expected: datetime | None
) -> None:
    before = replace(DELETING, emptied_at=emptied_at)
    step = decide(Snapshot("key", ErasureSpec(left=left), before, None), NOW, LATE_S)
    assert step == counted(before, left, emptied_at=expected)


def test_an_erasure_that_is_done_names_nobody_and_goes_in_its_time() -> None:
    """
    A12.
    """
    step = decide(Snapshot("key", ErasureSpec(left=NONE_LEFT), replace(DELETING, is_forgotten=True), None), NOW, LATE_S)
    assert isinstance(step, Step)
    assert "teacher" not in repr(step.record.to_fields())
    assert step.record.expires_at == NOW + timedelta(days=30)


def test_record_round_trips() -> None:
    whole = replace(DELETING, pages=1, sessions=1, enrolments=2, videos=3, left=Left(4, 5, 6, 7, 1), next_at=SOON)
    for record in (BEGUN, whole, replace(whole, state=ErasureState.DONE, done_at=SOON, uid=None, expires_at=SOON)):
        assert Erasure.from_document(Document("erasures/r", record.to_fields(), 1, BEGIN_AT)) == record


def test_every_collection_is_in_the_table_of_traces_or_names_nobody() -> None:
    """
    A12.
    """
    rules = (Path(__file__).parents[2] / "firestore.rules").read_text()
    named = {line.split("/")[1] for line in rules.splitlines() if line.startswith("    match /")}
    named |= {
        value
        for name, value in vars(all_paths).items()
        if name.isupper() and isinstance(value, str) and value.isalpha() and not value.startswith(("visit", "reconc"))
    }
    named -= {all_paths.BROADCAST_SLIDES, all_paths.CHECK_HOST, all_paths.POLL_READINESS, all_paths.PUBLISH_EVENT}
    assert named - {trace.collection for trace in TRACES} <= NAMELESS | CARRIED_OVER | VIEWS


# --- the story -------------------------------------------------------------------------------------------------------


def test_erasure_deletes_only_the_teachers_content() -> None:
    deployment = school()
    assert len(deployment.waiting.alive()) == 7
    key = ask(deployment)
    assert erasure(deployment, key).state is ErasureState.MARKING

    deployment.run(3600)

    done = erasure(deployment, key)
    assert (done.state, done.sessions, done.videos) == (ErasureState.DONE, 4, 6)
    assert (done.left, done.done_at is not None) == (NONE_LEFT, True)
    left = ["enrolments/otherlive_student", "sessions/other", "sessions/otherlive"]
    assert paths(deployment, "sessions", "enrolments") == left
    assert deployment.owners_at_provider() == ["other"]
    assert len(deployment.waiting.alive()) == 1
    (event,) = deployment.events.alive()
    assert event.spec.moderators == ("other", "student")
    assert deployment.deletions() == []


def test_nothing_names_a_teacher_who_was_erased() -> None:
    """
    A12: not as an owner, a moderator or a viewer, not by a title, in no document and at no provider.
    """
    deployment = school()
    assert len(naming(deployment, *NAMES_OF_TEACHER)) > 20
    ask(deployment)
    deployment.run(3600)
    assert naming(deployment, *NAMES_OF_TEACHER) == []
    assert deployment.joining.join(STUDENT, "otherlive").is_moderator


def test_nothing_names_a_student_who_was_erased() -> None:
    """
    A12: and whose sessions they were in keep everything else.
    """
    deployment = school()
    before = deployment.media.alive()
    assert len(naming(deployment, *NAMES_OF_STUDENT)) > 5
    key = ask(deployment, STUDENT, "student")
    deployment.run(LASTS_S + 60)
    assert erasure(deployment, key).state is ErasureState.DONE
    assert naming(deployment, *NAMES_OF_STUDENT) == []
    assert deployment.media.alive() == before
    assert len(deployment.events.alive()) == 2
    assert paths(deployment, "enrolments") == ["enrolments/otherlive_teacher"]


@pytest.mark.parametrize(("caller", "uid"), [(STUDENT, "student"), (ADMIN, None)], ids=["somebody", "everybody"])
def test_issued_tokens_are_revoked_before_an_erasure_ends(caller: Caller, uid: str | None) -> None:
    """
    A8, A12: although their sessions are open to everybody.
    """
    deployment = school()
    held = deployment.documents.select(Query(ADMISSIONS))
    theirs = {one.fields["revocationId"] for one in held if uid in (None, one.fields["uid"])}
    key = ask(deployment, caller, uid)

    deployment.run(3600)

    assert erasure(deployment, key).state is ErasureState.DONE
    assert deployment.keys.ended == theirs
    left = {one.fields["revocationId"] for one in deployment.documents.select(Query(ADMISSIONS))}
    assert left == {one.fields["revocationId"] for one in held} - theirs
    assert len(theirs) >= 2


@pytest.mark.parametrize("silent_s", [600, 6 * 3600])
def test_failing_revocation_delays_an_erasure_until_it_succeeds_or_expires(
    silent_s: int,
) -> None:
    """
    A8, A12.
    """
    deployment = school()

    def refusing(operation: str, do: Callable[[], object]) -> object:
        if operation == "end":
            raise Transient("It does not answer.", provider="memory", operation=operation, code="HTTP_503")
        return do()

    deployment.disturb = refusing  # type: ignore[assignment]  # an Effect is as generic as the call
    key = ask(deployment, STUDENT, "student")
    deployment.run(silent_s)
    assert (erasure(deployment, key).state is ErasureState.DONE) is (silent_s > 3 * 3600)
    deployment.disturb = lambda _operation, do: do()
    deployment.run(3600)
    assert erasure(deployment, key).state is ErasureState.DONE
    assert naming(deployment, *NAMES_OF_STUDENT) == []


@pytest.mark.parametrize("by", ["deleted by its teacher", "its session is deleted", "cancelled"])
def test_a_video_that_is_gone_keeps_ids_only_and_goes_in_its_time(by: str) -> None:
    """
    A12: tombstones, without an erasure.
    """
    deployment = Deployment()
    deployment.write_session()
    video_id = deployment.ask_upload().video_id
    corrected = Correction(title=TITLE)
    update_video(TEACHER, video_id, corrected, deployment.documents, deployment.queue, deployment.clock)
    match by:
        case "deleted by its teacher":
            deployment.documents.commit(Update(f"videos/{video_id}", _field("wish", "deleted", value=True)))
        case "cancelled":
            deployment.documents.commit(Update(f"videos/{video_id}", _field("wish", "cancelled", value=1)))
        case _:
            deployment.delete_session()
    deployment.sweep.run()
    deployment.run(COUNT_EVERY_S)
    if by != "its session is deleted":
        deployment.delete_session()
    deployment.sweep.run()
    deployment.run(3600)
    for path in (f"videos/{video_id}", "kalturaSession/s1"):
        tombstone = deployment.document(path)
        assert not [name for name in (*NAMES_OF_TEACHER, TITLE) if name in repr(tombstone.fields)], tombstone
        assert tombstone.fields["expiresAt"] > deployment.clock() + timedelta(days=29)


def _field(*way: str, value: object) -> dict[tuple[str, ...], Any]:
    return {way: value}


def test_what_an_earlier_release_left_of_a_video_that_is_gone_is_scrubbed_too() -> None:
    """
    A12.
    """
    deployment = Deployment()
    deployment.write_session()
    video_id = deployment.ask_upload().video_id
    whole = deployment.document(f"videos/{video_id}").fields
    deployment.delete_session()
    deployment.sweep.run()
    deployment.run(600)
    old = {"ownerUid": "teacher", "title": TITLE, "fileName": "algebra.mp4", "expiresAt": None, "wish": whole["wish"]}
    deployment.documents.commit(Update(f"videos/{video_id}", old))
    ask(deployment)
    deployment.run(LASTS_S + 60)
    assert naming(deployment, *NAMES_OF_TEACHER) == []


def test_administrator_can_erase_any_user() -> None:
    """
    A12: those whom the provider knows too.
    """
    deployment = school()
    key = ask(deployment, ADMIN, None)

    deployment.run(3600)

    assert erasure(deployment, key).state is ErasureState.DONE
    assert paths(deployment, "sessions", "enrolments", "uploaders", "pendingDeletions", "copies") == []
    assert (deployment.media.alive(), deployment.events.alive(), deployment.waiting.alive()) == ((), (), ())
    assert deployment.audience.known() == frozenset()
    assert naming(deployment, *NAMES_OF_TEACHER, *NAMES_OF_STUDENT, "Optics") == []


def test_the_same_request_is_the_same_erasure_and_so_is_another_one_meanwhile() -> None:
    """
    A6, A12.
    """
    deployment = school(1, 1)
    key = ask(deployment, ADMIN, "teacher")

    assert ask(deployment, ADMIN, "teacher") == key
    assert ask(deployment, ADMIN, "teacher", "another request") == key
    with pytest.raises(WrongState, match="somebody else's content"):
        ask(deployment, ADMIN, "other")
    assert len(paths(deployment, ERASURES)) == 1
    deployment.run(3600)
    assert ask(deployment, ADMIN, "teacher") == key, "it is done, and so it stays"
    assert ask(deployment, ADMIN, "teacher", "another request") != key


@pytest.mark.parametrize(
    ("caller", "uid"),
    [(TEACHER, "other"), (TEACHER, None), (STUDENT, "teacher"), (OTHER, "teacher"), (STUDENT, None)],
    ids=["another teacher's", "everything", "a teacher's by a student", "by another teacher", "everything, a student"],
)
def test_unauthorised_erasure_changes_nothing(caller: Caller, uid: str | None) -> None:
    deployment = school(1, 1)
    before = deployment.documents.paths()

    with pytest.raises(NotAllowed):
        ask(deployment, caller, uid)

    assert deployment.documents.paths() == before


def test_erasure_progress_is_visible_to_requester_and_administrators() -> None:
    """
    A12: although the document names nobody any more.
    """
    deployment = school(1, 1)
    key = ask(deployment)
    for state in (ErasureState.MARKING, ErasureState.DONE):
        for caller in (TEACHER, ADMIN):
            assert erasure_of(caller, key, deployment.documents).state is state
        for caller, asked in ((OTHER, key), (TEACHER, "0" * 20)):
            with pytest.raises(NotFound):
                erasure_of(caller, asked, deployment.documents)
        deployment.run(3600)


def test_content_created_during_an_erasure_stays() -> None:
    deployment = school(1, 1)
    key = ask(deployment)
    deployment.run(PACE_S * 3)
    assert erasure(deployment, key).state is ErasureState.DELETING

    deployment.write_session("new", format="liveStreaming")
    deployment.deliver(Task(RECONCILE_SESSION, "new"))
    token = deployment.ask_upload("new", session_id="new")
    deployment.show(token.video_id, READY)
    deployment.enrol("student", "new")
    deployment.run(3600)

    assert erasure(deployment, key).state is ErasureState.DONE
    for path in ("sessions/new", "enrolments/new_student", "kalturaSession/new", f"videos/{token.video_id}"):
        assert path in deployment.documents.paths()
    assert deployment.playbacks.issue_playback(STUDENT, token.video_id).url


# --- what is another's now -------------------------------------------------------------------------------------------


def test_an_erasure_waits_for_a_transfer_that_is_under_way_and_touches_nothing_of_the_new_owner() -> None:
    """
    A13.
    """
    deployment = school(2, 1)
    deployment.transfer("bert", session_id="s0")
    key = ask(deployment)
    deployment.run(3600)
    assert erasure(deployment, key).state is ErasureState.DONE
    assert erasure(deployment, key).sessions == 2
    assert deployment.document(session_path("s0")).fields["ownerUid"] == "bert"
    assert deployment.document("enrolments/s0_student").fields["ownerUid"] == "bert"
    (video_id,) = deployment.document(session_path("s0")).fields["videos"]
    assert deployment.playbacks.issue_playback(STUDENT, video_id).url
    assert [one for one in naming(deployment, "teacher") if "s0" not in one] == []
    # The session's title is bert's now; the name of who wrote it is nowhere.
    assert naming(deployment, "teacher") == []


def test_a_session_whose_owner_was_changed_without_a_transfer_keeps_its_people_and_loses_the_erased_ones_videos() -> (
    None
):
    """
    A13: the row's own story. The erasure ends, enrolments of the other's session are rewritten and never deleted.
    """
    deployment = school(2, 1)
    mine = deployment.document(session_path("s0")).fields["videos"]
    for session_id in ("s0", "live"):
        deployment.documents.commit(Update(session_path(session_id), {"ownerUid": "bert"}))
    theirs = deployment.ask_upload("b", caller=Caller("bert", is_teacher=True), session_id="s0").video_id
    deployment.show(theirs, READY)
    deployment.run(60)
    (event,) = [one.external_ids for one in deployment.events.alive() if one.reference.startswith("session:live:")]
    key = ask(deployment)
    deployment.run(3600)

    done = erasure(deployment, key)
    assert (done.state, done.left) == (ErasureState.DONE, NONE_LEFT)
    assert deployment.document("enrolments/s0_student").fields["ownerUid"] == "bert"
    assert list(deployment.document(session_path("s0")).fields["videos"]) == [theirs]
    assert theirs not in mine
    assert deployment.playbacks.issue_playback(STUDENT, theirs).url
    assert event in [one.external_ids for one in deployment.events.alive()]
    assert deployment.joining.join(STUDENT, "live").admission.player.token
    assert naming(deployment, "teacher") == []


def test_an_enrolment_of_an_earlier_session_of_the_id_goes_and_one_of_the_present_stays() -> None:
    """
    A12, A13.
    """
    deployment = Deployment()
    deployment.write_session()
    deployment.enrol("student")
    deployment.delete_session()
    deployment.write_session(ownerUid="other")
    deployment.enrol("anna", owner_uid="other")
    ask(deployment)
    deployment.run(LASTS_S + 60)
    assert paths(deployment, "enrolments", "sessions") == ["enrolments/s1_anna", "sessions/s1"]


def test_malformed_enrolment_does_not_stop_an_erasure() -> None:
    """
    A12.
    """
    deployment = Deployment()
    for number, session_id in enumerate((None, 7, "a/b", "", "..", "__x__", ["s1"], "no-such-session")):
        fields = {"sessionId": session_id, "uid": "student", "ownerUid": "teacher"}
        deployment.documents.commit(Create(f"enrolments/odd{number}", fields))
    ask(deployment)
    deployment.run(LASTS_S + 60)
    assert naming(deployment, "teacher") == []


@pytest.mark.parametrize(
    "uid",
    ["__a__", ".", "..", "a b", "ä'ö", "x" * 128, "a.b`c"],
    ids=["underscores", "a dot", "two dots", "a space", "not ASCII", "the longest", "a backtick"],
)
def test_any_uid_can_be_erased(uid: str) -> None:
    """
    A12, B5.
    """
    deployment = Deployment()
    deployment.documents.commit(Create("enrolments/x", {"sessionId": "s1", "uid": uid, "ownerUid": "teacher"}))
    key = ask(deployment, Caller(uid, is_teacher=False), uid)
    deployment.run(LASTS_S + 60)
    assert erasure(deployment, key).state is ErasureState.DONE
    assert paths(deployment, "enrolments") == []


# --- a provider that is dead -----------------------------------------------------------------------------------------


def test_an_erasure_ends_although_a_provider_is_dead_and_says_what_is_left() -> None:
    """
    A12: whatever the provider keeps, no document names the person.
    """
    deployment = school(1, 1)

    def dead(operation: str, do: Any) -> Any:
        if operation in ("delete_media", "delete_event", "update_event", "find_event", "observe_broadcast", "forget"):
            raise Transient("Nobody answers.", provider="memory", operation=operation, code="TIMEOUT")
        return do()

    deployment.disturb = dead
    key = ask(deployment)
    deployment.queue.deliver_until(deployment.clock(), deployment.deliver)
    for _ in range(LASTS_MAX_S // 3600 + 30):
        # Only the sweep, once an hour: what is tried again all the time would be tried thousands of times.
        deployment.lose_tasks()
        deployment.sweep.run()
        deployment.run(0)
        deployment.clock.advance(3600)

    done = erasure(deployment, key)
    assert done.state is ErasureState.DONE
    assert done.left == Left(videos=0, copies=0, events=2, deletions=2, dead=2)
    documents = [one for one in everything(deployment) if "Made" not in one and not one.startswith("[")]
    assert [one for one in documents if "teacher" in one] == []

    deployment.disturb = lambda _operation, do: do()
    for path in paths(deployment, "pendingDeletions"):
        requeue_deletion(ADMIN, path.partition("/")[2], deployment.documents, deployment.queue, deployment.clock)
    sweep_until(deployment, lambda: not deployment.deletions())
    assert deployment.owners_at_provider() == ["other"]


# --- what an earlier release had begun -------------------------------------------------------------------------------


def test_what_an_earlier_release_had_begun_is_carried_on_and_what_was_done_names_nobody() -> None:
    """
    A12.
    """
    deployment = school(1, 1)
    usual = {"askedBy": "teacher", "askedAt": deployment.clock(), "sessions": 1, "enrolments": 0, "videos": 1}
    running = {**usual, "ownerUid": "teacher", "state": "deleting", "dueAt": deployment.clock()}
    done = {**usual, "ownerUid": "other", "state": "done", "dueAt": None}
    deployment.documents.commit(Create("removals/a", running), Create("removals/b", done))
    for left in (2, 0):
        assert carry_over(deployment.documents, deployment.queue, deployment.clock) == left
    assert paths(deployment, "removals") == []
    assert erasure_of(TEACHER, "a", deployment.documents).state is ErasureState.MARKING
    deployment.run(3600)
    assert erasure_of(TEACHER, "a", deployment.documents).state is ErasureState.DONE
    assert naming(deployment, *NAMES_OF_TEACHER) == []


# --- a hundred thousand ----------------------------------------------------------------------------------------------


def test_a_page_is_never_more_than_firestore_writes_at_once_nor_more_videos_than_are_worked_off_until_the_next() -> (
    None
):
    deployment = Deployment()
    refs = {f"v{number}": {"order": number} for number in range(20)}
    for number in range(PAGE + 10):
        fields = {"ownerUid": "teacher", "videos": refs if number < 10 else {}}
        deployment.documents.commit(Create(f"sessions/s{number:04}", fields))
    key = ask(deployment)

    snapshot = deployment.app.controller(RECONCILE_ERASURE).read(key)
    assert len(snapshot.spec.page.writes) == PAGE_VIDEOS // 20
    deployment.run(PACE_S + 1)
    assert erasure(deployment, key).videos == PAGE_VIDEOS * 2

    deployment.run(PACE_S + 1)

    assert erasure(deployment, key).sessions == PAGE + 10
    assert COUNT_PAUSE_S < PACE_S
    assert deployment.documents.select(Query("sessions")) == []
    assert deployment.enqueued(RECONCILE_ERASURE)


def test_an_erasure_waits_where_tasks_have_become_many_whoever_makes_them() -> None:
    """A16."""
    deployment = Deployment(tasks_per_hour_max=1000)
    deployment.documents.commit(
        Create(
            "sessions/s1", {"ownerUid": "teacher", "videos": {f"v{number}": {"order": number} for number in range(9)}}
        )
    )
    hour = int(deployment.clock().timestamp()) // 3600
    deployment.documents.commit(Create(TASKS, {"hour": hour, "count": 400}))
    key = ask(deployment)
    deployment.run(1000)
    assert erasure(deployment, key).videos == 0

    deployment.run(3600)

    assert erasure(deployment, key).videos == 9
