"""Enrolments: who may let whom into a session, and who may know of it.

Run by pytest. The roles as such are in `test_matrix.py`, the ways round it in `test_attacks.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from emulator_tests.rules.callers import SERVER, Caller, Cast, signed_in
from emulator_tests.rules.documents import edit, enrolment, enrolment_path, session
from emulator_tests.rules.firestore import Denied, Fields, Firestore, change, create, delete, replace
from emulator_tests.rules.refusal import assert_refused
from emulator_tests.texts import UIDS


@pytest.fixture
def own_session(firestore: Firestore, session_id: str, cast: Cast) -> str:
    """
    The id of a session of the owner that is open to the enrolled only.
    """
    firestore.commit(SERVER, create(f"sessions/{session_id}", session(cast.owner, status="public")))
    return session_id


def test_owner_enrols_a_student(firestore: Firestore, own_session: str, cast: Cast) -> None:
    with pytest.raises(Denied):
        firestore.get(cast.student, f"sessions/{own_session}")
    firestore.commit(
        cast.owner,
        create(enrolment_path(own_session, cast.student), enrolment(own_session, cast.student, cast.owner)),
    )
    assert firestore.get(cast.student, f"sessions/{own_session}") == session(cast.owner, status="public")


def test_a_users_id_may_have_underscores(firestore: Firestore, own_session: str, cast: Cast) -> None:
    student = signed_in(f"a_b_{own_session}")
    path = enrolment_path(own_session, student)
    firestore.commit(cast.owner, create(path, enrolment(own_session, student, cast.owner)))
    assert firestore.get(student, path) == enrolment(own_session, student, cast.owner)
    assert firestore.get(student, f"sessions/{own_session}") is not None


@pytest.mark.parametrize("uid", UIDS.values(), ids=UIDS)
def test_users_with_any_uid_are_enrolled_and_read(firestore: Firestore, own_session: str, cast: Cast, uid: str) -> None:
    """B5"""
    student = signed_in(uid)
    path = enrolment_path(own_session, student)
    firestore.commit(cast.owner, create(path, enrolment(own_session, student, cast.owner)))
    assert firestore.get(student, path) == enrolment(own_session, student, cast.owner)
    assert firestore.get(student, f"sessions/{own_session}") is not None
    assert firestore.find(student, "enrolments", {"uid": uid, "sessionId": own_session}).keys() == {path}
    firestore.commit(cast.owner, delete(path))
    with pytest.raises(Denied):
        firestore.get(student, f"sessions/{own_session}")


@pytest.mark.parametrize("uid", UIDS.values(), ids=UIDS)
def test_teachers_with_any_uid_write_and_enrol(firestore: Firestore, session_id: str, cast: Cast, uid: str) -> None:
    """B5"""
    teacher = signed_in(uid, teacher=True)
    firestore.commit(teacher, create(f"sessions/{session_id}", session(teacher, status="public")))
    firestore.commit(
        teacher, create(enrolment_path(session_id, cast.student), enrolment(session_id, cast.student, teacher))
    )
    assert firestore.get(cast.student, f"sessions/{session_id}") is not None
    firestore.commit(teacher, delete(f"sessions/{session_id}"))


@pytest.mark.parametrize("uid", ["a/b", "a/b/c", "../x"], ids=ascii)
def test_a_uid_with_a_slash_opens_no_enrolled_session(
    firestore: Firestore, own_session: str, cast: Cast, uid: str
) -> None:
    """B5: the slash would make another path of it."""
    student = signed_in(uid)
    taken = f"enrolments/{own_session}_{uid.replace('/', '_')}"
    assert_refused(firestore, cast.owner, create(taken, enrolment(own_session, student, cast.owner)))
    with pytest.raises(Denied):
        firestore.get(student, f"sessions/{own_session}")


@pytest.mark.parametrize(
    "uid",
    ["", "x" * 129, "x" * 1400, "课" * 129, "\U0001f393" * 129, "a\n" * 65],
    ids=lambda uid: f"{uid[:2]!a}, {len(uid)} characters",
)
def test_nobody_is_enrolled_whose_id_no_account_can_have(
    firestore: Firestore, own_session: str, cast: Cast, uid: str
) -> None:
    """B5: Firebase Auth gives ids of 1 to 128 characters."""
    student = signed_in(uid)
    path = enrolment_path(own_session, student)
    assert_refused(firestore, cast.owner, create(path, enrolment(own_session, student, cast.owner)))
    # What a back end has written all the same can be removed.
    firestore.commit(SERVER, create(path, enrolment(own_session, student, cast.owner)))
    firestore.commit(cast.owner, delete(path))
    assert firestore.get(SERVER, path) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"until": "forever"},
        {"role": "teacher"},
        {"ownerUid": "someone-else"},
        {"ownerUid": None},
        {"uid": "someone-else"},
        {"uid": None},
        {"uid": 7},
        {"uid": ["me"]},
        {"sessionId": "another-session"},
        {"sessionId": None},
        {"sessionId": 7},
        {"sessionId": {"id": "x"}},
        {"createdAt": None},
        {"createdAt": "now"},
        {"createdAt": datetime(2031, 5, 6, tzinfo=UTC)},
    ],
    ids=repr,
)
def test_no_enrolment_is_created_with(firestore: Firestore, own_session: str, cast: Cast, changes: Fields) -> None:
    fields = enrolment(own_session, cast.student, cast.owner) | changes
    assert_refused(firestore, cast.owner, create(enrolment_path(own_session, cast.student), fields))


@pytest.mark.parametrize("key", ["sessionId", "uid", "ownerUid", "createdAt"])
def test_no_enrolment_is_created_without(firestore: Firestore, own_session: str, cast: Cast, key: str) -> None:
    fields = enrolment(own_session, cast.student, cast.owner)
    del fields[key]
    assert_refused(firestore, cast.owner, create(enrolment_path(own_session, cast.student), fields))


@pytest.mark.parametrize(
    "enrolment_id",
    ["{session}", "{uid}", "{session}_", "{session}-{uid}", "{session}__{uid}", "{uid}_{session}", "{session}_{uid}_"],
)
def test_no_enrolment_is_called(firestore: Firestore, own_session: str, cast: Cast, enrolment_id: str) -> None:
    path = "enrolments/" + enrolment_id.format(session=own_session, uid=cast.student.uid)
    assert_refused(firestore, cast.owner, create(path, enrolment(own_session, cast.student, cast.owner)))


def test_no_enrolment_is_written_twice(firestore: Firestore, own_session: str, cast: Cast) -> None:
    path = enrolment_path(own_session, cast.student)
    fields = enrolment(own_session, cast.student, cast.owner)
    firestore.commit(cast.owner, create(path, fields))
    assert_refused(firestore, cast.owner, replace(path, fields))


def test_nobody_is_enrolled_in_a_session_that_does_not_exist(firestore: Firestore, session_id: str, cast: Cast) -> None:
    assert_refused(
        firestore,
        cast.owner,
        create(enrolment_path(session_id, cast.student), enrolment(session_id, cast.student, cast.owner)),
    )


def test_a_session_and_its_first_enrolment_are_not_created_together(
    firestore: Firestore, session_id: str, cast: Cast
) -> None:
    assert_refused(
        firestore,
        cast.owner,
        create(f"sessions/{session_id}", session(cast.owner)),
        create(enrolment_path(session_id, cast.student), enrolment(session_id, cast.student, cast.owner)),
    )


def test_a_session_and_its_enrolments_may_be_deleted_together(
    firestore: Firestore, own_session: str, cast: Cast
) -> None:
    path = enrolment_path(own_session, cast.student)
    firestore.commit(SERVER, create(path, enrolment(own_session, cast.student, cast.owner)))
    firestore.commit(cast.owner, delete(f"sessions/{own_session}"), delete(path))
    assert firestore.get(SERVER, path) is None
    assert firestore.get(SERVER, f"sessions/{own_session}") is None


def pretenders(cast: Cast) -> list[Caller]:
    """
    The owner of the session, each time without a right to teach. Pure.
    """
    return [
        signed_in(cast.owner.uid),
        signed_in(cast.owner.uid, teacher=False),
        signed_in(cast.owner.uid, teacher=1),
        cast.string_claim,
        cast.anonymous,
        cast.expired,
    ]


def test_an_owner_who_is_no_teacher_enrols_nobody_and_removes_nobody(
    firestore: Firestore, own_session: str, cast: Cast
) -> None:
    taken = enrolment_path(own_session, cast.enrolled)
    firestore.commit(SERVER, create(taken, enrolment(own_session, cast.enrolled, cast.owner)))
    new = create(enrolment_path(own_session, cast.student), enrolment(own_session, cast.student, cast.owner))
    for pretender in pretenders(cast):
        assert_refused(firestore, pretender, new)
        assert_refused(firestore, pretender, delete(taken))


def test_student_cannot_delete_their_enrolment(firestore: Firestore, own_session: str, cast: Cast) -> None:
    path = enrolment_path(own_session, cast.enrolled)
    firestore.commit(SERVER, create(path, enrolment(own_session, cast.enrolled, cast.owner)))
    assert_refused(firestore, cast.enrolled, delete(path))


def test_enrolment_of_a_former_owner_is_deleted_only_by_the_present_owner(
    firestore: Firestore, own_session: str, cast: Cast
) -> None:
    path = enrolment_path(own_session, cast.enrolled)
    firestore.commit(SERVER, create(path, enrolment(own_session, cast.enrolled, cast.other_teacher)))
    assert_refused(firestore, cast.other_teacher, delete(path))
    firestore.commit(cast.owner, delete(path))
    assert firestore.get(SERVER, path) is None


def test_enrolment_of_a_deleted_session_is_deleted_by_its_giver(
    firestore: Firestore, session_id: str, cast: Cast
) -> None:
    """
    A12.
    """
    path = enrolment_path(session_id, cast.enrolled)
    firestore.commit(SERVER, create(path, enrolment(session_id, cast.enrolled, cast.owner)))
    for caller in (cast.nobody, cast.enrolled, cast.other_teacher, cast.admin, *pretenders(cast)):
        assert_refused(firestore, caller, delete(path))
    firestore.commit(cast.owner, delete(path))
    assert firestore.get(SERVER, path) is None


def test_enrolment_of_a_former_owner_is_valid_during_a_transfer(
    firestore: Firestore, session_id: str, cast: Cast
) -> None:
    """
    A13: and no longer, and nothing that was given in an earlier session of the id.
    """
    path, former = f"sessions/{session_id}", {"formerOwnerUids": [cast.other_teacher.uid]}
    earlier = {"createdAt": datetime(2020, 1, 1, tzinfo=UTC)}
    firestore.commit(
        SERVER,
        create(path, session(cast.owner, status="public", **former)),
        create(enrolment_path(session_id, cast.enrolled), enrolment(session_id, cast.enrolled, cast.other_teacher)),
        create(
            enrolment_path(session_id, cast.student), enrolment(session_id, cast.student, cast.other_teacher) | earlier
        ),
    )
    assert firestore.get(cast.enrolled, path) is not None
    with pytest.raises(Denied):
        firestore.get(cast.student, path)
    firestore.commit(SERVER, change(path, {}, "formerOwnerUids"))
    with pytest.raises(Denied):
        firestore.get(cast.enrolled, path)


def test_nobody_makes_themselves_a_former_owner(firestore: Firestore, session_id: str, cast: Cast) -> None:
    """
    A13.
    """
    path, former = f"sessions/{session_id}", {"formerOwnerUids": [cast.other_teacher.uid]}
    assert_refused(firestore, cast.owner, create(path, session(cast.owner, **former)))
    firestore.commit(SERVER, create(path, session(cast.owner, status="public")))
    for caller in (cast.owner, cast.other_teacher, cast.admin):
        assert_refused(firestore, caller, edit(session_id, former))


def test_student_reads_only_their_own_enrolments(firestore: Firestore, own_session: str, cast: Cast) -> None:
    own, others = enrolment_path(own_session, cast.enrolled), enrolment_path(own_session, cast.student)
    firestore.commit(
        SERVER,
        create(own, enrolment(own_session, cast.enrolled, cast.owner)),
        create(others, enrolment(own_session, cast.student, cast.owner)),
    )
    assert firestore.find(cast.enrolled, "enrolments", {"uid": cast.enrolled.uid}).keys() == {own}
    with pytest.raises(Denied):
        firestore.get(cast.enrolled, others)
    for where in ({}, {"uid": cast.student.uid}, {"sessionId": own_session}, {"ownerUid": cast.owner.uid}):
        with pytest.raises(Denied):
            firestore.find(cast.enrolled, "enrolments", where)


def test_owner_lists_enrolments_of_one_session_by_their_uid(firestore: Firestore, own_session: str, cast: Cast) -> None:
    path = enrolment_path(own_session, cast.enrolled)
    firestore.commit(
        SERVER,
        create(path, enrolment(own_session, cast.enrolled, cast.owner)),
        create(f"{path}-2", enrolment(f"{own_session}-2", cast.enrolled, cast.owner)),
    )
    where = {"sessionId": own_session, "ownerUid": cast.owner.uid}
    assert firestore.find(cast.owner, "enrolments", where).keys() == {path}
    for too_wide in ({}, {"sessionId": own_session}, {"ownerUid": cast.other_teacher.uid}):
        with pytest.raises(Denied):
            firestore.find(cast.owner, "enrolments", too_wide)


def test_an_admin_lists_enrolments_without_a_filter(firestore: Firestore, own_session: str, cast: Cast) -> None:
    path = enrolment_path(own_session, cast.enrolled)
    firestore.commit(SERVER, create(path, enrolment(own_session, cast.enrolled, cast.owner)))
    assert path in firestore.find(cast.admin, "enrolments")
