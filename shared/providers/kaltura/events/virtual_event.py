"""The virtual event of a live event, which scopes the analytics of its users.

Called by `KalturaEvents`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.ports import EventSpec
from shared.providers.kaltura import mapping
from shared.providers.kaltura.account import KalturaAccount

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Asked, Multi


@dataclass(frozen=True, slots=True)
class VirtualEvent:
    """
    The virtual events of one account.
    """

    account: KalturaAccount

    def add(self, reference: str, spec: EventSpec, library: Any) -> Any:
        """
        Create the virtual event.
        """
        from KalturaClient.Plugins.VirtualEvent import KalturaVirtualEvent

        event = KalturaVirtualEvent(
            name=_name_of(spec),
            description=self.account.theirs(reference),
            tags=self.account.tag,
        )
        return library.virtualEvent.virtualEvent.add(event)

    def update(self, virtual_event_id: int, spec: EventSpec, library: Any) -> Any:
        """
        Update the virtual event to a spec.
        """
        from KalturaClient.Plugins.VirtualEvent import KalturaVirtualEvent

        return library.virtualEvent.virtualEvent.update(virtual_event_id, KalturaVirtualEvent(name=_name_of(spec)))

    def ask_page(self, multi: Multi, since: Any, page: int) -> Asked:
        """
        Ask for the virtual events created since an instant. The list cannot be filtered by anything of ours.
        """
        from KalturaClient.Plugins.Core import KalturaFilterPager
        from KalturaClient.Plugins.VirtualEvent import KalturaVirtualEventFilter

        made_since = KalturaVirtualEventFilter(createdAtGreaterThanOrEqual=since, orderBy="+createdAt")
        pager = KalturaFilterPager(pageSize=mapping.PAGE, pageIndex=page)
        return multi.ask(lambda c: c.virtualEvent.virtualEvent.list(made_since, pager))

    def page(self, since_s: int, page: int) -> Asked:
        """
        Read one page of the virtual events created since an instant.
        """
        multi = self.account.client.multi(self.account.admin_ks())
        listed = self.ask_page(multi, since_s, page)
        multi.send()
        return listed


def _name_of(spec: EventSpec) -> str:
    return mapping.name_of(spec.title, mapping.VIRTUAL_EVENT_NAME_MIN_BYTES)
