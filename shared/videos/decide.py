"""The table of steps for videos. Pure; called by the reconciliation through the Controller of this folder.

The first row that matches decides.

| recorded               | wanted                    | next                                                        |
|------------------------|---------------------------|-------------------------------------------------------------|
| nothing                | anything                  | done                                                        |
| gone, as an earlier release left it | anything     | SCRUB it: a tombstone keeps ids only                        |
| gone                   | anything                  | SHOW nothing, done                                          |
| without `createdAt`, or of a former owner | its session exists | IDENTIFY it: take `createdAt` and owner from that  |
| preparing              | anything                  | FIND it: adopt it; if late commits are past: not made |
| requested, nothing made | that it exist, and the session's owner changed without a transfer | CLOSE it |
| anything               | that it exist, and the session's owner changed without a transfer | SHOW nothing, done |
| anything               | its session does not exist, and deletions are held | later                              |
| anything               | no video, or no session   | CLOSE: everything it names is released                      |
| without a place        | anything                  | PLACE it after the last video of its session                |
| anything               | another upload            | BEGIN it; release the earlier upload, keep what plays       |
| anything but ready     | this upload is cancelled  | WITHDRAW it: what plays is the video again; if nothing: CLOSE |
| anything               | another title or place    | CORRECT it                                                  |
| requested, too long    | this upload               | EXPIRE                                                      |
| requested              | this upload, or recording | PREPARE a new generation; refused for good: FAIL            |
| uploading, processing  | this upload               | OBSERVE, `looks_max` times; past its deadline: EXPIRE; later |
| retrying               | this upload               | CHECK whether it is processed; if not: as failed            |
| retrying, too long, last check failed | this upload | EXPIRE                                                     |
| failed, bytes kept     | this upload               | past its deadline: OBSERVE; it does not play: DISCARD the bytes |
| failed, bytes kept     | a retry                   | REPROCESS, if that may help                                 |
| failed                 | a retry                   | RETRY from the beginning, if that may help                  |
| failed, bytes kept     | this upload               | SHOW it, OBSERVE whether it became ready after all, later   |
| failed                 | this upload               | SHOW it, done                                               |
| ready                  | this upload               | SHOW it, OBSERVE whether it still plays, done               |
| title corrected        | nothing else to do now    | RENAME its things at the provider; refused for good: KEEP_NAME |

A deadline also ends an upload whose provider cannot be asked: the last observation before it has then failed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from shared.reconcile import Decision, Done, Effect, RequeueAt, Snapshot, Step
from shared.reconcile.epoch import held_until
from shared.videos.model import (
    PROCESSING_TOO_LONG,
    UPLOAD_NOT_FINISHED,
    Ending,
    Video,
    VideoState,
    named,
)
from shared.videos.settings import Policy
from shared.videos.spec import Spec, VideoSpec
from shared.videos.transitions import (
    again,
    begun,
    closed,
    corrected,
    discarded,
    failed,
    moved_to,
    not_prepared,
    withdrawn,
)
from shared.videos.view import shown

PREPARE: Final = "prepare"
FIND: Final = "find"
OBSERVE: Final = "observe"
REPROCESS: Final = "reprocess"
CHECK: Final = "check"
BEGIN: Final = "begin"
WITHDRAW: Final = "withdraw"
EXPIRE: Final = "expire"
FAIL: Final = "fail"
RETRY: Final = "retry"
DISCARD: Final = "discard"
CLOSE: Final = "close"
SHOW: Final = "show"
SCRUB: Final = "scrub"
IDENTIFY: Final = "identify"
PLACE: Final = "place"
CORRECT: Final = "correct"
RENAME: Final = "rename"
KEEP_NAME: Final = "keep name"

PAUSE_MAX_S: Final = 60.0
"""The longest pause between two tries to prepare an upload, in seconds. It is short because the teacher is waiting."""

FACTS_PACE_S: Final = 10
"""Seconds between observations while a provider calls a video ready but does not report everything about it."""

MISSED_AFTER_S: Final = 600
MISSED_PAUSE_MAX_S: Final = 6 * 3600


def decide(
    snapshot: Snapshot[VideoSpec, Video], now: datetime, policy: Policy, late_commit_s: int, *, observed: bool
) -> Decision[Video]:
    """
    Return the next step for one video.

    Args:
        snapshot: Spec and record as read.
        now: This instant.
        policy: The deadlines, and the number of observations.
        late_commit_s: How long a call whose answer was lost may still take effect, in seconds.
        observed: Whether this run of the worker has already observed the video at its provider.
    """
    record, spec = snapshot.record, snapshot.spec.spec
    if record is None or spec is None:
        return Done()
    if record.state is VideoState.GONE:
        if record.expires_at is None:
            return _write(SCRUB, closed(record, now))
        return _write(SHOW, record) if snapshot.spec.shown is not None else Done()
    if snapshot.spec.identity is not None:
        followed = replace(record, session=record.session.following(snapshot.spec.identity))
        if followed != record:
            return _write(IDENTIFY, followed)
    if record.state is VideoState.PREPARING:
        return Step(FIND, Effect.CHANGE, record, record, retry_permanent=True, pause_max_s=PAUSE_MAX_S)
    if snapshot.spec.is_held and not spec.deleted:
        if record.state is VideoState.REQUESTED and not named(record):
            # A slow call wrote this request after the session was transferred.
            return _write(CLOSE, closed(record, now))
        return _write(SHOW, record) if snapshot.spec.shown is not None else Done()
    if snapshot.spec.is_waiting and not spec.deleted:
        return RequeueAt(held_until(now))
    if not snapshot.spec.wanted:
        return _write(CLOSE, closed(record, now))
    if record.order is None:
        return _write(PLACE, replace(record, order=None if snapshot.spec.place is None else snapshot.spec.place.order))
    if spec.number != record.serving:
        return _write(BEGIN, begun(record, spec, now, policy))
    if spec.cancelled == record.serving and record.state is not VideoState.READY:
        return _write(WITHDRAW, withdrawn(record, now))
    if spec.corrections != record.corrections or spec.new_order not in (None, record.order):
        return _write(CORRECT, corrected(record, spec, now))
    next_one = _next(snapshot, record, spec, now, policy, observed=observed)
    return next_one if isinstance(next_one, Step) else _rename(next_one, record, now, late_commit_s)


def _next(
    snapshot: Snapshot[VideoSpec, Video], record: Video, spec: Spec, now: datetime, policy: Policy, *, observed: bool
) -> Decision[Video]:
    """
    Return the next step for a video that exists and whose record matches its spec.
    """
    is_late = _is_past(record.deadline_at, now)
    match record.state:
        case VideoState.REQUESTED if is_late:
            return _write(EXPIRE, failed(record, UPLOAD_NOT_FINISHED, now, policy))
        case VideoState.REQUESTED:
            failure = record.progress.failure
            if failure is not None and failure.spec == str(record.failures) and not failure.retryable:
                why = Ending(failure.code, failure.message, retryable=True)
                return _write(FAIL, failed(record, why, now, policy))
            return _prepare(snapshot.key, record, now)
        case VideoState.RETRYING if is_late and _is_unheard(record, CHECK):
            return _write(EXPIRE, failed(record, PROCESSING_TOO_LONG, now, policy))
        case VideoState.RETRYING:
            return Step(
                CHECK, Effect.OBSERVE, record, record, retry_permanent=True, observes=True, at_hand=snapshot.spec.told
            )
        case VideoState.UPLOADING | VideoState.PROCESSING:
            return _wait(snapshot, record, now, policy, observed=observed)
        case VideoState.FAILED if record.external_ids and is_late:
            # It may have become ready while it was not observed: in an outage, or before a backup was restored.
            return _write(DISCARD, discarded(record)) if observed else _observe(snapshot, record)
        case VideoState.FAILED if spec.retry == record.failures and _may_retry(record):
            return _reprocess(record, now, policy) if record.external_ids else _write(RETRY, again(record, now, policy))
    if snapshot.spec.shown != shown(record, snapshot.spec):
        return _write(SHOW, record)
    there = record.state is VideoState.READY or record.external_ids
    if there and not observed and (snapshot.spec.told or record.looks < policy.looks_max):
        return _observe(snapshot, record)
    return Done() if record.deadline_at is None else RequeueAt(record.deadline_at)


def reference_of(video_id: str, generation: int) -> str:
    """
    Return the reference under which one generation of a video is made at its provider. Pure.
    """
    return f"video:{video_id}:{generation}"


def _wait(
    snapshot: Snapshot[VideoSpec, Video], record: Video, now: datetime, policy: Policy, *, observed: bool
) -> Decision[Video]:
    """
    Return the next step for an upload that only its provider can advance.
    """
    failure = record.progress.failure
    unheard = _is_unheard(record, OBSERVE)
    is_late = _is_past(record.deadline_at, now)
    if snapshot.spec.told and not observed:
        return _observe(snapshot, record)
    if is_late and (observed or unheard):
        # If the last observation failed, this is the only end left. All bytes may have arrived in time, so they are
        # kept.
        late = UPLOAD_NOT_FINISHED if record.state is VideoState.UPLOADING else PROCESSING_TOO_LONG
        return _write(EXPIRE, failed(record, late, now, policy, keeps=late.retryable or not observed))
    retry_at = failure.retry_at if failure is not None and unheard else None
    if not observed and (is_late or record.looks < policy.looks_max) and (retry_at is None or retry_at <= now):
        return _observe(snapshot, record)
    if snapshot.spec.shown != shown(record, snapshot.spec):
        return _write(SHOW, record)
    facts_at = now + timedelta(seconds=FACTS_PACE_S) if record.unknown_since is not None else None
    due = [at for at in (record.deadline_at, facts_at, retry_at) if at is not None]
    missed_at = _missed_at(record)
    if facts_at is retry_at is None and record.looks < policy.looks_max and (not due or missed_at < min(due)):
        return RequeueAt(missed_at, is_swept=True)
    return RequeueAt(min(due)) if due else Done()


def _is_unheard(record: Video, step: str) -> bool:
    """
    Tell whether the last observation failed.
    """
    failure = record.progress.failure
    return failure is not None and failure.step == step


def _rename(otherwise: Decision[Video], record: Video, now: datetime, late_commit_s: int) -> Decision[Video]:
    """
    Return the step that renames a video's things at the provider, if it is due. Viewers see the title without it, so it
    comes after everything else.
    """
    if record.rename_at is None or not named(record):
        return otherwise
    failure, spec = record.progress.failure, str(record.corrections)
    due_at = record.rename_at
    if failure is not None and (failure.step, failure.spec) == (RENAME, spec):
        if failure.retry_at is None:
            return _write(KEEP_NAME, replace(record, rename_at=None))
        due_at = max(due_at, failure.retry_at)
    if due_at > now:
        return RequeueAt(min(due_at, otherwise.at)) if isinstance(otherwise, RequeueAt) else RequeueAt(due_at)
    # If the answer is lost, it is done again once the call can no longer take effect.
    claimed = replace(record, rename_at=now + timedelta(seconds=late_commit_s))
    return Step(RENAME, Effect.CHANGE, claimed, record, spec=spec)


def _missed_at(record: Video) -> datetime:
    """
    Return when to observe a video in case the poller has missed something: less often the longer its state lasts.
    """
    since = record.history[-1].at if record.history else record.asked_at
    seen_at = record.looked_at or since
    pause_s = min(max((seen_at - since).total_seconds(), MISSED_AFTER_S), MISSED_PAUSE_MAX_S)
    return max(seen_at, since) + timedelta(seconds=pause_s)


def _may_retry(record: Video) -> bool:
    """
    Tell whether a failure may be retried: it is retryable, and the provider has not refused a retry.
    """
    if record.ended is None or not record.ended.retryable:
        return False
    refused = record.progress.failure
    return refused is None or refused.retryable or (refused.step, refused.spec) != (REPROCESS, str(record.failures))


def _prepare(video_id: str, record: Video, now: datetime) -> Step[Video]:
    claimed = replace(moved_to(record, VideoState.PREPARING, now), tried_at=now)
    if record.upload.recording is None:
        generation = record.generation + 1
        claimed = replace(claimed, generation=generation, reference=reference_of(video_id, generation))
    rollback = not_prepared(claimed, now)
    # A new upload waits for its bytes; a recording may have arrived long ago.
    is_new = record.upload.recording is None
    return Step(
        PREPARE,
        Effect.CHANGE,
        claimed,
        rollback,
        spec=str(record.failures),
        observes=is_new,
        pause_max_s=PAUSE_MAX_S,
    )


def _reprocess(record: Video, now: datetime, policy: Policy) -> Step[Video]:
    deadline_at = now + timedelta(seconds=policy.processing_deadline_s)
    claimed = replace(moved_to(record, VideoState.RETRYING, now), tried_at=now, deadline_at=deadline_at)
    return Step(REPROCESS, Effect.CHANGE, claimed, record, spec=str(record.failures))


def _observe(snapshot: Snapshot[VideoSpec, Video], record: Video) -> Step[Video]:
    return Step(
        OBSERVE, Effect.OBSERVE, record, record, retry_permanent=True, observes=True, at_hand=snapshot.spec.told
    )


def _write(name: str, record: Video) -> Step[Video]:
    return Step(name, Effect.WRITE, record, record)


def _is_past(at: datetime | None, now: datetime) -> bool:
    return at is not None and at <= now
