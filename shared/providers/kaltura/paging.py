"""Read every page of a list.

Called by the files of this folder that need a whole list. Each asks for its own pages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from shared.providers.kaltura import mapping

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Asked


def all_pages(first: Asked, page: Callable[[int], Asked]) -> list[Any]:
    """
    Return everything that a list has, given its first page and a function that asks for another.

    Raises:
        Transient, Doubtful, Permanent: A page could not be read.
    """
    found: list[Any] = []
    index, objects = 1, first.answer().objects
    while True:
        found += objects
        if len(objects) < mapping.PAGE:
            return found
        index += 1
        objects = page(index).answer().objects
