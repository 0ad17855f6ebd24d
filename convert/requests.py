"""The requests of `pages` to `drawing`. That is another process, so `pages` loads no library that opens documents."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Final

DOCUMENT: Final = Path("/in/document")
"""Where the drawing process finds its document."""


class Way(StrEnum):
    """
    How to draw a page: the usual way, or one for pages at which that fails.
    """

    USUAL = "usual"
    OTHER = "other"
