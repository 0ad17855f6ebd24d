"""Simulation of videos in process at a provider, in virtual time.

Readiness poller, reconciles, webhooks and sweep are the real ones, on in-memory documents and queue. Used by the bench
area `feed` and by `pure/test_feed_simulation.py`, which choose the number of videos and what goes wrong with ticks, and
interpret the figures. The simulation itself checks one thing at every moment: the chain of ticks never branches.

Calls and documents take no time. A task takes `travel_s` to its worker. Preparing an upload is not counted, because
every other way to wait for a video prepares it too.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import io
import itertools
import json
import math
from bisect import bisect_right, insort
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Any, Final, TypeVar

from emulator_tests.bench.feed_provider import NAME, SIZE_BYTES, Made, Spread, TimedMedia
from emulator_tests.deployment_settings import DeploymentSettings, deployment_settings
from emulator_tests.memory import BEGIN_AT, Effect, ManualClock, MemoryDocuments, MemoryEvents, MemoryQueue
from shared.app import App
from shared.core.identity import SessionIdentity
from shared.core.paths import KEYS_SEPARATOR, POLL_READINESS, RECONCILE_VIDEO, VIDEOS, session_path, video_path
from shared.operations.webhooks import handle_webhook
from shared.ports import (
    OBSERVED_MAX,
    Create,
    Delete,
    Document,
    Fields,
    ProviderAccount,
    Query,
    Task,
    UploadSpec,
    Version,
    Write,
)
from shared.providers.kaltura import mapping
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.webhooks import KalturaWebhook
from shared.reconcile import LEASE_S, WORKER_TIMEOUT_S, Progress, Reconciler
from shared.registry import RESOURCES
from shared.sessions.broadcasting import Window
from shared.videos.chain import Chain
from shared.videos.decide import MISSED_AFTER_S
from shared.videos.model import Video, VideoState
from shared.videos.resource import controller as video_controller
from shared.videos.resource import pollers
from shared.videos.settings import Policy, PollerSettings
from shared.videos.spec import Spec

T = TypeVar("T")

NAMESPACE: Final = "school"
SECRET: Final = "0123456789abcdef0123456789abcdef"

SWEEP_S: Final = 300
SESSION_VIDEOS: Final = 5
LONG_AGO_S: Final = MISSED_AFTER_S + 100

PROCESSING: Final = Spread(180, 3600)
LAG: Final = Spread(0.5, 5)

# As in `functions/config.py`.
SETTINGS: Final = deployment_settings(
    provider=NAME,
    policy=Policy(
        max_bytes=10 * 1024**3,
        max_duration_s=6 * 3600,
        session_videos_max=100,
        session_bytes_max=200 * 1024**3,
        teacher_videos_max=2000,
        teacher_bytes_max=2 * 1024**4,
        uploads_in_flight_max=10,
        tokens_per_minute_max=60,
        upload_deadline_s=7 * 24 * 3600,
        processing_deadline_s=24 * 3600,
        retry_keep_s=7 * 24 * 3600,
        looks_max=2000,
    ),
    reap_grace_s=600,
    late_commit_s=600,
    window=Window(early_s=900, overrun_s=3600),
    stray_age_s=3600,
    feed_interval_s=9,
    feed_overlap_s=60,
    feed_ticks_max=8640,
    tasks_per_hour_max=100_000,
)


@dataclass(frozen=True, slots=True)
class Assumed:
    """
    Assumptions about the provider and the network.

    Attributes:
        processing: How long the provider processes a video.
        lag: After how long its list shows a change; `None`: at once.
        push: After how long it sends a webhook; `None`: never.
        push_lost: The share of webhooks that are lost.
        travel_s: Seconds from a task's time until its worker is called.
    """

    processing: Spread = PROCESSING
    lag: Spread | None = LAG
    push: Spread | None = None
    push_lost: float = 0.05
    travel_s: float = 0.2


class Cause(StrEnum):
    """
    The causes of a call of a function.
    """

    UPLOAD = "upload"
    TICK = "tick"
    FEED = "reconcile for the poller"
    PUSH = "push"
    DEADLINE = "reconcile at a deadline"
    SWEEP = "sweep"


@dataclass(frozen=True, slots=True)
class Call:
    """
    One HTTP request to the provider, with its number of actions.
    """

    at: datetime
    cause: Cause
    operation: str
    actions: int


@dataclass(frozen=True, slots=True)
class Invocation:
    """
    One call of a function.
    """

    at: datetime
    cause: Cause
    function: str


class IndexedDocuments(MemoryDocuments):
    """
    In-memory documents whose queries and commits touch only what an index would.

    With thousands of documents, and queries every ten seconds for days, a scan each time would take hours.
    """

    def __init__(self, effect: Effect, wrote: Callable[[str, Fields], None]) -> None:
        super().__init__(effect)
        self._wrote = wrote
        self._ids: dict[str, list[str]] = {}
        self._pending: dict[str, None] = {}
        self._uploading: dict[str, None] = {}
        self._due: dict[str, None] = {}

    def _commit(self, writes: Sequence[Write]) -> tuple[Version, ...]:
        paths = {write.path: None for write in writes}
        with self._narrowed(paths):
            versions = super()._commit(writes)
        for write in writes:
            self._enter(write)
            self._wrote(write.path, self._kept[write.path].fields)
        return versions

    def _matching(self, query: Query) -> list[tuple[str, dict[str, Any]]]:
        with self._narrowed(self._candidates(query)):
            return super()._matching(query)

    @contextlib.contextmanager
    def _narrowed(self, paths: Collection[str]) -> Iterator[None]:
        whole = self._kept
        self._kept = {path: whole[path] for path in paths if path in whole}
        try:
            yield
        finally:
            for path in paths:
                if path in self._kept:
                    whole[path] = self._kept[path]
                else:
                    whole.pop(path, None)
            self._kept = whole

    def _candidates(self, query: Query) -> Collection[str]:
        """
        Return the paths of all documents that may match a query.
        """
        asked = {condition.field: condition.value for condition in query.conditions}
        if query.collection == VIDEOS and asked.get("pending") is True:
            # The caller only needs to know whether there is one, so any will do.
            return list(itertools.islice(self._pending, query.limit))
        if query.collection == VIDEOS and asked.get("state") == VideoState.UPLOADING:
            return self._uploading
        if query.collection == VIDEOS and "dueAt" in asked:
            return self._due
        ids = self._ids.get(query.collection, [])
        if asked.keys() <= {"gone"}:
            # Nothing is ever gone here, so a page is simply the next ids.
            first = 0 if query.after_id is None else bisect_right(ids, query.after_id)
            ids = ids[first : first + query.limit]
        return [f"{query.collection}/{id_}" for id_ in ids]

    def _enter(self, write: Write) -> None:
        assert not isinstance(write, Delete), "Nothing is deleted here."
        path, kept = write.path, self._kept[write.path]
        collection, _, id_ = path.partition("/")
        if isinstance(write, Create):
            insort(self._ids.setdefault(collection, []), id_)
        if collection == VIDEOS:
            _keep(self._pending, path, within=kept.fields["pending"])
            _keep(self._uploading, path, within=kept.fields["state"] == VideoState.UPLOADING)
            _keep(self._due, path, within=kept.fields["dueAt"] is not None)


def _keep(index: dict[str, None], path: str, *, within: bool) -> None:
    if within:
        index[path] = None
    else:
        index.pop(path, None)


class TravellingQueue(MemoryQueue):
    """
    An in-memory queue whose tasks take time to their workers, and which remembers the cause of each.

    Attributes:
        ticks: Numbers of the ticks that are on their way.
    """

    def __init__(self, clock: ManualClock, effect: Effect, travel_s: float, cause: Callable[[Task], Cause]) -> None:
        super().__init__(clock, effect)
        self.ticks: list[int] = []
        self._travel = timedelta(seconds=travel_s)
        self._cause = cause
        self._causes: dict[Task, Cause] = {}

    def put(self, task: Task) -> bool:
        now = self._clock()
        coming = replace(task, at=max(task.at or now, now) + self._travel)
        waiting = len(self._waiting)
        try:
            return super().put(coming)
        finally:
            if len(self._waiting) > waiting:
                self._causes[coming] = self._cause(task)
                if task.queue == POLL_READINESS:
                    self.ticks.append(_number(task))

    def arrived(self, task: Task) -> Cause:
        """
        Return the cause of a task that has come to its worker.
        """
        if task.queue == POLL_READINESS:
            self.ticks.remove(_number(task))
        return self._causes[task]

    def _again(self, one: Any) -> None:
        dropped = len(self.dropped)
        super()._again(one)
        if one.task.queue == POLL_READINESS and len(self.dropped) == dropped:
            self.ticks.append(_number(one.task))


def _number(tick: Task) -> int:
    return int(tick.key.rpartition(":")[2])


class Killed(BaseException):
    """
    Simulates the death of the process. Not an error of ours, so that nothing catches it.
    """


@dataclass(frozen=True, slots=True)
class Mishap:
    """
    A disturbance of one tick.

    Attributes:
        moment: The effect at which it happens, counted from 0; `None`: at no effect.
        after: Whether the tick dies after that effect, or before it.
        held_s: Seconds for which the tick is delayed there, instead of dying.
        again_s: Seconds from its begin until the queue delivers it again; `None`: never.
    """

    moment: int | None = None
    after: bool = False
    held_s: float | None = None
    again_s: float | None = None


NO_MISHAP: Final = Mishap()

MOMENTS: Final = (
    *("read", "select", "select", "commit", "put"),
    *("changes", "read"),
    *("read", "read", "commit", "read", "read"),
    "commit",
)
"""The effects of a tick that finds one change. It reads the chain, finds no upload in progress and something
pending, claims, and enqueues its successor. It asks for changes, reads the videos that changed, reconciles the one
that changed state, and moves the cursor."""

MISHAPS: Final = (
    *(
        Mishap(moment, after, again_s=again_s)
        for moment in range(len(MOMENTS))
        for after in (False, True)
        for again_s in (2.0, WORKER_TIMEOUT_S, None)
    ),
    *(Mishap(again_s=again_s) for again_s in (0.0, 2.0, WORKER_TIMEOUT_S)),
    *(Mishap(moment, held_s=WORKER_TIMEOUT_S - 5.0, again_s=WORKER_TIMEOUT_S) for moment in range(len(MOMENTS))),
)
"""Everything that can go wrong with a tick. It dies, and the queue delivers it again or has dropped it; it is
delivered twice; it is delayed while its successors run."""


@dataclass(slots=True)
class _Tick:
    """
    The tick that is running.

    Attributes:
        began_at: When its worker was called.
        mishap: Its disturbance.
        effects: Names of its effects so far.
        claimed: Whether it has moved the chain on.
    """

    began_at: datetime
    mishap: Mishap
    effects: list[str] = field(default_factory=list)
    claimed: bool = False


class Branched(AssertionError):
    """
    There were two chains, or one ticked faster than it may.
    """


class _Unheard(io.TextIOBase):
    """
    Discards the log.
    """

    def write(self, text: str) -> int:
        return len(text)


class Simulation:
    """
    One deployment with its provider.

    Args:
        assumed: Assumptions about the provider.
        seed: Seed of all random values.
        mishap: Returns the disturbance of a tick, given the number of ticks delivered before it.
        settings: DeploymentSettings of the deployment.

    Attributes:
        clock: The virtual clock.
        app: The code under test.
        calls: Every request to the provider.
        invocations: Every call of a function.
        seen_at: When a video was recorded as ready, by its id.
        tick_effects: The effects of each tick, in order.
        chains: Number of chains that were started.
    """

    def __init__(
        self,
        assumed: Assumed,
        *,
        seed: int = 1,
        mishap: Callable[[int], Mishap | None] = lambda _: None,
        settings: DeploymentSettings = SETTINGS,
    ) -> None:
        self.clock = ManualClock()
        self.calls: list[Call] = []
        self.invocations: list[Invocation] = []
        self.seen_at: dict[str, datetime] = {}
        self.tick_effects: list[list[str]] = []
        self.chains = 0
        self._assumed = assumed
        self._chance, self._lags = Random(seed), Random(seed + 1)
        self._mishap = mishap
        self._settings = settings
        self._cause = Cause.UPLOAD
        self._tick: _Tick | None = None
        self._claimed_at: datetime | None = None
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._documents = IndexedDocuments(self._effect, self._wrote)
        self._queue = TravellingQueue(self.clock, self._effect, assumed.travel_s, self._cause_of)
        self._media = TimedMedia(self.clock, self._effect, self._lag_s, self._asked)
        self._per_s = 0.0
        self.app = self._assemble()
        account = KalturaAccount("", 1, SECRET, NAMESPACE, None, self._documents, self.clock)
        self._hook = KalturaWebhook(account)
        self._plan(self.clock() + timedelta(seconds=SWEEP_S), self._sweep)

    # --- users ----------------------------------------------------------------------------------------------------

    def begin_together(self, count: int) -> None:
        """
        Upload a number of videos now.
        """
        for _ in range(count):
            self._upload()

    def be_under_way(self, count: int) -> None:
        """
        Put a number of videos in process, as in a steady state in which as many begin as end, and keep it up until
        `end_uploads`.
        """
        found = [self._assumed.processing.draw_under_way(self._chance) for _ in range(count)]
        # Videos that began long ago were also last observed long ago, so the sweep will ask for them.
        ages_s = (LONG_AGO_S, 0)
        for age_s, (least_s, most_s) in zip(ages_s, ((LONG_AGO_S, math.inf), (0, LONG_AGO_S)), strict=True):
            self._begin_before(
                [(lasts_s, since_s - age_s) for lasts_s, since_s in found if least_s <= since_s < most_s]
            )
            self.clock.advance(age_s)
        self._go_on(count / self._assumed.processing.mean_s)

    def _begin_before(self, found: Sequence[tuple[float, float]]) -> None:
        """
        Record videos as begun, given for each how long it takes and how long ago it began.
        """
        video_ids = [self._upload(lasts_s, since_s).video_id for lasts_s, since_s in found]
        with contextlib.redirect_stdout(_Unheard()):
            for first in range(0, len(video_ids), OBSERVED_MAX):
                key = KEYS_SEPARATOR.join(video_ids[first : first + OBSERVED_MAX])
                self._work(Task(RECONCILE_VIDEO, key), Cause.UPLOAD)

    def end_uploads(self) -> None:
        """
        Stop uploads.
        """
        self._per_s = 0.0

    def _go_on(self, per_s: float) -> None:
        self._per_s = per_s

        def next_one() -> None:
            if self._per_s:
                self._upload()
                self._plan(self.clock() + timedelta(seconds=self._chance.expovariate(self._per_s)), next_one)

        self._plan(self.clock(), next_one)

    def _upload(self, lasts_s: float | None = None, since_s: float = 0.0) -> Made:
        """
        Let a teacher ask for an upload, and send its bytes at once.
        """
        number = len(self._media.made)
        video_id = hashlib.sha256(str(number).encode()).hexdigest()[:20]
        session_id = f"s{number // SESSION_VIDEOS}"
        now = self.clock()
        session = SessionIdentity(session_id, "teacher", BEGIN_AT)
        spec = UploadSpec("Algebra", "algebra.mp4", SIZE_BYTES)
        due = Progress(due_at=now + timedelta(seconds=LEASE_S))
        video = Video(session, NAME, now, number % SESSION_VIDEOS, spec, asked_at=now, progress=due)
        with self._causing(Cause.UPLOAD), contextlib.redirect_stdout(_Unheard()):
            if number % SESSION_VIDEOS == 0:
                fields = {
                    "ownerUid": "teacher",
                    "createdAt": BEGIN_AT,
                    "title": "Algebra",
                    "status": "public",
                    "format": "onDemand",
                }
                self._documents.commit(Create(session_path(session_id), fields))
            recorded = {**video.to_fields(), "wish": Spec(spec, now).to_fields()}
            self._documents.commit(Create(video_path(video_id), recorded))
            Reconciler(self._documents, self._queue, self.clock).reconcile(self.app.get(video_controller), video_id)
            self.app.get(pollers)[NAME].wake()
        made = next(reversed(self._media.made.values()))
        self._media.begin(made, self._assumed.processing.draw(self._chance) if lasts_s is None else lasts_s, since_s)
        for at, state in ((made.begun_at, "1"), (made.ready_at, "2")):
            if at is not None and at >= now:
                self._plan_push(made, at, state)
        self._judge()
        return made

    # --- the provider ---------------------------------------------------------------------------------------------

    def made(self) -> Sequence[Made]:
        """
        Return every video, in the order of creation.
        """
        return list(self._media.made.values())

    def _lag_s(self) -> float:
        return 0.0 if self._assumed.lag is None else self._assumed.lag.draw(self._lags)

    def _plan_push(self, made: Made, at: datetime, status: str) -> None:
        if self._assumed.push is None:
            return
        on_its_way_s, lost = self._assumed.push.draw(self._lags), self._lags.random() < self._assumed.push_lost
        if not lost:
            self._plan(at + timedelta(seconds=on_its_way_s), lambda: self._push(made, status))

    def _push(self, made: Made, status: str) -> None:
        body = json.dumps(
            {"object": {"referenceId": mapping.theirs(NAMESPACE, made.reference, "secret"), "status": status}}
        )
        signature = hashlib.sha256(SECRET.encode() + body.encode()).hexdigest()
        headers = {
            "content-type": "application/json",
            "x-kaltura-signature": signature,
            "x-kaltura-hash-algo": "sha256",
        }
        self._invoked("kalturaHook", Cause.PUSH)
        with self._causing(Cause.PUSH):
            handle_webhook(NAME, self._hook, headers, body.encode(), self._queue, RESOURCES)

    # --- time limits ----------------------------------------------------------------------------------------------

    def run(self, seconds: float) -> None:
        """
        Let time pass.
        """
        until = self.clock() + timedelta(seconds=seconds)
        with contextlib.redirect_stdout(_Unheard()):
            while self._agenda and self._agenda[0][0] <= until:
                at, _, do = heapq.heappop(self._agenda)
                self._queue.deliver_until(at, self._deliver)
                do()
            self._queue.deliver_until(until, self._deliver)

    def run_until_ready(self, at_most_s: float) -> None:
        """
        Let time pass until every video is recorded as ready and no tick is on its way.

        Raises:
            AssertionError: That takes longer than `at_most_s`.
        """
        until = self.clock() + timedelta(seconds=at_most_s)
        while len(self.seen_at) < len(self._media.made) or self._queue.ticks:
            left = len(self._media.made) - len(self.seen_at)
            assert self.clock() < until, f"{left} videos are not ready; the ticks {self._queue.ticks} are on their way."
            self.run(60)

    def run_without_sweep(self, seconds: float) -> None:
        """
        Let time pass without the schedule.
        """
        agenda, self._agenda = self._agenda, []
        # In steps, because the queue takes very many deliveries in one call for an endless loop.
        for _ in range(math.ceil(seconds / 600)):
            self.run(600)
        self._agenda = [(max(at, self.clock()), number, do) for at, number, do in agenda]
        heapq.heapify(self._agenda)

    def run_tasks_of(self, video_ids: Collection[str]) -> None:
        """
        Deliver the waiting tasks of these videos, each at its time, and nothing else.
        """
        waiting = self._queue.waiting()
        found = [index for index, task in enumerate(waiting) if task.key in video_ids]
        tasks = [self._queue.take(index) for index in reversed(found)]
        with contextlib.redirect_stdout(_Unheard()):
            for task in reversed(tasks):
                self.clock.move_to(max(task.at or self.clock(), self.clock()))
                self._deliver(task)

    def _plan(self, at: datetime, do: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (max(at, self.clock()), next(self._numbers), do))

    def _sweep(self) -> None:
        self._plan(self.clock() + timedelta(seconds=SWEEP_S), self._sweep)
        self._invoked("sweep", Cause.SWEEP)
        with self._causing(Cause.SWEEP):
            self.app.sweep.run()
        self._judge()

    # --- workers --------------------------------------------------------------------------------------------------

    def _deliver(self, task: Task) -> None:
        cause = self._queue.arrived(task)
        self._invoked(task.queue, cause)
        if task.queue == POLL_READINESS:
            self._do_tick(task)
        else:
            self._work(task, cause)

    def _work(self, task: Task, cause: Cause) -> None:
        with self._causing(cause):
            self.app.work(task.queue, task.key)

    def _do_tick(self, task: Task) -> None:
        number = len(self.tick_effects)
        tick = _Tick(self.clock(), self._mishap(number) or NO_MISHAP)
        self.tick_effects.append(tick.effects)
        around, self._tick = self._tick, tick
        try:
            with contextlib.suppress(Killed), self._causing(Cause.TICK):
                self.app.work(task.queue, task.key)
        finally:
            self._tick = around
        if tick.mishap.again_s is not None:
            again_at = max(tick.began_at + timedelta(seconds=tick.mishap.again_s), self.clock())
            self._queue.put(Task(POLL_READINESS, task.key, again_at))
        self._judge()

    def _assemble(self) -> App:
        events = MemoryEvents(self.clock)
        provider_accounts = {NAME: ProviderAccount(self._media, self._media)}
        return App(self._documents, self._queue, self.clock, events, provider_accounts, self._settings)

    def _effect(self, operation: str, do: Callable[[], T]) -> T:
        """
        Make an effect. If it is the effect at which the running tick is disturbed, disturb it.
        """
        tick = self._tick
        if tick is None:
            return do()
        moment = len(tick.effects)
        tick.effects.append(operation)
        if moment != tick.mishap.moment:
            return do()
        if tick.mishap.held_s is not None:
            with self._unnoticed(), self._causing(Cause.UPLOAD):
                self.run(tick.mishap.held_s)
            return do()
        if tick.mishap.after:
            do()
        raise Killed

    # --- counts and checks ----------------------------------------------------------------------------------------

    def _invoked(self, function: str, cause: Cause) -> None:
        self.invocations.append(Invocation(self.clock(), cause, function))

    def _asked(self, operation: str, actions: int) -> None:
        self.calls.append(Call(self.clock(), self._cause, operation, actions))

    def _cause_of(self, task: Task) -> Cause:
        if task.queue == POLL_READINESS:
            return Cause.TICK
        if task.at is not None:
            return Cause.DEADLINE
        return Cause.FEED if self._cause is Cause.TICK else self._cause

    def _wrote(self, path: str, fields: Fields) -> None:
        if path.startswith(f"{VIDEOS}/") and fields.get("state") == VideoState.READY:
            self.seen_at.setdefault(path.rpartition("/")[2], self.clock())
        if path == self.app.get(pollers)[NAME].path and fields["running"]:
            if self._tick is None:
                self.chains += 1
            else:
                self._claimed(self._tick)

    def _claimed(self, tick: _Tick) -> None:
        """
        Check that only one tick moves the chain on in one interval.
        """
        if tick.claimed:
            return
        tick.claimed = True
        if self._claimed_at is not None:
            passed_s = (tick.began_at - self._claimed_at).total_seconds()
            if passed_s < self.app.settings_of(PollerSettings).interval_s:
                raise Branched(f"Two ticks within {passed_s:g} s, at {tick.began_at}.")
        self._claimed_at = tick.began_at

    def _judge(self) -> None:
        """
        Check that at most one of the ticks on their way has the number in the chain's document, and none a greater one.
        """
        chain = self._chain()
        alive = {number for number in self._queue.ticks if number >= chain.tick} if chain.running else set()
        if alive - {chain.tick}:
            raise Branched(f"The ticks {sorted(alive)} are on their way at {self.clock()}; the next is {chain.tick}.")

    def _chain(self) -> Chain:
        with self._unnoticed():
            (document,) = self._documents.read(self.app.get(pollers)[NAME].path)
        assert isinstance(document, Document), "Nobody woke the feed."
        return Chain.from_document(document)

    @contextlib.contextmanager
    def _causing(self, cause: Cause) -> Iterator[None]:
        before, self._cause = self._cause, cause
        try:
            yield
        finally:
            self._cause = before

    @contextlib.contextmanager
    def _unnoticed(self) -> Iterator[None]:
        """
        Keep effects in this context from counting as effects of the tick.
        """
        before, self._tick = self._tick, None
        try:
            yield
        finally:
            self._tick = before
