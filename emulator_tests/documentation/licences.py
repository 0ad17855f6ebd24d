"""docs/licences.md: the licence of every package that runs in the cloud or in a browser.

Called by `pages.py`. Python's packages say it in their metadata, in one of three fields; packages of npm in the lock.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.metadata import metadata
from itertools import chain
from pathlib import Path
from typing import Final

from emulator_tests.testbed.places import ROOT

HEAD: Final = """\
# Licences

Generated from the locks and the packages' own metadata by `make docs`: do not edit.

Greenroom itself is under Apache-2.0. With `KalturaApiClient`, which is under the AGPL, a deployment is
[a combined work](decisions/029-kaltura-api-client.md). `make sbom` lists the same packages as CycloneDX.
"""

LOCKS: Final = {"The functions": "requirements.txt", "The converter of slides": "convert/requirements.txt"}

SHOWN_MAX: Final = 80
"""A longer text is that of the licence itself, not its name."""

ELSEWHERE: Final = {"combine-errors": "MIT", "sasl-plain": "MIT", "saslmechanisms": "MIT"}
"""Licences that stand in a package's readme only."""

_PINNED: Final = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==(\S+)", re.MULTILINE)


def licences_page() -> str:
    """
    Return the page.
    """
    sections = [_section(title, _of_python(ROOT / lock)) for title, lock in LOCKS.items()]
    return HEAD + "".join(sections) + _section("The web client and the reference app", _of_npm(ROOT / "web"))


def _section(title: str, rows: Iterator[tuple[str, str, str]]) -> str:
    lines = [f"| {name} | {version} | {licence} |" for name, version, licence in sorted(rows)]
    return "\n".join([f"\n## {title}\n", "| package | version | licence |", "|---|---|---|", *lines, ""])


def _of_python(lock: Path) -> Iterator[tuple[str, str, str]]:
    for name, version in _PINNED.findall(lock.read_text()):
        yield name, version, licence_of(name)


def licence_of(package: str) -> str:
    """
    Return the licence that an installed package of Python names.

    Raises:
        ValueError: It names none (never).
    """
    told = metadata(package)
    classified = [one.rpartition(" :: ")[2] for one in told.get_all("Classifier", []) if one.startswith("License ::")]
    fields: list[list[str]] = [told.get_all(name, []) for name in ("License-Expression", "License")]
    for text in (*chain(*fields), " or ".join(classified)):
        if text and len(text) <= SHOWN_MAX and "\n" not in text:
            return text
    raise ValueError(f"{package} does not name its licence.")


def _of_npm(workspace: Path) -> Iterator[tuple[str, str, str]]:
    """
    Yield what is not only there for building and testing.

    Raises:
        ValueError: A package names no licence: look it up, and add it to `ELSEWHERE` (never).
    """
    packages = json.loads((workspace / "package-lock.json").read_text())["packages"]
    for path, package in packages.items():
        if "node_modules/" not in path or package.get("dev") or package.get("link"):
            continue
        name = path.rpartition("node_modules/")[2]
        licence = package.get("license") or ELSEWHERE.get(name)
        if not licence:
            raise ValueError(f"{name} does not name its licence.")
        yield name, package["version"], licence
