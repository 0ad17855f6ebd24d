"""The pairing of a session with its event at a provider: one document of `kalturaSession`, the reconciler's record.

Called by `decide`, `act` and the Controller of this folder, and by all code that reads the state of a session's event.
Leaves the steps that follow from the values to `decide`, and the session itself to `session`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from shared.core.history import History, history_fields, history_from
from shared.core.identity import Belonging, SessionIdentity
from shared.ports import Document, EventSpec, ExternalIds, Fields, Refusal
from shared.reconcile import Progress
from shared.sessions.session import Session


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


def pairing_of(session: Session, document: Document | None) -> Pairing | None:
    """
    Return the pairing of a session. Return `None` if there is none, or if it still belongs to an earlier session of the
    same id. Pure.
    """
    pairing = None if document is None else Pairing.from_document(document)
    return pairing if pairing and pairing.identity.belonging(session.identity) is Belonging.SAME else None
