"""TUS by hand, where a test wants what no client does: one chunk alone, or one whose line breaks."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

VERSION = {"Tus-Resumable": "1.0.0"}


def chunk_headers(offset: int) -> dict[str, str]:
    """The headers of a chunk. Pure."""
    return {**VERSION, "Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)}


@contextmanager
def begun(url: str, content: bytes, chunk_bytes: int) -> Iterator[None]:
    """A first chunk of which no more than `content` is sent; its line breaks at the end of the block."""
    place = urlsplit(url)
    headers = {**chunk_headers(0), "Host": place.netloc, "Content-Length": str(chunk_bytes)}
    head = [f"PATCH {place.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    with socket.create_connection((place.hostname or "", place.port or 0)) as line:
        line.sendall("\r\n".join([*head, "", ""]).encode() + content)
        yield
