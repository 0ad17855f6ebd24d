"""One original's way into the archive and back, between Kaltura's simulator and each real kind of cold store."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from emulator_tests.contract.accounts import Film, KalturaServer
from emulator_tests.contract.cold_stores import GcsSite, S3Site, running_moto
from emulator_tests.contract.originals import KalturaOriginalsTestAccount
from emulator_tests.contract.sources import sources
from emulator_tests.contract.storages import running_storage
from emulator_tests.deployment_settings import archive_settings
from emulator_tests.pure.archiving import PLACEHOLDER
from emulator_tests.pure.deployment import Deployment
from emulator_tests.simulators.running import Running
from emulator_tests.simulators.tests.files import serving
from shared.archive.commands import Request
from shared.archive.model import ARCHIVED_TAG, FLAVORS_DELETED_TAG, ArchivedEntry, ArchiveState, By, Target
from shared.archive.resource import commands
from shared.core.paths import archive_path
from shared.ports import ProviderAccount, Replacing, Tier

pytestmark = pytest.mark.long

ROUNDS = 40


@pytest.fixture(scope="module")
def kaltura(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KalturaOriginalsTestAccount]:
    film = tmp_path_factory.mktemp("film") / "film.mp4"
    film.write_bytes(PLACEHOLDER.content)
    partner_id, secret = 1_234_568, secrets.token_hex(16)
    arguments = ("--partner-id", str(partner_id), "--admin-secret", secret, "--user-secret", secrets.token_hex(16))
    with (
        Running("kaltura", *arguments) as simulator,
        httpx.Client(timeout=30, trust_env=False) as http,
        serving({}) as files,
    ):
        server = KalturaServer(simulator.url, {Film.VIDEO: film}, http, partner_id, secret)
        with closing(KalturaOriginalsTestAccount(server, files)) as account:
            yield account


@pytest.fixture(params=["moto", "fake-gcs-server"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[S3Site | GcsSite]:
    with sources() as served:
        if request.param == "moto":
            with running_moto() as moto, closing(S3Site(moto, served)) as found:
                yield found
        else:
            with running_storage(tmp_path / "log") as cloud, closing(GcsSite(cloud, served)) as at_google:
                yield at_google


def test_original_goes_into_the_cold_store_and_comes_back_with_the_same_bytes(
    kaltura: KalturaOriginalsTestAccount, site: S3Site | GcsSite
) -> None:
    deployment, name = Deployment(archive=archive_settings()), kaltura.originals.name
    ours = deployment.app.provider_accounts[deployment.media.name]
    account = ProviderAccount(ours.media, ours.inventory, None, kaltura.originals)
    deployment.app = replace(
        deployment.app,
        provider_accounts={**deployment.app.provider_accounts, name: account},
        cold_store=lambda: site.store,
    )
    number = secrets.randbelow(1000) + 1
    entry_id, film = kaltura.add(number), kaltura.film(number)

    def live(target: Target, state: ArchiveState) -> ArchivedEntry:
        (entry,) = kaltura.originals.read([entry_id])
        assert entry is not None
        deployment.app.get(commands).ask(name, entry, Request(target, By.OPERATOR, tier=Tier.EXPEDITED))
        for _ in range(ROUNDS):
            deployment.run(600)
            deployment.app.sweep.run()
            (entry,) = kaltura.originals.read([entry_id])
            if entry is not None and entry.replacing is Replacing.UNDER_WAY:
                kaltura.finish(entry_id)
            record = ArchivedEntry.from_document(deployment.document(archive_path(entry_id)))
            if record.state is state and record.progress.due_at is None:
                return record
        raise AssertionError(record)

    stored = live(Target.ARCHIVED, ArchiveState.ARCHIVED).original
    assert stored is not None
    assert (stored.sha256, stored.size_bytes) == (hashlib.sha256(film).hexdigest(), len(film))
    assert site.content(stored.key, stored.version) == film

    live(Target.PLACE_HOLDER, ArchiveState.PLACE_HOLDER)
    assert kaltura.content(entry_id) == PLACEHOLDER.content

    live(Target.ARCHIVED, ArchiveState.ARCHIVED)
    assert kaltura.content(entry_id) == film
    (entry,) = kaltura.originals.read([entry_id])
    assert entry is not None
    assert ARCHIVED_TAG in entry.tags
    assert FLAVORS_DELETED_TAG not in entry.tags
    assert site.content(stored.key, stored.version) == film
