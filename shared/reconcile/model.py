"""What is known of one reconciliation: the progress that a record keeps, the snapshot, and what is decided. Pure.

Called by every resource. Leaves to `reconciler` what is done with a decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Generic, Protocol, Self, TypeVar

from shared.ports import Version

BACKOFF_MAX_S = 300.0
"""The longest pause between two tries, where a step names no other."""

AT_ONCE: Final = datetime(2020, 1, 1, tzinfo=UTC)
"""As due time of a record whose wish was just written: it has come. Should the task be lost, the sweep finds it."""


class Effect(StrEnum):
    """
    What a step does to the world outside the documents.
    """

    WRITE = "write"
    OBSERVE = "observe"
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class Claim:
    """
    "I am about to do this; leave it alone until then."
    """

    step: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """
    Why the last step did not succeed, recorded with the spec that it failed for.

    Attributes:
        code: The provider's code or one of ours; never a secret.
        message: One sentence for whoever reads the document.
        retryable: Whether it is tried again by itself.
        step: The step that failed.
        wish: Fingerprint of what was wished; another wish is tried at once.
        tries: How often in a row.
        since: When the first of them was.
        retry_at: Not again before this instant; `None` for a final failure.
        alarmed: Whether it was logged as an alarm.
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
        The form in which clients read it. Pure.
        """
        return {"code": self.code, "message": self.message, "retryable": self.retryable}


@dataclass(frozen=True, slots=True)
class Progress:
    """
    The part of every record that belongs to the reconciliation.

    Attributes:
        claim: Who is at work, until when.
        failure: The last step's failure; a success clears it.
        due_at: When the record must be looked at again, whatever happens to tasks; `None` when it is settled.
    """

    claim: Claim | None = None
    failure: Failure | None = None
    due_at: datetime | None = None

    def to_fields(self) -> dict[str, Any]:
        """
        The document form: `claim`, `setback`, `dueAt`. Pure.
        """
        return {
            "claim": None if self.claim is None else {"step": self.claim.step, "until": self.claim.until},
            "setback": None
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
        Read back what `to_fields` wrote. Pure.
        """
        claim, failure = fields.get("claim"), fields.get("setback")
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
    What a subject records of a thing: a frozen dataclass with its `progress`.
    """

    @property
    def progress(self) -> Progress:
        """
        The reconciliation's own part.
        """
        ...


W = TypeVar("W")
R = TypeVar("R", bound=Record)
A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[W, R]):
    """
    The present, as read in one go.

    Attributes:
        key: Of the thing.
        wish: What is wanted, and what is shown to clients now.
        record: What is recorded; `None` where nothing ever was.
        version: Of the record's document, for conditional writes.
    """

    key: str
    spec: W
    record: R | None
    version: Version | None


@dataclass(frozen=True, slots=True)
class Done:
    """
    Nothing is left to do until the spec changes.
    """


@dataclass(frozen=True, slots=True)
class RequeueAt:
    """
    Nothing to do before that instant.

    Attributes:
        at: The instant.
        is_swept: Whether it is left to the sweep, which finds the record by its due time: what need not be in time, and
            of which there are many, gets no task.
    """

    at: datetime
    is_swept: bool = False


@dataclass(frozen=True, slots=True)
class Step(Generic[R]):
    """
    The next thing to do.

    Attributes:
        name: For the claim, the log and the subject's `act`.
        effect: What it does outside.
        record: What is recorded before a CHANGE; what is recorded by a WRITE; untouched by an OBSERVE.
        undone: What is recorded where the provider definitely did not do it.
        wish: Fingerprint of the spec it serves.
        insists: Whether even a final refusal is tried again; what exists at a provider is never given up.
        informs: Whether after it the worker knows how the thing stands at its provider.
        at_hand: Whether its outcome is known already: nobody is asked, so no failure's pause holds it back.
        tries_max: After so many failures in a row it is left to a person; `None` never is.
        pause_max_s: The longest pause between two tries.
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


Decision = Done | RequeueAt | Step[R]
