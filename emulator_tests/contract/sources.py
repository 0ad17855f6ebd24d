"""A server of files to archive, which breaks off, lies, or is slow as a test tells it.

Used by `test_cold_store.py` and `test_downloads.py`.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep
from typing import Any, Final

from shared.ports import Source

WRITTEN_BYTES: Final = 64 * 1024


@dataclass(slots=True)
class File:
    """
    A file, and how it is served.

    Attributes:
        content: Its bytes.
        breaks: Bytes at which the connection is cut, each once.
        status: The status of each answer; `None` for the right one.
        claims: The length that is told; `None` for the right one.
        ignores_ranges: Whether the whole is sent also if a range was asked for.
        marks: The ETags of the answers, the last one for all further answers.
        pause_s: How long it waits between two pieces.
        location: Where it redirects to.
        asked: The range of each request.
    """

    content: bytes = b""
    breaks: list[int] = field(default_factory=list)
    status: int | None = None
    claims: int | None = None
    ignores_ranges: bool = False
    marks: list[str] = field(default_factory=lambda: ['"one"'])
    pause_s: float = 0.0
    location: str = ""
    asked: list[str] = field(default_factory=list)


class Sources:
    """
    The files of a server.

    Attributes:
        url: Its address.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.files: dict[str, File] = {}
        self._numbers = itertools.count(1)

    def add(self, file: File) -> Source:
        """
        Serve a file.
        """
        path = f"/file{next(self._numbers)}"
        self.files[path] = file
        return Source(f"{self.url}{path}?secret=s3cr3t")


@contextmanager
def sources() -> Iterator[Sources]:
    """
    Serve files during a `with` block.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            file = served.files.get(self.path.partition("?")[0])
            if file is None:
                self.send_error(404)
                return
            asked = self.headers.get("Range", "")
            file.asked.append(asked)
            if file.location or file.status is not None:
                self.send_response(file.status or 302)
                self.send_header("Location", file.location)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            begin = 0 if file.ignores_ranges or not asked else int(asked.removeprefix("bytes=").rstrip("-"))
            length = len(file.content) - begin if file.claims is None else file.claims - begin
            self.send_response(206 if begin else 200)
            self.send_header("ETag", file.marks.pop(0) if len(file.marks) > 1 else file.marks[0])
            self.send_header("Content-Length", str(length))
            if begin:
                self.send_header("Content-Range", f"bytes {begin}-{begin + length - 1}/{begin + length}")
            self.end_headers()
            self._write(file, begin)

        def _write(self, file: File, at: int) -> None:
            cut = min((one for one in file.breaks if one > at), default=None)
            if cut is not None:
                file.breaks.remove(cut)
            end = len(file.content) if cut is None else cut
            while at < end:
                piece = file.content[at : min(at + WRITTEN_BYTES, end)]
                try:
                    self.wfile.write(piece)
                except OSError:
                    break
                at += len(piece)
                sleep(file.pause_s)
            self.close_connection = self.close_connection or cut is not None or file.claims is not None

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Sources(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
