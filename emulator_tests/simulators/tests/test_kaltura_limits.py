"""Limits: lengths and characters of what is sent, and how long events may last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from KalturaClient.exceptions import KalturaException
from KalturaClient.Plugins.Core import KalturaUser
from KalturaClient.Plugins.Group import KalturaGroup
from KalturaClient.Plugins.Schedule import (
    KalturaLiveEntryScheduleResource,
    KalturaLocationScheduleResource,
    KalturaRecordScheduleEvent,
    KalturaScheduleEventResource,
    KalturaScheduleEventResourceFilter,
)
from KalturaClient.Plugins.VirtualEvent import KalturaVirtualEvent, KalturaVirtualScheduleEvent

from emulator_tests.simulators.tests.kaltura_calls import error_of, video_entry
from emulator_tests.simulators.tests.kaltura_server import KalturaServer, mint
from emulator_tests.simulators.tests.test_kaltura_schedule import event

TOO_SHORT, TOO_LONG = "PROPERTY_VALIDATION_MIN_LENGTH", "PROPERTY_VALIDATION_MAX_LENGTH"
DAY_S = 86400
#: Three bytes in UTF-8.
CHINESE = "课"


def virtual_event(client: Any, name: str) -> None:
    client.virtualEvent.virtualEvent.add(KalturaVirtualEvent(name=name))


def summary(client: Any, text: str) -> None:
    client.schedule.scheduleEvent.add(event(summary=text))


def resource(client: Any, name: str) -> None:
    client.schedule.scheduleResource.add(KalturaLocationScheduleResource(name=name))


def system_name(client: Any, name: str) -> None:
    client.schedule.scheduleResource.add(KalturaLocationScheduleResource(name="room", systemName=name))


def owner(client: Any, user_id: str) -> None:
    client.media.add(video_entry(userId=user_id))


@pytest.mark.parametrize(
    ("add", "text", "refusal"),
    [
        (virtual_event, "", TOO_SHORT),
        (virtual_event, "ab", TOO_SHORT),
        (virtual_event, "abc", None),
        (virtual_event, CHINESE, None),
        (virtual_event, "x" * 256, None),
        (virtual_event, "x" * 257, TOO_LONG),
        (virtual_event, CHINESE * 85, None),
        (virtual_event, CHINESE * 86, TOO_LONG),
        (summary, "", TOO_SHORT),
        (summary, "x" * 256, None),
        (summary, CHINESE * 86, TOO_LONG),
        (resource, "x" * 257, TOO_LONG),
        (system_name, "x" * 257, TOO_LONG),
        (owner, "x" * 100, None),
        (owner, "x" * 101, TOO_LONG),
        (owner, CHINESE * 34, TOO_LONG),
    ],
    ids=lambda value: value.__name__ if callable(value) else f"{len(value.encode())} bytes" if value else "",
)
def test_texts_are_measured_in_bytes(
    kaltura: KalturaServer, add: Callable[[Any, str], None], text: str, refusal: str | None
) -> None:
    """S4, B22: KalturaRequestDeserializer::validateParameter measures with strlen."""
    if refusal is None:
        add(kaltura.admin(), text)
    else:
        assert error_of(add, kaltura.admin(), text) == refusal


def test_a_limit_names_its_property_and_itself(kaltura: KalturaServer) -> None:
    """S4."""
    with pytest.raises(KalturaException) as caught:
        virtual_event(kaltura.admin(), "ab")
    told = 'The property "name" must have a min length of 3 characters'
    assert caught.value.message == told


@pytest.mark.parametrize("character", ["\u0001", "\u0008", "\u000b", "\u001f", "\ufffe"])
def test_a_character_that_xml_does_not_allow_is_refused(kaltura: KalturaServer, character: str) -> None:
    """S4, B22: whatever the field, and in JSON too."""
    client = kaltura.admin()
    for fields in ({"name": f"T{character}x"}, {"description": character}, {"tags": f"ok,{character}"}):
        assert error_of(client.media.add, video_entry(**fields)) == "INVALID_PARAMETER_CHAR"
    body = {"format": 1, "ks": mint("operator", 2), "entry": {"objectType": "KalturaMediaEntry", "mediaType": 1}}
    body["entry"]["name"] = f"T{character}x"  # type: ignore[index]
    answer = requests.post(f"{kaltura.url}/api_v3/service/media/action/add", json=body, timeout=10)
    assert answer.json()["code"] == "INVALID_PARAMETER_CHAR"
    assert kaltura.things("entries") == []


def test_line_breaks_are_allowed(kaltura: KalturaServer) -> None:
    """S4: tab, line feed and everything printable."""
    text = "a\tb\nc \u007f é 课 😀"
    assert kaltura.admin().media.add(video_entry(description=text)).description == text


def test_the_resource_of_a_live_entry_names_it(kaltura: KalturaServer) -> None:
    """S4."""
    add = kaltura.admin().schedule.scheduleResource.add
    assert error_of(add, KalturaLiveEntryScheduleResource(name="room")) == "PROPERTY_VALIDATION_CANNOT_BE_NULL"


@pytest.mark.parametrize("field", ["firstName", "lastName", "fullName", "screenName"])
def test_a_users_name_may_hold_no_address(kaltura: KalturaServer, field: str) -> None:
    """B8: KalturaBaseUser::validateNames."""
    client = kaltura.admin()
    client.user.add(KalturaUser(id="bob", firstName="Bob"))
    named: dict[str, Any] = {field: "see https://example.org"}
    assert error_of(client.user.add, KalturaUser(id="ann", **named)) == "INVALID_FIELD_VALUE"
    assert error_of(client.user.update, "bob", KalturaUser(**named)) == "INVALID_FIELD_VALUE"
    assert [each["id"] for each in kaltura.things("users")] == ["bob"]
    client.user.add(KalturaUser(id="ann", **{field: "example.org: Ann/Bee"}))


def test_a_groups_name_may_hold_no_address(kaltura: KalturaServer) -> None:
    """B8."""
    add = kaltura.admin().group.group.add
    assert error_of(add, KalturaGroup(id="club", screenName="https://example.org")) == "INVALID_FIELD_VALUE"


@pytest.mark.parametrize(
    ("kind", "limits", "lasts_s", "refused_s"),
    [
        (KalturaRecordScheduleEvent, {}, DAY_S, None),
        (KalturaRecordScheduleEvent, {}, DAY_S + 1, DAY_S),
        (KalturaRecordScheduleEvent, {}, 731 * DAY_S, 730 * DAY_S),
        (KalturaRecordScheduleEvent, {"max_single_event_s": 3600}, 3601, 3600),
        (KalturaRecordScheduleEvent, {"max_single_event_s": 10 * DAY_S}, 5 * DAY_S, None),
        (KalturaVirtualScheduleEvent, {"max_single_event_s": 60}, 5 * 365 * DAY_S, None),
        (KalturaVirtualScheduleEvent, {}, 5 * 366 * DAY_S, 157_788_000),
    ],
    ids=["a day", "more", "years", "account's limit", "account's wide limit", "virtual", "virtual too long"],
)
def test_how_long_an_event_may_last(
    kaltura: KalturaServer, kind: Any, limits: dict[str, int], lasts_s: int, refused_s: int | None
) -> None:
    """B3: SchedulePlugin's limits and that of KalturaVirtualScheduleEvent."""
    if limits:
        kaltura.control("POST", "settings", **limits)
    service = kaltura.admin().schedule.scheduleEvent
    starts_at = event().startDate
    wanted = event(kind, endDate=starts_at + lasts_s)
    if kind is KalturaVirtualScheduleEvent:
        wanted.virtualEventId = kaltura.admin().virtualEvent.virtualEvent.add(KalturaVirtualEvent(name="fair")).id
        wanted.virtualScheduleEventSubType = 1
    if refused_s is None:
        assert service.add(wanted).duration == lasts_s
        return
    with pytest.raises(KalturaException) as caught:
        service.add(wanted)
    assert caught.value.code == "MAX_SCHEDULE_DURATION_REACHED"
    assert str(refused_s) in caught.value.message
    added = service.add(event())
    assert (
        kind is KalturaVirtualScheduleEvent
        or error_of(service.update, added.id, KalturaRecordScheduleEvent(endDate=starts_at + lasts_s))
        == "MAX_SCHEDULE_DURATION_REACHED"
    )


def test_the_pairs_of_a_deleted_event_stay(kaltura: KalturaServer) -> None:
    """B19: ScheduleEventService::delete leaves them, and lists tell them."""
    schedule = kaltura.admin().schedule
    room = schedule.scheduleResource.add(KalturaLocationScheduleResource(name="room"))
    gone, kept = (schedule.scheduleEvent.add(event()) for _ in range(2))
    for each in (gone, kept):
        pair = KalturaScheduleEventResource(eventId=each.id, resourceId=room.id)
        schedule.scheduleEventResource.add(pair)
    schedule.scheduleEvent.delete(gone.id)
    service = schedule.scheduleEventResource
    assert {each["eventId"] for each in kaltura.things("scheduleEventResources")} == {gone.id, kept.id}
    assert {each.eventId for each in service.list().objects} == {gone.id, kept.id}
    asked = KalturaScheduleEventResourceFilter(eventIdEqual=gone.id)
    assert [each.resourceId for each in service.list(asked).objects] == [room.id]
    service.delete(gone.id, room.id)
    assert [each["eventId"] for each in kaltura.things("scheduleEventResources")] == [kept.id]
