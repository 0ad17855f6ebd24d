"""A running process that draws pages: in the sandbox, for one document. What it answers is checked."""

from __future__ import annotations

import re
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from convert import limits
from convert.program import Program
from convert.refusals import Reason, Refused
from convert.requests import Form, Way
from convert.sandbox import Ended, python

_LINE_BYTES: Final = 256 * 1024
_FILE_BYTES: Final = 16 * limits.MIB
"""The largest picture: one of noise has 11 MiB."""
_PNG_HEAD: Final = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_WEBP_HEAD: Final = re.compile(rb"RIFF....WEBPVP8", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Drawn:
    """
    A page as a tool drew it.
    """

    extension: str
    width: int
    height: int
    file: bytes
    thumbnail: bytes
    fonts: tuple[str, ...] = ()
    is_blank: bool = False


class Drawer(Program):
    """
    A process that starts as soon as this is made. Used for one document, and by one thread at a time.
    """

    def __init__(self) -> None:
        super().__init__(python("convert.drawing"), _LINE_BYTES)
        self._opened: Path | None = None
        self._count = 0

    def open(self, file: Path, form: Form, seconds: float = limits.TOOL_S) -> int:
        """
        Open a file, unless it is open.

        Returns:
            The number of its pages.

        Raises:
            Refused: The file cannot be opened (never).
            Overrun: Opening takes too long or too much.
            Ended: The process ended.
        """
        if self._opened != file:
            answer = self._ask({"open": self._give(file, file.name), "form": form}, seconds)
            if "refused" in answer:
                raise Refused(Reason(_text(answer, "refused")))
            self._count = _number(answer, "pages", least=0, most=2**31)
            self._opened = file
        return self._count

    def draw(self, number: int, way: Way, seconds: float = limits.TOOL_S, *, looks_for_fonts: bool = False) -> Drawn:
        """
        Draw a page of the file that is open; numbers begin with 1.

        Args:
            number: Its number.
            way: How to draw it.
            seconds: How long it may take.
            looks_for_fonts: Whether to tell the fonts that the page uses and a PDF does not carry.

        Raises:
            Overrun: Drawing takes too long or too much.
            Ended: The process ended, or its answer is no picture.
        """
        deadline = time.monotonic() + seconds
        answer = self._ask({"page": number, "way": way, "fonts": looks_for_fonts}, seconds)
        longest = limits.LONGEST_SIDE_PX
        extension = _text(answer, "extension")
        width = _number(answer, "width", least=1, most=longest)
        height = _number(answer, "height", least=1, most=longest)
        file, small = (
            b"".join(self._read(_number(answer, name, least=1, most=_FILE_BYTES), deadline - time.monotonic()))
            for name in ("fileBytes", "thumbnailBytes")
        )
        # Whatever the document made of the process: what goes on from here begins as a picture of a kind we know.
        is_png = extension == "png" and file.startswith(_PNG_HEAD + struct.pack(">II", width, height))
        is_webp = extension == "webp" and _WEBP_HEAD.match(file)
        if not (is_png or is_webp) or not _WEBP_HEAD.match(small):
            raise Ended("what was drawn is no picture")
        fonts = answer.get("fonts")
        return Drawn(extension, width, height, file, small, tuple(map(str, fonts if isinstance(fonts, list) else ())))


def _number(answer: dict[str, Any], name: str, *, least: int, most: int) -> int:
    value = answer.get(name)
    if not isinstance(value, int) or not least <= value <= most:
        raise Ended(f"{name} is not a number from {least} to {most}")
    return value


def _text(answer: dict[str, Any], name: str) -> str:
    return str(answer.get(name))
