"""The simulator judged by Kaltura's clients in JavaScript and TypeScript, and by the data layer of its player.

Their packages come from `node/package-lock.json` by `npm ci`.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import requests
from KalturaClient.Plugins.Core import KalturaMediaEntry, KalturaMediaType, KalturaSessionType

from emulator_tests.simulators.tests.kaltura_content import PLAYER_CALLS, private_profile, ready_entry, role
from emulator_tests.simulators.tests.kaltura_server import ADMIN_SECRET, PARTNER_ID, KalturaServer, mint

_FOLDER = Path(__file__).parent / "node"
_TIMEOUT_S = 60
#: Errors of the player: what an access control profile blocks, and an entry without anything to play.
_BLOCKED = {"category": 2, "code": 2001, "severity": 2, "data": {"action": {"type": 1}, "messages": []}}
_NO_SOURCE = 3001


def run(script: str, *arguments: str) -> Any:
    """Run a script of the node folder and read what it prints."""
    done = subprocess.run(
        ["node", str(_FOLDER / script), *arguments], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_javascript_client_uploads_lists_batches_and_deletes(kaltura: KalturaServer, video: Path) -> None:
    seen = run("javascript_client.cjs", kaltura.url, str(PARTNER_ID), ADMIN_SECRET, str(video))
    assert seen["ping"] is True
    assert (seen["uploaded"]["status"], seen["uploaded"]["uploadedFileSize"]) == (3, video.stat().st_size)
    lesson = seen["entry"]
    assert (lesson["objectType"], lesson["status"], lesson["msDuration"]) == ("KalturaMediaEntry", 2, 2000)
    assert (seen["list"]["totalCount"], seen["list"]["objects"][0]["id"]) == (1, lesson["id"])
    assert [each["status"] for each in seen["flavors"]["objects"]] == [2, 2, 2, 2]
    added, got, renamed, missing, deleted = seen["batch"]
    assert got["id"] == added["id"]
    assert renamed["name"] == f"renamed {added['id']}"
    assert (missing["code"], deleted) == ("ENTRY_ID_NOT_FOUND", None)
    assert seen["event"]["objectType"] == "KalturaLiveStreamScheduleEvent"
    assert seen["refusals"]["missing"] == {
        "code": "ENTRY_ID_NOT_FOUND",
        "message": 'Entry id "0_nothing" not found',
        "objectType": "KalturaAPIException",
        "args": {"ENTRY_ID": "0_nothing"},
    }
    assert seen["refusals"]["readOnly"]["code"] == "PROPERTY_VALIDATION_NOT_UPDATABLE"
    assert seen["refusals"]["noSession"]["code"] == "MISSING_KS"
    assert seen["afterDelete"]["code"] == "ENTRY_ID_NOT_FOUND"
    assert kaltura.things("entries") == []
    assert [each["referenceId"] for each in kaltura.things("scheduleEvents")] == ["node-event"]


def test_the_typescript_client_reads_typed_answers_and_refers_within_batches(kaltura: KalturaServer) -> None:
    seen = run("typescript_client.cjs", kaltura.url, mint("ann", KalturaSessionType.USER))
    entry_id = seen["added"]["id"]
    assert (seen["added"]["isTyped"], seen["added"]["mediaType"]) == (True, 1)
    assert seen["listed"] == {"ids": [entry_id], "totalCount": 1}
    added, got, missing, deleted = seen["batch"]
    assert (added["id"], missing["error"]) == (got["id"], "ENTRY_ID_NOT_FOUND")
    assert "error" not in deleted
    assert seen["refused"]["code"] == "ENTRY_ID_NOT_FOUND"
    assert [each["id"] for each in kaltura.things("entries")] == [entry_id]


def played(kaltura: KalturaServer, entry_id: str, session: str = "") -> Any:
    """Let the player's data layer load an entry; without a session it takes a widget's."""
    return run("player_client.cjs", kaltura.url, str(PARTNER_ID), entry_id, session)


def assert_hls_plays(found: Any) -> None:
    address = found["sources"]["hls"][0]["url"]
    command = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", address]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True)
    assert 1.5 < float(shown.stdout) < 2.5


def test_the_player_loads_an_open_entry_with_a_widgets_session(kaltura: KalturaServer, video: Path) -> None:
    entry = ready_entry(kaltura, video)
    kaltura.control("DELETE", "counts")
    found = played(kaltura, entry.id)
    asked = ("session.startwidgetsession", "baseentry.list", "baseentry.getplaybackcontext", "metadata_metadata.list")
    assert kaltura.control("GET", "counts") == dict.fromkeys(asked, 1)
    sources = found["sources"]
    assert (sources["id"], sources["duration"], sources["type"], len(sources["progressive"])) == (entry.id, 2, "Vod", 3)
    assert requests.get(sources["progressive"][0]["url"], timeout=10).content == video.read_bytes()
    assert_hls_plays(found)


def test_the_player_loads_a_private_entry_with_a_viewers_session_only(kaltura: KalturaServer, video: Path) -> None:
    entry = ready_entry(kaltura, video, accessControlId=private_profile(kaltura))
    right = mint("ann", KalturaSessionType.USER, f"sview:{entry.id}")
    found = played(kaltura, entry.id, right)
    assert (found["session"]["ks"], found["sources"]["id"]) == (right, entry.id)
    assert_hls_plays(found)
    for session in ("", mint("ann", KalturaSessionType.USER, "sview:0_zzzzzzzz")):
        assert played(kaltura, entry.id, session)["error"] == _BLOCKED


def test_the_player_is_told_of_an_entry_that_is_not_there_or_not_ready(kaltura: KalturaServer) -> None:
    results = played(kaltura, "0_nothing")["error"]["data"]["results"]
    assert [each.get("error", {}).get("code") for each in results] == [
        None, "INVALID_ENTRY_ID", "ENTRY_ID_NOT_FOUND", "MUST_FILTER_ON_OBJECT_ID",
    ]  # fmt: skip
    kaltura.control("POST", "clock", ready="never")
    empty = kaltura.admin().media.add(KalturaMediaEntry(name="empty", mediaType=KalturaMediaType.VIDEO))
    assert played(kaltura, empty.id)["error"]["code"] == _NO_SOURCE


def test_the_player_loads_its_own_entry_with_a_role_for_playback_alone(kaltura: KalturaServer, video: Path) -> None:
    own = role(kaltura, *PLAYER_CALLS)
    private = private_profile(kaltura)
    entry, another = (ready_entry(kaltura, video, accessControlId=private) for _ in range(2))
    session = mint("ann", KalturaSessionType.USER, f"sview:{entry.id},setrole:{own}")
    assert_hls_plays(played(kaltura, entry.id, session))
    assert played(kaltura, another.id, session)["error"] == _BLOCKED
