"""Makes the pages of a document, in several sandboxed programs side by side, and publishes each at once.

The first page is published before any other, because people wait for it. A long presentation is exported in slices:
its first slide alone, and then the others in runs that several programs share. If it does not come apart as expected,
it is exported as a whole, and the pages that are left are drawn from that.

A page at which a program fails or takes too long is given to a new one; after that it is drawn another way, and if
nothing helps, it becomes a page that says so.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from convert import limits
from convert.drawer import Drawer, Drawn
from convert.encoding import encode, thumbnail
from convert.events import Events
from convert.office import Office
from convert.pool import Pool
from convert.refusals import Reason, Refused
from convert.requests import Form, Way
from convert.sandbox import Ended, Overrun
from convert.sniffing import Kind

_FORMS: Final = {Kind.PDF: Form.PDF, Kind.PNG: Form.PICTURE, Kind.JPEG: Form.PICTURE}
"""The types that are drawn as they are."""

_SLICED_FROM: Final = 4
"""The fewest slides of a presentation that is exported in slices."""
_SLICES_PER_LANE: Final = 2
_BLANK_PX: Final = (1920, 1080)
_MARK: Final = "This page could not be drawn."


@dataclass(frozen=True, slots=True)
class _Part:
    """
    Pages that come from one file.

    Args:
        first: The number of its first page.
        count: How many pages it has, if that is known before.
        slides: The slides of the presentation that it is made of; `None` for the whole document.
    """

    first: int = 1
    count: int | None = None
    slides: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class _Ready:
    """
    A page that can be drawn.

    Args:
        number: Its number in the document.
        file: The file that it is drawn from.
        number_in_file: Its number there.
    """

    number: int
    file: Path
    number_in_file: int


class _Unusual(Exception):
    """
    A presentation does not come apart as expected.
    """


class _Work:
    """
    What is left to do, shared by all lanes.

    Args:
        parts: The parts, in order.
        published: The numbers of pages that are published already.
    """

    def __init__(self, parts: Sequence[_Part], published: Set[int]) -> None:
        self._parts = deque(parts)
        self._awaited = deque(parts)
        self._exported: dict[_Part, list[_Ready]] = {}
        self._pages = deque[_Ready]()
        self._published = published
        self._is_first_published = 1 in published
        self._is_over = False
        self._changed = threading.Condition()

    def next(self) -> _Part | _Ready | None:
        """
        Wait for something that can be done now. Pages come before parts, and the first page before any other.

        Returns:
            `None` if nothing is left.
        """
        with self._changed:
            while not self._is_over:
                if self._pages and (self._is_first_published or self._pages[0].number == 1):
                    return self._pages.popleft()
                if self._parts:
                    return self._parts.popleft()
                if not self._pages and not self._awaited:
                    break
                self._changed.wait()
            return None

    def exported(self, part: _Part, file: Path, count: int) -> None:
        """
        Say that a part is there. Its pages can be drawn once all parts before it are there, too: only then is it sure
        that they have these numbers.
        """
        pages = [_Ready(part.first + position, file, position + 1) for position in range(count)]
        with self._changed:
            self._exported[part] = [page for page in pages if page.number not in self._published]
            while self._awaited and self._awaited[0] in self._exported:
                self._pages.extend(self._exported[self._awaited.popleft()])
            self._changed.notify_all()

    def published(self, number: int) -> None:
        """
        Say that a page is published.
        """
        if number == 1:
            with self._changed:
                self._is_first_published = True
                self._changed.notify_all()

    def give_up(self) -> None:
        """
        Leave nothing to do.
        """
        with self._changed:
            self._is_over = True
            self._changed.notify_all()


@dataclass(slots=True)
class _Lane:
    """
    A thread's programs. Each is taken when it is first needed.
    """

    pool: Pool
    seconds_per_page: float
    _office: Office | None = None
    _drawer: Drawer | None = None

    def office(self) -> Office:
        if self._office is None:
            self._office = self.pool.office()
        return self._office

    def open(self, file: Path, form: Form) -> int:
        """
        Open a file that pages are drawn from, and return the number of its pages. Raises as `Drawer.open`.
        """
        if self._drawer is None:
            self._drawer = self.pool.drawer()
        return self._drawer.open(file, form, self.seconds_per_page)

    def draw(self, page: _Ready, kind: Kind) -> Drawn | None:
        """
        Return a page of a document of this type as it can be drawn; `None` if it cannot.
        """
        form = _FORMS.get(kind, Form.PDF)
        for way in (*(Way.USUAL for _ in range(limits.ATTEMPTS)), Way.OTHER):
            try:
                self.open(page.file, form)
                assert self._drawer is not None
                return self._drawer.draw(
                    page.number_in_file, way, self.seconds_per_page, looks_for_fonts=kind is Kind.PDF
                )
            except (Overrun, Ended, Refused):
                self._forget_drawer()
        return None

    def close(self) -> None:
        self._forget_drawer()
        if self._office is not None:
            self._office.close()
            self._office = None

    def _forget_drawer(self) -> None:
        if self._drawer is not None:
            self._drawer.close()
            self._drawer = None


@dataclass(slots=True)
class Pages:
    """
    Draws the pages of one document, and publishes them as events.

    Args:
        document: The document.
        kind: Its type.
        scratch: Where its PDFs go.
        events: Is told of each page.
        pool: Where programs come from.
        lanes: How many programs of a kind are used side by side.
        most: The most pages.
        seconds_per_page: How long opening a file, or drawing one page, may take.
        fonts: The fonts that a PDF does not carry, once all is drawn.
    """

    document: Path
    kind: Kind
    scratch: Path
    events: Events
    pool: Pool
    lanes: int
    most: int = limits.PAGES
    seconds_per_page: float = limits.TOOL_S
    fonts: set[str] = field(default_factory=set)
    _published: set[int] = field(default_factory=set)
    _blanks: int = 0
    _size: tuple[int, int] = _BLANK_PX
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _deadline: float = field(default_factory=lambda: time.monotonic() + limits.CONVERSION_S)

    def draw(self) -> int:
        """
        Make and publish all pages.

        Returns:
            Their number.

        Raises:
            Refused: There are none or too many, none of them can be drawn, or it takes too long or too much (never).
        """
        with ExitStack() as stack:
            lanes = [_Lane(self.pool, self.seconds_per_page) for _ in range(self.lanes)]
            for lane in lanes:
                stack.callback(lane.close)
            parts = self._slices(lanes[0]) if self.kind is Kind.PPTX else None
            if parts is not None:
                try:
                    self.events.pages(sum(part.count or 0 for part in parts))
                    return self._draw_parts(lanes, parts)
                except (_Unusual, Overrun, Ended, Refused):
                    for lane in lanes:
                        lane.close()
            try:
                return self._draw_parts(lanes, [_Part()])
            except Overrun as overrun:
                raise overrun.refused() from overrun
            except Ended as ended:
                raise Refused(Reason.BROKEN) from ended

    def _slices(self, lane: _Lane) -> list[_Part] | None:
        """
        Return the parts of a presentation; `None` if it is better exported as a whole.

        Raises:
            Refused: It has too many slides, or shows none (never).
        """
        try:
            visible = lane.office().visible_slides(self.document)
        except (Overrun, Ended):
            lane.close()
            return None
        if visible == []:
            # LibreOffice fails to write a PDF without pages.
            raise Refused(Reason.EMPTY)
        if visible is None or len(visible) < _SLICED_FROM:
            return None
        if len(visible) > self.most:
            raise Refused(Reason.TOO_MANY_PAGES)
        return _slices(visible, self.lanes * _SLICES_PER_LANE)

    def _draw_parts(self, lanes: Sequence[_Lane], parts: Sequence[_Part]) -> int:
        work = _Work(parts, frozenset(self._published))
        with ThreadPoolExecutor(len(lanes)) as threads:
            running = [threads.submit(self._run, lane, work) for lane in lanes]
        for lane_run in running:
            lane_run.result()
        if self._blanks == len(self._published):
            raise Refused(Reason.BROKEN)
        return len(self._published)

    def _run(self, lane: _Lane, work: _Work) -> None:
        """
        Do what is left.
        """
        try:
            while (task := work.next()) is not None:
                if time.monotonic() > self._deadline:
                    raise Refused(Reason.TOO_SLOW)
                if isinstance(task, _Part):
                    work.exported(task, *self._export(lane, task))
                else:
                    drawn = lane.draw(task, self.kind)
                    self._publish(task.number, drawn or blank(task.number, self._size))
                    work.published(task.number)
        except BaseException:
            # A lane that fails leaves nothing to do for the others.
            work.give_up()
            raise

    def _export(self, lane: _Lane, part: _Part) -> tuple[Path, int]:
        """
        Return the file that a part's pages are drawn from, and their number.
        """
        for _ in range(limits.ATTEMPTS - 1):
            try:
                return self._export_once(lane, part)
            except Ended:
                # Not the document may have ended the program, but the system, which lacked memory.
                lane.close()
        return self._export_once(lane, part)

    def _export_once(self, lane: _Lane, part: _Part) -> tuple[Path, int]:
        file = self.document
        if self.kind not in _FORMS:
            file = self.scratch / f"{part.first}.pdf"
            lane.office().to_pdf(self.document, self.kind, file, pages=self.most, slides=part.slides)
        count = lane.open(file, _FORMS.get(self.kind, Form.PDF))
        if part.count is not None:
            if count != part.count:
                raise _Unusual
        elif count == 0:
            raise Refused(Reason.EMPTY)
        elif count > self.most:
            raise Refused(Reason.TOO_MANY_PAGES)
        else:
            self.events.pages(count)
        return file, count

    def _publish(self, number: int, drawn: Drawn) -> None:
        with self._lock:
            self._published.add(number)
            self.fonts.update(drawn.fonts)
            self._blanks += drawn.is_blank
            self._size = (drawn.width, drawn.height)
        self.events.page(number, drawn)
        if drawn.is_blank:
            self.events.warning("PAGE_NOT_DRAWN", f"Page {number} could not be drawn and is shown as an empty page.")


def _slices(visible: Sequence[int], most: int) -> list[_Part]:
    """
    Divide slides into the first one and runs of about the same length. Pure.
    """
    length = max(_SLICED_FROM, -(-(len(visible) - 1) // most))
    begins = [0, *range(1, len(visible), length)]
    ends = [*begins[1:], len(visible)]
    return [
        _Part(begin + 1, end - begin, (visible[begin], visible[end - 1] + 1))
        for begin, end in zip(begins, ends, strict=True)
    ]


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
    pixels = np.asarray(image)
    extension, file = encode(pixels)
    return Drawn(extension, *size, file, thumbnail(pixels, limits.THUMBNAIL_SIDE_PX), is_blank=True)
