"""Check that the KSs that people hold are confined as they should be: read the roles, and try one KS out.

Called by `setup.py`. No role prevents a KS for Kaltura's player from reading the names of other entries by their ids.
Only the account's own settings do, and only they prevent anonymous widget sessions from it. Only Kaltura's staff can
see these settings, so they are tested: another entry is asked for with such a KS for one entry of ours. Nothing is
changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from shared.core.errors import Permanent
from shared.ports import Finding, Health
from shared.providers.kaltura import mapping
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.account_objects import ACCESS_CONTROL_NAME, ADDRESSES_ROLE, PLAYER_ROLE, UPLOAD_ROLE, Role
from shared.providers.kaltura.playback import player_privileges

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Asked, Multi

UPLOADS: Final = "upload role"
ADDRESSES: Final = "addresses role"
PLAYER: Final = "player role"
OTHERS: Final = "other entries"

NAMES: Final = {UPLOAD_ROLE.key: UPLOADS, ADDRESSES_ROLE.key: ADDRESSES, PLAYER_ROLE.key: PLAYER}
"""The name of each role in findings."""

TRIAL_KS_S: Final = 60
TRIAL_USER: Final = "doctor"

SETUP_MAKES: Final = "`setup` creates it, or the first use does."
NO_ROLE: Final = {
    UPLOAD_ROLE.key: (
        f"The account does not allow new roles. Upload tokens have Kaltura's own {mapping.UPLOAD_BASE_ROLE}, which is "
        "wider; the address restriction still confines them."
    ),
    ADDRESSES_ROLE.key: (
        f"The account does not allow new roles. Addresses have Kaltura's own {mapping.PLAYBACK_BASE_ROLE}, which is "
        "wider; the address restriction still confines them."
    ),
    PLAYER_ROLE.key: (
        "The account does not allow new roles, so no KS for Kaltura's player is issued. Addresses still play."
    ),
}
"""The consequence for the operator if an account refuses a role, by the role's key."""

_UNTRIED: Final = (
    "How much of other entries a KS for Kaltura's player can read is tested once there are two private ones."
)
_READABLE: Final = (
    "A KS for Kaltura's player shows names and descriptions of any entry whose id is known, and so does an anonymous "
    "widget session, which everybody can have; nothing of these entries plays. Ask Kaltura to enable "
    "restrictEntryByMetadata, or entitlement."
)
_UNLOADED: Final = "A KS for Kaltura's player does not show the very entry that it is for: the player loads nothing."
_WIDER: Final = "The role holds more than the player needs. Delete it in the console; `setup` then creates it again."


@dataclass(frozen=True, slots=True)
class Confinement:
    """
    The checks of one account.
    """

    account: KalturaAccount

    def ask(self, multi: Multi) -> Sequence[Callable[[], Finding]]:
        """
        Ask for the profile, the roles, and two private entries. Return functions that judge the answers.
        """
        from KalturaClient.Plugins.Core import (
            KalturaAccessControlProfileFilter,
            KalturaBaseEntryFilter,
            KalturaFilterPager,
            KalturaUserRoleFilter,
        )

        profile = KalturaAccessControlProfileFilter(systemNameEqual=ACCESS_CONTROL_NAME)
        profiles = multi.ask(lambda c: c.accessControlProfile.list(profile))
        roles = {role.key: self._system_name(role) for role in (UPLOAD_ROLE, ADDRESSES_ROLE, PLAYER_ROLE)}
        of_roles = KalturaUserRoleFilter(systemNameIn=",".join(roles.values()))
        found = multi.ask(lambda c: c.userRole.list(of_roles))
        ours = KalturaBaseEntryFilter(
            adminTagsLike=self.account.tag, statusIn=mapping.READY, moderationStatusIn=mapping.MODERATED
        )
        page = KalturaFilterPager(pageSize=mapping.PAGE)
        entries = multi.ask(lambda c: c.baseEntry.list(ours, page), fields=("id", "accessControlId"))

        def judge_role(role: Role) -> Callable[[], Finding]:
            return lambda: self._judge_role(role, found)

        def judge_others() -> Finding:
            private = _private_ids(profiles, entries)
            role_id = _ids(found).get(roles[PLAYER_ROLE.key])
            if role_id is None or len(private) < 2:
                return Finding(OTHERS, Health.ABSENT, _UNTRIED)
            return self._try(role_id, *private[:2])

        return [*(judge_role(role) for role in (UPLOAD_ROLE, ADDRESSES_ROLE, PLAYER_ROLE)), judge_others]

    def made(self, role: Role, name: str | None) -> Finding | None:
        """
        Return the finding for a role that could not be created; `None` if it could.

        Args:
            role: The role.
            name: The role that is used: itself, or another in its place.
        """
        if name in (role.stand_in, None):
            return Finding(NAMES[role.key], Health.ABSENT, NO_ROLE[role.key])
        return None

    def _system_name(self, role: Role) -> str:
        configured = self.account.upload_role if role is UPLOAD_ROLE else None
        return configured or role.system_name

    def _judge_role(self, role: Role, found: Asked) -> Finding:
        name, what = self._system_name(role), NAMES[role.key]
        if isinstance(found.error, Permanent) or name == role.stand_in:
            return Finding(what, Health.ABSENT, NO_ROLE[role.key])
        if name in _ids(found):
            return Finding(what, Health.OK)
        if name != role.system_name:
            return Finding(what, Health.MISSING, f"KALTURA_UPLOAD_ROLE names {name}, which does not exist.")
        return Finding(what, Health.MISSING, SETUP_MAKES)

    def _try(self, role_id: str, own_id: str, other_id: str) -> Finding:
        """
        Ask for two entries with a KS for one of them, as the player does, and for something that its role must not
        allow.
        """
        from KalturaClient.Plugins.Core import KalturaBaseEntryFilter

        privileges = player_privileges(self.account, own_id, role_id, None)
        multi = self.account.client.multi(self.account.user_ks(TRIAL_USER, privileges, TRIAL_KS_S))
        own = multi.ask(lambda c: c.baseEntry.list(KalturaBaseEntryFilter(idEqual=own_id)), fields=("id",))
        other = multi.ask(lambda c: c.baseEntry.list(KalturaBaseEntryFilter(idEqual=other_id)), fields=("id",))
        more = multi.ask(lambda c: c.baseEntry.get(own_id), fields=("id",))
        multi.send()
        if not own.answer().objects:
            return Finding(OTHERS, Health.ABSENT, _UNLOADED)
        if more.error is None:
            return Finding(OTHERS, Health.ABSENT, _WIDER)
        if other.answer().objects:
            return Finding(OTHERS, Health.ABSENT, _READABLE)
        return Finding(OTHERS, Health.OK)


def _ids(found: Asked) -> dict[str, str]:
    """
    Return the ids of the roles that exist, by their system names.
    """
    return {str(one.systemName): str(one.id) for one in found.answer().objects}


def _private_ids(profiles: Asked, entries: Asked) -> list[str]:
    """
    Return the ids of the entries that have our profile.
    """
    of_ours: set[Any] = {one.id for one in profiles.answer().objects}
    return [str(one.id) for one in entries.answer().objects if one.accessControlId in of_ours]
