"""Report events while converting: one line of JSON each, on the standard output."""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import dataclass

from convert.refusals import Refused


@dataclass(frozen=True, slots=True)
class Page:
    """
    A page whose files are complete.

    Args:
        number: From 1.
        file: The image's name in the output folder.
        thumbnail: The small image's name.
        is_blank: No tool could draw the page; the image says so.
    """

    number: int
    file: str
    width: int
    height: int
    thumbnail: str
    is_blank: bool


class Events:
    """
    The standard output. Threads share it, and each line is flushed, because the reader publishes pages as they come.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def pages(self, count: int) -> None:
        """
        Tell how many pages there are.
        """
        self._write({"event": "pages", "count": count})

    def page(self, page: Page) -> None:
        """
        Tell that the files of a page are complete.
        """
        self._write(
            {
                "event": "page",
                "number": page.number,
                "file": page.file,
                "width": page.width,
                "height": page.height,
                "thumbnail": page.thumbnail,
                "isBlank": page.is_blank,
            }
        )

    def warning(self, code: str, message: str) -> None:
        """
        Tell what differs from the original.
        """
        self._write({"event": "warning", "code": code, "message": message})

    def done(self, pages: int) -> None:
        """
        Tell that everything is there.
        """
        self._write({"event": "done", "pages": pages})

    def refused(self, refused: Refused) -> None:
        """
        Tell why the document is not converted.
        """
        self._write({"event": "error", "reason": refused.reason.value, "message": str(refused)})

    def _write(self, event: dict[str, object]) -> None:
        line = json.dumps(event, separators=(",", ":")) + "\n"
        with self._lock:
            sys.stdout.write(line)
            sys.stdout.flush()
