"""The wire: multirequests, forms of bodies and answers, faults, the request log, and what survives a kill."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import requests
from KalturaClient.Plugins.Core import (
    KalturaBaseEntryFilter,
    KalturaDetachedResponseProfile,
    KalturaFlavorAssetFilter,
    KalturaLiveStreamEntry,
    KalturaMediaEntryFilter,
    KalturaMediaType,
    KalturaResponseProfileType,
    KalturaSessionType,
    KalturaUploadedFileTokenResource,
    KalturaUploadToken,
)
from KalturaClient.Plugins.Group import KalturaGroup
from KalturaClient.Plugins.Schedule import (
    KalturaLocationScheduleResource,
    KalturaRecordScheduleEvent,
    KalturaScheduleEventResource,
)
from KalturaClient.Plugins.VirtualEvent import KalturaVirtualEvent, KalturaVirtualEventFilter

from emulator_tests.simulators.tests.kaltura_calls import error_of, video_entry
from emulator_tests.simulators.tests.kaltura_server import KalturaServer, mint


def test_a_multirequest_uses_its_own_answers(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    client.startMultiRequest()
    added = client.media.add(video_entry())
    client.group.group.add(KalturaGroup(id=f"{added.id}_moderators"))
    client.media.get(added.id)
    client.media.list(KalturaMediaEntryFilter(statusEqual="7"))
    client.media.delete("{4:result:objects:0:id}")
    client.baseEntry.get("0_nothing")
    client.system.ping()
    first, group, again, listed, deleted, missing, pong = client.doMultiRequest()
    assert group.id == f"{first.id}_moderators"
    assert again.id == first.id == listed.objects[0].id
    assert (deleted, missing.code, pong) == ("", "ENTRY_ID_NOT_FOUND", "1")
    assert kaltura.things("entries") == []


def test_a_later_call_uses_an_answer_within_a_text_and_for_a_number(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    client.startMultiRequest()
    client.liveStream.add(KalturaLiveStreamEntry(name="a talk", mediaType=KalturaMediaType.LIVE_STREAM_FLASH))
    client.group.group.add(KalturaGroup(id="{1:result:id}_moderators", description="of {1:result:id}"))
    client.schedule.scheduleEvent.add(
        KalturaRecordScheduleEvent(
            summary="{1:result:name}", startDate=2_000_000_000, endDate=2_000_003_600, recurrenceType=0
        )
    )
    client.schedule.scheduleResource.add(KalturaLocationScheduleResource(name="room"))
    client.schedule.scheduleEventResource.add(
        KalturaScheduleEventResource(eventId="{3:result:id}", resourceId="{4:result:id}")
    )
    added, group, meeting, room, pair = client.doMultiRequest()
    assert (group.id, group.description) == (f"{added.id}_moderators", f"of {added.id}")
    assert (pair.eventId, pair.resourceId, meeting.summary) == (meeting.id, room.id, "a talk")


def test_a_later_list_begins_at_the_instant_of_an_earlier_answer(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    events = client.virtualEvent.virtualEvent
    events.add(KalturaVirtualEvent(name="before"))
    kaltura.control("POST", "clock", advance_s=10)
    client.media.add(video_entry(referenceId="r1"))
    kaltura.control("POST", "clock", advance_s=10)
    events.add(KalturaVirtualEvent(name="after"))
    named = {}
    since = "{1:result:objects:0:createdAt}"
    for reference in ("r1", "nothing"):
        client.startMultiRequest()
        client.baseEntry.list(KalturaBaseEntryFilter(referenceIdEqual=reference, statusIn="-2,-1,0,1,2,4,7"))
        events.list(KalturaVirtualEventFilter(createdAtGreaterThanOrEqual=since, orderBy="+createdAt"))
        events.list(KalturaVirtualEventFilter(createdAtLessThanOrEqual=since, orderBy="+createdAt"))
        _, later, earlier = client.doMultiRequest()
        named[reference] = [[each.name for each in listed.objects] for listed in (later, earlier)]
    # Nothing was found, so nothing is demanded.
    assert named == {"r1": [["after"], ["before"]], "nothing": [["before", "after"]] * 2}


def test_a_reference_into_a_failed_answer_is_empty_and_the_rest_goes_on(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    client.startMultiRequest()
    client.media.get("0_nothing")
    client.media.add(video_entry(name="[{1:result:id}]"))
    failed, added = client.doMultiRequest()
    assert (failed.code, added.name) == ("ENTRY_ID_NOT_FOUND", "[]")


def test_a_multirequest_asks_for_what_belongs_to_all_that_it_has_listed(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.admin()
    ids = {client.media.add(video_entry()).id for _ in range(3)}
    for entry_id in ids:
        token = client.uploadToken.add(KalturaUploadToken())
        client.uploadToken.upload(token.id, ("a.mp4", io.BytesIO(video.read_bytes()), "video/mp4"))
        client.media.addContent(entry_id, KalturaUploadedFileTokenResource(token=token.id))
    client.startMultiRequest()
    client.media.list(KalturaMediaEntryFilter())
    client.flavorAsset.list(KalturaFlavorAssetFilter(entryIdIn="{1:result:objects:_all:id}", flavorParamsIdEqual=0))
    client.media.list(KalturaMediaEntryFilter(nameLike="nothing"))
    client.flavorAsset.list(KalturaFlavorAssetFilter(entryIdIn="{3:result:objects:_all:id}"))
    client.media.add(video_entry(name="{1:result:objects:_all:name}"))
    listed, sources, nothing, refused, added = client.doMultiRequest()
    assert {one.id for one in listed.objects} == {one.entryId for one in sources.objects} == ids
    assert (nothing.objects, refused.code) == ([], "PROPERTY_VALIDATION_CANNOT_BE_NULL")
    assert added.name == "a lesson,a lesson,a lesson,"


def test_files_travel_in_multirequests(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.admin()
    client.startMultiRequest()
    token = client.uploadToken.add(KalturaUploadToken())
    client.uploadToken.upload(token.id, ("a.mp4", io.BytesIO(video.read_bytes()), "video/mp4"))
    added = client.media.add(video_entry())
    client.media.addContent(added.id, KalturaUploadedFileTokenResource(token=token.id))
    answers = client.doMultiRequest()
    assert client.media.get(answers[2].id).status.getValue() == "2"


def test_a_response_profile_trims_the_answer(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    client.media.add(video_entry(tags="x"))
    profile = KalturaDetachedResponseProfile(
        type=KalturaResponseProfileType.INCLUDE_FIELDS, fields="id,status,updatedAt"
    )
    client.setResponseProfile(profile)
    shown = client.baseEntry.list(KalturaBaseEntryFilter(statusEqual="7")).objects[0]
    assert shown.status.getValue() == "7"
    assert (shown.name, shown.tags) == (NotImplemented, NotImplemented)


FORM = {"service": "media", "action": "add", "entry:name": "by form", "entry:mediaType": "1"}


@pytest.mark.parametrize(
    "how",
    [
        {"data": FORM},
        {"json": {"entry": {"name": "by form", "mediaType": 1}, "service": "media", "action": "add"}},
        {"files": {"json": (None, '{"entry": {"name": "by form", "mediaType": "1"}}')}, "params": FORM},
        {"data": {"entry[name]": "by form", "entry[mediaType]": "1"}, "params": {"service": "media", "action": "add"}},
    ],
    ids=["form", "JSON", "multipart", "brackets"],
)
def test_every_form_of_body_is_read(kaltura: KalturaServer, how: dict[str, Any]) -> None:
    ks = mint("ann", KalturaSessionType.USER)
    address = f"{kaltura.url}/api_v3/index.php"
    how = {**how, "params": {**how.get("params", {}), "ks": ks, "format": "1"}}
    assert requests.post(address, timeout=10, **how).json()["name"] == "by form"


def test_answers_come_as_xml_json_jsonp_and_php(kaltura: KalturaServer) -> None:
    address = f"{kaltura.url}/api_v3/service/media/action/get/entryId/0_x/ks/{mint('ann', 2)}"
    error = {
        "code": "ENTRY_ID_NOT_FOUND",
        "message": 'Entry id "0_x" not found',
        "objectType": "KalturaAPIException",
        "args": {"ENTRY_ID": "0_x"},
    }

    def ask(form: int) -> requests.Response:
        return requests.get(address, params={"format": str(form), "callback": "told"}, timeout=10)

    assert (ask(1).status_code, ask(1).json()) == (200, error)
    assert ask(9).text.startswith("told({")
    assert ask(9).text.endswith("});")
    assert ask(3).text.startswith('a:4:{s:4:"code";s:18:"ENTRY_ID_NOT_FOUND";')
    assert "<error><code>ENTRY_ID_NOT_FOUND</code>" in ask(2).text
    assert ask(7).text.count("UNKNOWN_RESPONSE_FORMAT") == 1


def test_a_browser_may_call(kaltura: KalturaServer) -> None:
    address = f"{kaltura.url}/api_v3/service/uploadtoken/action/upload"
    preflight = requests.options(address, headers={"Origin": "http://localhost:4200"}, timeout=10)
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "Content-Type" in preflight.headers["Access-Control-Allow-Headers"]
    assert requests.post(address, timeout=10).headers["Access-Control-Allow-Origin"] == "*"


def test_unknown_service_or_action_is_named(kaltura: KalturaServer) -> None:
    for path, expected in (
        ("service/nothing/action/get", "SERVICE_DOES_NOT_EXISTS"),
        ("service/media/action/nothing", "ACTION_DOES_NOT_EXISTS"),
        ("service/media/action/get", "MISSING_MANDATORY_PARAMETER"),
        ("", "SERVICE_NOT_SPECIFIED"),
    ):
        answer = requests.get(f"{kaltura.url}/api_v3/{path}", params={"format": "1"}, timeout=10)
        assert answer.json()["code"] == expected


def test_the_request_log_names_calls_users_errors_and_connections(kaltura: KalturaServer) -> None:
    client = kaltura.user("ann")
    assert error_of(client.media.get, "0_x") == "ENTRY_ID_NOT_FOUND"
    client.startMultiRequest()
    client.system.ping()
    client.media.list()
    client.doMultiRequest()
    with requests.Session() as kept:
        for _ in range(2):
            kept.get(f"{kaltura.url}/api_v3/service/system/action/ping", timeout=10)
    first, second, third, fourth = kaltura.control("GET", "requests")
    assert [(part["action"], part["user"], part["error"]) for part in first["parts"]] == [
        ("get", "ann", "ENTRY_ID_NOT_FOUND")
    ]
    assert [(part["service"], part["action"]) for part in second["parts"]] == [("system", "ping"), ("media", "list")]
    assert len({first["connection"], second["connection"], third["connection"]}) == 3
    assert third["connection"] == fourth["connection"]
    kaltura.control("DELETE", "requests")
    assert kaltura.control("GET", "requests") == []
