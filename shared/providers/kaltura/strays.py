"""Everything of this deployment at Kaltura, by age, for the sweep to compare with what is recorded.

Called by `shared/sweep.py` through `ports.Strays`. Leaves to the sweep what is a stray.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from shared.ports import Parts, Stray
from shared.providers.kaltura import words
from shared.providers.kaltura.account import NAME, SERVER_KS_S, KalturaAccount, all_pages
from shared.providers.kaltura.events import delete_part, look_at_part
from shared.providers.kaltura.making import ENTRY, EVENT, GROUP, RESOURCE, VIRTUAL_EVENT
from shared.providers.kaltura.refusals import is_not_offered, raise_unless_gone, remaining

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Asked, Multi


_REFERENCES: Final = {
    ENTRY: "referenceId",
    EVENT: "referenceId",
    RESOURCE: "systemName",
    VIRTUAL_EVENT: "description",
    GROUP: "description",
}
"""Where the reference under which it was made stands in each part."""


@dataclass(frozen=True, slots=True)
class KalturaStrays:
    """
    Fills `ports.Strays`.
    """

    account: KalturaAccount

    def strays(self, since: datetime, until: datetime) -> Sequence[Stray]:
        """
        See `ports.Strays`. Entries of every kind and the other parts of events, in one request. A list that the account
        does not offer holds nothing of ours.
        """
        from KalturaClient.Plugins.Core import KalturaBaseEntryFilter, KalturaFilterPager
        from KalturaClient.Plugins.Group import KalturaGroupFilter
        from KalturaClient.Plugins.Schedule import KalturaScheduleEventFilter, KalturaScheduleResourceFilter
        from KalturaClient.Plugins.VirtualEvent import KalturaVirtualEventFilter

        span = {
            "createdAtGreaterThanOrEqual": int(since.timestamp()),
            "createdAtLessThanOrEqual": int(until.timestamp()) - 1,
            "orderBy": "+createdAt",
        }
        tag = self.account.tag
        pager = KalturaFilterPager(pageSize=words.PAGE)
        of_entries = KalturaBaseEntryFilter(
            adminTagsLike=tag, statusIn=words.ALIVE, moderationStatusIn=words.MODERATED, **span
        )
        of_events = KalturaScheduleEventFilter(tagsLike=tag, **span)
        of_resources = KalturaScheduleResourceFilter(tagsLike=tag, **span)
        # These cannot be asked for by anything of ours.
        of_virtual_events = KalturaVirtualEventFilter(**span)
        of_groups = KalturaGroupFilter(tagsMultiLikeOr=tag, **span)
        multi = self.account.client.multi(self.account.admin_ks())
        pages = {
            ENTRY: multi.ask(lambda c: c.baseEntry.list(of_entries, pager)),
            EVENT: multi.ask(lambda c: c.schedule.scheduleEvent.list(of_events, pager)),
            RESOURCE: multi.ask(lambda c: c.schedule.scheduleResource.list(of_resources, pager)),
            VIRTUAL_EVENT: multi.ask(lambda c: c.virtualEvent.virtualEvent.list(of_virtual_events, pager)),
            GROUP: multi.ask(lambda c: c.group.group.list(of_groups, pager)),
        }
        multi.send()
        found: list[Stray] = []
        for part, page in pages.items():
            if page.error is not None and is_not_offered(page.error):
                continue
            things = page.answer().objects
            if part == VIRTUAL_EVENT:
                things = all_pages(page, partial(self._virtual_events, of_virtual_events))
            found += filter(None, (self._stray(part, thing) for thing in things))
        return sorted(found, key=lambda stray: stray.created_at)[: words.PAGE]

    def _virtual_events(self, asked: Any, index: int) -> Asked:
        from KalturaClient.Plugins.Core import KalturaFilterPager

        pager = KalturaFilterPager(pageSize=words.PAGE, pageIndex=index)
        multi = self.account.client.multi(self.account.admin_ks())
        page = multi.ask(lambda c: c.virtualEvent.virtualEvent.list(asked, pager))
        multi.send()
        return page

    def delete_stray(self, stray: Stray) -> Parts:
        """
        See `ports.Strays`. An upload's user and tokens go with its entry, unless another entry was made under the same
        reference: then only the token that was bound to this one goes.
        """
        multi = self.account.client.multi(self.account.admin_ks())
        ((part, part_id),) = stray.parts.items()
        is_upload = part == ENTRY and stray.reference.startswith("video:")
        answers = self._delete_upload(stray, multi) if is_upload else []
        answers.append(multi.ask(partial(delete_part, part, part_id)))
        looks = {part: multi.ask(partial(look_at_part, part, part_id))}
        multi.send()
        for answer in answers:
            raise_unless_gone(answer)
        return remaining(looks, stray.parts)

    def _delete_upload(self, stray: Stray, multi: Multi) -> list[Asked]:
        """
        Ask for the deletion of what belongs to the upload of a stray entry.
        """
        from KalturaClient.Plugins.Core import KalturaBaseEntryFilter

        entry_id, client = stray.parts[ENTRY], self.account.client
        uploader = words.uploader_of(self.account.namespace, stray.reference)
        uploader_ks = self.account.user_ks(uploader, (), SERVER_KS_S)
        same = KalturaBaseEntryFilter(
            statusIn=words.ALIVE, moderationStatusIn=words.MODERATED, **self.account.made_under(stray.reference)
        )
        looking = client.multi(self.account.admin_ks())
        twins = looking.ask(lambda c: c.baseEntry.list(same))
        tokens = looking.ask(lambda c: c.uploadToken.list(), ks=uploader_ks)
        looking.send()
        alone = all(str(entry.id) == entry_id for entry in twins.answer().objects)
        bound = [str(token.id) for token in tokens.answer().objects if alone or str(token.attachedObjectId) == entry_id]
        answers = [multi.ask(partial(_delete_token, token_id), ks=uploader_ks) for token_id in bound]
        if alone:
            answers.append(multi.ask(lambda c: c.user.delete(uploader)))
        return answers

    def _stray(self, part: str, thing: Any) -> Stray | None:
        reference = self.account.ours(getattr(thing, _REFERENCES[part]))
        if reference is None:
            return None
        return Stray(NAME, reference, {part: str(thing.id)}, datetime.fromtimestamp(thing.createdAt, UTC))


def _delete_token(token_id: str, library: Any) -> Any:
    return library.uploadToken.delete(token_id)
