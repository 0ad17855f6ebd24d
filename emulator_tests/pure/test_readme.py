"""The commands of the documentation: a shell can read them, the programs know them, the roles are as the table says."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from cli.main import app
from emulator_tests.pure.test_cli import COMMANDS as LEAVES
from emulator_tests.pure.test_cli import parsed
from emulator_tests.testbed.places import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXT = "\n".join(page.read_text() for page in PAGES)
DEPLOYING = (ROOT / "docs" / "deploying.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
LINES = [line for block in BLOCKS for line in block.splitlines()]
COMMANDS = [line for line in LINES if line.startswith("greenroom ")]
TARGETS = re.findall(r"^make ([\w-]+)|`make ([\w-]+)", TEXT, re.MULTILINE)


@pytest.mark.parametrize("block", BLOCKS, ids=[block.split("\n")[0][:40] for block in BLOCKS])
def test_a_shell_reads_each_block(block: str) -> None:
    subprocess.run(["bash", "-n"], input=block, text=True, check=True, timeout=30)


@pytest.mark.parametrize("line", COMMANDS)
def test_the_operators_program_knows_each_command(line: str) -> None:
    _, *words = shlex.split(line.partition(" | ")[0], comments=True)
    assert parsed(words).command in LEAVES.values()


def test_the_pages_name_each_command() -> None:
    page = (ROOT / "docs" / "operating.md").read_text()
    assert len(app.commands) > 10
    assert {name for name in app.commands if f"`{name}`" not in page} == set()
    assert {name for name in app.commands if not any(f" {name}" in line for line in COMMANDS)} == set()


def test_the_browser_runs_the_code_of_the_readme() -> None:
    (code,) = re.findall(r"^```ts\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert (ROOT / "web" / "e2e" / "pages" / "readme.ts").read_text() == code


def test_make_knows_each_target() -> None:
    there = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {one or other for one, other in TARGETS} <= there


def test_the_table_names_the_roles_that_the_script_grants(tmp_path: Path) -> None:
    """C2: `auth.get_user` needs `firebaseauth.users.get`."""
    script = ROOT / "deploy" / "provision.sh"
    command = ["bash", str(script), "--project=my-school", "--location=eur3", "--dry-run"]
    environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)}
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=30).stdout
    account = "greenroom@my-school.iam.gserviceaccount.com"
    calls = [line.strip() for line in printed.splitlines() if f"--member=serviceAccount:{account}" in line]
    on_project = [call for call in calls if call.startswith("$ gcloud projects add-iam-policy-binding my-school ")]
    on_itself = [
        call for call in calls if call.startswith(f"$ gcloud iam service-accounts add-iam-policy-binding {account} ")
    ]
    assert len(calls) == len(on_project) + len(on_itself)
    granted = {role for call in on_project for role in re.findall(r"--role=roles/(\S+)", call)}
    assert granted == {
        "datastore.user", "cloudtasks.enqueuer", "eventarc.eventReceiver", "run.invoker", "firebaseauth.viewer"
    }  # fmt: skip
    assert [re.findall(r"--role=roles/(\S+)", call) for call in on_itself] == [["iam.serviceAccountUser"]]
    table = DEPLOYING[DEPLOYING.index("| role | what for |") :].partition("\n\n")[0]
    always = {role for row in table.splitlines()[2:] if "with " not in row for role in re.findall(r"`(\w+\.\w+)`", row)}
    # firebase-tools grants the last one.
    assert always == granted | {"iam.serviceAccountUser", "secretmanager.secretAccessor"}
