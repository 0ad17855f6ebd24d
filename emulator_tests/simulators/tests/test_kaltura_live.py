"""Live entries: their keys, broadcasts played to them, what is recorded of these, and what may then be deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
from KalturaClient.exceptions import KalturaException
from KalturaClient.Plugins.Core import (
    KalturaAppToken,
    KalturaBaseEntryFilter,
    KalturaFlavorAssetFilter,
    KalturaLiveStreamEntry,
    KalturaMediaEntryFilter,
    KalturaMediaType,
    KalturaRecordStatus,
    KalturaSessionType,
    KalturaSourceType,
)

from emulator_tests.simulators.tests.kaltura_server import KalturaServer, mint
from emulator_tests.simulators.tests.test_kaltura_services import EVERY_STATUS, code, entry

NO_CONTENT, PRECONVERT, READY = "7", "1", "2"
APPENDED, PER_SESSION = KalturaRecordStatus.APPENDED, KalturaRecordStatus.PER_SESSION
WEEK_S = 7 * 86400
#: An encoder that is back within this many seconds goes on with the same recording.
RECONNECT_S = 180
KEYS = (
    "streamPassword", "primaryBroadcastingUrl", "secondaryBroadcastingUrl", "primarySecuredBroadcastingUrl",
    "secondarySecuredBroadcastingUrl",
)  # fmt: skip


def lasting(kaltura: KalturaServer) -> Any:
    """The vendor's client with an ADMIN session that outlives a week."""
    return kaltura.client(mint("operator", KalturaSessionType.ADMIN, "disableentitlement", 30 * 86400))


def live(client: Any, record_status: int = KalturaRecordStatus.DISABLED, **fields: Any) -> Any:
    wanted = {"name": "a talk", "mediaType": KalturaMediaType.LIVE_STREAM_FLASH, "recordStatus": record_status}
    return client.liveStream.add(KalturaLiveStreamEntry(**{**wanted, **fields}))


def play(kaltura: KalturaServer, entry_id: str) -> None:
    kaltura.control("POST", "broadcast", entryId=entry_id, live=True)


def end(kaltura: KalturaServer, entry_id: str, film: Path | None = None) -> None:
    recording = {} if film is None else {"recording": str(film)}
    kaltura.control("POST", "broadcast", entryId=entry_id, live=False, **recording)


def recordings(client: Any, live_id: str) -> list[Any]:
    asked = KalturaMediaEntryFilter(rootEntryIdEqual=live_id, statusIn=EVERY_STATUS, orderBy="+createdAt")
    return list(client.media.list(asked).objects)


def size(client: Any, entry_id: str) -> int:
    flavors = client.flavorAsset.list(KalturaFlavorAssetFilter(entryIdEqual=entry_id)).objects
    return int(next(each.sizeInBytes for each in flavors if each.isOriginal))


def status(client: Any, entry_id: str) -> str:
    return str(client.media.get(entry_id).status.getValue())


def keys(shown: Any) -> list[str]:
    return [value for name in KEYS if isinstance(value := getattr(shown, name), str) and value]


@pytest.fixture
def short_film(video: Path, tmp_path: Path) -> Path:
    """The same film with another size, so that one can be told from the other."""
    film = tmp_path / "short.mp4"
    # Bytes after the last box of an MP4 file mean nothing.
    film.write_bytes(video.read_bytes() + b"\0\0\0\x10free" + bytes(8))
    return film


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
    for entry_id in (client.media.add(entry()).id, gone.id, "0_nothing"):
        assert code(renew, entry_id) == "INVALID_ENTRY_ID"
    elsewhere = live(client, sourceType=KalturaSourceType.MANUAL_LIVE_STREAM)
    assert code(renew, elsewhere.id) == "CANNOT_REGENERATE_STREAM_TOKEN_FOR_EXTERNAL_LIVE_STREAMS"
    added = live(client)
    assert code(kaltura.user("ann").liveStream.regenerateStreamToken, added.id) == "INVALID_KS"


def test_a_key_that_is_sent_is_kept(kaltura: KalturaServer) -> None:
    added = live(kaltura.admin(), streamPassword="ownkey01")
    assert (added.streamPassword, added.primaryBroadcastingUrl.partition("?t=")[2]) == ("ownkey01", "ownkey01")


def test_where_the_picture_is_sent_is_told_to_those_who_may_edit(kaltura: KalturaServer) -> None:
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


def test_without_a_film_nothing_arrives_and_it_may_come_later(kaltura: KalturaServer, video: Path) -> None:
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


def test_an_appended_broadcast_replaces_what_its_recording_holds(
    kaltura: KalturaServer, video: Path, short_film: Path
) -> None:
    client = kaltura.admin()
    # The approval that an account may demand is not demanded of recordings.
    kaltura.control("POST", "settings", replacement_approval=True)
    added = live(client, APPENDED)
    play(kaltura, added.id)
    end(kaltura, added.id, video)
    [first] = recordings(client, added.id)
    play(kaltura, added.id)
    kaltura.control("POST", "clock", ready="after_s:60")
    end(kaltura, added.id, short_film)
    # What was there stays playable until the new content is ready.
    assert (status(client, first.id), size(client, first.id)) == (READY, video.stat().st_size)
    kaltura.control("POST", "clock", advance_s=61)
    [again] = recordings(client, added.id)
    assert (again.id, again.status.getValue()) == (first.id, READY)
    assert again.sourceType.getValue() == KalturaSourceType.KALTURA_RECORDED_LIVE
    assert size(client, first.id) == short_film.stat().st_size


def test_what_was_appended_to_for_a_week_or_is_gone_is_not_appended_to(kaltura: KalturaServer, video: Path) -> None:
    client = lasting(kaltura)
    added = live(client, APPENDED)
    recorded = []
    for pause_s in (WEEK_S - 10, 20, 0):
        play(kaltura, added.id)
        end(kaltura, added.id, video)
        recorded.append(client.liveStream.get(added.id).recordedEntryId)
        kaltura.control("POST", "clock", advance_s=pause_s)
    assert recorded[0] == recorded[1] != recorded[2]
    client.media.delete(recorded[2])
    play(kaltura, added.id)
    assert client.liveStream.get(added.id).recordedEntryId not in recorded


def test_every_session_has_a_recording_unless_the_encoder_is_soon_back(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.admin()
    added = live(client, PER_SESSION)
    for pause_s in (0, RECONNECT_S - 10, RECONNECT_S + 2):
        kaltura.control("POST", "clock", advance_s=pause_s)
        play(kaltura, added.id)
        # An encoder's server reports again and again while it goes on.
        kaltura.control("POST", "clock", advance_s=2 * RECONNECT_S)
        play(kaltura, added.id)
        end(kaltura, added.id, video)
    assert [each.name for each in recordings(client, added.id)] == ["a talk 1", "a talk 2"]
    assert client.liveStream.get(added.id).recordedEntryId == recordings(client, added.id)[1].id


def test_a_broadcast_needs_a_living_live_entry_and_a_film_that_is_there(kaltura: KalturaServer, tmp_path: Path) -> None:
    client = kaltura.admin()
    gone = live(client)
    client.liveStream.delete(gone.id)
    for entry_id in ("0_nothing", gone.id, client.media.add(entry()).id):
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


def test_a_live_entry_waits_for_its_recording(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.admin()
    deletions = (client.liveStream.delete, client.baseEntry.delete)
    added = live(client, APPENDED)
    play(kaltura, added.id)
    for delete in deletions:
        assert code(delete, added.id) == "CANNOT_DELETE_LIVE_ENTRY_WHILE_STREAMING"
    assert code(client.media.delete, added.id) == "ENTRY_ID_NOT_FOUND"
    end(kaltura, added.id)
    for delete in deletions:
        assert code(delete, added.id) == "RECORDED_NOT_READY"
    kaltura.control("POST", "clock", ready="after_s:60")
    end(kaltura, added.id, video)
    for delete in deletions:
        assert code(delete, added.id) == "RECORDED_NOT_READY"
    kaltura.control("POST", "clock", advance_s=61)
    client.liveStream.delete(added.id)
    [recorded] = recordings(client, added.id)
    assert recorded.status.getValue() == READY


@pytest.mark.parametrize("service", ["liveStream", "baseEntry"])
def test_after_a_week_nobody_waits_for_a_recording(kaltura: KalturaServer, service: str) -> None:
    client = lasting(kaltura)
    added = live(client, APPENDED)
    play(kaltura, added.id)
    end(kaltura, added.id)
    delete = getattr(client, service).delete
    kaltura.control("POST", "clock", advance_s=WEEK_S - 60)
    assert code(delete, added.id) == "RECORDED_NOT_READY"
    kaltura.control("POST", "clock", advance_s=61)
    delete(added.id)


def test_a_recording_is_deleted_once_its_content_is_there_and_nothing_is_streamed_into_it(
    kaltura: KalturaServer, video: Path
) -> None:
    client = kaltura.admin()
    added = live(client, APPENDED)
    play(kaltura, added.id)
    end(kaltura, added.id)
    recorded_id = recordings(client, added.id)[0].id
    with pytest.raises(KalturaException) as caught:
        client.media.delete(recorded_id)
    assert caught.value.code == "RECORDING_CONTENT_NOT_YET_SET"
    told = f"Entry [{recorded_id}] cannot be deleted, waiting for recording engine to finish handling"
    assert caught.value.message == told
    end(kaltura, added.id, video)
    play(kaltura, added.id)
    assert code(client.baseEntry.delete, recorded_id) == "RECORDING_CONTENT_NOT_YET_SET"
    end(kaltura, added.id)
    client.media.delete(recorded_id)
    # What was recorded is gone, so nobody waits for it.
    client.liveStream.delete(added.id)


def test_after_a_week_a_recording_without_content_is_deleted(kaltura: KalturaServer) -> None:
    client = lasting(kaltura)
    added = live(client, APPENDED)
    play(kaltura, added.id)
    end(kaltura, added.id)
    recorded_id = recordings(client, added.id)[0].id
    kaltura.control("POST", "clock", advance_s=WEEK_S + 1)
    client.media.delete(recorded_id)
    assert status_of_deleted(kaltura, recorded_id) == 3


def status_of_deleted(kaltura: KalturaServer, entry_id: str) -> int:
    things = requests.get(f"{kaltura.url}/_simulator/things?deleted=1", timeout=10).json()
    return int(next(each["status"] for each in things["entries"] if each["id"] == entry_id))


def test_the_control_interface_tells_what_belongs_together_and_no_secret(kaltura: KalturaServer) -> None:
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
