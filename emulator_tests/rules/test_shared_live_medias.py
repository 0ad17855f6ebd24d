"""Shared live medias, the slides of a session: seen by whoever may see the session, written by the server.

Run by pytest. The roles as such are in `test_matrix.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from emulator_tests.rules.callers import SERVER, Caller, Cast, signed_in
from emulator_tests.rules.documents import enrolment, enrolment_path, session, slides, slides_path
from emulator_tests.rules.firestore import Denied, Fields, Firestore, change, create, delete

CREATED_AT: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MOMENT: Final = timedelta(microseconds=1)


def assert_closed(firestore: Firestore, caller: Caller, session_id: str) -> None:
    """
    Assert that nobody gets at the slides of a session by this caller, by whatever query.
    """
    with pytest.raises(Denied):
        firestore.get(caller, slides_path(session_id))
    for where in ({}, {"ownerUid": caller.uid}, {"sessionCreatedAt": CREATED_AT}):
        with pytest.raises(Denied):
            firestore.find(caller, f"sessions/{session_id}/sharedLiveMedias", where)


def test_slides_close_with_their_session(firestore: Firestore, session_id: str, cast: Cast) -> None:
    path = slides_path(session_id)
    firestore.commit(
        SERVER,
        create(f"sessions/{session_id}", session(cast.owner, status="public")),
        create(enrolment_path(session_id, cast.enrolled), enrolment(session_id, cast.enrolled, cast.owner)),
        create(path, slides(session_id, cast.owner)),
    )
    assert firestore.get(cast.enrolled, path) == slides(session_id, cast.owner)
    firestore.commit(SERVER, delete(f"sessions/{session_id}"))
    for caller in (cast.enrolled, cast.owner, cast.admin):
        assert_closed(firestore, caller, session_id)


@pytest.mark.parametrize("fields", [{}, {"name": "Slides", "pages": 3}], ids=["nothing", "no identity"])
def test_slides_that_do_not_say_whose_they_are_are_closed(
    firestore: Firestore, session_id: str, cast: Cast, fields: Fields
) -> None:
    """
    A1: the documents below a session stay when it is deleted.
    """
    firestore.commit(
        SERVER,
        create(f"sessions/{session_id}", session(cast.owner, status="public")),
        create(slides_path(session_id), fields),
    )
    firestore.commit(cast.owner, delete(f"sessions/{session_id}"))
    firestore.commit(cast.other_teacher, create(f"sessions/{session_id}", session(cast.other_teacher)))
    assert_closed(firestore, cast.other_teacher, session_id)


@pytest.mark.parametrize("successor", ["other_teacher", "owner"])
def test_slides_of_an_earlier_session_are_closed_to_whoever_takes_its_id(
    firestore: Firestore, session_id: str, cast: Cast, successor: str
) -> None:
    """
    A1: also to those who are enrolled in the new session, and to administrators.
    """
    path, new_owner = f"sessions/{session_id}", getattr(cast, successor)
    firestore.commit(
        SERVER,
        create(path, session(cast.owner, status="public", createdAt=CREATED_AT)),
        create(slides_path(session_id), slides(session_id, cast.owner, created_at=CREATED_AT)),
    )
    assert firestore.get(cast.owner, slides_path(session_id)) is not None
    firestore.commit(cast.owner, delete(path))
    firestore.commit(new_owner, create(path, session(new_owner, status="public")))
    firestore.commit(
        new_owner, create(enrolment_path(session_id, cast.enrolled), enrolment(session_id, cast.enrolled, new_owner))
    )
    assert firestore.get(cast.enrolled, path) is not None
    for caller in (new_owner, cast.enrolled, cast.owner, cast.admin):
        assert_closed(firestore, caller, session_id)


@pytest.mark.parametrize(
    "changes",
    [
        {"ownerUid": "a-former-owner"},
        {"ownerUid": ""},
        {"ownerUid": None},
        {"sessionCreatedAt": CREATED_AT + MOMENT},
        {"sessionCreatedAt": CREATED_AT - MOMENT},
        {"sessionCreatedAt": None},
        {"sessionCreatedAt": "2026-01-05T09:00:00Z"},
    ],
    ids=repr,
)
@pytest.mark.parametrize("folder", ["sharedLiveMedias", "slideTimelines"])
def test_slides_of_another_owner_or_incarnation_are_closed(
    firestore: Firestore, session_id: str, cast: Cast, changes: Fields, folder: str
) -> None:
    """
    A1.
    """
    fields = slides(session_id, cast.owner, created_at=CREATED_AT) | changes
    open_session = session(cast.owner, status="public", visibility="open", createdAt=CREATED_AT)
    path = slides_path(session_id, folder)
    firestore.commit(SERVER, create(f"sessions/{session_id}", open_session), create(path, fields))
    for caller in (cast.owner, cast.student, cast.admin):
        with pytest.raises(Denied):
            firestore.get(caller, path)


@pytest.mark.parametrize("mark", [{}, {"createdAt": None}, {"createdAt": 7}], ids=repr)
def test_slides_are_closed_in_a_session_without_a_mark(
    firestore: Firestore, session_id: str, cast: Cast, mark: Fields
) -> None:
    """
    A1: also where both say the same that is no time.
    """
    fields = session(cast.owner, status="public", visibility="open")
    del fields["createdAt"]
    firestore.commit(
        SERVER,
        create(f"sessions/{session_id}", fields | mark),
        create(slides_path(session_id), slides(session_id, cast.owner, created_at=mark.get("createdAt"))),
    )
    with pytest.raises(Denied):
        firestore.get(cast.owner, slides_path(session_id))


def test_slides_of_a_former_owner_are_open_while_their_session_is_being_transferred(
    firestore: Firestore, session_id: str, cast: Cast
) -> None:
    """
    A13: and no longer.
    """
    path = f"sessions/{session_id}"
    fields = session(cast.owner, status="public", visibility="open", formerOwnerUids=[cast.other_teacher.uid])
    firestore.commit(
        SERVER, create(path, fields), create(slides_path(session_id), slides(session_id, cast.other_teacher))
    )
    assert firestore.get(cast.student, slides_path(session_id)) is not None
    firestore.commit(SERVER, change(path, {}, "formerOwnerUids"))
    with pytest.raises(Denied):
        firestore.get(cast.student, slides_path(session_id))


def test_slides_are_listed_by_the_identity_of_their_session(firestore: Firestore, session_id: str, cast: Cast) -> None:
    """
    A1: a query that does not name it could find those of an earlier session.
    """
    folder = f"sessions/{session_id}/sharedLiveMedias"
    earlier = slides(session_id, cast.owner, created_at=CREATED_AT - MOMENT)
    firestore.commit(
        SERVER,
        create(f"sessions/{session_id}", session(cast.owner, status="public", createdAt=CREATED_AT)),
        create(enrolment_path(session_id, cast.enrolled), enrolment(session_id, cast.enrolled, cast.owner)),
        create(f"{folder}/m0", earlier),
        create(f"{folder}/m1", slides(session_id, cast.owner, created_at=CREATED_AT)),
    )
    whole = {"ownerUid": cast.owner.uid, "sessionCreatedAt": CREATED_AT}
    for caller in (cast.owner, cast.enrolled, cast.admin):
        assert firestore.find(caller, folder, whole).keys() == {f"{folder}/m1"}
        for wrong in (
            {},
            {"ownerUid": cast.owner.uid},
            {"sessionCreatedAt": CREATED_AT},
            whole | {"sessionCreatedAt": CREATED_AT - MOMENT},
            whole | {"ownerUid": cast.other_teacher.uid},
        ):
            with pytest.raises(Denied):
                firestore.find(caller, folder, wrong)
    with pytest.raises(Denied):
        firestore.find(cast.student, folder, whole)


def test_slides_of_one_session_stay_closed_to_the_enrolled_of_another(
    firestore: Firestore, session_id: str, cast: Cast
) -> None:
    other_id = f"{session_id}-2"
    firestore.commit(
        SERVER,
        create(f"sessions/{session_id}", session(cast.owner, status="public")),
        create(f"sessions/{other_id}", session(cast.owner, status="public")),
        create(enrolment_path(session_id, cast.enrolled), enrolment(session_id, cast.enrolled, cast.owner)),
        create(slides_path(other_id), slides(other_id, cast.owner)),
    )
    assert firestore.get(cast.owner, slides_path(other_id)) is not None
    with pytest.raises(Denied):
        firestore.get(cast.enrolled, slides_path(other_id))


def test_anonymous_user_reads_slides_of_an_open_session(firestore: Firestore, session_id: str, cast: Cast) -> None:
    firestore.commit(
        SERVER,
        create(f"sessions/{session_id}", session(cast.owner, status="public", visibility="open")),
        create(slides_path(session_id), slides(session_id, cast.owner)),
    )
    anonymous = signed_in(f"anonymous-{session_id}", sign_in_provider="anonymous")
    assert firestore.get(anonymous, slides_path(session_id)) == slides(session_id, cast.owner)


def test_slides_that_carry_the_mark_as_it_was_read_are_open(firestore: Firestore, session_id: str, cast: Cast) -> None:
    """
    A1: that is how the server writes them, after the session.
    """
    firestore.commit(cast.owner, create(f"sessions/{session_id}", session(cast.owner)))
    kept = firestore.get(SERVER, f"sessions/{session_id}")
    assert kept is not None
    fields = slides(session_id, cast.owner, created_at=kept["createdAt"])
    firestore.commit(SERVER, create(slides_path(session_id), fields))
    assert firestore.get(cast.owner, slides_path(session_id)) == fields
