"""The converter port in memory."""

from __future__ import annotations

from collections.abc import Callable

from emulator_tests.memory.effect import Effect, undisturbed
from emulator_tests.memory.storage import AddressRefused
from shared.core.errors import Permanent
from shared.ports import CONVERSION, NO_SUCH_OBJECT, Conversion, ConvertedPage


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

    Args:
        open_address: Reads what an address leads to.
        effect: Is run around each page that is published.

    Attributes:
        conversions: How many conversions were begun.
        warnings: The warnings of each conversion.
    """

    def __init__(self, open_address: Callable[[str], bytes], effect: Effect = undisturbed) -> None:
        self._open = open_address
        self._effect = effect
        self.conversions = 0
        self.warnings: tuple[str, ...] = ()

    def convert(self, source: str, kind: str, publish: Callable[[ConvertedPage], None]) -> Conversion:
        try:
            first, text = self._effect("convert", lambda: self._open(source)).decode().split(" ", 1)
        except AddressRefused:
            raise Permanent("It is gone.", provider="memory", operation="read", code=NO_SUCH_OBJECT) from None
        self.conversions += 1
        if first == "bad":
            raise Permanent("It cannot be shown.", provider="memory", operation=CONVERSION, code=text)
        pages = int(first)
        for number in (1, *range(pages, 1, -1)):
            page = ConvertedPage(number, 1920, 1080, "webp", f"page {number} of a {kind}".encode(), b"small")
            self._effect("draw", lambda page=page: publish(page))  # type: ignore[misc]  # mypy cannot infer it
        return Conversion(pages, self.warnings)

    def check(self) -> None:
        self._effect("check", lambda: None)
