"""`greenroom migrate`: records of earlier releases get the present form, and nothing else happens to them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from typing import Any, NoReturn

import pytest

from cli.main import main
from cli.running import Status, Surroundings
from emulator_tests.pure.archiving import DAY_S, archiving
from emulator_tests.pure.deployment import Deployment
from emulator_tests.testbed.places import ROOT
from shared.app import App
from shared.archive.model import Target
from shared.core.paths import RECONCILE_SESSION
from shared.operations.migration import Migration, Outcome, outcome_of
from shared.ports import REMOVE, Delete, Document, Query, Task, Update
from shared.providers.unavailable import NoEvents
from shared.reconcile.model import SCHEMA_VERSION
from shared.registry import RESOURCES

COLLECTIONS = [one.collection for one in RESOURCES]


def with_records() -> Deployment:
    """
    A deployment with a live session and its event, two videos, one of them deleted, and a copy on its way.
    """
    deployment = Deployment()
    deployment.write_session(format="liveStreaming")
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    for request in ("r1", "r2"):
        deployment.ask_upload(request)
    deployment.run()
    return deployment


def records(deployment: Deployment) -> dict[str, Document]:
    found = (deployment.documents.select(Query(collection)) for collection in COLLECTIONS)
    return {document.path: document for of_collection in found for document in of_collection}


def make_old(deployment: Deployment, **changes: object) -> None:
    """
    Give every record the form of a release before 0.1.0, or another version.
    """
    for path in records(deployment):
        deployment.documents.commit(Update(path, changes or {"schemaVersion": REMOVE}))


def told(
    arguments: list[str], deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    surroundings = Surroundings(deployment.app, read=lambda *_: iter(()))
    status = main(["migrate", "--json", *arguments], surroundings)
    return status, json.loads(capsys.readouterr().out)


def test_records_of_every_collection_are_written_with_the_version() -> None:
    found = records(with_records())
    assert len({path.partition("/")[0] for path in found}) >= 2
    assert {document.fields["schemaVersion"] for document in found.values()} == {SCHEMA_VERSION}


def test_old_records_get_the_present_form_and_keep_everything_else(capsys: pytest.CaptureFixture[str]) -> None:
    deployment = with_records()
    before = records(deployment)
    make_old(deployment)

    status, result = told([], deployment, capsys)

    after = records(deployment)
    assert status == Status.DONE
    assert {path: document.fields for path, document in after.items()} == {
        path: document.fields for path, document in before.items()
    }
    assert sum(counts["written"] for counts in result["collections"].values()) == len(before)
    assert set(result["collections"]) == set(COLLECTIONS)
    deployment.run()
    assert len(deployment.events.alive()) == 1


def test_records_are_migrated_without_providers_and_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing changes at a provider, so that an operator need not read its secrets."""

    def is_not_opened() -> NoReturn:
        raise AssertionError

    found = archiving()
    deployment = found.deployment
    found.ask(Target.ARCHIVED)
    found.run(DAY_S)
    deployment.write_session()
    deployment.write_session("s2", format="liveStreaming")
    deployment.deliver(Task(RECONCILE_SESSION, "s2"))
    deployment.ask_upload("r9")
    deployment.run()
    before = {path: document.fields for path, document in records(deployment).items()}
    assert {path.partition("/")[0] for path in before} >= {"archive", "videos", "kalturaSession"}
    make_old(deployment)
    settings = deployment.app.settings
    app = App(
        deployment.documents, deployment.queue, deployment.clock, NoEvents(), {}, settings, cold_store=is_not_opened
    )
    capsys.readouterr()

    status = main(["migrate", "--json"], Surroundings(app, read=lambda *_: iter(())))

    written = json.loads(capsys.readouterr().out)["collections"].values()
    assert (status, sum(counts["written"] for counts in written)) == (Status.DONE, len(before))
    assert {path: document.fields for path, document in records(deployment).items()} == before


@pytest.mark.long
def test_every_resource_of_a_deployment_opens_without_secrets() -> None:
    program = (
        "from functions import wiring; app = wiring.records(); print([app.get(one.open) for one in app.resources])"
    )
    settings = {
        "GCLOUD_PROJECT": "demo-cli",
        "KALTURA_PARTNER_ID": "102",
        "CLOUDFLARE_ACCOUNT_ID": "0" * 32,
        "USE_HOSTS": "true",
        "SLIDES_BUCKET": "my-school-slides",
        "ARCHIVE_S3_BUCKET": "my-school-archive",
        "FIRESTORE_EMULATOR_HOST": "127.0.0.1:1",
    }
    told = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], **settings},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.returncode == 0, told.stderr


def test_second_run_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    deployment = with_records()
    make_old(deployment)
    told([], deployment, capsys)
    before = {path: document.version for path, document in records(deployment).items()}

    status, result = told([], deployment, capsys)

    assert (status, {counts["written"] for counts in result["collections"].values()}) == (Status.DONE, {0})
    assert {path: document.version for path, document in records(deployment).items()} == before


def test_dry_run_counts_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    deployment = with_records()
    make_old(deployment)
    before = {path: document.version for path, document in records(deployment).items()}

    status, result = told(["--dry-run"], deployment, capsys)

    assert status == Status.DONE
    assert result["isDryRun"]
    assert sum(counts["written"] for counts in result["collections"].values()) == len(before)
    assert {path: document.version for path, document in records(deployment).items()} == before


def test_record_that_a_worker_is_at_is_left_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    deployment = with_records()
    make_old(deployment)
    until = deployment.clock() + timedelta(seconds=30)
    path = next(path for path in records(deployment) if path.startswith("videos/"))
    deployment.documents.commit(Update(path, {"claim": {"step": "observe", "until": until}}))

    status, result = told([], deployment, capsys)

    assert (status, result["collections"]["videos"]["busy"]) == (Status.FAILED, 1)
    assert "schemaVersion" not in deployment.document(path).fields
    deployment.clock.advance(31)
    assert told([], deployment, capsys)[1]["collections"]["videos"]["written"] == 1


def test_records_of_a_newer_release_are_left_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    deployment = with_records()
    make_old(deployment, schemaVersion=SCHEMA_VERSION + 1, ofTomorrow=True)

    status, result = told([], deployment, capsys)

    assert status == Status.FAILED
    assert sum(counts["newer"] for counts in result["collections"].values()) == len(records(deployment))
    assert all(document.fields["ofTomorrow"] for document in records(deployment).values())


def test_record_that_was_deleted_meanwhile_is_no_failure() -> None:
    deployment = with_records()
    make_old(deployment)
    total = len(records(deployment))
    looked: list[str] = []

    def delete_the_rest(collection: str) -> None:
        looked.append(collection)
        for path in records(deployment):
            if len(looked) == 1 and path.startswith("videos/"):
                deployment.documents.commit(Delete(path))

    migrated = Migration(deployment.app, deployment.app.resources).run(delete_the_rest)
    assert migrated.total(Outcome.WRITTEN) < total
    assert migrated.total(Outcome.BUSY) == 0


@pytest.mark.parametrize(
    ("version", "outcome"),
    [
        (SCHEMA_VERSION, Outcome.CURRENT),
        (None, Outcome.WRITTEN),
        (SCHEMA_VERSION - 1, Outcome.WRITTEN),
        ("edited by hand", Outcome.WRITTEN),
        (SCHEMA_VERSION + 1, Outcome.NEWER),
    ],
)
def test_outcome_follows_from_the_version(version: object, outcome: Outcome) -> None:
    assert outcome_of(version) is outcome
