"""One copy of a video at another host, with its document form in `copies/{videoId}-{host}`.

Called by the other files of this folder, and by `shared/videos/`, which shows the copies. Leaves the steps that follow
from the values to `decide`. The video's document shows its copies too, under `hosts.{host}`, written in the same commit
as the copy's own document. Playback therefore reads only the video's document.
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
    The `state` of a copy.
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
        session: The session to which the video belongs.
        film: The reference of the version of the video that is copied.
        begun_at: When the copying of that version was begun.
        state: How far it is.
        generation: Grows with every copy that is made of the video at the host.
        reference: The reference under which the copy was made, or is about to be made.
        tried_at: When its creation was begun; in state MAKING only.
        external_ids: The host's ids of the copy (document field `parts`).
        percent: How far it is, 0 to 100.
        received_bytes: How many bytes have arrived, at a host to which we send them; `None` at a host that fetches on
            its own.
        looks: How often the host was asked about the copy while it was copying.
        looked_at: When the host was last asked.
        failures: How often in a row the copying of this version has failed.
        reason: The reason of the last failure, in a sentence.
        retry_at: In state FAILED: when the copying is begun again; `None` if never.
        progress: The reconciler's part of the record.
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
        Return the document form. Pure.
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
            # An earlier release recorded only the owner.
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
    One copy as the video's document shows it, under `hosts.{host}`.

    Attributes:
        film: The reference of the version that was copied. A copy of another version than plays now is of no use.
        state: The state, as far as playback needs it.
        external_ids: The host's ids, once the copy is ready (document field `parts`).
    """

    film: str
    state: CopyState
    external_ids: ExternalIds = field(default_factory=dict)

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form. Pure.
        """
        return {"film": self.film, "state": self.state.value, "parts": dict(self.external_ids)}


def shown(copy: Copy) -> Shown | None:
    """
    Return what a video's document should show of a copy; `None` if it should show nothing. Pure.
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
    Return what a video's document shows of its copies, by host. Pure.
    """
    hosts: Fields = video.fields.get("hosts") or {}
    return {name: Shown(one["film"], CopyState(one["state"]), dict(one["parts"])) for name, one in hosts.items()}
