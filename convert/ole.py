"""The directory of an OLE compound file (doc, xls, ppt and encrypted OOXML), read within bounds.

Source: [MS-CFB]. Every chain is followed at most as long as the file has sectors, so loops end.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from convert.refusals import Reason, Refused

MAGIC: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_HEADER_BYTES: Final = 512
_IN_HEADER: Final = 109
_FURTHER_LISTS: Final = 64
"""How many sectors that list further tables are read: with the smallest sectors, as many as 500 MiB have."""
_LAST_SECTOR: Final = 0xFFFFFFFA
_DIRECTORY_ENTRY_BYTES: Final = 128
_DIRECTORY_SECTORS: Final = 4096
_SMALL_STREAM_BYTES: Final = 4096


class CompoundFile:
    """
    Raises:
        Refused: BROKEN if the file has no readable directory (never).
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        file.seek(0)
        header = file.read(_HEADER_BYTES)
        if len(header) < _HEADER_BYTES:
            raise Refused(Reason.BROKEN)
        (shift,) = struct.unpack_from("<H", header, 30)
        if shift not in (9, 12):
            raise Refused(Reason.BROKEN)
        self._sector_bytes = 1 << shift
        (self._directory_sector,) = struct.unpack_from("<I", header, 48)
        (list_sector,) = struct.unpack_from("<I", header, 68)
        self._table_sectors = [*struct.unpack_from(f"<{_IN_HEADER}I", header, 76), *self._further_tables(list_sector)]
        self._streams_by_name = self._streams()

    def _sector(self, number: int) -> bytes:
        if number >= _LAST_SECTOR:
            raise Refused(Reason.BROKEN)
        self._file.seek((number + 1) * self._sector_bytes)
        return self._file.read(self._sector_bytes)

    def _further_tables(self, sector: int) -> Iterator[int]:
        """
        Yield the sectors of the tables that the header has no place for.
        """
        numbers = struct.Struct(f"<{self._sector_bytes // 4}I")
        for _ in range(_FURTHER_LISTS):
            if sector >= _LAST_SECTOR:
                return
            content = self._sector(sector)
            if len(content) < numbers.size:
                return
            *tables, sector = numbers.unpack(content)
            yield from tables

    def _next(self, sector: int) -> int:
        """
        Returns:
            The sector that follows; the last one if no table tells.
        """
        table, index = divmod(sector, self._sector_bytes // 4)
        if table >= len(self._table_sectors) or self._table_sectors[table] >= _LAST_SECTOR:
            return _LAST_SECTOR
        entries = self._sector(self._table_sectors[table])
        if len(entries) < index * 4 + 4:
            return _LAST_SECTOR
        (following,) = struct.unpack_from("<I", entries, index * 4)
        return int(following)

    def _entries(self) -> list[bytes]:
        found: list[bytes] = []
        sector = self._directory_sector
        for _ in range(_DIRECTORY_SECTORS):
            if sector >= _LAST_SECTOR:
                break
            content = self._sector(sector)
            last = len(content) - _DIRECTORY_ENTRY_BYTES
            found += (content[at : at + _DIRECTORY_ENTRY_BYTES] for at in range(0, last + 1, _DIRECTORY_ENTRY_BYTES))
            sector = self._next(sector)
        return found

    def _streams(self) -> dict[str, tuple[int, int]]:
        """
        Return where the document's own streams begin, and their sizes, by their names in capitals.

        Those of documents in the document have the same names, further below.
        """
        found: dict[str, tuple[int, int]] = {}
        entries = self._entries()
        # The root's child and its siblings are a tree.
        waiting = [struct.unpack_from("<I", entry, 76)[0] for entry in entries[:1]]
        seen = set()
        while waiting:
            number = waiting.pop()
            if number in seen or number >= len(entries):
                continue
            seen.add(number)
            entry = entries[number]
            waiting += struct.unpack_from("<II", entry, 68)
            (name_bytes,) = struct.unpack_from("<H", entry, 64)
            start, size = struct.unpack_from("<II", entry, 116)
            if 2 <= name_bytes <= 64:
                found.setdefault(entry[: name_bytes - 2].decode("utf-16-le", "replace").upper(), (start, size))
        if not found:
            raise Refused(Reason.BROKEN)
        return found

    def has(self, name: str) -> bool:
        """
        Return whether there is a stream of this name, in capitals or not.
        """
        return name.upper() in self._streams_by_name

    def head(self, name: str) -> bytes:
        """
        Returns:
            The first sector of a stream; nothing if it is missing or small, when it has no sector of its own.
        """
        start, size = self._streams_by_name.get(name.upper(), (0, 0))
        return self._sector(start) if size >= _SMALL_STREAM_BYTES else b""
