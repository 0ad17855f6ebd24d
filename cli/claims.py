"""Give and remove the custom claims of roles, without touching the app's own claims, and read their names in the rules.

Called by the operator's commands. The names of the claims are left to `config.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import firebase_admin
from firebase_admin import auth, exceptions

from shared.core.callers import ClaimNames
from shared.core.errors import BadRequest, NotFound, Transient, WrongState

CLAIMS_BYTES_MAX: Final = 1000
"""
The limit for all custom claims of an account, as JSON. Source: firebase_admin/_auth_utils.py, MAX_CLAIMS_PAYLOAD_SIZE.
"""

_APP: Final = "claims"
_IN_RULES: Final = r"function {}\(\)\s*\{{\s*return\s*'([^']*)'\s*;\s*\}}"


def give_claim(project: str, uid: str, name: str) -> bool:
    """
    Set a claim to `true` and keep all others. Repeatable. A concurrent writer of the same account's claims may undo it,
    because Firebase Auth has no conditional write.

    Args:
        project: The Firebase project's id.
        uid: The uid of the account.
        name: The name of the claim.

    Returns:
        Whether the account did not have it before.

    Raises:
        NotFound: There is no such account (never).
        WrongState: The claims would be longer than Firebase allows (never, until others are shorter).
        BadRequest: This cannot be a uid (never).
        Transient: Firebase Auth could not be asked (again).
    """
    return _change(project, uid, lambda claims: {**claims, name: True})


def take_claim(project: str, uid: str, name: str) -> bool:
    """
    Remove a claim and keep all others. Raises as `give_claim`.

    Returns:
        Whether the account had it before.
    """
    return _change(project, uid, lambda claims: {one: value for one, value in claims.items() if one != name})


def names_in_rules(rules: str) -> ClaimNames | None:
    """
    Return the names of the claims in firestore.rules; `None` if they are not there. Pure.
    """
    found = [re.search(_IN_RULES.format(function), rules) for function in ("claimTeacher", "claimAdmin")]
    names = [match[1] for match in found if match is not None]
    return ClaimNames(*names) if len(names) == len(found) else None


def _change(project: str, uid: str, changed: Callable[[dict[str, Any]], dict[str, Any]]) -> bool:
    with _accounts(project, uid) as app:
        before: dict[str, Any] = auth.get_user(uid, app=app).custom_claims or {}
        claims = changed(before)
        if claims == before:
            return False
        size_bytes = len(json.dumps(claims))
        if size_bytes > CLAIMS_BYTES_MAX:
            raise WrongState(
                f"The claims of this account would be {size_bytes} bytes long, and Firebase allows {CLAIMS_BYTES_MAX}. "
                "Make the app's own claims shorter first. Nothing was changed.",
                reason="CLAIMS_TOO_LONG",
            )
        auth.set_custom_user_claims(uid, claims, app=app)
    return True


@contextmanager
def _accounts(project: str, uid: str) -> Iterator[firebase_admin.App]:
    """
    Open the accounts of a project, and turn errors of the SDK into ours.
    """
    app = firebase_admin.initialize_app(options={"projectId": project}, name=_APP)
    try:
        yield app
    except auth.UserNotFoundError:
        raise NotFound(f"There is no account with the uid {uid} in {project}.", reason="ACCOUNT_NOT_FOUND") from None
    except exceptions.FirebaseError as error:
        raise Transient(
            "Firebase Auth could not be reached. Try again.", provider="firebase", operation="accounts", code=error.code
        ) from error
    except ValueError:
        # The SDK checks a uid before it calls the server.
        raise BadRequest("A uid must have 1 to 128 characters.", reason="OPTION_INVALID") from None
    finally:
        firebase_admin.delete_app(app)
