"""Tell what happens while a document is converted: one line of JSON for each event."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from convert.drawer import Drawn
from convert.refusals import Refused


class Events(Protocol):
    """
    Receives the events of one conversion, from several threads.
    """

    def pages(self, count: int) -> None:
        """
        Tell how many pages there are.
        """

    def page(self, number: int, drawn: Drawn) -> None:
        """
        Tell that a page is drawn; numbers begin with 1.
        """

    def warning(self, code: str, message: str) -> None:
        """
        Tell what differs from the original.
        """

    def done(self, pages: int) -> None:
        """
        Tell that everything is there.
        """

    def refused(self, refused: Refused) -> None:
        """
        Tell why the document is not converted.
        """


@dataclass(frozen=True, slots=True)
class Lines(Events):
    """
    Writes events as lines.

    Args:
        write: Writes a line, with the files that follow it, if any.
        folder: Where the files of pages go; `None` has them follow the line of their page.
    """

    write: Callable[[bytes], None]
    folder: Path | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def pages(self, count: int) -> None:
        self._write({"event": "pages", "count": count})

    def page(self, number: int, drawn: Drawn) -> None:
        told: dict[str, Any] = {
            "event": "page",
            "number": number,
            "extension": drawn.extension,
            "width": drawn.width,
            "height": drawn.height,
            "isBlank": drawn.is_blank,
        }
        if self.folder is None:
            lengths = {"fileBytes": len(drawn.file), "thumbnailBytes": len(drawn.thumbnail)}
            self._write(told | lengths, drawn.file, drawn.thumbnail)
            return
        names = {"file": f"{number}.{drawn.extension}", "thumbnail": f"{number}.thumb.webp"}
        _write_file(self.folder / names["thumbnail"], drawn.thumbnail)
        _write_file(self.folder / names["file"], drawn.file)
        self._write(told | names)

    def warning(self, code: str, message: str) -> None:
        self._write({"event": "warning", "code": code, "message": message})

    def done(self, pages: int) -> None:
        self._write({"event": "done", "pages": pages})

    def refused(self, refused: Refused) -> None:
        self._write({"event": "error", "reason": refused.reason.value, "message": str(refused)})

    def _write(self, event: dict[str, Any], *files: bytes) -> None:
        line = json.dumps(event, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            self.write(line + b"".join(files))


def _write_file(path: Path, content: bytes) -> None:
    """
    Write a file so that it is there either as a whole or not at all.
    """
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
