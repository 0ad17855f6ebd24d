"""The state of the Kaltura simulator after a kill."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from KalturaClient.Plugins.Core import (
    KalturaUploadedFileTokenResource,
    KalturaUploadToken,
)

from emulator_tests.simulators.tests.kaltura_calls import error_of, video_entry
from emulator_tests.simulators.tests.kaltura_content import get, manifest, ready_entry
from emulator_tests.simulators.tests.kaltura_server import PARTNER_ID, KalturaServer

#: A thousand years.
NEVER_S = 365_000 * 86_400


@pytest.fixture
def lasting() -> Iterator[list[KalturaServer]]:
    """Servers that share one state file; the test starts them one after the other."""
    servers: list[KalturaServer] = []
    yield servers
    for server in servers:
        if server.process.poll() is None:
            server.stop()


def start(servers: list[KalturaServer], state: Path) -> KalturaServer:
    servers.append(KalturaServer("--ready-after", "0s", "--state", str(state)))
    return servers[-1]


def test_acknowledged_writes_survive_a_kill(lasting: list[KalturaServer], tmp_path: Path, video: Path) -> None:
    state = tmp_path / "kaltura.state"
    before = start(lasting, state)
    client = before.admin()
    ready = client.media.add(video_entry(referenceId="ready"))
    token = client.uploadToken.add(KalturaUploadToken())
    client.media.addContent(ready.id, KalturaUploadedFileTokenResource(token=token.id))
    client.uploadToken.upload(token.id, ("a.mp4", io.BytesIO(video.read_bytes()), "video/mp4"))
    gone = client.media.add(video_entry())
    client.media.delete(gone.id)
    half = client.uploadToken.add(KalturaUploadToken())
    data = video.read_bytes()
    client.uploadToken.upload(half.id, ("a.mp4", io.BytesIO(data[:1000]), "video/mp4"), finalChunk=False)
    ended = before.user("ann", "sessionid:s1")
    ended.session.end()
    things = before.control("GET", "things")
    before.kill()

    after = start(lasting, state)
    assert after.control("GET", "things") == things
    again = after.admin()
    assert again.media.get(ready.id).status.getValue() == "2"
    assert error_of(again.media.get, gone.id) == "ENTRY_ID_NOT_FOUND"
    place = f"{after.url}/p/{PARTNER_ID}/sp/{PARTNER_ID}00/playManifest/entryId/{ready.id}/format/url"
    assert requests.get(place, timeout=10).content == data
    rest = ("a.mp4", io.BytesIO(data[1000:]), "video/mp4")
    assert again.uploadToken.upload(half.id, rest, True, True, 1000).uploadedFileSize == len(data)
    assert error_of(after.user("bob", "sessionid:s1").media.list) == "INVALID_KS"


def test_a_torn_last_line_of_the_state_is_passed_over(lasting: list[KalturaServer], tmp_path: Path) -> None:
    state = tmp_path / "kaltura.state"
    before = start(lasting, state)
    kept = before.admin().media.add(video_entry())
    before.kill()
    with state.open("a") as journal:
        journal.write('["entries",{"id":"0_torn')
    assert start(lasting, state).admin().media.get(kept.id).id == kept.id


def test_conversion_goes_on_after_a_restart(lasting: list[KalturaServer], tmp_path: Path, video: Path) -> None:
    state = tmp_path / "kaltura.state"
    before = start(lasting, state)
    before.control("POST", "clock", ready="never")
    client = before.admin()
    waiting = client.media.add(video_entry())
    token = client.uploadToken.add(KalturaUploadToken())
    client.media.addContent(waiting.id, KalturaUploadedFileTokenResource(token=token.id))
    client.uploadToken.upload(token.id, ("a.mp4", io.BytesIO(video.read_bytes()), "video/mp4"))
    assert client.media.get(waiting.id).status.getValue() == "1"
    before.kill()
    assert start(lasting, state).admin().media.get(waiting.id).status.getValue() == "2"


def test_play_that_is_not_counted_yet_survives_a_kill(
    lasting: list[KalturaServer], tmp_path: Path, video: Path
) -> None:
    state = tmp_path / "kaltura.state"
    before = start(lasting, state)
    before.control("POST", "settings", plays_synced_every_s=NEVER_S)
    entry = ready_entry(before, video)
    get(manifest(before, entry.id))
    assert before.admin().media.get(entry.id).plays == 0
    before.kill()
    after = start(lasting, state)
    after.control("POST", "settings", plays_synced_every_s=0)
    assert after.admin().media.get(entry.id).plays == 1
