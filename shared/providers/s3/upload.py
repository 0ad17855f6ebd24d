"""Send a file to a store as it comes from its source: in constant memory, in parts, each with its checksum.

Called by `cold_store.py`. A part is sent with its checksum after its bytes, in the form `aws-chunked` with a trailer,
because the checksum is known only when all bytes were read. A part that fails is read from the source again.

Source: Amazon S3 user guide, "Checking object integrity for data uploads in Amazon S3" and, in its API reference,
"Signature calculations: trailing headers and chunked uploads".
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from time import sleep
from typing import Any, Final

import google_crc32c

from shared.core.errors import BackendError, Permanent, Transient
from shared.ports import Digest
from shared.providers.codes import NOT_FOUND
from shared.providers.downloads import Download
from shared.providers.s3.archive_client import ArchiveClient
from shared.providers.s3.crc32c import joined
from shared.providers.s3.part_connection import PartConnection

MIB: Final = 1024 * 1024
PIECE_BYTES: Final = MIB
"""The size of what is in memory at once."""

PARTS_MAX: Final = 10_000

TRIES: Final = 4
"""How often a request is made until the upload is given up."""

TRAILER: Final = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
UNSIGNED: Final = "UNSIGNED-PAYLOAD"

_HEAD_BYTES: Final = 16
_NO_CHECKSUMS: Final = frozenset({"InvalidArgument", "InvalidRequest", "NotImplemented"})


@dataclass(frozen=True, slots=True)
class Sent:
    """
    A file that was sent.

    Attributes:
        digest: Of the bytes.
        crc32c: Of the bytes, as S3 writes it.
        version: The version that the store reported; empty if none.
    """

    digest: Digest
    crc32c: str
    version: str


@dataclass(frozen=True, slots=True)
class Target:
    """
    Where a file is sent.

    Attributes:
        client: Calls the store.
        bucket: The bucket.
        key: The key of the object.
        attributes: Further arguments of the library for new objects: class, encryption, type.
        part_bytes: The size of a part, at least; larger ones are taken for what does not fit into 10,000.
        is_amazon: Whether the store is Amazon's, which has checksums; another one is asked.
        ca_file: Certificates that the store's is signed by; empty for the usual ones.
        pause_s: The pause before the second try; twice as long before each further one.
    """

    client: ArchiveClient
    bucket: str
    key: str
    attributes: Mapping[str, str]
    part_bytes: int
    is_amazon: bool
    ca_file: str = ""
    pause_s: float = 1.0


@dataclass(slots=True)
class _Sums:
    """
    The checksums of what was sent so far: of the file, or the SHA-256 of the file with the CRC32C of its last part.
    """

    sha256: hashlib._Hash = field(default_factory=hashlib.sha256)
    crc32c: int = 0


class Upload:
    """
    The upload of one file.

    Args:
        target: Where it is sent.
        download: Where it is read.
        reached: Is called with the bytes that were sent so far, after each part.
    """

    def __init__(self, target: Target, download: Download, reached: Callable[[int], None]) -> None:
        self._target = target
        self._at = {"Bucket": target.bucket, "Key": target.key}
        self._download = download
        self._reached = reached
        self._sums = _Sums()

    def run(self) -> Sent:
        """
        Send the file. Whatever fails, nothing readable is left behind.

        Raises:
            Transient: A request failed several times (again).
            Permanent: The store refused, or the file does not exist (never).
            Others: Whatever `reached` raises.
        """
        size_bytes = self._download.size_bytes
        version = self._put(size_bytes) if size_bytes <= PIECE_BYTES else self._send_parts(size_bytes)
        return Sent(Digest(self._sums.sha256.hexdigest(), size_bytes), written(self._sums.crc32c), version)

    def _put(self, size_bytes: int) -> str:
        memory = memoryview(bytearray(size_bytes))
        self._download.fill(memory)
        content = memory.tobytes()
        self._sums.sha256.update(content)
        self._sums.crc32c = google_crc32c.value(content)
        asked = {**self._at, **self._target.attributes, "Body": content, "ContentLength": size_bytes}
        checked = {"ChecksumAlgorithm": "CRC32C", "ChecksumCRC32C": written(self._sums.crc32c)}
        answer = self._trying(
            lambda: self._target.client.ask("putObject", lambda s3: dict(s3.put_object(**asked, **checked)))
        )
        self._reached(size_bytes)
        return str(answer.get("VersionId", ""))

    def _send_parts(self, size_bytes: int) -> str:
        upload_id, is_checked = self._begin()
        step = part_bytes(size_bytes, self._target.part_bytes)
        sent: list[Mapping[str, Any]] = []
        try:
            with closing(PartConnection(self._target.ca_file)) as connection:
                parts = _Parts(self._target, self._download, self._sums, upload_id, connection, is_checked)
                for number, first in enumerate(range(0, size_bytes, step), 1):
                    count = min(step, size_bytes - first)
                    sent.append(parts.send(number, first, count))
                    self._reached(first + count)
            return self._complete(upload_id, sent, size_bytes, is_checked=is_checked)
        except BaseException:
            # What cannot be removed now is removed by `tidy`.
            with suppress(BackendError):
                self._target.client.find(
                    "abortMultipartUpload", lambda s3: s3.abort_multipart_upload(**self._at, UploadId=upload_id)
                )
            raise

    def _begin(self) -> tuple[str, bool]:
        """
        Begin an upload in parts.

        Returns:
            Its id, and whether the store verifies checksums.
        """
        checks = {"ChecksumAlgorithm": "CRC32C", "ChecksumType": "FULL_OBJECT"}
        asked = {**self._at, **self._target.attributes}

        def begin(more: Mapping[str, str]) -> Mapping[str, Any]:
            return self._target.client.ask(
                "createMultipartUpload", lambda s3: dict(s3.create_multipart_upload(**asked, **more))
            )

        try:
            answer = self._trying(lambda: begin(checks))
        except Permanent as error:
            if self._target.is_amazon or error.code not in _NO_CHECKSUMS:
                raise
            answer = self._trying(lambda: begin({}))
        return str(answer["UploadId"]), self._target.is_amazon or answer.get("ChecksumAlgorithm") == "CRC32C"

    def _complete(self, upload_id: str, sent: Sequence[Mapping[str, Any]], size_bytes: int, *, is_checked: bool) -> str:
        """
        Put the parts together.

        Returns:
            The version of the object; empty if the store reported none, or its answer was lost.
        """
        asked: dict[str, Any] = {**self._at, "UploadId": upload_id, "MultipartUpload": {"Parts": list(sent)}}
        if is_checked:
            whole = {"ChecksumCRC32C": written(self._sums.crc32c), "ChecksumType": "FULL_OBJECT"}
            asked |= {**whole, "MpuObjectSize": size_bytes} if self._target.is_amazon else whole
        is_doubtful = False

        def complete() -> Mapping[str, Any]:
            nonlocal is_doubtful
            try:
                return self._target.client.ask(
                    "completeMultipartUpload", lambda s3: dict(s3.complete_multipart_upload(**asked))
                )
            except Transient:
                is_doubtful = True
                raise
            except Permanent as error:
                if error.code != NOT_FOUND or not is_doubtful:
                    raise
                # An earlier try was done, and its answer lost. What it made is verified like everything else.
                return {}

        return str(self._trying(complete).get("VersionId", ""))

    def _trying(self, do: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        return trying(do, self._target.pause_s)


@dataclass(slots=True)
class _Parts:
    """
    Sends the parts of one upload.
    """

    target: Target
    download: Download
    sums: _Sums
    upload_id: str
    connection: PartConnection
    is_checked: bool
    memory: memoryview = field(default_factory=lambda: memoryview(bytearray(_HEAD_BYTES + PIECE_BYTES + 2)))

    def send(self, number: int, first: int, size_bytes: int) -> Mapping[str, Any]:
        """
        Send a part, several times if need be.

        Args:
            number: Its number, from 1.
            first: Its first byte in the file.
            size_bytes: Its size.

        Returns:
            How it is named when the parts are put together.
        """
        return trying(lambda: self._try(number, first, size_bytes), self.target.pause_s)

    def _try(self, number: int, first: int, size_bytes: int) -> Mapping[str, Any]:
        self.download.go_to(first)
        # A failed try must leave no trace in the checksums.
        part = _Sums(self.sums.sha256.copy())
        query = {"partNumber": str(number), "uploadId": self.upload_id}
        headers, payload = (
            (_trailing_headers(size_bytes), TRAILER)
            if self.is_checked
            else ({"Content-Length": str(size_bytes)}, UNSIGNED)
        )
        url, signed = self.target.client.signed_put(self.target.key, query, headers, payload)
        try:
            with self.target.client.failing("uploadPart"):
                self.connection.begin(url, signed)
                if self._send_pieces(size_bytes, part) and self.is_checked:
                    self.connection.send(f"0\r\nx-amz-checksum-crc32c:{written(part.crc32c)}\r\n\r\n".encode())
                answered = self.connection.answer()
        except BaseException:
            self.connection.close()
            raise
        self.sums.sha256, self.sums.crc32c = part.sha256, joined(self.sums.crc32c, part.crc32c, size_bytes)
        sent = {"PartNumber": number, "ETag": answered.get("etag", "")}
        return {**sent, "ChecksumCRC32C": written(part.crc32c)} if self.is_checked else sent

    def _send_pieces(self, size_bytes: int, part: _Sums) -> bool:
        """
        Send the pieces of a part, and add them to its checksums.

        Returns:
            Whether the store still listens.
        """
        while size_bytes:
            count = self.download.fill(self.memory[_HEAD_BYTES : _HEAD_BYTES + min(PIECE_BYTES, size_bytes)])
            piece = self.memory[_HEAD_BYTES : _HEAD_BYTES + count]
            # The library takes no memory that can change.
            content = piece.tobytes()
            part.sha256.update(content)
            part.crc32c = google_crc32c.extend(part.crc32c, content)
            del content
            if not self.connection.send(self._framed(count)):
                return False
            size_bytes -= count
        return True

    def _framed(self, count: int) -> memoryview:
        """
        Return the piece that is in memory as it is sent: as a chunk if a checksum follows.
        """
        memory, end = self.memory, _HEAD_BYTES + count
        if not self.is_checked:
            return memory[_HEAD_BYTES:end]
        head = _head(count)
        memory[_HEAD_BYTES - len(head) : _HEAD_BYTES] = head
        memory[end : end + 2] = b"\r\n"
        return memory[_HEAD_BYTES - len(head) : end + 2]


def trying(do: Callable[[], Mapping[str, Any]], pause_s: float) -> Mapping[str, Any]:
    """
    Do something several times, until it does not fail transiently.

    Args:
        do: What is done; repeatable.
        pause_s: The pause before the second try; twice as long before each further one.
    """
    for number in range(TRIES - 1):
        try:
            return do()
        except Transient:
            sleep(pause_s * 2**number)
    return do()


def part_bytes(size_bytes: int, least: int) -> int:
    """
    Return the size of the parts of a file: whole MiB, and so that it has at most 10,000. Pure.
    """
    return least if size_bytes <= least * PARTS_MAX else -(-size_bytes // PARTS_MAX // MIB) * MIB


def written(crc32c: int) -> str:
    """
    Return a CRC32C as S3 writes it. Pure.
    """
    return base64.b64encode(crc32c.to_bytes(4, "big")).decode()


def _head(count: int) -> bytes:
    return f"{count:x}\r\n".encode()


def _trailing_headers(size_bytes: int) -> dict[str, str]:
    """
    Return the headers of a body in chunks of one piece each, with a checksum after them. Pure.
    """
    whole, rest = divmod(size_bytes, PIECE_BYTES)
    chunks = whole * (len(_head(PIECE_BYTES)) + PIECE_BYTES + 2) + (len(_head(rest)) + rest + 2 if rest else 0)
    end = len(f"0\r\nx-amz-checksum-crc32c:{written(0)}\r\n\r\n")
    return {
        "Content-Length": str(chunks + end),
        "Content-Encoding": "aws-chunked",
        "x-amz-decoded-content-length": str(size_bytes),
        "x-amz-sdk-checksum-algorithm": "CRC32C",
        "x-amz-trailer": "x-amz-checksum-crc32c",
    }
