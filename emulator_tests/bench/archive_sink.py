"""A source of one large file, and a store with an S3 API that verifies what it receives and keeps none of it.

Run as a program by `archive.py`, in a process of its own, and in a thread by `contract/test_cold_store_memory.py`. Only
the requests that the two clients make are answered.
"""

from __future__ import annotations

import base64
import os
import re
import socket
import ssl
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any, Final

import google_crc32c

MIB: Final = 1024 * 1024
REPEATED_BYTES: Final = 16 * MIB
"""The file repeats itself after so many bytes, so that it lies nowhere."""

BEGUN: Final = b"<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>"
COMPLETE: Final = b"<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"


@dataclass(slots=True)
class Object:
    """
    What has arrived of the object.

    Attributes:
        size_bytes: How many bytes.
        crc32c: Their CRC32C, if the parts came in their order.
        verified: How many parts came with a checksum that was right.
    """

    size_bytes: int = 0
    crc32c: int = 0
    verified: int = 0


@dataclass(slots=True)
class Request:
    """
    A request, of which the body is still to be read.
    """

    line: bytes
    head: bytes
    reader: Any
    memory: memoryview = field(default_factory=lambda: memoryview(bytearray(MIB)))

    def header(self, name: str) -> str:
        """
        Return a header; empty if there is none.
        """
        found = re.search(rb"(?im)^" + name.encode() + rb": *([^\r\n]*)", self.head)
        return found[1].decode() if found else ""

    def body(self) -> Iterator[bytes]:
        """
        Yield the pieces of the body; the last one is the checksum behind it, if there is one.
        """
        if self.header("content-encoding") != "aws-chunked":
            yield from self._read(int(self.header("content-length") or 0))
            return
        while size_bytes := int(self.reader.readline().split(b";")[0], 16):
            yield from self._read(size_bytes)
            self.reader.readline()
        while (trailer := self.reader.readline()) not in (b"\r\n", b""):
            yield b"TRAILER:" + trailer.strip()

    def _read(self, left: int) -> Iterator[bytes]:
        while left:
            count = self.reader.readinto(self.memory[: min(len(self.memory), left)])
            if not count:
                raise ConnectionError
            left -= count
            yield self.memory[:count].tobytes()


class Sink:
    """
    The store. It has one object at most.
    """

    def __init__(self) -> None:
        self.received = Object()

    def answer(self, request: Request) -> tuple[int, bytes, dict[str, str]]:
        """
        Return the status, the body and the headers of an answer.
        """
        method, path, _ = request.line.split(b" ", 2)
        if method == b"HEAD":
            return 200, b"", {"Content-Length": str(self.received.size_bytes), **self._attributes()}
        if method == b"POST":
            for _ in request.body():
                pass
            if path.endswith(b"?uploads"):
                self.received = Object()
                return 200, BEGUN, {"x-amz-checksum-algorithm": request.header("x-amz-checksum-algorithm")}
            return 200, COMPLETE, {}
        if method == b"PUT":
            return self._put(request)
        return 200, b"", {}

    def _put(self, request: Request) -> tuple[int, bytes, dict[str, str]]:
        crc32c = 0
        told = ""
        is_counted = request.header("x-amz-trailer") == "x-amz-checksum-crc32c"
        for piece in request.body():
            if piece.startswith(b"TRAILER:"):
                told = piece.rpartition(b":")[2].decode()
                continue
            self.received.size_bytes += len(piece)
            if is_counted:
                crc32c = google_crc32c.extend(crc32c, piece)
                self.received.crc32c = google_crc32c.extend(self.received.crc32c, piece)
        if is_counted:
            if told != _written(crc32c):
                return 400, b"<Error><Code>BadDigest</Code></Error>", {}
            self.received.verified += 1
        return 200, b"", {"ETag": '"e"'}

    def _attributes(self) -> dict[str, str]:
        found = {
            "Last-Modified": formatdate(usegmt=True),
            "x-amz-storage-class": "GLACIER",
            "x-parts-verified": str(self.received.verified),
        }
        return {**found, "x-amz-checksum-crc32c": _written(self.received.crc32c)} if self.received.verified else found


class Source:
    """
    The file.
    """

    def __init__(self, size_bytes: int) -> None:
        self._size_bytes = size_bytes
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # as long as the process lasts
        self._file.write(os.urandom(REPEATED_BYTES))
        self._file.flush()

    def send(self, connection: socket.socket, head: bytes) -> None:
        """
        Send the file, or the range of it that was asked for.
        """
        found = re.search(rb"(?i)range: bytes=(\d+)-", head)
        at = int(found[1]) if found else 0
        told = f'HTTP/1.1 {206 if found else 200} OK\r\nContent-Length: {self._size_bytes - at}\r\nETag: "e"\r\n'
        if found:
            told += f"Content-Range: bytes {at}-{self._size_bytes - 1}/{self._size_bytes}\r\n"
        connection.sendall(f"{told}\r\n".encode())
        while at < self._size_bytes:
            begin = at % REPEATED_BYTES
            count = min(REPEATED_BYTES - begin, self._size_bytes - at)
            at += os.sendfile(connection.fileno(), self._file.fileno(), begin, count)


def serve(listener: socket.socket, answering: Source | Sink, context: ssl.SSLContext | None = None) -> None:
    """
    Serve until the listener is closed.
    """
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_talk, args=(connection, answering, context), daemon=True).start()


def _talk(connection: socket.socket, answering: Source | Sink, context: ssl.SSLContext | None) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with suppress(OSError, ConnectionError, ValueError):
        secured = connection if context is None else context.wrap_socket(connection, server_side=True)
        with secured, secured.makefile("rb", buffering=64 * 1024) as reader:
            while line := reader.readline():
                head = b""
                while (more := reader.readline()) not in (b"\r\n", b""):
                    head += more
                if isinstance(answering, Source):
                    answering.send(secured, head)
                    continue
                if b"100-continue" in head:
                    secured.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                status, body, headers = answering.answer(Request(line, head, reader))
                told = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
                length = "" if "Content-Length" in headers else f"Content-Length: {len(body)}\r\n"
                secured.sendall(f"HTTP/1.1 {status} OK\r\n{told}{length}\r\n".encode() + body)


def _written(crc32c: int) -> str:
    return base64.b64encode(crc32c.to_bytes(4, "big")).decode()


def main(arguments: list[str]) -> Any:
    """
    Serve `source BYTES`, or `sink FOLDER` with its certificate, and print the port.
    """
    kind, value = arguments
    context = None
    if kind == "sink":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(Path(value) / "certificate.pem", Path(value) / "key.pem")
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        print(listener.getsockname()[1], flush=True)
        serve(listener, Source(int(value)) if kind == "source" else Sink(), context)


if __name__ == "__main__":
    main(sys.argv[1:])
