"""Fill the accounts port with Firebase Auth.

Built by `functions/wiring.py`. What an account may do is left to the domain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shared.core.errors import Transient
from shared.core.paths import UID_MAX
from shared.ports import Account

if TYPE_CHECKING:
    from firebase_admin import App

PROVIDER: Final = "firebase"


@dataclass(frozen=True, slots=True)
class FirebaseAccounts:
    """
    The accounts of one project; those of the emulator if `FIREBASE_AUTH_EMULATOR_HOST` is set.

    Attributes:
        app: The app of the Admin SDK; `None` is its default one.
    """

    app: App | None = None

    def find(self, uid: str) -> Account | None:
        """
        See `ports.Accounts`.
        """
        from firebase_admin import auth, exceptions

        if not 1 <= len(uid) <= UID_MAX:
            return None
        try:
            user = auth.get_user(uid, self.app)
        except auth.UserNotFoundError:
            return None
        except exceptions.FirebaseError as error:
            raise Transient(
                "The account could not be looked up at the moment. Try again.",
                provider=PROVIDER,
                operation="accounts.lookup",
                code="UNAVAILABLE",
            ) from error
        return Account(user.uid, not user.disabled, user.custom_claims or {}, user.display_name or "")
