"""The steps of the set-up: what each one installs, with its commands, its pins and the programs that it needs.

Run by `setup.py`, with the system's Python and its standard library alone. A stamp that carries the hash of its pins
says that a step is done.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emulator_tests.testbed.places import (
    APP,
    CHROMIUM,
    CLIENTS,
    EXISTING_APP,
    FAKE_GCS_SERVER,
    FIREBASE,
    GOOGLE_PROVIDER,
    HIDANE,
    HOME,
    NODE,
    ROOT,
    STAMPS,
    VENV,
    VERSITYGW,
    WEB,
)

HIDANE_VERSION = "0.6.0"
FAKE_GCS_SERVER_VERSION = "v1.56.1"
VERSITYGW_VERSION = "v1.8.0"


CONVERTER_PACKAGES = ROOT / "convert" / "packages.txt"


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


NODE_JS = Tool(("node", "--version"), (20,), "https://nodejs.org")


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
        sources: files, and folders with files, whose names and content decide whether it is done, too.
        packages: Debian packages that it installs.
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
    sources: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()

    @property
    def stamp(self) -> Path:
        """
        The file that says that it is done.
        """
        digest = hashlib.sha256(repr((self.commands, sorted(self.environment.items()), sys.version_info[:2])).encode())
        for pin in self.pins:
            digest.update((ROOT / pin).read_bytes())
        for path in self._source_files():
            digest.update(f"\0{path.relative_to(ROOT)}\0".encode())
            digest.update(path.read_bytes())
        return STAMPS / f"{self.name}-{digest.hexdigest()[:16]}"

    def _source_files(self) -> list[Path]:
        files = []
        for source in self.sources:
            path = ROOT / source
            files += [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
        return sorted(files)

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
    if shutil.which("prosody") is None:
        packages.append("prosody")
    if shutil.which("shellcheck") is None:
        packages.append("shellcheck")
    for line in CONVERTER_PACKAGES.read_text().splitlines():
        name, _, file = line.partition(" ")
        if name != "#" and not Path(file).exists():
            packages.append(name)
    return packages


def apt_install(packages: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """
    Returns:
        The commands that install Debian packages.
    """
    as_root = () if os.geteuid() == 0 else ("sudo",)
    return (
        (*as_root, "apt-get", "update"),
        (*as_root, "apt-get", "install", "--yes", "--no-install-recommends", *packages),
    )


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


def node_packages(name: str, what: str, folder: Path, product: Path | None = None) -> Step:
    """
    Returns:
        The step that installs a folder's Node packages.
    """
    return Step(
        name=name,
        what=what,
        commands=(clean_install(folder),),
        product=product or folder / "node_modules" / ".package-lock.json",
        pins=packages_of(folder),
        tools=(NODE_JS,),
    )


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
            name="greenroom",
            what="installing the operator's command as venv/bin/greenroom",
            # What it needs is in the lock, and uv has its build backend built in.
            commands=(
                (
                    *(f"{VENV}/bin/uv", "pip", "install", "--quiet", "--python", f"{VENV}/bin/python"),
                    *("--offline", "--no-deps", "--editable", "."),
                ),
            ),
            product=VENV / "bin" / "greenroom",
            pins=("pyproject.toml",),
            after=("python",),
        ),
        node_packages(
            "node",
            "installing firebase-tools and the other Node packages into emulator_tests/node_modules/",
            NODE,
            FIREBASE,
        ),
        node_packages("web", "installing Angular and the other Node packages into web/node_modules/", WEB),
        Step(
            name="app",
            what="building the client library and the reference app",
            commands=(("npm", "run", "build", "--prefix", str(WEB)),),
            product=APP / "index.html",
            sources=(
                *("web/greenroom", "web/school", "web/angular.json", "web/tsconfig.json"),
                *("schema/callables.json", "schema/documents.json", "schema/errors.json"),
            ),
            pins=packages_of(WEB),
            environment={"CI": "1", "NG_CLI_ANALYTICS": "false", "NO_COLOR": "1"},
            after=("web",),
        ),
        node_packages(
            "existing-app", "installing the functions' packages of examples/existing-app", EXISTING_APP / "functions"
        ),
        node_packages("clients", "installing the JavaScript clients that judge the simulators", CLIENTS),
    ]
    if packages := missing_packages():
        found.append(
            Step(
                name="debian",
                what=f"installing {', '.join(packages)} with apt-get",
                commands=apt_install(packages),
                product=HOME / "never",
                environment={"DEBIAN_FRONTEND": "noninteractive"},
                packages=tuple(packages),
            )
        )
    if shutil.which("terraform") is not None:
        found.append(
            Step(
                name="terraform",
                what="building a stand-in of Terraform's google provider, with go",
                commands=(("go", "build", "-C", "emulator_tests/deploy/google_provider", "-o", str(GOOGLE_PROVIDER)),),
                product=GOOGLE_PROVIDER,
                sources=("emulator_tests/deploy/google_provider",),
                environment={"CGO_ENABLED": "0"},
                tools=(Tool(("go", "version"), (1, 25), "https://go.dev/dl"),),
            )
        )
    if not CHROMIUM.exists():
        found.append(
            Step(
                name="chromium",
                what="installing chromium with apt-get, for the tests in a browser",
                commands=apt_install(["chromium"]),
                product=CHROMIUM,
                environment={"DEBIAN_FRONTEND": "noninteractive"},
                # Two at once would wait for each other's lock, and fail.
                after=("debian",),
                packages=("chromium",),
            )
        )
    return found
