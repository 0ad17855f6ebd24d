"""Places: what the rules say of a collection they say of that collection alone, not of what lies below it or of
another collection with its name.

Run by pytest. The collections at their own places are in `test_matrix.py`.
"""

from __future__ import annotations

import pytest

from emulator_tests.rules.callers import SERVER, Cast
from emulator_tests.rules.documents import enrolment, session
from emulator_tests.rules.firestore import Denied, Fields, Firestore, change, create, delete
from emulator_tests.rules.refusal import assert_refused

PLACES = {
    "sessions": "sessions/{id}",
    "sharedLiveMedias": "sessions/{id}/sharedLiveMedias/{id}",
    "slideTimelines": "sessions/{id}/slideTimelines/{id}",
    "enrolments": "enrolments/{id}",
    "videos": "videos/{id}",
    "kalturaSession": "kalturaSession/{id}",
    "copies": "copies/{id}",
    "archive": "archive/{id}",
    "slides": "slides/{id}",
    "timelines": "timelines/{id}",
    "admissions": "admissions/{id}",
    "hosts": "hosts/{id}",
    "pendingDeletions": "pendingDeletions/{id}",
    "erasures": "erasures/{id}",
    "transfers": "transfers/{id}",
    "reports": "reports/{id}",
}


@pytest.fixture
def tempting(firestore: Firestore, session_id: str, cast: Cast) -> Fields:
    """
    What would be open to the owner in any collection with rules; the session it speaks of is there.
    """
    open_session = session(cast.owner, status="public", visibility="open")
    firestore.commit(SERVER, create(f"sessions/{session_id}", open_session))
    return open_session | enrolment(session_id, cast.owner, cast.owner)


def assert_closed(firestore: Firestore, cast: Cast, path: str, fields: Fields) -> None:
    """
    Asserts that neither the owner nor an admin can do anything with the document at this path.
    """
    collection = path.rpartition("/")[0]
    firestore.commit(SERVER, create(path, fields))
    for caller in (cast.owner, cast.admin):
        with pytest.raises(Denied):
            firestore.get(caller, path)
        for where in ({}, {"ownerUid": caller.uid}):
            with pytest.raises(Denied):
                firestore.find(caller, collection, where)
        assert_refused(firestore, caller, create(f"{path}-2", fields))
        assert_refused(firestore, caller, change(path, {"title": "Mine"}))
        assert_refused(firestore, caller, delete(path))


@pytest.mark.parametrize("collection", PLACES)
@pytest.mark.parametrize("parent", ["unheardOf/{id}", "sessions/{id}/secrets/{id}", "videos/{id}"])
def test_a_collection_of_the_same_name_elsewhere_is_closed_to_all(
    firestore: Firestore, session_id: str, cast: Cast, tempting: Fields, collection: str, parent: str
) -> None:
    assert_closed(firestore, cast, f"{parent.format(id=session_id)}/{collection}/{session_id}-1", tempting)


BELOW = [
    (place, below)
    for place in PLACES.values()
    for below in ("secrets", "sessions", "sharedLiveMedias", "slideTimelines")
    # The collections below another that have rules.
    if f"{place}/{below}/{{id}}" not in PLACES.values()
]


@pytest.mark.parametrize(("place", "below"), BELOW)
def test_subcollections_are_closed_to_all(
    firestore: Firestore, session_id: str, cast: Cast, tempting: Fields, place: str, below: str
) -> None:
    assert_closed(firestore, cast, f"{place.format(id=session_id)}/{below}/{session_id}-1", tempting)


@pytest.mark.parametrize("collection", PLACES)
def test_collection_group_queries_are_refused(firestore: Firestore, cast: Cast, collection: str) -> None:
    for caller in (cast.owner, cast.admin):
        for where in ({}, {"ownerUid": caller.uid}):
            with pytest.raises(Denied):
                firestore.find(caller, collection, where, in_all_of_the_name=True)


def test_every_collection_the_rules_name_has_its_place_here(named_collections: set[str]) -> None:
    assert named_collections == set(PLACES)
