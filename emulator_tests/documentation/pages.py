"""Which files are generated, in whole or in part.

Called by `make docs` and by the test that compares. Leaves to `settings.py`, `api.py`, `errors.py`,
`licences.py`, `schema.py` and `demo/picture.py` what is in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from emulator_tests.demo.picture import draw
from emulator_tests.demo.recording import RECORDING
from emulator_tests.documentation.api import blocks
from emulator_tests.documentation.errors import error_codes
from emulator_tests.documentation.licences import licences_page
from emulator_tests.documentation.schema import as_text, callables, documents
from emulator_tests.documentation.settings import settings_page
from emulator_tests.testbed.places import ROOT

DOCS: Final = ROOT / "docs"
SCHEMA: Final = ROOT / "schema"


def generated() -> Mapping[Path, str]:
    """
    Return the text of each file that has generated parts, by its path.
    """
    return {
        DOCS / "settings.md": settings_page(),
        DOCS / "licences.md": licences_page(),
        DOCS / "api.md": api_page(),
        SCHEMA / "callables.json": as_text(callables()),
        SCHEMA / "documents.json": as_text(documents()),
        DOCS / "demo.svg": draw(RECORDING.read_text()),
    }


def api_page() -> str:
    """
    Return docs/api.md, its generated parts written anew.

    Raises:
        ValueError: The page does not have the marks of a part (never).
    """
    page = (DOCS / "api.md").read_text()
    for name, text in {**blocks(), "error codes": error_codes()}.items():
        page = replaced(page, name, text)
    return page


def replaced(page: str, name: str, text: str) -> str:
    """
    Return a page with another text between the two marks of a name. Pure.

    Raises:
        ValueError: The page does not have both marks (never).
    """
    begin, end = f"<!-- begin: {name} -->\n", f"<!-- end: {name} -->\n"
    before, found, rest = page.partition(begin)
    _, also_found, after = rest.partition(end)
    if not found or not also_found:
        raise ValueError(f"The page has no marks of {name}.")
    return f"{before}{begin}\n{text}\n{end}{after}"
