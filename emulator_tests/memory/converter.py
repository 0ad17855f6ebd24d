"""The converter port in memory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from emulator_tests.memory.effect import Effect, undisturbed
from shared.core.errors import Permanent
from shared.ports import CONVERSION, Conversion, ConvertedPage


def document(pages: int, text: str = "") -> bytes:
    """
    Return a document that the in-memory converter draws. Pure.
    """
    return f"{pages} pages {text}".encode()


def bad_document(reason: str) -> bytes:
    """
    Return a document that the in-memory converter refuses for a reason. Pure.
    """
    return f"bad {reason}".encode()


class MemoryConverter:
    """
    The converter port in memory. It draws what `document` returns.

    Attributes:
        conversions: How many conversions were begun.
        warnings: The warnings of each conversion.
    """

    def __init__(self, effect: Effect = undisturbed) -> None:
        self._effect = effect
        self.conversions = 0
        self.warnings: tuple[str, ...] = ()

    def convert(self, fetch: Callable[[Path], None], kind: str, publish: Callable[[ConvertedPage], None]) -> Conversion:
        # No copy of this process may delete the folder of the one that it was copied from.
        folder = Path(tempfile.mkdtemp(prefix="greenroom-memory-"))
        fetch(folder / "source")
        first, text = (folder / "source").read_text().split(" ", 1)
        shutil.rmtree(folder)
        self.conversions += 1
        if first == "bad":
            raise Permanent("It cannot be shown.", provider="memory", operation=CONVERSION, code=text)
        pages = int(first)
        for number in (1, *range(pages, 1, -1)):
            page = ConvertedPage(number, 1920, 1080, "webp", f"page {number} of a {kind}".encode(), b"small")
            self._effect("draw", lambda page=page: publish(page))  # type: ignore[misc]  # mypy cannot infer it
        return Conversion(pages, self.warnings)
