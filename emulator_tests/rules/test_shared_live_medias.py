"""Shared live medias, the slides of a session: seen by whoever may see the session, written by the server.

Run by pytest. The roles as such are in `test_matrix.py`.
"""

from __future__ import annotations

import pytest

from emulator_tests.rules.callers import SERVER, Cast, signed_in
from emulator_tests.rules.documents import enrolment, enrolment_path, session
from emulator_tests.rules.firestore import Denied, Fields, Firestore, create, delete

SLIDES: Fields = {"name": "Slides", "pages": 3}


def test_slides_close_with_their_session(firestore: Firestore, session_id: str, cast: Cast) -> None:
    slides = f"sessions/{session_id}/sharedLiveMedias/m1"
    firestore.commit(
        SERVER,
        create(f"sessions/{session_id}", session(cast.owner, status="public")),
        create(enrolment_path(session_id, cast.enrolled), enrolment(session_id, cast.enrolled, cast.owner)),
        create(slides, SLIDES),
    )
    assert firestore.get(cast.enrolled, slides) == SLIDES
    firestore.commit(SERVER, delete(f"sessions/{session_id}"))
    for caller in (cast.enrolled, cast.owner):
        with pytest.raises(Denied):
            firestore.get(caller, slides)
        with pytest.raises(Denied):
            firestore.find(caller, f"sessions/{session_id}/sharedLiveMedias")


def test_slides_of_one_session_stay_closed_to_the_enrolled_of_another(
    firestore: Firestore, session_id: str, cast: Cast
) -> None:
    other_id = f"{session_id}-2"
    firestore.commit(
        SERVER,
        create(f"sessions/{session_id}", session(cast.owner, status="public")),
        create(f"sessions/{other_id}", session(cast.owner, status="public")),
        create(enrolment_path(session_id, cast.enrolled), enrolment(session_id, cast.enrolled, cast.owner)),
        create(f"sessions/{other_id}/sharedLiveMedias/m1", SLIDES),
    )
    with pytest.raises(Denied):
        firestore.get(cast.enrolled, f"sessions/{other_id}/sharedLiveMedias/m1")


def test_a_guest_without_an_account_sees_the_slides_of_an_open_session(
    firestore: Firestore, session_id: str, cast: Cast
) -> None:
    slides = f"sessions/{session_id}/sharedLiveMedias/m1"
    firestore.commit(
        SERVER,
        create(f"sessions/{session_id}", session(cast.owner, status="public", visibility="open")),
        create(slides, SLIDES),
    )
    guest = signed_in(f"guest-{session_id}", sign_in_provider="anonymous")
    assert firestore.get(guest, slides) == SLIDES
