"""The set-up does what is missing once, says what it cannot do, and goes on after an interruption.

Called by pytest. `setup.py` runs as it is, in a copy of the project; only the installers it calls are small scripts
here, which record that they were called.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from emulator_tests.testbed.places import CLIENTS, NODE, ROOT, WEB
from emulator_tests.testbed.steps import packages_of, steps


def unless_asked_for(flag: str, version: str, install: str) -> str:
    """
    A script that prints its version when it is called with the flag, else installs something.
    """
    return f'if [ "$1" = "{flag}" ]; then echo "{version}"; else {install}; fi'


INSTALLERS = {
    "cargo": unless_asked_for(
        "--version", "cargo 1.90.0", "mkdir -p .testbed/hidane/bin; touch .testbed/hidane/bin/hidane"
    ),
    "go": unless_asked_for("version", "go1.26.1", 'mkdir -p "$GOBIN"; touch "$GOBIN/fake-gcs-server"'),
    "npm": "if [ $1 = run ]; then mkdir -p $4/dist/school/browser; touch $4/dist/school/browser/index.html; exit; fi; "
    "mkdir -p $3/node_modules/.bin; touch $3/node_modules/.bin/firebase $3/node_modules/.package-lock.json",
    "node": "echo v20.1.0",
    "sudo": 'exec "$@"',
    "apt-get": "if [ $1 = install ]; then touch tools/ffmpeg; chmod +x tools/ffmpeg; fi",
    "cc": "exit",
    "ffmpeg": "exit",
    "ffprobe": "exit",
    "prosody": "exit",
    "shellcheck": "exit",
}
STEPS = ["hidane", "storage", "node", "debian"]


@dataclass(frozen=True, slots=True)
class Copy:
    """
    A project of its own to set up.
    """

    root: Path

    def installer(self, name: str, script: str) -> None:
        """
        Put a program on the path that records its call and does what the script says.
        """
        program = self.root / "tools" / name
        program.write_text(f'#!/bin/sh\necho "{name} $1" >> calls\n{script}\n')
        program.chmod(0o755)

    def command(self, *steps: str) -> list[str]:
        """
        The set-up of some steps; of several that need no Python packages, unless given.
        """
        return [sys.executable, "-m", "emulator_tests.testbed.setup", *(steps or STEPS)]

    def environment(self) -> dict[str, str]:
        """
        With these installers and none of the machine's own.
        """
        return {"PATH": str(self.root / "tools")}

    def run(self, *steps: str) -> subprocess.CompletedProcess[str]:
        """
        Set up, to the end.
        """
        return subprocess.run(
            self.command(*steps), cwd=self.root, env=self.environment(), capture_output=True, text=True, check=False
        )

    def calls(self) -> list[str]:
        """
        What installed something so far, in the order of their names.
        """
        file = self.root / "calls"
        lines = file.read_text().split("\n") if file.exists() else []
        return sorted(line for line in lines if line.endswith((" install", " ci", " run")))


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """
    A project in which nothing is set up.
    """
    package = tmp_path / "emulator_tests" / "testbed"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    for module in (ROOT / "emulator_tests" / "testbed").glob("*.py"):
        shutil.copy(module, package)
    for name in (
        "convert/packages.txt",
        "requirements-dev.txt",
        *packages_of(NODE),
        *packages_of(CLIENTS),
        *packages_of(WEB),
        "web/angular.json",
        "web/school/src/main.ts",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "tools").mkdir()
    for name in ("chmod", "mkdir", "sleep", "touch"):
        (tmp_path / "tools" / name).symlink_to(shutil.which(name) or name)
    copied = Copy(tmp_path)
    for name, script in INSTALLERS.items():
        copied.installer(name, script)
    return copied


def test_everything_missing_is_installed_once(copy: Copy) -> None:
    first = copy.run()
    assert first.returncode == 0, first.stderr
    assert "Set up in 0." in first.stdout
    assert copy.calls() == ["cargo install", "go install", "npm ci"]
    again = copy.run()
    assert (again.returncode, again.stdout) == (0, "")
    assert copy.calls() == ["cargo install", "go install", "npm ci"]


def test_changed_or_missing_steps_are_installed_again(copy: Copy) -> None:
    copy.run()
    (copy.root / "emulator_tests" / "package-lock.json").write_text("{}")
    copy.run()
    assert copy.calls() == ["cargo install", "go install", "npm ci", "npm ci"]
    (copy.root / ".testbed" / "bin" / "fake-gcs-server").unlink()
    copy.run()
    assert copy.calls() == ["cargo install", "go install", "go install", "npm ci", "npm ci"]


def test_a_failure_stops_the_others_shows_why_and_is_not_taken_for_done(copy: Copy) -> None:
    copy.run()
    for stamp in (copy.root / ".testbed" / "stamps").iterdir():
        stamp.unlink()
    (copy.root / "calls").unlink()
    copy.installer("go", INSTALLERS["go"].replace("mkdir", "touch started; sleep 1000; mkdir"))
    copy.installer("npm", 'until [ -e started ]; do sleep 0.05; done; echo "no such package" >&2; exit 1')
    failed = copy.run()
    assert failed.returncode == 1
    assert failed.stderr.startswith("node could not be installed: npm ci … failed. The end of its log, ")
    assert "no such package" in failed.stderr
    copy.installer("npm", INSTALLERS["npm"])
    copy.installer("go", INSTALLERS["go"])
    assert copy.run().returncode == 0
    assert copy.calls().count("npm ci") == 2
    assert copy.calls().count("go install") == 2


def test_a_tool_that_is_missing_or_too_old_is_named_before_anything_is_done(copy: Copy) -> None:
    (copy.root / "tools" / "go").unlink()
    copy.installer("cargo", 'echo "cargo 1.87.2"')
    refused = copy.run()
    assert refused.returncode == 1
    assert "cargo 1.88 or newer is needed, this one says: cargo 1.87.2; see https://rustup.rs." in refused.stderr
    assert "go 1.21 or newer is needed and was not found; get it from https://go.dev/dl." in refused.stderr
    assert copy.calls() == []


def test_app_is_built_again_only_when_a_source_changes_appears_or_goes(copy: Copy) -> None:
    source = copy.root / "web" / "school" / "src" / "main.ts"
    for change, builds in (
        (lambda: None, 1),
        (lambda: None, 1),
        (lambda: source.write_text("changed"), 2),
        (lambda: (source.parent / "more.ts").touch(), 3),
        (lambda: (source.parent / "more.ts").rename(source.parent / "other.ts"), 4),
        (lambda: (copy.root / "web" / "dist" / "school" / "browser" / "index.html").unlink(), 5),
    ):
        change()
        done = copy.run("app")
        assert done.returncode == 0, done.stderr
        assert copy.calls() == ["npm ci", *["npm run"] * builds]


def test_browser_is_installed_for_the_tests_and_not_for_the_demo() -> None:
    makefile = (ROOT / "Makefile").read_text()
    demo = re.search(r"^DEMO := (.*)$", makefile, re.MULTILINE)
    assert demo is not None
    assert {"debian", "app"} <= set(demo[1].split())
    assert not {"chromium", "clients", "s3"} & set(demo[1].split())
    known = {step.name for step in steps()} | {"debian", "chromium"}
    assert set(demo[1].split()) <= known


def test_missing_debian_package_is_installed_and_reported(copy: Copy) -> None:
    (copy.root / "tools" / "ffmpeg").unlink()
    done = copy.run()
    assert done.returncode == 0, done.stderr
    assert "debian: installing ffmpeg with apt-get" in done.stdout
    assert copy.calls() == ["apt-get install", "cargo install", "go install", "npm ci"]
    assert copy.run().stdout == ""


def test_without_apt_get_a_missing_program_is_only_named(copy: Copy) -> None:
    for name in ("ffmpeg", "apt-get"):
        (copy.root / "tools" / name).unlink()
    refused = copy.run()
    assert refused.returncode == 1
    assert "These are needed and cannot be installed without apt-get: ffmpeg." in refused.stderr
    assert copy.calls() == []


def test_a_stopped_set_up_leaves_no_process_and_goes_on_the_next_time(copy: Copy) -> None:
    copy.installer("go", unless_asked_for("version", "go1.26.1", "echo $$ > pid; sleep 1000"))
    running = subprocess.Popen(
        copy.command(),
        cwd=copy.root,
        env=copy.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline_s = time.monotonic() + 30
        stamps = copy.root / ".testbed" / "stamps"
        while not ((copy.root / "pid").exists() and len(list(stamps.glob("*"))) == 2):
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=30)[0]
    finally:
        running.kill()
        running.communicate()
    assert "Stopped; the next time goes on from here." in said
    with pytest.raises(ProcessLookupError):
        os.kill(int((copy.root / "pid").read_text()), 0)
    copy.installer("go", INSTALLERS["go"])
    assert copy.run().returncode == 0
    assert copy.calls() == ["cargo install", "go install", "go install", "npm ci"]


def test_two_set_ups_at_once_do_everything_once(copy: Copy) -> None:
    copy.installer("npm", f"sleep 1; {INSTALLERS['npm']}")
    both = [
        subprocess.Popen(copy.command(), cwd=copy.root, env=copy.environment(), stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("Another set-up is at work" in text for text in said) == 1
    assert copy.calls() == ["cargo install", "go install", "npm ci"]
