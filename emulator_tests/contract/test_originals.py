"""The originals port: in memory, and Kaltura as its simulator serves it."""

from __future__ import annotations

import hashlib
import itertools
import re
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from KalturaClient.Plugins.Core import KalturaMediaEntry

from emulator_tests.contract.accounts import KalturaServer
from emulator_tests.contract.hostile import Hostile, hostile, without_end
from emulator_tests.contract.originals import (
    FLAVORS_EACH,
    KalturaOriginalsTestAccount,
    MemoryOriginalsTestAccount,
    OriginalsTestAccount,
    await_replacing,
    listed,
    original_of,
    picture_in,
    the_entry,
)
from emulator_tests.memory import BEGIN_AT, ManualClock, MemoryDocuments
from emulator_tests.simulators.tests.files import Files, serving
from shared.core.errors import BackendError, BadRequest, Doubtful, Misconfigured, Permanent, Transient
from shared.ports import Entry, Flavor, MediaState, Replacing, Selection, entries_of
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.originals import KalturaOriginals
from shared.providers.kaltura.selecting import Position, filter_of, is_selected

MANY: Final = 1_200
PAGES: Final = 3
ARCHIVED: Final = "archived_to_s3"
LONGER: Final = "archived_to_s3_old"
DAY: Final = timedelta(days=1)
LARGE_BYTES: Final = 20 * 1024 * 1024
PEAK_MAX_BYTES: Final = 4 * 1024 * 1024


@pytest.fixture(scope="session")
def fetched() -> Iterator[Files]:
    """A server of files from which the simulator fetches."""
    with serving({}) as files:
        yield files


@pytest.fixture
def kaltura_account(kaltura: KalturaServer, fetched: Files) -> Iterator[KalturaOriginalsTestAccount]:
    """An empty account at Kaltura."""
    kaltura.control("POST", "reset")
    with closing(KalturaOriginalsTestAccount(kaltura, fetched)) as account:
        yield account


@pytest.fixture(params=["memory", "kaltura"])
def originals_account(request: pytest.FixtureRequest) -> OriginalsTestAccount:
    """An empty account."""
    if request.param == "memory":
        return MemoryOriginalsTestAccount(ManualClock())
    account: KalturaOriginalsTestAccount = request.getfixturevalue("kaltura_account")
    return account


# --- list ---------------------------------------------------------------------------------------------------------


def test_many_entries_of_one_second_are_listed_once_each_in_one_call_per_page(
    originals_account: OriginalsTestAccount,
) -> None:
    account = originals_account
    account.add_many(MANY, lambda number: ARCHIVED if number % 2 else LONGER)
    before = account.calls()

    found: list[Entry] = []
    after: str | None = ""
    for _ in range(PAGES):
        assert after is not None
        page = account.originals.page(Selection(), after)
        found, after = [*found, *page.entries], page.after

    assert after is None
    assert len(found) == len({entry.id for entry in found}) == MANY
    assert account.calls() - before == PAGES
    assert [entry.created_at for entry in found] == sorted(entry.created_at for entry in found)


def test_files_of_a_whole_page_are_listed(kaltura_account: KalturaOriginalsTestAccount) -> None:
    kaltura_account.add_many(600, lambda _: "lesson")

    page = kaltura_account.originals.page(Selection())

    assert len(page.entries) == 500
    assert all(entry.original is not None and len(entry.flavors) == FLAVORS_EACH - 1 for entry in page.entries)


def test_selected_entries_are_counted_in_one_call(originals_account: OriginalsTestAccount) -> None:
    account = originals_account
    account.add_many(MANY, lambda number: ARCHIVED if number % 2 else LONGER)
    before = account.calls()

    counts = [account.originals.count(one) for one in (Selection(), Selection(tag=ARCHIVED), Selection(tag=LONGER))]

    assert counts == [MANY, MANY / 2, MANY / 2]
    assert account.calls() - before == len(counts)


def test_pages_go_on_though_listed_entries_leave_the_selection(originals_account: OriginalsTestAccount) -> None:
    account = originals_account
    account.add_many(6, lambda number: f"lesson, number{number}")
    selection = Selection(tag="lesson")
    first = account.originals.page(selection, limit=2)
    for entry in first.entries:
        account.label(entry.id, "other")

    assert first.after is not None
    second = account.originals.page(selection, first.after, limit=10)

    tags = [tag for entry in (*first.entries, *second.entries) for tag in sorted(entry.tags - {"lesson"})]
    assert sorted(tags) == [f"number{number}" for number in range(6)]
    assert second.after is None


def test_a_tag_is_matched_whole(originals_account: OriginalsTestAccount) -> None:
    account = originals_account
    archived, longer, bare = account.add(tags=f"lesson, {ARCHIVED}"), account.add(tags=LONGER), account.add()

    assert listed(account, Selection(tag=ARCHIVED)) == [archived]
    assert listed(account, Selection(tag=ARCHIVED.upper())) == [archived]
    assert set(listed(account, Selection(without_tag=ARCHIVED))) == {longer, bare}
    assert account.originals.count(Selection(without_tag=ARCHIVED)) == 2


def test_a_small_page_is_filled_though_others_are_not_selected(originals_account: OriginalsTestAccount) -> None:
    account = originals_account
    account.add_many(20, lambda number: ARCHIVED if number % 5 else "lesson")
    selection = Selection(without_tag=ARCHIVED)

    pages = [account.originals.page(selection, limit=3)]
    assert pages[0].after is not None
    pages.append(account.originals.page(selection, pages[0].after, limit=3))

    assert [len(page.entries) for page in pages] == [3, 1]
    assert len({entry.id for page in pages for entry in page.entries}) == 4


@pytest.mark.parametrize("tag", ["two,tags", "", " ", "x" * 101])
def test_what_cannot_be_a_tag_is_refused(originals_account: OriginalsTestAccount, tag: str) -> None:
    account = originals_account
    entry_id = account.add(tags="lesson")
    calls: list[Callable[[], object]] = [
        lambda: account.originals.page(Selection(tag=tag)),
        lambda: account.originals.count(Selection(without_tag=tag)),
        lambda: account.originals.change_tags(entry_id, add=[tag]),
    ]
    for call in calls:
        with pytest.raises(BadRequest, match="tag"):
            call()
    assert the_entry(account, entry_id).tags == {"lesson"}


def test_a_category_is_named_by_id_or_full_name_and_includes_those_below(
    originals_account: OriginalsTestAccount,
) -> None:
    account = originals_account
    physics, waves = account.add(category="Lessons>Physics"), account.add(category="Lessons>Physics>Waves")
    top, other, _ = account.add(category="Lessons"), account.add(category="Lessons old"), account.add()

    assert set(listed(account, Selection(category="Lessons"))) == {top, physics, waves}
    assert set(listed(account, Selection(category="Lessons>Physics"))) == {physics, waves}
    assert set(listed(account, Selection(category=account.category_id("Lessons>Physics")))) == {physics, waves}
    assert set(listed(account, Selection(category="Lessons old"))) == {other}
    assert account.originals.count(Selection(category="Lessons")) == 3


@pytest.mark.parametrize("category", ["Physics", "4711", "", "Lessons>Nothing"])
def test_an_unknown_category_is_refused_in_words(originals_account: OriginalsTestAccount, category: str) -> None:
    originals_account.add(category="Lessons>Physics")

    for ask in (originals_account.originals.page, originals_account.originals.count):
        with pytest.raises(BadRequest, match=r"no (such )?category"):
            ask(Selection(category=category))


def test_entries_are_selected_by_plays_and_age(originals_account: OriginalsTestAccount) -> None:
    account, now = originals_account, originals_account.clock().replace(microsecond=0)
    old_unplayed = account.add(created_at=now - 900 * DAY)
    old_played = account.add(created_at=now - 800 * DAY, played_at=now - 700 * DAY)
    lately_played = account.add(created_at=now - 700 * DAY, played_at=now - DAY)
    new_unplayed = account.add(created_at=now - DAY)
    year, at = now - 365 * DAY, now - 700 * DAY

    assert listed(account, Selection(unplayed_since=year)) == [old_unplayed, old_played]
    assert listed(account, Selection(is_unplayed=True)) == [old_unplayed, new_unplayed]
    assert listed(account, Selection(is_unplayed=False)) == [old_played, lately_played]
    assert listed(account, Selection(is_unplayed=True, created_before=year)) == [old_unplayed]
    assert listed(account, Selection(played_since=year)) == [lately_played]
    # The bounds themselves: at or after, and before.
    assert listed(account, Selection(played_since=at)) == [old_played, lately_played]
    assert listed(account, Selection(unplayed_since=at)) == [old_unplayed]
    assert listed(account, Selection(created_since=at)) == [lately_played, new_unplayed]
    assert listed(account, Selection(created_before=at)) == [old_unplayed, old_played]
    assert account.originals.count(Selection(unplayed_since=year)) == 2


def test_entries_are_selected_by_ids_and_duplicates_count_once(originals_account: OriginalsTestAccount) -> None:
    account = originals_account
    wanted, _, tagged = account.add(), account.add(), account.add(tags=ARCHIVED)
    ids = (wanted, "", f"{tagged},{wanted}", "0_nothing1", wanted, tagged)

    assert set(listed(account, Selection(ids=ids))) == {wanted, tagged}
    assert listed(account, Selection(ids=ids, tag=ARCHIVED)) == [tagged]
    assert account.originals.count(Selection(ids=ids)) == 2
    assert listed(account, Selection(ids=())) == []
    assert listed(account, Selection(ids=("",))) == []
    assert account.originals.count(Selection(ids=("",))) == 0


def test_more_ids_than_a_page_are_listed_in_several(originals_account: OriginalsTestAccount) -> None:
    account = originals_account
    account.add_many(MANY, lambda _: "lesson")
    ids = tuple(entry.id for entry in entries_of(account.originals, Selection()))[: MANY - 1]

    assert sorted(entry.id for entry in entries_of(account.originals, Selection(ids=ids))) == sorted(ids)
    assert account.originals.count(Selection(ids=ids)) == MANY - 1


def test_ours_are_told_from_others(originals_account: OriginalsTestAccount) -> None:
    account = originals_account
    ours, _ = account.add(is_ours=True), account.add()

    (entry,) = account.originals.page(Selection(is_ours=True)).entries

    assert (entry.id, entry.reference) == (ours, "video:v1:1")
    assert account.originals.count(Selection(is_ours=True)) == 1


@pytest.mark.parametrize(
    "selection",
    [
        Selection(ids=("0_another1",)),
        Selection(tag="lesso"),
        Selection(without_tag="lesson"),
        Selection(unplayed_since=BEGIN_AT),
        Selection(is_unplayed=True),
        Selection(played_since=BEGIN_AT + DAY),
        Selection(created_since=BEGIN_AT),
        Selection(created_before=BEGIN_AT - DAY),
        Selection(ready=False),
        Selection(is_ours=True),
    ],
)
def test_what_kaltura_lists_is_checked_again(selection: Selection) -> None:
    """
    Its index may lag behind the entries.
    """
    entry = Entry(
        "0_entry1",
        "A lesson",
        None,
        MediaState.READY,
        frozenset({"lesson"}),
        created_at=BEGIN_AT - DAY,
        last_played_at=BEGIN_AT,
        plays=1,
        duration_s=60,
        original=None,
    )

    assert is_selected(entry, Selection())
    assert not is_selected(entry, selection)


AT: Final = int(BEGIN_AT.timestamp())
Y2000: Final = 946_684_800


@pytest.mark.parametrize(
    ("selection", "demands"),
    [
        (Selection(unplayed_since=BEGIN_AT), {"lastPlayedAtLessThanOrEqualOrNull": AT - 1}),
        (Selection(unplayed_since=BEGIN_AT), {"createdAtLessThanOrEqual": AT - 1}),
        (Selection(unplayed_since=BEGIN_AT + DAY / 86_400_000), {"lastPlayedAtLessThanOrEqualOrNull": AT}),
        (Selection(is_unplayed=True), {"lastPlayedAtLessThanOrEqualOrNull": Y2000}),
        (Selection(is_unplayed=False), {"lastPlayedAtGreaterThanOrEqual": Y2000}),
        (Selection(played_since=BEGIN_AT), {"lastPlayedAtGreaterThanOrEqual": AT}),
        (Selection(created_since=BEGIN_AT), {"createdAtGreaterThanOrEqual": AT}),
        (Selection(created_before=BEGIN_AT), {"createdAtLessThanOrEqual": AT - 1}),
        (Selection(tag="lesson"), {"tagsMultiLikeAnd": "lesson"}),
        (Selection(ready=True), {"statusIn": "2"}),
        (Selection(is_ours=True), {"adminTagsLike": "greenroomcontract"}),
    ],
)
def test_kaltura_leaves_out_what_it_can(selection: Selection, demands: dict[str, object]) -> None:
    account = KalturaAccount("http://127.0.0.1:1", 1, "0" * 32, "contract", None, MemoryDocuments(), ManualClock())

    asked = filter_of(account, selection, Position())

    assert {name: getattr(asked, name) for name in demands} == demands


# --- read ---------------------------------------------------------------------------------------------------------


def test_an_entry_is_read_with_its_original(originals_account: OriginalsTestAccount) -> None:
    account, now = originals_account, originals_account.clock().replace(microsecond=0)
    entry_id = account.add(7, tags="Lesson, physics", played_at=now)
    content = account.film(7)

    entry, nothing, again = account.originals.read([entry_id, "0_nothing1", entry_id])

    assert nothing is None
    assert entry is not None
    assert entry == again == account.originals.page(Selection()).entries[0]
    assert (entry.state, entry.plays) == (MediaState.READY, 1)
    assert entry.tags == {"lesson", "physics"}
    assert (entry.last_played_at, entry.replacing, entry.reference) == (now, Replacing.NO, None)
    original = original_of(entry)
    assert (original.size_bytes, original.is_ready, original.extension) == (len(content), True, "mp4")
    assert original.id not in {flavor.id for flavor in entry.flavors}
    assert entry.flavors
    assert account.originals.digest(entry_id, original).sha256 == hashlib.sha256(content).hexdigest()


def test_a_size_that_kaltura_rounds_is_not_exact(kaltura_account: KalturaOriginalsTestAccount) -> None:
    kaltura_account.server.control("POST", "settings", {"sizes_in_bytes": False, "sizes_rounded": True})
    entry_id = kaltura_account.add(content=kaltura_account.film(0, 3_000_000))

    original = original_of(the_entry(kaltura_account, entry_id))

    size_bytes = len(kaltura_account.film(0, 3_000_000))
    assert original.size_bytes is None
    assert original.size_kb != size_bytes // 1024
    assert original.size_kb * 1024 == pytest.approx(size_bytes, rel=0.03)
    assert kaltura_account.originals.digest(entry_id, original).size_bytes == size_bytes


def test_an_entry_in_replacement_is_not_a_video_of_its_own(kaltura_account: KalturaOriginalsTestAccount) -> None:
    account = kaltura_account
    entry_id = account.add()
    account.originals.replace(entry_id, account.film(1), "placeholder.mp4")
    new_id = str(account.administrator().media.get(entry_id).replacingEntryId)

    assert account.originals.read([new_id]) == [None]
    assert listed(account, Selection(ids=(new_id,))) == []
    assert listed(account, Selection()) == [entry_id]


def test_a_deleted_entry_is_gone(originals_account: OriginalsTestAccount) -> None:
    account = originals_account
    entry_id = account.add(tags="lesson")
    entry = the_entry(account, entry_id)
    account.delete(entry_id)

    assert account.originals.read([entry_id]) == [None]
    assert listed(account, Selection()) == []
    account.originals.delete_flavors(entry_id, entry.flavors)
    calls: list[Callable[[], object]] = [
        lambda: account.originals.change_tags(entry_id, add=[ARCHIVED]),
        lambda: account.originals.replace(entry_id, account.film(1), "a.mp4"),
        lambda: account.originals.source(entry_id, original_of(entry), 60),
        lambda: account.originals.digest(entry_id, original_of(entry)),
    ]
    for call in calls:
        with pytest.raises(Permanent):
            call()


def test_a_large_original_is_digested_in_little_memory(kaltura_account: KalturaOriginalsTestAccount) -> None:
    account = kaltura_account
    content = account.film(0, LARGE_BYTES)
    expected, size_bytes = hashlib.sha256(content).hexdigest(), len(content)
    entry_id = account.add(content=content)
    del content
    original = original_of(the_entry(account, entry_id))

    tracemalloc.start()
    try:
        digest = account.originals.digest(entry_id, original)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert (digest.sha256, digest.size_bytes) == (expected, size_bytes)
    assert peak < PEAK_MAX_BYTES


def answering(answer: bytes, address: str = "") -> Callable[[bytes], Iterable[bytes]]:
    """
    Play a Kaltura whose files are at an address; here unless told, where every file is this answer.
    """

    def says(head: bytes) -> Iterable[bytes]:
        if not head.startswith(b"POST"):
            return [answer]
        host = re.search(rb"Host: (\S+)", head)
        assert host is not None
        told = address or f"http://{host[1].decode()}/v/2/flavorId/0_flavor1"
        body = f'<?xml version="1.0" encoding="utf-8"?><xml><result>{told}</result></xml>'.encode()
        return [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body]

    return says


FLAVOR: Final = Flavor("0_flavor1", "2", 10, 1, is_ready=True)
UNKNOWN_SIZE: Final = Flavor("0_flavor1", "2", None, 1, is_ready=True)
WHOLE: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"


@contextmanager
def originals_at(server: Hostile, *delivery_domains: str) -> Iterator[KalturaOriginals]:
    """
    Yield the port of an account at this server.
    """
    url = server.url.removesuffix("/film")
    account = KalturaAccount(url, 1, "0" * 32, "contract", None, MemoryDocuments(), ManualClock())
    with closing(account.client):
        yield KalturaOriginals(account, delivery_domains)


@pytest.mark.parametrize(
    ("flavor", "answer", "raises"),
    [
        (FLAVOR, WHOLE, None),
        (UNKNOWN_SIZE, WHOLE, None),
        (UNKNOWN_SIZE, WHOLE[:-1], Doubtful),
        (UNKNOWN_SIZE, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Transient),
        (FLAVOR, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n0123", Transient),
        (UNKNOWN_SIZE, b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found", Transient),
        (
            UNKNOWN_SIZE,
            b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example/\r\nContent-Length: 0\r\n\r\n",
            Doubtful,
        ),
    ],
)
def test_a_file_counts_only_as_a_whole(flavor: Flavor, answer: bytes, raises: type[Exception] | None) -> None:
    with hostile(answering(answer)) as server, originals_at(server) as originals:
        if raises is None:
            assert originals.digest("0_entry1", flavor).sha256 == hashlib.sha256(b"0123456789").hexdigest()
            return
        with pytest.raises(raises):
            originals.digest("0_entry1", flavor)


@pytest.mark.parametrize("flavor", [FLAVOR, UNKNOWN_SIZE])
def test_a_file_without_end_is_not_read_to_its_end(flavor: Flavor) -> None:
    endless = without_end(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 10_000)
    kaltura = answering(b"")
    with (
        hostile(lambda head: kaltura(head) if head.startswith(b"POST") else endless(head)) as server,
        originals_at(server) as originals,
        pytest.raises(Transient) as raised,
    ):
        originals.digest("0_entry1", flavor)
    assert raised.value.code == "OTHER_SIZE"


def test_files_from_an_unnamed_server_are_refused() -> None:
    with hostile(answering(WHOLE, "https://files.cdn.example/v/2/flavorId/0_flavor1")) as server:
        with originals_at(server, "cdn.example") as originals:
            assert originals.source("0_entry1", FLAVOR, 60).url.startswith("https://files.cdn.example/")
        with originals_at(server) as originals, pytest.raises(Misconfigured, match="DELIVERY_DOMAINS"):
            originals.source("0_entry1", FLAVOR, 60)


# --- replace ------------------------------------------------------------------------------------------------------


def test_a_replaced_original_keeps_its_id_and_gets_another_version(originals_account: OriginalsTestAccount) -> None:
    account = originals_account
    entry_id = account.add(1)
    before = the_entry(account, entry_id)

    account.originals.replace(entry_id, account.film(2), "placeholder.mp4")

    meanwhile = the_entry(account, entry_id)
    assert meanwhile.replacing is Replacing.UNDER_WAY
    assert (meanwhile.state, meanwhile.original) == (MediaState.READY, before.original)
    assert account.content(entry_id) == account.film(1)
    account.finish(entry_id)

    after = the_entry(account, entry_id)
    assert (after.replacing, after.state) == (Replacing.NO, MediaState.READY)
    assert original_of(after).id == original_of(before).id
    assert int(original_of(after).version) > int(original_of(before).version)
    assert account.content(entry_id) == account.film(2)
    with pytest.raises(Transient, match="replaced"):
        account.originals.digest(entry_id, original_of(before))


def test_content_is_fetched_from_an_address(originals_account: OriginalsTestAccount) -> None:
    account = originals_account
    entry_id = account.add(1)

    account.originals.replace_from(entry_id, account.address_of(account.film(2)))
    account.finish(entry_id)

    entry = await_replacing(account, entry_id, Replacing.NO)
    expected = hashlib.sha256(account.film(2)).hexdigest()
    assert account.originals.digest(entry_id, original_of(entry)).sha256 == expected


def test_a_second_replacement_is_refused(originals_account: OriginalsTestAccount) -> None:
    account = originals_account
    entry_id = account.add(1)
    account.originals.replace(entry_id, account.film(2), "placeholder.mp4")

    replacements: list[Callable[[], None]] = [
        lambda: account.originals.replace(entry_id, account.film(3), "another.mp4"),
        lambda: account.originals.replace_from(entry_id, account.address_of(account.film(3))),
    ]
    for replace in replacements:
        with pytest.raises(Permanent, match="being replaced already") as refused:
            replace()
        assert refused.value.code == "ENTRY_REPLACEMENT_ALREADY_EXISTS"
        assert "://" not in str(refused.value)
    account.finish(entry_id)

    assert account.content(entry_id) == account.film(2)


def test_a_refused_replacement_leaves_no_token(kaltura_account: KalturaOriginalsTestAccount) -> None:
    account = kaltura_account
    entry_id = account.add(1)
    account.server.control("POST", "settings", {"entry_replacement": False})
    tokens = account.server.control("GET", "things")["uploadTokens"]

    with pytest.raises(Permanent, match="Ask Kaltura to add the feature FEATURE_ENTRY_REPLACEMENT"):
        account.originals.replace(entry_id, account.film(2), "placeholder.mp4")

    assert account.server.control("GET", "things")["uploadTokens"] == tokens


def test_a_replacement_leaves_no_token(kaltura_account: KalturaOriginalsTestAccount) -> None:
    account = kaltura_account
    entry_id = account.add(1)
    tokens = account.server.control("GET", "things")["uploadTokens"]

    account.originals.replace(entry_id, account.film(2), "placeholder.mp4")

    assert account.server.control("GET", "things")["uploadTokens"] == tokens
    account.finish(entry_id)
    assert account.content(entry_id) == account.film(2)


def test_failed_content_leaves_the_earlier_one(originals_account: OriginalsTestAccount) -> None:
    account = originals_account
    entry_id = account.add(1)
    account.originals.replace(entry_id, account.film(2), "placeholder.mp4")
    account.fail(entry_id)

    assert the_entry(account, entry_id).replacing is Replacing.FAILED
    assert account.content(entry_id) == account.film(1)
    for _ in range(2):
        account.originals.cancel_replacement(entry_id)
    assert the_entry(account, entry_id).replacing is Replacing.NO
    account.originals.replace(entry_id, account.film(3), "placeholder.mp4")
    account.finish(entry_id)
    assert account.content(entry_id) == account.film(3)


def test_content_that_cannot_be_fetched_is_seen_in_reads_and_lists(originals_account: OriginalsTestAccount) -> None:
    account = originals_account
    entry_id, other_id = account.add(1), account.add(2)
    account.originals.replace_from(other_id, account.address_of(account.film(3)))
    account.originals.replace_from(entry_id, account.address_of(b"") + ".missing")
    account.finish(entry_id)

    await_replacing(account, entry_id, Replacing.FAILED)

    states = {entry.id: entry.replacing for entry in account.originals.page(Selection()).entries}
    assert states == {entry_id: Replacing.FAILED, other_id: Replacing.UNDER_WAY}
    assert account.content(entry_id) == account.film(1)


def test_content_that_goes_live_while_it_is_looked_at_has_not_failed(
    kaltura_account: KalturaOriginalsTestAccount,
) -> None:
    account = kaltura_account
    entry_id = account.add(1)
    account.originals.replace(entry_id, account.film(2), "placeholder.mp4")
    account.meanwhile(lambda: account.finish(entry_id))

    assert the_entry(account, entry_id).replacing is Replacing.UNDER_WAY

    assert the_entry(account, entry_id).replacing is Replacing.NO
    assert account.content(entry_id) == account.film(2)


def test_a_cancelled_replacement_leaves_the_earlier_content(originals_account: OriginalsTestAccount) -> None:
    account = originals_account
    entry_id = account.add(1)
    account.originals.replace(entry_id, account.film(2), "placeholder.mp4")

    account.originals.cancel_replacement(entry_id)

    assert the_entry(account, entry_id).replacing is Replacing.NO
    assert account.content(entry_id) == account.film(1)


def test_a_thumbnail_lasts_until_the_content_is_replaced(
    originals_account: OriginalsTestAccount, tmp_path: Path
) -> None:
    account = originals_account
    entry_id = account.add(1)
    at_first = account.picture(entry_id)
    for colour in ("red", "blue"):
        account.originals.set_thumbnail(entry_id, picture_in(tmp_path, colour))
    shown = account.picture(entry_id)

    account.renew(entry_id, account.film(2))

    afterwards = account.picture(entry_id)
    assert len({at_first, shown, afterwards}) >= 2
    assert shown not in (at_first, afterwards)


def test_a_file_with_another_version_is_not_deleted(originals_account: OriginalsTestAccount) -> None:
    account = originals_account
    entry_id = account.add(1)
    before = the_entry(account, entry_id)
    account.renew(entry_id, account.film(2))

    account.originals.delete_flavors(entry_id, [original_of(before), *before.flavors])

    after = the_entry(account, entry_id)
    assert original_of(after).id == original_of(before).id
    assert {flavor.id for flavor in after.flavors} == {flavor.id for flavor in before.flavors}


def test_files_are_deleted_in_two_calls_and_once_more_without_error(originals_account: OriginalsTestAccount) -> None:
    account = originals_account
    entry_id = account.add(1)
    entry = the_entry(account, entry_id)
    before = account.calls()

    account.originals.delete_flavors(entry_id, entry.flavors)

    assert account.calls() - before <= 2
    after = the_entry(account, entry_id)
    assert (after.flavors, after.original, after.state) == ((), entry.original, MediaState.READY)
    account.originals.delete_flavors(entry_id, entry.flavors)
    assert account.content(entry_id) == account.film(1)


def test_a_file_that_somebody_else_deletes_at_the_same_time_counts_as_deleted(
    kaltura_account: KalturaOriginalsTestAccount,
) -> None:
    account = kaltura_account
    entry_id = account.add(1)
    flavors = the_entry(account, entry_id).flavors
    account.meanwhile(lambda: account.administrator().flavorAsset.delete(flavors[0].id))

    account.originals.delete_flavors(entry_id, flavors)

    assert the_entry(account, entry_id).flavors == ()


# --- tags ---------------------------------------------------------------------------------------------------------


def test_tags_are_added_and_removed_as_a_set(originals_account: OriginalsTestAccount) -> None:
    account = originals_account
    entry_id = account.add(tags=f"lesson, {LONGER}, physics")

    added = account.originals.change_tags(entry_id, add=[ARCHIVED.upper(), "lesson"], remove=["physics"])

    assert added == the_entry(account, entry_id).tags == {"lesson", LONGER, ARCHIVED}
    assert account.originals.change_tags(entry_id, remove=[ARCHIVED, LONGER, "lesson"]) == frozenset()
    assert the_entry(account, entry_id).tags == frozenset()
    before = account.calls()
    assert account.originals.change_tags(entry_id, remove=[ARCHIVED]) == frozenset()
    assert account.calls() - before == 1


def test_tags_that_somebody_else_changes_at_the_same_time_stay_changed(
    originals_account: OriginalsTestAccount,
) -> None:
    account = originals_account
    entry_id = account.add(tags="lesson, physics")
    account.meanwhile(lambda: account.label(entry_id, "lesson, optics"))

    changed = account.originals.change_tags(entry_id, add=[ARCHIVED])

    assert changed == the_entry(account, entry_id).tags == {"lesson", "optics", ARCHIVED}


# --- errors -------------------------------------------------------------------------------------------------------


def test_no_error_has_a_ks_or_an_address(kaltura_account: KalturaOriginalsTestAccount) -> None:
    account = kaltura_account
    originals: KalturaOriginals = account.originals
    entry_id = account.add(1, tags="lesson")
    entry = the_entry(account, entry_id)
    secret = "http://127.0.0.1:1/secret-signature"
    calls: list[Callable[[], object]] = [
        lambda: originals.page(Selection()),
        lambda: originals.count(Selection()),
        lambda: originals.read([entry_id]),
        lambda: originals.source(entry_id, original_of(entry), 60),
        lambda: originals.digest(entry_id, original_of(entry)),
        lambda: originals.change_tags(entry_id, add=[ARCHIVED]),
        lambda: originals.replace(entry_id, account.film(2), "placeholder.mp4"),
        lambda: originals.replace_from(entry_id, secret),
        lambda: originals.set_thumbnail(entry_id, b"picture"),
        lambda: originals.delete_flavors(entry_id, entry.flavors),
    ]
    faults = [{"kind": "html"}, {"kind": "truncated"}, {"kind": "drop_before"}, {"kind": "error"}]
    for call, fault in itertools.product(calls, faults):
        account.server.control("DELETE", "faults")
        account.server.control("POST", "faults", {**fault, "match": {"times": 0}})
        with pytest.raises(BackendError) as raised:
            call()
        text = f"{raised.value!r} {raised.value} {raised.value.__cause__!r}"
        assert account.server.admin_secret not in text
        assert "djJ8" not in text
        assert "secret-signature" not in text
        assert "http" not in text.lower().replace("http_", "").replace("http status", "")
    account.server.control("DELETE", "faults")
    assert the_entry(account, entry_id).tags == {"lesson"}


def test_entry_of_another_deployment_is_a_stray(kaltura_account: KalturaOriginalsTestAccount) -> None:
    account = kaltura_account
    ours, theirs, nobodys = account.add(1, is_ours=True), account.add(2, is_ours=True), account.add(3)
    account.administrator().media.update(theirs, KalturaMediaEntry(referenceId="another:video:v1:1"))
    found = account.originals.read([ours, theirs, nobodys])
    assert [one is not None and (one.reference is None, one.is_stray) for one in found] == [
        (False, False),
        (True, True),
        (True, False),
    ]
