"""The converter port as a program on this machine: `python -m convert`, which draws pages in a sandbox.

Built by `functions/wiring.py`. The program is a process of its own. It gets a file and a folder, and tells on its
standard output, line by line in JSON, what is done. See `convert/`.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any, Final

from shared.core.errors import Permanent, Transient
from shared.ports import CONVERSION, Conversion, ConvertedPage

PROVIDER: Final = "converter"

CONVERSION_MAX_S: Final = 1200.0
"""Seconds after which the program is killed; it limits each of its tools to a minute itself."""

LINE_MAX: Final = 10_000
"""The most characters of one line of the program."""

_REFUSED: Final = 1
"""The exit status if the document cannot be shown."""


@dataclass(frozen=True, slots=True)
class ProgramConverter:
    """
    Runs the program once for each document.

    Attributes:
        command: The program, with its first arguments.
        folder: The folder in which it is run.
        within_s: Seconds after which it is killed.
    """

    command: Sequence[str]
    folder: Path
    within_s: float = CONVERSION_MAX_S

    def convert(self, fetch: Callable[[Path], None], kind: str, publish: Callable[[ConvertedPage], None]) -> Conversion:
        warnings = list[str]()
        pages: int | None = None
        with tempfile.TemporaryDirectory(prefix="greenroom-") as name:
            source, pictures = Path(name) / f"source.{kind}", Path(name) / "pages"
            pictures.mkdir()
            fetch(source)
            for told in self._run(source, kind, pictures):
                match told["event"]:
                    case "page":
                        publish(_page(told, pictures))
                    case "warning":
                        warnings.append(str(told["message"]))
                    case "done":
                        pages = int(told["pages"])
                    case "error":
                        raise Permanent(
                            str(told["message"]), provider=PROVIDER, operation=CONVERSION, code=str(told["reason"])
                        )
        if pages is None:
            raise _failed("UNFINISHED")
        return Conversion(pages, tuple(warnings))

    def _run(self, source: Path, kind: str, pictures: Path) -> Iterator[Mapping[str, Any]]:
        """
        Yield what the program tells. The program has ended when this has.

        Raises:
            Transient: It failed, or took too long (again).
        """
        command = [*self.command, str(source), str(pictures), "--type", kind]
        with subprocess.Popen(
            command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, encoding="utf-8"
        ) as program:
            timer = Timer(self.within_s, program.kill)
            timer.start()
            try:
                assert program.stdout is not None
                while line := program.stdout.readline(LINE_MAX):
                    yield _parsed(line)
                status = program.wait()
            finally:
                timer.cancel()
                program.kill()
        if status not in (0, _REFUSED):
            raise _failed(f"EXIT_{status}")


def _page(told: Mapping[str, Any], pictures: Path) -> ConvertedPage:
    picture, thumbnail = (pictures / Path(str(told[name])).name for name in ("file", "thumbnail"))
    return ConvertedPage(
        number=int(told["number"]),
        width=int(told["width"]),
        height=int(told["height"]),
        extension=picture.suffix.removeprefix("."),
        picture=picture.read_bytes(),
        thumbnail=thumbnail.read_bytes(),
        is_blank=told["isBlank"] is True,
    )


def _parsed(line: str) -> Mapping[str, Any]:
    try:
        told = json.loads(line)
    except ValueError:
        raise _failed("MALFORMED") from None
    if not isinstance(told, dict) or "event" not in told:
        raise _failed("MALFORMED")
    return told


def _failed(code: str) -> Transient:
    return Transient("The converter failed.", provider=PROVIDER, operation=CONVERSION, code=code)
