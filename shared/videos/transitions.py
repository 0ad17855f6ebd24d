"""The record of a video after each step, and after each observation at its provider. Pure.

Called by `decide` for steps that only write, and by the Controller of this folder for outcomes of provider calls.
`decide` chooses the next step, and `policy` what may be uploaded.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from shared.core.history import moved
from shared.core.identity import TOMBSTONE_S
from shared.ports import ExternalIds, MediaState, Observation
from shared.videos.model import UPLOAD_NOT_FINISHED, Ending, Playable, Video, VideoState, named
from shared.videos.policy import NOT_RECOGNIZED, refusal_of_media, refusal_of_upload
from shared.videos.settings import Policy
from shared.videos.spec import Spec

VANISHED: Final = Ending("VANISHED", "The video was deleted at the provider. Upload it again.")
PLAYS_NO_MORE: Final = Ending("PLAYS_NO_MORE", "The provider cannot play this video any more. It may come back.")
REJECTED_BY_MODERATOR: Final = Ending(
    "REJECTED_BY_MODERATOR", "A moderator at the video provider has rejected this video. Upload another one."
)

FACTS_WAIT_S: Final = 60
"""Seconds to wait for all facts about a video: a provider may call it ready a little before it can report them."""


def moved_to(record: Video, state: VideoState, now: datetime) -> Video:
    """
    Return the record in another state. Pure.
    """
    return replace(record, state=state, history=moved(record.history, state, now))


def begun(record: Video, spec: Spec, now: datetime, policy: Policy) -> Video:
    """
    Return the record once another upload is served; it no longer names an earlier one. Pure.
    """
    return replace(
        requested(record, now, spec.asked_at + timedelta(seconds=policy.upload_deadline_s)),
        upload=spec.upload,
        asked_at=spec.asked_at,
        serving=spec.number,
        external_ids={},
        reference=None,
    )


def again(record: Video, now: datetime, policy: Policy) -> Video:
    """
    Return the record of an upload that starts again from the beginning, with its full time. Pure.
    """
    return requested(record, now, now + timedelta(seconds=policy.upload_deadline_s))


def requested(record: Video, now: datetime, deadline_at: datetime | None = None) -> Video:
    """
    Return the record of an upload for which nothing exists yet. Pure.

    Args:
        record: The record before.
        now: This instant.
        deadline_at: When the upload must be finished.
    """
    return replace(
        moved_to(record, VideoState.REQUESTED, now),
        tried_at=None,
        percent=0,
        stage=None,
        received_bytes=None,
        looks=0,
        looked_at=None,
        deadline_at=deadline_at,
        unknown_since=None,
        ended=None,
    )


def corrected(record: Video, spec: Spec, now: datetime) -> Video:
    """
    Return the record with the title and the place that were last chosen; its things at the provider are to be renamed
    too. Pure.
    """
    order = record.order if spec.new_order is None else spec.new_order
    if spec.corrections == record.corrections or spec.new_title is None:
        return replace(record, order=order, corrections=spec.corrections)
    plays = record.playable
    return replace(
        record,
        order=order,
        corrections=spec.corrections,
        upload=replace(record.upload, title=spec.upload.title),
        playable=None if plays is None else replace(plays, title=spec.new_title),
        # If the answer to an earlier renaming was lost, that one may still take effect until then.
        rename_at=(record.rename_at or now) if named(record) else None,
    )


def prepared(record: Video, external_ids: ExternalIds, now: datetime, policy: Policy) -> Video:
    """
    Return the record once the provider waits for the bytes. Pure.
    """
    return replace(
        moved_to(record, VideoState.UPLOADING, now),
        external_ids=external_ids,
        tried_at=None,
        # An earlier release set the deadline of an upload here.
        deadline_at=record.deadline_at or record.asked_at + timedelta(seconds=policy.upload_deadline_s),
    )


def not_prepared(record: Video, now: datetime) -> Video:
    """
    Return the record once it is certain that nothing exists at the provider. Pure.
    """
    begun_again = requested(record, now, record.deadline_at)
    # A recording exists, whether it was taken over or not.
    return begun_again if record.upload.recording is not None else replace(begun_again, reference=None)


def observed(record: Video, seen: Observation, now: datetime, policy: Policy, *, asked: bool = True) -> Video:
    """
    Return the record after an observation of the video at its provider. Pure.

    Args:
        record: The record before.
        seen: The observation.
        now: This instant.
        policy: The limits.
        asked: Whether the provider was asked for this video alone, which counts towards `looks_max`.
    """
    record = replace(record, looks=record.looks + asked, looked_at=now)
    if record.state is VideoState.READY:
        return _played(record, seen)
    if record.state is VideoState.FAILED:
        return _ended_late(record, seen, now, policy)
    if record.state is VideoState.RETRYING and seen.state is MediaState.ERROR:
        kept_until = now + timedelta(seconds=policy.retry_keep_s)
        return replace(moved_to(record, VideoState.FAILED, now), tried_at=None, deadline_at=kept_until)
    if record.state is VideoState.RETRYING:
        record = processing(record, now, policy)
    match seen.state:
        case MediaState.AWAITING_UPLOAD | MediaState.PROCESSING:
            return _got_on(record, seen, now, policy)
        case MediaState.READY:
            return _ended(record, seen, now, policy)
    return failed(record, _ending_of(seen), now, policy)


def _got_on(record: Video, seen: Observation, now: datetime, policy: Policy) -> Video:
    """
    Return the record of an upload that goes on, or that has failed because more has arrived than was declared. Values
    that this observation did not report stay as they were.
    """
    percent = record.percent if seen.percent is None else seen.percent
    if seen.state is MediaState.PROCESSING and record.state is not VideoState.PROCESSING:
        record, percent = processing(record, now, policy), seen.percent or 0
    told_bytes = seen.received_bytes if seen.size_bytes is None else seen.size_bytes
    received_bytes = record.received_bytes if told_bytes is None else told_bytes
    stage = seen.stage if seen.percent is not None or seen.stage is not None else record.stage
    record = replace(record, percent=percent, stage=stage, received_bytes=received_bytes, unknown_since=None)
    refusal = refusal_of_upload(received_bytes or 0, record.upload, policy)
    return record if refusal is None else failed(record, Ending(*refusal), now, policy)


def _ended(record: Video, seen: Observation, now: datetime, policy: Policy) -> Video:
    """
    Return the record of an upload that its provider calls ready: it plays, or it is refused. If the provider does not
    report everything yet, wait for a while.
    """
    refusal = refusal_of_media(seen, record.upload, policy)
    if refusal is None:
        return ready(record, seen, now)
    since = record.unknown_since or now
    if refusal[0] == NOT_RECOGNIZED and now < since + timedelta(seconds=FACTS_WAIT_S):
        working = record if record.state is VideoState.PROCESSING else processing(record, now, policy)
        return replace(working, percent=100, stage=None, unknown_since=since)
    return failed(record, Ending(*refusal), now, policy)


def _ended_late(record: Video, seen: Observation, now: datetime, policy: Policy) -> Video:
    """
    Return the record of a failed upload whose bytes are kept: it plays if its provider has finished it after all. If it
    failed only by a deadline, the provider's later reports tell whether it was finished in time, and how it ends.
    """
    if not record.is_pending and seen.state is not MediaState.READY:
        return record
    was_unfinished = record.ended == UPLOAD_NOT_FINISHED
    match seen.state:
        case MediaState.AWAITING_UPLOAD:
            return discarded(record) if was_unfinished else record
        case MediaState.PROCESSING:
            return processing(record, now, policy) if was_unfinished else record
        case MediaState.READY:
            refusal = refusal_of_media(seen, record.upload, policy)
            if refusal is not None and refusal[0] == NOT_RECOGNIZED:
                return record
            return ready(record, seen, now) if refusal is None else failed(record, Ending(*refusal), now, policy)
    return failed(record, _ending_of(seen), now, policy)


def _ending_of(seen: Observation) -> Ending:
    """
    Return the reason why an upload failed that its provider has ended.
    """
    match seen.state:
        case MediaState.REJECTED:
            return REJECTED_BY_MODERATOR
        case MediaState.GONE:
            return VANISHED
    return Ending("REFUSED_BY_PROVIDER", seen.reason or "The file could not be read.", seen.retryable)


def is_news(record: Video, seen: Observation, now: datetime, policy: Policy) -> bool:
    """
    Tell whether an observation would change anything but the count and time of observations. Pure.
    """
    told = observed(record, seen, now, policy, asked=False)
    return replace(told, looked_at=record.looked_at) != record


def processing(record: Video, now: datetime, policy: Policy) -> Video:
    """
    Return the record once the provider works on the bytes. Pure.
    """
    return replace(
        moved_to(record, VideoState.PROCESSING, now),
        tried_at=None,
        percent=0,
        stage=None,
        unknown_since=None,
        ended=None,
        deadline_at=now + timedelta(seconds=policy.processing_deadline_s),
    )


def ready(record: Video, seen: Observation, now: datetime) -> Video:
    """
    Return the record once the latest upload plays; it no longer names the version that played before. Pure.
    """
    return replace(
        moved_to(record, VideoState.READY, now),
        playable=Playable(
            reference=record.reference or "",
            external_ids=record.external_ids,
            title=record.upload.title,
            duration_s=seen.duration_s,
            size_bytes=seen.size_bytes,
            media_type=seen.media_type,
            ready_at=now,
            began_at=seen.began_at,
        ),
        external_ids={},
        reference=None,
        percent=100,
        stage=None,
        received_bytes=None,
        deadline_at=None,
        unknown_since=None,
        ended=None,
    )


def failed(record: Video, why: Ending, now: datetime, policy: Policy, *, keeps: bool | None = None) -> Video:
    """
    Return the record once this upload has failed. Pure.

    Args:
        record: The record before.
        why: The reason.
        now: This instant.
        policy: How long bytes are kept.
        keeps: Whether the bytes are kept for a while; `None` keeps them if a retry may help.
    """
    ended = replace(
        moved_to(record, VideoState.FAILED, now),
        ended=why,
        failures=record.failures + 1,
        stage=None,
        tried_at=None,
        unknown_since=None,
    )
    if record.external_ids and (why.retryable if keeps is None else keeps):
        return replace(ended, deadline_at=now + timedelta(seconds=policy.retry_keep_s))
    return replace(ended, external_ids={}, reference=None, deadline_at=None)


def discarded(record: Video) -> Video:
    """
    Return the record of a failed upload whose bytes are no longer kept. Pure.
    """
    ended = None if record.ended is None else replace(record.ended, retryable=False)
    return replace(record, external_ids={}, reference=None, deadline_at=None, ended=ended)


def withdrawn(record: Video, now: datetime) -> Video:
    """
    Return the record once its latest upload was cancelled. Pure.
    """
    if record.playable is None:
        return closed(record, now)
    back = replace(requested(record, now), history=record.history)
    return replace(moved_to(back, VideoState.READY, now), external_ids={}, reference=None, percent=100)


def closed(record: Video, now: datetime) -> Video:
    """
    Return the record of a deleted video: a tombstone, which holds ids only and expires. Pure.
    """
    gone = replace(requested(record, now), history=())
    return replace(
        moved_to(gone, VideoState.GONE, now),
        session=record.session.nameless(),
        upload=record.upload.nameless(),
        external_ids={},
        reference=None,
        playable=None,
        expires_at=now + timedelta(seconds=TOMBSTONE_S),
    )


def _played(record: Video, seen: Observation) -> Video:
    """
    Return the record of a ready video after another observation. A problem is shown but nothing is deleted, because its
    provider may be wrong.
    """
    if record.playable is None or seen.state in (MediaState.AWAITING_UPLOAD, MediaState.PROCESSING):
        return record
    wrong = REJECTED_BY_MODERATOR if seen.state is MediaState.REJECTED else PLAYS_NO_MORE
    trouble = None if seen.state is MediaState.READY else wrong
    return replace(record, playable=replace(record.playable, trouble=trouble))
