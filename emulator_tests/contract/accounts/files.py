"""The kinds of files that the suites upload."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Film(StrEnum):
    """
    The kinds of files to upload.
    """

    VIDEO = "two seconds of picture and sound"
    SOUND = "sound alone"
    GARBAGE = "bytes that are no medium"
    STUBBORN = "two seconds of picture and sound, at which the converter fails"
    SLOW = "two seconds of picture and sound, with which the converter is not done"


FILM_S: Final = 2.0
PARTLY_SENT_BYTES: Final = 1_000_000
"""The declared size of a file that is sent only in part."""
