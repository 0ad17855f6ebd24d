"""One erasure, `erasures/{erasureId}`: that all content of somebody, or of everybody, is to go.

Called by the other files of this folder. Leaves to `decide` what follows from the values. Whoever asked for it reads in
the document how far it is. It names the person only until it is done; who they were, and who asked, stays as a hash.
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


class ErasureState(StrEnum):
    """
    `state` of an erasure.

    `MARKING`: documents are deleted, or marked, page by page. `DELETING`: what was marked is on its way out. `DONE`:
    nothing names the person any more.
    """

    MARKING = "marking"
    DELETING = "deleting"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Left:
    """
    What of an erasure's scope was still there when it was last counted; `None` where that was not.

    Attributes:
        videos: Videos that were marked.
        copies: Copies of videos at other hosts.
        events: Live events that are still to be deleted, or still name the person.
        deletions: Things that are still to be deleted at a provider; at most so many.
        dead: How many of those are tried no more, because their provider has refused for about a week.
    """

    videos: int | None = None
    copies: int | None = None
    events: int | None = None
    deletions: int | None = None
    dead: int | None = None

    @property
    def is_open(self) -> bool:
        """
        Whether anything is left that is still tried.
        """
        return bool(self.videos or self.copies or self.events or (self.deletions or 0) > (self.dead or 0))

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form, and the one in which clients read it. Pure.
        """
        return {
            "videosLeft": self.videos,
            "copiesLeft": self.copies,
            "eventsLeft": self.events,
            "deletionsLeft": self.deletions,
            "deletionsDead": self.dead,
        }

    @classmethod
    def from_fields(cls, fields: Any) -> Self:
        """
        Read back what `to_fields` wrote. Pure.
        """
        return cls(
            fields["videosLeft"],
            fields["copiesLeft"],
            fields["eventsLeft"],
            fields["deletionsLeft"],
            fields["deletionsDead"],
        )


@dataclass(frozen=True, slots=True)
class Erasure:
    """
    One document of `erasures`.

    Attributes:
        uid: Whose content goes; `None` for that of everybody, and once it is done.
        subject: The hash of that uid; empty for everybody.
        asked_by: The hash of the uid of whoever asked for it.
        asked_at: When.
        state: How far it is.
        pages: How many pages were marked.
        sessions: How many sessions were deleted.
        enrolments: How many enrolments were, beside those that went with their session.
        videos: How many videos the sessions had, with those in sessions that are others' now.
        left: What is still there.
        marked_at: When nothing was left to be marked.
        emptied_at: When the last of its videos and of their copies was seen to be gone.
        is_forgotten: Whether the provider of live events has no user of ours for the person any more.
        next_at: Nothing is done before.
        done_at: When it was done.
        expires_at: When the document may go (Firestore TTL).
        progress: The reconciler's own part.
    """

    uid: str | None
    subject: str
    asked_by: str
    asked_at: datetime
    state: ErasureState = ErasureState.MARKING
    pages: int = 0
    sessions: int = 0
    enrolments: int = 0
    videos: int = 0
    left: Left = field(default_factory=Left)
    marked_at: datetime | None = None
    emptied_at: datetime | None = None
    is_forgotten: bool = False
    next_at: datetime | None = None
    done_at: datetime | None = None
    expires_at: datetime | None = None
    progress: Progress = field(default_factory=Progress)

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form. Pure.
        """
        return {
            "uid": self.uid,
            "subject": self.subject,
            "askedBy": self.asked_by,
            "askedAt": self.asked_at,
            "state": self.state.value,
            "pages": self.pages,
            "sessions": self.sessions,
            "enrolments": self.enrolments,
            "videos": self.videos,
            **self.left.to_fields(),
            "markedAt": self.marked_at,
            "emptiedAt": self.emptied_at,
            "forgotten": self.is_forgotten,
            "nextAt": self.next_at,
            "doneAt": self.done_at,
            "expiresAt": self.expires_at,
            **self.progress.to_fields(),
        }

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """
        Read back what `to_fields` wrote. Pure.
        """
        fields = document.fields
        return cls(
            uid=fields["uid"],
            subject=fields["subject"],
            asked_by=fields["askedBy"],
            asked_at=fields["askedAt"],
            state=ErasureState(fields["state"]),
            pages=fields["pages"],
            sessions=fields["sessions"],
            enrolments=fields["enrolments"],
            videos=fields["videos"],
            left=Left.from_fields(fields),
            marked_at=fields["markedAt"],
            emptied_at=fields["emptiedAt"],
            is_forgotten=fields["forgotten"],
            next_at=fields["nextAt"],
            done_at=fields["doneAt"],
            expires_at=fields["expiresAt"],
            progress=Progress.from_fields(fields),
        )

    @classmethod
    def from_removal(cls, document: Document, now: datetime) -> Self:
        """
        Return the erasure that carries on what an earlier release had begun, from its beginning. Pure.
        """
        fields = document.fields
        return cls(
            uid=fields["ownerUid"],
            subject=subject_of(fields["ownerUid"]),
            asked_by=hashed(fields["askedBy"]),
            asked_at=fields["askedAt"],
            sessions=fields["sessions"],
            enrolments=fields["enrolments"],
            videos=fields["videos"],
            progress=Progress(due_at=now),
        )


def hashed(uid: str) -> str:
    """
    Return what stays of a uid where it must not be named: `firestore.rules` makes the same of it. Pure.
    """
    return hashlib.sha256(uid.encode(errors="surrogatepass")).hexdigest()


def subject_of(uid: str | None) -> str:
    """
    Return the hash of whose content goes; empty for everybody. Pure.
    """
    return "" if uid is None else hashed(uid)


def erasure_id(asked_by: str, request_id: str) -> str:
    """
    Return the id of what somebody asks for under a request id: the same however often they ask. Pure.
    """
    return hashlib.sha256(json.dumps([asked_by, request_id]).encode()).hexdigest()[:20]
