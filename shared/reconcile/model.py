"""The values of a reconciliation: the progress in a record, the snapshot, and the decision. Pure.

Called by every resource. `reconciler` carries decisions out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Generic, Protocol, Self, TypeVar

from shared.ports import Version

LEASE_S = 90
"""The length of a step's lease in seconds, unless the step sets another; longer than `WORKER_TIMEOUT_S`."""

BACKOFF_MAX_S = 300.0
"""The longest pause between two tries, in seconds, unless a step sets another."""

AT_ONCE: Final = datetime(2020, 1, 1, tzinfo=UTC)
"""The due time of a record whose spec was just written: it is due already. If the task is lost, the sweep finds the
record."""


SCHEMA_VERSION: Final = 1
"""
The version of the form in which records are stored. Raise it when `to_fields` of a record changes, and let
`from_fields` read the form before it; `greenroom migrate` writes records in the present form.
"""


class Effect(StrEnum):
    """
    The effect of a step outside the documents.
    """

    WRITE = "write"
    OBSERVE = "observe"
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class Claim:
    """
    A worker's mark: it is doing this step, and others keep off until then.
    """

    step: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """
    The failure of the last step, recorded with the spec that it failed for.

    Attributes:
        code: The provider's code or one of ours; never a secret.
        message: One sentence for readers of the document.
        retryable: Whether it is tried again automatically.
        step: The step that failed.
        spec: Fingerprint of the spec; another spec is tried at once.
        tries: Failures in a row.
        since: When the first of them happened.
        retry_at: Not again before this instant; `None` for a final failure.
        alarmed: Whether an alarm was raised.
    """

    code: str
    message: str
    retryable: bool
    step: str
    spec: str
    tries: int
    since: datetime
    retry_at: datetime | None
    alarmed: bool = False

    def shown(self) -> dict[str, Any]:
        """
        Return the form that clients read. Pure.
        """
        return {"code": self.code, "message": self.message, "retryable": self.retryable}


@dataclass(frozen=True, slots=True)
class Progress:
    """
    The reconciler's part of every record.

    Attributes:
        claim: The step that a worker is doing, and until when others keep off.
        failure: The last step's failure; a success clears it.
        due_at: When the record must be reconciled again, even if its task is lost; `None` if nothing is left to do.
    """

    claim: Claim | None = None
    failure: Failure | None = None
    due_at: datetime | None = None

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form: `schemaVersion`, `claim`, `lastError`, `dueAt`. Pure.
        """
        return {
            "schemaVersion": SCHEMA_VERSION,
            "claim": None if self.claim is None else {"step": self.claim.step, "until": self.claim.until},
            "lastError": None
            if self.failure is None
            else {
                **self.failure.shown(),
                "step": self.failure.step,
                "wish": self.failure.spec,
                "tries": self.failure.tries,
                "since": self.failure.since,
                "retryAt": self.failure.retry_at,
                "alarmed": self.failure.alarmed,
            },
            "dueAt": self.due_at,
        }

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """
        Parse the document form that `to_fields` wrote. Pure.
        """
        claim = fields.get("claim")
        # An earlier release wrote `setback`. A document keeps that field beside the new one, which counts.
        failure = fields["lastError"] if "lastError" in fields else fields.get("setback")
        return cls(
            claim=None if claim is None else Claim(claim["step"], claim["until"]),
            failure=None
            if failure is None
            else Failure(
                code=failure["code"],
                message=failure["message"],
                retryable=failure["retryable"],
                step=failure["step"],
                spec=failure["wish"],
                tries=failure["tries"],
                since=failure["since"],
                retry_at=failure["retryAt"],
                alarmed=failure["alarmed"],
            ),
            due_at=fields.get("dueAt"),
        )


class Record(Protocol):
    """
    The server's record of a thing: a frozen dataclass with its `progress`.
    """

    @property
    def progress(self) -> Progress:
        """
        Return the reconciler's part.
        """
        ...


W = TypeVar("W")
R = TypeVar("R", bound=Record)
A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[W, R]):
    """
    The present documents of a thing, as read in one go.

    Attributes:
        key: The thing's key.
        spec: What is wanted, and what clients see now.
        record: What is recorded; `None` if nothing ever was.
        version: Of the record's document, for conditional writes.
    """

    key: str
    spec: W
    record: R | None
    version: Version | None


@dataclass(frozen=True, slots=True)
class Done:
    """
    A decision: nothing is left to do until the spec changes.
    """


@dataclass(frozen=True, slots=True)
class RequeueAt:
    """
    A decision: nothing is to be done before an instant.

    Attributes:
        at: The instant.
        is_swept: Whether no task is enqueued, because the sweep finds the record by its due time: for things that are
            numerous and need not be on time.
    """

    at: datetime
    is_swept: bool = False


@dataclass(frozen=True, slots=True)
class Step(Generic[R]):
    """
    A decision: the next thing to do.

    Attributes:
        name: For the claim, the log and the controller's `act`.
        effect: Its effect outside the documents.
        record: The record to write before a CHANGE, or to write as the result of a WRITE; unchanged by an OBSERVE.
        rollback: The record to write if the provider definitely did not do it.
        spec: Fingerprint of the spec that it serves.
        retry_permanent: Whether it is retried even after a permanent refusal: things that exist at a provider are never
            abandoned.
        observes: Whether the worker knows the thing's state at its provider afterwards.
        at_hand: Whether its outcome is known already. No provider is asked, so no backoff applies.
        tries_max: The number of failures in a row after which it is left to a person; `None` for no limit.
        pause_max_s: The longest pause between two tries.
        lease_s: Seconds for which a worker that has claimed it keeps others off; longer than its worker can run, unless
            it `beats`.
        beats: Whether the lease is extended while the worker works. Only for steps that two workers may do at once: one
            that does not reach the documents any more loses its claim and works on.
    """

    name: str
    effect: Effect
    record: R
    rollback: R
    spec: str = ""
    retry_permanent: bool = False
    observes: bool = False
    at_hand: bool = False
    tries_max: int | None = None
    pause_max_s: float = BACKOFF_MAX_S
    lease_s: int = LEASE_S
    beats: bool = False


Decision = Done | RequeueAt | Step[R]


def with_progress(record: R, progress: Progress) -> R:
    """
    Return the record with another progress. Pure.
    """
    return replace(record, progress=progress)  # type: ignore[type-var]  # every record is a dataclass
