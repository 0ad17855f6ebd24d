"""The documents of sessions: a session as its owner wrote it, and the pairing with its event at a provider.

Called by `decide`, `act` and the Controller of this folder, and by all code that checks who owns a session and who may
watch it (`shared/sessions/access.py`, `shared/videos/`). Leaves the steps that follow from the values to `decide`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from shared.core.history import History, history_fields, history_from
from shared.core.identity import ROUNDING, Belonging, SessionIdentity
from shared.core.paths import session_path
from shared.core.text import TITLE_MAX, as_line, cut_to_characters
from shared.ports import NOT_AVAILABLE, Document, EventSpec, ExternalIds, Fields, Refusal, Update, Version
from shared.reconcile import Progress
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


def pairing_of(session: Session, document: Document | None) -> Pairing | None:
    """
    Return the pairing of a session. Return `None` if there is none, or if it still belongs to an earlier session of the
    same id. Pure.
    """
    pairing = None if document is None else Pairing.from_document(document)
    return pairing if pairing and pairing.identity.belonging(session.identity) is Belonging.SAME else None


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


class PairingState(StrEnum):
    """
    The state of a session's event at its provider.
    """

    NONE = "none"
    CREATING = "creating"
    READY = "ready"
    RETIRING = "retiring"
    DELETING = "deleting"
    GONE = "gone"


class BroadcastState(StrEnum):
    """
    The `broadcast` of a session: whether its event is on the air.
    """

    OFFLINE = "offline"
    LIVE = "live"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Airing:
    """
    The status of an event's broadcast, as last observed.

    Attributes:
        state: The state when it was last observed.
        looked_at: When it was last observed.
        live_at: When it was first observed live.
        off_at: When it was first observed off the air after it was live.
        rests: Whether the event is observed rarely because its owner has very many events.
    """

    state: BroadcastState = BroadcastState.OFFLINE
    looked_at: datetime | None = None
    live_at: datetime | None = None
    off_at: datetime | None = None
    rests: bool = False

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form. Pure.
        """
        return {
            "state": self.state.value,
            "lookedAt": self.looked_at,
            "liveAt": self.live_at,
            "offAt": self.off_at,
            "rests": self.rests,
        }

    @classmethod
    def from_fields(cls, fields: Fields | None) -> Self:
        """
        Read back what `to_fields` wrote. Pure.
        """
        if fields is None:
            return cls()
        state = BroadcastState(fields["state"])
        return cls(state, fields["lookedAt"], fields["liveAt"], fields["offAt"], fields.get("rests", False))


@dataclass(frozen=True, slots=True)
class Pairing:
    """
    One document of `kalturaSession`.

    Attributes:
        identity: The session that the pairing belongs to.
        has_session: Whether the session existed when it was last read. The sweep counts pairings of existing sessions.
        state: The state of the event.
        generation: Grows with every event that is made for the session.
        reference: The reference under which the present event was made, or is about to be made.
        tried_at: When its creation was begun; in state CREATING only.
        external_ids: The provider's ids, by part (document field `parts`).
        applied: The spec that the event fulfils; `None` if that is not known.
        refused: The parts that the provider refuses for good in the form of `applied`, by the keys of `external_ids`.
            The event does without them until its spec changes.
        verified_at: When all its parts were last known to exist.
        verify_at: When the event is updated once more, because an update whose answer was lost may take effect until
            then.
        reap_at: When a retired event is deleted.
        held_at: When a change of the session's owner without a transfer was noticed; `None` if there is no such change.
        airing: The status of its broadcast.
        recordings: All recordings of the session's events that were taken over as videos or released, by the provider's
            ids.
        expires_at: When Firestore's TTL may delete the tombstone of a deleted session.
        history: The states so far.
        progress: The reconciler's part of the record.
    """

    identity: SessionIdentity
    has_session: bool = True
    state: PairingState = PairingState.NONE
    generation: int = 0
    reference: str | None = None
    tried_at: datetime | None = None
    external_ids: Mapping[str, str] = field(default_factory=dict)
    applied: EventSpec | None = None
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    verified_at: datetime | None = None
    verify_at: datetime | None = None
    reap_at: datetime | None = None
    held_at: datetime | None = None
    airing: Airing = field(default_factory=Airing)
    recordings: tuple[ExternalIds, ...] = ()
    expires_at: datetime | None = None
    history: History = ()
    progress: Progress = field(default_factory=Progress)

    def failure(self) -> dict[str, Any] | None:
        """
        Return the failure that clients may read: `{code, message, retryable}`. The failure of the last step comes
        before the refusal of a part. Pure.
        """
        if self.progress.failure is not None:
            return self.progress.failure.shown()
        for _, refusal in sorted(self.refused.items()):
            return {"code": refusal.code, "message": refusal.message, "retryable": False}
        return None

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form. Pure.
        """
        return {
            **self.identity.to_fields(),
            "hasSession": self.has_session,
            "state": self.state.value,
            "generation": self.generation,
            "reference": self.reference,
            "triedAt": self.tried_at,
            "parts": dict(self.external_ids),
            "applied": None
            if self.applied is None
            else {
                "title": self.applied.title,
                "startsAt": self.applied.starts_at,
                "endsAt": self.applied.ends_at,
                "moderators": list(self.applied.moderators),
            },
            "refused": {part: {"code": why.code, "message": why.message} for part, why in self.refused.items()},
            "verifiedAt": self.verified_at,
            "verifyAt": self.verify_at,
            "reapAt": self.reap_at,
            "heldAt": self.held_at,
            "airing": self.airing.to_fields(),
            "recordings": [dict(one) for one in self.recordings],
            "expiresAt": self.expires_at,
            "history": history_fields(self.history),
            "failure": self.failure(),
            **self.progress.to_fields(),
        }

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """
        Read back what `to_fields` wrote. Pure.
        """
        fields = document.fields
        applied = fields.get("applied")
        return cls(
            identity=SessionIdentity.from_fields(document.id, fields),
            has_session=fields.get("hasSession") is True,
            state=PairingState(fields["state"]),
            generation=fields["generation"],
            reference=fields["reference"],
            tried_at=fields["triedAt"],
            external_ids=dict(fields["parts"]),
            applied=None if applied is None else _wish(applied),
            # An earlier release had no `refused`: it retried refused parts for ever.
            refused={part: Refusal(one["code"], one["message"]) for part, one in fields.get("refused", {}).items()},
            verified_at=fields.get("verifiedAt"),
            verify_at=fields["verifyAt"],
            reap_at=fields["reapAt"],
            held_at=fields.get("heldAt"),
            airing=Airing.from_fields(fields.get("airing")),
            recordings=tuple(dict(one) for one in fields.get("recordings", ())),
            expires_at=fields["expiresAt"],
            history=history_from(fields["history"]),
            progress=Progress.from_fields(fields),
        )


def _wish(fields: Fields) -> EventSpec:
    return EventSpec(fields["title"], fields["startsAt"], fields["endsAt"], tuple(fields.get("moderators", ())))


@dataclass(frozen=True, slots=True)
class SessionSpec:
    """
    The spec of a session, as a reconciliation reads it.

    Attributes:
        exists: Whether the session exists. Another session of the same id does not count.
        event: The live event that it should have.
        shown: The event's status as the session's document shows it now.
        children: The ids of videos that a deleted session has left behind.
        left_enrolled: Enrolments that a deleted session has left behind. They are looked for once nothing else is left.
        title: The title that viewers see.
        identity: The identity in the document that has this id now, even if it is another session's; `None` if there is
            no document.
        version: The version of that document.
        is_paired: Whether that document says that it has a pairing.
        is_held: Whether the owner was changed without a transfer. Nothing is done until the session is transferred.
        is_waiting: Whether the session does not exist while deletions are held. It may be restored.
    """

    exists: bool
    event: EventSpec | None = None
    shown: Fields | None = None
    children: tuple[str, ...] = ()
    left_enrolled: tuple[Document, ...] = ()
    title: str = ""
    identity: SessionIdentity | None = None
    version: Version | None = None
    is_paired: bool = True
    is_held: bool = False
    is_waiting: bool = False

    @classmethod
    def of(cls, session: Session) -> Self:
        """
        Return the spec of a session that exists. Pure.
        """
        return cls(
            exists=True,
            event=wanted(session),
            shown=session.shown,
            title=session.title,
            identity=session.identity,
            version=session.version,
            is_paired=session.is_paired,
        )


FOR_WATCHING: Final = ("entryId", "virtualEventId")
"""The parts of an event whose ids a player needs. Everyone who may read the session's document may know these ids."""


def shown(spec: SessionSpec, pairing: Pairing | None, *, to_owner: bool = False) -> dict[str, Any] | None:
    """
    Return what the session's document should show of its event, under `kaltura`; `None` if it should show nothing.
    Pure.

    Args:
        spec: The spec of the session.
        pairing: Its record, if any.
        to_owner: Whether to include the ids of all parts. No document shows those.
    """
    if spec.event is None or pairing is None:
        return None
    failure = pairing.failure()
    told: dict[str, Any] = {} if failure is None else {"failure": failure}
    if pairing.state is PairingState.READY:
        external_ids = {name: id_ for name, id_ in pairing.external_ids.items() if id_ != NOT_AVAILABLE}
        missing = sorted(pairing.external_ids.keys() - external_ids.keys())
        told |= {"notAvailable": missing} if missing else {}
        ids = {name: id_ for name, id_ in external_ids.items() if to_owner or name in FOR_WATCHING}
        return {**ids, "state": "ready", "broadcast": pairing.airing.state.value, **told}
    if failure is None:
        return None
    return {"state": "creating" if failure["retryable"] else "failed", **told}
