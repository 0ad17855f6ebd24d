"""The locks: every package that is installed is pinned to one version and to the hashes of its files."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from emulator_tests.testbed.places import ROOT

pytestmark = pytest.mark.long

OPERATORS = "pyproject.toml"
PROJECT = tomllib.loads((ROOT / OPERATORS).read_text())
LOCKS = {
    "requirements.txt": ("requirements.in",),
    "requirements-dev.txt": ("requirements.in", "convert/requirements.in", "requirements-dev.in", OPERATORS),
    "requirements-mutants.txt": ("requirements-mutants.in",),
    "requirements-audit.txt": ("requirements-audit.in",),
    "convert/requirements.txt": ("convert/requirements.in",),
}
# What packaging tools name in a lock, one package with its hashes to each.
ENTRY = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==(\S+) \\\n((?:    --hash=\S+(?: \\)?\n)+)", re.MULTILINE)
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def asked(file: str) -> list[Requirement]:
    if file == OPERATORS:
        return [Requirement(line) for line in PROJECT["project"]["dependencies"]]
    lines = (line.partition("#")[0].strip() for line in (ROOT / file).read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def locked(file: str) -> dict[str, str]:
    return {canonicalize_name(name): version for name, version, _ in ENTRY.findall((ROOT / file).read_text())}


@pytest.mark.parametrize("file", LOCKS)
def test_a_lock_has_nothing_but_pinned_packages_with_hashes(file: str) -> None:
    text = (ROOT / file).read_text()
    rest = [line for line in ENTRY.sub("", text).splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert rest == []
    for name, _, hashes in ENTRY.findall(text):
        assert all(HASH.search(line) for line in hashes.splitlines()), name


@pytest.mark.parametrize(("file", "sources"), LOCKS.items(), ids=LOCKS)
def test_lock_satisfies_the_requirements(file: str, sources: tuple[str, ...]) -> None:
    versions = locked(file)
    for requirement in (one for source in sources for one in asked(source)):
        (specifier,) = requirement.specifier
        assert versions[canonicalize_name(requirement.name)] == specifier.version


@pytest.mark.parametrize("file", LOCKS)
def test_a_lock_has_what_its_packages_need_themselves(file: str) -> None:
    versions = locked(file)
    extras: dict[str, tuple[str, ...]] = {
        canonicalize_name(one.name): tuple(one.extras) for source in LOCKS[file] for one in asked(source)
    }
    for name in versions:
        try:
            needed = requires(name) or []
        except PackageNotFoundError:
            # Only what is not installed yet, after a lock was written anew: set-up installs it from that very lock.
            continue
        for requirement in map(Requirement, needed):
            environments = [{"extra": extra} for extra in ("", *extras.get(name, ()))]
            if requirement.marker is None or any(map(requirement.marker.evaluate, environments)):
                assert canonicalize_name(requirement.name) in versions, f"{name} needs {requirement}"


def test_deployed_packages_are_those_tested() -> None:
    tested = locked("requirements-dev.txt")
    assert {name: tested[name] for name in locked("requirements.txt")} == locked("requirements.txt")


def test_packages_of_the_operators_command_alone_are_not_deployed() -> None:
    deployed = locked("requirements.txt")
    assert [one.name for one in asked(OPERATORS) if one.name in deployed] == ["click"], "Flask needs click"


def test_set_up_can_build_the_operators_command_without_a_registry() -> None:
    """`uv` has the build backend of its own version built in."""
    (backend,) = map(Requirement, PROJECT["build-system"]["requires"])
    assert backend.name == "uv_build"
    assert backend.specifier.contains(locked("requirements-dev.txt")["uv"])


def test_a_lock_names_no_registry_and_no_folder() -> None:
    for file in LOCKS:
        assert "://" not in Path(ROOT / file).read_text()
        assert "--index" not in (ROOT / file).read_text()
