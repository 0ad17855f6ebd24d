"""The fonts that a document asks for and that this machine has not, with what takes their place.

Only names are read here: from the parts of the archive that list fonts, or as the drawing tool found them in the PDF.
A font of the same metrics, such as Carlito for Calibri, moves nothing on the page and is no substitution.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from convert import archive
from convert.sniffing import Kind

SAME_METRICS: Final = {
    "arial": "liberation sans",
    "calibri": "carlito",
    "cambria": "caladea",
    "courier new": "liberation mono",
    "helvetica": "liberation sans",
    "times new roman": "liberation serif",
}

_LONGEST_LIST: Final = 20
_NAMES_MOST: Final = 1000
_NAME: Final = re.compile(r"[\w][\w .&'-]{0,63}")
_PARTS_LOOKED_AT: Final = 250
_ELEMENT: Final = rb"<%s\b[^<>]{0,1000}>"
"""Bounded, so that a part of millions of beginnings is not searched for as many ends."""
_NAMES_IN: Final = {
    Kind.DOCX: (r"word/(document|styles)\.xml", rb"w:rFonts", rb'\bw:(?:ascii|hAnsi|cs|eastAsia)="([^"]+)"'),
    Kind.PPTX: (
        r"ppt/(slides/slide\d+|slideMasters/slideMaster\d+|theme/theme1)\.xml",
        rb"a:(?:latin|ea|cs)",
        # A plus sign refers to the theme.
        rb'\btypeface="([^"+][^"]*)"',
    ),
    Kind.XLSX: (r"xl/styles\.xml", rb"name", rb'\bval="([^"]+)"'),
    **dict.fromkeys(
        (Kind.ODT, Kind.ODP, Kind.ODS),
        (r"(content|styles)\.xml", rb"style:font-face", rb'\bsvg:font-family="([^"]+)"'),
    ),
}
# The fonts that every reader of PDF brings, with the styles that their names end in.
_STANDARD_PDF: Final = re.compile(r"(Courier|Helvetica|Times|Symbol|ZapfDingbats)(-.*)?")


def asked_for(source: Path, kind: Kind) -> set[str]:
    """
    Returns:
        The names of the fonts that an office document names; nothing for the formats whose fonts only their tool reads.
    """
    if kind not in _NAMES_IN:
        return set()
    parts, element, attribute = _NAMES_IN[kind]
    found: set[str] = set()
    with source.open("rb") as file:
        opened = archive.Archive(file, source.stat().st_size)
        matching = [part for part in opened.entries if re.fullmatch(parts, part)]
        for part in matching[:_PARTS_LOOKED_AT]:
            for one in re.finditer(_ELEMENT % element, opened.read(part)):
                found.update(_decoded(re.findall(attribute, one[0])))
                if len(found) > _NAMES_MOST:
                    return found
    return found


def of_pdf(names: Iterable[str]) -> set[str]:
    """
    Returns:
        The families behind the base names of fonts that a PDF does not carry.
    """
    return {
        re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"^[A-Z]{6}\+", "", name).split(",")[0].split("-")[0])
        for name in names
        if not _STANDARD_PDF.fullmatch(name)
    }


def substituted(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """
    Yield each font that is missing with the one that takes its place, the first few of them.
    """
    there = _installed()
    without_blanks = {family.replace(" ", "") for family in there}
    missing = [
        name
        for name in sorted(names)
        if _NAME.fullmatch(name)
        and name.lower().replace(" ", "") not in without_blanks
        and SAME_METRICS.get(name.lower(), "") not in there
    ]
    for name in missing[:_LONGEST_LIST]:
        yield name, _output("fc-match", "--format=%{family[0]}", name.replace("-", r"\-"))


def _installed() -> set[str]:
    lines = _output("fc-list", "--format=%{family}\n").splitlines()
    return {family.strip().lower() for line in lines for family in line.split(",")}


def _decoded(names: Iterable[bytes]) -> Iterator[str]:
    for name in names:
        # An ODF document quotes names with blanks: &apos;Noto Sans&apos;.
        yield name.decode("utf-8", "replace").replace("&apos;", "").replace("&quot;", "").replace("'", "").strip()


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
