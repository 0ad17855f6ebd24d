"""The directory of a zip archive, read without unpacking it: names and sizes, and bounded pieces of single parts.

`zipfile` would make an object of each entry before anybody could count them.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO, Final

from convert import limits
from convert.refusals import Reason, Refused

MAGIC: Final = b"PK\x03\x04"
END_MAGIC: Final = b"PK\x05\x06"
"""How the end of every archive begins, and an archive of nothing."""

_END: Final = struct.Struct("<4sHHHHIIH")
_COMMENT_LONGEST: Final = 0xFFFF
_LOCATOR: Final = struct.Struct("<4sIQI")
_LOCATOR_MAGIC: Final = b"PK\x06\x07"
_END64: Final = struct.Struct("<4sQHHIIQQQQ")
_END64_MAGIC: Final = b"PK\x06\x06"
_ENTRY: Final = struct.Struct("<4sHHHHHHIIIHHHHHII")
_ENTRY_MAGIC: Final = b"PK\x01\x02"
_LOCAL: Final = struct.Struct("<4sHHHHHIIIHH")

_STORED: Final = 0
_DEFLATED: Final = 8
_FLAG_ENCRYPTED: Final = 1
_IN_ZIP64: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One part of the archive, as its directory describes it; the description may lie.
    """

    name: str
    method: int
    is_encrypted: bool
    packed_bytes: int
    unpacked_bytes: int
    offset: int


class Archive:
    """
    Raises:
        Refused: BROKEN if there is no directory, TOO_LARGE if the directory or what it promises is too large (never).
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        count, length, offset = _end(file, size)
        if count > limits.ARCHIVE_ENTRIES or length > limits.ARCHIVE_DIRECTORY_BYTES:
            raise Refused(Reason.TOO_LARGE)
        # The directory says itself how long it is, and the counts may lie: both are bounded again while reading.
        file.seek(offset)
        entries = _entries(file.read(length))
        _check_promises(entries, size)
        self.entries = {entry.name: entry for entry in entries}

    def read(self, name: str, longest: int = limits.ARCHIVE_PART_BYTES) -> bytes:
        """
        Returns:
            The first bytes of a part; none if it is missing, packed in an unknown way or damaged.
        """
        entry = self.entries.get(name)
        if entry is None or entry.offset > self._size:
            return b""
        self._file.seek(entry.offset)
        local = self._file.read(_LOCAL.size)
        if len(local) < _LOCAL.size:
            return b""
        *_, name_bytes, extra_bytes = _LOCAL.unpack(local)
        self._file.seek(name_bytes + extra_bytes, 1)
        packed = self._file.read(min(entry.packed_bytes, longest))
        if entry.method == _STORED:
            return packed
        if entry.method != _DEFLATED:
            return b""
        try:
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, longest)
        except zlib.error:
            return b""


def _check_promises(entries: list[Entry], size: int) -> None:
    packed = sum(entry.packed_bytes for entry in entries)
    unpacked = sum(entry.unpacked_bytes for entry in entries)
    # Parts that overlap are how a small archive holds petabytes.
    if packed > size or unpacked > limits.ARCHIVE_UNPACKED_BYTES:
        raise Refused(Reason.TOO_LARGE)
    if unpacked > limits.ARCHIVE_RATIO_FROM_BYTES and unpacked > limits.ARCHIVE_RATIO * size:
        raise Refused(Reason.TOO_LARGE)


def _end(file: BinaryIO, size: int) -> tuple[int, int, int]:
    """
    Returns:
        Number of entries, length and offset of the directory.
    """
    tail_from = max(0, size - _END.size - _COMMENT_LONGEST)
    file.seek(tail_from)
    tail = file.read(size - tail_from)
    at = tail.rfind(END_MAGIC)
    if at < 0 or len(tail) - at < _END.size:
        raise Refused(Reason.BROKEN)
    *_, count, length, offset, _comment = _END.unpack_from(tail, at)
    locator_at = at - _LOCATOR.size
    if locator_at >= 0 and tail[locator_at:].startswith(_LOCATOR_MAGIC):
        _, _, end64_offset, _ = _LOCATOR.unpack_from(tail, locator_at)
        if end64_offset > size:
            raise Refused(Reason.BROKEN)
        file.seek(end64_offset)
        end64 = file.read(_END64.size)
        if len(end64) < _END64.size or not end64.startswith(_END64_MAGIC):
            raise Refused(Reason.BROKEN)
        *_, count, length, offset = _END64.unpack(end64)
    if offset + length > size:
        raise Refused(Reason.BROKEN)
    return count, length, offset


def _entries(directory: bytes) -> list[Entry]:
    found = []
    at = 0
    while at + _ENTRY.size <= len(directory) and directory.startswith(_ENTRY_MAGIC, at):
        fields = _ENTRY.unpack_from(directory, at)
        flags, method, packed, unpacked = fields[3], fields[4], fields[8], fields[9]
        name_bytes, extra_bytes, comment_bytes, offset = fields[10], fields[11], fields[12], fields[16]
        name_at = at + _ENTRY.size
        extra = directory[name_at + name_bytes : name_at + name_bytes + extra_bytes]
        unpacked, packed, offset = _sizes64(extra, unpacked, packed, offset)
        name = directory[name_at : name_at + name_bytes].decode("utf-8", "replace")
        found.append(Entry(name, method, bool(flags & _FLAG_ENCRYPTED), packed, unpacked, offset))
        if len(found) > limits.ARCHIVE_ENTRIES:
            raise Refused(Reason.TOO_LARGE)
        at = name_at + name_bytes + extra_bytes + comment_bytes
    if not found:
        raise Refused(Reason.BROKEN)
    return found


def _sizes64(extra: bytes, *sizes: int) -> list[int]:
    """
    Returns:
        The sizes, those that have no room in 32 bits replaced from the extra field of zip64.
    """
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1 and at + 4 + length <= len(extra):
            numbers = list(struct.unpack_from(f"<{length // 8}Q", extra, at + 4))
            return [numbers.pop(0) if size == _IN_ZIP64 and numbers else size for size in sizes]
        at += 4 + length
    return list(sizes)
