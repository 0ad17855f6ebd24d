"""Removals: all content of somebody goes, page by page, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from emulator_tests.fakes import BEGIN_AT
from emulator_tests.pure.deployment import ROOMY, TEACHER, Deployment
from shared.access import Caller
from shared.errors import NotAllowed, NotFound, WrongState
from shared.paths import REMOVALS, VISIT_REMOVAL, VISIT_SESSION, removal_path
from shared.ports import Create, Document, MediaState, Note, Observation, Query
from shared.reconcile import Done, Later, Look, Step
from shared.removals import PAGE, PAGE_VIDEOS, ask_removal, removal_of
from shared.removals.decide import COUNT_PAUSE_S, PACE_S, Page, RemovalWish, decide
from shared.removals.model import Removal, RemovalState

ADMIN = Caller("admin", is_teacher=False, is_admin=True)
OTHER = Caller("other", is_teacher=True)
READY = Observation(MediaState.READY, 100, duration_s=60.0, size_bytes=1000, media_type="video/mp4")


def school(sessions: int = 3, videos: int = 2) -> Deployment:
    """A teacher with sessions that have ready videos and an enrolment, a live one, and another teacher with one."""
    deployment = Deployment(policy=replace(ROOMY, uploads_in_flight_max=1000, tokens_per_minute_max=1000))
    for number in range(sessions):
        deployment.write_session(f"s{number}")
        deployment.documents.commit(
            Create(
                f"enrolments/s{number}_student", {"sessionId": f"s{number}", "uid": "student", "ownerUid": "teacher"}
            )
        )
        for video in range(videos):
            token = deployment.ask_upload(f"r{number}-{video}", session_id=f"s{number}")
            deployment.show(token.video_id, READY)
    now = deployment.clock()
    deployment.write_session("live", format="liveStreaming", startsAt=now, endsAt=now + timedelta(hours=1))
    deployment.write_session("other", ownerUid="other")
    kept = deployment.ask_upload("kept", caller=OTHER, session_id="other")
    deployment.show(kept.video_id, READY)
    deployment.deliver(Note(VISIT_SESSION, "live"))
    deployment.run(30)
    return deployment


def ask(deployment: Deployment, caller: Caller = TEACHER, uid: str | None = "teacher", request: str = "r") -> str:
    """Ask for a removal; gives its id."""
    key, _ = ask_removal(caller, request, uid, deployment.documents, deployment.queue, deployment.clock)
    return key


def removal(deployment: Deployment, key: str) -> Removal:
    """How far it is."""
    return Removal.from_document(deployment.document(removal_path(key)))


def sweep_until(deployment: Deployment, done: Callable[[], bool], rounds: int = 100) -> None:
    """Only the sweep comes, every five minutes, and what it leaves notes for is done."""
    for _ in range(rounds):
        deployment.sweep.run()
        deployment.run(300)
        if done():
            return
    raise AssertionError("There is no end of it.")


def paths(deployment: Deployment, *collections: str) -> list[str]:
    """The documents of these collections."""
    return [path for path in deployment.documents.paths() if path.partition("/")[0] in collections]


# --- the table ----------------------------------------------------------------------------------------------------

NOW = Deployment().clock()
BEGUN = Removal("teacher", "teacher", NOW)
DELETING = replace(BEGUN, state=RemovalState.DELETING, emptied_at=NOW)
SOON = NOW + timedelta(seconds=5)

TABLE: dict[str, tuple[Removal | None, RemovalWish, str]] = {
    "nothing recorded": (None, RemovalWish(), "done"),
    "done": (replace(BEGUN, state=RemovalState.DONE), RemovalWish(), "done"),
    "a page, a moment after the last": (replace(BEGUN, next_at=SOON), RemovalWish(Page(("sessions/s1",))), "later"),
    "a page": (BEGUN, RemovalWish(Page(("sessions/s1",), ("s1",), 2)), "mark"),
    "no page": (BEGUN, RemovalWish(), "turn"),
    "counted a moment ago": (replace(DELETING, next_at=SOON), RemovalWish(videos_left=1), "later"),
    "videos left": (DELETING, RemovalWish(videos_left=1, deletions_left=0), "count"),
    "copies left": (DELETING, RemovalWish(videos_left=0, copies_left=1, deletions_left=0), "count"),
    "deletions left": (DELETING, RemovalWish(videos_left=0, deletions_left=1), "count"),
    "nothing left": (DELETING, RemovalWish(videos_left=0, deletions_left=0), "finish"),
}


@pytest.mark.parametrize(("record", "wish", "expected"), TABLE.values(), ids=TABLE)
def test_what_a_removal_needs_next(record: Removal | None, wish: RemovalWish, expected: str) -> None:
    match decide(Look("key", wish, record, None), NOW):
        case Done():
            assert expected == "done"
        case Later(at):
            assert (expected, at) == ("later", SOON)
        case Step(name=name):
            assert name == expected


def test_a_page_with_videos_is_followed_by_a_pause_and_one_without_is_not() -> None:
    for videos, pause_s in ((2, PACE_S), (0, 0)):
        step = decide(Look("key", RemovalWish(Page(("sessions/s1",), ("s1",), videos)), BEGUN, None), NOW)
        assert isinstance(step, Step)
        assert (step.record.sessions, step.record.enrolments, step.record.videos) == (1, 0, videos)
        assert step.record.next_at == NOW + timedelta(seconds=pause_s)


def test_nothing_counts_as_emptied_before_videos_and_copies_are_gone() -> None:
    for wish, is_empty in (
        (RemovalWish(videos_left=1, copies_left=0, deletions_left=0), False),
        (RemovalWish(videos_left=0, copies_left=1, deletions_left=0), False),
        (RemovalWish(videos_left=0, copies_left=0, deletions_left=1), True),
    ):
        step = decide(Look("key", wish, replace(DELETING, emptied_at=None), None), NOW)
        assert isinstance(step, Step)
        assert (step.record.emptied_at is not None) == is_empty


def test_what_is_read_back_is_what_was_written() -> None:
    whole = replace(
        DELETING, sessions=1, enrolments=2, videos=3, videos_left=4, copies_left=6, deletions_left=5, next_at=SOON
    )
    for record in (BEGUN, whole, replace(whole, state=RemovalState.DONE, done_at=SOON, owner_uid=None)):
        assert Removal.from_document(Document("removals/r", record.to_fields(), 1, BEGIN_AT)) == record


# --- the story ----------------------------------------------------------------------------------------------------


def test_all_content_of_a_teacher_goes_and_nobody_elses() -> None:
    deployment = school()
    key = ask(deployment)
    assert removal(deployment, key).state is RemovalState.MARKING

    deployment.run(3600)

    done = removal(deployment, key)
    assert (done.state, done.sessions, done.enrolments, done.videos) == (RemovalState.DONE, 4, 3, 6)
    assert (done.videos_left, done.deletions_left, done.done_at is not None) == (0, 0, True)
    assert paths(deployment, "sessions", "enrolments") == ["sessions/other"]
    assert deployment.owners_at_provider() == ["other"]
    assert deployment.events.alive() == ()
    assert deployment.deletions() == []


def test_an_administrator_has_everything_of_everybody_go() -> None:
    deployment = school()
    key = ask(deployment, ADMIN, None)

    deployment.run(3600)

    assert removal(deployment, key).state is RemovalState.DONE
    assert paths(deployment, "sessions", "enrolments") == []
    assert (deployment.media.alive(), deployment.events.alive()) == ((), ())


def test_the_same_request_is_the_same_removal_and_another_ones_is_refused() -> None:
    deployment = school(1, 1)
    key = ask(deployment, ADMIN, "teacher")

    assert ask(deployment, ADMIN, "teacher") == key
    with pytest.raises(WrongState, match="somebody else's content"):
        ask(deployment, ADMIN, "other")
    assert len(paths(deployment, REMOVALS)) == 1


@pytest.mark.parametrize(
    ("caller", "uid"),
    [(TEACHER, "other"), (TEACHER, None), (Caller("student", is_teacher=False), "student"), (OTHER, "teacher")],
    ids=["another teacher's", "everything", "a student's own", "by another teacher"],
)
def test_who_may_not_have_something_go_changes_nothing(caller: Caller, uid: str | None) -> None:
    deployment = school(1, 1)
    before = deployment.documents.paths()

    with pytest.raises(NotAllowed):
        ask(deployment, caller, uid)

    assert deployment.documents.paths() == before


def test_how_far_it_is_is_told_to_who_asked_and_to_administrators() -> None:
    deployment = school(1, 1)
    key = ask(deployment)

    for caller in (TEACHER, ADMIN):
        assert removal_of(caller, key, deployment.documents).asked_by == "teacher"
    for caller, asked in ((OTHER, key), (TEACHER, "0" * 20)):
        with pytest.raises(NotFound):
            removal_of(caller, asked, deployment.documents)


def test_what_is_made_once_a_removal_has_marked_everything_stays() -> None:
    deployment = school(1, 1)
    key = ask(deployment)
    deployment.run(PACE_S * 3)
    assert removal(deployment, key).state is not RemovalState.MARKING

    deployment.write_session("new")
    deployment.run(3600)

    assert "sessions/new" in deployment.documents.paths()
    assert removal(deployment, key).state is RemovalState.DONE


# --- a hundred thousand -------------------------------------------------------------------------------------------


def test_a_page_is_never_more_than_firestore_writes_at_once_nor_more_videos_than_are_worked_off_until_the_next() -> (
    None
):
    deployment = Deployment()
    refs = {f"v{number}": {"order": number} for number in range(100)}
    for number in range(PAGE + 10):
        fields = {"ownerUid": "teacher", "videos": refs if number < 10 else {}}
        deployment.documents.commit(Create(f"sessions/s{number:04}", fields))
    key = ask(deployment)

    look = deployment.app.removals.look(key)
    assert len(look.wish.page.paths) == PAGE_VIDEOS // 100
    deployment.run(PACE_S + 1)
    assert removal(deployment, key).videos == PAGE_VIDEOS * 2

    deployment.run(PACE_S + 1)

    assert removal(deployment, key).sessions == PAGE + 10
    assert COUNT_PAUSE_S < PACE_S
    assert deployment.documents.select(Query("sessions")) == []
    assert deployment.noted(VISIT_REMOVAL) or removal(deployment, key).state is RemovalState.DONE
