"""Reconcile many videos together, with one call to the provider for all of them, or with none if the provider has
already reported their states.

Called by the worker `reconcileVideo`, whose task names one video or many, and by the readiness poller. `Reconciler`
reconciles each.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from shared.core import log
from shared.core.errors import Conflict, Transient
from shared.core.paths import KEYS_SEPARATOR, RECONCILE_VIDEO, video_path
from shared.core.references import VIDEO, read
from shared.ports import OBSERVED_MAX, Change, Clock, Document, MediaState, Task
from shared.reconcile import Mapper, Reconciler
from shared.videos.controller import Seen, Videos, watched
from shared.videos.model import Video
from shared.videos.transitions import is_news

BUDGET_S: Final = 30.0
"""Seconds after which no further video is begun; with the slowest reconciliation that stays below
`WORKER_TIMEOUT_S`."""

AGAIN_S: Final = 5.0


def reconcile_videos(videos: Videos, key: str, reconciler: Reconciler, each: Mapper = map) -> None:
    """
    Bring one video, or many, as close to their specs as is possible now.

    Args:
        videos: Their Controller.
        key: The id of one, or the ids of many.
        reconciler: Reconciles each.
        each: Runs the reconciliations, one after the other or several at once.

    Raises:
        Transient, Conflict: For one video, as `Reconciler.reconcile`. Of many, each that fails is enqueued again alone.
            If the provider cannot be asked about all of them, none is reconciled (again).
    """
    keys = list(dict.fromkeys(key.split(KEYS_SEPARATOR)))
    if len(keys) == 1:
        reconciler.reconcile(videos, key)
        return
    ends_at = reconciler.clock() + timedelta(seconds=BUDGET_S)
    documents = videos.documents.read(*map(video_path, keys))
    records = {document.id: Video.from_document(document) for document in documents if document is not None}
    _reconcile_each(replace(videos, seen=see(videos, records, reconciler.clock)), keys, reconciler, ends_at, each)


def reconcile_changed(
    videos: Videos,
    provider: str,
    changes: Iterable[Change],
    asked_at: datetime,
    reconciler: Reconciler,
    ends_at: datetime,
    each: Mapper = map,
) -> Collection[str]:
    """
    Reconcile every video of which a provider reports news, without asking it again. Videos that are no longer
    processing come first.

    Args:
        videos: Their Controller.
        provider: Our name of the provider.
        changes: The reported changes, the newest of each video first; those that are not of our videos are ignored.
        asked_at: When the provider was asked.
        reconciler: Reconciles each.
        ends_at: No further video is begun after that.
        each: Runs the reconciliations, one after the other or several at once.

    Returns:
        The ids of the videos with news.

    Raises:
        Transient: The documents or the queue could not be reached; what was not reconciled is still news (again).
    """
    told: dict[str, list[Change]] = {}
    for change in sorted(changes, key=_gets_on):
        reference = read(provider, change.reference)
        if reference is not None and reference.kind == VIDEO:
            told.setdefault(reference.key, []).append(change)
    now = reconciler.clock()
    seen: dict[str, Seen] = {}
    for video_ids in _batches(list(told)):
        for document in filter(None, videos.documents.read(*map(video_path, video_ids))):
            news = _news(videos, document, told[document.id], asked_at, now)
            if news is not None:
                seen[document.id] = news
    _reconcile_each(replace(videos, seen=seen), list(seen), reconciler, ends_at, each)
    return seen.keys()


def reconcile_observed(
    videos: Videos,
    records: Mapping[str, Video],
    seen: Mapping[str, Seen],
    reconciler: Reconciler,
    ends_at: datetime,
    each: Mapper = map,
) -> Collection[str]:
    """
    Reconcile every video whose observation is news, or whose last step failed.

    Args:
        videos: Their Controller.
        records: Their records, by video id.
        seen: The observations, by video id.
        reconciler: Reconciles each.
        ends_at: No further video is begun after that.
        each: Runs the reconciliations, one after the other or several at once.

    Returns:
        The ids of those that were reconciled.

    Raises:
        Transient: The documents or the queue could not be reached; what was not reconciled is still news (again).
    """
    now = reconciler.clock()
    news = {
        video_id: one
        for video_id, one in seen.items()
        if records[video_id].progress.failure is not None
        or is_news(records[video_id], one.observation, now, videos.policy)
    }
    _reconcile_each(replace(videos, seen=news), list(news), reconciler, ends_at, each)
    return news.keys()


def _reconcile_each(
    videos: Videos, keys: Sequence[str], reconciler: Reconciler, ends_at: datetime, each: Mapper
) -> None:
    """
    Reconcile each. A failure of one does not affect the others, and those for which there is no time are enqueued.
    """
    left: list[str] = []

    def reconcile_one(video_id: str) -> None:
        now = reconciler.clock()
        if now > ends_at:
            left.append(video_id)
            return
        try:
            reconciler.reconcile(videos, video_id)
        except (Transient, Conflict) as error:
            log.unavailable(RECONCILE_VIDEO, None, error)
            reconciler.queue.put(Task(RECONCILE_VIDEO, video_id, now + timedelta(seconds=AGAIN_S)))

    for _ in each(reconcile_one, keys):
        pass
    for video_ids in _batches(left):
        reconciler.queue.put(Task(RECONCILE_VIDEO, KEYS_SEPARATOR.join(video_ids)))


def see(videos: Videos, records: Mapping[str, Video], clock: Clock) -> Mapping[str, Seen]:
    """
    Observe all videos that have something to observe, with one call to each provider.

    Raises:
        Transient, Permanent: A provider did not answer (again; never).
    """
    seen: dict[str, Seen] = {}
    for provider, video_ids in by_provider(records).items():
        external_ids = {video_id: one for video_id in video_ids if (one := watched(records[video_id]))}
        asked_at = clock()
        observations = videos.media(provider).observe(list(external_ids.values()))
        for (video_id, one), observation in zip(external_ids.items(), observations, strict=True):
            seen[video_id] = Seen(one, observation, asked_at)
    return seen


def by_provider(records: Mapping[str, Video]) -> Mapping[str, Sequence[str]]:
    """
    Return the ids of videos, by their provider. Pure.
    """
    found: dict[str, list[str]] = {}
    for video_id, record in records.items():
        found.setdefault(record.provider, []).append(video_id)
    return found


def _news(
    videos: Videos, document: Document, changes: Sequence[Change], asked_at: datetime, now: datetime
) -> Seen | None:
    """
    Return the change that is about the very thing that a video's record names, if it is not recorded yet. A video that
    is replaced has two things at its provider, and a creation that happened twice may have left another of the same
    reference.
    """
    video = Video.from_document(document)
    external_ids = watched(video) or {}
    for change in changes:
        if change.external_ids and change.external_ids.items() <= external_ids.items():
            news = is_news(video, change.observation, now, videos.policy)
            return Seen(external_ids, change.observation, asked_at) if news else None
    return None


def _batches(video_ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (video_ids[first : first + OBSERVED_MAX] for first in range(0, len(video_ids), OBSERVED_MAX))


def _gets_on(change: Change) -> bool:
    return change.observation.state is MediaState.PROCESSING
