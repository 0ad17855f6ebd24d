"""What the server keeps for itself: an admin may look into some of it, nobody else into any.

Run by pytest. The roles as such are in `test_matrix.py`.
"""

from __future__ import annotations

import pytest

from emulator_tests.rules.callers import SERVER, Cast, signed_in
from emulator_tests.rules.firestore import Denied, Fields, Firestore, change, create, delete
from emulator_tests.rules.refusal import assert_refused
from shared.erasure.model import hashed

FOR_ADMINS = [
    "kalturaSession",
    "archive",
    "slides",
    "timelines",
    "copies",
    "hosts",
    "pendingDeletions",
    "transfers",
    "erasures",
    "reports",
]
FOR_NOBODY = [
    "uploaders",
    "kalturaUsers",
    "kalturaCache",
    "admissions",
    "callBudgets",
    "operations",
    "unheardOf",
]


@pytest.fixture
def kept(cast: Cast) -> Fields:
    """
    A document that names the owner in every way there is.
    """
    return {"ownerUid": cast.owner.uid, "uid": cast.owner.uid, "state": "ready"}


@pytest.mark.parametrize("collection", FOR_ADMINS)
def test_admin_reads(firestore: Firestore, session_id: str, cast: Cast, kept: Fields, collection: str) -> None:
    path = f"{collection}/{session_id}"
    firestore.commit(SERVER, create(path, kept))
    assert firestore.get(cast.admin, path) == kept
    assert firestore.find(cast.admin, collection)[path] == kept


@pytest.mark.parametrize("collection", FOR_ADMINS)
@pytest.mark.parametrize("claims", [{"admin": "true"}, {"admin": 1}, {"admin": False}, {"Admin": True}], ids=repr)
def test_an_admin_claim_other_than_true_opens_nothing(
    firestore: Firestore, session_id: str, kept: Fields, collection: str, claims: Fields
) -> None:
    path = f"{collection}/{session_id}"
    firestore.commit(SERVER, create(path, kept))
    pretender = signed_in(f"admin-{session_id}", **claims)
    with pytest.raises(Denied):
        firestore.get(pretender, path)
    with pytest.raises(Denied):
        firestore.find(pretender, collection)


@pytest.mark.parametrize("collection", FOR_NOBODY)
def test_no_query_reaches(firestore: Firestore, session_id: str, cast: Cast, kept: Fields, collection: str) -> None:
    firestore.commit(SERVER, create(f"{collection}/{session_id}", kept))
    for caller in (cast.nobody, cast.owner, cast.admin):
        for where in ({}, {"uid": caller.uid}, {"ownerUid": caller.uid}):
            with pytest.raises(Denied):
                firestore.find(caller, collection, where)


def test_erasure_is_readable_by_its_requester_only(firestore: Firestore, session_id: str, cast: Cast) -> None:
    """
    A12: although it keeps a hash of them alone; also by somebody whose id is no plain text.
    """
    path = f"erasures/{session_id}"
    asked = {"uid": cast.owner.uid, "askedBy": hashed(cast.owner.uid), "state": "marking"}
    firestore.commit(SERVER, create(path, asked))

    assert firestore.get(cast.owner, path) == asked
    assert firestore.get(cast.admin, path) == asked
    strange = signed_in(f"ä'ö_комета-{session_id}")
    firestore.commit(SERVER, create(f"{path}-3", {**asked, "askedBy": hashed(strange.uid)}))
    assert firestore.get(strange, f"{path}-3") is not None
    for caller in (cast.nobody, cast.student, cast.other_teacher, signed_in(hashed(cast.owner.uid))):
        with pytest.raises(Denied):
            firestore.get(caller, path)
    for where in ({}, {"askedBy": asked["askedBy"]}):
        with pytest.raises(Denied):
            firestore.find(cast.owner, "erasures", where)
    for caller in (cast.owner, cast.admin):
        for write in (create(f"{path}-2", asked), change(path, {"state": "done"}), delete(path)):
            assert_refused(firestore, caller, write)
