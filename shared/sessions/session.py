"""A session as its owner wrote it: one document of `sessions`, with the fields that the server acts on.

Called by the other files of this folder, and by all code that checks who owns a session and who may watch it
(`shared/sessions/access.py`, `shared/videos/`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from shared.core.identity import ROUNDING, Belonging, SessionIdentity
from shared.core.paths import session_path
from shared.core.text import TITLE_MAX, as_line, cut_to_characters
from shared.ports import Document, EventSpec, Fields, Update, Version
from shared.sessions.times import planned_times


class Status(StrEnum):
    """
    The `status` of a session.
    """

    DRAFT = "draft"
    PUBLIC = "public"


class Format(StrEnum):
    """
    The `format` of a session.
    """

    IN_PERSON = "inPerson"
    ON_DEMAND = "onDemand"
    LIVE_STREAMING = "liveStreaming"


class Visibility(StrEnum):
    """
    The `visibility` of a session.
    """

    OPEN = "open"
    ENROLLED = "enrolled"


@dataclass(frozen=True, slots=True)
class Session:
    """
    One document of `sessions`, with the fields that the server acts on.

    A field of the wrong type and an impossible time are read as absent. The rules keep clients from writing them, and a
    mistake by an administrator must not stop a worker. A title is read as one line, cut to the length that the rules
    allow.

    Attributes:
        created_at: The session's mark, `createdAt`, which tells it from an earlier or later session of the same id. If
            the document has none, the time at which Firestore created the document.
        is_marked: Whether the document has the mark.
        is_paired: Whether the document says that it has a pairing (`kalturaSession: true`).
        version: The version of the document.
        former_owner_uids: The owners from whom the session is being transferred (`formerOwnerUids`); empty once
            everything in it names the new owner.
    """

    id: str
    owner_uid: str | None
    title: str
    status: Status
    format: Format | None
    visibility: Visibility
    starts_at: datetime | None
    ends_at: datetime | None
    shown: Fields | None
    videos: Mapping[str, Fields]
    created_at: datetime | None = None
    is_marked: bool = False
    is_paired: bool = False
    version: Version | None = None
    moderators: tuple[str, ...] = ()
    video_provider: str | None = None
    former_owner_uids: tuple[str, ...] = ()

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """
        Read a session document.

        A mark that is later than the document's own creation is ignored: either a back end has rewritten the document,
        or its clock is ahead. The time at which Firestore created the document is then used, as if there were no mark,
        and the next reconciliation writes that time into the document. Pure.
        """
        session = replace(cls.from_fields(document.id, document.fields), version=document.version)
        if session.created_at is not None and session.created_at - document.created_at <= ROUNDING:
            return session
        return replace(session, created_at=document.created_at, is_marked=False)

    @classmethod
    def from_fields(cls, session_id: str, fields: Fields) -> Self:
        """
        Read the fields of a session document. The events of triggers carry the same fields. Pure.
        """
        created_at = fields.get("createdAt")
        shown, videos = fields.get("kaltura"), fields.get("videos")
        status, kind, visibility = fields.get("status"), fields.get("format"), fields.get("visibility")
        starts_at, ends_at = planned_times(fields.get("startsAt"), fields.get("endsAt"))
        owner_uid, title, moderators = fields.get("ownerUid"), fields.get("title"), fields.get("moderators")
        provider, former = fields.get("videoProvider"), fields.get("formerOwnerUids")
        return cls(
            id=session_id,
            owner_uid=owner_uid if isinstance(owner_uid, str) else None,
            title=cut_to_characters(as_line(title), TITLE_MAX) if isinstance(title, str) else "",
            status=Status.PUBLIC if status == Status.PUBLIC else Status.DRAFT,
            format=Format(kind) if kind in list(Format) else None,
            visibility=Visibility.OPEN if visibility == Visibility.OPEN else Visibility.ENROLLED,
            starts_at=starts_at,
            ends_at=ends_at,
            shown=shown if isinstance(shown, Mapping) else None,
            videos=videos if isinstance(videos, Mapping) else {},
            created_at=created_at if isinstance(created_at, datetime) else None,
            is_marked=isinstance(created_at, datetime),
            is_paired=fields.get("kalturaSession") is True,
            moderators=_named(moderators) if isinstance(moderators, Mapping) else (),
            video_provider=provider if isinstance(provider, str) else None,
            former_owner_uids=tuple(uid for uid in former if isinstance(uid, str)) if isinstance(former, list) else (),
        )

    @property
    def identity(self) -> SessionIdentity:
        """
        The identity that everything made for this session records.
        """
        return SessionIdentity(
            self.id, self.owner_uid or "", self.created_at, self.is_marked, former_owner_uids=self.former_owner_uids
        )

    def moderates(self, uid: str) -> bool:
        """
        Tell whether a person moderates the session's live event: its owner and everybody in `moderators` do. Pure.
        """
        return uid == self.owner_uid or uid in self.moderators


def marking(identity: SessionIdentity, version: Version | None, **changes: Any) -> Update:
    """
    Return the write that puts the mark into the document of a session without a pairing. The write succeeds only if the
    document has not changed since it was read. Pure.
    """
    return Update(session_path(identity.session_id), {"createdAt": identity.created_at, **changes}, if_version=version)


def noting(identity: SessionIdentity, version: Version | None, **changes: Any) -> Update:
    """
    Return the write that puts the mark into a session's document, and says there that the session has a pairing. The
    write succeeds only if the document has not changed since it was read, because another session may take its place at
    any moment. Pure.
    """
    return marking(identity, version, kalturaSession=True, **changes)


def session_with(identity: SessionIdentity, document: Document | None) -> Session | None:
    """
    Return the session that a thing belongs to. Return `None` if its document is gone, or belongs to another session of
    the same id. Pure.

    Args:
        identity: The identity that the thing recorded.
        document: The document that has the session's id now, if any.
    """
    session = None if document is None else Session.from_document(document)
    return session if session and identity.belonging(session.identity) is Belonging.SAME else None


def session_of(identity: SessionIdentity, session: Session | None) -> tuple[SessionIdentity | None, bool]:
    """
    Compare the session that a thing belonged to with the one that has its id now. Pure.

    Args:
        identity: The identity that the thing recorded.
        session: The session that has the id now, if any.

    Returns:
        The session's identity, `None` if the thing's session does not exist any more; and whether the session has
        another owner, without a transfer.
    """
    if session is None:
        return None, False
    belonging = identity.belonging(session.identity)
    return session.identity if belonging is Belonging.SAME else None, belonging is Belonging.OWNER_CHANGED


def _named(uids: Fields) -> tuple[str, ...]:
    return tuple(sorted(uid for uid, is_named in uids.items() if is_named is True))


def wanted(session: Session) -> EventSpec | None:
    """
    Return the live event that a session should have: one for each public live session, `None` for all others. Pure.
    """
    if session.status is not Status.PUBLIC or session.format is not Format.LIVE_STREAMING:
        return None
    owner = () if session.owner_uid is None else (session.owner_uid,)
    moderators = tuple(sorted({*session.moderators, *owner}))
    stamp = session.identity.stamp()
    return EventSpec(session.title, session.starts_at, session.ends_at, moderators, stamp)
