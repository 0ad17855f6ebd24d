"""One erasure, `erasures/{erasureId}`: the request to delete all content of one person, or of everybody.

Called by the other files of this folder. Leaves the steps that follow from the values to `decide`. The person who asked
for it can read its progress in the document. The document names the erased person only until the erasure is done. After
that, only hashes of their uid and of the caller's uid are kept.
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
    The `state` of an erasure.

    `MARKING`: documents are deleted, or marked, page by page. `DELETING`: what was marked is being deleted. `DONE`: no
    document names the person any more.
    """

    MARKING = "marking"
    DELETING = "deleting"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Left:
    """
    The content of an erasure that is still there, as last counted; `None` for a number that was not counted.

    Attributes:
        videos: Videos that were marked.
        copies: Copies of videos at other hosts, and originals in the cold store, of which some are counted.
        events: Live events that are still to be deleted, or still name the person.
        deletions: Pending deletions at providers. The number may be too high, because it can include those of others.
        dead: How many of those are not retried any more, because their provider has refused for about a week.
    """

    videos: int | None = None
    copies: int | None = None
    events: int | None = None
    deletions: int | None = None
    dead: int | None = None

    @property
    def is_open(self) -> bool:
        """
        Tell whether anything is left that is still being retried.
        """
        return bool(self.videos or self.copies or self.events or (self.deletions or 0) > (self.dead or 0))

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form, which is also the form that clients read. Pure.
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
        uid: The person whose content is erased; `None` for everybody, and for an erasure that is done.
        subject: The hash of that uid; empty for everybody.
        asked_by: The hash of the uid of the person who asked for it.
        asked_at: When it was asked for.
        state: How far it is.
        pages: How many pages were marked.
        sessions: How many sessions were deleted.
        enrolments: How many enrolments were deleted, without those that are deleted with their session.
        videos: How many videos these sessions had, and videos of the person in sessions that have another owner now.
        left: What is still there.
        marked_at: When nothing was left to mark.
        emptied_at: When it was first counted that its videos and their copies are gone.
        is_forgotten: Whether our user for the person is gone at the provider of live events.
        next_at: The next step is not done before this time.
        done_at: When it was done.
        expires_at: When Firestore's TTL may delete the document.
        progress: The reconciler's part of the record.
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
        Return the erasure that continues a removal of an earlier release, from its beginning. Pure.
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
    Return the hash that is kept in the place of a uid. `firestore.rules` computes the same hash. Pure.
    """
    return hashlib.sha256(uid.encode(errors="surrogatepass")).hexdigest()


def subject_of(uid: str | None) -> str:
    """
    Return the hash of the person whose content is erased; empty for everybody. Pure.
    """
    return "" if uid is None else hashed(uid)


def erasure_id(asked_by: str, request_id: str) -> str:
    """
    Return the id of the erasure that a person asks for under a request id. It is the same however often they ask. Pure.
    """
    return hashlib.sha256(json.dumps([asked_by, request_id]).encode()).hexdigest()[:20]
