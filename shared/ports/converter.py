"""The converter of documents to pictures of their pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

CONVERSION: Final = "convert"
"""The `operation` of the `Permanent` error if a document cannot be shown."""


@dataclass(frozen=True, slots=True)
class ConvertedPage:
    """
    The pictures of one page.

    Attributes:
        number: The number of the page, counted from 1.
        width: In pixels.
        height: In pixels.
        extension: The type of the picture: `webp` or `png`.
        picture: The picture.
        thumbnail: A small picture, in WebP.
        is_blank: Whether the page could not be drawn, and a marked blank stands for it.
    """

    number: int
    width: int
    height: int
    extension: str
    picture: bytes = field(repr=False)
    thumbnail: bytes = field(repr=False)
    is_blank: bool = False


@dataclass(frozen=True, slots=True)
class Conversion:
    """
    The end of a conversion.

    Attributes:
        pages: The number of pages, all of which were handed over.
        warnings: Sentences for the person who uploaded the document.
    """

    pages: int
    warnings: tuple[str, ...] = ()


class Converter(Protocol):
    """
    Draws the pages of a document.
    """

    def convert(self, source: str, kind: str, publish: Callable[[ConvertedPage], None]) -> Conversion:
        """
        Draw every page. Repeatable.

        Args:
            source: An address, a secret, from which the document can be read.
            kind: Its declared type, as a file extension.
            publish: Is given each page as soon as it is drawn, the first page first and the others in any order.

        Raises:
            Permanent: The document cannot be shown: its operation is `CONVERSION`, and it says why (never). Or it does
                not exist any more: its code is `NO_SUCH_OBJECT` (never).
            Transient: It was not begun: the converter is not reached, or cannot do more at the moment (again).
            Doubtful: It was begun, and the converter itself failed (again, a few times: it may be the document).
            Misconfigured: The converter does not let us call it (never, until the operator changes it).
            Others: Whatever `publish` raises.
        """
        ...

    def check(self) -> None:
        """
        Find out whether the converter can be called.

        Raises:
            Transient: It is not reached, or cannot do more at the moment (again).
            Misconfigured: It does not let us call it (never, until the operator changes it).
        """
        ...
