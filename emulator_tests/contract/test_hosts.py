"""The host port: in memory, Bunny as its simulator serves it, and an S3 store."""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Final

import httpx
import pytest

from emulator_tests.contract.accounts import Film
from emulator_tests.contract.hosts import (
    LOST_ANSWER,
    LOST_CALL,
    PIECE_BYTES,
    BunnyServer,
    BunnyTestAccount,
    HostTestAccount,
    MemoryHostTestAccount,
    S3Server,
    S3TestAccount,
    await_end,
    copied,
    running_s3,
    source_of,
)
from emulator_tests.simulators.running import Running
from emulator_tests.simulators.tests.files import Files, serving
from emulator_tests.testbed.line import Break
from shared.core.errors import Doubtful, Permanent, SecretRejected, Transient
from shared.ports import ADDRESSES, ExternalIds, Host, InventoryItem, MediaState, Source
from shared.providers.addresses import plays
from shared.providers.secret import REJECTED_PAUSE_S

REFERENCE: Final = "copy:0123456789abcdef0123-host:1"
OTHER: Final = "copy:0123456789abcdef0123-host:2"
LONG_BYTES: Final = 2 * PIECE_BYTES + 12_345
BEGINNING: Final = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def files(films: dict[Film, Path]) -> Iterator[Files]:
    """A server of files to copy. One video is long because of a padding box."""
    film = films[Film.VIDEO].read_bytes()
    padding = LONG_BYTES - len(film)
    long_film = film + padding.to_bytes(4, "big") + b"free" + secrets.token_bytes(padding - 8)
    contents = {"/film": film, "/long": long_film, "/text": b"no film" * 1000}
    with serving(contents) as served:
        yield served


@pytest.fixture(scope="session")
def bunny_server() -> Iterator[BunnyServer]:
    """A Bunny simulator for this suite only, in which videos are ready at once."""
    api_key, token_key = secrets.token_hex(20), secrets.token_hex(20)
    arguments = ("--library-id", "133", "--api-key", api_key, "--token-key", token_key, "--ready-after", "0s")
    with Running("bunny", *arguments) as simulator, httpx.Client(timeout=30, trust_env=False) as http:
        yield BunnyServer(simulator.url, http, "133", api_key, token_key)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 store for this suite only."""
    with running_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def bunny(bunny_server: BunnyServer) -> Iterator[BunnyTestAccount]:
    """An empty Bunny library."""
    bunny_server.control("POST", "reset")
    with closing(BunnyTestAccount(bunny_server)) as account:
        yield account


@pytest.fixture
def own(s3_server: S3Server) -> Iterator[S3TestAccount]:
    """An empty bucket of your own server."""
    with closing(S3TestAccount(s3_server)) as account:
        yield account


@pytest.fixture(params=["memory that fetches", "memory that waits", "bunny", "own"])
def account(request: pytest.FixtureRequest) -> HostTestAccount:
    """An empty host that nobody else uses."""
    if request.param.startswith("memory"):
        return MemoryHostTestAccount(waits=request.param == "memory that waits")
    found: HostTestAccount = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["bunny", "own"])
def real(request: pytest.FixtureRequest) -> BunnyTestAccount | S3TestAccount:
    """An empty host that is reached over a network."""
    found: BunnyTestAccount | S3TestAccount = request.getfixturevalue(request.param)
    return found


def carry(host: Host, external_ids: ExternalIds, source: Source) -> None:
    """Send the bytes, in as many calls as it takes."""
    while host.send_more(external_ids, source).state is MediaState.AWAITING_UPLOAD:
        pass


def items_of(account: HostTestAccount) -> list[InventoryItem]:
    """Return all items of this deployment."""
    return list(account.host.list_items(BEGINNING, account.clock() + timedelta(hours=1)))


# --- copying ------------------------------------------------------------------------------------------------------


def test_a_copy_is_ready_in_the_end_and_plays(account: HostTestAccount, files: Files) -> None:
    external_ids = account.host.begin_copy(REFERENCE, source_of(files, "film"))
    seen = account.host.observe_copy(external_ids)
    waiting = MediaState.AWAITING_UPLOAD if account.waits else MediaState.PROCESSING
    assert seen.state in (waiting, MediaState.PROCESSING, MediaState.READY)
    assert (seen.received_bytes == 0) == account.waits

    assert await_end(account, external_ids, source_of(files, "film")).state is MediaState.READY

    assert account.host.observe_copy(external_ids).state is MediaState.READY
    grant = account.host.playback_grant(external_ids, 60)
    assert account.played(grant)
    assert grant.url in grant.values.values()
    assert set(grant.values) & set(ADDRESSES)
    assert grant.expires_at <= account.clock() + timedelta(seconds=60)
    assert grant.url not in repr(grant)


def test_a_copy_is_found_by_its_reference_from_the_moment_it_exists(account: HostTestAccount, files: Files) -> None:
    external_ids = account.host.begin_copy(REFERENCE, source_of(files, "film"))
    assert account.host.find_copy(REFERENCE) == external_ids
    assert account.host.find_copy(OTHER) == {}
    assert account.host.find_copy(REFERENCE[:-1]) == {}
    assert account.neighbour().find_copy(REFERENCE) == {}

    await_end(account, external_ids, source_of(files, "film"))

    found = account.host.find_copy(REFERENCE)
    assert found.items() <= external_ids.items()
    assert account.host.observe_copy(found).state is MediaState.READY


def test_of_two_copies_under_one_reference_the_older_is_found(account: HostTestAccount, files: Files) -> None:
    first = account.host.begin_copy(REFERENCE, source_of(files, "film"))
    account.later()
    second = account.host.begin_copy(REFERENCE, source_of(files, "film"))

    assert first != second
    assert account.host.find_copy(REFERENCE) == first


@pytest.mark.parametrize("lost", [LOST_CALL, LOST_ANSWER], ids=["the call", "the answer"])
def test_lost_answer_of_creation_is_found_or_not_done(account: HostTestAccount, files: Files, lost: Break) -> None:
    with account.over([lost]) as host, pytest.raises(Doubtful):
        host.begin_copy(REFERENCE, source_of(files, "film"))

    found = account.host.find_copy(REFERENCE)
    assert bool(found) == lost.loses_answer
    assert len(account.alive()) == int(lost.loses_answer)


def test_missing_copy_is_gone(account: HostTestAccount, files: Files) -> None:
    external_ids = copied(account, REFERENCE, source_of(files, "film"))

    account.vanish(external_ids)

    assert account.host.observe_copy(external_ids).state is MediaState.GONE
    assert account.host.find_copy(REFERENCE) == {}
    assert account.host.send_more(external_ids, source_of(files, "film")).state is MediaState.GONE


def test_copy_of_unreadable_content_is_not_ready(account: HostTestAccount, files: Files) -> None:
    nothing = source_of(files, "nothing")
    external_ids = account.host.begin_copy(REFERENCE, nothing)

    if isinstance(account, S3TestAccount):
        with pytest.raises(Transient):
            account.host.send_more(external_ids, nothing)
        assert account.host.observe_copy(external_ids).received_bytes == 0
    elif not account.waits:
        failed = await_end(account, external_ids, nothing)
        assert (failed.state, bool(failed.reason)) == (MediaState.ERROR, True)


# --- deleting -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_ready", [False, True], ids=["begun", "ready"])
def test_a_copy_is_deleted_at_any_time_and_again_without_error(
    account: HostTestAccount, files: Files, is_ready: bool
) -> None:
    kept = copied(account, OTHER, source_of(files, "film"))
    alive = account.alive()
    source = source_of(files, "film")
    external_ids = copied(account, REFERENCE, source) if is_ready else account.host.begin_copy(REFERENCE, source)
    grant = account.host.playback_grant(external_ids, 60)

    for _ in range(2):
        assert account.host.delete_media(external_ids) == {}
        assert account.alive() == alive
    assert account.played(grant) is None
    assert account.host.observe_copy(external_ids).state is MediaState.GONE
    assert account.host.observe_copy(kept).state is MediaState.READY


def test_a_deletion_whose_answer_is_lost_is_done_again(account: HostTestAccount, files: Files) -> None:
    external_ids = copied(account, REFERENCE, source_of(files, "film"))
    with account.over([LOST_ANSWER]) as host, pytest.raises(Transient):
        host.delete_media(external_ids)

    assert account.host.delete_media(external_ids) == {}
    assert account.alive() == set()


# --- orphans -------------------------------------------------------------------------------------------------------


def test_inventory_lists_only_our_objects_oldest_first(account: HostTestAccount, files: Files) -> None:
    copied(account, REFERENCE, source_of(files, "film"))
    account.later()
    account.host.begin_copy(OTHER, source_of(files, "film"))
    account.neighbour().begin_copy("copy:9-host:1", source_of(files, "film"))

    found = items_of(account)

    assert [one.reference for one in found] == [REFERENCE, OTHER]
    assert {one.provider for one in found} == {account.host.name}
    first, second = (one.created_at for one in found)
    assert first < second
    assert [one.reference for one in account.host.list_items(first, second)] == [REFERENCE]
    assert list(account.host.list_items(second + timedelta(seconds=1), second + timedelta(seconds=2))) == []


def test_a_copy_has_content_as_soon_as_there_are_bytes_of_it(account: HostTestAccount, files: Files) -> None:
    external_ids = account.host.begin_copy(REFERENCE, source_of(files, "film"))
    (begun,) = items_of(account)
    if account.waits:
        assert not account.host.has_content(begun)

    await_end(account, external_ids, source_of(files, "film"))

    (item,) = items_of(account)
    assert item.has_content is True
    assert account.host.has_content(item)
    account.host.delete_media(external_ids)
    assert not account.host.has_content(item)


def test_once_all_orphans_are_deleted_nothing_is_left(account: HostTestAccount, files: Files) -> None:
    copied(account, REFERENCE, source_of(files, "film"))
    account.host.begin_copy(OTHER, source_of(files, "film"))
    found = items_of(account)

    for _ in range(2):
        for item in found:
            assert account.host.delete_item(item) == {}
    assert items_of(account) == []
    assert account.alive() == set()


def test_the_second_copy_under_a_reference_can_go_alone(account: HostTestAccount, files: Files) -> None:
    source = source_of(files, "film")
    kept = account.host.begin_copy(REFERENCE, source)
    account.later()
    twin = account.host.begin_copy(REFERENCE, source)

    for item in items_of(account):
        if item.external_ids == twin:
            assert account.host.delete_item(item) == {}

    assert await_end(account, kept, source).state is MediaState.READY
    assert len(account.alive()) == 1


# --- playing ------------------------------------------------------------------------------------------------------


def test_a_grant_is_good_for_one_copy_and_only_as_it_was_given(
    real: BunnyTestAccount | S3TestAccount, files: Files
) -> None:
    external_ids, other = (copied(real, one, source_of(files, "film")) for one in (REFERENCE, OTHER))
    name = "guid" if isinstance(real, BunnyTestAccount) else "key"
    grant = real.host.playback_grant(external_ids, 60)
    assert real.played(grant)

    address = grant.url
    for tampered in (
        address.replace(external_ids[name], other[name]),
        address.replace("HS256-", "HS256-A").replace("X-Amz-Signature=", "X-Amz-Signature=0"),
        address.replace("expires=", "expires=9").replace("X-Amz-Expires=60", "X-Amz-Expires=600"),
    ):
        assert tampered != address
        assert httpx.get(tampered).status_code == 403, tampered


def test_without_its_permission_an_address_plays_nothing(real: BunnyTestAccount | S3TestAccount, files: Files) -> None:
    """The health check calls these addresses, and expects a refusal."""
    external_ids = copied(real, REFERENCE, source_of(files, "film"))
    grant = real.host.playback_grant(external_ids, 60)
    assert (plays(grant.url), plays(grant.bare_url)) == (True, False)
    assert grant.token not in grant.bare_url


def test_a_grant_ends(real: BunnyTestAccount | S3TestAccount, files: Files) -> None:
    external_ids = copied(real, REFERENCE, source_of(files, "film"))
    grant = real.host.playback_grant(external_ids, 1)

    ends_at = monotonic() + 10
    while httpx.get(grant.url).status_code != 403:
        assert monotonic() < ends_at, "It does not end."
    assert real.clock() >= grant.expires_at - timedelta(seconds=1)


# --- sending bytes ------------------------------------------------------------------------------------------------


def test_long_video_is_copied_in_parts(own: S3TestAccount, files: Files) -> None:
    source, film = source_of(files, "long"), files.contents["/long"]
    external_ids = own.host.begin_copy(REFERENCE, source)

    seen = [own.host.send_more(external_ids, source) for _ in range(3)]

    assert [one.received_bytes for one in seen] == [PIECE_BYTES, 2 * PIECE_BYTES, None]
    assert [one.percent for one in seen] == [49, 99, 100]
    assert own.played(own.host.playback_grant(external_ids, 60)) == film
    # Another call changes nothing.
    assert own.host.send_more(external_ids, source).state is MediaState.READY
    assert own.played(own.host.playback_grant(external_ids, 60)) == film


@pytest.mark.parametrize("after_bytes", [0, 2000, PIECE_BYTES // 2, PIECE_BYTES + 2000])
@pytest.mark.parametrize("loses_answer", [False, True], ids=["in the call", "in the answer"])
def test_broken_copy_is_resumed_by_the_next_run(
    own: S3TestAccount, files: Files, after_bytes: int, loses_answer: bool
) -> None:
    source, film = source_of(files, "long"), files.contents["/long"]
    external_ids = own.host.begin_copy(REFERENCE, source)
    breaks = [Break(after_bytes, loses_answer=loses_answer)]
    with own.over(breaks) as host, pytest.raises(Transient):
        carry(host, external_ids, source)

    assert await_end(own, external_ids, source).state is MediaState.READY

    assert own.played(own.host.playback_grant(external_ids, 60)) == film


def test_multipart_upload_aborted_by_others_is_gone(own: S3TestAccount, files: Files) -> None:
    source = source_of(files, "long")
    external_ids = own.host.begin_copy(REFERENCE, source)
    own.host.send_more(external_ids, source)

    own.vanish(external_ids)

    assert own.host.send_more(external_ids, source).state is MediaState.GONE


def test_source_is_read_in_ranges(own: S3TestAccount, files: Files) -> None:
    files.asked.clear()
    copied(own, REFERENCE, source_of(files, "long"))

    ends = itertools.pairwise([*range(0, LONG_BYTES, PIECE_BYTES), 3 * PIECE_BYTES])
    assert files.asked == [("/long", f"bytes={begin}-{end - 1}") for begin, end in ends]


# --- failures -----------------------------------------------------------------------------------------------------


def test_wrong_key_is_reported_and_retried(
    real: BunnyTestAccount | S3TestAccount, files: Files, capfd: pytest.CaptureFixture[str]
) -> None:
    """There is one alert, and long pauses."""
    with pytest.raises(SecretRejected) as refused:
        real.with_key("another").begin_copy(REFERENCE, source_of(files, "film"))

    assert refused.value.retry_after_s == REJECTED_PAUSE_S
    (line,) = [line for line in capfd.readouterr().err.splitlines() if "ALERT" in line]
    alert = json.loads(line)
    assert (alert["message"], alert["provider"]) == ("provider rejects the secret", real.host.name)
    assert (refused.value.code, refused.value.provider) == ("UNAUTHORIZED", real.host.name)
    assert "another" not in str(refused.value)


def test_unreachable_host_is_retried(real: BunnyTestAccount | S3TestAccount, files: Files) -> None:
    with pytest.raises(Transient) as refused:
        real.at("http://127.0.0.1:1").begin_copy(REFERENCE, source_of(files, "film"))

    assert (refused.value.code, isinstance(refused.value, Doubtful)) == ("UNREACHABLE", False)


@pytest.mark.parametrize(
    ("fault", "code", "exists"),
    [
        ({"kind": "status", "status": 503}, "HTTP_503", False),
        ({"kind": "status", "status": 500, "commits": True}, "HTTP_500", True),
        ({"kind": "html", "commits": True}, "HTTP_502", True),
        ({"kind": "empty", "commits": True}, "MALFORMED", True),
        ({"kind": "truncated"}, "MALFORMED", True),
        ({"kind": "throttle", "after_s": 7}, "RATE_LIMITED", False),
    ],
    ids=["503", "500, done", "a page, done", "nothing, done", "half a body", "too many"],
)
def test_malformed_bunny_answer_leaves_no_unknown_copy(
    bunny: BunnyTestAccount, files: Files, fault: dict[str, object], code: str, exists: bool
) -> None:
    bunny.server.control("POST", "faults", {**fault, "match": {"operation": "fetch"}})
    with pytest.raises(Transient) as refused:
        bunny.host.begin_copy(REFERENCE, source_of(files, "film"))

    assert refused.value.code == code
    assert refused.value.retry_after_s == (7.0 if code == "RATE_LIMITED" else None)
    assert bool(bunny.host.find_copy(REFERENCE)) == exists
    assert len(bunny.alive()) == int(exists)


def test_video_without_an_id_in_the_answer_is_found_by_title(bunny: BunnyTestAccount, files: Files) -> None:
    bunny.server.control("POST", "settings", {"fetch_tells_id": False})
    with pytest.raises(Doubtful):
        bunny.host.begin_copy(REFERENCE, source_of(files, "film"))

    assert {bunny.host.find_copy(REFERENCE)["guid"]} == bunny.alive()


def test_address_refused_by_bunny_is_a_permanent_error(bunny: BunnyTestAccount) -> None:
    with pytest.raises(Permanent) as refused:
        bunny.host.begin_copy(REFERENCE, Source("memory://film"))

    assert refused.value.code == "FETCH_REFUSED"
    assert bunny.alive() == set()


def test_a_list_that_is_long_is_read_to_its_end(bunny: BunnyTestAccount, files: Files) -> None:
    for number in range(230):
        bunny.host.begin_copy(f"copy:{number:020}-host:1", source_of(files, "text"))

    assert len(items_of(bunny)) == 230
    assert bunny.host.find_copy(f"copy:{7:020}-host:1")
