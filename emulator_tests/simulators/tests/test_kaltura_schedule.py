"""Scheduled events, their resources, virtual events and live streams at the Kaltura simulator."""

from __future__ import annotations

import time
from typing import Any

from KalturaClient.Plugins.Core import (
    KalturaBaseEntryFilter,
    KalturaEntryServerNodeFilter,
    KalturaFilterPager,
    KalturaLiveStreamEntry,
    KalturaMediaEntryFilter,
    KalturaMediaType,
)
from KalturaClient.Plugins.Group import KalturaGroup
from KalturaClient.Plugins.Schedule import (
    KalturaLiveStreamScheduleEvent,
    KalturaLiveStreamScheduleEventFilter,
    KalturaLocationScheduleResource,
    KalturaRecordScheduleEvent,
    KalturaRecordScheduleEventFilter,
    KalturaScheduleEventFilter,
    KalturaScheduleEventRecurrenceType,
    KalturaScheduleEventResource,
    KalturaScheduleEventResourceFilter,
    KalturaScheduleResourceFilter,
)
from KalturaClient.Plugins.VirtualEvent import (
    KalturaVirtualEvent,
    KalturaVirtualEventFilter,
    KalturaVirtualScheduleEvent,
    KalturaVirtualScheduleEventSubType,
)

from emulator_tests.simulators.tests.kaltura_calls import error_of
from emulator_tests.simulators.tests.kaltura_server import KalturaServer


def event(kind: Any = KalturaRecordScheduleEvent, **fields: Any) -> Any:
    starts_at = int(time.time()) + 400_000_000
    wanted = {
        "summary": "a meeting",
        "startDate": starts_at,
        "endDate": starts_at + 3600,
        "recurrenceType": KalturaScheduleEventRecurrenceType.NONE,
    }
    return kind(**{**wanted, **fields})


def test_schedule_events_of_every_kind(kaltura: KalturaServer) -> None:
    schedule = kaltura.admin().schedule
    record = schedule.scheduleEvent.add(event(referenceId="r1", tags="custom_rec_auto_start:1"))
    live = schedule.scheduleEvent.add(event(KalturaLiveStreamScheduleEvent, templateEntryId="0_abcdefgh"))
    assert isinstance(schedule.scheduleEvent.get(record.id), KalturaRecordScheduleEvent)
    assert (record.duration, record.ownerId, live.templateEntryId) == (3600, "operator", "0_abcdefgh")
    for asked, ids in (
        (KalturaScheduleEventFilter(referenceIdEqual="r1"), [record.id]),
        (KalturaScheduleEventFilter(orderBy="+createdAt"), [record.id, live.id]),
        (KalturaRecordScheduleEventFilter(), [record.id]),
        (KalturaLiveStreamScheduleEventFilter(templateEntryIdEqual="0_abcdefgh"), [live.id]),
    ):
        assert [each.id for each in schedule.scheduleEvent.list(asked).objects] == ids
    moved = schedule.scheduleEvent.update(record.id, KalturaRecordScheduleEvent(endDate=record.startDate + 60))
    assert (moved.duration, moved.summary) == (60, "a meeting")
    assert schedule.scheduleEvent.delete(record.id).status.getValue() == 3
    assert error_of(schedule.scheduleEvent.get, record.id) == "INVALID_OBJECT_ID"
    assert [each["id"] for each in kaltura.things("scheduleEvents")] == [live.id]


def test_schedule_events_are_checked(kaltura: KalturaServer) -> None:
    add = kaltura.admin().schedule.scheduleEvent.add
    starts_at = event().startDate
    assert error_of(add, event(endDate=starts_at - 1)) == "INVALID_SCHEDULE_END_BEFORE_START"
    assert error_of(add, event(endDate=starts_at + 86401)) == "MAX_SCHEDULE_DURATION_REACHED"
    assert error_of(add, event(summary=None)) == "PROPERTY_VALIDATION_CANNOT_BE_NULL"


def test_an_event_is_paired_with_a_resource(kaltura: KalturaServer) -> None:
    schedule = kaltura.admin().schedule
    room = schedule.scheduleResource.add(KalturaLocationScheduleResource(name="room", tags="vcprovider:newrow"))
    meeting = schedule.scheduleEvent.add(event())
    pair = KalturaScheduleEventResource(eventId=meeting.id, resourceId=room.id)
    schedule.scheduleEventResource.add(pair)
    assert error_of(schedule.scheduleEventResource.add, pair) == "SCHEDULE_EVENT_RESOURCE_ALREADY_EXISTS"
    missing = KalturaScheduleEventResource(eventId=meeting.id, resourceId=999)
    assert error_of(schedule.scheduleEventResource.add, missing) == "SCHEDULE_RESOURCE_ID_NOT_FOUND"
    asked = KalturaScheduleEventResourceFilter(eventIdEqual=meeting.id)
    assert [each.resourceId for each in schedule.scheduleEventResource.list(asked).objects] == [room.id]
    schedule.scheduleEventResource.delete(meeting.id, room.id)
    assert schedule.scheduleResource.delete(room.id).status.getValue() == 3
    schedule.scheduleEvent.delete(meeting.id)
    for kind in ("scheduleEvents", "scheduleResources", "scheduleEventResources"):
        assert kaltura.things(kind) == []


def test_virtual_events(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    service = client.virtualEvent.virtualEvent
    client.group.group.add(KalturaGroup(id="guests"))
    added = service.add(KalturaVirtualEvent(name="open day", attendeesGroupIds="guests"))
    agenda = client.schedule.scheduleEvent.add(
        event(
            KalturaVirtualScheduleEvent,
            virtualEventId=added.id,
            virtualScheduleEventSubType=KalturaVirtualScheduleEventSubType.AGENDA,
            endDate=event().startDate + 5 * 86400,
        )
    )
    assert service.update(added.id, KalturaVirtualEvent(agendaScheduleEventId=agenda.id)).name == "open day"
    assert error_of(service.update, added.id, KalturaVirtualEvent(agendaScheduleEventId=999)) == "INVALID_OBJECT_ID"
    assert error_of(service.add, KalturaVirtualEvent(name="another", adminsGroupIds="none")) == "INVALID_GROUP_ID"
    assert [each.id for each in service.list().objects] == [added.id]
    service.delete(added.id)
    assert error_of(service.get, added.id) == "VIRTUAL_EVENT_NOT_FOUND"
    kaltura.control("POST", "settings", forbidden_services=["virtualevent_virtualevent"])
    assert error_of(service.list) == "SERVICE_FORBIDDEN"


def test_live_streams(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    wanted = KalturaLiveStreamEntry(name="live", mediaType=KalturaMediaType.LIVE_STREAM_FLASH, referenceId="r1")
    added = client.liveStream.add(wanted)
    assert added.status.getValue() == "2"
    assert added.primaryBroadcastingUrl.startswith("rtmp://")
    assert added.streamName == f"{added.id}_%i"
    assert client.baseEntry.list(KalturaBaseEntryFilter(referenceIdEqual="r1")).totalCount == 1
    assert client.media.list(KalturaMediaEntryFilter(referenceIdEqual="r1")).totalCount == 1
    assert client.liveStream.update(added.id, KalturaLiveStreamEntry(name="later")).name == "later"
    nodes = client.entryServerNode
    assert error_of(nodes.list) == "MUST_FILTER_ON_ENTRY_OR_SERVER_TYPE"
    kaltura.control("POST", "broadcast", entryId=added.id, live=True)
    node = nodes.list(KalturaEntryServerNodeFilter(entryIdEqual=added.id)).objects[0]
    assert (node.serverType.getValue(), node.status.getValue()) == ("0", 1)
    assert error_of(client.liveStream.delete, added.id) == "CANNOT_DELETE_LIVE_ENTRY_WHILE_STREAMING"
    kaltura.control("POST", "broadcast", entryId=added.id, live=False)
    client.liveStream.delete(added.id)
    assert error_of(client.liveStream.get, added.id) == "ENTRY_ID_NOT_FOUND"
    assert error_of(client.liveStream.isLive, added.id) == "INVALID_ENTRY_ID"


def test_virtual_events_are_listed_from_an_instant_on(kaltura: KalturaServer) -> None:
    service = kaltura.admin().virtualEvent.virtualEvent
    made = []
    for name in ("zebra", "mule", "ant"):
        made.append(service.add(KalturaVirtualEvent(name=name, description=f"of {name}")))
        kaltura.control("POST", "clock", advance_s=10)
    asked = KalturaVirtualEventFilter(createdAtGreaterThanOrEqual=made[1].createdAt, orderBy="+createdAt")
    assert [each.name for each in service.list(asked).objects] == ["mule", "ant"]
    page = service.list(asked, KalturaFilterPager(pageSize=1, pageIndex=2))
    assert ([each.description for each in page.objects], page.totalCount) == (["of ant"], 2)


def test_a_resource_is_found_by_its_system_name(kaltura: KalturaServer) -> None:
    service = kaltura.admin().schedule.scheduleResource
    rooms = [service.add(KalturaLocationScheduleResource(name="room", systemName=name)) for name in ("one", "two")]
    asked = KalturaScheduleResourceFilter(systemNameEqual="two")
    assert [each.id for each in service.list(asked).objects] == [rooms[1].id]
    assert service.list(KalturaScheduleResourceFilter(systemNameEqual="three")).totalCount == 0
