"""The settings of shared live media."""

from __future__ import annotations

from dataclasses import dataclass

from shared.core.reading import whole
from shared.core.settings import setting

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SlidesSettings:
    """
    The limits of shared live media.

    Attributes:
        max_bytes: The size of one document.
        session_max: The number of media of one session.
        teacher_max: The number of media of one teacher, in all their sessions.
    """

    max_bytes: int = setting(
        "SLIDES_MAX_BYTES", whole(1, 300 * MEBIBYTE), "Size of one document to share, in bytes.", 300 * MEBIBYTE
    )
    session_max: int = setting("SLIDES_SESSION_MAX", whole(1, 1000), "Number of documents to share in one session.", 50)
    teacher_max: int = setting(
        "SLIDES_TEACHER_MAX",
        whole(1, 100_000),
        "Number of documents to share of one teacher; a transfer, or two sessions at the same moment, may exceed it.",
        500,
    )
