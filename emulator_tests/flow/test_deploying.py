"""What `firebase deploy` would ask for, and deploy, judged by firebase-tools itself."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from emulator_tests.testbed.places import ROOT
from main import FUNCTIONS

SCRIPT: Final = Path(__file__).with_name("deploying.cjs")
PROJECT: Final = "my-school"
WITHIN_S: Final = 120

KALTURA: Final = {"KALTURA_PARTNER_ID": "102"}
CLOUDFLARE: Final = {"CLOUDFLARE_ACCOUNT_ID": "0123456789abcdef0123456789abcdef"}
HOSTS: Final = {"USE_HOSTS": "true"}

KALTURA_SECRET: Final = "KALTURA_ADMIN_SECRET"
CHAT_SECRET: Final = "KALTURA_CHAT_TOKEN"
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


def deploy(folder: Path, settings: dict[str, str]) -> Deployment:
    folder.joinpath(f".env.{PROJECT}").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "IS_FIREBASE_CLI": "true",
        # Beside all other tests it may take longer than the ten seconds that it is given.
        "FUNCTIONS_DISCOVERY_TIMEOUT": str(WITHIN_S // 2),
    }
    command = ["node", str(SCRIPT), str(ROOT), str(folder), PROJECT]
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
    assert {function["name"] for function in deployed.functions} == set(FUNCTIONS)
    assert deployed.secrets_of("visitVideo") == secrets - {CHAT_SECRET}
    assert deployed.secrets_of("joinSession") == secrets
    assert deployed.secrets_of("kalturaHook") == secrets & {KALTURA_SECRET}
    assert deployed.secrets_of("cloudflareHook") == secrets & CLOUDFLARE_SECRETS
    assert deployed.secrets_of("onSessionUpdated") == set()


def test_it_makes_the_queues_and_schedules_that_the_readme_names(tmp_path: Path) -> None:
    triggers = Counter(function["trigger"] for function in deploy(tmp_path, KALTURA).functions)
    assert (triggers["taskQueueTrigger"], triggers["scheduleTrigger"], triggers["eventTrigger"]) == (7, 2, 3)


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
        ("KALTURA_PARTNER_ID", "acme", "KALTURA_PARTNER_ID must be a whole number."),
        ("REAP_GRACE_S", "10m", "REAP_GRACE_S must be a whole number."),
        ("USE_HOSTS", "yes", "USE_HOSTS must be true or false."),
    ],
)
def test_a_setting_that_cannot_be_is_not_deployed(tmp_path: Path, name: str, value: str, sentence: str) -> None:
    deployed = deploy(tmp_path, KALTURA | {name: value})
    assert deployed.error
    assert not deployed.functions
    assert sentence in deployed.printed
