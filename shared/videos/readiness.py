"""The readiness poller: one chain of ticks per provider account that asks what changed, while anything is pending, and
no chain else.

Called by the worker `pollReadiness`, by whoever starts an upload (`wake`) and by the sweep (`revive`, which restarts a
chain that died). Leaves to the reconciliation what a change means: a tick that hears of news reconciles at once, with
what it has heard, so that nobody has to ask again.

The chain cannot branch: a tick is claimed by a conditional write of `operations/feed-{provider}` that moves its
number on, and only who wrote it leaves the task for the next tick, which names that number; a tick that comes twice,
or late, finds another number and ends. What a tick that died has not recorded is still news for the next.

No list tells how far uploads have come: while any are in flight, a tick asks for all of them in the same call. That a
provider does not answer, or refuses, is recorded with the chain, and the next tick asks again; the first one that is
answered again asks for everything that is pending.
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
from shared.reconcile import ALARM_AFTER_S, LEASE_S, Mapper
from shared.videos import Seen, Videos
from shared.videos.batch import BUDGET_S, see, visit_changed, visit_seen
from shared.videos.chain import Chain, Trouble
from shared.videos.model import Video, VideoState

PAGES_MAX: Final = 20
"""Pages of changes that one tick reads, newest first; what is older still the sweep finds."""

PROGRESS_PACE_S: Final = 8
"""How far an upload has come is asked, and written, this often at the most; a tick is a little longer."""

FIRST_PACE_S: Final = 5
"""The first time a little sooner; an upload that is complete by then is told by the list of changes."""

ACTIVE_S: Final = 60
"""An upload of which nothing has arrived for so long is asked about less often, unless others are on the move."""

IDLE_PAUSE_S: Final = 60
"""Where no upload is on the move they are asked about this often."""

CLAIMS_MAX: Final = 5
"""How often one tick is claimed where somebody else wrote the chain meanwhile."""

CLOCKS_APART_S: Final = 900
"""A new chain begins so far back: the provider's clock, by which changes are dated, may be behind ours."""


@dataclass(frozen=True, slots=True)
class ReadinessPoller:
    """
    The readiness poller of one provider account.

    Attributes:
        provider: Our name of it.
        videos: The Controller of videos, with the documents where the chain is too.
        queue: For ticks and tasks.
        clock: Now, in UTC.
        interval_s: Seconds between ticks.
        overlap_s: Each tick asks from so many seconds before the last change seen, for a provider's list may lag.
        ticks_max: The budget of one chain.
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
        Where the chain is recorded.
        """
        return operation_path(f"feed-{self.provider}")

    def wake(self) -> None:
        """
        See to it that a chain runs, and that its next tick asks how far uploads have come. Repeatable; to be called
        after the pending video is written.

        Raises:
            Transient: Documents or queue could not be reached (again).
        """
        chain, version = self._read()
        if not self._runs(chain):
            self._begin(chain, version)
        elif chain is not None and chain.uploads_at is not None:
            with suppress(Conflict):
                # Whoever has just ticked may have put them off again: for a minute at the most.
                self._write(replace(chain, uploads_at=None), version)

    def revive(self) -> None:
        """
        Begin a new chain where something is pending and the old one has died or used up its budget; called by the sweep
        where the chain is due.

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
            self._end(chain, version)

    def _runs(self, chain: Chain | None) -> bool:
        return chain is not None and chain.running and chain.due_at is not None and chain.due_at > self.clock()

    def _begin(self, chain: Chain | None, version: Version | None) -> None:
        """
        Begin a new chain in place of one that has ended, or died, or never was.
        """
        now = self.clock()
        tick = 1 if chain is None else chain.tick + 1
        # A chain that has ended left nothing pending, so nothing from before can matter; one that died did.
        died = chain is not None and chain.running
        cursor = chain.cursor if chain is not None and died else now - timedelta(seconds=CLOCKS_APART_S)
        failure = chain.failure if chain is not None and died else None
        try:
            self._write(Chain(True, tick, self.ticks_max, cursor, 1, self._overdue_at(now), failure=failure), version)
        except Conflict:
            # Whoever wrote first has woken it, or has just ticked.
            return
        self._enqueue(tick, now + timedelta(seconds=self.interval_s))

    def tick(self, number: int, each: Mapper = map) -> None:
        """
        One tick: claim it, leave the task for the next, ask what changed, reconcile what there are news of.

        Args:
            number: As the task says; any other than the chain's own is a repetition and does nothing, but for
                `FEED_WAKE`.
            each: How several videos are reconciled.

        Raises:
            Transient: Documents or queue could not be reached; the next tick asks for the same again.
            Conflict: Others wrote the chain each time (again).
        """
        if number == FEED_WAKE:
            self.wake()
            return
        now = self.clock()
        for _ in range(CLAIMS_MAX):
            chain, version = self._read()
            if chain is None or not chain.running or chain.tick != number:
                return
            uploads = self._uploads(chain, now)
            if chain.ticks_left <= 0 or not (uploads or self._pending()):
                if self._end(chain, version):
                    return
                continue
            taken = replace(chain, tick=number + 1, ticks_left=chain.ticks_left - 1, due_at=self._overdue_at(now))
            try:
                version = self._write(taken, version)
            except Conflict:
                # Another has taken this tick, or an upload has just woken the readiness poller.
                continue
            self._enqueue(number + 1, now + timedelta(seconds=self.interval_s))
            looked = self._look(taken, uploads, now, each)
            if looked != taken:
                with suppress(Conflict):
                    # Where the next tick has begun already, it or a later one will move the cursor on.
                    self._write(looked, version)
            return
        raise Conflict("Others changed the feed's document at every try. Try again.")

    def _look(self, chain: Chain, uploads: Sequence[Document] | None, now: datetime, each: Mapper) -> Chain:
        """
        Ask what changed and how far uploads have come, and reconcile what there are news of. Whatever goes wrong with
        the question, the chain goes on.

        Returns:
            The chain with what is known now.
        """
        records = self._to_ask(uploads or (), chain, now)
        try:
            changes, seen = self._ask(chain, records)
        except ProviderError as error:
            # Where it is uploads that cannot be asked about, the next tick asks without them.
            uploads_at = now + timedelta(seconds=IDLE_PAUSE_S) if isinstance(error, Permanent) else chain.uploads_at
            return replace(chain, uploads_at=uploads_at, failure=self._trouble(chain, error, now))
        ends_at = now + timedelta(seconds=BUDGET_S)
        heard = visit_changed(self.videos, self.provider, changes, now, self.queue, self.clock, ends_at, each)
        if chain.failure is not None:
            records, seen = self._catch_up(chain, records, seen)
        left = {video_id: one for video_id, one in seen.items() if video_id not in heard}
        moved = visit_seen(self.videos, records, left, self.queue, self.clock, ends_at, each)
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
        Ask the provider what has changed since the chain's cursor, newest first, and how these uploads stand.

        Raises:
            Transient, Permanent: It did not tell (again; never).
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
        The same for everything that is pending, once a provider answers again: whoever asked it alone meanwhile was
        told nothing, and would only ask again later.

        Returns:
            What is recorded, and how that stands; no more than before where the provider does not tell that.
        """
        pending = {one.id: Video.from_document(one) for one in self._select("pending", True) if one.id not in uploads}
        try:
            return {**uploads, **pending}, {**seen, **see(self.videos, pending, self.clock)}
        except ProviderError as error:
            log.feed_hindered(self.provider, chain.tick - 1, error)
            return uploads, seen

    def _uploads(self, chain: Chain, now: datetime) -> Sequence[Document] | None:
        """
        The uploads in flight; `None` where it is not time to ask about them.
        """
        if chain.uploads_at is not None and chain.uploads_at > now:
            return None
        return self._select("state", VideoState.UPLOADING.value, after_id=chain.uploads_after)

    def _to_ask(self, uploads: Sequence[Document], chain: Chain, now: datetime) -> Mapping[str, Video]:
        """
        The uploads to ask about: of which nothing was heard for a while. Each tick others come first, for a provider
        may tell little of those that come last.
        """
        records = ((one.id, Video.from_document(one)) for one in uploads)
        found = [(video_id, video) for video_id, video in records if _is_due(video, now)]
        first = chain.tick * PROGRESS_TOLD % len(found) if found else 0
        return dict(found[first:] + found[:first])

    def _trouble(self, chain: Chain, error: ProviderError, now: datetime) -> Trouble:
        """
        Log why a tick was told nothing, and return how that is recorded. What will not pass by itself, or has not for a
        day, is an alarm, once.
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

    def _end(self, chain: Chain, version: Version | None) -> bool:
        """
        End the chain; and begin it again where something became pending just before that was written.

        Returns:
            Whether that was done: not where somebody else has written it meanwhile.
        """
        is_used_up = chain.ticks_left <= 0
        why = "budget used up" if is_used_up else "nothing pending"
        try:
            # Of what is still pending the next sweep begins a new chain.
            self._write(replace(chain, running=False, due_at=self.clock() if is_used_up else None), version)
        except Conflict:
            return False
        log.feed_ended(self.provider, chain.tick, why)
        if not is_used_up and self._pending():
            self.wake()
        return True

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
    When something of an upload was last seen to arrive; before that, when it was asked for. Pure.
    """
    return video.looked_at or video.asked_at


def _is_due(video: Video, now: datetime) -> bool:
    """
    Whether it is time to ask how far a video has come. Pure.
    """
    pace_s = FIRST_PACE_S if video.looked_at is None else PROGRESS_PACE_S
    return _moved_at(video) <= now - timedelta(seconds=pace_s)


def _next_uploads_at(uploads: Sequence[Document], moved: Collection[str], now: datetime) -> datetime | None:
    """
    When uploads in flight are asked about next: at the next tick while any is on the move. Pure.
    """
    active_since = now - timedelta(seconds=ACTIVE_S)
    is_active = bool(moved) or any(_moved_at(Video.from_document(one)) > active_since for one in uploads)
    return None if is_active else now + timedelta(seconds=IDLE_PAUSE_S)
