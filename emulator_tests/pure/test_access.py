"""Who may do what: claims, ownership, enrolment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.core.callers import Caller, ClaimNames
from shared.core.errors import NotAllowed, NotFound, NotSignedIn
from shared.ports import Document
from shared.sessions.access import may_watch, owns, require_owner, require_viewer
from shared.sessions.session import Session

TEACHER = Caller("teacher", is_teacher=True)
OTHER_TEACHER = Caller("other", is_teacher=True)
STUDENT = Caller("student", is_teacher=False)
NO_TEACHER_ANY_MORE = Caller("teacher", is_teacher=False)

TEACHERS_ONLY = "Only teachers can do this."
NO_SESSION = "There is no such session."
CREATED_AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


def session(status: str = "public", visibility: str = "open", owner_uid: object = "teacher") -> Session:
    fields = {"ownerUid": owner_uid, "status": status, "visibility": visibility, "createdAt": CREATED_AT}
    return Session.from_fields("s1", fields)


def enrolment(made_at: datetime = CREATED_AT, **fields: Any) -> Document:
    usual = {"sessionId": "s1", "uid": "student", "ownerUid": "teacher", "createdAt": CREATED_AT}
    return Document("enrolments/s1_student", {**usual, **fields}, 1, made_at)


@pytest.mark.parametrize(
    "value",
    ["true", "True", "1", 1, 1.0, [True], {"teacher": True}, None, False],
    ids=lambda value: f"{34 if isinstance(value, str) else 35} {value!r}",
)
def test_a_teacher_claim_that_is_not_exactly_true_makes_no_teacher(value: object) -> None:
    assert Caller.from_claims("u1", {"teacher": value}, ClaimNames()) == Caller("u1", is_teacher=False)


def test_a_teacher_claim_that_is_exactly_true_makes_a_teacher() -> None:
    assert Caller.from_claims("u1", {"teacher": True}, ClaimNames()) == Caller("u1", is_teacher=True)
    signed_in = {"teacher": True, "firebase": {"sign_in_provider": "password"}}
    assert Caller.from_claims("u1", signed_in, ClaimNames()).is_teacher


def test_a_person_without_claims_is_no_teacher() -> None:
    assert not Caller.from_claims("u1", {}, ClaimNames()).is_teacher


def test_anonymous_user_with_teacher_claim_is_no_teacher() -> None:
    claims = {"teacher": True, "firebase": {"sign_in_provider": "anonymous"}}
    assert Caller.from_claims("u1", claims, ClaimNames()) == Caller("u1", is_teacher=False, is_anonymous=True)


@pytest.mark.parametrize("firebase", [None, "anonymous", ["anonymous"], {}], ids=repr)
def test_claims_of_another_shape_than_firebase_gives_them_stop_nobody(firebase: object) -> None:
    assert Caller.from_claims("u1", {"teacher": True, "firebase": firebase}, ClaimNames()).is_teacher


@pytest.mark.parametrize("uid", [None, ""], ids=repr)
def test_unauthenticated_caller_is_asked_to_sign_in(uid: str | None) -> None:
    with pytest.raises(NotSignedIn, match="Sign in first"):
        Caller.from_claims(uid, {"teacher": True}, ClaimNames())


@pytest.mark.parametrize(
    ("caller", "expected"),
    [(TEACHER, True), (OTHER_TEACHER, False), (STUDENT, False), (NO_TEACHER_ANY_MORE, False)],
    ids=["owner", "43 other teacher", "44 student", "no teacher any more"],
)
def test_a_session_is_owned_by_the_teacher_who_made_it(caller: Caller, expected: bool) -> None:
    assert owns(caller, session()) is expected


def test_owner_gets_their_session() -> None:
    assert require_owner(TEACHER, session("draft")) == session("draft")


@pytest.mark.parametrize(
    ("caller", "found", "error", "sentence"),
    [
        pytest.param(STUDENT, session(owner_uid="student"), NotAllowed, TEACHERS_ONLY, id="44 student"),
        pytest.param(NO_TEACHER_ANY_MORE, session(), NotAllowed, TEACHERS_ONLY, id="no teacher any more"),
        pytest.param(STUDENT, None, NotAllowed, TEACHERS_ONLY, id="student learns nothing of it"),
        pytest.param(TEACHER, None, NotFound, NO_SESSION, id="45 no session"),
        pytest.param(OTHER_TEACHER, session(), NotFound, NO_SESSION, id="43 other teacher"),
        pytest.param(TEACHER, session(owner_uid=7), NotFound, NO_SESSION, id="nobody's"),
    ],
)
def test_other_user_is_told_why(caller: Caller, found: Session | None, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error) as raised:
        require_owner(caller, found)
    assert str(raised.value) == sentence


WATCHERS: dict[str, tuple[Caller, Document | None]] = {
    "owner": (TEACHER, None),
    "other teacher": (OTHER_TEACHER, None),
    "no teacher any more": (NO_TEACHER_ANY_MORE, None),
    "student": (STUDENT, None),
    "enrolled student": (STUDENT, enrolment()),
    "enrolled under another uid": (STUDENT, enrolment(uid="other")),
    "enrolled elsewhere": (STUDENT, enrolment(sessionId="s2")),
    "enrolled by a former owner of the id": (STUDENT, enrolment(ownerUid="other")),
    "A1 enrolled in an earlier session of the id": (STUDENT, enrolment(createdAt=CREATED_AT - MOMENT)),
    "enrolled by a back end without a time": (STUDENT, enrolment(createdAt=None)),
    "A1 the same in an earlier session": (STUDENT, enrolment(CREATED_AT - MOMENT, createdAt="yesterday")),
    "enrolment without fields": (STUDENT, Document("enrolments/s1_student", {}, 1, CREATED_AT)),
    "enrolment of other types": (STUDENT, enrolment(uid=["student"], sessionId=1)),
}


ENROLLED = {"owner", "enrolled student", "enrolled by a back end without a time"}


@pytest.mark.parametrize("watcher", WATCHERS)
@pytest.mark.parametrize(
    ("status", "visibility", "welcome"),
    [
        pytest.param("public", "open", set(WATCHERS), id="open"),
        pytest.param("public", "enrolled", ENROLLED, id="enrolled"),
        pytest.param("public", "unknown", ENROLLED, id="malformed visibility"),
        pytest.param("draft", "open", {"owner"}, id="open draft"),
        pytest.param("draft", "enrolled", {"owner"}, id="enrolled draft"),
    ],
)
def test_session_is_watched_by_its_audience(status: str, visibility: str, welcome: set[str], watcher: str) -> None:
    caller, enrolled = WATCHERS[watcher]
    asked = session(status, visibility)
    assert may_watch(caller, asked, enrolled) is (watcher in welcome)
    if watcher in welcome:
        assert require_viewer(caller, asked, enrolled) == asked
    else:
        with pytest.raises(NotFound):
            require_viewer(caller, asked, enrolled)


def test_hidden_session_is_refused_like_a_missing_one() -> None:
    with pytest.raises(NotFound) as hidden:
        require_viewer(STUDENT, session("draft"), enrolment())
    with pytest.raises(NotFound) as absent:
        require_viewer(STUDENT, None, enrolment())
    assert str(hidden.value) == str(absent.value)
