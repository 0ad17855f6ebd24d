"""A deployment whose every call is counted: the real code on in-memory documents, in virtual time.

Used by the scenarios. People, triggers, workers and the schedule act here as `functions/` lets them. Where the code
runs is left to `places.py`. An instance serves one function, as in the cloud: it is forgotten `INSTANCE_KEPT_S` after
its last call, with everything that it remembered, and the next call starts another.

The time of a call is what Google bills it for: the time that it waits, by the latencies of `erasure_simulation.TOOK_S`,
plus `CPU_S`, rounded up to `BILLED_S`. Calls are never thought to share an instance's time. So the real bill is lower.
"""

from __future__ import annotations

import contextlib
import io
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final, Protocol, TypeVar

from emulator_tests.bench.billed import BilledDocuments
from emulator_tests.bench.erasure_simulation import TOOK_S, USUAL_S
from emulator_tests.cost.usage import Counts, Usage
from emulator_tests.memory import ManualClock, MemoryAccounts, MemoryDocuments, MemoryQueue
from functions.edge.callables import CALLABLE_MEMORY
from functions.edge.tasks import WORKER_MEMORY
from functions.schedule import SCHEDULE_MEMORY, STORED_PAGES_MAX
from shared.app import App
from shared.core.callers import Caller
from shared.core.paths import ENROLMENTS, SESSIONS
from shared.erasure.commands import carry_over
from shared.limits.call_budgets import CallBudgets, Work
from shared.limits.limiter import Limiter
from shared.operations.kill_switch import KillSwitch
from shared.ports import (
    Audience,
    Clock,
    Create,
    Delete,
    Document,
    Documents,
    Queue,
    Task,
    Update,
    Version,
    Write,
)
from shared.reconcile.deployment import CommonSettings
from shared.registry import BULK_QUEUES, WORKERS
from shared.sessions.admissions.changes import Changes
from shared.sessions.admissions.joining import Joining
from shared.sessions.resource import controller as session_controller
from shared.sessions.session import Session

T = TypeVar("T")

TEACHER: Final = Caller("teacher", is_teacher=True)

SWEEP_S: Final = 300
ORPHANS_S: Final = 24 * 3600
EVENT_KNOWN_S: Final = 24 * 3600
"""The default of the setting of that name."""

INSTANCE_KEPT_S: Final = 15 * 60
"""Cloud Run keeps an idle instance at most this long. Source:
https://cloud.google.com/run/docs/about-instance-autoscaling"""

START_S: Final = 1.0
"""Billed time of starting an instance. A cold start until a ready video plays took 0.8 s (docs/performance.md)."""

CPU_S: Final = 0.05
"""Billed time of a call besides waiting: the code, Google's clients, the HTTP server. `make cost` shows what the code
itself takes; the rest is some 6 ms (`join` in docs/performance.md)."""

BILLED_S: Final = 0.1
"""Source: https://cloud.google.com/run/pricing, "rounded up to the nearest 100 millisecond"."""

VCPUS: Final = 1.0
"""firebase-tools gives every function of at most 2 GiB one vCPU."""

ACCOUNT_S: Final = 0.1
"""Time of looking up a teacher in Firebase Auth, which is free."""

BUCKET_S: Final = 0.1
"""Time of a request to a bucket."""

MIB_OF_GIB: Final = 1024
BROWSER: Final = "browser"
OPERATOR: Final = "operator"
"""The operator's machine: its calls are no function's, and cost no time."""


class Place(Protocol):
    """
    Where a deployment runs: its provider, and what else it has.
    """

    @property
    def begins_at(self) -> datetime:
        """
        The time at which the clock begins.
        """
        ...

    def move_to(self, at: datetime) -> None:
        """
        Move the provider's clock.
        """
        ...

    def used(self) -> Usage:
        """
        Return what was asked of the provider and of the bucket since the last time.
        """
        ...

    def open(self, documents: Documents, queue: Queue, clock: Clock) -> tuple[App, Audience]:
        """
        Return the deployment as a new instance builds it, and who is admitted to its live events.
        """
        ...


class CountedQueue(MemoryQueue):
    """
    A queue that counts the requests to it.
    """

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.puts = 0

    def put(self, task: Task) -> bool:
        self.puts += 1
        return super().put(task)


class TriggeringDocuments(BilledDocuments):
    """
    Documents that tell which sessions and enrolments were written, as Firestore's triggers do.

    Attributes:
        written: What was written since somebody looked: the document before and after.
    """

    def __init__(self, kept: MemoryDocuments) -> None:
        super().__init__(kept)
        self.written: list[tuple[Document | None, Document | None]] = []

    def commit(self, *writes: Write) -> tuple[Version, ...]:
        paths = [one.path for one in writes if one.path.count("/") == 1 and one.path.startswith(TRIGGERING)]
        before = self._kept.read(*paths)
        versions = super().commit(*writes)
        for was, now in zip(before, self._kept.read(*paths), strict=True):
            if (None if was is None else was.version) != (None if now is None else now.version):
                self.written.append((was, now))
        return versions


TRIGGERING: Final = (f"{SESSIONS}/", f"{ENROLMENTS}/")


@dataclass
class Instance:
    """
    One instance of a function, and what it remembers.
    """

    app: App
    audience: Audience
    accounts: MemoryAccounts
    used_at: datetime

    @cached_property
    def kill_switch(self) -> KillSwitch:
        limit = self.app.settings_of(CommonSettings).tasks_per_hour_max
        return KillSwitch(self.app.documents, self.app.queue, self.app.clock, limit, BULK_QUEUES)

    @cached_property
    def budgets(self) -> CallBudgets:
        return CallBudgets(Limiter(self.app.documents, self.app.clock))

    @cached_property
    def changes(self) -> Changes:
        return Changes(self.app.queue, self.budgets.heeds, self.app.clock)

    @cached_property
    def joining(self) -> Joining:
        app = self.app
        keys = app.viewer_keys.get(app.events.name)
        sessions = app.get(session_controller)
        return Joining(sessions, self.audience, self.accounts, app.queue, app.clock, EVENT_KNOWN_S, keys)


@dataclass
class Metered:
    """
    A deployment whose every call is counted.

    Attributes:
        place: Where it runs.
        counts: What was counted so far.
        listeners: Number of open pages that listen to every session.
        cpu_s: CPU seconds of each call on this machine, by the function's name.
    """

    place: Place
    counts: Counts = field(default_factory=dict)
    listeners: int = 0
    cpu_s: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = ManualClock(self.place.begins_at)
        self.kept = MemoryDocuments()
        self.documents = TriggeringDocuments(self.kept)
        self.queue = CountedQueue(self.clock)
        self.accounts = MemoryAccounts()
        self.accounts.write(TEACHER.uid, teacher=True)
        self._instances: dict[str, Instance] = {}
        self._sweep_at = self.clock() + timedelta(seconds=SWEEP_S)
        self._orphans_at = self.clock() + timedelta(seconds=ORPHANS_S)

    # --- people ---------------------------------------------------------------------------------------------------

    def callable(
        self, name: str, caller: Caller, work: Work, ask: Callable[[Instance], T], *, needs_open: bool = False
    ) -> T:
        """
        Call a callable, as the edge lets it.

        Args:
            name: Its public name.
            caller: Who calls.
            work: The budget that a call takes a token of.
            ask: What it does.
            needs_open: Whether it asks for the kill switch first.
        """

        def answer(instance: Instance) -> T:
            instance.budgets.take(caller, work)
            if needs_open:
                instance.kill_switch.require_open()
            return ask(instance)

        return self.call(name, answer, ACCOUNT_S if caller.is_teacher else 0.0)

    def browse(self, *writes: Write, rule_reads: int = 0, reads: int = 0) -> None:
        """
        Let a page write documents, or read them.

        Args:
            writes: What it writes, in one commit.
            rule_reads: Number of documents that the rules read for that.
            reads: Number of documents that it reads.
        """
        if writes:
            self.documents.commit(*writes)
        deletes = sum(isinstance(one, Delete) for one in writes)
        self._add(BROWSER, Usage(reads=reads + rule_reads, writes=len(writes) - deletes, deletes=deletes))
        self._trigger()

    def write_session(self, session_id: str, **fields: Any) -> None:
        """
        Let the owner create a session, a draft unless the fields say otherwise, or change it.
        """
        path, now = f"{SESSIONS}/{session_id}", self.clock()
        if self.kept.read(path)[0] is not None:
            self.browse(Update(path, {"updatedAt": now, **fields}))
            return
        usual = {"ownerUid": TEACHER.uid, "title": "Algebra", "status": "draft", "format": "onDemand"}
        times = {"createdAt": now, "updatedAt": now}
        # The rules read whether the id is free: `isFree` in firestore.rules.
        self.browse(Create(path, {**usual, "visibility": "open", **times, **fields}), rule_reads=1)

    # --- time -----------------------------------------------------------------------------------------------------

    def run(self, seconds: float) -> None:
        """
        Let time pass: tasks and the schedule.
        """
        until = self.clock() + timedelta(seconds=seconds)
        while min(self._sweep_at, self._orphans_at) <= until:
            at = min(self._sweep_at, self._orphans_at)
            self.queue.deliver_until(at, self._deliver)
            if at == self._sweep_at:
                self._sweep_at += timedelta(seconds=SWEEP_S)
                self.call("sweep", self._sweep)
            else:
                self._orphans_at += timedelta(seconds=ORPHANS_S)
                self.call("findOrphans", self._find_orphans)
        self.queue.deliver_until(until, self._deliver)

    def end(self) -> Counts:
        """
        Return what was counted, with what will be deleted after its time.
        """
        kept = self.kept.read(*self.kept.paths())
        expiring = sum(one is not None and isinstance(one.fields.get("expiresAt"), datetime) for one in kept)
        self._add("expiry", Usage(expired=expiring))
        return self.counts

    def _sweep(self, instance: Instance) -> None:
        if not instance.kill_switch.is_stopped():
            instance.app.sweep.run()

    def _find_orphans(self, instance: Instance) -> None:
        if not instance.kill_switch.is_stopped():
            carry_over(instance.app.documents, instance.app.queue, instance.app.clock)
            instance.app.orphans.find(clean_up=False, stored_pages_max=STORED_PAGES_MAX)

    def _deliver(self, task: Task) -> None:
        def work(instance: Instance) -> None:
            if instance.kill_switch.admits(task):
                instance.app.work(task.queue, task.key)

        self._add(task.queue, Usage(tasks=1))
        self.call(task.queue, work)

    def _trigger(self) -> None:
        while self.documents.written:
            before, after = self.documents.written.pop(0)
            one = after or before
            assert one is not None
            if one.path.startswith(f"{SESSIONS}/"):
                kind = "Created" if before is None else "Deleted" if after is None else "Updated"
                if after is not None:
                    self._add(BROWSER, Usage(reads=self.listeners))
                sessions = [None if one is None else Session.from_document(one) for one in (before, after)]
                self.call(f"onSession{kind}", _session_changed(one.id, sessions))
            elif before is None:
                self.call("onEnrolmentCreated", lambda _: None)
            elif after is None:
                owner = before.fields["ownerUid"]
                self.call("onEnrolmentDeleted", _enrolment_deleted(one.id, owner))

    # --- counting -------------------------------------------------------------------------------------------------

    def count(self, name: str, usage: Usage) -> None:
        """
        Count more for a function than its calls show.
        """
        self._add(name, usage)

    def call(self, name: str, do: Callable[[Instance], T], waits_s: float = 0.0, asks: int = 0) -> T:
        """
        Call a function.

        Args:
            name: Its public name.
            do: What it does.
            waits_s: Seconds that it waits for something that is not counted here.
            asks: Number of its requests to the provider that are not made here.
        """
        instance, is_new = self._instance(name)
        self.place.move_to(self.clock())
        self.place.used()
        documents, queue = self.documents, self.queue
        reads, writes, deletes, puts = documents.reads, documents.writes, documents.deletes, queue.puts
        requests = documents.requests.copy()
        begun_s = time.process_time()
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                return do(instance)
        finally:
            self.cpu_s.setdefault(name, []).append(time.process_time() - begun_s)
            used = self.place.used() + Usage(provider_calls=asks)
            made = documents.requests - requests
            waited_s = waits_s + sum(TOOK_S.get(one, USUAL_S) * count for one, count in made.items())
            waited_s += TOOK_S["put"] * (queue.puts - puts) + USUAL_S * used.provider_calls
            waited_s += BUCKET_S * (used.stores + used.loads)
            is_billed = name != OPERATOR
            billed_s = 0.0 if not is_billed else billed(waited_s + CPU_S) + (START_S if is_new else 0)
            usage = Usage(
                reads=documents.reads - reads,
                writes=documents.writes - writes,
                deletes=documents.deletes - deletes,
                calls=is_billed,
                vcpu_s=billed_s * VCPUS,
                gib_s=billed_s * memory_mib(name) / MIB_OF_GIB,
                tasks=queue.puts - puts,
                starts=is_new and is_billed,
                waited_s=waited_s,
            )
            self._add(name, usage + used)
            self._trigger()

    def _instance(self, name: str) -> tuple[Instance, bool]:
        now, found = self.clock(), self._instances.get(name)
        if found is not None and now - found.used_at <= timedelta(seconds=INSTANCE_KEPT_S):
            found.used_at = now
            return found, False
        app, audience = self.place.open(self.documents, self.queue, self.clock)
        self._instances[name] = Instance(app, audience, self.accounts, now)
        return self._instances[name], True

    def _add(self, name: str, usage: Usage) -> None:
        self.counts[name] = self.counts.get(name, Usage()) + usage


def _session_changed(session_id: str, sessions: Sequence[Session | None]) -> Callable[[Instance], None]:
    return lambda instance: instance.changes.session_changed(session_id, *sessions)


def _enrolment_deleted(enrolment_id: str, owner_uid: str) -> Callable[[Instance], None]:
    return lambda instance: instance.changes.enrolment_deleted(enrolment_id, owner_uid)


def billed(seconds: float) -> float:
    """
    Return the time that is billed for a call. Pure.
    """
    return math.ceil(round(seconds / BILLED_S, 6)) * BILLED_S


def memory_mib(function: str) -> int:
    """
    Return the memory of a function's instances. Pure.
    """
    if function in WORKERS:
        return int(WORKER_MEMORY)
    if function in ("sweep", "findOrphans"):
        return int(SCHEDULE_MEMORY)
    # Triggers, webhooks and the API have as much as callables.
    return int(CALLABLE_MEMORY)


def next_day(now: datetime | None = None) -> datetime:
    """
    Return the midnight after the next one: a time that is ahead of any simulator's clock.
    """
    today = (now or datetime.now(UTC)).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=2)
