"""The services around entries: users, groups, categories, events, live, profiles, lists and filters."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from KalturaClient.exceptions import KalturaException
from KalturaClient.Plugins.Core import (
    KalturaAccessControlProfile,
    KalturaAppToken,
    KalturaAppTokenFilter,
    KalturaBaseEntryFilter,
    KalturaCategory,
    KalturaCategoryEntry,
    KalturaCategoryEntryFilter,
    KalturaCategoryUser,
    KalturaConversionProfile,
    KalturaConversionProfileType,
    KalturaEntryServerNodeFilter,
    KalturaFilterPager,
    KalturaGroupUser,
    KalturaGroupUserFilter,
    KalturaGroupUserRole,
    KalturaLiveStreamEntry,
    KalturaMediaEntry,
    KalturaMediaEntryFilter,
    KalturaMediaType,
    KalturaUser,
    KalturaUserFilter,
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

from emulator_tests.simulators.tests.kaltura_server import KalturaServer

EVERY_STATUS = "-2,-1,0,1,2,3,4,7"
#: Services that an account may lack, each with an action of it.
SERVICES: dict[str, Callable[[Any], Any]] = {
    "virtualevent_virtualevent": lambda client: client.virtualEvent.virtualEvent.list,
    "schedule_scheduleevent": lambda client: client.schedule.scheduleEvent.list,
    "group_group": lambda client: client.group.group.list,
    "livestream": lambda client: client.liveStream.list,
    "eventnotification_eventnotificationtemplate": lambda client: (
        client.eventNotification.eventNotificationTemplate.list
    ),
}


def entry(**fields: Any) -> Any:
    return KalturaMediaEntry(**{"name": "a lesson", "mediaType": KalturaMediaType.VIDEO, **fields})


def code(call: Any, *arguments: Any, **named: Any) -> str:
    with pytest.raises(KalturaException) as caught:
        call(*arguments, **named)
    return str(caught.value.code)


def event(kind: Any = KalturaRecordScheduleEvent, **fields: Any) -> Any:
    starts_at = int(time.time()) + 400_000_000
    wanted = {
        "summary": "a meeting",
        "startDate": starts_at,
        "endDate": starts_at + 3600,
        "recurrenceType": KalturaScheduleEventRecurrenceType.NONE,
    }
    return kind(**{**wanted, **fields})


def test_entries_live_and_die(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    added = client.media.add(entry(referenceId="r1", tags="aa,bb", description="<b>&ü</b>"))
    assert (added.status.getValue(), added.userId, added.moderationStatus.getValue()) == ("7", "operator", 6)
    assert added.description == "<b>&ü</b>"
    again = client.media.add(entry(referenceId="r1"))
    assert again.id != added.id
    kaltura.control("POST", "clock", advance_s=5)
    changed = client.media.update(added.id, KalturaMediaEntry(name="new", description=None))
    assert (changed.name, changed.description, changed.tags) == ("new", "", "aa, bb")
    assert changed.updatedAt >= added.updatedAt + 5
    assert code(client.media.update, added.id, KalturaMediaEntry(mediaType=5)) == "PROPERTY_VALIDATION_NOT_UPDATABLE"
    client.media.delete(added.id)
    for call in (client.media.get, client.baseEntry.get, client.media.delete):
        assert code(call, added.id) == "ENTRY_ID_NOT_FOUND"
    assert [each.id for each in client.baseEntry.getByIds(f"{added.id},{again.id},0_nothing")] == [again.id]
    assert [each["id"] for each in kaltura.things("entries")] == [again.id]


def test_adding_an_entry_checks_what_was_sent(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    assert code(client.media.add, KalturaMediaEntry(name="x")) == "PROPERTY_VALIDATION_CANNOT_BE_NULL"
    assert code(client.media.add, entry(mediaType=77)) == "INVALID_ENUM_VALUE"
    assert code(client.media.add, entry(startDate=-5, endDate=-10)) == "INVALID_ENTRY_SCHEDULE_DATES"


def test_media_list_shows_ready_entries_unless_told(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    added = client.media.add(entry(referenceId="r1"))
    kaltura.control("POST", "clock", advance_s=1)
    gone = client.media.add(entry(referenceId="r2"))
    client.media.delete(gone.id)
    assert client.media.list().totalCount == 0
    assert client.media.list(KalturaMediaEntryFilter(referenceIdEqual="r1")).totalCount == 0
    shown = client.media.list(KalturaMediaEntryFilter(statusIn=EVERY_STATUS, orderBy="+createdAt")).objects
    assert [(each.id, each.status.getValue()) for each in shown] == [(added.id, "7"), (gone.id, "3")]
    assert client.media.list(KalturaMediaEntryFilter(idEqual=added.id)).totalCount == 1
    assert client.baseEntry.listByReferenceId("r1").objects[0].id == added.id
    client.media.reject(added.id)
    assert client.media.list(KalturaMediaEntryFilter(statusEqual="7")).totalCount == 0
    rejected = KalturaMediaEntryFilter(statusEqual="7", moderationStatusIn="3")
    assert client.media.list(rejected).totalCount == 1


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"nameEqual": "one"}, "one"),
        ({"nameLike": "O"}, "one two"),
        ({"nameMultiLikeOr": "one,thr"}, "one three"),
        ({"nameMultiLikeAnd": "t,w"}, "two"),
        ({"tagsLike": "math"}, "one two"),
        ({"tagsMultiLikeOr": "art,physics"}, "two three"),
        ({"tagsMultiLikeAnd": "math,physics"}, "two"),
        ({"referenceIdIn": "r1,r3"}, "one three"),
        ({"userIdEqual": "bob"}, "three"),
        ({"idIn": "0_nothing"}, ""),
        ({"mediaTypeEqual": 5}, "two"),
        ({"createdAtGreaterThanOrEqual": -5}, ""),
        ({"lastPlayedAtLessThanOrEqual": 5}, ""),
        ({"lastPlayedAtLessThanOrEqualOrNull": 5}, "one two three"),
        ({"freeText": "physics"}, "two"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_filters(kaltura: KalturaServer, wanted: dict[str, Any], names: str) -> None:
    client = kaltura.admin()
    client.media.add(entry(name="one", tags="math", referenceId="r1"))
    client.media.add(entry(name="two", tags="math,physics", referenceId="r2", mediaType=5))
    client.media.add(entry(name="three", tags="art", referenceId="r3", userId="bob"))
    kaltura.control("POST", "clock", advance_s=10)
    asked = KalturaMediaEntryFilter(statusEqual="7", orderBy="+createdAt", **wanted)
    assert sorted(each.name for each in client.media.list(asked).objects) == sorted(names.split())


def test_a_feed_reads_what_changed_since_its_cursor(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    first, second = client.media.add(entry()), client.media.add(entry())
    kaltura.control("POST", "clock", advance_s=100)
    client.media.update(first.id, KalturaMediaEntry(name="changed"))
    feed = KalturaBaseEntryFilter(
        updatedAtGreaterThanOrEqual=second.updatedAt + 50, statusIn=EVERY_STATUS, orderBy="+updatedAt"
    )
    assert [each.id for each in client.baseEntry.list(feed).objects] == [first.id]


def test_pages(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    ids = [client.media.add(entry(name=f"{number:02}")).id for number in range(32)]
    everything = KalturaMediaEntryFilter(statusEqual="7", orderBy="+name")
    assert len(client.media.list(everything).objects) == 30
    page = client.media.list(everything, KalturaFilterPager(pageSize=10, pageIndex=4))
    assert ([each.id for each in page.objects], page.totalCount) == (ids[30:], 32)
    assert len(client.media.list(everything, KalturaFilterPager(pageSize=10_000)).objects) == 32


def test_users_and_groups(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    ann = client.user.add(KalturaUser(id="ann@example.org", firstName="Ann", lastName="Bee", email="ann@example.org"))
    assert (ann.fullName, ann.type.getValue()) == ("Ann Bee", 0)
    assert code(client.user.add, KalturaUser(id="ann@example.org")) == "DUPLICATE_USER_BY_ID"
    assert code(client.user.add, KalturaUser(id="no spaces")) == "INVALID_FIELD_VALUE"
    assert code(client.user.get, "nobody") == "INVALID_USER_ID"
    assert [each.id for each in client.user.list(KalturaUserFilter(firstNameStartsWith="an")).objects] == [ann.id]
    group = client.group.group.add(KalturaGroup(id="0_abcdefgh_moderators"))
    assert code(client.group.group.add, KalturaGroup(id=group.id)) == "DUPLICATE_USER_BY_ID"
    member = KalturaGroupUser(userId=ann.id, groupId=group.id, userRole=KalturaGroupUserRole.MEMBER)
    client.groupUser.add(member)
    assert code(client.groupUser.add, member) == "GROUP_USER_ALREADY_EXISTS"
    assert code(client.groupUser.add, KalturaGroupUser(userId="nobody", groupId=group.id)) == "USER_NOT_FOUND"
    assert code(client.groupUser.add, KalturaGroupUser(userId=ann.id, groupId="none")) == "GROUP_NOT_FOUND"
    assert client.group.group.get(group.id).membersCount == 1
    asked = KalturaGroupUserFilter(groupIdEqual=group.id, userIdIn="ann@example.org,bob")
    assert [each.userId for each in client.groupUser.list(asked).objects] == [ann.id]
    client.groupUser.delete(ann.id, group.id)
    assert code(client.groupUser.delete, ann.id, group.id) == "GROUP_USER_DOES_NOT_EXISTS"
    assert client.user.delete(ann.id).status.getValue() == 2
    assert client.user.list(KalturaUserFilter(firstNameStartsWith="ann")).totalCount == 0
    client.group.group.delete(group.id)
    assert code(client.group.group.get, group.id) == "INVALID_GROUP_ID"


def test_a_group_manager_and_nobody_else_adds_members(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    client.group.group.add(KalturaGroup(id="club"))
    for name in ("ann", "bob"):
        client.user.add(KalturaUser(id=name))
    added = KalturaGroupUser(userId="bob", groupId="club")
    assert code(kaltura.user("ann").groupUser.add, added) == "SERVICE_FORBIDDEN"
    client.groupUser.add(KalturaGroupUser(userId="ann", groupId="club", userRole=KalturaGroupUserRole.MANAGER))
    assert kaltura.user("ann").groupUser.add(added).userId == "bob"


def test_categories(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    root = client.category.add(KalturaCategory(name="courses"))
    child = client.category.add(KalturaCategory(name="maths", parentId=root.id))
    assert (child.fullName, child.depth) == ("courses>maths", 1)
    duplicate = KalturaCategory(name="maths", parentId=root.id)
    assert code(client.category.add, duplicate) == "DUPLICATE_CATEGORY"
    assert code(client.category.add, KalturaCategory(name="x", parentId=999)) == "PARENT_CATEGORY_NOT_FOUND"
    lesson = client.media.add(entry(categories="courses>maths"))
    assert lesson.categoriesIds == str(child.id)
    assigned = KalturaCategoryEntry(categoryId=child.id, entryId=lesson.id)
    assert code(client.categoryEntry.add, assigned) == "CATEGORY_ENTRY_ALREADY_EXISTS"
    assert code(client.categoryEntry.list) == "MUST_FILTER_ON_ENTRY_OR_CATEGORY"
    asked = KalturaCategoryEntryFilter(entryIdEqual=lesson.id)
    assert [each.categoryId for each in client.categoryEntry.list(asked).objects] == [child.id]
    in_category = KalturaMediaEntryFilter(statusEqual="7", categoriesIdsMatchOr=str(child.id))
    assert client.media.list(in_category).totalCount == 1
    client.categoryEntry.delete(lesson.id, child.id)
    assert code(client.categoryEntry.delete, lesson.id, child.id) == "ENTRY_IS_NOT_ASSIGNED_TO_CATEGORY"
    client.categoryUser.add(KalturaCategoryUser(categoryId=child.id, userId="ann"))
    member = KalturaCategoryUser(categoryId=child.id, userId="ann")
    assert code(client.categoryUser.add, member) == "CATEGORY_USER_ALREADY_EXISTS"
    assert client.categoryUser.get(child.id, "ann").permissionLevel.getValue() == 3
    client.categoryUser.delete(child.id, "ann")
    assert code(client.categoryUser.get, child.id, "ann") == "INVALID_CATEGORY_USER_ID"
    client.category.delete(root.id)
    assert kaltura.things("categories") == []


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
    assert code(schedule.scheduleEvent.get, record.id) == "INVALID_OBJECT_ID"
    assert [each["id"] for each in kaltura.things("scheduleEvents")] == [live.id]


def test_schedule_events_are_checked(kaltura: KalturaServer) -> None:
    add = kaltura.admin().schedule.scheduleEvent.add
    starts_at = event().startDate
    assert code(add, event(endDate=starts_at - 1)) == "INVALID_SCHEDULE_END_BEFORE_START"
    assert code(add, event(endDate=starts_at + 86401)) == "MAX_SCHEDULE_DURATION_REACHED"
    assert code(add, event(summary=None)) == "PROPERTY_VALIDATION_CANNOT_BE_NULL"


def test_an_event_is_paired_with_a_resource(kaltura: KalturaServer) -> None:
    schedule = kaltura.admin().schedule
    room = schedule.scheduleResource.add(KalturaLocationScheduleResource(name="room", tags="vcprovider:newrow"))
    meeting = schedule.scheduleEvent.add(event())
    pair = KalturaScheduleEventResource(eventId=meeting.id, resourceId=room.id)
    schedule.scheduleEventResource.add(pair)
    assert code(schedule.scheduleEventResource.add, pair) == "SCHEDULE_EVENT_RESOURCE_ALREADY_EXISTS"
    missing = KalturaScheduleEventResource(eventId=meeting.id, resourceId=999)
    assert code(schedule.scheduleEventResource.add, missing) == "SCHEDULE_RESOURCE_ID_NOT_FOUND"
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
    assert code(service.update, added.id, KalturaVirtualEvent(agendaScheduleEventId=999)) == "INVALID_OBJECT_ID"
    assert code(service.add, KalturaVirtualEvent(name="another", adminsGroupIds="none")) == "INVALID_GROUP_ID"
    assert [each.id for each in service.list().objects] == [added.id]
    service.delete(added.id)
    assert code(service.get, added.id) == "VIRTUAL_EVENT_NOT_FOUND"
    kaltura.control("POST", "settings", forbidden_services=["virtualevent_virtualevent"])
    assert code(service.list) == "SERVICE_FORBIDDEN"


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
    assert code(nodes.list) == "MUST_FILTER_ON_ENTRY_OR_SERVER_TYPE"
    kaltura.control("POST", "broadcast", entryId=added.id, live=True)
    node = nodes.list(KalturaEntryServerNodeFilter(entryIdEqual=added.id)).objects[0]
    assert (node.serverType.getValue(), node.status.getValue()) == ("0", 1)
    assert code(client.liveStream.delete, added.id) == "CANNOT_DELETE_LIVE_ENTRY_WHILE_STREAMING"
    kaltura.control("POST", "broadcast", entryId=added.id, live=False)
    client.liveStream.delete(added.id)
    assert code(client.liveStream.get, added.id) == "ENTRY_ID_NOT_FOUND"
    assert code(client.liveStream.isLive, added.id) == "INVALID_ENTRY_ID"


def test_conversion_and_access_control_profiles(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    default = client.conversionProfile.getDefault()
    assert default.flavorParamsIds.startswith("0,")
    live = client.conversionProfile.getDefault(KalturaConversionProfileType.LIVE_STREAM)
    assert live.type.getValue() == "2"
    own = client.conversionProfile.add(KalturaConversionProfile(name="source only", flavorParamsIds="0"))
    assert client.media.add(entry(conversionProfileId=own.id)).conversionProfileId == own.id
    assert code(client.conversionProfile.get, 999) == "CONVERSION_PROFILE_ID_NOT_FOUND"
    closed = client.accessControlProfile.add(KalturaAccessControlProfile(name="closed", systemName="closed"))
    twin = KalturaAccessControlProfile(name="twin", systemName="closed")
    assert code(client.accessControlProfile.add, twin) == "SYSTEM_NAME_ALREADY_EXISTS"
    assert code(client.accessControlProfile.delete, 1) == "CANNOT_DELETE_DEFAULT_ACCESS_CONTROL"
    lesson = client.media.add(entry(accessControlId=closed.id))
    client.accessControlProfile.delete(closed.id)
    assert client.media.get(lesson.id).accessControlId == 1
    assert code(client.accessControlProfile.get, closed.id) == "ACCESS_CONTROL_ID_NOT_FOUND"


@pytest.mark.parametrize("service", SERVICES)
def test_an_account_may_lack_a_service(kaltura: KalturaServer, service: str) -> None:
    client = kaltura.admin()
    kaltura.control("POST", "settings", forbidden_services=[service])
    for name, action in SERVICES.items():
        if name == service:
            assert code(action(client)) == "SERVICE_FORBIDDEN"
        else:
            assert action(client)().totalCount == 0
    kaltura.control("POST", "settings", forbidden_services=[])
    assert SERVICES[service](client)().totalCount == 0


def test_an_action_without_a_session_is_forbidden_with_its_service(kaltura: KalturaServer) -> None:
    wanted = KalturaLiveStreamEntry(name="live", mediaType=KalturaMediaType.LIVE_STREAM_FLASH)
    added = kaltura.admin().liveStream.add(wanted)
    kaltura.control("POST", "settings", forbidden_services=["livestream"])
    assert code(kaltura.client().liveStream.isLive, added.id) == "SERVICE_FORBIDDEN"


def test_application_tokens_are_paged_and_filtered(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    ids = []
    for number in range(5):
        ids.append(client.appToken.add(KalturaAppToken(description=f"of ours {number}")).id)
        kaltura.control("POST", "clock", advance_s=1)
    active = KalturaAppTokenFilter(statusEqual=2, orderBy="+createdAt")
    pages = [client.appToken.list(active, KalturaFilterPager(pageSize=2, pageIndex=page)) for page in (1, 2, 3, 4)]
    assert [[each.id for each in page.objects] for page in pages] == [ids[:2], ids[2:4], ids[4:], []]
    assert [page.totalCount for page in pages] == [5] * 4
    assert pages[0].objects[1].description == "of ours 1"
    client.appToken.delete(ids[0])
    assert client.appToken.list(active).totalCount == 4
    assert client.appToken.list(KalturaAppTokenFilter(statusEqual=1)).totalCount == 0


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


def test_the_members_of_a_group_are_those_that_were_added(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    for name in ("one_moderators", "two_moderators"):
        client.group.group.add(KalturaGroup(id=name, description=f"of {name}"))
    for user_id in ("ann", "bob"):
        client.user.add(KalturaUser(id=user_id))
        client.groupUser.add(KalturaGroupUser(userId=user_id, groupId="one_moderators"))
    client.groupUser.add(KalturaGroupUser(userId="bob", groupId="two_moderators"))
    assert code(client.user.add, KalturaUser(id="ann")) == "DUPLICATE_USER_BY_ID"
    shown = client.group.group.get("one_moderators")
    assert (shown.id, shown.membersCount, shown.description) == ("one_moderators", 2, "of one_moderators")
    for group_id, members in (("one_moderators", ["ann", "bob"]), ("two_moderators", ["bob"]), ("none", [])):
        listed = client.groupUser.list(KalturaGroupUserFilter(groupIdEqual=group_id)).objects
        assert sorted(each.userId for each in listed) == members


def test_the_time_is_the_simulators(kaltura: KalturaServer) -> None:
    kaltura.control("POST", "clock", stand_at=4_000_000_000)
    assert kaltura.client().system.getTime() == 4_000_000_000
