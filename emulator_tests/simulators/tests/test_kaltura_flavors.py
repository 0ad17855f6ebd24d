"""The files of an entry at the Kaltura simulator: versions, sizes, conversion and replacement, by Kaltura's client."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from KalturaClient.Plugins.Core import KalturaConversionProfile, KalturaUploadToken

from emulator_tests.simulators.kaltura.models.flavors import rounded_kb
from emulator_tests.simulators.tests.kaltura_calls import resource, send, video_entry
from emulator_tests.simulators.tests.kaltura_content import get, ready_entry
from emulator_tests.simulators.tests.kaltura_server import KalturaServer

SOURCE, SMALL = 0, 487041
CONVERTING, READY, NO_CONTENT = 1, 2, 7


def flavors(client: Any, entry_id: str) -> dict[int, Any]:
    """The flavors of an entry by their params."""
    return {each.flavorParamsId: each for each in client.flavorAsset.getByEntryId(entry_id)}


def status(thing: Any) -> int:
    return int(thing.status.getValue())


def filled_token(client: Any, content: bytes) -> Any:
    token = client.uploadToken.add(KalturaUploadToken())
    send(client, token.id, content)
    return resource(token.id)


def padded(video: Path, size_bytes: int) -> bytes:
    """A video of an exact size: what it lacks is in a box that players skip."""
    content = video.read_bytes()
    box_bytes = size_bytes - len(content)
    return content + box_bytes.to_bytes(4, "big") + b"free" + bytes(box_bytes - 8)


@pytest.fixture(scope="module")
def red_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of red."""
    file = tmp_path_factory.mktemp("media") / "red.mp4"
    source = ("-f", "lavfi", "-i", "color=red:size=320x180:rate=25:duration=2")
    subprocess.run(["ffmpeg", "-v", "error", *source, "-c:v", "libx264", str(file)], check=True, timeout=60)
    return file


def test_replaced_content_keeps_its_flavors_and_grows_their_versions(
    kaltura: KalturaServer, video: Path, red_video: Path
) -> None:
    client = kaltura.admin()
    entry = ready_entry(kaltura, video)
    before = flavors(client, entry.id)
    client.media.updateContent(entry.id, filled_token(client, red_video.read_bytes()))
    after = flavors(client, entry.id)
    assert {key: each.id for key, each in after.items()} == {key: each.id for key, each in before.items()}
    assert (before[SOURCE].version, after[SOURCE].version) == (2, 12)
    assert after[SOURCE].sizeInBytes == red_video.stat().st_size
    for ask in (client.flavorAsset.getUrl, client.flavorAsset.getDownloadUrl):
        assert get(ask(before[SOURCE].id)).content == red_video.read_bytes()


def test_flavor_that_new_content_does_not_have_is_deleted(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.admin()
    entry = ready_entry(kaltura, video)
    source_only = client.conversionProfile.add(_profile("0"))
    client.media.updateContent(entry.id, filled_token(client, video.read_bytes()), source_only.id)
    assert set(flavors(client, entry.id)) == {SOURCE}


def test_flavor_converted_again_keeps_its_id_and_is_away_meanwhile(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.admin()
    entry = ready_entry(kaltura, video)
    before = flavors(client, entry.id)[SMALL]
    kaltura.control("POST", "clock", ready="after_s:60")
    client.flavorAsset.convert(entry.id, SMALL)
    away = flavors(client, entry.id)[SMALL]
    assert (away.id, status(away), status(client.media.get(entry.id))) == (before.id, CONVERTING, READY)
    kaltura.control("POST", "clock", advance_s=61)
    again = flavors(client, entry.id)[SMALL]
    assert (again.id, status(again), again.version > before.version) == (before.id, READY, True)
    assert get(client.flavorAsset.getUrl(again.id)).content == video.read_bytes()


def test_source_is_not_converted(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.admin()
    entry = ready_entry(kaltura, video)
    client.flavorAsset.convert(entry.id, SOURCE)
    there = client.flavorAsset.getByEntryId(entry.id)
    assert [each.version for each in there if each.isOriginal] == [2]


@pytest.mark.parametrize(
    ("size_bytes", "kb"),
    [
        # The pair that PrincetonUniversity/kaltura_archiver's test_size_comparison.py holds.
        (251_149_730, 245_760),
        (204_800, 200),
        (2_675_000, 2_611),
        (5_000_000_000, 4_886_364),
        (500, 0),
    ],
)
def test_rounded_sizes_are_those_of_mediainfo(size_bytes: int, kb: int) -> None:
    assert rounded_kb(size_bytes) == kb


def test_sizes_can_be_inexact_and_missing(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.admin()
    content = padded(video, 2_675_000)
    exact = flavors(client, _entry_of(kaltura, content))[SOURCE]
    assert (exact.size, exact.sizeInBytes) == (2_675_000 // 1024, 2_675_000)
    kaltura.control("POST", "settings", sizes_rounded=True, sizes_in_bytes=False)
    old = flavors(client, _entry_of(kaltura, content))[SOURCE]
    assert (old.size, old.sizeInBytes) == (2_611, 0)
    assert len(get(client.flavorAsset.getUrl(old.id)).content) == 2_675_000


def test_emptied_entry_takes_a_placeholder_and_its_picture_at_once(
    kaltura: KalturaServer, video: Path, red_video: Path
) -> None:
    """The order of PrincetonUniversity/kaltura_archiver's replaceOriginal, with conversion that takes its time."""
    client = kaltura.admin()
    entry = ready_entry(kaltura, video)
    for each in flavors(client, entry.id).values():
        client.flavorAsset.delete(each.id)
    assert status(client.media.get(entry.id)) == NO_CONTENT
    kaltura.control("POST", "clock", ready="after_s:60")
    client.media.addContent(entry.id, filled_token(client, red_video.read_bytes()))
    client.media.updateThumbnail(entry.id, 1)
    shown = client.media.get(entry.id)
    assert status(shown) == CONVERTING
    assert _is_red(get(shown.thumbnailUrl).content)
    kaltura.control("POST", "clock", advance_s=61)
    assert status(client.media.get(entry.id)) == READY


@pytest.mark.parametrize("grows", [False, True], ids=["lower bitrate", "higher bitrate"])
def test_emptied_entry_keeps_its_picture_unless_what_comes_is_of_a_higher_bitrate(
    kaltura: KalturaServer, video: Path, red_video: Path, grows: bool
) -> None:
    """So a placeholder needs updateThumbnail to be seen in lists."""
    client = kaltura.admin()
    old, new = (red_video, video) if grows else (video, red_video)
    entry = ready_entry(kaltura, old)
    for each in flavors(client, entry.id).values():
        client.flavorAsset.delete(each.id)
    assert _is_red(get(entry.thumbnailUrl).content) is grows
    client.media.addContent(entry.id, filled_token(client, new.read_bytes()))
    after = client.media.get(entry.id)
    assert not _is_red(get(after.thumbnailUrl).content)
    assert (after.version > entry.version) is grows


def test_picture_that_was_set_stays_when_an_emptied_entry_is_filled(
    kaltura: KalturaServer, video: Path, red_video: Path
) -> None:
    client = kaltura.admin()
    entry = ready_entry(kaltura, red_video)
    client.media.updateThumbnail(entry.id, 1)
    for each in flavors(client, entry.id).values():
        client.flavorAsset.delete(each.id)
    client.media.addContent(entry.id, filled_token(client, video.read_bytes()))
    assert _is_red(get(client.media.get(entry.id).thumbnailUrl).content)


def test_picture_of_the_old_content_goes_with_it(kaltura: KalturaServer, video: Path, red_video: Path) -> None:
    client = kaltura.admin()
    entry = ready_entry(kaltura, red_video)
    before = client.media.updateThumbnail(entry.id, 1)
    assert _is_red(get(before.thumbnailUrl).content)
    client.media.updateContent(entry.id, filled_token(client, video.read_bytes()))
    after = client.media.get(entry.id)
    assert after.thumbnailUrl != before.thumbnailUrl
    assert not _is_red(get(after.thumbnailUrl).content)


def _profile(params: str) -> Any:
    return KalturaConversionProfile(name="source only", flavorParamsIds=params)


def _entry_of(kaltura: KalturaServer, content: bytes) -> str:
    client = kaltura.admin()
    entry = client.media.add(video_entry())
    client.media.addContent(entry.id, filled_token(client, content))
    return str(entry.id)


def _is_red(jpeg: bytes) -> bool:
    """Tell whether the mean colour of a picture is red."""
    command = ["ffmpeg", "-v", "error", "-i", "-", "-vf", "scale=1:1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    red, green, blue = subprocess.run(command, input=jpeg, capture_output=True, check=True, timeout=60).stdout
    return red > 200 and green < 60 and blue < 60
