"""A lamp that is to be lit, and a provider of light that obeys, fails or dies, for the tests of the reconciler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from emulator_tests.memory import BEGIN_AT, ManualClock, MemoryDocuments, MemoryQueue
from shared.core.errors import ProviderError
from shared.ports import Create, Document, Task, Update, Version, Write
from shared.reconcile import (
    LEASE_S,
    Controller,
    Decision,
    Done,
    Effect,
    Progress,
    Reconciler,
    RequeueAt,
    Snapshot,
    Step,
)

KEY = "hall"
WISH, LAMP = f"wishes/{KEY}", f"lamps/{KEY}"


def after(seconds: float) -> datetime:
    return BEGIN_AT + timedelta(seconds=seconds)


def error(kind: type[ProviderError], **more: Any) -> ProviderError:
    return kind("It did not work.", provider="light", operation="switch", code="FUSE", **more)


# --- the thing -----------------------------------------------------------------------------------------------------


class State(StrEnum):
    """
    The state of a lamp.
    """

    DARK = "dark"
    LIGHTING = "lighting"
    LIT = "lit"


@dataclass(frozen=True, slots=True)
class Lamp:
    """
    One document of `lamps`.
    """

    state: State = State.DARK
    name: str = ""
    progress: Progress = field(default_factory=Progress)


@dataclass(frozen=True, slots=True)
class LampSpec:
    """
    One document of `wishes`: what is wished, and under `shown` what is shown to clients.
    """

    exists: bool = False
    lit: bool = False
    name: str = ""
    watched: bool = False
    not_before: datetime | None = None
    restless: bool = False
    retry_permanent: bool = False
    shown: Any = None


LampSnapshot = Snapshot[LampSpec, Lamp]


@dataclass
class Lamps(Controller[LampSpec, Lamp, State]):
    """
    The Controller. A step at the provider is `provide`, which may look around, and raise.
    """

    documents: MemoryDocuments
    queue: str = "visitLamp"
    provide: Callable[[str], object] = field(default=lambda _: None)
    asked: list[str] = field(default_factory=list)
    lease_s: int = LEASE_S
    beats: bool = False

    def read(self, key: str) -> LampSnapshot:
        wished, recorded = self.documents.read(WISH, LAMP)
        spec = LampSpec() if wished is None else LampSpec(exists=True, **wished.fields)
        return Snapshot(key, spec, _lamp(recorded), None if recorded is None else recorded.version)

    def decide(self, snapshot: LampSnapshot, now: datetime, *, observed: bool) -> Decision[Lamp]:
        spec, record = snapshot.spec, snapshot.record or Lamp()
        if record.state is State.LIGHTING:
            return Step("find", Effect.OBSERVE, record, record, retry_permanent=True)
        if not spec.exists:
            return Done()
        if record.name != spec.name or spec.restless:
            renamed = replace(record, name=record.name + "." if spec.restless else spec.name)
            return Step("name", Effect.WRITE, renamed, renamed)
        if spec.not_before is not None and now < spec.not_before:
            return RequeueAt(spec.not_before)
        if spec.lit and record.state is State.DARK:
            begun = replace(record, state=State.LIGHTING)
            return Step(
                "light",
                Effect.CHANGE,
                begun,
                record,
                spec.name,
                retry_permanent=spec.retry_permanent,
                lease_s=self.lease_s,
                beats=self.beats,
            )
        if spec.watched and not observed:
            return Step("watch", Effect.OBSERVE, record, record, observes=True)
        if snapshot.record is not None and spec.shown != _shown(record):
            return Step("show", Effect.WRITE, record, record)
        return Done()

    def act(self, snapshot: LampSnapshot, step: Step[Lamp], now: datetime) -> State:
        self.asked.append(step.name)
        self.provide(step.name)
        return State.LIT if step.name != "watch" else step.record.state

    def settle(self, snapshot: LampSnapshot, step: Step[Lamp], outcome: State, now: datetime) -> Lamp:
        return replace(step.record, state=outcome)

    def after(self, snapshot: LampSnapshot, record: Lamp) -> LampSnapshot:
        return replace(snapshot, record=record, spec=replace(snapshot.spec, shown=_shown(record)))

    def record_writes(
        self, snapshot: LampSnapshot, record: Lamp, version: Version | None, now: datetime
    ) -> tuple[Write, ...]:
        fields = {"state": record.state, "name": record.name, **record.progress.to_fields()}
        lamp = Create(LAMP, fields) if version is None else Update(LAMP, fields, if_version=version)
        old_names = (Create(f"names/{name}", {"left_at": now}) for name in _given_up(snapshot, record))
        return (lamp, *old_names)

    def follow_ups(self, snapshot: LampSnapshot, record: Lamp) -> tuple[Task, ...]:
        return tuple(Task("forgetName", name) for name in _given_up(snapshot, record))

    def view_writes(self, snapshot: LampSnapshot, record: Lamp) -> tuple[Write, ...]:
        if not snapshot.spec.exists or snapshot.spec.shown == _shown(record):
            return ()
        return (Update(WISH, {"shown": _shown(record)}),)

    def dependants(self, snapshot: LampSnapshot) -> tuple[Task, ...]:
        return (Task("visitSwitch", snapshot.key),) if snapshot.spec.watched else ()


def _given_up(snapshot: LampSnapshot, record: Lamp) -> list[str]:
    """
    Return the name that a renamed lamp releases.
    """
    name = "" if snapshot.record is None or snapshot.spec.restless else snapshot.record.name
    return [name] if name not in ("", record.name) else []


def _lamp(document: Document | None) -> Lamp | None:
    if document is None:
        return None
    fields = document.fields
    return Lamp(State(fields["state"]), fields["name"], Progress.from_fields(fields))


def _shown(record: Lamp) -> dict[str, Any]:
    failure = record.progress.failure
    return {"state": record.state.value, "failure": None if failure is None else failure.shown()}


class House:
    """
    A lamp with its spec, its provider and its workers.
    """

    def __init__(self, **spec: Any) -> None:
        self.clock = ManualClock()
        self.disturb: Callable[[str], None] = lambda _: None
        self.documents = MemoryDocuments(self._effect)
        self.queue = MemoryQueue(self.clock)
        self.lamps = Lamps(self.documents)
        if spec:
            self.spec(**spec)

    def _effect(self, operation: str, do: Callable[[], Any]) -> Any:
        self.disturb(operation)
        return do()

    def spec(self, **spec: Any) -> None:
        (document,) = self.documents.read(WISH)
        self.documents.commit(Create(WISH, spec) if document is None else Update(WISH, spec))

    @property
    def reconciler(self) -> Reconciler:
        return Reconciler(self.documents, self.queue, self.clock)

    def reconcile(self) -> LampSnapshot:
        return self.reconciler.reconcile(self.lamps, KEY)

    def run_until(self, until: datetime) -> None:
        """
        Let the queue run.
        """

        def deliver(_: Task) -> None:
            self.reconcile()

        self.queue.deliver_until(until, deliver)

    def fields(self, path: str) -> Mapping[str, Any] | None:
        (document,) = self.documents.read(path)
        return None if document is None else document.fields

    @property
    def lamp(self) -> Lamp:
        (document,) = self.documents.read(LAMP)
        lamp = _lamp(document)
        assert lamp is not None
        return lamp

    def failing(self, *errors: BaseException) -> None:
        """
        The provider fails so many times, and then obeys.
        """
        left = list(errors)

        def provide(_: str) -> None:
            if left:
                raise left.pop(0)

        self.lamps.provide = provide

    def meanwhile(self, operation: str, do: Callable[[], object]) -> None:
        """
        Someone else does something just before a worker's next call of that kind.
        """

        def disturb(called: str) -> None:
            if called == operation:
                self.disturb = lambda _: None
                do()

        self.disturb = disturb
