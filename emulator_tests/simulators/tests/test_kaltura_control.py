"""The simulator's own interface: what it can do, what was asked of it, and what only it can set."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from KalturaClient.Plugins.Core import KalturaMediaEntryFilter

from emulator_tests.simulators.tests.kaltura_calls import video_entry
from emulator_tests.simulators.tests.kaltura_content import get, manifest, ready_entry
from emulator_tests.simulators.tests.kaltura_server import KalturaServer


def test_every_action_is_told_with_its_roles_and_whether_it_reads(kaltura: KalturaServer) -> None:
    """A7: so that an attack can try every read there is."""
    actions = {f"{each['service']}.{each['action']}": each for each in kaltura.control("GET", "actions")}
    assert len(actions) > 200
    assert actions["baseEntry.list"] == {
        "service": "baseEntry",
        "action": "list",
        "parameters": {"filter": "KalturaBaseEntryFilter", "pager": "pager"},
        "roles": ["user", "widget", "playback"],
        "ownerOnly": False,
        "reads": True,
    }
    reads = {name for name, each in actions.items() if each["reads"]}
    assert reads >= {
        "baseEntry.get", "media.get", "media.list", "captionsearch_captionassetitem.search",
        "captionsearch_captionassetitem.searchEntries", "cuePoint_cuePoint.list", "metadata_metadata.list",
        "liveStream.isLive", "media.count",
    }  # fmt: skip
    assert not reads & {
        "media.add", "media.update", "annotation_annotation.add", "metadata_metadata.add", "baseEntry.flag",
        "widget.add", "session.end", "media.reject", "uploadToken.upload",
    }  # fmt: skip
    assert actions["baseEntry.flag"]["roles"][0] == "always"


def test_requests_are_counted_by_action_and_kind_of_delivery(kaltura: KalturaServer, video: Path) -> None:
    shown = ready_entry(kaltura, video)
    kaltura.control("DELETE", "counts")
    client = kaltura.admin()
    client.media.get(shown.id)
    client.startMultiRequest()
    client.media.get(shown.id)
    client.schedule.scheduleEvent.list()
    client.doMultiRequest()
    get(manifest(kaltura, shown.id))
    get(shown.thumbnailUrl)
    assert kaltura.control("GET", "counts") == {
        "media.get": 2,
        "schedule_scheduleevent.list": 1,
        "playManifest": 1,
        "serveFlavor": 1,
        "thumbnail": 1,
    }


def test_what_only_the_server_writes_can_be_set(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    old = client.media.add(video_entry())
    fields = {"lastPlayedAt": 1_000, "plays": 7, "views": 9, "createdAt": 500}
    kaltura.control("POST", "change", kind="entries", id=old.id, fields=fields)
    shown = client.media.get(old.id)
    assert (shown.lastPlayedAt, shown.plays, shown.views, shown.createdAt) == (1_000, 7, 9, 500)
    asked = KalturaMediaEntryFilter(statusEqual="7", createdAtLessThanOrEqual=501)
    assert [each.id for each in client.media.list(asked).objects] == [old.id]
    for body in ({"kind": "entries", "id": "0_nothing", "fields": {}}, {"kind": "nothing", "id": 1, "fields": {}}):
        with pytest.raises(requests.HTTPError, match="400"):
            kaltura.control("POST", "change", **body)


def test_every_kind_of_thing_is_listed(kaltura: KalturaServer) -> None:
    kinds = set(kaltura.control("GET", "things"))
    assert kinds >= {
        "entries", "flavorAssets", "thumbAssets", "captionAssets", "cuePoints", "metadata", "metadataProfiles",
        "widgets", "moderationFlags", "scheduleEvents", "scheduleResources", "scheduleEventResources", "users",
        "groups", "groupUsers", "uploadTokens", "virtualEvents", "categories", "permissions", "userRoles", "appTokens",
    }  # fmt: skip
    assert all(rows == [] for rows in kaltura.control("GET", "things").values())
