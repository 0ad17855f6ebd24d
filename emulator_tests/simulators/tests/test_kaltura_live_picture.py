"""The picture of a broadcast as HLS: its window, its dates, where the film begins again, and who gets it."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from emulator_tests.simulators.kaltura.responses.live import SEGMENT_S, playlist, window
from emulator_tests.simulators.tests.kaltura_broadcasts import end, live, play
from emulator_tests.simulators.tests.kaltura_content import assert_refused, get, manifest, private_profile
from emulator_tests.simulators.tests.kaltura_server import KalturaServer, mint

#: A film of this many segments; it begins anew with the segment whose number is a multiple.
COUNT = 6
#: When the first broadcast of an entry began.
FIRST_AT = 1_000


@dataclass(frozen=True)
class Read:
    """A media playlist.

    Args:
        first: The number of its first segment.
        breaks: Beginnings of the film that have left it.
        dates: When each segment begins.
        begins: Whether each segment begins the film.
        names: Addresses of the segments.
    """

    first: int
    breaks: int
    dates: list[datetime]
    begins: list[bool]
    names: list[str]


def read(text: str) -> Read:
    """Read a media playlist as a player does."""
    [first], [breaks] = (
        re.findall(rf"^#EXT-X-{tag}-SEQUENCE:(\d+)$", text, re.M) for tag in ("MEDIA", "DISCONTINUITY")
    )
    dates = [datetime.fromisoformat(at) for at in re.findall(r"^#EXT-X-PROGRAM-DATE-TIME:(.+)$", text, re.M)]
    segments = re.findall(r"^(?:(#EXT-X-DISCONTINUITY)\n)?#EXT-X-PROGRAM.+\n#EXTINF:2.000,\n(seg.+)$", text, re.M)
    return Read(int(first), int(breaks), dates, [bool(tag) for tag, _ in segments], [name for _, name in segments])


def address(master: str) -> str:
    """The address of the media playlist in a master playlist."""
    [found] = [line for line in master.splitlines() if line and not line.startswith("#")]
    return found


def at(kaltura: KalturaServer) -> datetime:
    """The simulator's clock."""
    return datetime.fromtimestamp(kaltura.control("GET", "clock")["now"], UTC)


def test_window_slides_with_the_clock_and_its_dates_are_those_of_the_clock(kaltura: KalturaServer) -> None:
    entry = live(kaltura.admin())
    play(kaltura, entry.id)
    place = address(get(manifest(kaltura, entry.id, "applehttp")).text)
    get(place)
    kaltura.control("POST", "clock", stand_at=(at(kaltura) + timedelta(minutes=5)).timestamp())
    before = read(get(place).text)
    assert len(before.names) == len(before.dates) == 5
    newest = before.dates[-1] + timedelta(seconds=SEGMENT_S)
    assert timedelta(0) <= at(kaltura) - newest < timedelta(seconds=SEGMENT_S), "only what is recorded is listed"
    assert {after - one for one, after in pairwise(before.dates)} == {timedelta(seconds=2)}

    kaltura.control("POST", "clock", advance_s=3 * SEGMENT_S)
    after = read(get(place).text)
    assert after.first == before.first + 3
    assert (after.dates[:2], after.names[:2]) == (before.dates[3:], before.names[3:])


def test_a_segment_is_served_while_it_is_listed_and_a_little_longer(kaltura: KalturaServer) -> None:
    entry = live(kaltura.admin())
    play(kaltura, entry.id)
    place = address(get(manifest(kaltura, entry.id, "applehttp")).text)
    get(place)
    kaltura.control("POST", "clock", stand_at=(at(kaltura) + timedelta(minutes=5)).timestamp())
    shown = read(get(place).text)
    folder = place.rpartition("/")[0]
    assert get(f"{folder}/{shown.names[0]}").content[:1] == b"\x47", "MPEG transport stream"
    coming = f"{folder}/seg-{shown.first + len(shown.names)}-s0.ts"
    assert_refused(get(coming), 5, 404)
    kaltura.control("POST", "clock", advance_s=SEGMENT_S)
    assert get(coming).status_code == 200
    assert get(f"{folder}/{shown.names[0]}").status_code == 200
    kaltura.control("POST", "clock", advance_s=10 * SEGMENT_S)
    assert_refused(get(f"{folder}/{shown.names[0]}"), 5, 404)
    assert_refused(get(f"{folder}/seg--1-s0.ts"), 5, 404)
    assert_refused(get(f"{folder}/other.m3u8"), 5, 404)


def test_film_begins_again_with_a_discontinuity_that_stays_counted() -> None:
    lists = [read(playlist(range(first, first + 5), COUNT, FIRST_AT)) for first in range(3 * COUNT)]
    assert (lists[0].first, lists[0].breaks, lists[0].begins[0]) == (0, 0, False), "what is first breaks off nothing"
    for each in lists[1:]:
        assert each.begins == [number % COUNT == 0 for number in range(each.first, each.first + 5)]
    for one, after in pairwise(lists):
        assert after.breaks - one.breaks == int(one.begins[0]), "a beginning that has left the list is counted"


def test_broadcast_has_segments_from_its_beginning_on() -> None:
    assert window(1000.9, FIRST_AT, 1000) == range(3)
    assert window(1003.0, FIRST_AT, 1000) == range(4)
    assert window(1060.0, FIRST_AT, 1000) == range(28, 33)


def test_encoder_that_comes_back_goes_on_in_order() -> None:
    assert window(1100.0, FIRST_AT, 1100) == range(50, 53)
    assert read(playlist(range(50, 53), COUNT, FIRST_AT)).dates[-1] == datetime.fromtimestamp(1098, UTC)


def test_player_follows_the_live_picture_over_the_beginning_of_the_film(kaltura: KalturaServer, tmp_path: Path) -> None:
    entry = live(kaltura.admin())
    play(kaltura, entry.id)
    place = address(get(manifest(kaltura, entry.id, "applehttp")).text)
    get(place)
    kaltura.control("POST", "clock", stand_at=(at(kaltura) + timedelta(minutes=5)).timestamp())
    first = read(get(place).text).first
    kaltura.control("POST", "clock", advance_s=(-first - 3) % COUNT * SEGMENT_S)
    shown = read(get(place).text)
    assert shown.begins == [False, False, False, True, False]
    lengths = []
    for number, name in enumerate(shown.names):
        file = tmp_path / f"{number}.ts"
        file.write_bytes(get(f"{place.rpartition('/')[0]}/{name}").content)
        command = ["ffprobe", "-v", "error", "-show_entries", "packet=flags", "-select_streams", "v", "-of", "csv=p=0"]
        packets = subprocess.run([*command, str(file)], check=True, capture_output=True, text=True).stdout.split()
        assert packets[0].startswith("K"), "each segment can be the first one"
        lengths.append(len(packets))
    assert lengths == [50] * 5, "two seconds at 25 pictures a second"


def test_live_picture_is_protected_as_the_manifest_says(kaltura: KalturaServer) -> None:
    entry = live(kaltura.admin(), accessControlId=private_profile(kaltura))
    play(kaltura, entry.id)
    assert_refused(get(manifest(kaltura, entry.id, "applehttp")), 3, 404)
    session = mint("ann", 0, f"sview:{entry.id}")
    text = get(manifest(kaltura, entry.id, "applehttp", session)).text
    place = address(text)
    assert session not in text
    [name, *_] = read(get(place).text).names
    assert get(f"{place.rpartition('/')[0]}/{name}").status_code == 200
    packager = re.search(r"/t/(\w+)", place)
    expiring = re.search(r"/kt/([\w-]+)", place)
    assert packager
    assert expiring
    for broken in (
        place.replace(packager[1], "0" * 32),
        place.replace(expiring[0], ""),
        place.replace("/kt/", "/kt/9"),
    ):
        assert_refused(get(broken), 27, 403)
        assert_refused(get(f"{broken.rpartition('/')[0]}/{name}"), 27, 403)
    kaltura.control("POST", "settings", url_tokens=False)
    bare = place.replace(expiring[0], "")
    assert get(bare).status_code == 200
    assert_refused(get(bare.replace(packager[1], "0" * 32)), 27, 403)
    kaltura.control("POST", "settings", url_tokens=True)
    kaltura.control("POST", "clock", advance_s=3601)
    assert_refused(get(place), 28, 403)


def test_address_of_one_broadcast_opens_no_other(kaltura: KalturaServer) -> None:
    one, other = live(kaltura.admin()), live(kaltura.admin())
    for entry in (one, other):
        play(kaltura, entry.id)
    place = address(get(manifest(kaltura, one.id, "applehttp")).text)
    assert_refused(get(place.replace(one.id, other.id)), 27, 403)
    assert_refused(get(place.replace(one.id, "0_zzzzzzzz")), 1)


def test_nothing_is_served_once_the_broadcast_has_ended(kaltura: KalturaServer) -> None:
    entry = live(kaltura.admin())
    play(kaltura, entry.id)
    place = address(get(manifest(kaltura, entry.id, "applehttp")).text)
    [name, *_] = read(get(place).text).names
    end(kaltura, entry.id)
    for ended in (place, f"{place.rpartition('/')[0]}/{name}"):
        assert_refused(get(ended), 36, 404)
    play(kaltura, entry.id)
    assert get(place).status_code == 200, "an encoder that comes back goes on"


@pytest.mark.parametrize("kind", ["url", "download", "mpegdash"])
def test_live_picture_is_hls_only(kaltura: KalturaServer, kind: str) -> None:
    entry = live(kaltura.admin())
    play(kaltura, entry.id)
    assert_refused(get(manifest(kaltura, entry.id, kind)), 25, 404)
