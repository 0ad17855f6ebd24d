"""Has the pages of a PDF or a picture drawn, in several sandboxed processes side by side, and publishes each at once.

The first page is drawn and published before any other, because people wait for it. A page at which a process fails or
takes too long is given to a new process; after that it is drawn another way, and if nothing helps, it becomes a page
that says so.
"""

from __future__ import annotations

import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw

from convert import limits
from convert.encoding import encode, thumbnail
from convert.events import Events, Page
from convert.refusals import Reason, Refused
from convert.requests import DOCUMENT, Way
from convert.sandbox import Ended, Overrun, Tool, python
from convert.sniffing import Kind

_LINE_BYTES: Final = 256 * 1024
_FILE_BYTES: Final = 64 * limits.MIB
_MAGIC: Final = {"png": b"\x89PNG\r\n\x1a\n", "webp": b"RIFF"}
_BLANK_PX: Final = (1920, 1080)
_MARK: Final = "This page could not be drawn."


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


class Lane:
    """
    One process after the other that draws pages of one document. Used by one thread, as its tools die with that.
    """

    def __init__(self, document: Path, form: str, *, seconds: float = limits.TOOL_S) -> None:
        self._document = document
        self._seconds = seconds
        self._form = form
        self._tool: Tool | None = None
        self.count = 0

    def open(self) -> Tool:
        """
        Start a process, unless there is one, and have it open the document.

        Raises:
            Refused: The document cannot be opened (never).
            Overrun: Opening takes too long or too much.
            Ended: The process ended.
        """
        if self._tool is None:
            self._tool = Tool(python("convert.drawing", self._form), {str(DOCUMENT): self._document})
            answer = self._answer(self._tool, self._seconds)
            if "refused" in answer:
                raise Refused(Reason(_text(answer, "refused")))
            self.count = _number(answer, "pages", least=0, most=2**31)
        return self._tool

    def close(self) -> None:
        """
        Kill the process.
        """
        if self._tool is not None:
            self._tool.__exit__(None, None, None)
            self._tool = None

    def draw(self, number: int, way: Way) -> Drawn:
        """
        Raises:
            Refused, Overrun, Ended: As for `open`. The next page gets a new process.
        """
        deadline = time.monotonic() + self._seconds
        try:
            tool = self.open()
            tool.send(json.dumps({"page": number, "way": way.value}).encode() + b"\n")
            answer = self._answer(tool, deadline - time.monotonic())
            longest = limits.LONGEST_SIDE_PX
            extension = _text(answer, "extension")
            width = _number(answer, "width", least=1, most=longest)
            height = _number(answer, "height", least=1, most=longest)
            file, small = (
                tool.read_exactly(_number(answer, name, least=1, most=_FILE_BYTES), deadline - time.monotonic())
                for name in ("fileBytes", "thumbnailBytes")
            )
            # Whatever the document made of the process: what goes on from here is a picture of a kind we know.
            if (
                extension not in _MAGIC
                or not file.startswith(_MAGIC[extension])
                or not small.startswith(_MAGIC["webp"])
            ):
                raise Ended("what was drawn is no picture")
            return Drawn(extension, width, height, file, small, tuple(map(str, _list(answer, "fonts"))))
        except BaseException:
            self.close()
            raise

    def _answer(self, tool: Tool, seconds: float) -> dict[str, object]:
        try:
            answer = json.loads(tool.read_line(_LINE_BYTES, seconds))
        except ValueError as error:
            raise Ended("the answer is not valid JSON") from error
        if not isinstance(answer, dict):
            raise Ended("the answer is not an object")
        return answer


def _number(answer: dict[str, object], name: str, *, least: int, most: int) -> int:
    value = answer.get(name)
    if not isinstance(value, int) or not least <= value <= most:
        raise Ended(f"{name} is not a number from {least} to {most}")
    return value


def _text(answer: dict[str, object], name: str) -> str:
    return str(answer.get(name))


def _list(answer: dict[str, object], name: str) -> list[object]:
    value = answer.get(name)
    return value if isinstance(value, list) else []


@dataclass(slots=True)
class Pages:
    """
    The pages of one document on their way into a folder.

    Args:
        document: A PDF or a picture.
        kind: What it is; anything but a picture is drawn from its PDF.
        folder: Where the files go.
        fonts: The fonts that a PDF does not carry, once all is drawn.
    """

    document: Path
    kind: Kind
    folder: Path
    events: Events
    seconds_per_page: float = limits.TOOL_S
    fonts: set[str] = field(default_factory=set)
    _count: int = 0
    _next: int = 1
    _blanks: int = 0
    _size: tuple[int, int] = _BLANK_PX
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _deadline: float = field(default_factory=lambda: time.monotonic() + limits.CONVERSION_S)

    def draw(self) -> int:
        """
        Draw and publish all pages.

        Returns:
            Their number.

        Raises:
            Refused: There are none or too many, none of them can be drawn, or it takes too long (never).
        """
        with ExitStack() as stack:
            first = self._lane()
            stack.callback(first.close)
            self._count = self._open(first)
            self.events.pages(self._count)
            self._publish_next(first)
            lanes = min(limits.LANES, os.cpu_count() or 1, self._count)
            with ThreadPoolExecutor(max(1, lanes - 1)) as threads:
                others = [threads.submit(self._run_lane) for _ in range(lanes - 1)]
                try:
                    self._publish_all(first)
                finally:
                    # A lane that fails leaves nothing to do for the others.
                    self._give_up_unless_done()
                for other in others:
                    other.result()
        if self._blanks == self._count:
            raise Refused(Reason.BROKEN)
        return self._count

    def _lane(self) -> Lane:
        form = "picture" if self.kind in (Kind.PNG, Kind.JPEG) else "pdf"
        return Lane(self.document, form, seconds=self.seconds_per_page)

    def _open(self, lane: Lane) -> int:
        try:
            lane.open()
        except Overrun as overrun:
            raise overrun.refused() from overrun
        except Ended as ended:
            raise Refused(Reason.BROKEN) from ended
        if lane.count == 0:
            raise Refused(Reason.EMPTY)
        if lane.count > limits.PAGES:
            raise Refused(Reason.TOO_MANY_PAGES)
        return lane.count

    def _run_lane(self) -> None:
        lane = self._lane()
        try:
            self._publish_all(lane)
        finally:
            lane.close()

    def _publish_all(self, lane: Lane) -> None:
        while self._publish_next(lane):
            pass

    def _give_up_unless_done(self) -> None:
        with self._lock:
            self._next = max(self._next, self._count + 1)

    def _publish_next(self, lane: Lane) -> bool:
        with self._lock:
            number = self._next
            if number > self._count:
                return False
            self._next += 1
        if time.monotonic() > self._deadline:
            raise Refused(Reason.TOO_SLOW)
        self._publish(number, self._drawn(lane, number))
        return True

    def _drawn(self, lane: Lane, number: int) -> Drawn:
        for way in (*(Way.USUAL for _ in range(limits.ATTEMPTS)), Way.OTHER):
            try:
                return lane.draw(number, way)
            except (Overrun, Ended, Refused):
                continue
        return blank(number, self._size)

    def _publish(self, number: int, drawn: Drawn) -> None:
        file, small = f"{number}.{drawn.extension}", f"{number}.thumb.webp"
        _write(self.folder / small, drawn.thumbnail)
        _write(self.folder / file, drawn.file)
        with self._lock:
            self.fonts.update(drawn.fonts)
            self._blanks += drawn.is_blank
            self._size = (drawn.width, drawn.height)
        self.events.page(Page(number, file, drawn.width, drawn.height, small, drawn.is_blank))
        if drawn.is_blank:
            self.events.warning("PAGE_NOT_DRAWN", f"Page {number} could not be drawn and is shown as an empty page.")


def _write(path: Path, content: bytes) -> None:
    """
    Write a file so that it is there either as a whole or not at all.
    """
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)


def blank(number: int, size: tuple[int, int]) -> Drawn:
    """
    Return a page that says that it could not be drawn.
    """
    image = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, size[0] - 1, size[1] - 1), outline="grey", width=4)
    pen.line((0, 0, *size), fill="lightgrey", width=4)
    pen.line((0, size[1], size[0], 0), fill="lightgrey", width=4)
    pen.text((40, 40), f"{number}: {_MARK}", fill="black", font_size=40)
    extension, file = encode(image)
    return Drawn(extension, *size, file, thumbnail(image, limits.THUMBNAIL_SIDE_PX), is_blank=True)
