"""Find the type of a file by its bytes: reading is bounded, nothing is unpacked as a whole, no tool is started.

Called first. A file that is something else than it is said to be, encrypted or too large ends here.
"""

from __future__ import annotations

import codecs
import re
import struct
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final

from convert import archive, limits, ole
from convert.refusals import Reason, Refused


class Kind(StrEnum):
    """
    The types that are converted, by the name that the caller uses.
    """

    PDF = "pdf"
    DOC = "doc"
    DOCX = "docx"
    PPT = "ppt"
    PPTX = "pptx"
    XLS = "xls"
    XLSX = "xlsx"
    ODT = "odt"
    ODP = "odp"
    ODS = "ods"
    RTF = "rtf"
    TXT = "txt"
    KEY = "key"
    PNG = "png"
    JPEG = "jpeg"


_PDF_HEADER_WITHIN: Final = 1024
_TEXT_HEAD_BYTES: Final = 64 * 1024
_PREFIXES: Final = (
    (b"\x89PNG\r\n\x1a\n", Kind.PNG),
    (b"\xff\xd8\xff", Kind.JPEG),
    (b"{\\rtf", Kind.RTF),
)
_OPEN_DOCUMENTS: Final = {
    b"application/vnd.oasis.opendocument.text": Kind.ODT,
    b"application/vnd.oasis.opendocument.presentation": Kind.ODP,
    b"application/vnd.oasis.opendocument.spreadsheet": Kind.ODS,
}
# The part that the package's relationships name, by where every producer puts it.
_OFFICE_PARTS: Final = (("word/document", Kind.DOCX), ("ppt/presentation", Kind.PPTX), ("xl/workbook", Kind.XLSX))
_COMPOUND_STREAMS: Final = (
    ("WordDocument", Kind.DOC),
    ("PowerPoint Document", Kind.PPT),
    ("Workbook", Kind.XLS),
    ("Book", Kind.XLS),
)
_PROGRAMS: Final = (b"MZ", b"\x7fELF", b"#!", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
# [MS-DOC] FibBase: bit 8 of the flags at 10 says that the text is encrypted.
_WORD_FLAGS_AT: Final = 11
_WORD_ENCRYPTED: Final = 1
_WORD_97_TABLES: Final = ("0Table", "1Table")
_FILEPASS: Final = 0x2F
_RECORDS_BEFORE_FILEPASS: Final = 8


def check(source: Path, declared: Kind) -> None:
    """
    Find out whether a file may be what it is said to be.

    Raises:
        Refused: it may not (never).
    """
    size = source.stat().st_size
    if size == 0:
        raise Refused(Reason.EMPTY)
    if size > limits.SOURCE_BYTES:
        raise Refused(Reason.TOO_LARGE)
    with source.open("rb") as file:
        kind = _kind(file, size)
    if kind is not declared:
        raise Refused(Reason.TYPE_MISMATCH)


def _kind(file: BinaryIO, size: int) -> Kind | None:
    head = file.read(_TEXT_HEAD_BYTES)
    for prefix, kind in _PREFIXES:
        if head.startswith(prefix):
            return kind
    if head.startswith((archive.MAGIC, archive.END_MAGIC)):
        return _kind_of_archive(archive.Archive(file, size))
    if head.startswith(ole.MAGIC):
        return _kind_of_compound(ole.CompoundFile(file))
    if b"%PDF-" in head[:_PDF_HEADER_WITHIN]:
        return Kind.PDF
    return Kind.TXT if _is_text(head) else None


def _kind_of_archive(found: archive.Archive) -> Kind | None:
    if any(entry.is_encrypted for entry in found.entries.values()):
        raise Refused(Reason.ENCRYPTED)
    media_type = found.read("mimetype", longest=256).strip()
    if media_type in _OPEN_DOCUMENTS:
        # Its parts are encrypted one by one, and only the manifest tells.
        if re.search(rb"<[\w.-]*:?encryption-data\b", found.read("META-INF/manifest.xml")):
            raise Refused(Reason.ENCRYPTED)
        return _OPEN_DOCUMENTS[media_type]
    if "[Content_Types].xml" in found.entries:
        for part, kind in _OFFICE_PARTS:
            if any(name.startswith(part) for name in found.entries):
                return kind
        raise Refused(Reason.UNSUPPORTED)
    if "index.apxl" in found.entries or any(re.match(r"Index/(Slide|MasterSlide)", name) for name in found.entries):
        return Kind.KEY
    if media_type or any(name.startswith("Index/") for name in found.entries):
        raise Refused(Reason.UNSUPPORTED)
    return None


def _kind_of_compound(found: ole.CompoundFile) -> Kind | None:
    if found.has("EncryptedPackage") or found.has("EncryptedSummary"):
        raise Refused(Reason.ENCRYPTED)
    for name, kind in _COMPOUND_STREAMS:
        if found.has(name):
            if _is_encrypted(kind, found.head(name)):
                raise Refused(Reason.ENCRYPTED)
            return kind
    raise Refused(Reason.UNSUPPORTED)


def _is_encrypted(kind: Kind, head: bytes) -> bool:
    if kind is Kind.DOC:
        return len(head) > _WORD_FLAGS_AT and bool(head[_WORD_FLAGS_AT] & _WORD_ENCRYPTED)
    if kind is Kind.XLS:
        at = 0
        for _ in range(_RECORDS_BEFORE_FILEPASS):
            if at + 4 > len(head):
                return False
            record, length = struct.unpack_from("<HH", head, at)
            if record == _FILEPASS:
                return True
            at += 4 + length
    return False


def _is_text(head: bytes) -> bool:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    return b"\0" not in head and not head.startswith(_PROGRAMS)


def text_encoding(source: Path) -> str:
    """
    Returns:
        LibreOffice's name for the encoding of a text file.
    """
    with source.open("rb") as file:
        head = file.read(_TEXT_HEAD_BYTES)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UCS2"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "MS_1252"
    return "UTF8"


def is_before_word_97(source: Path) -> bool:
    """
    Return whether a `doc` is one of Word 6 or 95, which had no stream for their tables.
    """
    with source.open("rb") as file:
        found = ole.CompoundFile(file)
        return not any(found.has(name) for name in _WORD_97_TABLES)
