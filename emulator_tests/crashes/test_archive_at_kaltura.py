"""Archiving, replacing and restoring at Kaltura, with one request after the other killed, refused, or its answer lost;
and then only the sweep. The real adapter speaks to the simulator over HTTP; the cold store is in memory.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from emulator_tests.contract.accounts import Film, KalturaServer
from emulator_tests.contract.originals import KalturaOriginalsTestAccount
from emulator_tests.deployment_settings import archive_settings
from emulator_tests.memory import MemoryColdStore
from emulator_tests.pure.archiving import PLACEHOLDER
from emulator_tests.pure.deployment import Deployment, Killed
from emulator_tests.simulators.running import Running
from emulator_tests.simulators.tests.files import Files, serving
from shared.archive.commands import Request
from shared.archive.model import ARCHIVED_TAG, FLAVORS_DELETED_TAG, ArchivedEntry, ArchiveState, By, Target
from shared.archive.resource import commands
from shared.core.errors import BackendError
from shared.core.paths import archive_path
from shared.ports import ColdObject, Entry, ProviderAccount, Replacing, Source, Tier

STRIDE: Final = 4
"""Every fourth request is disturbed: each kind of request is met, in another way from part to part."""

PARTS: Final = (Target.ARCHIVED, Target.PLACE_HOLDER, Target.ARCHIVED)
REQUESTS: Final = 28
"""As many as the undisturbed story makes, but for the last looks at a replacement."""

ROUNDS: Final = 14


class Way(StrEnum):
    """
    How a request goes wrong. A worker that dies before a request dies after the one before.
    """

    KILLED = "killed"
    REFUSED = "refused"
    ANSWER_LOST = "answerLost"


FAULTS: Final[dict[Way, dict[str, Any]]] = {
    Way.REFUSED: {"kind": "html", "status": 502},
    Way.ANSWER_LOST: {"kind": "drop_after_commit"},
}


class DisturbedAccount(KalturaOriginalsTestAccount):
    """
    An account in which one request goes wrong. Each request of ours is signed first, which reads the clock.
    """

    at = 0
    way: Way | None = None
    seen = 0
    is_counting = False

    def _clock(self) -> datetime:
        if self.is_counting:
            self.seen += 1
            if self.seen == self.at and self.way is Way.KILLED:
                raise Killed
            if self.seen == self.at and self.way is not None:
                self.server.control("POST", "faults", FAULTS[self.way])
        return super()._clock()


class ServedColdStore(MemoryColdStore):
    """
    A cold store from whose addresses Kaltura can fetch.
    """

    account: KalturaOriginalsTestAccount

    def address(self, item: ColdObject, lifetime_s: int) -> Source:
        return Source(self.account.address_of(self.open(super().address(item, lifetime_s).url)))


class World:
    """
    A deployment with one entry at Kaltura.
    """

    def __init__(self, account: DisturbedAccount) -> None:
        self.account = account
        self.deployment = Deployment(archive=archive_settings())
        self.store = ServedColdStore(self.deployment.clock, self._download)
        self.store.account = account
        media = self.deployment.media
        name = account.originals.name
        held = ProviderAccount(
            media, self.deployment.app.provider_accounts[media.name].inventory, None, account.originals
        )
        self.deployment.app = replace(
            self.deployment.app,
            provider_accounts={**self.deployment.app.provider_accounts, name: held},
            cold_store=lambda: self.store,
        )
        self.entry_id = account.add(1)
        self.film = account.film(1)

    def live(self, target: Target) -> None:
        """
        Ask for something, and let it end: what is due is found by the sweep, and tasks are lost.
        """
        entry = self.entry()
        request = Request(target, By.OPERATOR, tier=Tier.EXPEDITED)
        self.deployment.app.get(commands).ask(self.account.originals.name, entry, request)
        for _ in range(ROUNDS):
            self.account.is_counting = True
            with suppress(Killed, BackendError):
                self.deployment.app.sweep.run()
                self.deployment.run()
            self.account.is_counting = False
            self.deployment.lose_tasks()
            self.require_nothing_lost()
            entry = self.entry()
            if entry.replacing is Replacing.UNDER_WAY:
                self.account.finish(self.entry_id)
            self.deployment.clock.advance(timedelta(minutes=30).total_seconds())

    def entry(self) -> Entry:
        """
        Return the entry as it is.
        """
        (entry,) = self.account.originals.read([self.entry_id])
        assert entry is not None
        return entry

    def require_nothing_lost(self) -> None:
        """
        Require that the original is at Kaltura, or in the cold store with the same bytes.
        """
        assert self.film in self.store.contents(self.entry_id) or self.account.content(self.entry_id) == self.film

    def require_settled(self, target: Target) -> None:
        """
        Require that tags, content, cold store and record agree on what was asked for.
        """
        (document,) = self.deployment.documents.read(archive_path(self.entry_id))
        assert document is not None
        record, entry = ArchivedEntry.from_document(document), self.entry()
        is_placeholder = target is Target.PLACE_HOLDER
        assert record.state is (ArchiveState.PLACE_HOLDER if is_placeholder else ArchiveState.ARCHIVED), record
        assert (record.progress.claim, record.progress.failure, record.progress.due_at) == (None, None, None)
        assert entry.tags == ({ARCHIVED_TAG, FLAVORS_DELETED_TAG} if is_placeholder else {ARCHIVED_TAG})
        content = self.account.content(self.entry_id)
        assert content == (PLACEHOLDER.content if is_placeholder else self.film)
        assert record.original is not None
        assert record.original.sha256 == hashlib.sha256(self.film).hexdigest()
        assert self.store.contents(self.entry_id) == {self.film}

    def _download(self, url: str) -> bytes | None:
        answer = self.account.server.http.get(url)
        return answer.content if answer.status_code == httpx.codes.OK else None


@pytest.fixture(scope="module")
def files() -> Iterator[Files]:
    """A server of files from which the simulator fetches."""
    with serving({}) as served:
        yield served


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KalturaServer]:
    """A Kaltura simulator for this file only."""
    film = tmp_path_factory.mktemp("film") / "film.mp4"
    film.write_bytes(PLACEHOLDER.content)
    partner_id, secret = 1_234_567, secrets.token_hex(16)
    arguments = ("--partner-id", str(partner_id), "--admin-secret", secret, "--user-secret", secrets.token_hex(16))
    with Running("kaltura", *arguments) as simulator, httpx.Client(timeout=30, trust_env=False) as http:
        yield KalturaServer(simulator.url, {Film.VIDEO: Path(film)}, http, partner_id, secret)


@pytest.fixture
def make(server: KalturaServer, files: Files) -> Iterator[Callable[[], World]]:
    """Makes a world in an empty account."""
    server.control("POST", "reset")
    with closing(DisturbedAccount(server, files)) as account:
        yield lambda: World(account)


@pytest.mark.parametrize("at", range(1, REQUESTS + 1, STRIDE), ids="stride 4, request {}".format)
@pytest.mark.parametrize("way", Way)
def test_the_sweep_alone_brings_an_original_to_where_it_belongs(make: Callable[[], World], at: int, way: Way) -> None:
    world = make()
    world.account.at, world.account.way = at + list(Way).index(way), way
    for target in PARTS:
        world.live(target)
        world.require_settled(target)
    assert world.account.seen > world.account.at
