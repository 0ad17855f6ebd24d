"""Failures of steps: when to try again, and when to stop.

Called by `reconciler`, and by resources whose creation may still happen after its answer was lost.
"""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta
from typing import Any

from shared.core.errors import Misconfigured, NotFoundYet, ProviderError, SecretRejected, Transient
from shared.reconcile.model import BACKOFF_MAX_S, Decision, Done, Failure, R, Record, RequeueAt, Step

RETRY_AFTER_MAX_S = 3600.0

ALARM_AFTER_S = 24 * 3600
"""Seconds after which a step that keeps failing, and is still retried, raises an alarm."""


def apply_backoff(decision: Decision[R], record: R | None, now: datetime) -> Decision[R]:
    """
    Wait while another worker holds the claim; hold a step back while its last failure is too recent, or for good. Pure.

    A claim is waited for even if nothing seems left to do: its outcome may have to be undone.
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
    Return the seconds before the next try: doubling from 2 to `pause_max_s`, spread by key so that things do not retry
    at the same moment. Pure.
    """
    spread = 0.75 + (zlib.crc32(key.encode()) % 1000) / 2000
    return min(2.0 ** min(tries, 12), pause_max_s) * spread


def failure_of(error: ProviderError, step: Step[Any], record: Record, key: str, now: datetime) -> Failure:
    """
    Return the failure to record for a provider's error, counting on from an earlier failure of the same step and spec.
    Pure.
    """
    last = record.progress.failure
    if last is not None and (last.step, last.spec) != (step.name, step.spec):
        last = None
    # A rejected secret says nothing about the step: it does not count as a try, and never makes the failure final.
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


def as_failure(error: ProviderError | Misconfigured, step: Step[Any]) -> ProviderError:
    """
    Return the error of a step as one of its provider. A setting that is missing counts as a rejected secret: the step
    waits until the operator has set it, however long that takes. Its sentence is for the operator, so clients get
    another one. Pure.
    """
    if isinstance(error, ProviderError):
        return error
    return SecretRejected(
        "A setting is missing. Ask the operator.",
        provider="settings",
        operation=step.name,
        code=error.reason,
        retry_after_s=BACKOFF_MAX_S,
    )


def await_late_commit(tried_at: datetime, now: datetime, late_commit_s: int) -> None:
    """
    Refuse to take "not found" for "does not exist" while a lost creation may still appear. Pure.

    Args:
        tried_at: When the creation was begun.
        now: This instant.
        late_commit_s: How long a provider may still commit, or its search index may lag, in seconds.

    Raises:
        NotFoundYet: It is too early to tell (again).
    """
    certain_at = tried_at + timedelta(seconds=late_commit_s)
    if now < certain_at:
        raise NotFoundYet(certain_at)
