"""Runs the converter as its callers do: a process, its lines of JSON, its exit code, its folder."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from emulator_tests.testbed.places import ROOT

WITHIN_S = 250


@dataclass(frozen=True)
class Outcome:
    """
    What one run said and left.
    """

    code: int
    events: list[dict[str, Any]]
    log: str
    folder: Path

    @property
    def result(self) -> str | int:
        """
        The number of pages, or the reason why there are none.
        """
        last = self.events[-1] if self.events else {}
        if self.code == 0:
            assert last["event"] == "done"
            return int(last["pages"])
        assert (self.code, last.get("event")) == (1, "error"), f"exit code {self.code}: {self.log}"
        return str(last["reason"])

    def of(self, event: str) -> list[dict[str, Any]]:
        return [one for one in self.events if one["event"] == event]

    def sizes(self) -> list[tuple[int, int]]:
        """
        The sizes of the pages, from the first to the last.
        """
        return [(one["width"], one["height"]) for one in sorted(self.of("page"), key=lambda one: int(one["number"]))]

    def image(self, number: int = 1) -> Image.Image:
        (file,) = (one["file"] for one in self.of("page") if one["number"] == number)
        return Image.open(io.BytesIO((self.folder / file).read_bytes())).convert("RGB")


def start(source: Path, kind: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "convert", str(source), str(folder), "--type", kind],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str], folder: Path) -> Outcome:
    printed, log = process.communicate(timeout=WITHIN_S)
    return Outcome(process.returncode, [json.loads(line) for line in printed.splitlines()], log, folder)


def convert(content: bytes, kind: str, folder: Path, *, name: str = "document") -> Outcome:
    """
    Convert a document that has this content.
    """
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / name
    source.write_bytes(content)
    return finish(start(source, kind, folder / "pages"), folder / "pages")


def convert_without_sandbox(document: Path) -> Path:
    """
    Let LibreOffice make a PDF of a document, without our converter and its sandbox.

    Returns:
        The PDF, beside the document.
    """
    profile = f"-env:UserInstallation={(document.parent / 'profile').as_uri()}"
    command = ["soffice", "--headless", profile, "--convert-to", "pdf", "--outdir", str(document.parent), str(document)]
    subprocess.run(command, check=True, capture_output=True)
    return document.with_suffix(".pdf")
