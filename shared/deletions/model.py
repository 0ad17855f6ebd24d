"""A pending deletion, `pendingDeletions/{deletionId}`: one released thing that is still to be deleted at a provider.

Called by the other files of this folder, by the code that releases things (`shared/videos/`, `shared/hosts/`,
`shared/operations/orphans/`), and by `shared/operations/sweep.py`. The document is created in the same commit in which
a record stops naming the thing, so that every thing at a provider is named by some document at any moment. It is
deleted once the thing is gone. Leaves the steps that follow from the values to `decide`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from shared.core.identity import SessionIdentity
from shared.core.paths import deletion_path
from shared.ports import Create, Document, ExternalIds, Fields
from shared.reconcile import Progress

BUCKET: Final = "bucket"
"""The name of this deployment's bucket where records name a provider."""

COLD_STORE: Final = "coldStore"
"""The name of this deployment's cold store where records name a provider."""

KEY: Final = "key"
"""The only external id of an object in the cold store: its key."""

FOLDER: Final = "folder"
"""The only external id of a thing in the bucket: the path of its document, with which its objects' names begin."""


class Reason(StrEnum):
    """
    The `reason` of a deletion: why the thing was released.
    """

    DELETED = "deleted"
    REPLACED = "replaced"
    CANCELLED = "cancelled"
    FAILED = "failed"
    STRAY = "stray"


class DeletionState(StrEnum):
    """
    The `state` of a deletion, as the operator reads it.
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
        reference: The reference under which the thing was made.
        external_ids: The provider's ids (document field `parts`).
        reason: Why it is deleted.
        created_at: When it was released.
        session: The session that it belonged to; `None` if that is not known.
        spares_content: Whether it is deleted only while it has no content. Set for an orphan that is deleted because it
            is empty, and not because a person decided so.
        gone: Whether nothing of it is left.
        progress: The reconciler's part of the record.
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
        The state, derived from `gone` and the last failure.
        """
        failure = self.progress.failure
        if self.gone:
            return DeletionState.GONE
        return DeletionState.PENDING if failure is None or failure.retryable else DeletionState.DEAD

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form, without `requeues`, which belongs to the spec. Pure.
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
            # An earlier release deleted orphans even if they had content.
            spares_content=fields.get("sparesContent", fields["reason"] == Reason.STRAY),
            progress=Progress.from_fields(fields),
        )


def requeues_of(fields: Fields) -> int:
    """
    Return how often an administrator has requeued a deletion. Pure.
    """
    requeues: int = fields["requeues"]
    return requeues


def names(document: Document, external_ids: ExternalIds) -> bool:
    """
    Tell whether a record names a thing: that of a video, a copy or a session by its external ids at a provider, any
    record by its own path, which is its folder in the bucket. Pure.
    """
    plays = document.fields.get("playable")
    named = (document.fields.get("parts"), None if plays is None else plays["parts"], {FOLDER: document.path})
    return any(one is not None and external_ids.items() <= one.items() for one in named)


def deletion_id(reference: str, external_ids: ExternalIds) -> str:
    """
    Return the id under which a thing's deletion is recorded. It is the same for one thing, whichever code releases it,
    and however often. Pure.
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
    Return the write that releases a thing. Its deletion is due at once. If the reason is `DELETED`, it does not name
    the session's owner any more. Pure.
    """
    if session is not None and reason is Reason.DELETED:
        session = session.nameless()
    due = Progress(due_at=now)
    deletion = Deletion(provider, reference, external_ids, reason, now, session, spares_content, progress=due)
    fields = {**deletion.to_fields(), "requeues": 0}
    return Create(deletion_path(deletion_id(reference, external_ids)), fields)
