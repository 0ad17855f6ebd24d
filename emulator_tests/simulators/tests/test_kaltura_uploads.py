"""Uploads and what becomes of them, by the vendor's Python client."""

from __future__ import annotations

import concurrent.futures
from pathlib import Path
from typing import Any

from KalturaClient.Plugins.Core import (
    KalturaFlavorAssetFilter,
    KalturaMediaEntry,
    KalturaMediaType,
    KalturaUploadToken,
)

from emulator_tests.simulators.tests.kaltura_calls import error_of, resource, send, uploaded_entry, video_entry
from emulator_tests.simulators.tests.kaltura_server import KalturaServer

NO_CONTENT, IMPORT, PRECONVERT, READY, ERROR_CONVERTING, ERROR_IMPORTING = 7, 0, 1, 2, -1, -2

PENDING, PARTIAL, FULL, CLOSED = 0, 1, 2, 3


def status(client: Any, entry_id: str) -> int:
    return int(client.media.get(entry_id).status.getValue())


def test_a_video_becomes_ready_with_the_facts_of_its_file(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.admin()
    entry = uploaded_entry(client, video)
    assert entry.status.getValue() == str(READY)
    assert (entry.duration, entry.msDuration, entry.width, entry.height) == (2, 2000, 320, 180)
    flavors = client.flavorAsset.list(KalturaFlavorAssetFilter(entryIdEqual=entry.id)).objects
    source = next(each for each in flavors if each.isOriginal)
    assert source.sizeInBytes == video.stat().st_size
    assert [each.status.getValue() for each in flavors] == [READY] * 4


def test_content_attached_before_the_first_byte_is_taken_when_the_upload_completes(
    kaltura: KalturaServer, video: Path
) -> None:
    client = kaltura.admin()
    entry = client.media.add(video_entry())
    token = client.uploadToken.add(KalturaUploadToken(fileName="lesson.mp4", fileSize=video.stat().st_size))
    assert status(client, entry.id) == NO_CONTENT
    client.media.addContent(entry.id, resource(token.id))
    assert status(client, entry.id) == IMPORT
    half = video.stat().st_size // 2
    data = video.read_bytes()
    first = send(client, token.id, data[:half], resume=False, finalChunk=False)
    assert first.status.getValue() == PARTIAL
    assert status(client, entry.id) == IMPORT
    send(client, token.id, data[half:], resume=True, finalChunk=True, resumeAt=half)
    assert status(client, entry.id) == READY
    assert client.uploadToken.get(token.id).status.getValue() == CLOSED


def test_chunks_sent_in_parallel_and_out_of_order_make_the_same_file(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.admin()
    data = video.read_bytes()
    size = len(data) // 5
    offsets = list(range(0, len(data), size))
    entry = client.media.add(video_entry())
    token = client.uploadToken.add(KalturaUploadToken())
    client.media.addContent(entry.id, resource(token.id))
    send(client, token.id, data[:size], resume=False, finalChunk=False)

    def later(offset: int) -> None:
        last = offset == offsets[-1]
        # One client per thread: the vendor's client cannot be shared.
        send(kaltura.admin(), token.id, data[offset : offset + size], resume=True, finalChunk=last, resumeAt=offset)

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(later, reversed(offsets[1:])))
    assert status(client, entry.id) == READY
    source = next(each for each in client.flavorAsset.getByEntryId(entry.id) if each.isOriginal)
    assert source.sizeInBytes == len(data)


def test_an_upload_goes_on_from_what_arrived(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.admin()
    data = video.read_bytes()
    token = client.uploadToken.add(KalturaUploadToken())
    send(client, token.id, data[:1000], resume=False, finalChunk=False)
    known = int(client.uploadToken.get(token.id).uploadedFileSize)
    assert known == 1000
    done = send(client, token.id, data[known:], resume=True, finalChunk=True, resumeAt=known)
    assert (done.status.getValue(), done.uploadedFileSize) == (FULL, len(data))


def test_a_final_chunk_whose_predecessors_are_missing_is_refused_and_may_be_sent_again(
    kaltura: KalturaServer, video: Path
) -> None:
    kaltura.control("POST", "settings", final_chunk_wait_s=0.2)
    client = kaltura.admin()
    data = video.read_bytes()
    token = client.uploadToken.add(KalturaUploadToken())
    send(client, token.id, data[:1000], resume=False, finalChunk=False)
    last = {"resume": True, "finalChunk": True, "resumeAt": 2000}
    code = error_of(send, client, token.id, data[2000:], **last)
    assert code == "UPLOAD_TOKEN_CANNOT_MATCH_EXPECTED_SIZE"
    send(client, token.id, data[1000:2000], resume=True, finalChunk=False, resumeAt=1000)
    assert send(client, token.id, data[2000:], **last).uploadedFileSize == len(data)


def test_resuming_before_the_first_chunk_is_refused(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    token = client.uploadToken.add(KalturaUploadToken())
    code = error_of(send, client, token.id, b"x", resume=True, finalChunk=False, resumeAt=5)
    assert code == "UPLOAD_TOKEN_CANNOT_RESUME"


def test_a_complete_upload_takes_nothing_more(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.admin()
    token = client.uploadToken.add(KalturaUploadToken())
    send(client, token.id, video.read_bytes())
    assert error_of(send, client, token.id, b"more") == "UPLOAD_TOKEN_INVALID_STATUS_FOR_UPLOAD"


def test_an_upload_left_for_a_week_cannot_be_resumed(kaltura: KalturaServer) -> None:
    token = kaltura.admin().uploadToken.add(KalturaUploadToken())
    send(kaltura.admin(), token.id, b"half", resume=False, finalChunk=False)
    kaltura.control("POST", "clock", advance_s=7 * 86400 + 1)
    late = kaltura.client(kaltura.client().session.start("an-admin-secret", "operator", 2, 4242))
    code = error_of(send, late, token.id, b"rest", resume=True, finalChunk=True, resumeAt=4)
    assert code == "UPLOAD_PASSED_MAX_RESUME_TIME_ALLOWED"


def test_an_upload_finalises_itself_when_its_size_was_declared(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.admin()
    data = video.read_bytes()
    assert error_of(client.uploadToken.add, KalturaUploadToken(autoFinalize=1)) == "UPLOAD_TOKEN_MISSING_FILE_SIZE"
    token = client.uploadToken.add(KalturaUploadToken(autoFinalize=1, fileSize=len(data)))
    send(client, token.id, data[:1000], resume=False, finalChunk=False)
    send(client, token.id, data[2000:], resume=True, finalChunk=False, resumeAt=2000)
    done = send(client, token.id, data[1000:2000], resume=True, finalChunk=False, resumeAt=1000)
    assert (done.status.getValue(), done.uploadedFileSize) == (FULL, len(data))


def test_nobody_reaches_another_users_token(kaltura: KalturaServer) -> None:
    token = kaltura.user("ann").uploadToken.add(KalturaUploadToken())
    stranger = kaltura.user("bob")
    assert error_of(stranger.uploadToken.get, token.id) == "UPLOAD_TOKEN_NOT_FOUND"
    assert error_of(send, stranger, token.id, b"x") == "UPLOAD_TOKEN_NOT_FOUND"
    assert error_of(stranger.uploadToken.delete, token.id) == "UPLOAD_TOKEN_NOT_FOUND"
    assert stranger.uploadToken.list().totalCount == 0
    assert kaltura.admin().uploadToken.get(token.id).userId == "ann"


def test_deleting_an_attached_token_returns_its_entry_to_no_content(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    entry = client.media.add(video_entry())
    token = client.uploadToken.add(KalturaUploadToken())
    client.media.addContent(entry.id, resource(token.id))
    client.uploadToken.delete(token.id)
    assert status(client, entry.id) == NO_CONTENT


def test_a_file_that_is_no_media_ends_in_error_converting(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    entry = client.media.add(video_entry())
    token = client.uploadToken.add(KalturaUploadToken())
    client.media.addContent(entry.id, resource(token.id))
    send(client, token.id, b"<html>this is no video</html>" * 100)
    assert status(client, entry.id) == ERROR_CONVERTING


def test_an_entry_takes_content_once(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.admin()
    entry = uploaded_entry(client, video)
    token = client.uploadToken.add(KalturaUploadToken())
    assert error_of(client.media.addContent, entry.id, resource(token.id)) == "ENTRY_ALREADY_WITH_CONTENT"


def test_a_used_token_cannot_be_used_again(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.admin()
    token = client.uploadToken.add(KalturaUploadToken())
    send(client, token.id, video.read_bytes())
    client.media.addFromUploadedFile(video_entry(), token.id)
    another = client.media.add(video_entry())
    code = error_of(client.media.addContent, another.id, resource(token.id))
    assert code == "UPLOADED_FILE_NOT_FOUND_BY_TOKEN"


def test_old_clients_upload_first_and_add_then(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.user("ann")
    with video.open("rb") as file:
        token_id = client.media.upload(("lesson.mp4", file, "video/mp4"))
    entry = client.media.addFromUploadedFile(video_entry(), token_id)
    assert status(client, entry.id) == READY


def test_pictures_are_ready_at_once(kaltura: KalturaServer, picture: Path) -> None:
    kaltura.control("POST", "clock", ready="never")
    client = kaltura.admin()
    entry = client.media.add(KalturaMediaEntry(name="a slide", mediaType=KalturaMediaType.IMAGE))
    token = client.uploadToken.add(KalturaUploadToken())
    client.media.addContent(entry.id, resource(token.id))
    send(client, token.id, picture.read_bytes())
    shown = client.media.get(entry.id)
    assert (shown.status.getValue(), shown.width, shown.height) == (str(READY), 64, 48)
