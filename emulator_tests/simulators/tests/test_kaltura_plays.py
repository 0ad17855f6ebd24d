"""The counters of plays at the Kaltura simulator, by Kaltura's Python client and the addresses of a player."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
from KalturaClient.Plugins.Core import KalturaMediaEntryFilter, KalturaSessionType

from emulator_tests.simulators.tests.kaltura_calls import video_entry
from emulator_tests.simulators.tests.kaltura_content import get, manifest, ready_entry
from emulator_tests.simulators.tests.kaltura_server import KalturaServer, mint

DAY_S = 86_400
#: 1 December 2026, 08:00 UTC, two hours before the job that writes plays into entries.
BEFORE_THE_JOB = 1_796_112_000
AT_ONCE = 0


def lasting_admin(kaltura: KalturaServer) -> Any:
    """The vendor's client with a session that outlives what these tests advance the clock by."""
    return kaltura.client(mint("operator", KalturaSessionType.ADMIN, "disableentitlement", 400 * DAY_S))


def counters(client: Any, entry_id: str) -> tuple[int, int, int]:
    """Plays, views and the last play of an entry, 0 for never."""
    entry = client.media.get(entry_id)
    last = entry.lastPlayedAt
    return entry.plays, entry.views, last if isinstance(last, int) else 0


@pytest.mark.parametrize("kind", ["url", "applehttp"])
def test_play_is_counted_when_the_job_of_the_day_has_run(kaltura: KalturaServer, video: Path, kind: str) -> None:
    client = lasting_admin(kaltura)
    entry = ready_entry(kaltura, video)
    kaltura.control("POST", "clock", stand_at=BEFORE_THE_JOB)
    get(manifest(kaltura, entry.id, kind))
    kaltura.control("POST", "clock", advance_s=3600)
    get(manifest(kaltura, entry.id, kind))
    assert counters(client, entry.id) == (0, 0, 0)

    kaltura.control("POST", "clock", advance_s=3600)

    assert counters(client, entry.id) == (2, 2, BEFORE_THE_JOB + 3600)
    assert client.media.get(entry.id).updatedAt == entry.updatedAt
    kaltura.control("POST", "clock", advance_s=DAY_S)
    assert counters(client, entry.id) == (2, 2, BEFORE_THE_JOB + 3600)


def test_lists_find_a_played_entry_by_its_last_play(kaltura: KalturaServer, video: Path) -> None:
    kaltura.control("POST", "settings", plays_synced_every_s=AT_ONCE)
    client = lasting_admin(kaltura)
    played, _never = ready_entry(kaltura, video), ready_entry(kaltura, video)
    kaltura.control("POST", "clock", stand_at=BEFORE_THE_JOB)
    get(manifest(kaltura, played.id))
    found = client.media.list(KalturaMediaEntryFilter(lastPlayedAtGreaterThanOrEqual=BEFORE_THE_JOB)).objects
    assert [each.id for each in found] == [played.id]
    found = client.media.list(KalturaMediaEntryFilter(orderBy="-lastPlayedAt")).objects
    assert found[0].id == played.id


def test_only_playing_is_counted(kaltura: KalturaServer, video: Path) -> None:
    kaltura.control("POST", "settings", plays_synced_every_s=AT_ONCE)
    client = lasting_admin(kaltura)
    entry, empty = ready_entry(kaltura, video), client.media.add(video_entry())
    source = next(each for each in client.flavorAsset.getByEntryId(entry.id) if each.isOriginal)
    get(client.flavorAsset.getUrl(source.id))
    get(entry.downloadUrl)
    get(entry.thumbnailUrl)
    requests.head(manifest(kaltura, entry.id), timeout=20)
    assert get(manifest(kaltura, empty.id)).status_code == 404
    assert counters(client, entry.id) == counters(client, empty.id) == (0, 0, 0)
    get(manifest(kaltura, entry.id))
    assert counters(client, entry.id)[:2] == (1, 1)


YEAR_S = 365 * DAY_S


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"lastPlayedAtLessThanOrEqual": -YEAR_S}, "old"),
        ({"lastPlayedAtLessThanOrEqualOrNull": -YEAR_S}, "old never"),
        ({"lastPlayedAtGreaterThanOrEqual": -YEAR_S}, "new"),
        ({"createdAtLessThanOrEqual": -YEAR_S}, "never"),
        ({"createdAtGreaterThanOrEqual": -YEAR_S}, "old new"),
        ({"lastPlayedAtLessThanOrEqualOrNull": -YEAR_S, "createdAtLessThanOrEqual": -YEAR_S}, "never"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_lists_find_entries_by_years(kaltura: KalturaServer, wanted: dict[str, int], names: str) -> None:
    client = kaltura.admin()
    now = client.system.getTime()
    for name, fields in (
        ("old", {"lastPlayedAt": now - 2 * YEAR_S}),
        ("new", {"lastPlayedAt": now - DAY_S}),
        ("never", {"createdAt": now - 2 * YEAR_S}),
    ):
        entry = client.media.add(video_entry(name=name))
        kaltura.control("POST", "change", kind="entries", id=entry.id, fields={"status": 2, **fields})
    found = client.media.list(KalturaMediaEntryFilter(**wanted)).objects
    assert {each.name for each in found} == set(names.split())
