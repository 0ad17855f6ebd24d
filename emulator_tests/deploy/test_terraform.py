"""`deploy/terraform`: valid, and it creates what `deploy/provision.sh` creates.

The real `terraform` runs with a stand-in of the google provider (`google_provider/`), which has the schema of release
6.50.0 and contacts nobody.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from emulator_tests.deploy.cloud import Cloud, serving
from emulator_tests.deploy.fake_cloud import PROJECT
from emulator_tests.testbed.places import GOOGLE_PROVIDER, ROOT

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed: https://terraform.io"),
]

CHANNEL: Final = f"projects/{PROJECT}/notificationChannels/1"
LISTS: Final = {"aggregations", "conditions", "labels", "notification_channels"}
"""The fields of the REST API that are lists. Terraform has every block as a list."""


class Module:
    """A copy of the module, in which Terraform may write."""

    def __init__(self, home: Path) -> None:
        assert GOOGLE_PROVIDER.exists(), "run `make deploy-check`, which builds the stand-in of the provider"
        shutil.copytree(ROOT / "deploy", home / "deploy")
        self.folder = home / "deploy" / "terraform"
        self.settings = home / "terraformrc"
        overrides = f'dev_overrides {{\n "hashicorp/google" = "{GOOGLE_PROVIDER.parent}"\n}}'
        self.settings.write_text(f"provider_installation {{\n{overrides}\ndirect {{}}\n}}\n")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["terraform", *words],
            cwd=self.folder,
            env={**os.environ, "TF_CLI_CONFIG_FILE": str(self.settings), "CHECKPOINT_DISABLE": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def applied(self, **variables: object) -> list[dict[str, Any]]:
        """Return the resources after an apply."""
        given = [f"-var={name}={one if isinstance(one, str) else json.dumps(one)}" for name, one in variables.items()]
        done = self.run("apply", "-no-color", "-auto-approve", "-input=false", f"-var=project={PROJECT}", *given)
        assert done.returncode == 0, done.stderr
        shown: dict[str, Any] = json.loads(self.run("show", "-json").stdout)
        resources: list[dict[str, Any]] = shown["values"]["root_module"]["resources"]
        return resources


@pytest.fixture
def module(tmp_path: Path) -> Module:
    return Module(tmp_path)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    (tmp_path / "bin").mkdir()
    with serving(tmp_path / "bin") as made:
        yield made


def values(resources: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [one["values"] for one in resources if one["type"] == kind]


def camel(name: str) -> str:
    return re.sub("_(.)", lambda found: found[1].upper(), name)


def as_rest(value: Any, name: str = "") -> Any:
    """Return a resource of Terraform in the form of the REST API, without fields that are not set."""
    if isinstance(value, dict):
        shown = {camel(key): as_rest(one, key) for key, one in value.items() if key not in ("id", "project")}
        return {key: one for key, one in shown.items() if one not in (None, [], {}, "")}
    if isinstance(value, list):
        return [as_rest(one) for one in value] if name in LISTS else as_rest(value[0]) if value else None
    return value


def compared(policy: dict[str, Any]) -> dict[str, Any]:
    """A policy without its number and its label, by which only the script finds out what has changed."""
    return {key: one for key, one in policy.items() if one and key not in ("name", "userLabels")}


# --- style --------------------------------------------------------------------------------------------------------


def test_module_has_the_format_of_terraform(module: Module) -> None:
    done = module.run("fmt", "-check", "-recursive")
    assert (done.returncode, done.stdout) == (0, "")


def test_module_is_valid(module: Module) -> None:
    done = module.run("validate", "-no-color")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ("delete_protection_state ", "delete_protection ", "Unsupported argument"),
        ("  retention = ", "  # retention = ", 'The argument "retention" is required'),
        ("daily_recurrence", "recurrence_daily", "Unsupported block type"),
        ('google_project_service" "api', 'google_project_services" "api', "Invalid resource type"),
        (
            "google_service_account.greenroom.member\n",
            "google_service_account.greenroom.mail\n",
            "Unsupported attribute",
        ),
    ],
)
def test_wrong_argument_is_noticed(module: Module, right: str, wrong: str, says: str) -> None:
    file = module.folder / "main.tf"
    assert right in file.read_text()
    file.write_text(file.read_text().replace(right, wrong))
    done = module.run("validate", "-no-color")
    assert done.returncode == 1
    assert says in done.stderr


@pytest.mark.parametrize("prefix", ["Gr", "gr-", "greenroom"])
def test_wrong_prefix_is_refused(module: Module, prefix: str) -> None:
    options = ("-no-color", "-input=false", "-var=project=p", "-var=location=eur3", f"-var=prefix={prefix}")
    done = module.run("plan", *options)
    assert done.returncode == 1
    assert "The prefix must be" in done.stderr


# --- the same as the script ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "variables"),
    [
        pytest.param([], {}, id="nothing chosen"),
        pytest.param(
            [
                *("--prefix", "gr", "--database", "greenroom", "--region", "europe-west1"),
                *("--deployer", "user:a@b.org", "--alert-channel", CHANNEL),
            ],
            {
                "prefix": "gr",
                "database": "greenroom",
                "region": "europe-west1",
                "deployer": "user:a@b.org",
                "has_app_engine": True,
                "alert_channels": [CHANNEL],
            },
            id="everything chosen",
        ),
    ],
)
def test_module_creates_what_the_script_creates(
    module: Module, cloud: Cloud, options: list[str], variables: dict[str, object]
) -> None:
    if "has_app_engine" in variables:
        cloud.project["accounts"].append(f"{PROJECT}@appspot.gserviceaccount.com")
    ran = cloud.prepare(*options)
    assert ran.status == 0
    made = cloud.project
    resources = module.applied(location="eur3", **variables)

    # The API of accounts is enabled in every project; Terraform names it all the same.
    assert {one["service"] for one in values(resources, "google_project_service")} == set(made["apis"])
    assert bindings(resources) == {tuple(one) for one in made["bindings"]}
    (database,) = values(resources, "google_firestore_database")
    (schedule,) = values(resources, "google_firestore_backup_schedule")
    assert {
        database["name"]: {
            "location": database["location_id"],
            "type": database["type"],
            "protected": database["delete_protection_state"] == "DELETE_PROTECTION_ENABLED",
            "recoverable": database["point_in_time_recovery_enablement"] == "POINT_IN_TIME_RECOVERY_ENABLED",
            "schedules": [["", f"{int(schedule['retention'].rstrip('s')) // 86400}d"]],
        }
    } == made["databases"]
    assert schedule["daily_recurrence"] == [{}]

    assert {one["name"]: as_rest(one) for one in values(resources, "google_logging_metric")} == made["metrics"]
    policies = {one["displayName"]: one for one in map(as_rest, values(resources, "google_monitoring_alert_policy"))}
    assert {name: compared(one) for name, one in policies.items()} == {
        one["displayName"]: compared(one) for one in made["policies"]
    }
    (dashboard,) = values(resources, "google_monitoring_dashboard")
    assert [json.loads(dashboard["dashboard_json"])] == made["dashboards"]
    assert module.run("output", "-raw", "env").stdout in ran.said


def bindings(resources: list[dict[str, Any]]) -> set[tuple[str, ...]]:
    """The bindings, as the script asks for them."""
    found = set[tuple[str, ...]]()
    for one in values(resources, "google_project_iam_member"):
        limits = [f"expression={limit['expression']},title={limit['title']}" for limit in one["condition"]]
        found.add(("project", one["member"], one["role"], *(limits or ["None"])))
    for one in values(resources, "google_service_account_iam_member"):
        found.add((one["service_account_id"].rpartition("/")[2], one["member"], one["role"], "None"))
    return found
