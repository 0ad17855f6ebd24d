"""A server of files, in ranges, from which a service fetches, or we do; for the tests here and those of the hosts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Files:
    """What is served.

    Attributes:
        url: Where, without a slash at its end.
        contents: By path.
        asked: The path and the range of each request.
    """

    url: str
    contents: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def serving(contents: dict[str, bytes]) -> Iterator[Files]:
    """Files by their paths, as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, wanted = self.path.partition("?")[0], self.headers.get("Range", "")
            files.asked.append((path, wanted))
            content = files.contents.get(path)
            if content is None:
                self._send(HTTPStatus.NOT_FOUND, b"")
            elif not wanted:
                self._send(HTTPStatus.OK, content)
            else:
                first, _, last = wanted.removeprefix("bytes=").partition("-")
                begin, end = int(first), min(int(last or len(content)), len(content) - 1)
                if begin >= len(content):
                    none_of_it = f"bytes */{len(content)}"
                    self._send(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, b"", none_of_it)
                else:
                    part_of_it = f"bytes {begin}-{end}/{len(content)}"
                    self._send(HTTPStatus.PARTIAL_CONTENT, content[begin : end + 1], part_of_it)

        def _send(self, status: HTTPStatus, body: bytes, content_range: str | None = None) -> None:
            self.send_response(status)
            if content_range is not None:
                self.send_header("Content-Range", content_range)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    files = Files(f"http://127.0.0.1:{server.server_address[1]}", contents)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield files
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
