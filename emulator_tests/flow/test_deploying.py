"""What `firebase deploy` would ask for, and deploy, judged by firebase-tools itself."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from emulator_tests.testbed.places import ROOT
from functions import config
from functions.listing import OF_BUCKET
from main import FUNCTIONS

SCRIPT: Final = Path(__file__).with_name("deploying.cjs")
INDEXING: Final = Path(__file__).with_name("indexing.cjs")
UPLOADING: Final = Path(__file__).with_name("uploading.cjs")
PROJECT: Final = "my-school"
WITHIN_S: Final = 120

KALTURA: Final = {"KALTURA_PARTNER_ID": "102"}
CLOUDFLARE: Final = {"CLOUDFLARE_ACCOUNT_ID": "0123456789abcdef0123456789abcdef"}
HOSTS: Final = {"USE_HOSTS": "true"}
SLIDES: Final = {"SLIDES_BUCKET": "my-school-slides"}

KALTURA_SECRET: Final = "KALTURA_ADMIN_SECRET"
CHAT_SECRET: Final = "KALTURA_CHAT_TOKEN"
SLIDES_SECRET: Final = "SLIDES_TOKEN_SECRET"
CLOUDFLARE_SECRETS: Final = {"CLOUDFLARE_API_TOKEN", "CLOUDFLARE_SIGNING_KEY"}


@dataclass(frozen=True)
class Deployment:
    """
    What would be deployed, or why not, and what was printed meanwhile.
    """

    functions: list[dict[str, Any]]
    secrets: set[str]
    error: str
    printed: str

    def secrets_of(self, name: str) -> set[str]:
        (found,) = (function["secrets"] for function in self.functions if function["name"] == name)
        return set(found)


GREENROOM: Final = {"codebase": "greenroom", "runtime": "python311"}
"""Its part of `functions` in firebase.json."""


def deploy(folder: Path, settings: dict[str, str], stanza: dict[str, Any] = GREENROOM) -> Deployment:
    folder.joinpath(f".env.{PROJECT}").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    environment = {
        "PATH": os.environ["PATH"],
        "TESTBED_LANE": os.environ.get("TESTBED_LANE", "0"),
        "HOME": str(folder),
        "IS_FIREBASE_CLI": "true",
        # Beside all other tests it may take longer than the ten seconds that it is given.
        "FUNCTIONS_DISCOVERY_TIMEOUT": str(WITHIN_S // 2),
    }
    command = ["node", str(SCRIPT), str(ROOT), str(folder), PROJECT, json.dumps(stanza)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=WITHIN_S, check=True)
    printed, _, told = done.stdout.rpartition("\n")
    read = json.loads(told)
    return Deployment(read.get("functions", []), set(read.get("secrets", [])), read.get("error", ""), printed)


@pytest.mark.parametrize(
    ("settings", "secrets"),
    [
        pytest.param(KALTURA, {KALTURA_SECRET, CHAT_SECRET}, id="Kaltura alone"),
        pytest.param(CLOUDFLARE, CLOUDFLARE_SECRETS, id="Cloudflare alone"),
        pytest.param(KALTURA | CLOUDFLARE, {KALTURA_SECRET, CHAT_SECRET} | CLOUDFLARE_SECRETS, id="both"),
        pytest.param(KALTURA | HOSTS, {KALTURA_SECRET, CHAT_SECRET, "HOSTS"}, id="Kaltura and hosts"),
    ],
)
def test_a_deployment_needs_its_account_and_the_secrets_of_that(
    tmp_path: Path, settings: dict[str, str], secrets: set[str]
) -> None:
    deployed = deploy(tmp_path, settings)
    assert deployed.error == ""
    assert deployed.secrets == secrets
    assert {function["name"] for function in deployed.functions} == set(FUNCTIONS) - OF_BUCKET
    assert deployed.secrets_of("reconcileVideo") == secrets - {CHAT_SECRET}
    assert deployed.secrets_of("joinSession") == secrets
    assert deployed.secrets_of("kalturaHook") == secrets & {KALTURA_SECRET}
    assert deployed.secrets_of("cloudflareHook") == secrets & CLOUDFLARE_SECRETS
    assert deployed.secrets_of("onSessionUpdated") == set()


def test_it_makes_the_queues_and_schedules_that_the_documentation_names(tmp_path: Path) -> None:
    triggers = Counter(function["trigger"] for function in deploy(tmp_path, KALTURA).functions)
    assert (triggers["taskQueueTrigger"], triggers["scheduleTrigger"], triggers["eventTrigger"]) == (14, 2, 5)


KIT: Final = {"kit": "greenroom", "runtime": "python311", "instances": {"a_school": "."}}


@pytest.mark.parametrize(
    ("stanza", "prefix"),
    [
        pytest.param(GREENROOM, "", id="none"),
        pytest.param({**GREENROOM, "prefix": "gr"}, "gr-", id="prefix"),
        pytest.param({**GREENROOM, "prefix": "g" * 30}, "g" * 30 + "-", id="longest"),
        pytest.param(KIT, "kit-a_school-", id="kit"),
        pytest.param({**KIT, "instances": {"s" * 40: "."}}, f"kit-{'s' * 40}-", id="longest kit"),
    ],
)
def test_deployed_functions_find_their_prefix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stanza: dict[str, Any], prefix: str
) -> None:
    deployed = deploy(tmp_path, KALTURA, stanza)
    assert deployed.error == ""
    assert {function["name"]: function["entryPoint"] for function in deployed.functions} == {
        f"{prefix}{name}": name for name in set(FUNCTIONS) - OF_BUCKET
    }
    for function in deployed.functions:
        # As lib/deploy/functions/prepare.js sets it.
        service = f"projects/{PROJECT}/locations/{function['region']}/services/{function['name']}"
        monkeypatch.setenv("EVENTARC_CLOUD_EVENT_SOURCE", service)
        monkeypatch.setenv("FUNCTION_TARGET", function["entryPoint"])
        assert config.functions_prefix() == prefix
    if prefix:
        monkeypatch.setenv("FUNCTIONS_PREFIX", prefix)
        assert config.FUNCTIONS_PREFIX.value == prefix


@pytest.mark.parametrize(
    ("stanza", "sentence"),
    [
        pytest.param({**GREENROOM, "prefix": "g" * 31}, "Prefix must be 30 characters or less.", id="too long"),
        pytest.param({**GREENROOM, "prefix": "gr-"}, "cannot start or end with a dash", id="a hyphen at its end"),
        pytest.param({**GREENROOM, "prefix": "Gr"}, "must start with a lowercase letter", id="a capital"),
        pytest.param({**KIT, "prefix": "gr"}, "Cannot specify 'prefix' in a functions kit", id="a kit with a prefix"),
        pytest.param({**KIT, "instances": {"s" * 41: "."}}, "must be 40 characters or less", id="a kit with a long id"),
    ],
)
def test_impossible_prefix_is_not_deployed(tmp_path: Path, stanza: dict[str, Any], sentence: str) -> None:
    deployed = deploy(tmp_path, KALTURA, stanza)
    assert sentence in deployed.error
    assert not deployed.functions


@pytest.mark.parametrize("database", ["(default)", "greenroom"])
def test_triggers_are_of_the_database_that_is_set(tmp_path: Path, database: str) -> None:
    settings = KALTURA | SLIDES | ({} if database == "(default)" else {"FIRESTORE_DATABASE": database})
    deployed = deploy(tmp_path, settings)
    assert deployed.error == ""
    of_database = {function["name"] for function in deployed.functions if function.get("database") == database}
    assert of_database == {name for name in FUNCTIONS if name.startswith(("onSession", "onEnrolment"))}
    assert {function["database"] for function in deployed.functions if "database" in function} == {database}


def test_a_bucket_for_slides_has_a_trigger(tmp_path: Path) -> None:
    deployed = deploy(tmp_path, KALTURA | SLIDES)
    assert deployed.error == ""
    assert {function["name"] for function in deployed.functions} == set(FUNCTIONS)
    (trigger,) = (function["trigger"] for function in deployed.functions if function["name"] in OF_BUCKET)
    assert trigger == "eventTrigger"
    assert SLIDES_SECRET in deployed.secrets_of("api") & deployed.secrets_of("joinSession")


def test_every_function_says_how_much_memory_it_needs(tmp_path: Path) -> None:
    """
    A4.
    """
    memory = {function["name"]: function["memoryMb"] for function in deploy(tmp_path, KALTURA).functions}
    assert set(memory.values()) == {256, 512}
    assert {name for name, mb in memory.items() if mb == 512} == {
        *(name for name, module in FUNCTIONS.items() if module in ("functions.work", "functions.schedule"))
    }


def test_it_is_all_in_the_region_that_is_set(tmp_path: Path) -> None:
    functions = deploy(tmp_path, KALTURA | {"FUNCTIONS_REGION": "europe-west1"}).functions
    assert {function["region"] for function in functions} == {"europe-west1"}
    assert {function["region"] for function in deploy(tmp_path, KALTURA).functions} == {"us-central1"}


def test_without_an_account_it_asks_for_one(tmp_path: Path) -> None:
    deployed = deploy(tmp_path, {})
    assert "have no value for the following environment variables: KALTURA_PARTNER_ID\n" in deployed.error


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "KALTURA_PARTNER_ID",
            "acme",
            "KALTURA_PARTNER_ID must be a whole number from 0 to 2147483647; it is 'acme'.",
        ),
        ("REAP_GRACE_S", "10m", "REAP_GRACE_S must be a whole number from 0 to 2592000; it is '10m'."),
        ("USE_HOSTS", "yes", "USE_HOSTS must be true or false; it is 'yes'."),
        ("UPLOAD_BYTES_MAX", "-1", "UPLOAD_BYTES_MAX must be a whole number from 1 to 10995116277760; it is '-1'."),
        (
            "SESSION_VIDEOS_MAX",
            "600",
            "SESSION_VIDEOS_MAX must be a whole number from 1 to 250, because all of them are in one session document; "
            "it is '600'.",
        ),
        (
            "KALTURA_URL",
            "https://example.com/kaltura",
            "KALTURA_URL must be an address without a path, such as https://www.example.com; "
            "it is 'https://example.com/kaltura'.",
        ),
        ("MIN_INSTANCES", "20", "MIN_INSTANCES must be at most MAX_INSTANCES, 10; it is 20."),
        ("CLAIM_ADMIN", "teacher", "CLAIM_TEACHER and CLAIM_ADMIN must be two different names"),
        ("CLAIM_ADMIN", "email_verified", "CLAIM_ADMIN must be a name that ID tokens do not already use"),
        ("VIDEO_PROVIDER", "cloudflare", "and CLOUDFLARE_ACCOUNT_ID is not set."),
        ("FUNCTIONS_PREFIX", "gr", "FUNCTIONS_PREFIX must be the prefix of firebase.json"),
        ("FUNCTIONS_PREFIX", "g" * 31 + "-", "FUNCTIONS_PREFIX must be the prefix of firebase.json"),
        ("FIRESTORE_DATABASE", "Greenroom", "FIRESTORE_DATABASE must be (default), or 4 to 63 small letters"),
        (
            "FIRESTORE_DATABASE",
            "projects/x/databases/y",
            "FIRESTORE_DATABASE must be (default), or 4 to 63 small letters",
        ),
        ("SERVICE_ACCOUNT", "greenroom", "SERVICE_ACCOUNT must be the address of a service account"),
    ],
    ids=lambda value: value[:24],
)
def test_invalid_setting_is_not_deployed(tmp_path: Path, name: str, value: str, sentence: str) -> None:
    """B7, C1, C6"""
    deployed = deploy(tmp_path, KALTURA | {name: value})
    assert deployed.error
    assert not deployed.functions
    assert sentence in deployed.printed


def test_settings_with_trailing_newlines_are_deployed(tmp_path: Path) -> None:
    """B7"""
    settings = {
        "KALTURA_PARTNER_ID": '" 102\\n"',
        "KALTURA_URL": "https://example.com//",
        "FUNCTIONS_REGION": '"us-east1 "',
    }
    deployed = deploy(tmp_path, settings)
    assert deployed.error == ""
    assert {function["region"] for function in deployed.functions} == {"us-east1"}


def test_instances_are_few_unless_settings_say_so(tmp_path: Path) -> None:
    """C1: the quota of a new project refuses many in a small region."""
    kept = {"joinSession", "issuePlayback"}
    for settings, most, least in (({}, 10, 0), ({"MAX_INSTANCES": "3", "MIN_INSTANCES": "2"}, 3, 2)):
        functions = deploy(tmp_path, KALTURA | settings).functions
        assert {function["maxInstances"] for function in functions} == {most}
        assert {function["name"]: function["minInstances"] for function in functions if function["name"] in kept} == (
            dict.fromkeys(kept, least)
        )
        assert {function["minInstances"] for function in functions if function["name"] not in kept} == {None}


def test_all_functions_run_as_the_account_that_is_set(tmp_path: Path) -> None:
    """C2"""
    account = f"greenroom@{PROJECT}.iam.gserviceaccount.com"
    functions = deploy(tmp_path, KALTURA | {"SERVICE_ACCOUNT": account}).functions
    assert {function["serviceAccount"] for function in functions} == {account}
    assert {function["serviceAccount"] for function in deploy(tmp_path, KALTURA).functions} == {None}


def _indexed(fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """
    The requests by which indexes and policies would be deployed to a project with such fields.
    """
    spec = (ROOT / "firestore.indexes.json").read_text()
    command = ["node", str(INDEXING), spec, json.dumps({"indexes": [], "fields": fields})]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=True, cwd=ROOT)
    told = json.loads(done.stdout.rpartition("\n")[2])
    assert "error" not in told, told
    requests: list[dict[str, Any]] = told["requests"]
    return requests


EXPIRING = ("admissions", "callBudgets", "erasures", "kalturaSession", "kalturaUsers", "videos")


@pytest.mark.parametrize("collection", EXPIRING)
def test_a_deployment_makes_the_policy_by_which_documents_expire(collection: str) -> None:
    """C3"""
    made = {request["url"]: request for request in _indexed([])}
    request = made[f"/projects/my-school/databases/(default)/collectionGroups/{collection}/fields/expiresAt"]
    assert request["method"] == "PATCH"
    assert request["body"] == {"indexConfig": {"indexes": []}, "ttlConfig": {}}


def test_a_deployment_by_force_keeps_the_policies_that_are_there() -> None:
    """C3: `--force` resets every override that the file does not have."""
    root = "projects/my-school/databases/(default)/collectionGroups"
    there = [
        {"name": f"{root}/{collection}/fields/expiresAt", "ttlConfig": {"state": "ACTIVE"}, "indexConfig": {}}
        for collection in EXPIRING
    ]
    assert [request["url"] for request in _indexed(there) if "/fields/expiresAt" in request["url"]] == []


@pytest.mark.parametrize("field", ["kaltura", "videos"])
def test_a_deployment_takes_out_of_the_indexes_what_grows_in_a_session(field: str) -> None:
    """B13"""
    made = {request["url"]: request for request in _indexed([])}
    request = made[f"/projects/my-school/databases/(default)/collectionGroups/sessions/fields/{field}"]
    assert (request["method"], request["body"]) == ("PATCH", {"indexConfig": {"indexes": []}})


def test_a_deployment_by_force_keeps_what_was_taken_out_of_the_indexes() -> None:
    """B13"""
    root = "projects/my-school/databases/(default)/collectionGroups/sessions/fields"
    there = [{"name": f"{root}/{field}", "indexConfig": {"indexes": []}} for field in ("kaltura", "videos")]
    assert [
        request["url"] for request in _indexed(there) if "/collectionGroups/sessions/fields/" in request["url"]
    ] == []


def test_all_that_runs_in_the_cloud_is_uploaded_and_nothing_else(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    command = ["node", str(UPLOADING), str(ROOT)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=WITHIN_S, check=True)
    with zipfile.ZipFile(done.stdout.rpartition("\n")[2]) as archive:
        uploaded = set(archive.namelist())
    sources = {
        str(path.relative_to(ROOT)) for folder in ("functions", "shared") for path in (ROOT / folder).rglob("*.py")
    }
    placeholder = {"shared/archive/placeholder.jpg", "shared/archive/placeholder.mp4"}
    assert uploaded == sources | placeholder | {"main.py", "requirements.txt", "schema/errors.json"}
