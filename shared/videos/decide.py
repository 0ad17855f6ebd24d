"""What a video needs next. Pure; called by the visit through the Controller of this folder.

| recorded            | session exists                                          | session deleted       |
|---------------------|---------------------------------------------------------|-----------------------|
| requested           | PREPARE a new generation; refused for good: FAIL        | CLOSE                 |
| preparing           | FIND it by its reference: adopt it, or none is made until late commits are past | the same |
| uploading           | OBSERVE; past its deadline: EXPIRE; later, then          | DELETE                |
| processing          | OBSERVE; past its deadline: EXPIRE; later, then          | DELETE                |
| ready               | SHOW it, done                                           | DELETE                |
| failed, with parts  | REAP what is left at the provider                       | DELETE                |
| failed              | SHOW it, done                                           | CLOSE                 |
| deleting            | DELETE again; what is gone counts as deleted            | the same              |
| gone                | done                                                    | done                  |
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from shared.history import moved
from shared.ports import MediaState, Observation, Parts
from shared.reconcile import Decision, Done, Effect, Later, Look, Step
from shared.videos.model import Ending, Video, VideoState, VideoWish, shown
from shared.videos.policy import Policy, refusal_of_media

PREPARE: Final = "prepare"
FIND: Final = "find"
OBSERVE: Final = "observe"
EXPIRE: Final = "expire"
FAIL: Final = "fail"
REAP: Final = "reap"
DELETE: Final = "delete"
CLOSE: Final = "close"
SHOW: Final = "show"

UPLOAD_NOT_FINISHED: Final = Ending("UPLOAD_NOT_FINISHED", "The upload was not finished in time. Start it again.")
PROCESSING_TOO_LONG: Final = Ending(
    "PROCESSING_TOO_LONG", "The provider did not finish processing the video in time. Upload it again."
)
VANISHED: Final = Ending("VANISHED", "The video was deleted at the provider. Upload it again.")


def decide(look: Look[VideoWish, Video], now: datetime, *, observed: bool) -> Decision[Video]:
    """
    The next step for one video.

    Args:
        look: Wish and record as read.
        now: This instant.
        observed: Whether this visitor has just heard from the provider how the video stands.
    """
    record, wanted = look.record, look.wish.wanted
    if record is None:
        return Done()
    match record.state:
        case VideoState.PREPARING:
            return Step(FIND, Effect.CHANGE, record, record, insists=True)
        case VideoState.DELETING:
            return _delete(record, now)
        case VideoState.GONE:
            return Done()
        case VideoState.REQUESTED | VideoState.FAILED if not wanted and not record.parts:
            return _write(CLOSE, _moved(record, VideoState.GONE, now))
        case _ if not wanted:
            return _delete(record, now)
        case VideoState.REQUESTED:
            failure = record.progress.failure
            if failure is not None and not failure.retryable:
                return _write(FAIL, failed(record, Ending(failure.code, failure.message), now))
            return _prepare(look.key, record, now)
        case VideoState.UPLOADING | VideoState.PROCESSING:
            if not observed:
                return Step(OBSERVE, Effect.OBSERVE, record, record, insists=True, informs=True)
            if record.deadline_at is not None and record.deadline_at > now:
                return Later(record.deadline_at) if look.wish.shown == shown(record) else _write(SHOW, record)
            late = UPLOAD_NOT_FINISHED if record.state is VideoState.UPLOADING else PROCESSING_TOO_LONG
            return _write(EXPIRE, failed(record, late, now))
        case VideoState.FAILED if record.parts:
            return Step(REAP, Effect.CHANGE, record, record, insists=True)
    return Done() if look.wish.shown == shown(record) else _write(SHOW, record)


def reference_of(video_id: str, generation: int) -> str:
    """
    The reference under which one generation of a video is made at its provider. Pure.
    """
    return f"video:{video_id}:{generation}"


def prepared(record: Video, parts: Parts, now: datetime, policy: Policy) -> Video:
    """
    The record once the provider waits for the bytes. Pure.
    """
    return replace(
        _moved(record, VideoState.UPLOADING, now),
        parts=parts,
        tried_at=None,
        deadline_at=record.created_at + timedelta(seconds=policy.upload_deadline_s),
    )


def not_prepared(record: Video, now: datetime) -> Video:
    """
    The record once it is certain that nothing exists at the provider. Pure.
    """
    return replace(_moved(record, VideoState.REQUESTED, now), reference=None, tried_at=None)


def observed(record: Video, seen: Observation, now: datetime, policy: Policy) -> Video:
    """
    The record once the provider was asked. Pure.
    """
    match seen.state:
        case MediaState.AWAITING_UPLOAD:
            return replace(record, percent=seen.percent)
        case MediaState.PROCESSING:
            begun = record.state is not VideoState.PROCESSING
            deadline_at = now + timedelta(seconds=policy.processing_deadline_s) if begun else record.deadline_at
            return replace(_moved(record, VideoState.PROCESSING, now), percent=seen.percent, deadline_at=deadline_at)
        case MediaState.READY:
            arrived = replace(record, duration_s=seen.duration_s, size_bytes=seen.size_bytes)
            refusal = refusal_of_media(seen, policy)
            if refusal is not None:
                return failed(arrived, Ending(*refusal), now)
            return replace(_moved(arrived, VideoState.READY, now), percent=100, deadline_at=None)
        case MediaState.ERROR:
            return failed(record, Ending("REFUSED_BY_PROVIDER", seen.reason or "The file could not be read."), now)
        case MediaState.GONE:
            return failed(replace(record, parts={}), VANISHED, now)


def failed(record: Video, why: Ending, now: datetime) -> Video:
    """
    The record once it is certain that this video will never play. Pure.
    """
    return replace(_moved(record, VideoState.FAILED, now), ended=why, deadline_at=None)


def reaped(record: Video) -> Video:
    """
    The record once nothing is left at the provider; its state says why. Pure.
    """
    return replace(record, parts={}, reference=None)


def deleted(record: Video, now: datetime) -> Video:
    """
    The record once nothing is left at the provider, because nobody wants it. Pure.
    """
    return replace(_moved(reaped(record), VideoState.GONE, now), deadline_at=None)


def _prepare(video_id: str, record: Video, now: datetime) -> Step[Video]:
    generation = record.generation + 1
    begun = replace(
        _moved(record, VideoState.PREPARING, now),
        generation=generation,
        reference=reference_of(video_id, generation),
        tried_at=now,
    )
    return Step(PREPARE, Effect.CHANGE, begun, not_prepared(begun, now), informs=True)


def _delete(record: Video, now: datetime) -> Step[Video]:
    begun = _moved(record, VideoState.DELETING, now)
    return Step(DELETE, Effect.CHANGE, begun, begun, insists=True)


def _write(name: str, record: Video) -> Step[Video]:
    return Step(name, Effect.WRITE, record, record)


def _moved(record: Video, state: VideoState, now: datetime) -> Video:
    return replace(record, state=state, history=moved(record.history, state, now))
