"""The record of a session's timeline, with its document form `timelines/{timelineId}`.

It names the chunks of the timeline, `sessions/{sessionId}/slideTimelines/{chunk}`, which outlive the media that they
name, so that they can be deleted with the session.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Self

from shared.core.identity import SessionIdentity
from shared.ports import Document
from shared.reconcile import Progress

CHUNKS_MAX: Final = 100
"""The most chunks of a session. After 20,000 changes the oldest chunk gives way to the next one."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """
    The record of a session's timeline.

    Attributes:
        session: The session to which it belongs.
        chunks: The ids of its chunks, the oldest first.
        is_gone: Whether it is deleted, with its chunks.
        progress: The reconciler's part.
    """

    session: SessionIdentity
    chunks: tuple[str, ...] = ()
    is_gone: bool = False
    progress: Progress = field(default_factory=Progress)

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form, without the spec (`wish`). Pure.
        """
        return {
            **self.session.to_fields(),
            "chunks": list(self.chunks),
            "gone": self.is_gone,
            **self.progress.to_fields(),
        }

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """
        Read back what `to_fields` wrote. Pure.
        """
        fields = document.fields
        session = SessionIdentity.from_fields(fields["sessionId"], fields)
        return cls(session, tuple(fields["chunks"]), fields["gone"], Progress.from_fields(fields))


def timeline_key(session: SessionIdentity) -> str:
    """
    Return the id of the record of a session's timeline. Another session of the same id has another record. Pure.
    """
    return session.stamp().replace(":", "-")
