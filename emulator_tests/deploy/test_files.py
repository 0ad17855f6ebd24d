"""The files of `deploy/` by themselves: the script's style, and what its page says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from emulator_tests.deploy.cloud import SCRIPT, commands_in, serving
from emulator_tests.deploy.recorded import parsed
from emulator_tests.pure.test_documentation import LINE_MAX, broken
from emulator_tests.testbed.places import ROOT

pytestmark = pytest.mark.long

PAGES: Final = [ROOT / "deploy" / "README.md", ROOT / "deploy" / "terraform" / "README.md"]
PAGE: Final = PAGES[0].read_text()


def test_bash_reads_the_script() -> None:
    assert subprocess.run(["bash", "-n", str(SCRIPT)], check=False).returncode == 0


@pytest.mark.skipif(
    shutil.which("shellcheck") is None, reason="shellcheck is not installed: `make deploy-check` does it"
)
def test_script_has_no_finding_of_shellcheck() -> None:
    found = subprocess.run(["shellcheck", str(SCRIPT)], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


def test_script_uses_nothing_that_the_bash_of_macos_lacks() -> None:
    code = re.sub(r"^\s*#.*$", "", SCRIPT.read_text(), flags=re.MULTILINE)
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
        rows = re.findall(rf"^\| {number} \| {re.escape(title)} \|(.*)$", PAGE, re.MULTILINE)
        assert len(rows) == 1, title
        programs = {"gcloud " + parsed(words[1:]).command for words in commands_in(said) if words[0] == "gcloud"}
        assert any(f"`{program}`" in rows[0] for program in (programs or {"curl"})), title
