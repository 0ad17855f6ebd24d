"""The converter port on a program: what the program tells, and every way in which it may fail."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from shared.cloud.converter import ProgramConverter
from shared.core.errors import Permanent, Transient
from shared.ports import Conversion, ConvertedPage

PAGE: Final = {
    "event": "page",
    "number": 1,
    "file": "1.webp",
    "width": 1920,
    "height": 1080,
    "thumbnail": "1.thumb.webp",
    "isBlank": False,
}
DONE: Final = {"event": "done", "pages": 1}


def fetch(source: Path) -> None:
    source.write_bytes(b"%PDF")


def converting(tmp_path: Path, script: str, within_s: float = 20) -> tuple[Conversion, list[ConvertedPage]]:
    """Convert with a program that is this script; `out` is the folder for pictures."""
    program = tmp_path / "program.py"
    program.write_text(f"import json, os, pathlib, sys, time\nout = pathlib.Path(sys.argv[2])\n{script}\n")
    pages: list[ConvertedPage] = []
    converter = ProgramConverter((sys.executable, str(program)), tmp_path, within_s)
    return converter.convert(fetch, "pdf", pages.append), pages


def telling(*lines: dict[str, Any]) -> str:
    """A script that writes two pictures and tells these lines."""
    written = 'for name in ("1.webp", "1.thumb.webp"): (out / name).write_bytes(name.encode())\n'
    return written + "\n".join(f"print({json.dumps(line)!r}, flush=True)" for line in lines)


def test_pages_are_published_as_the_program_tells_of_them(tmp_path: Path) -> None:
    warning = {"event": "warning", "code": "FONT_SUBSTITUTED", "message": "The font Marker was replaced."}
    conversion, pages = converting(tmp_path, telling({"event": "pages", "count": 1}, PAGE, warning, DONE))
    assert conversion == Conversion(1, ("The font Marker was replaced.",))
    assert pages == [ConvertedPage(1, 1920, 1080, "webp", b"1.webp", b"1.thumb.webp")]


def test_program_gets_the_document_and_its_type(tmp_path: Path) -> None:
    script = (
        'assert pathlib.Path(sys.argv[1]).read_bytes() == b"%PDF" and sys.argv[3:] == ["--type", "pdf"], sys.argv\n'
    )
    assert converting(tmp_path, script + telling(DONE))[0].pages == 1


def test_document_that_cannot_be_shown_is_refused_with_its_reason(tmp_path: Path) -> None:
    told = {"event": "error", "reason": "ENCRYPTED", "message": "Remove the password, and upload it again."}
    with pytest.raises(Permanent) as caught:
        converting(tmp_path, telling(told) + "\nsys.exit(1)")
    assert (caught.value.code, str(caught.value)) == ("ENCRYPTED", "Remove the password, and upload it again.")


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("sys.exit(2)", "EXIT_2"),
        ("os.kill(os.getpid(), 9)", "EXIT_-9"),
        ("", "UNFINISHED"),
        ('print("no json")', "MALFORMED"),
        ("print(7)", "MALFORMED"),
        ('print("x" * 20_000)', "MALFORMED"),
        (telling(PAGE) + "\nsys.exit(3)", "EXIT_3"),
    ],
)
def test_program_that_fails_is_tried_again(tmp_path: Path, script: str, code: str) -> None:
    with pytest.raises(Transient) as caught:
        converting(tmp_path, script)
    assert caught.value.code == code


def test_program_that_hangs_is_killed(tmp_path: Path) -> None:
    with pytest.raises(Transient) as caught:
        converting(tmp_path, 'print(\'{"event": "pages", "count": 1}\', flush=True)\ntime.sleep(600)', within_s=1)
    assert caught.value.code == "EXIT_-9"


def test_program_cannot_name_a_file_elsewhere(tmp_path: Path) -> None:
    secret = tmp_path / "secret.webp"
    secret.write_bytes(b"secret")
    with pytest.raises(FileNotFoundError):
        converting(tmp_path, telling({**PAGE, "file": str(secret)}, DONE))


def test_program_is_stopped_if_a_page_cannot_be_published(tmp_path: Path) -> None:
    alive = tmp_path / "alive"

    def refuse(_page: ConvertedPage) -> None:
        raise Transient("Try again.", provider="memory", operation="write", code="HTTP_503")

    program = tmp_path / "program.py"
    script = telling(PAGE) + f'\ntime.sleep(600)\npathlib.Path({str(alive)!r}).write_text("")'
    program.write_text(f"import json, os, pathlib, sys, time\nout = pathlib.Path(sys.argv[2])\n{script}\n")
    convert: Callable[..., Conversion] = ProgramConverter((sys.executable, str(program)), tmp_path).convert
    with pytest.raises(Transient):
        convert(fetch, "pdf", refuse)
    assert not alive.exists()
