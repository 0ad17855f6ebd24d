"""The caller of a callable, and the roles that their custom claims give. Pure.

Called by `functions/` and by the use cases of every resource.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from shared.core.errors import NotAllowed, NotSignedIn
from shared.core.paths import UID, UID_MAX


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """
    The names of the custom claims that give roles. A deployment chooses them, because an app may already use `admin`
    for something else.

    Attributes:
        teacher: The claim that is exactly `true` for teachers.
        admin: The claim that is exactly `true` for administrators.
    """

    teacher: str = "teacher"
    admin: str = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """
    A signed-in person.

    Attributes:
        uid: Their Firebase Auth user id.
        is_teacher: Whether the teacher claim is exactly `true`; no other value counts.
        is_admin: Whether the admin claim is exactly `true`; no other value counts.
        is_anonymous: Whether they signed in anonymously, without an account to sign in to again.
    """

    uid: str
    is_teacher: bool
    is_admin: bool = False
    is_anonymous: bool = False

    @classmethod
    def from_claims(cls, uid: str | None, claims: Mapping[str, Any], names: ClaimNames) -> Self:
        """
        Read a verified ID token.

        Args:
            uid: The user id in the token; empty or `None` if the call carried no token.
            claims: All claims of the token.
            names: The names of the claims that give roles.

        Raises:
            NotSignedIn: The call carried no token (never).
            NotAllowed: The token is of an account whose id cannot be used here (never).
        """
        if not uid:
            raise NotSignedIn("Sign in first.", reason="SIGN_IN_REQUIRED")
        if not UID.fullmatch(uid):
            raise NotAllowed(
                f"This account's id has a slash in it, or more than {UID_MAX} characters, and cannot be part of a "
                "document's id. Sign in with another account.",
                reason="ACCOUNT_ID_UNUSABLE",
            )
        is_anonymous = (
            isinstance(claims.get("firebase"), Mapping) and claims["firebase"].get("sign_in_provider") == "anonymous"
        )
        is_teacher = claims.get(names.teacher) is True and not is_anonymous
        return cls(uid, is_teacher, claims.get(names.admin) is True, is_anonymous)


def require_admin(caller: Caller) -> None:
    """
    Let administrators pass.

    Raises:
        NotAllowed: The caller is not an administrator (never).
    """
    if not caller.is_admin:
        raise NotAllowed("Only administrators can do this.", reason="ADMIN_ONLY")
