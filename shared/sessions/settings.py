"""The settings of sessions."""

from __future__ import annotations

from dataclasses import dataclass

from shared.sessions.broadcasting import Window


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """
    The settings of sessions.

    Attributes:
        reap_grace_s: Seconds for which an unpublished event is kept.
        window: When live events may be on the air.
    """

    reap_grace_s: int
    window: Window
