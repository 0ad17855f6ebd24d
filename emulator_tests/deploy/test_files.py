"""The files of `deploy/` by themselves: the scripts' style, and what their page says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from emulator_tests.deploy.cloud import REMOVE, SCRIPT, SHARED, commands_in, serving
from emulator_tests.deploy.recorded import parsed
from emulator_tests.pure.test_documentation import LINE_MAX, broken
from emulator_tests.testbed.places import ROOT

pytestmark = pytest.mark.long

PAGES: Final = [ROOT / "deploy" / "README.md", ROOT / "deploy" / "terraform" / "README.md"]
PREPARATION, _, REMOVAL = PAGES[0].read_text().partition("\n## Removal\n")


SCRIPTS: Final = [SCRIPT, REMOVE, SHARED]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_bash_reads_the_script(script: Path) -> None:
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


@pytest.mark.skipif(
    shutil.which("shellcheck") is None, reason="shellcheck is not installed: `make deploy-check` does it"
)
@pytest.mark.parametrize("script", [SCRIPT, REMOVE], ids=lambda script: script.stem)
def test_script_has_no_finding_of_shellcheck(script: Path) -> None:
    # With the file that it sources.
    command = ["shellcheck", "--external-sources", "--check-sourced", str(script)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_script_uses_nothing_that_the_bash_of_macos_lacks(script: Path) -> None:
    code = re.sub(r"^\s*#.*$", "", script.read_text(), flags=re.MULTILINE)
    assert re.findall(r"\b(mapfile|readarray|declare -A|local -[An]|coproc)\b|\$\{\w+(?:\^|,,|@)", code) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_page_has_short_lines_and_its_links_lead_somewhere(page: Path) -> None:
    assert broken(page) == []
    assert [line for line in page.read_text().splitlines() if len(line) > LINE_MAX and not line.startswith("|")] == []


def test_page_explains_every_step_and_names_its_commands(tmp_path: Path) -> None:
    with serving(tmp_path) as cloud:
        ran = cloud.prepare("--dry-run", "--deployer", "user:a@b.org")
    for number, said in ran.steps.items():
        title = said.partition("\n")[0].replace("us-central1", "REGION")
        rows = re.findall(rf"^\| {number} \| {re.escape(title)} \|(.*)$", PREPARATION, re.MULTILINE)
        assert len(rows) == 1, title
        programs = {"gcloud " + parsed(words[1:]).command for words in commands_in(said) if words[0] == "gcloud"}
        assert any(f"`{program}`" in rows[0] for program in (programs or {"curl"})), title


def test_page_names_every_step_of_the_removal() -> None:
    steps = re.findall(r'^  step \w+ \S+ "(.*)" \w+$', REMOVE.read_text(), re.MULTILINE)
    section, _, _ = REMOVAL.partition("\n## For developers\n")
    rows = re.findall(r"^\| (\d+) \| ([^|]*) \|", section, re.MULTILINE)
    assert rows == [(str(number), title) for number, title in enumerate(steps, 1)]
    options = set(re.findall(r"^#   (--[a-z-]+)", REMOVE.read_text(), re.MULTILINE))
    assert {one for one in options if f"`{one}`" not in section} == set()
