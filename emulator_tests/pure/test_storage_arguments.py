"""The storage refuses impossible arguments before it does anything. A browser gets a safe file name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.message import Message
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator_tests.memory import ManualClock, MemoryStorage
from shared.cloud.storage import CloudStorage, Connection
from shared.cloud.storage_arguments import LIST_MAX, READ_MAX_BYTES, SIZE_MAX_BYTES, disposition
from shared.ports import Storage

T = TypeVar("T")

NAME = "medias/m1/source"
PDF = "application/pdf"

NAMES = {
    "nothing": "",
    "a leading slash": "/a",
    "a trailing slash": "a/",
    "an empty segment": "a//b",
    "a dot": ".",
    "two dots": "..",
    "two dots first": "../a",
    "two dots within": "a/../b",
    "two dots last": "a/..",
    "a dot within": "a/./b",
    "CR": "a\rb",
    "LF": "a\nb",
    "CR and LF at the end": "a\r\n",
    "NUL": "a\0b",
    "DEL": "a\x7f",
    "NEL": "a\x85b",
    "a lone surrogate": "a\ud800",
    "1025 bytes": "x" * 1025,
    "1026 bytes in 513 characters": "ü" * 513,
    "a reserved folder": ".well-known/acme-challenge/x",
}

PREFIXES = {
    name: NAMES[name]
    for name in ("a leading slash", "two dots first", "a dot within", "LF", "NUL", "a lone surrogate", "1025 bytes")
}

USES: dict[str, Callable[[Storage, str], object]] = {
    "upload_address": lambda storage, name: storage.upload_address(name, PDF, 1, 60),
    "read_address": lambda storage, name: storage.read_address(name, 60),
    "find": lambda storage, name: storage.find(name),
    "read": lambda storage, name: storage.read(name, 1, 0, 1),
    "write": lambda storage, name: storage.write(name, b"", PDF),
    "delete": lambda storage, name: storage.delete(name),
}

ARGUMENTS: dict[str, Callable[[Storage], object]] = {
    "no type": lambda storage: storage.upload_address(NAME, "", 1, 60),
    "half a type": lambda storage: storage.upload_address(NAME, "pdf", 1, 60),
    "a type without subtype": lambda storage: storage.upload_address(NAME, "application/", 1, 60),
    "a type with parameters": lambda storage: storage.upload_address(NAME, "text/html; charset=utf-8", 1, 60),
    "a type with another header": lambda storage: storage.upload_address(NAME, "a/b\r\nx-goog-acl: public-read", 1, 60),
    "a type with LF": lambda storage: storage.upload_address(NAME, "a/b\n", 1, 60),
    "a type in another script": lambda storage: storage.upload_address(NAME, "ä/b", 1, 60),
    "a long type": lambda storage: storage.upload_address(NAME, "a/" + "b" * 128, 1, 60),
    "no bytes": lambda storage: storage.upload_address(NAME, PDF, 0, 60),
    "fewer than no bytes": lambda storage: storage.upload_address(NAME, PDF, -1, 60),
    "too many bytes": lambda storage: storage.upload_address(NAME, PDF, SIZE_MAX_BYTES + 1, 60),
    "an upload for no time": lambda storage: storage.upload_address(NAME, PDF, 1, 0),
    "an upload for more than seven days": lambda storage: storage.upload_address(NAME, PDF, 1, 604_801),
    "a read for no time": lambda storage: storage.read_address(NAME, 0),
    "a read until yesterday": lambda storage: storage.read_address(NAME, -86_400),
    "a read for more than seven days": lambda storage: storage.read_address(NAME, 604_801, "a.pdf"),
    "a list of nothing": lambda storage: storage.list_objects("", 0),
    "too long a list": lambda storage: storage.list_objects("", LIST_MAX + 1),
    "no generation": lambda storage: storage.read(NAME, 0, 0, 1),
    "a byte before the first": lambda storage: storage.read(NAME, 1, -1, 1),
    "no bytes of an object": lambda storage: storage.read(NAME, 1, 0, 0),
    "too many bytes of an object": lambda storage: storage.read(NAME, 1, 0, READ_MAX_BYTES + 1),
    "an object of no type": lambda storage: storage.write(NAME, b"", ""),
}


def _connect() -> Connection:
    raise AssertionError("The storage was called.")


def _called(operation: str, do: Callable[[], T]) -> T:  # noqa: ARG001  # the shape of every Effect
    raise AssertionError(f"{operation} was called.")


@pytest.fixture(params=["memory", "cloud"])
def storage(request: pytest.FixtureRequest) -> Storage:
    """A storage that cannot be called."""
    if request.param == "cloud":
        return CloudStorage(_connect, "my-slides", lambda: datetime.now(UTC))

    return MemoryStorage(ManualClock(), _called)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_no_object_has_a_name_with(storage: Storage, name: str) -> None:
    for use in USES.values():
        with pytest.raises(ValueError, match=r"name of an object|surrogates"):
            use(storage, name)


@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES)
def test_no_list_begins_with(storage: Storage, prefix: str) -> None:
    for begin, after in ((prefix, ""), ("", prefix)):
        with pytest.raises(ValueError, match=r"name of an object|surrogates"):
            storage.list_objects(begin, 10, after)


@pytest.mark.parametrize("use", ARGUMENTS.values(), ids=ARGUMENTS)
def test_refuses(storage: Storage, use: Callable[[Storage], object]) -> None:
    with pytest.raises(ValueError, match=r"must be from|A content type is"):
        use(storage)


@pytest.mark.long
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_good_name_is_used(storage: Storage, use: Callable[[Storage, str], object]) -> None:
    with pytest.raises(AssertionError, match="called"):
        use(storage, NAME)


def saved_as(header: str) -> str:
    """Return the file name in a header, as another program reads it; browsers prefer the second one."""
    kind, _, extended = header.split("; ")
    message = Message()
    message["Content-Disposition"] = f"{kind}; {extended}"
    assert message.get_content_disposition() == "attachment"
    name = message.get_filename()
    assert name is not None
    return name


@pytest.mark.parametrize(
    ("file_name", "expected"),
    [
        ("a.pdf", "a.pdf"),
        ("Übung 1.pdf", "Übung 1.pdf"),
        ("講義.pptx", "講義.pptx"),
        ("100 % (final); v=2.pdf", "100 % (final); v=2.pdf"),
        ('a"b.pdf', 'a"b.pdf'),
        ("a\r\nSet-Cookie: x=1\r\n\r\n.pdf", "a Set-Cookie: x=1 .pdf"),
        ("a\0.pdf", "a.pdf"),
        ("a\u202efdp.exe", "afdp.exe"),
        ("a\ud800.pdf", "a.pdf"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\docs\\a.pdf", "C:_docs_a.pdf"),
        (".. ", "file"),
        ("", "file"),
        ("a" * 1_000_000 + ".pdf", "a" * 196 + ".pdf"),
        ("ü" * 300 + ".pdf", "ü" * 98 + ".pdf"),
        ("a." + "b" * 1000, "a." + "b" * 198),
    ],
    ids=[
        *("plain", "umlaut", "Chinese", "reserved characters", "a quote", "another header", "NUL"),
        *("direction", "a lone surrogate", "a path", "a path of Windows", "dots alone", "nothing"),
        *("1 MB", "many bytes", "a long suffix"),
    ],
)
def test_a_browser_is_told_the_file_name(file_name: str, expected: str) -> None:
    assert saved_as(disposition(file_name)) == expected


def test_old_browsers_are_told_a_name_too() -> None:
    assert disposition('Ü"1\\2.pdf').startswith('attachment; filename="__1_2.pdf"; ')


@pytest.mark.long
@given(st.text(st.characters(), max_size=300))
def test_any_text_is_one_header_with_one_file_name(text: str) -> None:
    header = disposition(text)

    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    assert len(header) < 900
    name = saved_as(header)
    assert name
    assert not {"/", "\\"} & set(name)
    assert len(name.encode()) <= 200
