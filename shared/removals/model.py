"""One removal, `removals/{removalId}`: that all content of a teacher, or of the whole project, is to go.

Called by the other rooms of this folder. Leaves to `decide` what follows from the values. Who asked for it reads in the
document how far it is.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from shared.ports import Document
from shared.reconcile import Progress


class RemovalState(StrEnum):
    """
    `state` of a removal.
    """

    MARKING = "marking"
    DELETING = "deleting"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Removal:
    """
    One document of `removals`.

    Attributes:
        owner_uid: The teacher whose content goes; `None` for that of everybody.
        asked_by: The uid of who asked for it.
        asked_at: When.
        state: How far it is.
        sessions: How many sessions were deleted.
        enrolments: Likewise.
        videos: How many videos they had.
        videos_left: How many videos of the scope are still there, as last counted.
        copies_left: How many copies of them at other hosts, likewise.
        deletions_left: How much of what they had is still to be deleted at a provider; at most so much.
        emptied_at: When the last of its videos and of their copies was seen to be gone.
        next_at: Nothing is done before.
        done_at: When it was done.
        progress: The visit's own part.
    """

    owner_uid: str | None
    asked_by: str
    asked_at: datetime
    state: RemovalState = RemovalState.MARKING
    sessions: int = 0
    enrolments: int = 0
    videos: int = 0
    videos_left: int | None = None
    copies_left: int | None = None
    deletions_left: int | None = None
    emptied_at: datetime | None = None
    next_at: datetime | None = None
    done_at: datetime | None = None
    progress: Progress = field(default_factory=Progress)

    def to_fields(self) -> dict[str, Any]:
        """
        The document form. Pure.
        """
        return {
            "ownerUid": self.owner_uid,
            "askedBy": self.asked_by,
            "askedAt": self.asked_at,
            "state": self.state.value,
            "sessions": self.sessions,
            "enrolments": self.enrolments,
            "videos": self.videos,
            "videosLeft": self.videos_left,
            "copiesLeft": self.copies_left,
            "deletionsLeft": self.deletions_left,
            "emptiedAt": self.emptied_at,
            "nextAt": self.next_at,
            "doneAt": self.done_at,
            **self.progress.to_fields(),
        }

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """
        Read back what `to_fields` wrote. Pure.
        """
        fields = document.fields
        return cls(
            owner_uid=fields["ownerUid"],
            asked_by=fields["askedBy"],
            asked_at=fields["askedAt"],
            state=RemovalState(fields["state"]),
            sessions=fields["sessions"],
            enrolments=fields["enrolments"],
            videos=fields["videos"],
            videos_left=fields["videosLeft"],
            # An earlier release made no copies.
            copies_left=fields.get("copiesLeft"),
            deletions_left=fields["deletionsLeft"],
            emptied_at=fields["emptiedAt"],
            next_at=fields["nextAt"],
            done_at=fields["doneAt"],
            progress=Progress.from_fields(fields),
        )


def removal_id(asked_by: str, request_id: str) -> str:
    """
    The id of what somebody asks for under a request id: the same however often he asks. Pure.
    """
    return hashlib.sha256(json.dumps([asked_by, request_id]).encode()).hexdigest()[:20]
