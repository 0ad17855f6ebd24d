"""Attacks: ways into what is not one's own that take more than one step, each of which is tried to its end.

Run by pytest. Single forged fields are in the file of their collection.
"""

from __future__ import annotations

import pytest

from emulator_tests.rules.callers import SERVER, Cast, signed_in
from emulator_tests.rules.documents import RECORDED, edit, enrolment, enrolment_path, session
from emulator_tests.rules.firestore import SERVER_TIME, Denied, Firestore, Write, change, create, delete, replace
from emulator_tests.rules.refusal import assert_refused


def test_a_teacher_cannot_enrol_someone_into_another_teachers_session(
    firestore: Firestore, session_id: str, cast: Cast
) -> None:
    firestore.commit(SERVER, create(f"sessions/{session_id}", session(cast.owner, status="public")))
    path = enrolment_path(session_id, cast.student)
    for in_the_name_of in (cast.other_teacher, cast.owner):
        fields = enrolment(session_id, cast.student, in_the_name_of)
        assert_refused(firestore, cast.other_teacher, create(path, fields))
    with pytest.raises(Denied):
        firestore.get(cast.student, f"sessions/{session_id}")


def test_a_teacher_cannot_enrol_someone_into_another_teachers_session_through_an_ambiguous_id(
    firestore: Firestore, session_id: str, cast: Cast
) -> None:
    # The id {session}_x_{student} is that of {student} in {session}_x, and that of x_{student} in {session}.
    # The attacker has a session {session}; the victim's is {session}_x, which only the server could have made.
    victims_path = f"sessions/{session_id}_x"
    assert_refused(firestore, cast.owner, create(victims_path, session(cast.owner, status="public")))
    firestore.commit(
        SERVER,
        create(victims_path, session(cast.owner, status="public")),
        create(f"sessions/{session_id}", session(cast.other_teacher)),
    )
    ambiguous = enrolment_path(f"{session_id}_x", cast.student)
    assert_refused(
        firestore,
        cast.other_teacher,
        create(ambiguous, enrolment(f"{session_id}_x", cast.student, cast.other_teacher)),
    )
    firestore.commit(
        cast.other_teacher,
        create(ambiguous, enrolment(session_id, signed_in(f"x_{cast.student.uid}"), cast.other_teacher)),
    )
    with pytest.raises(Denied):
        firestore.get(cast.student, victims_path)
    with pytest.raises(Denied):
        firestore.find(cast.student, f"{victims_path}/sharedLiveMedias")


def test_a_teacher_cannot_leave_an_enrolment_behind_for_the_next_owner_of_a_sessions_id(
    firestore: Firestore, session_id: str, cast: Cast
) -> None:
    path = f"sessions/{session_id}"
    firestore.commit(cast.other_teacher, create(path, session(cast.other_teacher)))
    firestore.commit(
        cast.other_teacher,
        create(enrolment_path(session_id, cast.student), enrolment(session_id, cast.student, cast.other_teacher)),
    )
    firestore.commit(cast.other_teacher, delete(path))
    firestore.commit(cast.owner, create(path, session(cast.owner, status="public")))
    with pytest.raises(Denied):
        firestore.get(cast.student, path)
    with pytest.raises(Denied):
        firestore.find(cast.student, f"{path}/sharedLiveMedias")


def test_student_cannot_enrol_themselves(firestore: Firestore, session_id: str, cast: Cast) -> None:
    firestore.commit(SERVER, create(f"sessions/{session_id}", session(cast.owner, status="public")))
    path = enrolment_path(session_id, cast.student)
    for in_the_name_of in (cast.student, cast.owner, cast.other_teacher):
        fields = enrolment(session_id, cast.student, in_the_name_of)
        assert_refused(firestore, cast.student, create(path, fields))
        assert_refused(firestore, cast.student, replace(path, fields))
    with pytest.raises(Denied):
        firestore.get(cast.student, f"sessions/{session_id}")


def test_student_cannot_take_over_an_enrolment(firestore: Firestore, session_id: str, cast: Cast) -> None:
    path = enrolment_path(session_id, cast.enrolled)
    firestore.commit(
        SERVER,
        create(f"sessions/{session_id}", session(cast.owner, status="public")),
        create(path, enrolment(session_id, cast.enrolled, cast.owner)),
    )
    assert_refused(firestore, cast.student, change(path, {"uid": cast.student.uid}))
    with pytest.raises(Denied):
        firestore.get(cast.student, f"sessions/{session_id}")


def test_a_student_cannot_open_a_session(firestore: Firestore, session_id: str, cast: Cast) -> None:
    path = f"sessions/{session_id}"
    firestore.commit(SERVER, create(path, session(cast.owner, status="public")))
    for spec in ({"visibility": "open"}, {"ownerUid": cast.student.uid}):
        assert_refused(firestore, cast.student, edit(session_id, spec))


def test_owner_cannot_point_a_session_at_a_foreign_entry(firestore: Firestore, session_id: str, cast: Cast) -> None:
    path, others_entry = f"sessions/{session_id}", {"entryId": "1_another"}
    others_video = {"videos": [{"id": "another", "provider": "kaltura", "state": "ready"}]}
    for forged in ({"kaltura": others_entry}, others_video):
        assert_refused(firestore, cast.owner, create(path, session(cast.owner, **forged)))
    firestore.commit(SERVER, create(path, session(cast.owner, **RECORDED)))
    for forged in ({"kaltura": others_entry}, others_video):
        assert_refused(firestore, cast.owner, edit(session_id, forged))
        standing = firestore.get(SERVER, path)
        assert standing is not None
        assert_refused(firestore, cast.owner, replace(path, {**standing, "updatedAt": SERVER_TIME, **forged}))
    assert_refused(
        firestore,
        cast.owner,
        Write(
            path,
            {"kaltura": others_entry, "updatedAt": SERVER_TIME},
            exists=True,
            mask=("kaltura.entryId", "updatedAt"),
        ),
    )


def test_owner_cannot_forge_server_records(firestore: Firestore, session_id: str, cast: Cast) -> None:
    firestore.commit(
        SERVER,
        create(f"sessions/{session_id}", session(cast.owner, status="public")),
        create(f"kalturaSession/{session_id}", {"ownerUid": cast.owner.uid, "entryId": "1_live"}),
        create(f"videos/{session_id}", {"ownerUid": cast.other_teacher.uid, "state": "ready"}),
    )
    assert_refused(firestore, cast.owner, change(f"kalturaSession/{session_id}", {"entryId": "1_another"}))
    assert_refused(firestore, cast.owner, change(f"videos/{session_id}", {"ownerUid": cast.owner.uid}))
    assert_refused(firestore, cast.owner, create(f"pendingDeletions/{session_id}", {"entryId": "1_another"}))
    # Bundled with a write that is allowed, they are refused all the same.
    assert_refused(
        firestore,
        cast.owner,
        edit(session_id, {"title": "Optics, revised"}),
        change(f"kalturaSession/{session_id}", {"entryId": "1_another"}),
    )
