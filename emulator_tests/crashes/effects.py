"""Every effect of the code under test: numbered, logged, and one of them disturbed by a fault or another actor.

`world` puts these classes between the code and its ports. Faults of documents and queue are made here, as their
adapters would raise them. Faults of Kaltura are made by the simulator, so that the real client is tested too. `world`
does everything else that happens around an effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from enum import StrEnum
from http.client import HTTPConnection
from typing import Any, Final, Protocol, TypeVar

from emulator_tests.memory import MemoryDocuments, MemoryQueue
from emulator_tests.pure.races.scheduler import Killed
from shared.cloud.calls import TIMEOUT_S
from shared.core.errors import Conflict, Transient
from shared.ports import Document, Query, Task, Total, Update, Version, Write
from shared.providers.kaltura.account import ANSWER_TIMEOUT_S, CONNECT_TIMEOUT_S, PLUGINS
from shared.providers.kaltura.client import Ask, Asked, Client, Multi
from shared.providers.kaltura.client.connection import Address, Connection, address_of
from shared.providers.kaltura.client.library import Library
from shared.providers.kaltura.mapping import NAME
from shared.providers.secret import SecretWatch

T = TypeVar("T")


class Kind(StrEnum):
    """
    The kinds of effects.
    """

    READ = "read"
    """Read documents by their paths."""
    SELECT = "select"
    """Read documents by a query."""
    COMMIT = "commit"
    """Write documents."""
    PUT = "put"
    """Enqueue a task."""
    ASK = "ask"
    """Read from Kaltura."""
    CHANGE = "change"
    """Change something at Kaltura."""
    SEND = "send"
    """Send bytes from the browser to Kaltura."""


class Fault(StrEnum):
    """
    The kinds of faults.
    """

    KILLED_BEFORE = "killed-before"
    """The worker dies before the effect happens."""
    KILLED_AFTER = "killed-after"
    """The effect happens, then the worker dies."""
    ANSWER_LOST = "answer-lost"
    """The effect happens, but the worker never gets the answer."""
    UNAVAILABLE = "unavailable"
    """The effect does not happen: UNAVAILABLE from Google, an HTML page with status 502 from in front of Kaltura."""
    UNAVAILABLE_YET_DONE = "unavailable-yet-done"
    """The effect happens at Kaltura, but the answer is the HTML page with status 502."""
    THROTTLED = "throttled"
    """The effect does not happen: RESOURCE_EXHAUSTED from Google, ACTION_BLOCKED from Kaltura."""
    CUT_SHORT = "cut-short"
    """The effect happens, and half of the answer arrives."""
    CALLED_A_CONFLICT = "called-a-conflict"
    """The effect happens. A retry inside the SDK finds our own write and reports it as a conflict."""


# Faults that leave the same state as another fault of the same effect are left out. A read changes nothing, whether the
# worker dies before or after it. A failed read looks the same for every reason.
_FAULTS: Final[Mapping[Kind, tuple[Fault, ...]]] = {
    Kind.READ: (Fault.KILLED_BEFORE, Fault.UNAVAILABLE),
    Kind.SELECT: (Fault.KILLED_BEFORE, Fault.UNAVAILABLE),
    Kind.COMMIT: (
        Fault.KILLED_BEFORE,
        Fault.KILLED_AFTER,
        Fault.ANSWER_LOST,
        Fault.UNAVAILABLE,
        Fault.THROTTLED,
        Fault.CALLED_A_CONFLICT,
    ),
    Kind.PUT: (
        Fault.KILLED_BEFORE,
        Fault.KILLED_AFTER,
        Fault.ANSWER_LOST,
        Fault.UNAVAILABLE,
        Fault.THROTTLED,
    ),
    Kind.ASK: (Fault.KILLED_BEFORE, Fault.ANSWER_LOST, Fault.UNAVAILABLE, Fault.THROTTLED),
    Kind.CHANGE: (
        Fault.KILLED_BEFORE,
        Fault.KILLED_AFTER,
        Fault.ANSWER_LOST,
        Fault.UNAVAILABLE,
        Fault.UNAVAILABLE_YET_DONE,
        Fault.THROTTLED,
        Fault.CUT_SHORT,
    ),
    Kind.SEND: (Fault.KILLED_BEFORE, Fault.KILLED_AFTER, Fault.ANSWER_LOST, Fault.UNAVAILABLE, Fault.THROTTLED),
}

AT_KALTURA: Final = frozenset({Kind.ASK, Kind.CHANGE, Kind.SEND})

_SIMULATED: Final[Mapping[Fault, Mapping[str, Any]]] = {
    Fault.ANSWER_LOST: {"kind": "drop_after_commit"},
    Fault.UNAVAILABLE: {"kind": "html", "status": 502},
    Fault.UNAVAILABLE_YET_DONE: {"kind": "html", "status": 502, "commits": True},
    Fault.THROTTLED: {"kind": "throttle"},
    Fault.CUT_SHORT: {"kind": "truncated"},
}

_CODES: Final[Mapping[Fault, str]] = {
    Fault.ANSWER_LOST: "DEADLINE_EXCEEDED",
    Fault.UNAVAILABLE: "UNAVAILABLE",
    Fault.THROTTLED: "RESOURCE_EXHAUSTED",
}


@dataclass(frozen=True, slots=True)
class Met:
    """
    One effect that was counted.

    Attributes:
        kind: What it does.
        name: The operation and what it works on.
        is_first: Whether it is the first effect of its worker.
    """

    kind: Kind
    name: str
    is_first: bool = False

    def faults(self) -> tuple[Fault, ...]:
        """
        Return the faults to inject at this effect.

        Dying before an effect is the same as dying after the previous effect of the same worker, so it is injected only
        at a worker's first effect.
        """
        return tuple(fault for fault in _FAULTS[self.kind] if self.is_first or fault is not Fault.KILLED_BEFORE)


@dataclass(frozen=True, slots=True)
class Blow:
    """
    The disturbance of a run: what happens, and at which effect.

    Attributes:
        number: Number of the effect, counted from 1.
        what: A fault, or an act of somebody else just before the effect.
    """

    number: int
    what: Fault | Callable[[], None]


class Surroundings(Protocol):
    """
    Callbacks around an effect.
    """

    def before(self, kind: Kind) -> None:
        """
        Prepare for an effect that is about to happen.
        """
        ...

    def after(self, kind: Kind) -> None:
        """
        Take note of an effect that has happened or failed.
        """
        ...

    def visitor(self) -> object:
        """
        Return the worker whose effect it is.
        """
        ...

    def tell(self, name: str, trouble: str) -> None:
        """
        Log the effect.
        """
        ...

    def alone(self) -> AbstractContextManager[None]:
        """
        Let another actor act in this context, uncounted and undisturbed.
        """
        ...

    def wait(self, seconds: float) -> None:
        """
        Let the worker wait.
        """
        ...

    def let_go_wrong(self, kind: str, match: Mapping[str, Any] | None = None, **how: Any) -> None:
        """
        Let the next request to Kaltura fail.
        """
        ...


class Effects:
    """
    Wraps every effect of one run.

    Attributes:
        met: The effects that were counted, in order.
        counting: Whether effects are counted now, and may be disturbed.
        blow: The disturbance.
        disturbed: The worker whose effect was disturbed, as a list of at most one.
        branch: Is given the number of each counted effect and the effect, and returns its disturbance. It may copy this
            process, and return something else in the copy.
        surroundings: Callbacks around each effect.
    """

    def __init__(self, surroundings: Surroundings) -> None:
        self.met: list[Met] = []
        self.counting = False
        self.blow: Blow | None = None
        self.disturbed: list[object] = []
        self.branch: Callable[[int, Met], Fault | Callable[[], None] | None] | None = None
        self.surroundings = surroundings
        self._last_visitor: object = None

    def __call__(self, kind: Kind, name: str, do: Callable[[], T]) -> T:
        """
        Make one effect happen, or inject the fault.
        """
        around = self.surroundings
        what: Fault | Callable[[], None] | None = None
        if self.counting:
            visitor = around.visitor()
            self.met.append(Met(kind, name, is_first=visitor is not self._last_visitor))
            self._last_visitor = visitor
            if self.blow is not None and self.blow.number == len(self.met):
                what = self.blow.what
            elif self.branch is not None:
                what = self.branch(len(self.met), self.met[-1])
        if what is not None:
            self.disturbed.append(around.visitor())
        if what is not None and not isinstance(what, Fault):
            with around.alone():
                what()
            what = None
        around.before(kind)
        around.tell(name, "" if what is None else what.value)
        try:
            return do() if what is None else self._struck(kind, what, name, do)
        finally:
            around.after(kind)

    def _struck(self, kind: Kind, fault: Fault, name: str, do: Callable[[], T]) -> T:
        if fault is Fault.KILLED_BEFORE:
            raise Killed
        if fault is Fault.KILLED_AFTER:
            do()
            raise Killed
        if kind in AT_KALTURA:
            self.surroundings.let_go_wrong(**_SIMULATED[fault])
            try:
                return do()
            finally:
                if fault is Fault.ANSWER_LOST:
                    self.surroundings.wait(ANSWER_TIMEOUT_S)
        if fault in (Fault.ANSWER_LOST, Fault.CALLED_A_CONFLICT):
            do()
        if fault is Fault.CALLED_A_CONFLICT:
            raise Conflict("Somebody else changed the same document first. Try again.")
        if fault is Fault.ANSWER_LOST:
            self.surroundings.wait(TIMEOUT_S)
        raise Transient("It does not answer at the moment.", provider="google", operation=name, code=_CODES[fault])


class WatchedDocuments:
    """
    The documents of the code under test. Each call is an effect.
    """

    def __init__(self, kept: MemoryDocuments, effects: Effects, wrote: Callable[[Sequence[Write]], None]) -> None:
        self._kept = kept
        self._effects = effects
        self._wrote = wrote

    def read(self, *paths: str) -> tuple[Document | None, ...]:
        name = " ".join(["read", *map(_collection, paths)])
        return self._effects(Kind.READ, name, lambda: self._kept.read(*paths))

    def select(self, query: Query) -> Sequence[Document]:
        return self._effects(Kind.SELECT, f"select {query.collection}", lambda: self._kept.select(query))

    def count(self, query: Query) -> int:
        return self._effects(Kind.SELECT, f"count {query.collection}", lambda: self._kept.count(query))

    def total(self, query: Query, field: str) -> Total:
        name = f"total {query.collection}"
        return self._effects(Kind.SELECT, name, lambda: self._kept.total(query, field))

    def commit(self, *writes: Write) -> tuple[Version, ...]:
        def do() -> tuple[Version, ...]:
            versions = self._kept.commit(*writes)
            self._wrote(writes)
            return versions

        return self._effects(Kind.COMMIT, " ".join(["commit", *map(_written, writes)]), do)


class WatchedQueue:
    """
    The queue of the code under test. Each task is an effect, and is delivered `copies` times.
    """

    def __init__(self, kept: MemoryQueue, effects: Effects, *, copies: int) -> None:
        self._kept = kept
        self._effects = effects
        self._copies = copies

    def put(self, task: Task) -> bool:
        def do() -> bool:
            is_new = self._kept.put(task)
            for _ in range(1, self._copies):
                self._kept.put(replace(task, once=None))
            return is_new

        later = "" if task.at is None else " later"
        return self._effects(Kind.PUT, f"put {task.queue}{later}", do)


class WatchedClient(Client):
    """
    The Kaltura client of the code under test. Each round trip is an effect. `effects` belongs to the current run.

    Args:
        url: Kaltura's address.
        connect: Returns a connection to it.
    """

    effects: Effects

    def __init__(self, url: str, connect: Callable[[], HTTPConnection]) -> None:
        super().__init__(url, plugins=PLUGINS)
        address, secret = address_of(url), SecretWatch(NAME, "Kaltura", "KALTURA_ADMIN_SECRET")
        self._new = lambda: Library(PLUGINS, _GivenConnection(address, connect), address.path, secret)

    def call(self, ks: str | None, ask: Ask, *, fields: Sequence[str] = ()) -> Any:
        """
        Make one service call, as one effect.
        """
        name = _named(ask)
        return self.effects(_kind((name,)), name, lambda: super(WatchedClient, self).call(ks, ask, fields=fields))

    def multi(self, ks: str | None) -> Multi:
        """
        Make several service calls, as one effect.
        """
        return _WatchedMulti(self._lent, ks, self.effects)


class _GivenConnection(Connection):
    """
    A connection as of production, but for how it is opened.
    """

    def __init__(self, address: Address, connect: Callable[[], HTTPConnection]) -> None:
        super().__init__(address, CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S, 0, None)
        self._connect = connect

    def _open(self, operation: str) -> HTTPConnection:
        self.close()
        self._connection = self._connect()
        return self._connection


class _WatchedMulti(Multi):
    def __init__(self, lent: Callable[[], Any], ks: str | None, effects: Effects) -> None:
        super().__init__(lent, ks)
        self._effects = effects
        self._names: list[str] = []

    def ask(self, ask: Ask, *, ks: str | None = None, fields: Sequence[str] = (), many: bool = False) -> Asked:
        self._names.append(_named(ask))
        return super().ask(ask, ks=ks, fields=fields, many=many)

    def send(self) -> None:
        self._effects(_kind(self._names), " ".join(self._names), super().send)


class _Namer:
    """
    Returns the name of a call to the library instead of making the call.
    """

    def __init__(self, *words: str) -> None:
        self._words = words

    def __getattr__(self, word: str) -> _Namer:
        return _Namer(*self._words, word)

    def __call__(self, *_: Any) -> str:
        return ".".join(self._words[-2:])


def _named(ask: Ask) -> str:
    return str(ask(_Namer()))


def _kind(names: Sequence[str]) -> Kind:
    only_asks = all(name.endswith((".get", ".getByIds", ".isLive", ".list")) for name in names)
    return Kind.ASK if only_asks else Kind.CHANGE


def _collection(path: str) -> str:
    return path.split("/")[0]


def _written(write: Write) -> str:
    fields: Mapping[Any, Any] = getattr(write, "fields", None) or getattr(write, "changes", None) or {}
    state = fields.get("state")
    verb = "" if isinstance(write, Update) else f"{type(write).__name__.lower()} "
    return verb + _collection(write.path) + (f" {state}" if isinstance(state, str) else "")
