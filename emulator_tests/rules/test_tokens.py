"""Tokens: what the rules make of one that is missing, broken, late or unusual.

Run by pytest. A token's signature is verified by the cloud before the rules run, and by no emulator.
"""

from __future__ import annotations

import time

import pytest

from emulator_tests.rules.callers import SERVER, Caller, Cast, bearer, signed_in
from emulator_tests.rules.documents import session
from emulator_tests.rules.firestore import Denied, Firestore, FirestoreError, create


@pytest.fixture
def open_session(firestore: Firestore, session_id: str, cast: Cast) -> str:
    """
    The path of a session that everybody who is signed in may see.
    """
    path = f"sessions/{session_id}"
    firestore.commit(SERVER, create(path, session(cast.owner, status="public", visibility="open")))
    return path


def test_a_token_is_good_until_it_expires(firestore: Firestore, open_session: str) -> None:
    assert firestore.get(signed_in("someone", expires_in_s=60), open_session) is not None
    with pytest.raises(Denied):
        firestore.get(signed_in("someone", expires_in_s=0), open_session)
    with pytest.raises(Denied):
        firestore.get(signed_in("someone", expires_in_s=-86_400), open_session)


def test_a_token_whose_time_of_expiry_rules_are_not_shown_is_good(firestore: Firestore, open_session: str) -> None:
    """
    The cloud has refused an expired one before the rules run, and does not promise to show them its time.
    """
    claims = {"sub": "someone", "firebase": {"sign_in_provider": "password"}}
    assert firestore.get(Caller("someone", bearer(claims)), open_session) is not None


@pytest.mark.parametrize("expiry", [{"exp": None}, {"exp": "9999999999"}, {"exp": True}], ids=repr)
def test_a_token_with_a_senseless_time_of_expiry_is_no_sign_in(
    firestore: Firestore, open_session: str, expiry: dict[str, object]
) -> None:
    claims = {"sub": "someone", "firebase": {"sign_in_provider": "password"}, **expiry}
    with pytest.raises(Denied):
        firestore.get(Caller("someone", bearer(claims)), open_session)


@pytest.mark.parametrize("header", ["Bearer garbage", "Bearer a.b", "Bearer ..", "Bearer ", "Basic dXNlcjpwYXNz"])
def test_malformed_token_is_an_error_and_reads_nothing(firestore: Firestore, open_session: str, header: str) -> None:
    with pytest.raises(FirestoreError):
        firestore.get(Caller("someone", header), open_session)


def test_a_token_that_does_not_say_how_its_user_signed_in_is_no_teachers(
    firestore: Firestore, session_id: str, cast: Cast
) -> None:
    claims = {"sub": cast.owner.uid, "exp": int(time.time()) + 60, "teacher": True}
    with pytest.raises(Denied):
        firestore.commit(Caller(cast.owner.uid, bearer(claims)), create(f"sessions/{session_id}", session(cast.owner)))
    assert firestore.get(SERVER, f"sessions/{session_id}") is None


def test_a_claim_to_be_another_user_changes_nothing(firestore: Firestore, session_id: str, cast: Cast) -> None:
    firestore.commit(SERVER, create(f"sessions/{session_id}", session(cast.owner)))
    pretender = signed_in(
        cast.student.uid, uid=cast.owner.uid, user_id=cast.owner.uid, email=cast.owner.uid, teacher=True
    )
    with pytest.raises(Denied):
        firestore.get(pretender, f"sessions/{session_id}")
