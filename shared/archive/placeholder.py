"""The placeholder that plays while an original is in the cold store only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from shared.core.errors import Misconfigured

_OURS: Final = Path(__file__).parent
_ROOT: Final = _OURS.parents[1]


@dataclass(frozen=True, slots=True)
class Placeholder:
    """
    The file that plays while an original is in the cold store only.

    Attributes:
        content: A small video, which says that the original is archived.
        picture: A JPEG with the same sentence.
    """

    content: bytes = field(repr=False)
    picture: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """
        Return the checksum of its content.
        """
        return hashlib.sha256(self.content).hexdigest()


@cache
def placeholder_in(folder: str) -> Placeholder:
    """
    Read a placeholder.

    Args:
        folder: The folder beside `main.py` that has it; empty for ours.

    Raises:
        Misconfigured: It is not there (never, until it is).
    """
    place = _ROOT / folder if folder else _OURS
    try:
        return Placeholder((place / "placeholder.mp4").read_bytes(), (place / "placeholder.jpg").read_bytes())
    except OSError:
        raise Misconfigured(
            f"The folder {folder} lacks placeholder.mp4 or placeholder.jpg. Put them there, or empty "
            "ARCHIVE_PLACEHOLDER."
        ) from None
