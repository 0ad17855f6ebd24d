"""The types of documents that can be shown, and the names of files. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
_OPEN: Final = "application/vnd.oasis.opendocument"

TYPES: Final[Mapping[str, str]] = {
    "pdf": "application/pdf",
    "doc": "application/msword",
    "docx": f"{_OFFICE}.wordprocessingml.document",
    "ppt": "application/vnd.ms-powerpoint",
    "pptx": f"{_OFFICE}.presentationml.presentation",
    "xls": "application/vnd.ms-excel",
    "xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    "odt": f"{_OPEN}.text",
    "odp": f"{_OPEN}.presentation",
    "ods": f"{_OPEN}.spreadsheet",
    "rtf": "application/rtf",
    "txt": "text/plain",
    "key": "application/vnd.apple.keynote",
    "png": "image/png",
    "jpeg": "image/jpeg",
}
"""The media type of each kind of document, by the file extension that names the kind."""

_OTHER_NAMES: Final = {"text/rtf": "rtf", "image/jpg": "jpeg", "application/x-iwork-keynote-sffkey": "key"}
_OTHER_EXTENSIONS: Final = {"jpg": "jpeg"}
_KINDS: Final = {media_type: kind for kind, media_type in TYPES.items()} | _OTHER_NAMES

SLUG_MAX: Final = 100
"""The most characters of a file name without its extension."""


def kind_of_type(media_type: str) -> str | None:
    """
    Return the kind of document that a media type names; `None` if it cannot be shown. Pure.
    """
    return _KINDS.get(media_type.partition(";")[0].strip().lower())


def kind_of_name(file_name: str) -> str | None:
    """
    Return the kind of document that the extension of a file name stands for; `None` if there is none. Pure.
    """
    stem, dot, extension = file_name.rpartition(".")
    extension = extension.lower()
    extension = _OTHER_EXTENSIONS.get(extension, extension)
    return extension if stem and dot and extension in TYPES else None


def shown_name(title: str | None, upload_name: str, kind: str) -> str:
    """
    Return the file name that clients are shown: a slug of the title, or else of the uploaded file's name, with the
    extension of the kind. Letters of all scripts are kept. Pure.
    """
    stem = title or re.sub(r"\.[^.]*$", "", upload_name)
    letters = (c if unicodedata.category(c)[0] in "LMN" else " " for c in unicodedata.normalize("NFC", stem).lower())
    words = "".join(letters).split()
    return f"{'-'.join(words)[:SLUG_MAX].strip('-') or 'document'}.{kind}"
