"""Pairs of a schedule event and a resource, `scheduleEventResource`. They carry no mark of ours, and outlive both ends.

Called by `events` and `inventory.py`. A pair is ours if one of its ends is. A pair whose ends are both gone could be
anybody's, so it is not searched for. We leave none behind, because the pairs of an end are deleted before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from shared.ports import ExternalIds, InventoryItem, Refusal
from shared.providers.kaltura import mapping
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.events.parts import EVENT, RESOURCE
from shared.providers.kaltura.mapping import NAME
from shared.providers.kaltura.paging import all_pages
from shared.providers.kaltura.refusals import (
    first_error,
    incomplete,
    is_not_offered,
    is_refused,
    raise_unless_gone,
    refused_part,
    remaining,
)

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Asked, Multi

LINK_EXISTS: Final = frozenset({"SCHEDULE_EVENT_RESOURCE_ALREADY_EXISTS"})

_ALIVE: Final = "1,2"
"""`KalturaScheduleEventStatus` and `KalturaScheduleResourceStatus`: cancelled or disabled, and active."""


@dataclass(frozen=True, slots=True)
class Links:
    """
    The pairs of one account.
    """

    account: KalturaAccount

    def ask(self, multi: Multi, since: datetime, until: datetime, page: int = 1) -> Asked:
        """
        Ask for a page of the pairs that were created in [since, until), by others too.
        """
        from KalturaClient.Plugins.Core import KalturaFilterPager
        from KalturaClient.Plugins.Schedule import KalturaScheduleEventResourceFilter

        asked = KalturaScheduleEventResourceFilter(
            createdAtGreaterThanOrEqual=int(since.timestamp()),
            createdAtLessThanOrEqual=int(until.timestamp()) - 1,
            orderBy="+createdAt",
        )
        pager = KalturaFilterPager(pageSize=mapping.PAGE, pageIndex=page)
        return multi.ask(lambda c: c.schedule.scheduleEventResource.list(asked, pager))

    def broken(self, first: Asked, since: datetime, until: datetime) -> list[InventoryItem]:
        """
        Return the pairs of which one end is ours and the other is gone, under the reference of the end that exists.

        Args:
            first: The question that `ask` returned, answered.
            since: As given to `ask`.
            until: As given to `ask`.
        """
        if first.error is not None and is_not_offered(first.error):
            return []
        pairs = all_pages(first, partial(self._page, since, until))
        found: list[InventoryItem] = []
        for begin in range(0, len(pairs), mapping.PAGE):
            some = pairs[begin : begin + mapping.PAGE]
            events, resources = self._ends(some)
            for pair in some:
                event_id, resource_id = str(pair.eventId), str(pair.resourceId)
                if (event_id in events) != (resource_id in resources):
                    told = events.get(event_id, resources.get(resource_id, ""))
                    reference = self.account.ours(told)
                    if reference is not None:
                        external_ids = {EVENT: event_id, RESOURCE: resource_id}
                        made_at = datetime.fromtimestamp(pair.createdAt, UTC)
                        found.append(
                            InventoryItem(NAME, reference, external_ids, made_at, has_content=False, is_part=True)
                        )
        return found

    def delete(self, external_ids: ExternalIds) -> ExternalIds:
        """
        Delete one pair.

        Returns:
            The pair, if it still exists.
        """
        event_id, resource_id = int(external_ids[EVENT]), int(external_ids[RESOURCE])
        multi = self.account.client.multi(self.account.admin_ks())
        answer = multi.ask(partial(unlink, event_id, resource_id))
        read = multi.ask(lambda c: c.schedule.scheduleEventResource.get(event_id, resource_id))
        multi.send()
        raise_unless_gone(answer)
        return external_ids if remaining({EVENT: read}, external_ids) else {}

    def _page(self, since: datetime, until: datetime, index: int) -> Asked:
        multi = self.account.client.multi(self.account.admin_ks())
        page = self.ask(multi, since, until, index)
        multi.send()
        return page

    def _ends(self, pairs: Sequence[Any]) -> tuple[dict[str, str], dict[str, str]]:
        """
        Return the field for our reference of each event, and of each resource, that exists, by its id.
        """
        from KalturaClient.Plugins.Core import KalturaFilterPager
        from KalturaClient.Plugins.Schedule import KalturaScheduleEventFilter, KalturaScheduleResourceFilter

        pager = KalturaFilterPager(pageSize=mapping.PAGE)
        event_ids = ",".join(sorted({str(pair.eventId) for pair in pairs}))
        resource_ids = ",".join(sorted({str(pair.resourceId) for pair in pairs}))
        of_events = KalturaScheduleEventFilter(idIn=event_ids, statusIn=_ALIVE)
        of_resources = KalturaScheduleResourceFilter(idIn=resource_ids, statusIn=_ALIVE)
        multi = self.account.client.multi(self.account.admin_ks())
        events = multi.ask(lambda c: c.schedule.scheduleEvent.list(of_events, pager))
        resources = multi.ask(lambda c: c.schedule.scheduleResource.list(of_resources, pager))
        multi.send()
        return (
            {str(one.id): str(one.referenceId) for one in events.answer().objects},
            {str(one.id): str(one.systemName) for one in resources.answer().objects},
        )


def link(event_id: Any, resource_id: Any) -> Callable[[Any], Any]:
    """
    Ask to pair an event and a resource; the answer is `LINK_EXISTS` if they already are.
    """
    from KalturaClient.Plugins.Schedule import KalturaScheduleEventResource

    pair = KalturaScheduleEventResource(eventId=event_id, resourceId=resource_id)
    return lambda c: c.schedule.scheduleEventResource.add(pair)


def refused_pair(asked: Asked) -> dict[str, Refusal]:
    """
    Return the reason why an event and its resource cannot be paired; empty if they are.

    Raises:
        Doubtful: They could not be paired this time (again).
    """
    error = first_error([asked], LINK_EXISTS)
    if error is None:
        return {}
    if not is_refused(error):
        raise incomplete(error)
    return {RESOURCE: refused_part(error)}


def unlink(event_id: int, resource_id: int, library: Any) -> Any:
    """
    Ask for the deletion of the pair of an event and a resource, which exists even if they are gone.
    """
    return library.schedule.scheduleEventResource.delete(event_id, resource_id)


def unlink_all(account: KalturaAccount, part: str, part_id: str) -> None:
    """
    Delete every pair of an event, or of a resource, even if that is gone.

    Raises:
        Transient, Doubtful, Permanent: As for any call.
    """
    from KalturaClient.Plugins.Core import KalturaFilterPager
    from KalturaClient.Plugins.Schedule import KalturaScheduleEventResourceFilter

    ks, end = account.admin_ks(), "eventIdEqual" if part == EVENT else "resourceIdEqual"
    asked = KalturaScheduleEventResourceFilter(**{end: int(part_id)})
    pager = KalturaFilterPager(pageSize=mapping.PAGE)
    pairs = account.client.call(ks, lambda c: c.schedule.scheduleEventResource.list(asked, pager)).objects
    if not pairs:
        return
    multi = account.client.multi(ks)
    answers = [multi.ask(partial(unlink, int(pair.eventId), int(pair.resourceId))) for pair in pairs]
    multi.send()
    for answer in answers:
        raise_unless_gone(answer)
