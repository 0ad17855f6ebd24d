"""A server that takes uploads by both protocols and keeps nothing, for the benchmark of uploads.

Called by `upload.py` as a program; it prints its port. It answers the callables that a client needs, and is as strict
as Kaltura about chunks: the first one alone, the last one when all others are there.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

BLOCK_BYTES: Final = 256 * 1024
KALTURA_CHUNK_BYTES: Final = 5_000_000
TUS_CHUNK_BYTES: Final = 20 * 1024 * 1024
"""As `shared/providers` have them."""

CORS: Final = (
    "Access-Control-Allow-Origin: *\r\n"
    "Access-Control-Allow-Headers: Content-Type, Tus-Resumable, Upload-Offset, Upload-Length, Upload-Metadata\r\n"
    "Access-Control-Allow-Methods: POST, PATCH, HEAD\r\n"
    "Access-Control-Expose-Headers: Location, Upload-Offset, Upload-Length\r\n"
    "Access-Control-Max-Age: 86400\r\n"
)


@dataclass(slots=True)
class File:
    """
    What has arrived of the only file.

    Attributes:
        ranges: Where each chunk ends, by where it begins.
        stirred: Set when a chunk has arrived.
    """

    ranges: dict[int, int] = field(default_factory=dict)
    stirred: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def bytes(self) -> int:
        """
        How many bytes are there without a gap.
        """
        end = 0
        while end in self.ranges:
            end = self.ranges[end]
        return end

    def add(self, begin: int, end: int) -> None:
        """
        Record a chunk.
        """
        if begin == 0:
            self.ranges.clear()
        self.ranges[begin] = end
        self.stirred.set()
        self.stirred = asyncio.Event()


class Sink:
    """
    Args:
        protocol: What `issueUploadToken` answers.
        size_bytes: Of the file.
    """

    def __init__(self, protocol: str, size_bytes: int) -> None:
        self.protocol = protocol
        self.size_bytes = size_bytes
        self.file = File()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """
        Answer the requests of one connection.
        """
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await self._answer(reader, writer):
                pass
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, path, _ = head.split(" ", 2)
        headers = {name.lower(): value for name, value in re.findall(r"^([\w-]+): (.*)\r$", head, re.MULTILINE)}
        length = int(headers.get("content-length", 0))
        closes = path.endswith("/closing")
        if path.startswith("/kaltura") and method == "POST":
            answer, more = json.dumps(await self._chunk(reader, length)), ""
        elif path.startswith("/tus") and method != "OPTIONS":
            answer, more = "", await self._tus(reader, method, headers, length)
        else:
            body = await reader.readexactly(length)
            answer, more = self._call(path, headers.get("host", ""), body) if method == "POST" else "", ""
        status = "201 Created" if method == "POST" and path == "/tus" else "200 OK"
        kept = "close" if closes else "keep-alive"
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Length: {len(answer)}\r\nContent-Type: application/json\r\n{CORS}{more}"
            f"Connection: {kept}\r\n\r\n{answer}".encode()
        )
        await writer.drain()
        return not closes

    def _call(self, path: str, host: str, body: bytes) -> str:
        if not path.endswith("issueUploadToken"):
            return json.dumps({"data": {"videoId": "v"}})
        assert json.loads(body)["data"]["fileSizeBytes"] == self.size_bytes
        now = datetime.now(UTC)
        upload: dict[str, Any] = {"protocol": "tus", "url": f"http://{host}/tus/1", "chunkSizeBytes": TUS_CHUNK_BYTES}
        if self.protocol == "kaltura":
            names = {"ks": "ks", "uploadTokenId": "token", "chunkSizeBytes": KALTURA_CHUNK_BYTES}
            upload = {"protocol": "kaltura", "url": f"http://{host}/kaltura", **names}
        token = {
            "videoId": "v",
            "provider": self.protocol,
            "expiresAt": (now + timedelta(hours=2)).isoformat(),
            "uploadUntil": (now + timedelta(days=7)).isoformat(),
            "minKbps": 1,
            "receivedBytes": 0,
            "upload": upload,
        }
        return json.dumps({"data": token})

    async def _chunk(self, reader: asyncio.StreamReader, length: int) -> dict[str, Any]:
        # The fields come before the bytes. The rest of the form is a boundary.
        form = await reader.readuntil(b'name="fileData"')
        more = await reader.readuntil(b"\r\n\r\n")
        fields = dict(re.findall(r'name="(\w+)"\r\n\r\n([^\r]*)\r\n', form.decode("latin-1")))
        rest = length - len(form) - len(more)
        boundary = form[: form.index(b"\r\n")]
        await _discard(reader, rest)
        begin = max(0, int(fields["resumeAt"]))
        end = begin + rest - len(boundary) - len(b"\r\n--\r\n")
        assert fields["resume"] == "false" or 0 in self.file.ranges, "A chunk came before the first one."
        self.file.add(begin, end)
        while fields["finalChunk"] == "true" and self.file.bytes != end:
            await self.file.stirred.wait()
        return {"objectType": "KalturaUploadToken", "uploadedFileSize": self.file.bytes}

    async def _tus(self, reader: asyncio.StreamReader, method: str, headers: dict[str, str], length: int) -> str:
        if method == "POST":
            await _discard(reader, length)
            return "Location: /tus/1\r\nTus-Resumable: 1.0.0\r\n"
        if method == "PATCH":
            begin = int(headers["upload-offset"])
            await _discard(reader, length)
            self.file.add(begin, begin + length)
        return f"Tus-Resumable: 1.0.0\r\nUpload-Offset: {self.file.bytes}\r\nUpload-Length: {self.size_bytes}\r\n"


async def _discard(reader: asyncio.StreamReader, length: int) -> None:
    while length:
        length -= len(await reader.read(min(length, BLOCK_BYTES)))


async def main(protocol: str, size_bytes: int) -> None:
    """
    Serve until the program is stopped.
    """
    sink = Sink(protocol, size_bytes)
    server = await asyncio.start_server(sink.serve, "127.0.0.1", 0, limit=2 * BLOCK_BYTES)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
