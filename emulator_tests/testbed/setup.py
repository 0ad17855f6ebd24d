"""Installs what the test bed and the checks run on: everything that is missing, side by side, nothing twice.

Run by the Makefile as `python3 -m emulator_tests.testbed.setup [STEP…]`, with the system's Python and its standard
library alone. What a step installs is pinned; a stamp that carries the hash of its pins says that it is done. It leaves
the running of it all to `stack.py`.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emulator_tests.testbed.part import Part, PartFailed, TestbedError
from emulator_tests.testbed.places import (
    CLIENTS,
    FAKE_GCS_SERVER,
    FIREBASE,
    HIDANE,
    HOME,
    NODE,
    ROOT,
    STAMPS,
    VENV,
    VERSITYGW,
)

HIDANE_VERSION = "0.6.0"
FAKE_GCS_SERVER_VERSION = "v1.56.1"
VERSITYGW_VERSION = "v1.8.0"

CONVERTER_PACKAGES = ROOT / "convert" / "packages.txt"

REPORT_EVERY_S = 15
LINE_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Tool:
    """
    A program that has to be there already.

    Args:
        command: prints its version.
        oldest: the oldest version that will do.
        where_from: where to get it, for people.
    """

    command: tuple[str, ...]
    oldest: tuple[int, ...]
    where_from: str

    def complaint(self) -> str | None:
        """
        Returns:
            What is wrong with it, in a sentence; None when it is there and new enough.
        """
        name, oldest = self.command[0], ".".join(map(str, self.oldest))
        if shutil.which(name) is None:
            return f"{name} {oldest} or newer is needed and was not found; get it from {self.where_from}."
        said = subprocess.run(self.command, capture_output=True, text=True, check=False).stdout
        found = re.search(r"\d+(\.\d+)+", said)
        if found is None or tuple(map(int, found[0].split("."))) < self.oldest:
            return f"{name} {oldest} or newer is needed, this one says: {said.strip()}; see {self.where_from}."
        return None


@dataclass(frozen=True, slots=True)
class Step:
    """
    One thing to install.

    Args:
        name: how it is asked for and shown.
        what: what is being done, for people.
        commands: run one after the other in the project's root.
        product: a file that is there afterwards.
        pins: files whose content, with the commands, decides whether it is done.
        environment: added to that of whoever asked.
        tools: what it needs.
        after: the steps that have to be done before, where they are to be done at all.
        leaves_behind: a folder to remove when it is done.
    """

    name: str
    what: str
    commands: tuple[tuple[str, ...], ...]
    product: Path
    pins: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    tools: tuple[Tool, ...] = ()
    after: tuple[str, ...] = ()
    leaves_behind: Path | None = None

    @property
    def stamp(self) -> Path:
        """
        The file that says that it is done.
        """
        digest = hashlib.sha256(repr((self.commands, sorted(self.environment.items()), sys.version_info[:2])).encode())
        for pin in self.pins:
            digest.update((ROOT / pin).read_bytes())
        return STAMPS / f"{self.name}-{digest.hexdigest()[:16]}"

    def is_done(self) -> bool:
        """
        Whether there is nothing to do.
        """
        return self.stamp.exists() and self.product.exists()

    def remember(self) -> None:
        """
        Record that it is done, and forget what was noted for other pins.
        """
        if self.leaves_behind is not None:
            shutil.rmtree(self.leaves_behind, ignore_errors=True)
        STAMPS.mkdir(parents=True, exist_ok=True)
        for former in STAMPS.glob(f"{self.name}-*"):
            former.unlink()
        self.stamp.touch()


def missing_packages() -> list[str]:
    """
    Returns:
        The Debian packages whose programs or files are not there.
    """
    packages = []
    if shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None:
        packages.append("ffmpeg")
    if shutil.which("cc") is None:
        packages.append("build-essential")
    if importlib.util.find_spec("ensurepip") is None:
        packages.append("python3-venv")
    for line in CONVERTER_PACKAGES.read_text().splitlines():
        name, _, file = line.partition(" ")
        if name != "#" and not Path(file).exists():
            packages.append(name)
    return packages


def clean_install(folder: Path) -> tuple[str, ...]:
    """
    Returns:
        The command that installs a folder's Node packages, without their own scripts: the only one of weight compiles a
        regular expression engine that the emulators do without, and takes four minutes.
    """
    return ("npm", "ci", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error")


def packages_of(folder: Path) -> tuple[str, ...]:
    """
    Returns:
        The files that pin a folder's Node packages.
    """
    return tuple(str((folder / name).relative_to(ROOT)) for name in ("package.json", "package-lock.json"))


def steps() -> list[Step]:
    """
    Returns:
        All there is to install, the longest first.
    """
    hidane_build = HOME / "hidane-build"
    found = [
        Step(
            name="hidane",
            what=f"building hidane {HIDANE_VERSION}, the Firestore emulator, with cargo (the longest part)",
            commands=(
                (
                    "cargo",
                    "install",
                    "hidane",
                    "--version",
                    HIDANE_VERSION,
                    "--locked",
                    "--root",
                    f"{HIDANE.parents[1]}",
                ),
            ),
            product=HIDANE,
            # Half the time to build of what its makers release, and a write costs it 0.3 ms. With no optimisation a
            # write would cost 1 ms, a query of 250 documents 11 ms instead of 3, and the build be a fifth shorter. The
            # folder lets an interrupted build go on.
            environment={
                "CARGO_PROFILE_RELEASE_LTO": "off",
                "CARGO_PROFILE_RELEASE_OPT_LEVEL": "1",
                "CARGO_TARGET_DIR": str(hidane_build),
            },
            tools=(Tool(("cargo", "--version"), (1, 88), "https://rustup.rs"),),
            after=("debian",) if shutil.which("cc") is None else (),
            leaves_behind=hidane_build,
        ),
        Step(
            name="storage",
            what=f"building fake-gcs-server {FAKE_GCS_SERVER_VERSION}, the Cloud Storage emulator, with go",
            commands=(("go", "install", "-v", f"github.com/fsouza/fake-gcs-server@{FAKE_GCS_SERVER_VERSION}"),),
            product=FAKE_GCS_SERVER,
            environment={"GOBIN": str(FAKE_GCS_SERVER.parent), "CGO_ENABLED": "0"},
            tools=(Tool(("go", "version"), (1, 21), "https://go.dev/dl"),),
        ),
        Step(
            name="s3",
            what=f"building versitygw {VERSITYGW_VERSION}, a store that speaks S3, with go",
            commands=(("go", "install", "-v", f"github.com/versity/versitygw/cmd/versitygw@{VERSITYGW_VERSION}"),),
            product=VERSITYGW,
            environment={"GOBIN": str(VERSITYGW.parent), "CGO_ENABLED": "0"},
            tools=(Tool(("go", "version"), (1, 26), "https://go.dev/dl"),),
            # Two builds at once would take no less time on two cores, and twice the memory.
            after=("storage",),
        ),
        Step(
            name="python",
            what="installing the Python packages into venv/",
            commands=(
                (sys.executable, "-m", "venv", str(VENV)),
                # The lock has a hash of every file of every package: nothing else is installed, whoever serves it.
                (
                    f"{VENV}/bin/python",
                    *("-m", "pip", "install", "--progress-bar", "off"),
                    *("--require-hashes", "-r", "requirements-dev.txt"),
                ),
            ),
            product=VENV / "bin" / "pytest",
            pins=("requirements-dev.txt",),
            environment={"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
            after=("debian",) if importlib.util.find_spec("ensurepip") is None else (),
        ),
        Step(
            name="node",
            what="installing firebase-tools and the other Node packages into emulator_tests/node_modules/",
            commands=(clean_install(NODE),),
            product=FIREBASE,
            pins=packages_of(NODE),
            tools=(Tool(("node", "--version"), (20,), "https://nodejs.org"),),
        ),
        Step(
            name="clients",
            what="installing the JavaScript clients that judge the simulators",
            commands=(clean_install(CLIENTS),),
            product=CLIENTS / "node_modules" / ".package-lock.json",
            pins=packages_of(CLIENTS),
            tools=(Tool(("node", "--version"), (20,), "https://nodejs.org"),),
        ),
    ]
    if packages := missing_packages():
        found.append(
            Step(
                name="debian",
                what=f"installing {', '.join(packages)} with apt-get",
                commands=tuple(
                    (*(() if os.geteuid() == 0 else ("sudo",)), "apt-get", *words)
                    for words in (
                        ("update",),
                        ("install", "--yes", "--no-install-recommends", *packages),
                    )
                ),
                product=HOME / "never",
                environment={"DEBIAN_FRONTEND": "noninteractive"},
            )
        )
    return found


def check(todo: Sequence[Step]) -> None:
    """
    Raises:
        TestbedError: something is missing that set-up cannot install; says everything at once.
    """
    complaints = [complaint for step in todo for tool in step.tools if (complaint := tool.complaint())]
    for step in todo:
        if step.name != "debian":
            continue
        packages = " ".join(missing_packages())
        if shutil.which("apt-get") is None:
            complaints.append(f"These are needed and cannot be installed without apt-get: {packages}.")
        elif os.geteuid() != 0 and shutil.which("sudo") is None:
            complaints.append(f"Installing {packages} takes root: run `apt-get install {packages}` as root first.")
    if complaints:
        raise TestbedError("\n".join(complaints))


@dataclass(slots=True)
class Installation:
    """
    The steps at work, each in a thread of its own.
    """

    todo: Sequence[Step]
    started_at: float = field(default_factory=time.monotonic)
    failure: str | None = None
    _running: dict[str, Part] = field(default_factory=dict)
    _done: dict[str, threading.Event] = field(default_factory=dict)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """
        Do everything, telling how it goes.

        Raises:
            TestbedError: a step failed; the others are stopped.
        """
        self._done = {step.name: threading.Event() for step in self.todo}
        threads = [threading.Thread(target=self._do, args=(step,)) for step in self.todo]
        try:
            for thread in threads:
                thread.start()
            reported_at = time.monotonic()
            while any(thread.is_alive() for thread in threads):
                for thread in threads:
                    thread.join(timeout=0.1)
                if time.monotonic() - reported_at >= REPORT_EVERY_S:
                    reported_at = time.monotonic()
                    self._report()
        finally:
            self._stop()
            for thread in threads:
                thread.join()
        if self.failure is not None:
            raise TestbedError(self.failure)

    def _say(self, line: str) -> None:
        seconds = int(time.monotonic() - self.started_at)
        print(f"  {seconds // 60}:{seconds % 60:02}  {line}", flush=True)

    def _report(self) -> None:
        for name, part in list(self._running.items()):
            lines = part.log.read_text(errors="replace").split("\n") if part.log.exists() else []
            last = next((line.strip() for line in reversed(lines) if line.strip()), "")
            self._say(f"{name}: {last[:LINE_LONGEST] or 'at work'}")

    def _stop(self) -> None:
        self._stopped.set()
        for part in list(self._running.values()):
            part.let_go()

    def _do(self, step: Step) -> None:
        for name in step.after:
            if name in self._done:
                self._done[name].wait()
        started_at = time.monotonic()
        for command in step.commands:
            if self._stopped.is_set():
                break
            part = Part(
                name=step.name,
                command=command,
                environment=os.environ | dict(step.environment),
                directory=ROOT,
                log=HOME / "logs" / f"setup-{step.name}.log",
                grace_s=3,
            )
            if command is step.commands[0]:
                self._say(f"{step.name}: {step.what}")
            part.start()
            self._running[step.name] = part
            if self._stopped.is_set():
                part.let_go()
            part.wait()
            del self._running[step.name]
            if part.returncode() != 0 and not self._stopped.is_set():
                self.failure = str(PartFailed(part, f"could not be installed: {' '.join(command[:2])} … failed"))
                self._stop()
        if not self._stopped.is_set():
            step.remember()
            self._say(f"{step.name}: done in {time.monotonic() - started_at:.0f} s")
        self._done[step.name].set()


def main() -> int:
    """
    Returns:
        The exit code: 0 when everything asked for is there.
    """
    parser = argparse.ArgumentParser(prog="python3 -m emulator_tests.testbed.setup", description=__doc__)
    parser.add_argument("steps", nargs="*", metavar="STEP", help="what to install; everything unless given")
    wanted = set(parser.parse_args().steps)
    # A script's background job starts with Ctrl-C ignored, and leaves it so to what it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    available = steps()
    wanted |= {before for step in available if step.name in wanted for before in step.after}
    todo = [step for step in available if (not wanted or step.name in wanted) and not step.is_done()]
    if not todo:
        return 0
    (HOME / "logs").mkdir(parents=True, exist_ok=True)
    try:
        with (HOME / "setup.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("Another set-up is at work: waiting for it.", flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
            todo = [step for step in todo if not step.is_done()]
            check(todo)
            started_at = time.monotonic()
            print(f"Setting up what is missing: {', '.join(step.name for step in todo)}.", flush=True)
            Installation(todo).run()
    except KeyboardInterrupt:
        print("\nStopped; the next time goes on from here.", file=sys.stderr)
        return 130
    except TestbedError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Set up in {(time.monotonic() - started_at) / 60:.1f} minutes.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
