"""The caller of a callable, and what their claims say of them. Pure.

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
    The custom claims that give roles, as the deployment names them: an app may have an `admin` of its own.

    Attributes:
        teacher: Is exactly `true` for teachers.
        admin: Likewise for administrators.
    """

    teacher: str = "teacher"
    admin: str = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """
    A signed-in person.

    Attributes:
        uid: Of Firebase Auth.
        is_teacher: Whether the claim of teachers is exactly `true`; no other value counts.
        is_admin: The same of the claim of administrators.
        is_anonymous: Whether there is no account behind the sign-in that anybody could sign in to again.
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
            uid: Whose it is; nobody's where it is missing.
            claims: All that it says.
            names: The claims that give roles.

        Raises:
            NotSignedIn: There is none (never).
            NotAllowed: It is of an account that cannot be used here (never).
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
        NotAllowed: The caller is none (never).
    """
    if not caller.is_admin:
        raise NotAllowed("Only administrators can do this.", reason="ADMIN_ONLY")
