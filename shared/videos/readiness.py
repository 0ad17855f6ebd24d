"""The readiness poller: one chain of tasks per provider account that asks what changed. It runs only while videos are
pending.

Called by the worker `pollReadiness`, by the start of an upload (`wake`) and by the sweep (`revive`, which restarts a
chain that died). A poll that gets news reconciles the videos at once with the observations it has got, so that the
provider need not be asked again. The reconciliation decides what a change means.

The chain cannot branch. A poll is claimed by a conditional write of `operations/feed-{provider}` that increments its
number, and only the writer enqueues the task for the next poll, which names the next number. A poll that is repeated or
late finds another number and ends. If a poll dies, the next one still gets the news that it has not recorded.

No list of changes reports the progress of uploads, so while any are in flight, a poll asks for all of them in the same
call. If a provider does not answer, or refuses, that is recorded with the chain, and the next poll asks again. The
first poll that succeeds then asks about everything that is pending.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from shared.core import log
from shared.core.errors import Conflict, Permanent, ProviderError, Transient
from shared.core.paths import FEED_WAKE, POLL_READINESS, VIDEOS, operation_path
from shared.core.retry import RetryOnConflict
from shared.ports import (
    CHANGES_MAX,
    OBSERVED_MAX,
    PROGRESS_TOLD,
    Change,
    Clock,
    Condition,
    Create,
    Document,
    Operator,
    Query,
    Queue,
    Task,
    Update,
    Version,
)
from shared.reconcile import ALARM_AFTER_S, LEASE_S, Mapper, Reconciler
from shared.videos.batch import BUDGET_S, reconcile_changed, reconcile_observed, see
from shared.videos.chain import Chain, Trouble
from shared.videos.controller import Seen, Videos
from shared.videos.model import Video, VideoState

PAGES_MAX: Final = 20
"""The most pages of changes that one poll reads, newest first; the sweep finds older ones."""

PROGRESS_PACE_S: Final = 8
"""The least number of seconds between two observations of an upload's progress; the interval between polls is a little
longer."""

FIRST_PACE_S: Final = 5
"""Seconds before the first of these observations, which is a little sooner. If the upload is complete by then, the list
of changes reports it."""

ACTIVE_S: Final = 60
"""Seconds without new bytes after which an upload counts as idle. Idle uploads are observed less often, unless others
are active."""

IDLE_PAUSE_S: Final = 60
"""Seconds between observations of uploads if none is active."""
CLOCKS_APART_S: Final = 900
"""Seconds by which a new chain begins in the past, because the provider's clock, which dates the changes, may be behind
ours."""


@dataclass(frozen=True, slots=True)
class ReadinessPoller:
    """
    The readiness poller of one provider account.

    Attributes:
        provider: Our name of the provider.
        videos: The Controller of videos; its documents hold the chain too.
        queue: Gets the tasks, of polls and of videos.
        clock: Now, in UTC.
        interval_s: Seconds between polls.
        overlap_s: Each poll asks from this many seconds before the last change seen, because a provider's list may lag.
        ticks_max: The most polls of one chain.
    """

    provider: str
    videos: Videos
    queue: Queue
    clock: Clock
    interval_s: float
    overlap_s: float
    ticks_max: int

    @property
    def path(self) -> str:
        """
        Return the path of the chain's document.
        """
        return operation_path(f"feed-{self.provider}")

    def wake(self) -> None:
        """
        Start the chain if it does not run, and have its next poll ask about the progress of uploads. Repeatable. Call
        it after the pending video is written.

        Raises:
            Transient: Documents or queue could not be reached (again).
        """
        chain, version = self._read()
        if not self._runs(chain):
            self._begin(chain, version)
        elif chain is not None and chain.uploads_at is not None:
            with suppress(Conflict):
                # A concurrent poll may have put them off again, for a minute at most.
                self._write(replace(chain, uploads_at=None), version)

    def revive(self) -> None:
        """
        Begin a new chain if videos are pending and the old chain has died or used up its budget. Called by the sweep
        when the chain is due.

        Raises:
            Transient: Documents or queue could not be reached (again).
        """
        if self._pending():
            chain, version = self._read()
            if not self._runs(chain):
                self._begin(chain, version)
            return
        chain, version = self._read()
        if chain is not None:
            with suppress(Conflict):
                # A poll or an upload was first, and the chain is theirs.
                self._end(chain, version)

    def _runs(self, chain: Chain | None) -> bool:
        return chain is not None and chain.running and chain.due_at is not None and chain.due_at > self.clock()

    def _begin(self, chain: Chain | None, version: Version | None) -> None:
        """
        Begin a new chain in place of one that has ended or died, or the first one.
        """
        now = self.clock()
        tick = 1 if chain is None else chain.tick + 1
        # A chain that ended left nothing pending, so earlier changes do not matter. After one that died they do.
        died = chain is not None and chain.running
        cursor = chain.cursor if chain is not None and died else now - timedelta(seconds=CLOCKS_APART_S)
        failure = chain.failure if chain is not None and died else None
        try:
            self._write(Chain(True, tick, self.ticks_max, cursor, 1, self._overdue_at(now), failure=failure), version)
        except Conflict:
            # The other writer has started it, or was a poll.
            return
        self._enqueue(tick, now + timedelta(seconds=self.interval_s))

    def tick(self, number: int, each: Mapper = map) -> None:
        """
        Run one poll: claim it, enqueue the next one, ask what changed, and reconcile the videos that have news.

        Args:
            number: The number in the task. Any other than the chain's own is a repetition and does nothing, except for
                `FEED_WAKE`.
            each: Runs the reconciliations of several videos.

        Raises:
            Transient: Documents or queue could not be reached; the next poll asks for the same again.
            Conflict: Others wrote the chain each time (again).
        """
        if number == FEED_WAKE:
            self.wake()
            return
        now = self.clock()
        retry = RetryOnConflict("Others changed the feed's document at every try. Try again.")
        while True:
            chain, version = self._read()
            if chain is None or not chain.running or chain.tick != number:
                return
            uploads = self._uploads(chain, now)
            with retry:
                # A conflict means that another worker claimed this poll, or that an upload has just woken the poller.
                if chain.ticks_left <= 0 or not (uploads or self._pending()):
                    self._end(chain, version)
                    return
                taken = replace(chain, tick=number + 1, ticks_left=chain.ticks_left - 1, due_at=self._overdue_at(now))
                version = self._write(taken, version)
                break
        self._enqueue(number + 1, now + timedelta(seconds=self.interval_s))
        looked = self._look(taken, uploads, now, each)
        if looked != taken:
            with suppress(Conflict):
                # If the next poll has begun already, it or a later one moves the cursor on.
                self._write(looked, version)

    def _look(self, chain: Chain, uploads: Sequence[Document] | None, now: datetime, each: Mapper) -> Chain:
        """
        Ask what changed and how far uploads have come, and reconcile the videos that have news. If the question fails,
        the chain goes on.

        Returns:
            The chain with what is known now.
        """
        records = self._to_ask(uploads or (), chain, now)
        try:
            changes, seen = self._ask(chain, records)
        except ProviderError as error:
            # If uploads are what cannot be asked about, the next poll asks without them.
            uploads_at = now + timedelta(seconds=IDLE_PAUSE_S) if isinstance(error, Permanent) else chain.uploads_at
            return replace(chain, uploads_at=uploads_at, failure=self._trouble(chain, error, now))
        ends_at = now + timedelta(seconds=BUDGET_S)
        reconciler = Reconciler(self.videos.documents, self.queue, self.clock)
        heard = reconcile_changed(self.videos, self.provider, changes, now, reconciler, ends_at, each)
        if chain.failure is not None:
            records, seen = self._catch_up(chain, records, seen)
        left = {video_id: one for video_id, one in seen.items() if video_id not in heard}
        moved = reconcile_observed(self.videos, records, left, reconciler, ends_at, each)
        log.feed_ticked(self.provider, chain.tick - 1, len(heard) + len(moved))
        return replace(
            chain,
            cursor=max((change.changed_at for change in changes), default=chain.cursor),
            pages=min(1 + len(changes) // CHANGES_MAX, PAGES_MAX),
            uploads_at=chain.uploads_at if uploads is None else _next_uploads_at(uploads, [*heard, *moved], now),
            uploads_after=uploads[-1].id if uploads and len(uploads) == OBSERVED_MAX else None,
            failure=None,
        )

    def _ask(self, chain: Chain, uploads: Mapping[str, Video]) -> tuple[Sequence[Change], Mapping[str, Seen]]:
        """
        Ask the provider for the changes since the chain's cursor, newest first, and for the state of these uploads.

        Raises:
            Transient, Permanent: It did not answer (again; never).
        """
        since, asked_at = chain.cursor - timedelta(seconds=self.overlap_s), self.clock()
        media, external_ids = self.videos.media(self.provider), [video.external_ids for video in uploads.values()]
        first = media.changes(since, 1, chain.pages, external_ids)
        found, page, more = [*first.items], 1 + chain.pages, first.more
        while more and page <= PAGES_MAX:
            changes = media.changes(since, page)
            found, page, more = [*found, *changes.items], page + 1, changes.more
        told = zip(uploads.items(), first.uploads, strict=True)
        return found, {video_id: Seen(video.external_ids, one, asked_at) for (video_id, video), one in told}

    def _catch_up(
        self, chain: Chain, uploads: Mapping[str, Video], seen: Mapping[str, Seen]
    ) -> tuple[Mapping[str, Video], Mapping[str, Seen]]:
        """
        Observe everything that is pending, once a provider answers again: reconciliations that asked it alone meanwhile
        have failed, and would only ask again later.

        Returns:
            The records and observations; the given ones if the provider does not answer.
        """
        pending = {one.id: Video.from_document(one) for one in self._select("pending", True) if one.id not in uploads}
        try:
            return {**uploads, **pending}, {**seen, **see(self.videos, pending, self.clock)}
        except ProviderError as error:
            log.feed_hindered(self.provider, chain.tick - 1, error)
            return uploads, seen

    def _uploads(self, chain: Chain, now: datetime) -> Sequence[Document] | None:
        """
        Return the uploads in flight; `None` if it is too early to ask about them.
        """
        if chain.uploads_at is not None and chain.uploads_at > now:
            return None
        return self._select("state", VideoState.UPLOADING.value, after_id=chain.uploads_after)

    def _to_ask(self, uploads: Sequence[Document], chain: Chain, now: datetime) -> Mapping[str, Video]:
        """
        Return the uploads to ask about: those without an observation for a while. The order rotates from poll to poll,
        because a provider may report little of the last ones.
        """
        records = ((one.id, Video.from_document(one)) for one in uploads)
        found = [(video_id, video) for video_id, video in records if _is_due(video, now)]
        first = chain.tick * PROGRESS_TOLD % len(found) if found else 0
        return dict(found[first:] + found[:first])

    def _trouble(self, chain: Chain, error: ProviderError, now: datetime) -> Trouble:
        """
        Log why a poll failed, and return the record of it. A failure that is not temporary, or has lasted a day, raises
        an alarm once.
        """
        last, tick = chain.failure, chain.tick - 1
        since, ticks = (now, 0) if last is None else (last.since, last.ticks)
        retryable = isinstance(error, Transient)
        was_alarmed = last is not None and last.alarmed
        is_alarming = not retryable or now - since >= timedelta(seconds=ALARM_AFTER_S)
        if is_alarming and not was_alarmed:
            log.feed_stuck(self.provider, tick, error, since)
        else:
            log.feed_hindered(self.provider, tick, error)
        return Trouble(error.code, str(error), retryable, since, ticks + 1, is_alarming or was_alarmed)

    def _end(self, chain: Chain, version: Version | None) -> None:
        """
        End the chain, and begin it again if a video became pending just before.

        Raises:
            Conflict: Another writer was first (again).
        """
        is_used_up = chain.ticks_left <= 0
        why = "budget used up" if is_used_up else "nothing pending"
        # If it is used up, the next sweep begins a new chain for videos that are still pending.
        self._write(replace(chain, running=False, due_at=self.clock() if is_used_up else None), version)
        log.feed_ended(self.provider, chain.tick, why)
        if not is_used_up and self._pending():
            self.wake()

    def _pending(self) -> bool:
        return bool(self._select("pending", True, limit=1))

    def _select(
        self, field: str, value: str | bool, *, after_id: str | None = None, limit: int = OBSERVED_MAX
    ) -> Sequence[Document]:
        conditions = (
            Condition("provider", Operator.EQUAL, self.provider),
            Condition(field, Operator.EQUAL, value),
        )
        return self.videos.documents.select(Query(VIDEOS, conditions, after_id=after_id, limit=limit))

    def _overdue_at(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self.interval_s + LEASE_S)

    def _enqueue(self, tick: int, at: datetime) -> None:
        self.queue.put(Task(POLL_READINESS, f"{self.provider}:{tick}", at, once=str(tick)))

    def _read(self) -> tuple[Chain | None, Version | None]:
        (document,) = self.videos.documents.read(self.path)
        if document is None:
            return None, None
        return Chain.from_document(document), document.version

    def _write(self, chain: Chain, version: Version | None) -> Version:
        fields = chain.to_fields()
        write = Create(self.path, fields) if version is None else Update(self.path, fields, if_version=version)
        return self.videos.documents.commit(write)[0]


def _moved_at(video: Video) -> datetime:
    """
    Return when something of an upload was last seen to arrive; if never, when it was requested. Pure.
    """
    return video.looked_at or video.asked_at


def _is_due(video: Video, now: datetime) -> bool:
    """
    Tell whether it is time to ask for an upload's progress. Pure.
    """
    pace_s = FIRST_PACE_S if video.looked_at is None else PROGRESS_PACE_S
    return _moved_at(video) <= now - timedelta(seconds=pace_s)


def _next_uploads_at(uploads: Sequence[Document], moved: Collection[str], now: datetime) -> datetime | None:
    """
    Return when uploads in flight are asked about next; `None` for the next poll while any is active. Pure.
    """
    active_since = now - timedelta(seconds=ACTIVE_S)
    is_active = bool(moved) or any(_moved_at(Video.from_document(one)) > active_since for one in uploads)
    return None if is_active else now + timedelta(seconds=IDLE_PAUSE_S)
