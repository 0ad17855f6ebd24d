"""One thing at a provider that nobody wants any more, with its document form in `pendingDeletions/{deletionId}`.

Called by the other rooms of this folder, by whoever gives something up (`shared/videos/`,
`shared/operations/orphans/`), and by `shared/operations/sweep.py`. The document is made in the very commit by which a
record stops naming the thing, so that nothing at a provider is ever named by nobody; it goes once the thing is gone.
Leaves to `decide` what follows from the values.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from shared.core.identity import SessionIdentity
from shared.core.paths import deletion_path
from shared.ports import Create, Document, ExternalIds, Fields
from shared.reconcile import Progress


class Reason(StrEnum):
    """
    `reason` of a deletion: why nobody wants it any more.
    """

    DELETED = "deleted"
    REPLACED = "replaced"
    CANCELLED = "cancelled"
    FAILED = "failed"
    STRAY = "stray"


class DeletionState(StrEnum):
    """
    `state` of a deletion, as a person reads it.
    """

    PENDING = "pending"
    DEAD = "dead"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Deletion:
    """
    One document of `pendingDeletions`.

    Attributes:
        provider: Our name of the provider that has the thing.
        reference: Under which it was made.
        parts: The provider's ids.
        reason: Why it goes.
        created_at: Since when.
        session: The session that it belonged to; `None` where that is not known.
        spares_content: Whether it goes only as long as it has no content: nobody has said that it may go, but that it
            is empty.
        gone: Whether nothing of it is left.
        progress: The reconciliation's own part.
    """

    provider: str
    reference: str
    external_ids: Mapping[str, str]
    reason: Reason
    created_at: datetime
    session: SessionIdentity | None = None
    spares_content: bool = False
    gone: bool = False
    progress: Progress = field(default_factory=Progress)

    @property
    def state(self) -> DeletionState:
        """
        Whether it is still tried.
        """
        failure = self.progress.failure
        if self.gone:
            return DeletionState.GONE
        return DeletionState.PENDING if failure is None or failure.retryable else DeletionState.DEAD

    def to_fields(self) -> dict[str, Any]:
        """
        The document form, without the spec to try again (`requeues`). Pure.
        """
        failure = self.progress.failure
        return {
            "provider": self.provider,
            "reference": self.reference,
            "parts": dict(self.external_ids),
            "reason": self.reason.value,
            **({} if self.session is None else self.session.to_fields()),
            "createdAt": self.created_at,
            "sparesContent": self.spares_content,
            "state": self.state.value,
            "failure": None if failure is None else failure.shown(),
            **self.progress.to_fields(),
        }

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """
        Read back what `to_fields` wrote. Pure.
        """
        fields = document.fields
        return cls(
            provider=fields["provider"],
            reference=fields["reference"],
            external_ids=dict(fields["parts"]),
            reason=Reason(fields["reason"]),
            created_at=fields["createdAt"],
            session=SessionIdentity.from_fields(fields["sessionId"], fields) if "sessionId" in fields else None,
            # An earlier release deleted orphans whatever they had.
            spares_content=fields.get("sparesContent", fields["reason"] == Reason.STRAY),
            progress=Progress.from_fields(fields),
        )


def requeues_of(fields: Fields) -> int:
    """
    How often a person has wished that a deletion be tried again. Pure.
    """
    requeues: int = fields["requeues"]
    return requeues


def names(fields: Fields, external_ids: ExternalIds) -> bool:
    """
    Return whether a record of a video, a copy or a session, given its fields, names a thing at a provider. Pure.
    """
    plays = fields.get("playable")
    named = (fields.get("parts"), None if plays is None else plays["parts"])
    return any(one is not None and external_ids.items() <= one.items() for one in named)


def deletion_id(reference: str, external_ids: ExternalIds) -> str:
    """
    The id under which a thing's deletion is recorded: one for each thing, whoever gives it up, however often. Pure.
    """
    digest = hashlib.sha256(json.dumps(sorted(external_ids.items())).encode()).hexdigest()
    return f"{reference}:{digest[:12]}"


def given_up(
    provider: str,
    reference: str,
    external_ids: ExternalIds,
    reason: Reason,
    now: datetime,
    session: SessionIdentity | None = None,
    *,
    spares_content: bool = False,
) -> Create:
    """
    The write by which a thing is given up; it is due at once. What is deleted names its session's owner no more. Pure.
    """
    if session is not None and reason is Reason.DELETED:
        session = session.nameless()
    due = Progress(due_at=now)
    deletion = Deletion(provider, reference, external_ids, reason, now, session, spares_content, progress=due)
    fields = {**deletion.to_fields(), "requeues": 0}
    return Create(deletion_path(deletion_id(reference, external_ids)), fields)
