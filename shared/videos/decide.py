"""What a video needs next. Pure; called by the visit through the Controller of this folder.

The first row that fits is the one that counts.

| recorded               | wished                    | next                                                        |
|------------------------|---------------------------|-------------------------------------------------------------|
| nothing                | anything                  | done                                                        |
| gone, as an earlier release left it | anything     | SCRUB it: a tombstone holds ids only                        |
| gone                   | anything                  | SHOW nothing, done                                          |
| without a mark, or of a former owner | its session is there | IDENTIFY it: it takes mark and owner of that     |
| preparing              | anything                  | FIND it: adopt it, or none is made until late commits are past |
| anything               | that it be there, and the session's owner changed without a transfer | SHOW nothing, done |
| anything               | no video, or no session   | CLOSE: everything it names is given up                      |
| anything               | another upload            | BEGIN it; the earlier upload is given up, what plays is not |
| anything but ready     | this upload is cancelled  | WITHDRAW it: what plays is the video again; nothing: CLOSE  |
| requested              | this upload, or recording | PREPARE a new generation; refused for good: FAIL            |
| uploading, processing  | this upload               | OBSERVE, `looks_max` times; past its deadline: EXPIRE; later |
| retrying               | this upload               | CHECK whether it is processed; it is not: as failed         |
| failed, bytes kept     | this upload               | past its deadline: DISCARD the bytes                        |
| failed, bytes kept     | that it be tried again    | REPROCESS, where that may help                              |
| failed                 | that it be tried again    | RETRY from the beginning, where that may help               |
| failed, bytes kept     | this upload               | SHOW it, OBSERVE whether it came to play after all, later   |
| failed                 | this upload               | SHOW it, done                                               |
| ready                  | this upload               | SHOW it, OBSERVE whether it still plays, done               |
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from shared.history import moved
from shared.identity import TOMBSTONE_S
from shared.ports import MediaState, Observation, Parts
from shared.reconcile import Decision, Done, Effect, Later, Look, Step
from shared.videos.model import Ending, Playable, Video, VideoState, VideoWish, Wish, shown
from shared.videos.policy import Policy, refusal_of_media

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

UPLOAD_NOT_FINISHED: Final = Ending("UPLOAD_NOT_FINISHED", "The upload was not finished in time. Start it again.")
PROCESSING_TOO_LONG: Final = Ending(
    "PROCESSING_TOO_LONG",
    "The provider did not finish processing the video in time. Have it tried again, or upload it again.",
    retryable=True,
)
VANISHED: Final = Ending("VANISHED", "The video was deleted at the provider. Upload it again.")
PLAYS_NO_MORE: Final = Ending("PLAYS_NO_MORE", "The provider cannot play this video any more. It may come back.")


def decide(look: Look[VideoWish, Video], now: datetime, policy: Policy, *, observed: bool) -> Decision[Video]:
    """
    The next step for one video.

    Args:
        look: Wish and record as read.
        now: This instant.
        policy: How long, and how often.
        observed: Whether this visitor has just heard from the provider how the video stands.
    """
    record, wish = look.record, look.wish.wish
    if record is None or wish is None:
        return Done()
    if record.state is VideoState.GONE:
        if record.expires_at is None:
            return _write(SCRUB, closed(record, now))
        return _write(SHOW, record) if look.wish.shown is not None else Done()
    if look.wish.identity is not None:
        followed = replace(record, session=record.session.following(look.wish.identity))
        if followed != record:
            return _write(IDENTIFY, followed)
    if record.state is VideoState.PREPARING:
        return Step(FIND, Effect.CHANGE, record, record, insists=True)
    if look.wish.is_held and not wish.deleted:
        return _write(SHOW, record) if look.wish.shown is not None else Done()
    if not look.wish.wanted:
        return _write(CLOSE, closed(record, now))
    if wish.number != record.serving:
        return _write(BEGIN, begun(record, wish, now))
    if wish.cancelled == record.serving and record.state is not VideoState.READY:
        return _write(WITHDRAW, withdrawn(record, now))
    match record.state:
        case VideoState.REQUESTED:
            failure = record.progress.failure
            if failure is not None and failure.wish == str(record.failures) and not failure.retryable:
                why = Ending(failure.code, failure.message, retryable=True)
                return _write(FAIL, failed(record, why, now, policy))
            return _prepare(look.key, record, now)
        case VideoState.RETRYING:
            return Step(CHECK, Effect.OBSERVE, record, record, insists=True, informs=True)
        case VideoState.UPLOADING | VideoState.PROCESSING:
            return _wait(look, record, now, policy, observed=observed)
        case VideoState.FAILED if record.parts and _is_past(record.deadline_at, now):
            return _write(DISCARD, discarded(record))
        case VideoState.FAILED if wish.retry == record.failures and _may_retry(record):
            return _reprocess(record, now) if record.parts else _write(RETRY, requested(record, now))
    if look.wish.shown != shown(record):
        return _write(SHOW, record)
    there = record.state is VideoState.READY or record.parts
    if there and not observed and record.looks < policy.looks_max:
        return _observe(record)
    return Done() if record.deadline_at is None else Later(record.deadline_at)


def reference_of(video_id: str, generation: int) -> str:
    """
    The reference under which one generation of a video is made at its provider. Pure.
    """
    return f"video:{video_id}:{generation}"


def begun(record: Video, wish: Wish, now: datetime) -> Video:
    """
    The record once another upload is served; an earlier one is named no more. Pure.
    """
    return replace(
        requested(record, now),
        upload=wish.upload,
        asked_at=wish.asked_at,
        serving=wish.number,
        parts={},
        reference=None,
    )


def requested(record: Video, now: datetime) -> Video:
    """
    The record of an upload for which nothing exists yet. Pure.
    """
    return replace(
        _moved(record, VideoState.REQUESTED, now),
        tried_at=None,
        percent=0,
        stage=None,
        received_bytes=None,
        looks=0,
        looked_at=None,
        deadline_at=None,
        ended=None,
    )


def prepared(record: Video, parts: Parts, now: datetime, policy: Policy) -> Video:
    """
    The record once the provider waits for the bytes. Pure.
    """
    return replace(
        _moved(record, VideoState.UPLOADING, now),
        parts=parts,
        tried_at=None,
        deadline_at=record.asked_at + timedelta(seconds=policy.upload_deadline_s),
    )


def not_prepared(record: Video, now: datetime) -> Video:
    """
    The record once it is certain that nothing exists at the provider. Pure.
    """
    again = requested(record, now)
    # A recording is there, whether it was taken over or not.
    return again if record.upload.recording is not None else replace(again, reference=None)


def observed(record: Video, seen: Observation, now: datetime, policy: Policy) -> Video:
    """
    The record once the provider was asked. Pure.
    """
    record = replace(record, looks=record.looks + 1, looked_at=now)
    if record.state is VideoState.READY:
        return _played(record, seen)
    if record.state is VideoState.FAILED and seen.state is not MediaState.READY:
        return record
    if record.state is VideoState.RETRYING and seen.state is not MediaState.ERROR:
        record = processing(record, now, policy)
    if record.state is VideoState.RETRYING:
        return replace(_moved(record, VideoState.FAILED, now), tried_at=None)
    percent = record.percent if seen.percent is None else seen.percent
    match seen.state:
        case MediaState.AWAITING_UPLOAD:
            return replace(record, percent=percent, stage=seen.stage, received_bytes=seen.received_bytes)
        case MediaState.PROCESSING:
            if record.state is not VideoState.PROCESSING:
                record, percent = processing(record, now, policy), seen.percent or 0
            return replace(record, percent=percent, stage=seen.stage)
        case MediaState.READY:
            refusal = refusal_of_media(seen, record.upload, policy)
            return ready(record, seen, now) if refusal is None else failed(record, Ending(*refusal), now, policy)
        case MediaState.ERROR:
            why = Ending("REFUSED_BY_PROVIDER", seen.reason or "The file could not be read.", seen.retryable)
            return failed(record, why, now, policy)
        case MediaState.GONE:
            return failed(record, VANISHED, now, policy)


def is_news(record: Video, seen: Observation, now: datetime, policy: Policy) -> bool:
    """
    Whether what the provider tells would alter anything but how often it was asked. Pure.
    """
    told = observed(record, seen, now, policy)
    return replace(told, looks=record.looks, looked_at=record.looked_at) != record


def processing(record: Video, now: datetime, policy: Policy) -> Video:
    """
    The record once the provider works on the bytes. Pure.
    """
    return replace(
        _moved(record, VideoState.PROCESSING, now),
        tried_at=None,
        percent=0,
        stage=None,
        received_bytes=None,
        ended=None,
        deadline_at=now + timedelta(seconds=policy.processing_deadline_s),
    )


def ready(record: Video, seen: Observation, now: datetime) -> Video:
    """
    The record once the latest upload is what plays; what played before is named no more. Pure.
    """
    return replace(
        _moved(record, VideoState.READY, now),
        playable=Playable(
            reference=record.reference or "",
            parts=record.parts,
            title=record.upload.title,
            duration_s=seen.duration_s,
            size_bytes=seen.size_bytes,
            media_type=seen.media_type,
            ready_at=now,
        ),
        parts={},
        reference=None,
        percent=100,
        stage=None,
        received_bytes=None,
        deadline_at=None,
        ended=None,
    )


def failed(record: Video, why: Ending, now: datetime, policy: Policy) -> Video:
    """
    The record once it is certain that this upload will not play by itself. Where trying again may help, its bytes are
    kept for a while. Pure.
    """
    ended = replace(_moved(record, VideoState.FAILED, now), ended=why, failures=record.failures + 1, stage=None)
    if why.retryable and record.parts:
        return replace(ended, deadline_at=now + timedelta(seconds=policy.retry_keep_s))
    return replace(ended, parts={}, reference=None, deadline_at=None)


def discarded(record: Video) -> Video:
    """
    The record of a failed upload whose bytes are not kept any longer. Pure.
    """
    ended = None if record.ended is None else replace(record.ended, retryable=False)
    return replace(record, parts={}, reference=None, deadline_at=None, ended=ended)


def withdrawn(record: Video, now: datetime) -> Video:
    """
    The record once its latest upload is not wanted any more. Pure.
    """
    if record.playable is None:
        return closed(record, now)
    back = replace(requested(record, now), history=record.history)
    return replace(_moved(back, VideoState.READY, now), parts={}, reference=None, percent=100)


def closed(record: Video, now: datetime) -> Video:
    """
    The record of a video that nobody wants: a tombstone, which holds ids only and goes in its time. Pure.
    """
    gone = replace(requested(record, now), history=())
    return replace(
        _moved(gone, VideoState.GONE, now),
        session=record.session.nameless(),
        upload=record.upload.nameless(),
        parts={},
        reference=None,
        playable=None,
        expires_at=now + timedelta(seconds=TOMBSTONE_S),
    )


def _played(record: Video, seen: Observation) -> Video:
    """
    The record of a ready video that was looked at again. What goes wrong with it now is told and nothing is deleted:
    its provider may only be confused.
    """
    if record.playable is None or seen.state in (MediaState.AWAITING_UPLOAD, MediaState.PROCESSING):
        return record
    trouble = None if seen.state is MediaState.READY else PLAYS_NO_MORE
    return replace(record, playable=replace(record.playable, trouble=trouble))


def _wait(
    look: Look[VideoWish, Video], record: Video, now: datetime, policy: Policy, *, observed: bool
) -> Decision[Video]:
    is_late = _is_past(record.deadline_at, now)
    if not observed and (is_late or record.looks < policy.looks_max):
        return _observe(record)
    if is_late:
        late = UPLOAD_NOT_FINISHED if record.state is VideoState.UPLOADING else PROCESSING_TOO_LONG
        return _write(EXPIRE, failed(record, late, now, policy))
    if look.wish.shown != shown(record):
        return _write(SHOW, record)
    return Done() if record.deadline_at is None else Later(record.deadline_at)


def _may_retry(record: Video) -> bool:
    """
    Whether a failure may be tried again: it is of that kind, and the provider has not refused to.
    """
    if record.ended is None or not record.ended.retryable:
        return False
    refused = record.progress.failure
    return refused is None or refused.retryable or (refused.step, refused.wish) != (REPROCESS, str(record.failures))


def _prepare(video_id: str, record: Video, now: datetime) -> Step[Video]:
    begun = replace(_moved(record, VideoState.PREPARING, now), tried_at=now)
    if record.upload.recording is None:
        generation = record.generation + 1
        begun = replace(begun, generation=generation, reference=reference_of(video_id, generation))
    undone = not_prepared(begun, now)
    # What is new waits for its bytes; a recording may have arrived long ago.
    is_new = record.upload.recording is None
    return Step(PREPARE, Effect.CHANGE, begun, undone, wish=str(record.failures), informs=is_new)


def _reprocess(record: Video, now: datetime) -> Step[Video]:
    begun = replace(_moved(record, VideoState.RETRYING, now), tried_at=now)
    return Step(REPROCESS, Effect.CHANGE, begun, record, wish=str(record.failures))


def _observe(record: Video) -> Step[Video]:
    return Step(OBSERVE, Effect.OBSERVE, record, record, insists=True, informs=True)


def _write(name: str, record: Video) -> Step[Video]:
    return Step(name, Effect.WRITE, record, record)


def _moved(record: Video, state: VideoState, now: datetime) -> Video:
    return replace(record, state=state, history=moved(record.history, state, now))


def _is_past(at: datetime | None, now: datetime) -> bool:
    return at is not None and at <= now
