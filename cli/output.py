"""Print results and progress of commands, for people and for programs.

Results go to standard output, everything else to standard error, so that a result can be piped. On a terminal progress
is a bar that disappears, elsewhere it is lines.
"""

from __future__ import annotations

import json
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

MARGIN: Final = 3
"""The cells that a progress bar leaves free at the end of its line."""

LINE_EVERY_S: Final = 10.0
"""The shortest time between two lines that count, where there is no terminal."""


@dataclass(frozen=True, slots=True)
class Result:
    """
    The result of a command.

    Attributes:
        text: What people read.
        data: What programs read, with `--json`.
        is_complete: Whether all was done, and nothing needed is missing. The exit status says so.
        is_interrupted: Whether the operator has stopped it, which the exit status says too.
        is_printed: Whether it was printed already, see `Rows.end`.
    """

    text: str
    data: Mapping[str, Any]
    is_complete: bool = True
    is_interrupted: bool = False
    is_printed: bool = False


class Progress(Protocol):
    """
    The progress of a command. Threads may share it.
    """

    def advance(self, count: int = 1) -> None:
        """
        Count things, or bytes, that are done.
        """
        ...

    def show(self, sentence: str) -> None:
        """
        Show the present state. On a terminal it replaces the one before.
        """
        ...

    def note(self, sentence: str) -> None:
        """
        Print a line that stays.
        """
        ...

    def result(self, line: str) -> None:
        """
        Print a line of the result above the progress, if both are on one terminal.
        """
        ...


@dataclass(frozen=True, slots=True)
class Output:
    """
    Where a command prints to.

    Attributes:
        is_json: Whether results are JSON.
        results: The stream for results.
        messages: The stream for everything else.
    """

    is_json: bool = False
    results: TextIO = field(default_factory=lambda: sys.stdout)
    messages: TextIO = field(default_factory=lambda: sys.stderr)

    def print(self, result: Result) -> None:
        """
        Print a result: its text, or one JSON value.
        """
        if result.is_printed:
            return
        print(to_json(result.data) if self.is_json else result.text, file=self.results, flush=True)

    @contextmanager
    def rows(self, name: str) -> Iterator[Rows]:
        """
        Print a result row by row, because there may be very many.

        Args:
            name: The name of the list that the rows make in the JSON value.
        """
        rows = Rows(self, name)
        try:
            yield rows
        finally:
            rows.close()

    @property
    def is_one_terminal(self) -> bool:
        """
        Tell whether results and messages are on one terminal, so that a bar and rows would disturb each other.
        """
        return self.results.isatty() and self.messages.isatty()

    def progress(
        self, what: str, total: int | None = None, *, is_bytes: bool = False
    ) -> AbstractContextManager[Progress]:
        """
        Show progress until the end of the `with`.

        Args:
            what: What is being done, such as `Looking for orphans`.
            total: The number of things to do; `None` if it is not known.
            is_bytes: Whether bytes are counted.
        """
        if self.messages.isatty():
            return _bar(self.messages, what, total, is_bytes=is_bytes)
        return _lines(self.messages, what, total)


@dataclass(slots=True)
class Rows:
    """
    A result that is printed row by row: lines for people, the elements of one list for programs.

    Attributes:
        output: Where it is printed to.
        name: The name of the list.
        above: Prints a line above a bar, while there is one on the same terminal.
    """

    output: Output
    name: str
    above: Callable[[str], None] | None = None
    _count: int = 0
    _heading: str = ""
    _is_ended: bool = False

    def heading(self, line: str) -> None:
        """
        Print a line above the rows, for people, unless an error comes before them.
        """
        self._heading = f"{line}\n"

    def add(self, line: str, data: Mapping[str, Any]) -> None:
        """
        Print one row.

        Args:
            line: For people.
            data: For programs.
        """
        if self.output.is_json:
            element = textwrap.indent(to_json(data), "    ")
            self._print((",\n" if self._count else self._begin()) + element)
        elif self.above is not None:
            self.above(line)
        else:
            self._print_heading()
            self._print(f"{line}\n")
        self._count += 1

    def end(self, result: Result) -> Result:
        """
        Print what follows the rows, and return the result as one that is printed.
        """
        if self.output.is_json:
            rest = "".join(f",\n  {json.dumps(name)}: {_inner(value)}" for name, value in result.data.items())
            self._print(f"{self._end_of_list()}{rest}\n}}\n")
        else:
            self._print_heading()
            self._print(f"{result.text}\n" if result.text else "")
        self._is_ended = True
        return replace(result, is_printed=True)

    def close(self) -> None:
        """
        Complete the JSON value if an error has come before its end.
        """
        if self.output.is_json and self._count and not self._is_ended:
            self._print(f"{self._end_of_list()}\n}}\n")

    def _print_heading(self) -> None:
        self._print(self._heading)
        self._heading = ""

    def _begin(self) -> str:
        return f"{{\n  {json.dumps(self.name)}: [\n"

    def _end_of_list(self) -> str:
        return "\n  ]" if self._count else f"{self._begin()}  ]"

    def _print(self, text: str) -> None:
        print(text, end="", file=self.output.results, flush=True)


def log_in_words(severity: str, message: str, fields: Mapping[str, Any]) -> str | None:
    """
    Return an entry of the log for a person at a terminal; `None` if they need not see it: what a command does and what
    it tries again is in its result and its progress. Pure.
    """
    if severity not in ("ERROR", "CRITICAL", "ALERT"):
        return None
    thing, sentence = fields.get("key"), fields.get("sentence")
    return f"{severity}: {message}{f' ({thing})' if thing else ''}{f': {sentence}' if sentence else ''}"


def _inner(value: object) -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=_instant)
    return textwrap.indent(text, "  ").lstrip()


def to_json(data: Mapping[str, Any]) -> str:
    """
    Return JSON with instants in the form of ISO 8601. Pure.
    """
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False, default=_instant)


def _instant(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in JSON.")


def table(rows: Sequence[Sequence[str]], heading: Sequence[str] = ()) -> str:
    """
    Return rows as text in aligned columns, two blanks apart. Empty if there are no rows. Pure.
    """
    if not rows:
        return ""
    every = [heading, *rows] if heading else rows
    widths = [max(map(len, column)) for column in zip(*every, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in every
    )


@dataclass(slots=True)
class Lines:
    """
    Progress where there is no terminal. A count is printed from time to time only, a state at once.
    """

    stream: TextIO
    what: str
    total: int | None
    clock: Callable[[], float] = time.monotonic
    _done: int = 0
    _printed: int | None = None
    _printed_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._printed_at = self.clock()

    def advance(self, count: int = 1) -> None:
        """See `Progress`."""
        with self._lock:
            self._done += count
            if self.clock() - self._printed_at >= LINE_EVERY_S:
                self._count()

    def show(self, sentence: str) -> None:
        """See `Progress`."""
        self.note(sentence)

    def note(self, sentence: str) -> None:
        """See `Progress`."""
        self.result(f"  {sentence}")

    def result(self, line: str) -> None:
        """See `Progress`."""
        print(line, file=self.stream, flush=True)

    def end(self) -> None:
        """
        Print the last count, unless it was printed.
        """
        with self._lock:
            if self._done and self._printed != self._done:
                self._count()

    def _count(self) -> None:
        of = "" if self.total is None else f" of {self.total}"
        self.note(f"{self.what}: {self._done}{of}")
        self._printed, self._printed_at = self._done, self.clock()


@contextmanager
def _lines(stream: TextIO, what: str, total: int | None) -> Iterator[Progress]:
    lines = Lines(stream, what, total)
    try:
        yield lines
    finally:
        lines.end()


@dataclass(frozen=True, slots=True)
class _Bar:
    """
    Progress on a terminal.
    """

    rich: RichProgress
    task: TaskID
    what: str

    def advance(self, count: int = 1) -> None:
        self.rich.advance(self.task, count)

    def show(self, sentence: str) -> None:
        self.rich.update(self.task, description=f"{self.what}: {sentence}")

    def note(self, sentence: str) -> None:
        self.result(f"  {sentence}")

    def result(self, line: str) -> None:
        self.rich.console.print(line, soft_wrap=True)


@contextmanager
def _bar(stream: TextIO, what: str, total: int | None, *, is_bytes: bool) -> Iterator[Progress]:
    from rich.console import Console, ConsoleDimensions
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    # Titles and references may have brackets, which are not markup.
    columns: list[ProgressColumn] = [SpinnerColumn(), TextColumn("{task.description}", markup=False)]
    if total is not None:
        count = DownloadColumn(binary_units=True) if is_bytes else MofNCompleteColumn()
        columns += [BarColumn(), count, TimeRemainingColumn()]

    class Narrow(Console):
        """
        A terminal that is narrower than it is, so that the `^C` that it shows fits behind the bar: after a full line it
        would begin another one, and the bar would stay on the screen.
        """

        @property  # type: ignore[misc]  # nobody sets it here
        def size(self) -> ConsoleDimensions:
            found = super().size
            return ConsoleDimensions(max(MARGIN, found.width - MARGIN), found.height)

    console = Narrow(file=stream, markup=False, highlight=False)
    # Libraries that print meanwhile print above the bar.
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as rich:
        yield _Bar(rich, rich.add_task(what, total=total), what)
