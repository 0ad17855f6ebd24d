"""List everything of this deployment at Kaltura, by age, for the search for orphans.

Called by `shared/operations/orphans/` through `ports.Inventory`, which decides what is an orphan. Upload tokens are
found by their user, and members by their group; they are deleted with these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from shared.core.references import VIDEO, parse
from shared.ports import ExternalIds, InventoryItem
from shared.providers.kaltura import mapping
from shared.providers.kaltura.account import SERVER_KS_S, KalturaAccount
from shared.providers.kaltura.events.links import Links, unlink_all
from shared.providers.kaltura.events.parts import ENTRY, EVENT, GROUP, RESOURCE, VIRTUAL_EVENT, delete_part, read_part
from shared.providers.kaltura.mapping import NAME
from shared.providers.kaltura.observations import UPLOADER
from shared.providers.kaltura.paging import all_pages
from shared.providers.kaltura.refusals import is_gone, is_not_offered, raise_unless_gone, remaining

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Asked, Multi


_REFERENCES: Final = {
    ENTRY: "referenceId",
    EVENT: "referenceId",
    RESOURCE: "systemName",
    VIRTUAL_EVENT: "description",
    GROUP: "description",
}
"""The field of each part that has the reference under which it was created."""

_ON_AIR: Final = ("firstBroadcast", "lastBroadcast", "currentBroadcastStartTime")
"""Instants of a live entry that are set once a stream was sent to it."""


@dataclass(frozen=True, slots=True)
class KalturaInventory:
    """
    Fills `ports.Inventory`.
    """

    account: KalturaAccount

    def list_items(self, since: datetime, until: datetime) -> Sequence[InventoryItem]:
        """
        See `ports.Inventory`. Lists entries of every kind, the other parts of events, and the users of uploads, in one
        request; then pairs of an event and a resource of which one is gone. A list that the account does not offer has
        nothing of ours.
        """
        from KalturaClient.Plugins.Core import KalturaBaseEntryFilter, KalturaFilterPager, KalturaUserFilter
        from KalturaClient.Plugins.Group import KalturaGroupFilter
        from KalturaClient.Plugins.Schedule import KalturaScheduleEventFilter, KalturaScheduleResourceFilter
        from KalturaClient.Plugins.VirtualEvent import KalturaVirtualEventFilter

        span = {
            "createdAtGreaterThanOrEqual": int(since.timestamp()),
            "createdAtLessThanOrEqual": int(until.timestamp()) - 1,
            "orderBy": "+createdAt",
        }
        tag = self.account.tag
        pager = KalturaFilterPager(pageSize=mapping.PAGE)
        of_entries = KalturaBaseEntryFilter(
            adminTagsLike=tag, statusIn=mapping.ALIVE, moderationStatusIn=mapping.MODERATED, **span
        )
        of_events = KalturaScheduleEventFilter(tagsLike=tag, **span)
        of_resources = KalturaScheduleResourceFilter(tagsLike=tag, **span)
        # This list cannot be filtered by anything of ours.
        of_virtual_events = KalturaVirtualEventFilter(**span)
        of_groups = KalturaGroupFilter(tagsMultiLikeOr=tag, **span)
        of_users = KalturaUserFilter(idOrScreenNameStartsWith=mapping.uploaders_of(self.account.namespace), **span)
        links = Links(self.account)
        multi = self.account.client.multi(self.account.admin_ks())
        pages = {
            ENTRY: multi.ask(lambda c: c.baseEntry.list(of_entries, pager)),
            EVENT: multi.ask(lambda c: c.schedule.scheduleEvent.list(of_events, pager)),
            RESOURCE: multi.ask(lambda c: c.schedule.scheduleResource.list(of_resources, pager)),
            VIRTUAL_EVENT: multi.ask(lambda c: c.virtualEvent.virtualEvent.list(of_virtual_events, pager)),
            GROUP: multi.ask(lambda c: c.group.group.list(of_groups, pager)),
            UPLOADER: multi.ask(lambda c: c.user.list(of_users, pager)),
        }
        pairs = links.ask(multi, since, until)
        multi.send()
        found: list[InventoryItem] = []
        for part, page in pages.items():
            if page.error is not None and is_not_offered(page.error):
                continue
            things = page.answer().objects
            if part == VIRTUAL_EVENT:
                things = all_pages(page, partial(self._virtual_events, of_virtual_events))
            found += filter(None, (self._item(part, thing) for thing in things))
        found += links.broken(pairs, since, until)
        return sorted(found, key=lambda item: item.created_at)[: mapping.PAGE]

    def has_content(self, item: InventoryItem) -> bool:
        """
        See `ports.Inventory`. The bytes of an unfinished upload are with its token. A part that is not an entry has
        content if an entry of the same reference has.
        """
        if EVENT in item.external_ids and RESOURCE in item.external_ids:
            return False
        client = self.account.client
        uploader_ks = self.account.user_ks(self._uploader(item), (), SERVER_KS_S)
        multi = client.multi(self.account.admin_ks())
        if ENTRY in item.external_ids:
            asked = multi.ask(partial(read_part, ENTRY, item.external_ids[ENTRY]))
        else:
            asked = self._ask_by_reference(multi, item.reference)
        tokens = multi.ask(lambda c: c.uploadToken.list(), ks=uploader_ks)
        multi.send()
        if asked.error is not None and is_gone(asked.error):
            return False
        answer = asked.answer()
        entries = [answer] if ENTRY in item.external_ids else answer.objects
        known = [_content_of(entry) for entry in entries]
        if any(known):
            return True
        return None in known and any(
            _received(str(entry.id), mapping.status_of(entry), tokens.answer().objects) for entry in entries
        )

    def delete_item(self, item: InventoryItem) -> ExternalIds:
        """
        See `ports.Inventory`. Deletes an upload's user and tokens with its entry, unless another entry was created
        under the same reference. Then only the token that was bound to this entry is deleted. Deletes the pairs of an
        event or a resource with it, and with a live entry the recordings that no video has taken over.
        """
        multi = self.account.client.multi(self.account.admin_ks())
        links = Links(self.account)
        if EVENT in item.external_ids and RESOURCE in item.external_ids:
            return links.delete(item.external_ids)
        ((part, part_id),) = item.external_ids.items()
        if part == UPLOADER:
            answers = self._ask_deletion_of_user(part_id, multi)
            reads = {part: multi.ask(lambda c: c.user.get(part_id))}
        else:
            if part in (EVENT, RESOURCE):
                unlink_all(self.account, part, part_id)
            answers = self._ask_deletion_of_belongings(item, multi) if part == ENTRY else []
            answers.append(multi.ask(partial(delete_part, part, part_id)))
            reads = {part: multi.ask(partial(read_part, part, part_id))}
        multi.send()
        for answer in answers:
            raise_unless_gone(answer)
        return remaining(reads, item.external_ids)

    # --- list ---------------------------------------------------------------------------------------------------------

    def _virtual_events(self, asked: Any, index: int) -> Asked:
        from KalturaClient.Plugins.Core import KalturaFilterPager

        pager = KalturaFilterPager(pageSize=mapping.PAGE, pageIndex=index)
        multi = self.account.client.multi(self.account.admin_ks())
        page = multi.ask(lambda c: c.virtualEvent.virtualEvent.list(asked, pager))
        multi.send()
        return page

    def _item(self, part: str, thing: Any) -> InventoryItem | None:
        if part == UPLOADER:
            reference = mapping.uploaded_for(self.account.namespace, str(thing.id))
        else:
            reference = self.account.ours(getattr(thing, _REFERENCES[part]))
        if reference is None:
            return None
        made_at = datetime.fromtimestamp(thing.createdAt, UTC)
        if part != ENTRY:
            return InventoryItem(NAME, reference, {part: str(thing.id)}, made_at, is_part=True)
        return InventoryItem(
            NAME,
            reference,
            {part: str(thing.id)},
            made_at,
            has_content=_content_of(thing),
            stamp=_text(thing.partnerData),
            title=mapping.as_typed(_text(thing.name)),
        )

    def _ask_by_reference(self, multi: Multi, reference: str) -> Asked:
        """
        Ask for the entries that were created under a reference.
        """
        from KalturaClient.Plugins.Core import KalturaBaseEntryFilter

        same = KalturaBaseEntryFilter(
            statusIn=mapping.ALIVE, moderationStatusIn=mapping.MODERATED, **self.account.made_under(reference)
        )
        return multi.ask(lambda c: c.baseEntry.list(same))

    def _uploader(self, item: InventoryItem) -> str:
        return mapping.uploader_of(self.account.namespace, item.reference)

    # --- delete -------------------------------------------------------------------------------------------------------

    def _ask_deletion_of_belongings(self, item: InventoryItem, multi: Multi) -> list[Asked]:
        """
        Ask for the deletion of the things that belong to an entry.
        """
        reference = parse(item.reference)
        if reference is not None and reference.kind == VIDEO:
            return self._ask_deletion_of_upload(item, multi)
        return [
            multi.ask(partial(delete_part, ENTRY, entry_id)) for entry_id in self._recordings(item.external_ids[ENTRY])
        ]

    def _recordings(self, entry_id: str) -> Iterator[str]:
        """
        Yield the ids of a live entry's recordings that no video has taken over.
        """
        from KalturaClient.Plugins.Core import KalturaMediaEntryFilter

        of_entry = KalturaMediaEntryFilter(
            rootEntryIdEqual=entry_id, statusIn=mapping.ALIVE, moderationStatusIn=mapping.MODERATED
        )
        for entry in self.account.client.call(self.account.admin_ks(), lambda c: c.media.list(of_entry)).objects:
            if mapping.is_recording(entry) and self.account.ours(_text(entry.referenceId)) is None:
                yield str(entry.id)

    def _ask_deletion_of_upload(self, item: InventoryItem, multi: Multi) -> list[Asked]:
        entry_id, client, uploader = item.external_ids[ENTRY], self.account.client, self._uploader(item)
        uploader_ks = self.account.user_ks(uploader, (), SERVER_KS_S)
        looking = client.multi(self.account.admin_ks())
        same_reference = self._ask_by_reference(looking, item.reference)
        tokens = looking.ask(lambda c: c.uploadToken.list(), ks=uploader_ks)
        looking.send()
        is_alone = all(str(entry.id) == entry_id for entry in same_reference.answer().objects)
        bound = [
            str(token.id) for token in tokens.answer().objects if is_alone or str(token.attachedObjectId) == entry_id
        ]
        answers = [multi.ask(partial(_delete_token, token_id), ks=uploader_ks) for token_id in bound]
        if is_alone:
            answers.append(multi.ask(lambda c: c.user.delete(uploader)))
        return answers

    def _ask_deletion_of_user(self, uploader: str, multi: Multi) -> list[Asked]:
        """
        Ask for the deletion of an upload's user, and of its tokens.
        """
        uploader_ks = self.account.user_ks(uploader, (), SERVER_KS_S)
        tokens = self.account.client.call(uploader_ks, lambda c: c.uploadToken.list()).objects
        answers = [multi.ask(partial(_delete_token, str(token.id)), ks=uploader_ks) for token in tokens]
        return [*answers, multi.ask(lambda c: c.user.delete(uploader))]


def _content_of(entry: Any) -> bool | None:
    """
    Tell whether an entry has content; `None` if the entry itself does not say.
    """
    if hasattr(entry, "recordedEntryId"):
        return any(_number(getattr(entry, name)) for name in _ON_AIR) or bool(_text(entry.recordedEntryId))
    return None if mapping.status_of(entry) in mapping.EMPTY else True


def _received(entry_id: str, status: str, tokens: Sequence[Any]) -> bool:
    """
    Tell whether bytes have arrived for an entry that does not say, given the tokens of its upload. An entry that is
    importing without a token gets its bytes from somewhere else.
    """
    bound = [token for token in tokens if str(token.attachedObjectId) == entry_id]
    if not bound:
        return status != mapping.NO_CONTENT
    return any(_number(token.uploadedFileSize) for token in bound)


def _text(value: Any) -> str:
    """
    Return a text of the library's objects, empty if the answer had none.
    """
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _delete_token(token_id: str, library: Any) -> Any:
    return library.uploadToken.delete(token_id)
