"""One copy of a video at another host, with its document form in `copies/{videoId}-{host}`.

Called by the other rooms of this folder, and by `shared/videos/`, which shows what there is. Leaves to `decide` what
follows from the values. That a copy exists stands in the video's document too, under `hosts.{host}`, written with the
copy's own in one commit: who plays a video reads no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from shared.core.identity import SessionIdentity
from shared.ports import Document, ExternalIds, Fields
from shared.reconcile import Progress


class CopyState(StrEnum):
    """
    `state` of a copy.
    """

    REQUESTED = "requested"
    MAKING = "making"
    COPYING = "copying"
    READY = "ready"
    FAILED = "failed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Copy:
    """
    One document of `copies`.

    Attributes:
        host: Our name of the host.
        session: The session whose video it is.
        film: The reference of what plays, of which it is a copy.
        begun_at: When the copying of that film was begun.
        state: How far it is.
        generation: Grows with every copy that is made of the video at the host.
        reference: Under which it was, or is about to be, made.
        tried_at: When its making was begun; in state MAKING only.
        parts: The host's ids of it.
        percent: How far it is, 0 to 100.
        received_bytes: How much has arrived of what the host waits for; `None` where it fetches by itself.
        looks: How often the host was asked while it was copying.
        looked_at: When it last was.
        failures: How often in a row the copying of this film has failed.
        reason: Why it last did, in a sentence.
        retry_at: When it is begun again, in state FAILED; `None` is never.
        progress: The reconciliation's own part.
    """

    host: str
    session: SessionIdentity
    film: str
    begun_at: datetime
    state: CopyState = CopyState.REQUESTED
    generation: int = 0
    reference: str | None = None
    tried_at: datetime | None = None
    external_ids: Mapping[str, str] = field(default_factory=dict)
    percent: int = 0
    received_bytes: int | None = None
    looks: int = 0
    looked_at: datetime | None = None
    failures: int = 0
    reason: str | None = None
    retry_at: datetime | None = None
    progress: Progress = field(default_factory=Progress)

    def to_fields(self) -> dict[str, Any]:
        """
        The document form. Pure.
        """
        return {
            "host": self.host,
            **self.session.to_fields(),
            "film": self.film,
            "begunAt": self.begun_at,
            "state": self.state.value,
            "generation": self.generation,
            "reference": self.reference,
            "triedAt": self.tried_at,
            "parts": dict(self.external_ids),
            "percent": self.percent,
            "receivedBytes": self.received_bytes,
            "looks": self.looks,
            "lookedAt": self.looked_at,
            "failures": self.failures,
            "reason": self.reason,
            "retryAt": self.retry_at,
            **self.progress.to_fields(),
        }

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """
        Read back what `to_fields` wrote. Pure.
        """
        fields = document.fields
        return cls(
            host=fields["host"],
            # An earlier release recorded the owner alone.
            session=SessionIdentity.from_fields(fields.get("sessionId", ""), fields),
            film=fields["film"],
            begun_at=fields["begunAt"],
            state=CopyState(fields["state"]),
            generation=fields["generation"],
            reference=fields["reference"],
            tried_at=fields["triedAt"],
            external_ids=dict(fields["parts"]),
            percent=fields["percent"],
            received_bytes=fields["receivedBytes"],
            looks=fields["looks"],
            looked_at=fields["lookedAt"],
            failures=fields["failures"],
            reason=fields["reason"],
            retry_at=fields["retryAt"],
            progress=Progress.from_fields(fields),
        )


@dataclass(frozen=True, slots=True)
class Shown:
    """
    What a video's document shows of one copy, under `hosts.{host}`.

    Attributes:
        film: Of which film it is a copy: one of another than plays now is of no use.
        state: As far as somebody who plays it needs to know.
        parts: The host's ids, once it is ready.
    """

    film: str
    state: CopyState
    external_ids: ExternalIds = field(default_factory=dict)

    def to_fields(self) -> dict[str, Any]:
        """
        The document form. Pure.
        """
        return {"film": self.film, "state": self.state.value, "parts": dict(self.external_ids)}


def shown(copy: Copy) -> Shown | None:
    """
    What a video's document should show of a copy; `None` is nothing. Pure.
    """
    match copy.state:
        case CopyState.GONE:
            return None
        case CopyState.READY:
            return Shown(copy.film, copy.state, copy.external_ids)
        case CopyState.FAILED:
            return Shown(copy.film, copy.state)
    return Shown(copy.film, CopyState.COPYING)


def shown_in(video: Document) -> dict[str, Shown]:
    """
    What a video's document shows of its copies, by host. Pure.
    """
    hosts: Fields = video.fields.get("hosts") or {}
    return {name: Shown(one["film"], CopyState(one["state"]), dict(one["parts"])) for name, one in hosts.items()}
