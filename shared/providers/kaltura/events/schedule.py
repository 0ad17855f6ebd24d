"""The schedule event of a live event, and its resource, for which the room product opens a room.

Called by `KalturaEvents`. The pair of both is left to `links.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from shared.ports import EventSpec
from shared.providers.kaltura import mapping
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.events.parts import EVENT, RESOURCE, delete_part

ROOM_TAGS: Final = "vcprovider:newrow"
"""The tag by which Kaltura's room product recognises a resource, and opens a room for its event."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """
    The schedule events and resources of one account.
    """

    account: KalturaAccount

    def add_event(self, reference: str, spec: EventSpec, entry_id: str, library: Any) -> Any:
        """
        Create the schedule event.
        """
        from KalturaClient.Plugins.Schedule import KalturaScheduleEventRecurrenceType

        event = self._event(spec, entry_id)
        event.recurrenceType = KalturaScheduleEventRecurrenceType(KalturaScheduleEventRecurrenceType.NONE)
        event.referenceId = self.account.theirs(reference)
        event.tags = self.account.tag
        return library.schedule.scheduleEvent.add(event)

    def change_event(self, event_id: int, spec: EventSpec, entry_id: str) -> Callable[[Any], Any]:
        """
        Return the call that updates the schedule event to a spec, or deletes it if the spec has no times.
        """
        if not is_scheduled(spec):
            return partial(delete_part, EVENT, str(event_id))
        return lambda c: c.schedule.scheduleEvent.update(event_id, self._event(spec, entry_id))

    def _event(self, spec: EventSpec, entry_id: Any) -> Any:
        """
        Return a schedule event with the wanted fields. The room product accepts only its own kind. The entry is set
        each time: if two events were created under one reference, the parts that were found may not belong together.
        """
        from KalturaClient.Plugins.Schedule import KalturaLiveStreamScheduleEvent, KalturaRecordScheduleEvent

        kind = KalturaRecordScheduleEvent if self.account.has_rooms else KalturaLiveStreamScheduleEvent
        event = kind(summary=mapping.name_of(spec.title), templateEntryId=entry_id)
        if spec.starts_at is not None and spec.ends_at is not None:
            event.startDate, event.endDate = int(spec.starts_at.timestamp()), int(spec.ends_at.timestamp())
        return event

    def add_resource(self, reference: str, spec: EventSpec, library: Any) -> Any:
        """
        Create the resource, for which the room product opens a room.
        """
        from KalturaClient.Plugins.Schedule import KalturaLocationScheduleResource

        resource = KalturaLocationScheduleResource(
            name=mapping.name_of(spec.title),
            systemName=self.account.theirs(reference),
            tags=f"{ROOM_TAGS},{self.account.tag}",
        )
        return library.schedule.scheduleResource.add(resource)

    def change_resource(self, resource_id: int, spec: EventSpec) -> Callable[[Any], Any]:
        """
        Return the call that updates the resource to a spec, or deletes it if the spec has no room.
        """
        from KalturaClient.Plugins.Schedule import KalturaLocationScheduleResource

        if not self.has_room(spec):
            return partial(delete_part, RESOURCE, str(resource_id))
        changed = KalturaLocationScheduleResource(name=mapping.name_of(spec.title))
        return lambda c: c.schedule.scheduleResource.update(resource_id, changed)

    def events_created_under(self, reference: str) -> Any:
        """
        Return the list filter for the schedule events that were created under a reference.
        """
        from KalturaClient.Plugins.Schedule import KalturaScheduleEventFilter

        return KalturaScheduleEventFilter(orderBy="+createdAt", **self.account.made_under(reference))

    def resources_created_under(self, reference: str) -> Any:
        """
        Return the list filter for the resources that were created under a reference.
        """
        from KalturaClient.Plugins.Schedule import KalturaScheduleResourceFilter

        return KalturaScheduleResourceFilter(**self.account.made_under(reference, "systemName"))

    def has_room(self, spec: EventSpec) -> bool:
        """
        Tell whether an event with this spec has a room.
        """
        return self.account.has_rooms and is_scheduled(spec)


def is_scheduled(spec: EventSpec) -> bool:
    """
    Tell whether the times of an event are known. Pure.
    """
    return spec.starts_at is not None and spec.ends_at is not None
