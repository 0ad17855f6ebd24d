"""Playing, downloading and thumbnails, and who is kept from them."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
from KalturaClient.exceptions import KalturaClientException
from KalturaClient.Plugins.Core import (
    KalturaAccessControl,
    KalturaLiveStreamEntry,
    KalturaMediaEntry,
    KalturaMediaType,
    KalturaSessionRestriction,
    KalturaThumbAsset,
    KalturaUploadedFileTokenResource,
    KalturaUploadToken,
)

from emulator_tests.simulators.tests.kaltura_content import assert_refused, get, manifest, private_profile, ready_entry
from emulator_tests.simulators.tests.kaltura_server import PARTNER_ID, KalturaServer, mint


def test_an_open_entry_plays_its_bytes_whole_and_in_ranges(kaltura: KalturaServer, video: Path) -> None:
    entry = ready_entry(kaltura, video)
    whole = get(manifest(kaltura, entry.id))
    assert whole.content == video.read_bytes()
    part = get(whole.url, Range="bytes=100-199")
    assert (part.status_code, part.content) == (206, video.read_bytes()[100:200])
    assert get(entry.dataUrl).content == video.read_bytes()


def test_a_private_entry_gives_no_byte_without_the_right_session(kaltura: KalturaServer, video: Path) -> None:
    entry = ready_entry(kaltura, video, accessControlId=private_profile(kaltura))
    right = mint("ann", 0, f"sview:{entry.id}")
    address = get(manifest(kaltura, entry.id, ks=right)).url
    another = mint("ann", 0, "sview:0_zzzzzzzz")
    for kind in ("url", "applehttp", "download"):
        assert_refused(get(manifest(kaltura, entry.id, kind)), 3, 404)
        assert_refused(get(manifest(kaltura, entry.id, kind, another)), 3, 404)
    assert_refused(get(manifest(kaltura, entry.id), Range="bytes=0-9"), 3, 404)
    assert_refused(get(entry.thumbnailUrl), 3)
    assert get(address).content == video.read_bytes()
    assert get(address, Range="bytes=5-9").content == video.read_bytes()[5:10]
    assert get(manifest(kaltura, entry.id), **{"X-Kaltura-Ks": right}).content == video.read_bytes()


def test_the_headers_session_wins_over_that_of_the_address(kaltura: KalturaServer, video: Path) -> None:
    entry = ready_entry(kaltura, video, accessControlId=private_profile(kaltura))
    right, another = mint("ann", 0, f"sview:{entry.id}"), mint("ann", 0, "sview:0_zzzzzzzz")
    assert_refused(get(manifest(kaltura, entry.id, ks=right), **{"X-Kaltura-Ks": another}), 3, 404)
    assert get(manifest(kaltura, entry.id, ks=another), **{"X-Kaltura-Ks": right}).content == video.read_bytes()


def test_what_a_manifest_points_to_holds_no_session_but_a_token_that_expires(
    kaltura: KalturaServer, video: Path
) -> None:
    entry = ready_entry(kaltura, video, accessControlId=private_profile(kaltura))
    session = mint("ann", 0, f"sview:{entry.id}")
    lines = get(manifest(kaltura, entry.id, "applehttp", session)).text.splitlines()
    [*_, address] = lines
    assert session not in "".join(lines)
    assert get(address).text.startswith("#EXTM3U")
    place, _, rest = address.partition("/kt/")
    bare = f"{place}/{rest.partition('/')[2]}"
    assert_refused(get(bare), 27, 403)
    assert_refused(get(f"{place}/kt/9{rest}"), 27, 403)
    kaltura.control("POST", "clock", advance_s=3601)
    assert_refused(get(address), 28, 403)
    kaltura.control("POST", "settings", url_tokens=False)
    assert get(bare).text.startswith("#EXTM3U"), "without URL tokens an address is good for ever and for everybody"


def test_an_expired_or_garbled_session_plays_nothing(kaltura: KalturaServer, video: Path) -> None:
    entry = ready_entry(kaltura, video, accessControlId=private_profile(kaltura))
    short = mint("ann", 0, f"sview:{entry.id}", 50)
    address = get(manifest(kaltura, entry.id, ks=short)).url
    kaltura.control("POST", "clock", advance_s=60)
    assert_refused(get(manifest(kaltura, entry.id, ks=short)), 31, 404)
    assert_refused(get(f"{entry.thumbnailUrl}/ks/{short}"), 31)
    assert_refused(get(manifest(kaltura, entry.id, ks="rubbish")), 7, 404)
    assert get(address).content == video.read_bytes(), "what was handed out before plays on until its token expires"


@pytest.mark.parametrize("honoured", [False, True], ids=["as in the source", "honoured"])
def test_ended_session_still_plays_unless_the_installation_checks_it(
    kaltura: KalturaServer, video: Path, honoured: bool
) -> None:
    kaltura.control("POST", "settings", delivery_honours_end=honoured)
    entry = ready_entry(kaltura, video, accessControlId=private_profile(kaltura))
    sessions = [mint("ann", 0, f"sview:{entry.id},sessionid:{each}") for each in ("s1", "s1", "s2")]
    kaltura.client(sessions[0]).session.end()
    for session in sessions:
        ended = honoured and session is not sessions[2]
        for answer in (get(manifest(kaltura, entry.id, ks=session)), get(f"{entry.thumbnailUrl}/ks/{session}")):
            assert answer.headers.get("X-Kaltura") == ("error-7" if ended else None)
            assert bool(answer.content) is not ended


def test_an_old_session_restriction_closes_an_entry_too(kaltura: KalturaServer, video: Path) -> None:
    control = KalturaAccessControl(name="members", restrictions=[KalturaSessionRestriction()])
    entry = ready_entry(kaltura, video, accessControlId=kaltura.admin().accessControl.add(control).id)
    assert_refused(get(manifest(kaltura, entry.id)), 3, 404)
    assert get(manifest(kaltura, entry.id, ks=mint("ann", 0, "sview:*"))).content == video.read_bytes()


def test_an_entry_plays_within_its_time_window_only(kaltura: KalturaServer, video: Path) -> None:
    entry = ready_entry(kaltura, video, startDate=3600)
    assert_refused(get(manifest(kaltura, entry.id)), 2, 404)
    assert get(manifest(kaltura, entry.id, ks=mint("ann", 0, f"sview:{entry.id}"))).content
    kaltura.control("POST", "clock", advance_s=3700)
    assert get(manifest(kaltura, entry.id)).content == video.read_bytes()


def test_a_rejected_entry_is_not_played(kaltura: KalturaServer, video: Path) -> None:
    entry = ready_entry(kaltura, video)
    kaltura.admin().media.reject(entry.id)
    assert_refused(get(manifest(kaltura, entry.id)), 13, 404)


def test_a_player_can_follow_the_hls_playlist_with_its_session(
    kaltura: KalturaServer, video: Path, tmp_path: Path
) -> None:
    entry = ready_entry(kaltura, video, accessControlId=private_profile(kaltura))
    url = manifest(kaltura, entry.id, "applehttp", mint("ann", 0, f"sview:{entry.id}"))
    copy = tmp_path / "played.ts"
    subprocess.run(["ffmpeg", "-v", "error", "-i", url, "-c", "copy", str(copy)], check=True, timeout=60)
    command = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(copy)]
    duration_s = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert 1.5 < duration_s < 2.5


def test_a_deleted_entry_leaves_nothing_to_play(kaltura: KalturaServer, video: Path) -> None:
    entry = ready_entry(kaltura, video)
    address = get(manifest(kaltura, entry.id)).url
    kaltura.admin().media.delete(entry.id)
    assert_refused(get(manifest(kaltura, entry.id)), 1, 404)
    assert_refused(get(address), 1)


def test_a_flavors_own_address_is_given_to_those_who_may_download(kaltura: KalturaServer, video: Path) -> None:
    entry = ready_entry(kaltura, video, accessControlId=private_profile(kaltura))
    source = kaltura.admin().flavorAsset.getByEntryId(entry.id)[0]
    assert get(kaltura.admin().flavorAsset.getUrl(source.id)).content == video.read_bytes()
    assert get(kaltura.user("ann", f"sview:{entry.id}").flavorAsset.getUrl(source.id)).content == video.read_bytes()
    with pytest.raises(KalturaClientException):
        # A refusal has no body at all.
        kaltura.user("ann").flavorAsset.getUrl(source.id)


@pytest.mark.parametrize(
    ("asked", "size"),
    [("width/160/height/90", (160, 90)), ("width/160", (160, 90)), ("width/90/height/90/type/3", (90, 90))],
    ids=["both sides", "one side", "cropped"],
)
def test_a_thumbnail_is_a_frame_of_the_asked_size(
    kaltura: KalturaServer, video: Path, tmp_path: Path, asked: str, size: tuple[int, int]
) -> None:
    entry = ready_entry(kaltura, video)
    place = f"{kaltura.url}/p/{PARTNER_ID}/thumbnail/entry_id/{entry.id}/{asked}/vid_sec/1"
    answer = get(place)
    assert answer.headers["Content-Type"] == "image/jpeg"
    file = tmp_path / "thumbnail.jpg"
    file.write_bytes(answer.content)
    command = ["ffprobe", "-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0", str(file)]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    assert tuple(map(int, shown.split(","))) == size


def test_an_entry_without_content_has_no_thumbnail(kaltura: KalturaServer) -> None:
    entry = kaltura.admin().media.add(KalturaMediaEntry(name="empty", mediaType=KalturaMediaType.VIDEO))
    assert_refused(get(entry.thumbnailUrl), 10)


def test_an_uploaded_thumbnail_becomes_the_entrys_own(kaltura: KalturaServer, video: Path, picture: Path) -> None:
    client = kaltura.admin()
    entry = ready_entry(kaltura, video)
    before = get(entry.thumbnailUrl).content
    asset = client.thumbAsset.add(entry.id, KalturaThumbAsset())
    token = client.uploadToken.add(KalturaUploadToken())
    client.uploadToken.upload(token.id, ("slide.png", io.BytesIO(picture.read_bytes()), "image/png"))
    filled = client.thumbAsset.setContent(asset.id, KalturaUploadedFileTokenResource(token=token.id))
    assert (filled.status.getValue(), filled.width, filled.height) == (2, 64, 48)
    client.thumbAsset.setAsDefault(asset.id)
    assert get(client.media.get(entry.id).thumbnailUrl).content != before
    assert [each.id for each in client.thumbAsset.getByEntryId(entry.id)] == [asset.id]


def test_a_live_entry_plays_while_somebody_broadcasts(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    entry = client.liveStream.add(KalturaLiveStreamEntry(name="live", mediaType=KalturaMediaType.LIVE_STREAM_FLASH))
    assert client.liveStream.isLive(entry.id) is False
    assert_refused(get(manifest(kaltura, entry.id, "applehttp")), 36, 404)
    kaltura.control("POST", "broadcast", entryId=entry.id, live=True)
    assert kaltura.client().liveStream.isLive(entry.id) is True
    assert get(manifest(kaltura, entry.id, "applehttp")).text.startswith("#EXTM3U")
