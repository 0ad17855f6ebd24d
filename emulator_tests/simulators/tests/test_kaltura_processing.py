"""Processing at the Kaltura simulator: readiness, replacement and conversion, by Kaltura's Python client."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from KalturaClient.Plugins.Core import (
    KalturaEntryReplacementOptions,
    KalturaFlavorAssetFilter,
    KalturaUploadToken,
)

from emulator_tests.simulators.tests.kaltura_calls import error_of, resource, send, uploaded_entry, video_entry
from emulator_tests.simulators.tests.kaltura_server import KalturaServer

NO_CONTENT, IMPORT, PRECONVERT, READY, ERROR_CONVERTING, ERROR_IMPORTING = 7, 0, 1, 2, -1, -2


def status(client: Any, entry_id: str) -> int:
    return int(client.media.get(entry_id).status.getValue())


def test_flavors_become_ready_one_by_one_and_move_the_entry(kaltura: KalturaServer, video: Path) -> None:
    kaltura.control("POST", "clock", ready="after_s:30")
    client = kaltura.admin()
    entry = uploaded_entry(client, video)
    seen = [(entry.status.getValue(), entry.flavorParamsIds)]
    updated = [entry.updatedAt]
    for _ in range(3):
        kaltura.control("POST", "clock", advance_s=10)
        shown = client.media.get(entry.id)
        seen.append((shown.status.getValue(), shown.flavorParamsIds))
        updated.append(shown.updatedAt)
    assert seen == [
        (str(PRECONVERT), "0"),
        (str(PRECONVERT), "0,487041"),
        (str(PRECONVERT), "0,487041,487061"),
        (str(READY), "0,487041,487061,487081"),
    ]
    assert updated == sorted(set(updated))


def test_entry_becomes_ready_or_fails_after_a_number_of_reads(kaltura: KalturaServer, video: Path) -> None:
    kaltura.control("POST", "clock", ready="after_looks:4")
    client = kaltura.admin()
    entry = uploaded_entry(client, video)
    assert [status(client, entry.id) for _ in range(3)] == [PRECONVERT, PRECONVERT, READY]
    kaltura.control("POST", "clock", ready="failed")
    assert uploaded_entry(client, video).status.getValue() == str(ERROR_CONVERTING)


def test_the_old_content_stays_until_its_replacement_is_ready(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.admin()
    entry = uploaded_entry(client, video)
    old = {each.id for each in client.flavorAsset.getByEntryId(entry.id)}
    kaltura.control("POST", "clock", ready="after_s:60")
    token = client.uploadToken.add(KalturaUploadToken())
    replaced = client.media.updateContent(entry.id, resource(token.id))
    assert replaced.replacementStatus.getValue() == "1"
    assert error_of(client.media.updateContent, entry.id, resource(token.id)) == "ENTRY_REPLACEMENT_ALREADY_EXISTS"
    send(client, token.id, video.read_bytes())
    assert {each.id for each in client.flavorAsset.getByEntryId(entry.id)} == old
    kaltura.control("POST", "clock", advance_s=60)
    after = client.media.get(entry.id)
    assert (after.status.getValue(), after.replacementStatus.getValue()) == (str(READY), "0")
    assert {each.version for each in client.flavorAsset.getByEntryId(entry.id)} == {12}
    assert len(kaltura.things("entries")) == 1


def test_a_replacement_waits_for_approval_and_can_be_cancelled(kaltura: KalturaServer, video: Path) -> None:
    kaltura.control("POST", "settings", replacement_approval=True)
    client = kaltura.admin()
    entry = uploaded_entry(client, video)
    assert error_of(client.media.approveReplace, entry.id) == "ENTRY_ID_NOT_REPLACED"
    for decide, left in ((client.media.cancelReplace, "0"), (client.media.approveReplace, "0")):
        token = client.uploadToken.add(KalturaUploadToken())
        client.media.updateContent(entry.id, resource(token.id), advancedOptions=KalturaEntryReplacementOptions())
        send(client, token.id, video.read_bytes())
        assert client.media.get(entry.id).replacementStatus.getValue() == "2"
        assert decide(entry.id).replacementStatus.getValue() == left
        assert len(kaltura.things("entries")) == 1


def test_replacing_needs_the_feature(kaltura: KalturaServer, video: Path) -> None:
    kaltura.control("POST", "settings", entry_replacement=False)
    client = kaltura.admin()
    entry = uploaded_entry(client, video)
    token = client.uploadToken.add(KalturaUploadToken())
    assert error_of(client.media.updateContent, entry.id, resource(token.id)) == "FEATURE_FORBIDDEN"


def test_unconverted_entry_is_converted_again_from_its_source(kaltura: KalturaServer, video: Path) -> None:
    kaltura.control("POST", "clock", ready="failed")
    client = kaltura.admin()
    entry = uploaded_entry(client, video)
    source = next(each for each in client.flavorAsset.getByEntryId(entry.id) if each.isOriginal)
    kaltura.control("POST", "clock", ready="after_s:30")

    assert client.media.convert(entry.id) > 0

    assert status(client, entry.id) == PRECONVERT
    kaltura.control("POST", "clock", advance_s=30)
    assert status(client, entry.id) == READY
    flavors = client.flavorAsset.getByEntryId(entry.id)
    assert {each.status.getValue() for each in flavors} == {2}
    assert source.id in {each.id for each in flavors}


def test_converting_needs_a_source_and_leaves_what_is_ready(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.admin()
    assert error_of(client.media.convert, "0_unknown1") == "ENTRY_ID_NOT_FOUND"
    empty = client.media.add(video_entry())
    assert error_of(client.media.convert, empty.id) == "ORIGINAL_FLAVOR_ASSET_IS_MISSING"
    ready = uploaded_entry(client, video)
    client.media.convert(ready.id)
    assert status(client, ready.id) == READY


def test_the_sources_of_many_entries_are_listed_with_what_is_in_them(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.admin()
    entries = [uploaded_entry(client, video) for _ in range(3)]
    ids = ",".join(entry.id for entry in entries)

    listed = client.flavorAsset.list(KalturaFlavorAssetFilter(entryIdIn=ids, flavorParamsIdEqual=0)).objects

    assert {each.entryId for each in listed} == {entry.id for entry in entries}
    assert {(each.containerFormat, each.sizeInBytes) for each in listed} == {("mpeg-4", video.stat().st_size)}
    assert error_of(client.flavorAsset.list, KalturaFlavorAssetFilter()) == "PROPERTY_VALIDATION_CANNOT_BE_NULL"


@pytest.mark.parametrize(
    ("suffix", "codecs", "container"),
    [
        ("mkv", ("-c:v", "libx264"), "matroska"),
        ("webm", ("-c:v", "libvpx", "-deadline", "realtime"), "matroska"),
        ("avi", ("-c:v", "mpeg4"), "avi"),
        ("ts", ("-c:v", "libx264"), "mpeg-ts"),
        ("flv", ("-c:v", "flv1"), "flv"),
        ("mpg", ("-c:v", "mpeg2video"), "mpeg"),
        ("wmv", ("-c:v", "wmv2"), "asf"),
        ("ogv", ("-c:v", "libtheora"), "ogg"),
        ("mov", ("-c:v", "libx264"), "mpeg-4"),
    ],
)
def test_a_container_is_named_as_kaltura_names_it(
    kaltura: KalturaServer, tmp_path: Path, suffix: str, codecs: tuple[str, ...], container: str
) -> None:
    file = tmp_path / f"film.{suffix}"
    picture = ("-f", "lavfi", "-i", "testsrc=size=160x120:rate=25:duration=1", "-pix_fmt", "yuv420p")
    subprocess.run(["ffmpeg", "-v", "error", *picture, *codecs, str(file)], check=True, timeout=60)
    client = kaltura.admin()
    entry = uploaded_entry(client, file)
    (source,) = [each for each in client.flavorAsset.getByEntryId(entry.id) if each.isOriginal]
    assert source.containerFormat == container
