"""Live entries: their keys, broadcasts played to them, what is recorded of these, and what may then be deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
from KalturaClient.Plugins.Core import (
    KalturaAppToken,
    KalturaBaseEntryFilter,
    KalturaFlavorAssetFilter,
    KalturaMediaEntryFilter,
    KalturaMediaType,
    KalturaRecordStatus,
    KalturaSourceType,
)

from emulator_tests.simulators.tests.kaltura_broadcasts import end, live, play, recordings, size, status
from emulator_tests.simulators.tests.kaltura_calls import EVERY_STATUS, error_of, video_entry
from emulator_tests.simulators.tests.kaltura_server import KalturaServer

NO_CONTENT, PRECONVERT, READY = "7", "1", "2"

APPENDED, PER_SESSION = KalturaRecordStatus.APPENDED, KalturaRecordStatus.PER_SESSION

KEYS = (
    "streamPassword", "primaryBroadcastingUrl", "secondaryBroadcastingUrl", "primarySecuredBroadcastingUrl",
    "secondarySecuredBroadcastingUrl",
)  # fmt: skip


def keys(shown: Any) -> list[str]:
    return [value for name in KEYS if isinstance(value := getattr(shown, name), str) and value]


def test_a_new_stream_token_is_in_every_address(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    added = live(client)
    renewed = client.liveStream.regenerateStreamToken(added.id)
    assert renewed.streamPassword != added.streamPassword
    urls = keys(renewed)[1:]
    assert [url.partition("?t=")[2] for url in urls] == [renewed.streamPassword] * 4
    assert len(set(urls)) == 4
    assert keys(client.liveStream.get(added.id)) == keys(renewed)
    assert (renewed.streamName, renewed.name) == (added.streamName, "a talk")


def test_a_stream_token_is_only_renewed_for_a_living_live_entry_of_kaltura(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    renew = client.liveStream.regenerateStreamToken
    gone = live(client)
    client.liveStream.delete(gone.id)
    for entry_id in (client.media.add(video_entry()).id, gone.id, "0_nothing"):
        assert error_of(renew, entry_id) == "INVALID_ENTRY_ID"
    elsewhere = live(client, sourceType=KalturaSourceType.MANUAL_LIVE_STREAM)
    assert error_of(renew, elsewhere.id) == "CANNOT_REGENERATE_STREAM_TOKEN_FOR_EXTERNAL_LIVE_STREAMS"
    added = live(client)
    assert error_of(kaltura.user("ann").liveStream.regenerateStreamToken, added.id) == "INVALID_KS"


def test_a_key_that_is_sent_is_kept(kaltura: KalturaServer) -> None:
    added = live(kaltura.admin(), streamPassword="ownkey01")
    assert (added.streamPassword, added.primaryBroadcastingUrl.partition("?t=")[2]) == ("ownkey01", "ownkey01")


def test_ingest_address_is_shown_to_editors_only(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    added = live(client, userId="ann")
    assert len(keys(client.baseEntry.get(added.id))) == 5
    # The key itself needs CONTENT_MANAGE_BASE, which no USER session has.
    assert keys(kaltura.user("ann").liveStream.get(added.id)) == keys(added)[1:]
    assert keys(kaltura.user("bob", f"edit:{added.id}").liveStream.get(added.id)) == keys(added)[1:]
    stranger = kaltura.user("bob", "list:*")
    asked = KalturaBaseEntryFilter(idIn=added.id)
    for shown in (
        stranger.liveStream.get(added.id),
        stranger.baseEntry.get(added.id),
        stranger.liveStream.list().objects[0],
        stranger.baseEntry.list(asked).objects[0],
    ):
        assert (shown.id, keys(shown)) == (added.id, [])


def test_a_broadcast_is_recorded_into_an_entry_of_its_own(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.admin()
    added = live(
        client, APPENDED, tags="aa, bb", adminTags="secret", referenceId="r1", userId="ann", description="of ours"
    )
    play(kaltura, added.id)
    assert client.liveStream.isLive(added.id)
    [recorded] = recordings(client, added.id)
    assert client.liveStream.get(added.id).recordedEntryId == recorded.id
    assert (recorded.status.getValue(), recorded.mediaType.getValue()) == (NO_CONTENT, KalturaMediaType.VIDEO)
    assert recorded.sourceType.getValue() == KalturaSourceType.KALTURA_RECORDED_LIVE
    assert (recorded.name, recorded.userId, recorded.tags, recorded.description) == (
        "a talk",
        "ann",
        "aa, bb",
        "of ours",
    )
    assert (recorded.accessControlId, recorded.rootEntryId) == (added.accessControlId, added.id)
    assert (recorded.referenceId, recorded.adminTags) == ("", "")
    end(kaltura, added.id, video)
    assert not client.liveStream.isLive(added.id)
    shown = client.media.get(recorded.id)
    assert (shown.status.getValue(), shown.duration, size(client, recorded.id)) == (READY, 2, video.stat().st_size)
    of_recordings = KalturaMediaEntryFilter(sourceTypeEqual=KalturaSourceType.KALTURA_RECORDED_LIVE)
    assert [each.id for each in client.media.list(of_recordings).objects] == [recorded.id]
    assert video.exists()


def test_what_stems_from_a_live_entry_is_found_by_it(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    added, other = live(client, APPENDED), live(client, APPENDED)
    play(kaltura, added.id)
    play(kaltura, other.id)
    asked = KalturaBaseEntryFilter(rootEntryIdEqual=added.id, statusIn=EVERY_STATUS)
    recorded_id = client.liveStream.get(added.id).recordedEntryId
    assert {each.id for each in client.baseEntry.list(asked).objects} == {recorded_id}
    assert [each.id for each in recordings(client, added.id)] == [recorded_id]


def test_a_recording_is_processed_like_an_upload(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.admin()
    added = live(client, APPENDED)
    kaltura.control("POST", "clock", ready="after_s:60")
    play(kaltura, added.id)
    recorded_id = recordings(client, added.id)[0].id
    end(kaltura, added.id, video)
    assert status(client, recorded_id) == PRECONVERT
    kaltura.control("POST", "clock", advance_s=61)
    assert status(client, recorded_id) == READY
    flavors = client.flavorAsset.list(KalturaFlavorAssetFilter(entryIdEqual=recorded_id)).objects
    assert len(flavors) == 4, "a recording is converted by the profile for files, not by that for live entries"


def test_recording_without_content_may_get_it_later(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.admin()
    added = live(client, APPENDED)
    play(kaltura, added.id)
    end(kaltura, added.id)
    recorded_id = client.liveStream.get(added.id).recordedEntryId
    assert status(client, recorded_id) == NO_CONTENT
    kaltura.control("POST", "clock", advance_s=30)
    ended_at = client.liveStream.get(added.id).lastBroadcastEndTime
    end(kaltura, added.id, video)
    assert status(client, recorded_id) == READY
    assert client.liveStream.get(added.id).lastBroadcastEndTime == ended_at


def test_nothing_is_recorded_of_an_entry_that_does_not_record(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.admin()
    added = live(client)
    play(kaltura, added.id)
    end(kaltura, added.id, video)
    assert [each["id"] for each in kaltura.things("entries")] == [added.id]
    assert [each["entryId"] for each in kaltura.things("entryServerNodes")] == [added.id]
    client.liveStream.delete(added.id)
    assert kaltura.things("entryServerNodes") == []


def test_broadcast_needs_an_existing_live_entry_and_file(kaltura: KalturaServer, tmp_path: Path) -> None:
    client = kaltura.admin()
    gone = live(client)
    client.liveStream.delete(gone.id)
    for entry_id in ("0_nothing", gone.id, client.media.add(video_entry()).id):
        with pytest.raises(requests.HTTPError):
            play(kaltura, entry_id)
        with pytest.raises(requests.HTTPError):
            end(kaltura, entry_id)
    assert kaltura.things("entryServerNodes") == []
    added = live(client, APPENDED)
    play(kaltura, added.id)
    with pytest.raises(requests.HTTPError, match="400"):
        end(kaltura, added.id, tmp_path / "nothing.mp4")
    assert client.liveStream.isLive(added.id)


def test_control_lists_related_objects_without_secrets(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    added = live(client, APPENDED, description="of ours")
    play(kaltura, added.id)
    client.appToken.add(KalturaAppToken(sessionPrivileges="edit:*", description="of a key"))
    things = {each["id"]: each for each in kaltura.things("entries")}
    shown = things.pop(added.id)
    [recorded] = things.values()
    told = ("description", "recordStatus", "recordedEntryId", "rootEntryId")
    assert [shown.get(name) for name in told] == ["of ours", APPENDED, recorded["id"], added.id]
    assert (recorded["rootEntryId"], recorded["description"]) == (added.id, "of ours")
    [token] = kaltura.things("appTokens")
    assert (token["sessionPrivileges"], token["description"]) == ("edit:*", "of a key")
    everything = str(kaltura.control("GET", "things"))
    assert added.streamPassword not in everything
    assert client.appToken.list().objects[0].token not in everything
