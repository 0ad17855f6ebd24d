"""Secrets that a command reads from Secret Manager, and `doctor --cloud` as an operator runs it, against a stand-in for
Google's APIs behind a proxy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest
import requests

from cli.cloud.api import Apis
from cli.cloud.plan import Plan
from cli.running import Status
from cli.secrets import load_secrets
from emulator_tests.pure.deployed import Key
from emulator_tests.pure.google_apis import ABSENT, HOSTS, TOKEN, Google, denied, off, serving, well
from emulator_tests.pure.test_cloud_checks import CHECKS, PLAN
from emulator_tests.testbed.places import ROOT

pytestmark = pytest.mark.long

WITHIN_S: Final = 120
SECRET: Final = "5ec7e7-of-kaltura"
CHAT_TOKEN: Final = "find"
SECRETS: Final = {"KALTURA_ADMIN_SECRET": SECRET, "KALTURA_CHAT_TOKEN": CHAT_TOKEN}
PATH: Final = "secretmanager/v1/projects/my-school/secrets/KALTURA_ADMIN_SECRET/versions/latest:access"
SETTINGS: Final = {
    "GCLOUD_PROJECT": "my-school",
    "KALTURA_PARTNER_ID": "102",
    # Nothing listens there.
    "KALTURA_URL": "http://127.0.0.1:9",
    "FUNCTIONS_URL": "http://127.0.0.1:9",
    "FUNCTIONS_REGION": "europe-west1",
    "SERVICE_ACCOUNT": PLAN.account or "",
}

PROBE: Final = """
import os
from cli.main import *
from cli.output import Result
from cli.running import command

@command("probe", needs_secrets=True)
def probe(output):
    "Tell which secrets there are."
    names = ("KALTURA_ADMIN_SECRET", "KALTURA_CHAT_TOKEN")
    return Result("", {name: len(os.environ.get(name, "")) for name in names})

app.add_command(probe)
"""


@dataclass(frozen=True)
class Operator:
    """
    Somebody who runs commands, with credentials of their own.
    """

    google: Google
    environment: Mapping[str, str]

    def run(self, *words: str, program: str = PROBE, **settings: str) -> subprocess.CompletedProcess[str]:
        """
        Run `greenroom`.
        """
        return subprocess.run(
            [sys.executable, "-c", f"import sys\n{program}\nsys.exit(main({list(words)!r}))"],
            env={**self.environment, **settings},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )

    def secrets(self, **settings: str) -> tuple[dict[str, int], str]:
        """
        Return the lengths of the secrets that a command gets, and what is said besides.
        """
        told = self.run("probe", "--json", **settings)
        assert told.returncode == Status.DONE, told.stderr
        assert SECRET not in told.stdout + told.stderr
        return json.loads(told.stdout), told.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("operator")
    server = Key.make(*HOSTS)
    (folder / "server.pem").write_text(server.pem() + server.certificate)
    (folder / "authorities.pem").write_text(server.certificate)
    account = {
        "type": "service_account",
        "project_id": "my-school",
        "client_email": "operator@my-school.iam.gserviceaccount.com",
        "private_key": Key.make().pem(),
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    (folder / "account.json").write_text(json.dumps(account))
    return folder


@pytest.fixture
def operator(folder: Path) -> Iterator[Operator]:
    with serving(Google(well(PLAN, SECRETS)), folder / "server.pem") as google:
        yield Operator(
            google,
            {
                "PATH": os.environ["PATH"],
                "HTTPS_PROXY": google.url,
                "REQUESTS_CA_BUNDLE": str(folder / "authorities.pem"),
                "GOOGLE_APPLICATION_CREDENTIALS": str(folder / "account.json"),
                **SETTINGS,
            },
        )
        assert google.faults == []


# --- secrets ------------------------------------------------------------------------------------------------------


def test_secrets_are_read_where_the_environment_lacks_them(operator: Operator) -> None:
    assert operator.secrets() == ({"KALTURA_ADMIN_SECRET": len(SECRET), "KALTURA_CHAT_TOKEN": len(CHAT_TOKEN)}, "")
    assert operator.google.tokens == {"", f"Bearer {TOKEN}"}


def test_secrets_of_the_environment_come_first(operator: Operator) -> None:
    given = {"KALTURA_ADMIN_SECRET": "short", "KALTURA_CHAT_TOKEN": "x"}
    assert operator.secrets(**given) == ({"KALTURA_ADMIN_SECRET": 5, "KALTURA_CHAT_TOKEN": 1}, "")
    assert operator.google.asked == []


def test_a_stack_on_this_machine_asks_nobody(operator: Operator) -> None:
    assert operator.secrets(FIRESTORE_EMULATOR_HOST="127.0.0.1:1")[0] == dict.fromkeys(SECRETS, 0)
    assert operator.google.asked == []


NOT_READ: Final[dict[str, tuple[Any, str]]] = {
    "no permission": (
        denied("secretmanager.versions.access"),
        "gcloud secrets add-iam-policy-binding KALTURA_ADMIN_SECRET --project=my-school "
        '--member="user:$(gcloud config get account)" --role=roles/secretmanager.secretAccessor',
    ),
    "no value": (ABSENT, "`firebase functions:secrets:set KALTURA_ADMIN_SECRET --project my-school`"),
    "the API is off": (off("secretmanager"), "`gcloud services enable secretmanager.googleapis.com"),
    "no JSON": ((200, b"<html>"), "not a JSON object"),
    "no payload": ({"name": "x"}, "Its value is not a text"),
    "another type": ((200, {"payload": [SECRET]}), "Its value is not a text"),
    "no base64": ((200, {"payload": {"data": f"{SECRET}!"}}), "Its value is not a text"),
    "bytes": ((200, {"payload": {"data": "//79"}}), "Its value is not a text"),
    "a zero": ((200, {"payload": {"data": "YQBi"}}), "Its value is not a text"),
    "a breakdown": ((500, f"broken: {SECRET}".encode()), "HTTP status 500"),
}


@pytest.mark.parametrize("case", NOT_READ)
def test_a_secret_that_cannot_be_read_is_a_sentence(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "")
    google = Google(well(PLAN, SECRETS))
    google.answers[PATH], says = NOT_READ[case]
    with serving(google), requests.Session() as session:
        apis = Apis("my-school", session, lambda api: f"{google.url}/{api}", time.monotonic() + 60)
        (told,) = load_secrets(tuple(SECRETS), apis)
    assert {name: os.environ[name] for name in SECRETS} == {**SECRETS, "KALTURA_ADMIN_SECRET": ""}
    assert told.startswith("KALTURA_ADMIN_SECRET is not in the environment, and could not be read from Secret ")
    assert says in told
    assert told.endswith(".")
    assert [one for one in (SECRET, TOKEN) if one in told] == []


def test_a_secret_that_cannot_be_read_does_not_end_the_command(operator: Operator) -> None:
    operator.google.answers[PATH] = denied()
    found, told = operator.secrets()
    assert found == {"KALTURA_ADMIN_SECRET": 0, "KALTURA_CHAT_TOKEN": len(CHAT_TOKEN)}
    assert told.startswith("KALTURA_ADMIN_SECRET is not in the environment")
    assert "Traceback" not in told


def test_an_operator_without_credentials_is_told_to_get_some(operator: Operator, tmp_path: Path) -> None:
    mine = {name: value for name, value in operator.environment.items() if not name.startswith("GOOGLE_")}
    nobody = replace(operator, environment={**mine, "HOME": str(tmp_path), "NO_GCE_CHECK": "true"})
    found, told = nobody.secrets()
    assert set(found.values()) == {0}
    assert "Run `gcloud auth application-default login`." in told


@pytest.mark.parametrize("words", [("status",), ("stop", "--why", "a test"), ("grant", "uid", "teacher")])
def test_every_command_without_credentials_says_so_in_one_sentence(
    operator: Operator, tmp_path: Path, words: tuple[str, ...]
) -> None:
    mine = {name: value for name, value in operator.environment.items() if not name.startswith("GOOGLE_")}
    nobody = replace(operator, environment={**mine, "HOME": str(tmp_path), "NO_GCE_CHECK": "true"})
    told = nobody.run(*words, program="from cli.main import *")
    sentence = "There are no credentials for Google. Run `gcloud auth application-default login`.\n"
    assert (told.returncode, told.stdout, told.stderr) == (Status.FAILED, "", sentence)


def test_doctor_without_credentials_blames_nothing_else(operator: Operator, tmp_path: Path) -> None:
    mine = {name: value for name, value in operator.environment.items() if not name.startswith("GOOGLE_")}
    nobody = replace(operator, environment={**mine, "HOME": str(tmp_path), "NO_GCE_CHECK": "true"})
    told = nobody.run("doctor", program="from cli.main import *")
    assert "unknown  documents" in told.stdout
    assert "There are no credentials for Google." in told.stdout
    assert "Cloud Datastore User" not in told.stdout


def test_commands_that_call_no_provider_read_no_secret(operator: Operator) -> None:
    program = "from cli.main import *\nfrom shared.core.errors import Misconfigured"
    assert operator.run("start", program=program, SERVICE_ACCOUNT="").returncode == Status.FAILED
    assert operator.google.asked == []


# --- doctor --cloud -----------------------------------------------------------------------------------------------


def deployment() -> Plan:
    """
    Return what this checkout plans for the project of the tests.
    """
    program = (
        "import pickle, sys; from pathlib import Path; from cli.cloud.plan import plan_of; "
        f"sys.stdout.buffer.write(pickle.dumps(plan_of(Path({str(ROOT)!r}))))"
    )
    environment = {"PATH": os.environ["PATH"], **SETTINGS}
    done = subprocess.run([sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, check=True)
    import pickle

    plan: Plan = pickle.loads(done.stdout)
    return plan


def test_doctor_checks_a_whole_deployment(operator: Operator) -> None:
    plan = deployment()
    operator.google.answers = well(plan, SECRETS)
    told = operator.run("doctor", "--cloud", "--json", program="from cli.main import *")
    found = {one["what"]: one for one in json.loads(told.stdout)["findings"]}
    assert {what: found[what]["health"] for what in CHECKS} == dict.fromkeys(CHECKS, "ok")
    # No provider and no function can be reached, which hinders no check of the cloud.
    assert (told.returncode, found["callables"]["health"]) == (Status.FAILED, "missing")
    assert SECRET not in told.stdout + told.stderr
    assert TOKEN not in told.stdout + told.stderr


def test_doctor_goes_on_without_secrets_and_without_permissions(operator: Operator) -> None:
    operator.google.answers = dict.fromkeys(operator.google.answers, denied())
    told = operator.run("doctor", "--cloud", program="from cli.main import *")
    assert told.returncode == Status.FAILED
    assert "missing  kaltura account" in told.stdout
    assert told.stdout.count("Set KALTURA_ADMIN_SECRET.") == 1
    assert "`firebase functions:secrets:set KALTURA_ADMIN_SECRET`" in told.stdout
    # What needs no secret is checked all the same.
    assert "missing  callables" in told.stdout
    assert told.stdout.count("This could not be checked.") == len(CHECKS)
    assert "Traceback" not in told.stderr


def test_doctor_of_a_stack_on_this_machine_checks_no_cloud(operator: Operator) -> None:
    told = operator.run("doctor", "--cloud", program="from cli.main import *", FIRESTORE_EMULATOR_HOST="127.0.0.1:1")
    assert (told.returncode, told.stdout) == (Status.FAILED, "")
    assert "--cloud checks a project at Google." in told.stderr
    assert operator.google.asked == []
