"""Makes a presentation of some of a presentation's slides, so that LibreOffice need not read all to draw a few.

Called inside the sandbox only. A slice keeps its slides' numbers: those before it stay, empty and hidden, and those
after it are left out. The bytes of the archive are copied as they are, and what differs is appended.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import zipfile
import zlib
from pathlib import Path
from typing import Final

LONGEST_BYTES: Final = 96 * 1024 * 1024
"""A larger presentation is not sliced, because its copies are in memory."""

_PRESENTATION: Final = "ppt/presentation.xml"
_LIST: Final = re.compile(rb"<(\w+:)?sldIdLst\s*>(.*?)</(\w+:)?sldIdLst\s*>", re.DOTALL)
_ENTRY: Final = re.compile(
    rb"""<(?:\w+:)?sldId\s[^<>]*?\b\w+:id\s*=\s*["']([^"'<>]+)["'][^<>]*?(?:/>|>.*?</(?:\w+:)?sldId\s*>)""", re.DOTALL
)
_RELATION: Final = re.compile(rb"<(?:\w+:)?Relationship\s[^<>]*>")
_ROOT: Final = re.compile(rb"<(?:\w+:)?sld\s[^<>]*>")
_HIDDEN: Final = re.compile(rb"""\sshow\s*=\s*["'](?:0|false)["']""")
_ROOT_WITHIN: Final = 64 * 1024
_EMPTY: Final = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    b'<p:sld xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    b' xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" show="0"><p:cSld><p:spTree><p:nvGrpSpPr>'
    b'<p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/></p:spTree></p:cSld></p:sld>'
)
_RELATIONS: Final = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">%s</Relationships>'
)
_UNREADABLE: Final = (OSError, ValueError, KeyError, zipfile.BadZipFile, RuntimeError, zlib.error)


def visible(presentation: Path) -> list[int] | None:
    """
    Return the positions of the slides that are shown, from 0; `None` if the presentation cannot be sliced.
    """
    try:
        if presentation.stat().st_size > LONGEST_BYTES:
            return None
        with zipfile.ZipFile(presentation) as archive:
            slides = _slides(archive)
            return [position for position, slide in enumerate(slides) if not _is_hidden(archive, slide)]
    except _UNREADABLE:
        return None


def write(presentation: Path, target: Path, begin: int, end: int) -> None:
    """
    Write a presentation of the slides from `begin` up to, but without, `end`.
    """
    with zipfile.ZipFile(presentation) as archive:
        slides = _slides(archive)
        changed = {_PRESENTATION: _without(archive.read(_PRESENTATION), end)}
        for slide in slides[:begin]:
            changed[slide] = _EMPTY
            relations = _relations_name(slide)
            if relations in archive.NameToInfo:
                layout = [one for one in _RELATION.findall(archive.read(relations)) if b"/slideLayout" in one]
                changed[relations] = _RELATIONS % b"".join(layout)
    shutil.copyfile(presentation, target)
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.filelist[:] = [entry for entry in archive.filelist if entry.filename not in changed]
        for name, content in changed.items():
            archive.NameToInfo.pop(name, None)
            archive.writestr(name, content)


def _slides(archive: zipfile.ZipFile) -> list[str]:
    """
    Return the names of the slides' parts, in order.

    Raises:
        ValueError: They are not listed as usual.
    """
    if len(set(archive.namelist())) != len(archive.filelist):
        raise ValueError("two parts have one name")
    targets = {}
    for relation in _RELATION.findall(archive.read(_relations_name(_PRESENTATION))):
        targets[_attribute(relation, b"Id")] = _attribute(relation, b"Target")
    found = _LIST.search(archive.read(_PRESENTATION))
    if found is None:
        raise ValueError("no list of slides")
    slides = [posixpath.normpath(posixpath.join("/ppt", targets[one.decode()]))[1:] for one in _ENTRY.findall(found[2])]
    if len(set(slides)) != len(slides) or found[2].count(b"sldId ") != len(slides):
        raise ValueError("unusual list of slides")
    return slides


def _without(presentation: bytes, end: int) -> bytes:
    """
    Return the presentation without the slides from `end` on.
    """
    found = _LIST.search(presentation)
    assert found is not None
    kept = [one[0] for one in _ENTRY.finditer(found[2])][:end]
    return presentation[: found.start(2)] + b"".join(kept) + presentation[found.end(2) :]


def _is_hidden(archive: zipfile.ZipFile, slide: str) -> bool:
    with archive.open(slide) as part:
        root = _ROOT.search(part.read(_ROOT_WITHIN))
    if root is None:
        raise ValueError(f"{slide} is no slide")
    return _HIDDEN.search(root[0]) is not None


def _relations_name(part: str) -> str:
    folder, name = posixpath.split(part)
    return f"{folder}/_rels/{name}.rels"


def _attribute(element: bytes, name: bytes) -> str:
    found = re.search(rb"""\s%s\s*=\s*["']([^"']*)["']""" % name, element)
    if found is None:
        raise ValueError(f"no {name.decode()}")
    return found[1].decode()
