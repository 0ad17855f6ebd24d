"""What follows from a failure: when it is tried again, and when nobody tries any more.

Called by `reconciler`, and by resources whose creation may still come to pass after it was not answered.
"""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta
from typing import Any

from shared.core.errors import ProviderError, SecretRejected, Transient
from shared.reconcile.model import BACKOFF_MAX_S, Decision, Done, Failure, R, Record, RequeueAt, Step

RETRY_AFTER_MAX_S = 3600.0

ALARM_AFTER_S = 24 * 3600
"""What has failed for so long, and is tried on, is worth waking a person for."""


def apply_backoff(decision: Decision[R], record: R | None, now: datetime) -> Decision[R]:
    """
    Wait while someone is busy; keep a step back while its last failure is too fresh, or for good. Pure.

    Even where nothing seems left to do, whoever is busy is waited for: what he is doing may have to be undone.
    """
    if record is None:
        return decision
    claim, failure = record.progress.claim, record.progress.failure
    if claim is not None and claim.until > now:
        return RequeueAt(claim.until)
    if not isinstance(decision, Step) or decision.at_hand or failure is None:
        return decision
    if (failure.step, failure.spec) == (decision.name, decision.spec):
        if failure.retry_at is None:
            return Done()
        if failure.retry_at > now:
            return RequeueAt(failure.retry_at)
    return decision


def backoff_s(tries: int, key: str, pause_max_s: float = BACKOFF_MAX_S) -> float:
    """
    Seconds before the next try: doubling from 2 to `pause_max_s`, spread by key so that things do not return in step.
    Pure.
    """
    spread = 0.75 + (zlib.crc32(key.encode()) % 1000) / 2000
    return min(2.0 ** min(tries, 12), pause_max_s) * spread


def failure_of(error: ProviderError, step: Step[Any], record: Record, key: str, now: datetime) -> Failure:
    """
    How a provider's error is recorded, counting on from an earlier failure of the same step and wish. Pure.
    """
    last = record.progress.failure
    if last is not None and (last.step, last.spec) != (step.name, step.spec):
        last = None
    # A rejected secret says nothing of the step: it counts for no try, and nothing is given up for it.
    is_rejected = isinstance(error, SecretRejected)
    tries, since = (1, now) if last is None else (last.tries + (not is_rejected), last.since)
    retry_at = None
    is_left = step.tries_max is None or tries < step.tries_max or is_rejected
    if (isinstance(error, Transient) or step.retry_permanent) and is_left:
        asked_s = error.retry_after_s if isinstance(error, Transient) else step.pause_max_s
        least_s = min(asked_s or 0.0, RETRY_AFTER_MAX_S)
        retry_at = now + timedelta(seconds=max(backoff_s(tries, key, step.pause_max_s), least_s))
    if isinstance(error, NotFoundYet) and retry_at is not None:
        retry_at = min(retry_at, error.certain_at)
    alarmed = now - since >= timedelta(seconds=ALARM_AFTER_S) or (step.retry_permanent and retry_at is None)
    return Failure(error.code, str(error), retry_at is not None, step.name, step.spec, tries, since, retry_at, alarmed)


class NotFoundYet(Transient):
    """
    A creation whose answer was lost is not to be found, and may still come to light.

    Attributes:
        certain_at: From then on, what is not found does not exist.
    """

    def __init__(self, certain_at: datetime) -> None:
        super().__init__(
            "The provider's answer was lost. The result is being checked.",
            provider="",
            operation="find",
            code="ANSWER_LOST",
        )
        self.certain_at = certain_at


def await_late_commit(tried_at: datetime, now: datetime, late_commit_s: int) -> None:
    """
    Refuse to take "not found" for "does not exist" while a lost creation may still come to light. Pure.

    Args:
        tried_at: When the creation was begun.
        now: This instant.
        late_commit_s: For so long a provider may still commit, or its search index lag.

    Raises:
        NotFoundYet: It is too early to tell (again).
    """
    certain_at = tried_at + timedelta(seconds=late_commit_s)
    if now < certain_at:
        raise NotFoundYet(certain_at)
