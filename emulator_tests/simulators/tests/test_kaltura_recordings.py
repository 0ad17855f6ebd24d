"""Deletion of live entries and of their recordings at the Kaltura simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
from KalturaClient.exceptions import KalturaException
from KalturaClient.Plugins.Core import (
    KalturaRecordStatus,
    KalturaSessionType,
    KalturaSourceType,
)

from emulator_tests.simulators.tests.kaltura_broadcasts import end, live, play, recordings, size, status
from emulator_tests.simulators.tests.kaltura_calls import error_of
from emulator_tests.simulators.tests.kaltura_server import KalturaServer, mint

NO_CONTENT, PRECONVERT, READY = "7", "1", "2"

APPENDED, PER_SESSION = KalturaRecordStatus.APPENDED, KalturaRecordStatus.PER_SESSION

WEEK_S = 7 * 86400

#: An encoder that is back within this many seconds goes on with the same recording.
RECONNECT_S = 180


def lasting(kaltura: KalturaServer) -> Any:
    """The vendor's client with an ADMIN session that outlives a week."""
    return kaltura.client(mint("operator", KalturaSessionType.ADMIN, "disableentitlement", 30 * 86400))


@pytest.fixture
def short_film(video: Path, tmp_path: Path) -> Path:
    """The same video with another size, so that one can be told from the other."""
    film = tmp_path / "short.mp4"
    # Bytes after the last box of an MP4 file mean nothing.
    film.write_bytes(video.read_bytes() + b"\0\0\0\x10free" + bytes(8))
    return film


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


def test_recording_older_than_a_week_is_not_appended_to(kaltura: KalturaServer, video: Path) -> None:
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


def test_a_live_entry_waits_for_its_recording(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.admin()
    deletions = (client.liveStream.delete, client.baseEntry.delete)
    added = live(client, APPENDED)
    play(kaltura, added.id)
    for delete in deletions:
        assert error_of(delete, added.id) == "CANNOT_DELETE_LIVE_ENTRY_WHILE_STREAMING"
    assert error_of(client.media.delete, added.id) == "ENTRY_ID_NOT_FOUND"
    end(kaltura, added.id)
    for delete in deletions:
        assert error_of(delete, added.id) == "RECORDED_NOT_READY"
    kaltura.control("POST", "clock", ready="after_s:60")
    end(kaltura, added.id, video)
    for delete in deletions:
        assert error_of(delete, added.id) == "RECORDED_NOT_READY"
    kaltura.control("POST", "clock", advance_s=61)
    client.liveStream.delete(added.id)
    [recorded] = recordings(client, added.id)
    assert recorded.status.getValue() == READY


@pytest.mark.parametrize("service", ["liveStream", "baseEntry"])
def test_recording_is_not_awaited_after_a_week(kaltura: KalturaServer, service: str) -> None:
    client = lasting(kaltura)
    added = live(client, APPENDED)
    play(kaltura, added.id)
    end(kaltura, added.id)
    delete = getattr(client, service).delete
    kaltura.control("POST", "clock", advance_s=WEEK_S - 60)
    assert error_of(delete, added.id) == "RECORDED_NOT_READY"
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
    assert error_of(client.baseEntry.delete, recorded_id) == "RECORDING_CONTENT_NOT_YET_SET"
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
