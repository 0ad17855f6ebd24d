"""The services around entries: users, groups, categories, events, live, profiles, lists and filters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from KalturaClient.Plugins.Core import (
    KalturaAccessControlProfile,
    KalturaAppToken,
    KalturaAppTokenFilter,
    KalturaBaseEntryFilter,
    KalturaConversionProfile,
    KalturaConversionProfileType,
    KalturaFilterPager,
    KalturaLiveStreamEntry,
    KalturaMediaEntry,
    KalturaMediaEntryFilter,
    KalturaMediaType,
)

from emulator_tests.simulators.tests.kaltura_calls import EVERY_STATUS, error_of, video_entry
from emulator_tests.simulators.tests.kaltura_server import KalturaServer

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


def test_entries_are_added_updated_and_deleted(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    added = client.media.add(video_entry(referenceId="r1", tags="aa,bb", description="<b>&ü</b>"))
    assert (added.status.getValue(), added.userId, added.moderationStatus.getValue()) == ("7", "operator", 6)
    assert added.description == "<b>&ü</b>"
    again = client.media.add(video_entry(referenceId="r1"))
    assert again.id != added.id
    kaltura.control("POST", "clock", advance_s=5)
    changed = client.media.update(added.id, KalturaMediaEntry(name="new", description=None))
    assert (changed.name, changed.description, changed.tags) == ("new", "", "aa, bb")
    assert changed.updatedAt >= added.updatedAt + 5
    assert (
        error_of(client.media.update, added.id, KalturaMediaEntry(mediaType=5)) == "PROPERTY_VALIDATION_NOT_UPDATABLE"
    )
    client.media.delete(added.id)
    for call in (client.media.get, client.baseEntry.get, client.media.delete):
        assert error_of(call, added.id) == "ENTRY_ID_NOT_FOUND"
    assert [each.id for each in client.baseEntry.getByIds(f"{added.id},{again.id},0_nothing")] == [again.id]
    assert [each["id"] for each in kaltura.things("entries")] == [again.id]


def test_adding_an_entry_checks_what_was_sent(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    assert error_of(client.media.add, KalturaMediaEntry(name="x")) == "PROPERTY_VALIDATION_CANNOT_BE_NULL"
    assert error_of(client.media.add, video_entry(mediaType=77)) == "INVALID_ENUM_VALUE"
    assert error_of(client.media.add, video_entry(startDate=-5, endDate=-10)) == "INVALID_ENTRY_SCHEDULE_DATES"


def test_media_list_shows_ready_entries_unless_told(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    added = client.media.add(video_entry(referenceId="r1"))
    kaltura.control("POST", "clock", advance_s=1)
    gone = client.media.add(video_entry(referenceId="r2"))
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
    client.media.add(video_entry(name="one", tags="math", referenceId="r1"))
    client.media.add(video_entry(name="two", tags="math,physics", referenceId="r2", mediaType=5))
    client.media.add(video_entry(name="three", tags="art", referenceId="r3", userId="bob"))
    kaltura.control("POST", "clock", advance_s=10)
    asked = KalturaMediaEntryFilter(statusEqual="7", orderBy="+createdAt", **wanted)
    assert sorted(each.name for each in client.media.list(asked).objects) == sorted(names.split())


def test_a_feed_reads_what_changed_since_its_cursor(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    first, second = client.media.add(video_entry()), client.media.add(video_entry())
    kaltura.control("POST", "clock", advance_s=100)
    client.media.update(first.id, KalturaMediaEntry(name="changed"))
    feed = KalturaBaseEntryFilter(
        updatedAtGreaterThanOrEqual=second.updatedAt + 50, statusIn=EVERY_STATUS, orderBy="+updatedAt"
    )
    assert [each.id for each in client.baseEntry.list(feed).objects] == [first.id]


def test_pages(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    ids = [client.media.add(video_entry(name=f"{number:02}")).id for number in range(32)]
    everything = KalturaMediaEntryFilter(statusEqual="7", orderBy="+name")
    assert len(client.media.list(everything).objects) == 30
    page = client.media.list(everything, KalturaFilterPager(pageSize=10, pageIndex=4))
    assert ([each.id for each in page.objects], page.totalCount) == (ids[30:], 32)
    assert len(client.media.list(everything, KalturaFilterPager(pageSize=10_000)).objects) == 32


def test_conversion_and_access_control_profiles(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    default = client.conversionProfile.getDefault()
    assert default.flavorParamsIds.startswith("0,")
    live = client.conversionProfile.getDefault(KalturaConversionProfileType.LIVE_STREAM)
    assert live.type.getValue() == "2"
    own = client.conversionProfile.add(KalturaConversionProfile(name="source only", flavorParamsIds="0"))
    assert client.media.add(video_entry(conversionProfileId=own.id)).conversionProfileId == own.id
    assert error_of(client.conversionProfile.get, 999) == "CONVERSION_PROFILE_ID_NOT_FOUND"
    closed = client.accessControlProfile.add(KalturaAccessControlProfile(name="closed", systemName="closed"))
    twin = KalturaAccessControlProfile(name="twin", systemName="closed")
    assert error_of(client.accessControlProfile.add, twin) == "SYSTEM_NAME_ALREADY_EXISTS"
    assert error_of(client.accessControlProfile.delete, 1) == "CANNOT_DELETE_DEFAULT_ACCESS_CONTROL"
    lesson = client.media.add(video_entry(accessControlId=closed.id))
    client.accessControlProfile.delete(closed.id)
    assert client.media.get(lesson.id).accessControlId == 1
    assert error_of(client.accessControlProfile.get, closed.id) == "ACCESS_CONTROL_ID_NOT_FOUND"


@pytest.mark.parametrize("service", SERVICES)
def test_an_account_may_lack_a_service(kaltura: KalturaServer, service: str) -> None:
    client = kaltura.admin()
    kaltura.control("POST", "settings", forbidden_services=[service])
    for name, action in SERVICES.items():
        if name == service:
            assert error_of(action(client)) == "SERVICE_FORBIDDEN"
        else:
            assert action(client)().totalCount == 0
    kaltura.control("POST", "settings", forbidden_services=[])
    assert SERVICES[service](client)().totalCount == 0


def test_an_action_without_a_session_is_forbidden_with_its_service(kaltura: KalturaServer) -> None:
    wanted = KalturaLiveStreamEntry(name="live", mediaType=KalturaMediaType.LIVE_STREAM_FLASH)
    added = kaltura.admin().liveStream.add(wanted)
    kaltura.control("POST", "settings", forbidden_services=["livestream"])
    assert error_of(kaltura.client().liveStream.isLive, added.id) == "SERVICE_FORBIDDEN"


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


def test_the_time_is_the_simulators(kaltura: KalturaServer) -> None:
    kaltura.control("POST", "clock", stand_at=4_000_000_000)
    assert kaltura.client().system.getTime() == 4_000_000_000
