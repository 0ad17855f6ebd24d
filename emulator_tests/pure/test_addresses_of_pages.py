"""Addresses of pages: signed several at a time, reused, and never returned with less than half of their lifetime."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import pytest

from emulator_tests.memory import AddressRefused, ManualClock, MemoryStorage, document
from emulator_tests.pure.deployment import refusal
from emulator_tests.pure.test_slides import STUDENT, Room
from shared.core.errors import Transient
from shared.slides.addresses import AT_ONCE, KEPT_MAX, LIFETIME_S, Addresses, Wanted
from shared.slides.reading import LISTED_PAGES_MAX

pytestmark = pytest.mark.long

T = TypeVar("T")

WITHIN_S = 10.0


class Signer:
    """A storage whose signatures are counted, and may be made to wait or to fail."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.signed = 0
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()
        self.meanwhile: Callable[[], object] = lambda: None
        self.storage = MemoryStorage(self.clock, self._effect)
        self.addresses = Addresses(self.storage, self.clock)

    def _effect(self, operation: str, do: Callable[[], T]) -> T:
        if operation != "read_address":
            return do()
        with self._lock:
            self.signed += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.meanwhile()
            return do()
        finally:
            with self._lock:
                self.at_once -= 1

    def objects(self, count: int) -> list[Wanted]:
        """Objects that exist, each with its number as content."""
        for number in range(count):
            self.storage.write(f"slides/{number}", str(number).encode(), "image/png")
        return [(f"slides/{number}", None) for number in range(count)]

    def read(self, wanted: list[Wanted]) -> list[bytes]:
        """Read these objects from their addresses."""
        return [self.storage.open(url) for url in self.addresses.of(wanted)]


@pytest.fixture
def signer() -> Signer:
    return Signer()


def test_each_object_gets_its_own_address_in_the_order_of_the_question(signer: Signer) -> None:
    wanted = signer.objects(30)
    assert signer.read(wanted) == [str(number).encode() for number in range(30)]
    mixed = [*reversed(wanted), wanted[3], wanted[3]]
    assert signer.read(mixed) == [*(str(number).encode() for number in reversed(range(30))), b"3", b"3"]
    assert signer.signed == 30
    assert signer.addresses.of([]) == []


def test_several_are_signed_at_the_same_time_and_no_more(signer: Signer) -> None:
    wanted = signer.objects(3 * AT_ONCE)
    together = threading.Barrier(AT_ONCE, timeout=WITHIN_S)
    signer.meanwhile = together.wait
    signer.addresses.of(wanted)
    assert (signer.signed, signer.most_at_once) == (3 * AT_ONCE, AT_ONCE)


def test_address_is_reused_while_half_of_its_lifetime_is_left(signer: Signer) -> None:
    wanted = signer.objects(2)
    first = signer.addresses.of(wanted)
    signer.clock.advance(LIFETIME_S / 2)
    assert signer.addresses.of(wanted) == first
    signer.clock.advance(LIFETIME_S / 2)
    assert [signer.storage.open(url) for url in first] == [b"0", b"1"]


def test_address_with_less_time_left_is_replaced(signer: Signer) -> None:
    wanted = signer.objects(2)
    first = signer.addresses.of(wanted)
    signer.clock.advance(LIFETIME_S / 2 + 1)
    second = signer.addresses.of(wanted)
    assert not set(first) & set(second)
    signer.clock.advance(LIFETIME_S / 2)
    with pytest.raises(AddressRefused):
        signer.storage.open(first[0])
    assert signer.storage.open(second[0]) == b"0"


def test_lifetime_of_an_address_counts_from_before_it_is_signed(signer: Signer) -> None:
    """An address is not reused for longer because its signature was slow."""
    (wanted,) = signer.objects(1)
    signer.meanwhile = lambda: signer.clock.advance(600)
    signer.addresses.of([wanted])
    signer.clock.advance(LIFETIME_S / 2 - 600 + 1)
    signer.addresses.of([wanted])
    assert signer.signed == 2


def test_name_of_the_saved_file_belongs_to_the_address(signer: Signer) -> None:
    signer.objects(1)
    urls = signer.addresses.of([("slides/0", None), ("slides/0", "a.pdf"), ("slides/0", "b.pdf")])
    assert (len(set(urls)), signer.signed) == (3, 3)


def test_least_recently_used_addresses_are_forgotten(signer: Signer) -> None:
    wanted: list[Wanted] = [(f"slides/{number}", None) for number in range(KEPT_MAX)]
    for first in range(0, KEPT_MAX, 500):
        signer.addresses.of(wanted[first : first + 500])
    signer.addresses.of([wanted[0]])
    signer.addresses.of([("slides/new", None)])
    assert signer.signed == KEPT_MAX + 1
    signer.addresses.of([wanted[0]])
    assert signer.signed == KEPT_MAX + 1
    signer.addresses.of([wanted[1]])
    assert signer.signed == KEPT_MAX + 2


def test_failure_leaves_the_rest_unsigned_and_nothing_kept(signer: Signer) -> None:
    def refuse() -> None:
        raise refusal("read_address")

    wanted = signer.objects(1000)
    signer.meanwhile = refuse
    with pytest.raises(Transient):
        signer.addresses.of(wanted)
    assert signer.signed < 1000
    signer.meanwhile = lambda: None
    assert signer.read(wanted)[:2] == [b"0", b"1"]


# --- in the payloads --------------------------------------------------------------------------------------------------


def test_second_reading_of_a_media_signs_nothing() -> None:
    room = Room()
    media_id = room.ready()
    first = room.payload(media_id)["urls"]
    room.deployment.clock.advance(timedelta(minutes=10).total_seconds())
    assert room.payload(media_id)["urls"] == first
    for url in [*first["pages"].values(), *first["thumbnails"].values(), first["media"]]:
        assert room.deployment.storage.open(url)


def test_replaced_document_has_the_addresses_of_objects_that_exist() -> None:
    room = Room()
    media_id = room.ready(pages=3)
    before = room.payload(media_id)["urls"]
    room.deployment.clock.advance(10)
    room.upload(media_id, document(2))
    after = room.payload(media_id)["urls"]
    urls = [*after["pages"].values(), *after["thumbnails"].values(), after["media"]]
    assert len(urls) == 5
    assert not {*before["pages"].values(), *before["thumbnails"].values(), before["media"]} & set(urls)
    assert [room.deployment.storage.open(url) for url in urls][-1] == document(2)


def test_address_of_the_document_is_not_handed_on_to_students() -> None:
    room = Room()
    media_id = room.ready()
    room.commands.change(room.teacher, media_id, lambda wish: replace(wish, show_download=False))
    assert "media" in room.payload(media_id)["urls"]
    assert "media" not in room.payload(media_id, STUDENT)["urls"]


def test_list_has_the_addresses_of_a_bounded_number_of_pages() -> None:
    """One media always has them, so that a document of the largest size is listed with its pages too."""
    room, pages = Room(), 150
    for _ in range(4):
        room.ready(pages)
        room.deployment.clock.advance(60)
    count, medias = room.reading.medias(room.teacher, 0, 10)
    assert (count, LISTED_PAGES_MAX // pages) == (4, 3)
    assert [one["urls"] is not None and len(one["urls"]["pages"]) for one in medias] == [pages, pages, pages, False]
    assert [one["nb_pages"] for one in medias] == [pages] * 4
    (last,) = room.reading.medias(room.teacher, 3, 10)[1]
    assert len(last["urls"]["pages"]) == pages
