"""The group of a live event's moderators, and its members.

Called by `KalturaEvents`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from shared.ports import EventSpec, Refusal
from shared.providers.kaltura import mapping
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.events.parts import GROUP
from shared.providers.kaltura.refusals import first_error, incomplete, is_refused, refused_part

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Asked

MEMBER_EXISTS: Final = frozenset({mapping.USER_EXISTS, "GROUP_USER_ALREADY_EXISTS"})
_MEMBER_GONE: Final = frozenset({"GROUP_USER_DOES_NOT_EXISTS"}) | mapping.GONE_CODES


@dataclass(frozen=True, slots=True)
class ModeratorGroup:
    """
    The groups of moderators of one account.
    """

    account: KalturaAccount

    def add(self, reference: str, group_id: str, library: Any) -> Any:
        """
        Create the group, without members.
        """
        from KalturaClient.Plugins.Group import KalturaGroup

        group = KalturaGroup(id=group_id, description=self.account.theirs(reference), tags=self.account.tag)
        return library.group.group.add(group)

    def membership(self, uid: str, group_id: str) -> Iterable[Callable[[Any], Any]]:
        """
        Return the calls that make a person a member: create their user, and add it to the group.
        """
        from KalturaClient.Plugins.Core import KalturaGroupUser, KalturaUser

        user_id = mapping.viewer_of(uid)
        return (
            lambda c: c.user.add(KalturaUser(id=user_id, tags=self.account.tag)),
            lambda c: c.groupUser.add(KalturaGroupUser(userId=user_id, groupId=group_id)),
        )

    def set_members(self, group_id: str, members: Asked, spec: EventSpec) -> dict[str, Refusal]:
        """
        Add and remove members of a group until they are as wanted. Nothing is called if they already are.

        Returns:
            The reason why a person cannot be added or removed; empty if all are as wanted.
        """
        if is_refused(members.error):
            return {GROUP: refused_part(members.error)}
        present = {str(one.userId) for one in members.answer().objects}
        wanted = {mapping.viewer_of(uid): uid for uid in spec.moderators}
        if present == wanted.keys():
            return {}
        multi = self.account.client.multi(self.account.admin_ks())
        added = [
            [multi.ask(ask) for ask in self.membership(wanted[user_id], group_id)]
            for user_id in sorted(wanted.keys() - present)
        ]
        removed = [
            [multi.ask(partial(_remove_member, user_id, group_id))] for user_id in sorted(present - wanted.keys())
        ]
        multi.send()
        refused: dict[str, Refusal] = {}
        for changes, settled in ((added, MEMBER_EXISTS), (removed, _MEMBER_GONE)):
            for error in filter(None, (first_error(answers, settled) for answers in changes)):
                if not is_refused(error):
                    raise incomplete(error)
                refused[GROUP] = refused_part(error)
        return refused


def list_members(group_id: str, library: Any) -> Any:
    """
    Ask for the members of a group.
    """
    from KalturaClient.Plugins.Core import KalturaFilterPager, KalturaGroupUserFilter

    return library.groupUser.list(
        KalturaGroupUserFilter(groupIdEqual=group_id), KalturaFilterPager(pageSize=mapping.PAGE)
    )


def _remove_member(user_id: str, group_id: str, library: Any) -> Any:
    return library.groupUser.delete(user_id, group_id)
