"""The simulator judged by Kaltura's clients of other languages: JavaScript and TypeScript.

Their packages come from `node/package-lock.json` by `npm ci`.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from KalturaClient.Plugins.Core import KalturaSessionType

from emulator_tests.simulators.tests.kaltura_server import ADMIN_SECRET, PARTNER_ID, KalturaServer, mint

_FOLDER = Path(__file__).parent / "node"
_TIMEOUT_S = 60


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
