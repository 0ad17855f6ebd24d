"""Who asks Firestore: the signed-in users of a test, and the tokens that say so.

Called by the tests of the rules. What a caller may do is theirs to say; how it is asked is in `firestore.py`.
"""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from typing import Any

TOKEN_LIFETIME_S = 3600


@dataclass(frozen=True, slots=True)
class Caller:
    """
    Somebody who asks Firestore.

    Args:
        uid: The user's id; for those who have none, a word that no user has as an id.
        authorization: The request header; None is a client that is not signed in.
    """

    uid: str
    authorization: str | None


# Both emulators (hidane, and Google's own) let this token pass by the rules: it is what the server's libraries send.
SERVER = Caller("the server", "Bearer owner")
NOBODY = Caller("nobody", None)


def signed_in(
    uid: str, /, *, sign_in_provider: str = "password", expires_in_s: int = TOKEN_LIFETIME_S, **claims: object
) -> Caller:
    """
    A user with an ID token shaped like those of Firebase Auth.

    The token is unsigned. Emulators read any bearer token that has three base64url segments, the first two of them
    JSON objects, and verify nothing in it: not the signature, the audience, the issuer, nor the expiry. So what a
    test proves about claims and expiry is the work of the rules. What is not such a token is refused with 400
    "invalid jwt", and without a header the rules see no `request.auth`.

    Args:
        uid: The user's id.
        sign_in_provider: As Firebase Auth names it; `anonymous` is a sign-in without an account.
        expires_in_s: Seconds from now until the token expires; negative for one that has.
        claims: Custom claims, as they stand in the token.
    """
    now_s = int(time.time())
    return Caller(
        uid,
        bearer(
            {
                "sub": uid,
                "user_id": uid,
                "iat": now_s + expires_in_s - TOKEN_LIFETIME_S,
                "auth_time": now_s + expires_in_s - TOKEN_LIFETIME_S,
                "exp": now_s + expires_in_s,
                "firebase": {"sign_in_provider": sign_in_provider, "identities": {}},
                **claims,
            }
        ),
    )


def bearer(claims: dict[str, Any]) -> str:
    """
    The authorization header of an unsigned token with exactly these claims. Pure.
    """
    header, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "none", "typ": "JWT"}, claims)
    )
    return f"Bearer {header}.{body}."


@dataclass(frozen=True, slots=True)
class Cast:
    """
    The callers of one test, with ids of their own: no test sees the documents of another, and nothing is cleared.

    The last three are the owner, each with one thing wrong, so that whatever they are refused is refused
    for that one thing.
    """

    nobody: Caller
    student: Caller
    enrolled: Caller
    owner: Caller
    other_teacher: Caller
    admin: Caller
    anonymous: Caller
    string_claim: Caller
    expired: Caller


def cast(test_id: str) -> Cast:
    """
    The callers of the test with this id.
    """
    owner_uid = f"owner-{test_id}"
    return Cast(
        nobody=NOBODY,
        student=signed_in(f"student-{test_id}"),
        enrolled=signed_in(f"enrolled-{test_id}"),
        owner=signed_in(owner_uid, teacher=True),
        other_teacher=signed_in(f"other-{test_id}", teacher=True),
        admin=signed_in(f"admin-{test_id}", admin=True),
        anonymous=signed_in(owner_uid, sign_in_provider="anonymous", teacher=True),
        string_claim=signed_in(owner_uid, teacher="true", admin="true"),
        expired=signed_in(owner_uid, expires_in_s=-1, teacher=True, admin=True),
    )
