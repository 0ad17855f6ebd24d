"""The fate of content: flavors that go, pictures sent as videos, entries without a type, and thumbnails."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path
from typing import Any

import pytest
from KalturaClient.Plugins.Core import (
    KalturaBaseEntry,
    KalturaFlavorAsset,
    KalturaFlavorAssetFilter,
    KalturaMediaEntry,
    KalturaMediaEntryFilter,
    KalturaMediaType,
    KalturaUploadedFileTokenResource,
    KalturaUploadToken,
)

from emulator_tests.simulators.tests.kaltura_calls import error_of
from emulator_tests.simulators.tests.kaltura_content import get, ready_entry
from emulator_tests.simulators.tests.kaltura_server import KalturaServer

NO_CONTENT, PRECONVERT, READY, ERROR_CONVERTING = "7", "1", "2", "-1"
FLAVOR_ERROR, FLAVOR_READY = -1, 2
AUTOMATIC, MEDIA_CLIP = "-1", "1"


def token(client: Any, file: Path, name: str) -> Any:
    added = client.uploadToken.add(KalturaUploadToken())
    client.uploadToken.upload(added.id, (name, io.BytesIO(file.read_bytes()), "application/octet-stream"))
    return KalturaUploadedFileTokenResource(token=added.id)


def filled(client: Any, file: Path, media_type: int = KalturaMediaType.VIDEO) -> Any:
    added = client.media.add(KalturaMediaEntry(name="a lesson", mediaType=media_type))
    client.media.addContent(added.id, token(client, file, "f.mp4"))
    return client.media.get(added.id)


def flavors(client: Any, entry_id: str) -> list[Any]:
    """The flavors of an entry, its source first."""
    listed = client.flavorAsset.list(KalturaFlavorAssetFilter(entryIdEqual=entry_id)).objects
    return sorted(listed, key=lambda each: each.flavorParamsId)


def named(*params: int) -> str:
    return ",".join(map(str, params))


def drawn(folder: Path, name: str, *arguments: str, size: str = "64x48") -> Path:
    file = folder / name
    source = ("-f", "lavfi", "-i", f"testsrc=size={size}:rate=5:duration=1")
    subprocess.run(["ffmpeg", "-v", "error", "-y", *source, *arguments, str(file)], check=True, timeout=60)
    return file


def test_an_entry_is_empty_once_its_last_ready_flavor_is_deleted(kaltura: KalturaServer, video: Path) -> None:
    """S1: flavorAsset::postUpdate and entry::syncFlavorParamsIds."""
    client = kaltura.admin()
    entry = ready_entry(kaltura, video)
    *others, last = there = flavors(client, entry.id)
    assert entry.flavorParamsIds == named(*(each.flavorParamsId for each in there))
    for each in others:
        client.flavorAsset.delete(each.id)
    left = client.media.get(entry.id)
    assert (left.status.getValue(), left.flavorParamsIds) == (READY, str(last.flavorParamsId))
    client.flavorAsset.delete(last.id)
    empty = client.media.get(entry.id)
    assert (empty.status.getValue(), empty.flavorParamsIds) == (NO_CONTENT, "")
    assert client.media.list(KalturaMediaEntryFilter()).totalCount == 0
    client.media.addContent(entry.id, token(client, video, "again.mp4"))
    assert client.media.get(entry.id).status.getValue() == READY


def test_an_empty_entry_is_filled_by_updating_its_content(kaltura: KalturaServer, video: Path) -> None:
    """S1: nothing is replaced, where nothing is."""
    client = kaltura.admin()
    entry = ready_entry(kaltura, video)
    for each in flavors(client, entry.id):
        client.flavorAsset.delete(each.id)
    client.media.updateContent(entry.id, token(client, video, "again.mp4"))
    assert (client.media.get(entry.id).status.getValue(), len(kaltura.things("entries"))) == (READY, 1)


def test_a_flavor_that_is_asked_for_is_converted_in_its_time(kaltura: KalturaServer, video: Path) -> None:
    """S7."""
    client = kaltura.admin()
    entry = ready_entry(kaltura, video)
    source, first, gone, last = (each.flavorParamsId for each in flavors(client, entry.id))
    client.flavorAsset.delete(flavors(client, entry.id)[2].id)
    assert client.media.get(entry.id).flavorParamsIds == named(source, first, last)
    kaltura.control("POST", "clock", ready="after_s:60")
    client.flavorAsset.convert(entry.id, gone)
    shown = client.media.get(entry.id)
    assert (shown.status.getValue(), shown.flavorParamsIds) == (READY, named(source, first, last)), "it plays on"
    kaltura.control("POST", "clock", advance_s=61)
    assert client.media.get(entry.id).flavorParamsIds == named(source, first, gone, last)


def test_every_flavor_is_shown_with_its_params_and_then_what_is_missing(kaltura: KalturaServer, video: Path) -> None:
    """S7."""
    client = kaltura.admin()
    entry = ready_entry(kaltura, video)
    there = flavors(client, entry.id)
    client.flavorAsset.delete(there.pop().id)
    shown = client.flavorAsset.getFlavorAssetsWithParams(entry.id)
    is_there = [isinstance(each.flavorAsset, KalturaFlavorAsset) for each in shown]
    assert is_there == sorted(is_there, reverse=True)
    assert {each.flavorAsset.id for each in shown[: len(there)]} == {each.id for each in there}
    assert is_there.count(True) == len(there) < len(shown)
    assert all(each.flavorParams.id is not None for each in shown)


@pytest.mark.parametrize(
    ("name", "how", "container"),
    [
        ("still.png", ("-frames:v", "1"), "png_pipe"),
        ("still.jpg", ("-frames:v", "1"), "jpeg_pipe"),
        ("still.bmp", ("-frames:v", "1"), "bmp_pipe"),
        ("still.webp", ("-frames:v", "1"), "webp_pipe"),
    ],
    ids=["PNG", "JPEG", "BMP", "WebP"],
)
@pytest.mark.parametrize("converts", [True, False], ids=["converted", "not converted"])
def test_picture_in_a_video_entry_has_no_duration_or_fails(
    kaltura: KalturaServer, tmp_path: Path, name: str, how: tuple[str, ...], container: str, converts: bool
) -> None:
    """B16: only an IMAGE takes a picture as such, KalturaEntryService::attachFile."""
    kaltura.control("POST", "settings", pictures_convert=converts)
    client = kaltura.admin()
    entry = filled(client, drawn(tmp_path, name, *how))
    assert entry.mediaType.getValue() == KalturaMediaType.VIDEO
    assert (entry.status.getValue(), entry.duration) == (READY if converts else ERROR_CONVERTING, 0)
    source, *transcodes = flavors(client, entry.id)
    assert (source.isOriginal, source.status.getValue(), source.containerFormat) == (True, FLAVOR_READY, container)
    assert (source.width, source.height) == (64, 48)
    expected = FLAVOR_READY if converts else FLAVOR_ERROR
    assert [each.status.getValue() for each in transcodes] == [expected] * 3


def test_animated_gif_in_a_video_entry_is_a_video(kaltura: KalturaServer, tmp_path: Path) -> None:
    """B16."""
    entry = filled(kaltura.admin(), drawn(tmp_path, "moving.gif"))
    assert (entry.mediaType.getValue(), entry.status.getValue(), entry.duration) == (1, READY, 1)


def test_tiny_picture_is_no_video(kaltura: KalturaServer, tmp_path: Path) -> None:
    """B16: KDLSanityLimits."""
    entry = filled(kaltura.admin(), drawn(tmp_path, "tiny.png", "-frames:v", "1", size="8x8"))
    assert entry.status.getValue() == ERROR_CONVERTING


def test_picture_replaces_a_video_only_if_pictures_convert(kaltura: KalturaServer, video: Path, picture: Path) -> None:
    """B16."""
    client = kaltura.admin()
    entry = ready_entry(kaltura, video)
    kaltura.control("POST", "settings", pictures_convert=False)
    client.media.updateContent(entry.id, token(client, picture, "f.mp4"))
    assert (client.media.get(entry.id).status.getValue(), client.media.get(entry.id).duration) == (READY, 2)
    client.media.cancelReplace(entry.id)
    kaltura.control("POST", "settings", pictures_convert=True)
    client.media.updateContent(entry.id, token(client, picture, "f.mp4"))
    replaced = client.media.get(entry.id)
    assert (replaced.status.getValue(), replaced.duration, replaced.mediaType.getValue()) == (READY, 0, 1)


def test_image_entry_accepts_any_file(kaltura: KalturaServer, video: Path, picture: Path) -> None:
    """B16."""
    for file in (video, picture):
        entry = filled(kaltura.admin(), file, KalturaMediaType.IMAGE)
        assert (entry.status.getValue(), entry.mediaType.getValue()) == (READY, KalturaMediaType.IMAGE)


def test_an_entry_without_a_type_gets_that_of_its_file(kaltura: KalturaServer, video: Path, picture: Path) -> None:
    """S7: BaseEntryService::setEntryTypeByResource goes by how the file's name ends."""
    client = kaltura.admin()
    for file, name, media_type in ((video, "f.MP4", 1), (picture, "slide.png", 2), (video, "talk.mp3", 5)):
        added = client.baseEntry.add(KalturaBaseEntry(name="anything"))
        assert (type(added), added.type.getValue()) == (KalturaBaseEntry, AUTOMATIC)
        assert error_of(client.media.addContent, added.id, token(client, file, name)) == "ENTRY_ID_NOT_FOUND"
        client.baseEntry.addContent(added.id, token(client, file, name))
        got = client.baseEntry.get(added.id)
        assert (type(got), got.type.getValue()) == (KalturaMediaEntry, MEDIA_CLIP)
        assert (got.mediaType.getValue(), got.status.getValue()) == (media_type, READY)


def test_an_entry_that_stays_without_a_type_takes_nothing(kaltura: KalturaServer, video: Path) -> None:
    """S7."""
    client = kaltura.admin()
    added = client.baseEntry.add(KalturaBaseEntry(name="anything"))
    empty = client.uploadToken.add(KalturaUploadToken(fileName="f.mp4"))
    for content in (token(client, video, "notes.txt"), KalturaUploadedFileTokenResource(token=empty.id)):
        assert error_of(client.baseEntry.addContent, added.id, content) == "ENTRY_TYPE_NOT_SUPPORTED"


def test_an_entrys_thumbnail_is_a_frame_or_a_picture_that_is_sent(
    kaltura: KalturaServer, video: Path, picture: Path
) -> None:
    client = kaltura.admin()
    entry = ready_entry(kaltura, video, userId="ann")
    before = get(entry.thumbnailUrl).content
    shown = client.media.updateThumbnail(entry.id, 0)
    frame = get(shown.thumbnailUrl).content
    assert (shown.version, len(frame) > 0) == (1, True)
    client.media.updateThumbnailJpeg(entry.id, ("slide.png", io.BytesIO(picture.read_bytes()), "image/png"))
    assert get(client.media.get(entry.id).thumbnailUrl).content not in (before, frame)
    assert kaltura.user("ann").media.updateThumbnail(entry.id, 1).version == 3
    assert error_of(kaltura.user("bob").media.updateThumbnail, entry.id, 1) == "PERMISSION_DENIED_TO_UPDATE_ENTRY"
