"""Check names, types, sizes and ranges of objects; build the headers of an upload and of a download. Pure.

Called by `storage.py`, and by the in-memory storage of the tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from shared.core.text import as_line, cut_to_bytes

NAME_BYTES_MAX: Final = 1024
LIFETIME_MAX_S: Final = 7 * 24 * 60 * 60
SIZE_MAX_BYTES: Final = 5 * 1024**4
LIST_MAX: Final = 1000
READ_MAX_BYTES: Final = 16 * 1024 * 1024
"""
The limits of names, signed addresses, objects and pages are Google's; that of one read is ours. Source:
https://cloud.google.com/storage/docs/objects#naming, https://cloud.google.com/storage/quotas
"""

FILE_NAME_BYTES_MAX: Final = 200
SUFFIX_BYTES_MAX: Final = 16
"""The parts of a file name that a download gets; file systems allow 255 bytes."""

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
_TYPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")
_NOT_PLAIN: Final = re.compile(r"[^A-Za-z0-9 ._()-]")

UPLOAD_METHODS: Final = ("POST", "PUT")
UPLOAD_HEADERS: Final = (
    "content-type",
    "location",
    "x-goog-if-generation-match",
    "x-goog-resumable",
    "x-upload-content-length",
)
"""The headers that the CORS rules must allow for uploads: those of `upload_headers`, and `Location` of the answer."""

CORS_ADVICE: Final = (
    f"Allow your app's origin the methods {' and '.join(UPLOAD_METHODS)} and the response headers "
    f"{', '.join(UPLOAD_HEADERS)}: `gcloud storage buckets update gs://BUCKET --cors-file=FILE`."
)


@dataclass(frozen=True, slots=True)
class CorsRule:
    """
    One CORS rule of a bucket: what web apps may do with it; `*` stands for all.

    Attributes:
        origins: The origins of these apps.
        methods: The methods that they may use.
        headers: The headers that they may send and read (`responseHeader`).
    """

    origins: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()


def check_object(name: str) -> None:
    """
    Refuse texts that cannot be the name of an object. Pure.

    Raises:
        ValueError: It is such a text (never).
    """
    check_prefix(name)
    if not all(name.split("/")) or name.startswith(".well-known/acme-challenge/"):
        raise ValueError("The name of an object has no empty segment, and is not reserved.")


def check_prefix(prefix: str) -> None:
    """
    Refuse texts that no name of an object begins with. Pure.

    Raises:
        ValueError: It is such a text (never).
    """
    # A lone surrogate is one of the errors of encoding, which are ValueErrors.
    if len(prefix.encode()) > NAME_BYTES_MAX or _CONTROL.search(prefix):
        raise ValueError(f"The name of an object has at most {NAME_BYTES_MAX} bytes and no control character.")
    if prefix.startswith("/") or not {".", ".."}.isdisjoint(prefix.split("/")):
        raise ValueError("The name of an object does not begin with a slash, and has no segment . or ..")


def check_type(content_type: str) -> None:
    """
    Refuse texts that are not a MIME type without parameters. Pure.

    Raises:
        ValueError: It is such a text (never).
    """
    if not _TYPE.fullmatch(content_type):
        raise ValueError("A content type is a type and a subtype, without parameters.")


def check_number(called: str, number: int, least: int, most: int) -> None:
    """
    Refuse numbers outside their limits. Pure.

    Raises:
        ValueError: It is such a number (never).
    """
    if not least <= number <= most:
        raise ValueError(f"The {called} must be from {least} to {most}.")


def check_address(name: str, lifetime_s: int) -> None:
    """
    Refuse what no address is made for. Pure.

    Raises:
        ValueError: It is such a name or lifetime (never).
    """
    check_object(name)
    check_number("lifetime in seconds", lifetime_s, 1, LIFETIME_MAX_S)


def check_read(name: str, generation: int, first: int, count: int) -> None:
    """
    Refuse a range that no object has. Pure.

    Raises:
        ValueError: It is such a range (never).
    """
    check_object(name)
    check_number("generation", generation, 1, 2**63 - 1)
    check_number("number of the first byte", first, 0, SIZE_MAX_BYTES)
    check_number("number of bytes", count, 1, READ_MAX_BYTES)


def check_list(prefix: str, limit: int, after: str) -> None:
    """
    Refuse a list that nothing can be on. Pure.

    Raises:
        ValueError: It is such a list (never).
    """
    check_prefix(prefix)
    check_prefix(after)
    check_number("limit", limit, 1, LIST_MAX)


def upload_headers(content_type: str, size_bytes: int) -> Mapping[str, str]:
    """
    Return the headers that an upload begins with, all of them signed. Pure.

    Raises:
        ValueError: No object has this type or size (never).

    Source: https://cloud.google.com/storage/docs/xml-api/post-object-resumable,
    https://cloud.google.com/storage/docs/performing-resumable-uploads
    """
    check_type(content_type)
    check_number("size", size_bytes, 1, SIZE_MAX_BYTES)
    return {
        "content-type": content_type,
        "x-goog-if-generation-match": "0",
        "x-goog-resumable": "start",
        "x-upload-content-length": str(size_bytes),
    }


def disposition(file_name: str) -> str:
    """
    Return the header that lets browsers save a file under a name, in ASCII for those that know no more. Pure.

    Source: RFC 6266, RFC 8187
    """
    name = as_line(file_name).replace("/", "_").replace("\\", "_").strip(" .") or "file"
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix.encode()) > SUFFIX_BYTES_MAX:
        stem, dot, suffix = name, "", ""
    end = f"{dot}{suffix}"
    whole = cut_to_bytes(stem, FILE_NAME_BYTES_MAX - len(end.encode())) + end
    return f"attachment; filename=\"{_NOT_PLAIN.sub('_', whole)}\"; filename*=UTF-8''{quote(whole, safe='')}"


def cors_problem(rules: Iterable[CorsRule]) -> str:
    """
    Return why no web app can upload under these rules, and what to do; empty if some can. Pure.
    """
    lacks = [_lacking(rule) for rule in rules if rule.origins]
    if not lacks:
        return f"The CORS of the bucket allows uploads from no origin. {CORS_ADVICE}"
    least = min(lacks, key=len)
    return f"The CORS of the bucket does not allow {', '.join(least)}. {CORS_ADVICE}" if least else ""


def _lacking(rule: CorsRule) -> list[str]:
    methods = {method.upper() for method in rule.methods}
    headers = {header.lower() for header in rule.headers}
    lacks = [] if "*" in methods else [method for method in UPLOAD_METHODS if method not in methods]
    return lacks + ([] if "*" in headers else [header for header in UPLOAD_HEADERS if header not in headers])
