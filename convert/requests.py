"""The requests of `drawer` to `drawing`. That is another process, so `drawer` loads no library that opens documents."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Final

FOLDER: Final = Path("/in")
"""Where a program inside the sandbox finds the files that it is given."""


class Form(StrEnum):
    """
    How a file is opened.
    """

    PDF = "pdf"
    PICTURE = "picture"


class Way(StrEnum):
    """
    How to draw a page: the usual way, or one for pages at which that fails.
    """

    USUAL = "usual"
    OTHER = "other"
