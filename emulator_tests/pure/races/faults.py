"""The faults of the race model.

At every effect another worker may go first, the effect may fail, its answer may be lost, it may happen late, and the
worker may die before or after it. Every in-memory port calls this as its `Effect`. `play` decides who moves next and
what time it is.

There are two sets of fault rates. In the usual one, all faults are those that the design assumes: a worker dies at its
timeout, and a call whose answer was lost is done within `LATE_COMMIT_S` or never, including its lag in the provider's
lists. In the other one, "beyond", workers sleep past their lease and wake up, calls are done long after their caller
gave up, and some are done twice. Then things may exist twice for a while, but none may stay.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final, TypeVar, cast

from emulator_tests.memory import ManualClock
from emulator_tests.pure.races.chronicle import Chronicle
from emulator_tests.pure.races.invariants import Ledger
from emulator_tests.pure.races.scheduler import Killed, Scheduler
from shared.core.errors import Doubtful, Permanent, Transient
from shared.ports import Changes, ExternalIds
from shared.reconcile import WORKER_TIMEOUT_S

T = TypeVar("T")

LATE_COMMIT_S: Final = 600
LAG_MAX_S: Final = 60.0


_MAKES: Final = frozenset({"create_event", "prepare_upload"})
_REACHES: Final = _MAKES | {
    "update_event",
    "delete_event",
    "find_upload",
    "rename",
    "reprocess",
    "delete_media",
    "end",
    "delete_stray",
    "rotate_stream_key",
}
"""Calls that change something at the provider."""

_ASKS: Final = frozenset({"find_event", "observe", "changes", "strays", "has_content", "ingest", "is_ended"})

_BEFORE: Final = ("refused", "killed before")
_UNANSWERED: Final = ("answer lost", "killed after")
_LATE: Final = ("late", "killed, late")
_PROVIDERS: Final = (*_BEFORE, "throttled", "timed out")
_TROUBLES: Final = {
    **dict.fromkeys(("read", "select", "count", "total"), _BEFORE),
    "commit": (*_BEFORE, *_UNANSWERED),
    "put": (*_BEFORE, *_UNANSWERED, "note lost", "note doubled"),
    **dict.fromkeys(_ASKS, _PROVIDERS),
    **dict.fromkeys(_REACHES, (*_PROVIDERS, *_UNANSWERED, *_LATE)),
}


@dataclass(frozen=True, slots=True)
class FaultRates:
    """
    The faults of one interleaving, and their frequency.

    Attributes:
        trouble: Chance of each effect to go wrong.
        favourite: The kind of trouble that occurs far more often than others.
        doubles: Chance that a trigger or a task comes once more.
        switch: Chance that another worker may go before an effect, and after it.
        sleep: Chance that a worker that has paused is delayed for long.
        haste: How often users act: before everything has settled, or after.
        pushes: Chance that the provider sends a webhook for a change.
        pace_s: How much time usually passes at once.
        lag_s: For how long at most the provider's lists miss what was created or changed.
        beyond: Whether faults may exceed what the design assumes.
    """

    trouble: float
    favourite: str
    doubles: float
    switch: float
    sleep: float
    haste: int
    pushes: float
    pace_s: float
    lag_s: float
    beyond: bool

    @classmethod
    def drawn(cls, rng: Random) -> FaultRates:
        """
        Return a random rates.
        """
        return cls(
            trouble=rng.choice((0.0, 0.05, 0.1, 0.2, 0.3)),
            favourite=rng.choice(("", "", *_LATE, *_UNANSWERED, "timed out", "throttled")),
            doubles=rng.choice((0.0, 0.1, 0.5)),
            switch=rng.choice((0.2, 0.5, 0.8)),
            sleep=rng.choice((0.0, 0.05, 0.2)),
            haste=rng.choice((2, 8)),
            pushes=rng.choice((0.0, 0.5, 0.9)),
            pace_s=rng.choice((0.2, 2.0, 15.0)),
            lag_s=rng.choice((0.0, 5.0, LAG_MAX_S)),
            beyond=rng.random() < 0.25,
        )


class Agenda:
    """
    Planned events outside the code under test, by time.
    """

    def __init__(self) -> None:
        self._items: list[tuple[datetime, int, Callable[[], object]]] = []
        self._numbers = itertools.count()

    def add(self, at: datetime, do: Callable[[], object]) -> None:
        """
        Plan something for an instant.
        """
        heapq.heappush(self._items, (at, next(self._numbers), do))

    def next_at(self) -> datetime | None:
        """
        Return the time of the next item.
        """
        return self._items[0][0] if self._items else None

    def do_next(self) -> None:
        """
        Do the next item.
        """
        heapq.heappop(self._items)[2]()


class FaultInjector:
    """
    The `Effect` of every in-memory port. Disturbs only workers.

    Attributes:
        rates: What may go wrong.
        unanswered: Counts calls that may still be done although nobody waits for them any more.
    """

    def __init__(
        self,
        rng: Random,
        rates: FaultRates,
        scheduler: Scheduler,
        clock: ManualClock,
        agenda: Agenda,
        ledger: Ledger,
        chronicle: Chronicle,
        others_first: Callable[[], None],
    ) -> None:
        self.rates = rates
        self.unanswered = 0
        self._rng = rng
        self._scheduler = scheduler
        self._clock = clock
        self._agenda = agenda
        self._ledger = ledger
        self._chronicle = chronicle
        self._others_first = others_first
        self._known_from: dict[str, datetime] = {}
        self._who = "quiet"

    def quietly(self, who: str) -> None:
        """
        Log calls outside of workers in the name of `who` from now on. They are never disturbed.
        """
        self._who = who

    def __call__(self, operation: str, do: Callable[[], T], detail: Any = None) -> T:
        """
        Make a call, or disturb it.
        """
        worker = self._scheduler.current
        if worker is None:
            return self._do(self._who, operation, do, detail)
        self._others_first()
        if not self.rates.beyond and self._clock() > worker.begun_at + timedelta(seconds=WORKER_TIMEOUT_S):
            self._tell(worker.name, operation, None, "killed by its timeout")
            raise Killed
        trouble = self._drawn(operation)
        if operation == "read":
            worker.read_step, worker.read_at = self._ledger.steps, self._clock()
        self._ledger.steps += 1
        result = self._disturbed(worker.name, operation, do, detail, trouble)
        self._others_first()
        return result

    def _drawn(self, operation: str) -> str:
        """
        Return the trouble of an effect, empty if there is none.
        """
        kinds, chance = _TROUBLES[operation], self._rng.random()
        if self.rates.favourite in kinds and chance < 0.25 and self.rates.trouble:
            return self.rates.favourite
        if self.rates.beyond and operation in _MAKES and chance < 0.5 * self.rates.trouble:
            return "done twice"
        return self._rng.choice(kinds) if chance < self.rates.trouble else ""

    def _disturbed(self, who: str, operation: str, do: Callable[[], T], detail: Any, trouble: str) -> T:
        match trouble:
            case "":
                return self._do(who, operation, do, detail)
            case "refused" | "throttled" | "timed out" | "killed before":
                self._tell(who, operation, detail, trouble)
            case "late" | "killed, late":
                self.unanswered += 2
                self._agenda.add(self._late_at(), lambda: self._come_late(who, operation, do))
                self._tell(who, operation, detail, trouble)
            case "note lost":
                self._tell(who, operation, detail, trouble)
                return cast(T, None)
            case "note doubled" | "done twice":
                self._do(who, operation, do, detail, trouble)
                return self._do(who, operation, do, detail, trouble)
            case _:
                self._do(who, operation, do, detail, trouble)
        match trouble:
            case "refused":
                raise Transient("It did not happen.", provider="memory", operation=operation, code="HTTP_503")
            case "throttled":
                retry_after_s = self._rng.choice((1.0, 30.0, 1e9))
                raise Transient(
                    "Too many calls.",
                    provider="memory",
                    operation=operation,
                    code="HTTP_429",
                    retry_after_s=retry_after_s,
                )
            case "answer lost" if operation in ("commit", "put"):
                raise Transient("Nobody answers.", provider="memory", operation=operation, code="UNAVAILABLE")
            case "timed out" | "answer lost" | "late":
                raise Doubtful("No answer came.", provider="memory", operation=operation, code="TIMEOUT")
            case _:
                raise Killed

    def _come_late(self, who: str, operation: str, do: Callable[[], object]) -> None:
        """
        Make a late call. Nobody gets the provider's answer, not even a refusal.
        """
        with contextlib.suppress(Permanent):
            self._do("provider", operation, do, f"for {who}", "came late")

    def _late_at(self) -> datetime:
        """
        Return when an abandoned call is done.

        Usually that is while a lost creation may still appear, counted from when its worker began. In "beyond", it is
        any time.
        """
        most_s = LATE_COMMIT_S - WORKER_TIMEOUT_S - LAG_MAX_S
        if self.rates.beyond:
            most_s = 3.0 * LATE_COMMIT_S
        within_s = self._rng.choice((5.0, 60.0, most_s - 1))
        return self._clock() + timedelta(seconds=self._rng.uniform(0.1, within_s))

    def _do(self, who: str, operation: str, do: Callable[[], T], detail: Any, trouble: str = "") -> T:
        result = do()
        if operation in _REACHES:
            self._ledger.provider_changed()
        shown = detail if operation in ("read", "select", "count", "total", "commit", "put") else result
        result = self._lagging(operation, result)
        self._tell(who, operation, detail if detail is not None else shown, trouble)
        return result

    def _lagging(self, operation: str, result: T) -> T:
        """
        Return the answer of a list that lags behind changes.
        """
        if not self.rates.lag_s:
            return result
        now = self._clock()
        if operation in ("find_event", "find_upload"):
            made_at = self._ledger.made_at(cast(ExternalIds, result))
            if made_at is not None and made_at + timedelta(seconds=self.rates.lag_s) > now:
                return cast(T, {})
        if operation == "changes":
            changes = cast(Changes, result)
            known = now - timedelta(seconds=self.rates.lag_s)
            return cast(T, replace(changes, items=tuple(one for one in changes.items if one.changed_at <= known)))
        return result

    def _tell(self, who: str, operation: str, detail: Any, trouble: str) -> None:
        self._chronicle.tell(self._clock(), who, operation, detail, trouble)
