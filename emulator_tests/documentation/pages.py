"""Which files are generated, in whole or in part.

Called by `make docs` and by the test that compares. Leaves to `settings.py`, `errors.py` and `demo/picture.py` what is
in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from emulator_tests.demo.picture import draw
from emulator_tests.demo.recording import RECORDING
from emulator_tests.documentation.errors import error_codes
from emulator_tests.documentation.settings import settings_page
from emulator_tests.testbed.places import ROOT

DOCS: Final = ROOT / "docs"


def generated() -> Mapping[Path, str]:
    """
    Return the text of each file that has generated parts, by its path.
    """
    api = DOCS / "api.md"
    return {
        DOCS / "settings.md": settings_page(),
        api: replaced(api.read_text(), "error codes", error_codes()),
        DOCS / "demo.svg": draw(RECORDING.read_text()),
    }


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
