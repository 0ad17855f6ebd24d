"""In-memory implementations of the ports: clock, documents, queue, and a provider's events, videos and inventory.

The pure tests and the race model use them. They pass the contract suites that the real adapters pass
(`emulator_tests/contract`). Tests decide what goes wrong.

Every call goes through the part's `Effect`, which may disturb it in any way: raise before the call (it did not happen),
make the call and raise (the answer was lost), keep the call and raise (it commits later, when the test makes it), or
make the call twice.
"""

from __future__ import annotations

import hashlib
import itertools
import secrets
import threading
from bisect import insort
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol, TypeVar

from shared.cloud.firestore import changes_by_path, check_path, check_query, stored
from shared.core.errors import BackendError, Conflict, Permanent, Transient, WrongState
from shared.ports import (
    MANIFEST_URL,
    PROGRESSIVE_URL,
    THUMBNAIL_URL,
    Account,
    Admission,
    Allowance,
    Attendee,
    Broadcast,
    Change,
    Changes,
    Clock,
    Condition,
    Create,
    Delete,
    Document,
    EventIds,
    EventSpec,
    ExternalIds,
    Grant,
    Ingest,
    InventoryItem,
    MediaState,
    Observation,
    Operator,
    Query,
    Refusal,
    Remove,
    Source,
    Stage,
    Task,
    Total,
    Update,
    UploadGrant,
    UploadSpec,
    Version,
    Write,
)

T = TypeVar("T")

BEGIN_AT: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
FIRST_CREATED_AT: Final = BEGIN_AT - timedelta(days=3650)
"""When the first in-memory document was created. Each later one is created a second after the one before, whatever
clock a test moves, so no test ever writes one of these instants."""

CHUNK_BYTES: Final = 100
REQUESTS_SPARE: Final = 4
"""Requests that the in-memory provider counts for an upload besides those of its chunks."""

DELIVERIES_MAX: Final = 10_000
PAGE_ITEMS_MAX: Final = 500


class Effect(Protocol):
    """
    Wraps every call of an in-memory part.
    """

    def __call__(self, operation: str, do: Callable[[], T]) -> T:
        """
        Make the call, or disturb it.

        Args:
            operation: The port's name of the method, e.g. `commit`.
            do: The call itself, all or nothing. It may be kept and made later.
        """
        ...


def undisturbed(operation: str, do: Callable[[], T]) -> T:  # noqa: ARG001  # the shape of every Effect
    """
    Make the call, undisturbed.
    """
    return do()


class ManualClock:
    """
    A clock that stands still until a test moves it.
    """

    def __init__(self, now: datetime = BEGIN_AT) -> None:
        self._now = now

    def __call__(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        """
        Move forward by a number of seconds.
        """
        self.move_to(self._now + timedelta(seconds=seconds))

    def move_to(self, at: datetime) -> None:
        """
        Move forward to an instant.

        Raises:
            ValueError: It is in the past (never).
        """
        if at < self._now:
            raise ValueError("A clock does not go backwards.")
        self._now = at


# --- documents ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Kept:
    fields: dict[str, Any]
    version: int
    created_at: datetime


class MemoryDocuments:
    """
    The documents port in memory.
    """

    def __init__(self, effect: Effect = undisturbed) -> None:
        self._effect = effect
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}
        self._indexes: dict[tuple[str, str | None], dict[Any, set[str]]] = {}
        self._versions = itertools.count(1)

    def paths(self) -> tuple[str, ...]:
        """
        Return the paths of all documents, sorted.
        """
        with self._lock:
            return tuple(sorted(self._kept))

    def read(self, *paths: str) -> tuple[Document | None, ...]:
        for path in paths:
            check_path(path)

        def do() -> tuple[Document | None, ...]:
            with self._lock:
                return tuple(self._document(path) for path in paths)

        return self._effect("read", do)

    def select(self, query: Query) -> Sequence[Document]:
        check_query(query)

        def do() -> Sequence[Document]:
            with self._lock:
                return self._select(query)

        return self._effect("select", do)

    def count(self, query: Query) -> int:
        check_query(query)

        def do() -> int:
            with self._lock:
                return len(self._matching(query))

        return self._effect("count", do)

    def total(self, query: Query, field: str) -> Total:
        check_query(query)

        def do() -> Total:
            with self._lock:
                values = [fields[field] for _, fields in self._matching(query) if field in fields]
                return Total(len(values), sum(_whole(value) for value in values))

        return self._effect("total", do)

    def commit(self, *writes: Write) -> tuple[Version, ...]:
        written = tuple(_written(write) for write in writes)

        def do() -> tuple[Version, ...]:
            with self._lock:
                return self._commit(written)

        return self._effect("commit", do)

    def _document(self, path: str) -> Document | None:
        kept = self._kept.get(path)
        return None if kept is None else Document(path, _copied(kept.fields), kept.version, kept.created_at)

    def _select(self, query: Query) -> Sequence[Document]:
        found = self._matching(query)
        found.sort(key=lambda one: (_rank(one[1].get(query.order_by or "")), one[0]))
        documents = (self._document(f"{query.collection}/{id_}") for id_, _ in found[: query.limit])
        return [document for document in documents if document is not None]

    def _matching(self, query: Query) -> list[tuple[str, dict[str, Any]]]:
        prefix = query.collection + "/"
        found = ((path.removeprefix(prefix), self._kept[path].fields) for path in self._candidates(query))
        return [
            (id_, fields)
            for id_, fields in found
            if (query.order_by is None or query.order_by in fields)
            and (query.after_id is None or id_ > query.after_id)
            and all(_meets(fields, condition) for condition in query.conditions)
        ]

    def _candidates(self, query: Query) -> Collection[str]:
        """
        Return the paths of the documents that may match a query.

        An index on one field narrows a collection down, so that a test with as many documents as a school does not scan
        all of them for one session, or for the few that are due.
        """
        found: Collection[str] = self._index(query.collection, None).get(None, ())
        for condition in query.conditions:
            if isinstance(condition.field, str) and condition.operator is not Operator.CONTAINS:
                index = self._index(query.collection, condition.field)
                found = min(found, [path for paths in self._met(index, condition) for path in paths], key=len)
        return found

    def _met(self, index: Mapping[Any, set[str]], condition: Condition) -> Iterable[set[str]]:
        """
        Return the entries of an index that meet a condition.
        """
        match condition.operator:
            case Operator.EQUAL:
                return [index.get(_key(stored(condition.value)), set())]
            case Operator.IN:
                return [index.get(key, set()) for key in {_key(stored(value)) for value in condition.value}]
            case _:
                # All documents of one entry have the same value, so one of them stands for all.
                return [one for one in index.values() if _meets(self._kept[next(iter(one))].fields, condition)]

    def _index(self, collection: str, field: str | None) -> dict[Any, set[str]]:
        """
        Return the paths of a collection's documents by the value of a field. The index is built at its first use.
        """
        if (collection, field) not in self._indexes:
            index = self._indexes[collection, field] = {}
            for path, kept in self._kept.items():
                if _collection_of(path) == collection:
                    index.setdefault(_value_of(kept.fields, field), set()).add(path)
        return self._indexes[collection, field]

    def _keep(self, path: str, kept: _Kept | None) -> _Kept | None:
        """
        Store a document, or remove it, and update the indexes.

        Returns:
            The document that was stored there before.
        """
        before = self._kept.pop(path, None)
        collection = _collection_of(path)
        for (indexed, name), index in self._indexes.items():
            if indexed != collection:
                continue
            if before is not None:
                value = _value_of(before.fields, name)
                index[value].discard(path)
                if not index[value]:
                    del index[value]
            if kept is not None:
                index.setdefault(_value_of(kept.fields, name), set()).add(path)
        if kept is not None:
            self._kept[path] = kept
        return before

    def _commit(self, writes: Sequence[Write]) -> tuple[Version, ...]:
        # Each write sees the writes before it. If one condition fails, all are undone.
        undo: list[tuple[str, _Kept | None]] = []
        version = next(self._versions)
        try:
            return tuple(self._write(write, version, undo) for write in writes)
        except Conflict:
            for path, before in reversed(undo):
                self._keep(path, before)
            raise

    def _write(self, write: Write, version: int, undo: list[tuple[str, _Kept | None]]) -> int:
        before = self._kept.get(write.path)
        after = before
        match write:
            case Create():
                if before is not None:
                    raise Conflict(f"{write.path} exists already.")
                # A document with a `createdAt` was created then, as with the server's timestamp.
                told = write.fields.get("createdAt")
                at = told if isinstance(told, datetime) else FIRST_CREATED_AT + timedelta(seconds=version)
                after = _Kept(dict(write.fields), version, at)
            case Update():
                if before is None or write.if_version not in (None, before.version):
                    raise Conflict(f"{write.path} is gone or was changed meanwhile.")
                fields = _copied(before.fields)
                for path, value in changes_by_path(write).items():
                    _put(fields, path, value)
                # As in Firestore, an update that changes nothing leaves the version as it was. Python's `==` is not
                # enough to tell:
                # `True == 1`, but Firestore distinguishes them.
                if fields != before.fields or _rank(fields) != _rank(before.fields):
                    after = _Kept(fields, version, before.created_at)
            case Delete():
                if write.if_version is not None and (before is None or before.version != write.if_version):
                    raise Conflict(f"{write.path} is gone or was changed meanwhile.")
                after = None
        undo.append((write.path, self._keep(write.path, after)))
        return version if after is None else after.version


def _collection_of(path: str) -> str | None:
    """
    Return the top-level collection of a document, `None` for a document of a subcollection.
    """
    collection, _, rest = path.partition("/")
    return None if "/" in rest else collection


def _value_of(fields: Mapping[str, Any], field: str | None) -> Any:
    """
    Return the key by which an index finds a document: the value of a field, or `None` if the index is of no field.
    """
    return None if field is None else _key(fields[field]) if field in fields else _ABSENT


def _key(value: Any) -> Any:
    """
    Return a value as a dict key. Two keys are equal if Firestore's values are.
    """
    rank = _rank(value)
    return float(value) if rank[0] == _rank(0)[0] else repr(rank)


_ABSENT: Final = "absent"


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _written(write: Write) -> Write:
    """
    Return the write with a copy of its values, made before any effect may delay it.
    """
    check_path(write.path)
    match write:
        case Create(path, fields):
            return Create(path, stored(fields))
        case Update(path, _, if_version):
            changes = changes_by_path(write)
            return Update(
                path,
                {way: value if isinstance(value, Remove) else stored(value) for way, value in changes.items()},
                if_version,
            )
        case Delete():
            return write


def _copied(value: Any) -> Any:
    """
    Return a copy of stored values. Cheaper than `stored`, which has checked them already; this is the hot path of a run
    in memory.
    """
    if isinstance(value, dict):
        return {name: _copied(child) for name, child in value.items()}
    return [_copied(child) for child in value] if isinstance(value, list) else value


def _put(fields: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    *way, last = path
    for name in way:
        child = fields.get(name)
        if not isinstance(child, dict):
            if isinstance(value, Remove):
                return
            child = fields[name] = {}
        fields = child
    if isinstance(value, Remove):
        fields.pop(last, None)
    else:
        fields[last] = value


def _meets(fields: Mapping[str, Any], condition: Condition) -> bool:
    *way, name = (condition.field,) if isinstance(condition.field, str) else condition.field
    for step in way:
        inner = fields.get(step)
        if not isinstance(inner, Mapping):
            return False
        fields = inner
    if name not in fields:
        return False
    if condition.operator is Operator.IN:
        # `IN` never matches null, even if the list contains null.
        values = [stored(value) for value in condition.value if value is not None]
        return any(_rank(fields[name]) == _rank(value) for value in values)
    if condition.operator is Operator.CONTAINS:
        members = fields[name] if isinstance(fields[name], list) else []
        return any(_rank(member) == _rank(stored(condition.value)) for member in members)
    here, there = _rank(fields[name]), _rank(stored(condition.value))
    match condition.operator:
        case Operator.EQUAL:
            return here == there
        # Values of different types are ordered, but a comparison never matches across types.
        case Operator.AT_MOST:
            return here[0] == there[0] and here <= there
        case Operator.LESS:
            return here[0] == there[0] and here < there
        case Operator.GREATER:
            return here[0] == there[0] and here > there


def _rank(value: Any) -> tuple[Any, ...]:
    """
    Return a key that sorts as Firestore orders values: first by type, then within the type.

    Source: https://firebase.google.com/docs/firestore/manage-data/data-types#value_type_ordering
    """
    match value:
        case None:
            return (0,)
        case bool():
            return (1, value)
        case int() | float():
            return (2, value)
        case datetime():
            return (3, value)
        case str():
            return (4, value.encode())
        case bytes():
            return (5, value)
        case list():
            return (6, [_rank(child) for child in value])
        case _:
            return (7, [(name.encode(), _rank(child)) for name, child in sorted(value.items())])


# --- queue -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class _Waiting:
    at: datetime
    number: int
    task: Task = field(compare=False)
    tries: int = field(compare=False, default=0)


class MemoryQueue:
    """
    The queue port in memory.

    Tasks wait in the order of their time. Named tasks are merged as in Cloud Tasks: the name of a task that has run is
    still taken.

    Attributes:
        dropped: Tasks that failed `tries_max` times.
    """

    def __init__(
        self, clock: ManualClock, effect: Effect = undisturbed, *, tries_max: int = 5, retry_s: float = 1.0
    ) -> None:
        self.dropped: list[Task] = []
        self._clock = clock
        self._effect = effect
        self._tries_max = tries_max
        self._retry_s = retry_s
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._names: set[tuple[str, str, str]] = set()
        self._numbers = itertools.count()

    def put(self, task: Task) -> bool:
        def do() -> bool:
            with self._lock:
                if task.once is not None:
                    name = (task.queue, task.key, task.once)
                    if name in self._names:
                        return False
                    self._names.add(name)
                insort(self._waiting, _Waiting(task.at or self._clock(), next(self._numbers), task))
                return True

        return self._effect("put", do)

    def waiting(self) -> tuple[Task, ...]:
        """
        Return the waiting tasks, soonest first.
        """
        with self._lock:
            return tuple(one.task for one in self._waiting)

    def take(self, index: int = 0) -> Task:
        """
        Remove one of the waiting tasks, for tests that deliver, reorder or lose tasks themselves.

        Raises:
            IndexError: There is no such task (never).
        """
        with self._lock:
            return self._waiting.pop(index).task

    def deliver_due(self, deliver: Callable[[Task], object]) -> int:
        """
        Deliver every task that is due, and those that are enqueued meanwhile.

        A task that ends with one of our errors is delivered again later, with a pause that doubles.

        Returns:
            The number of deliveries.

        Raises:
            AssertionError: Tasks keep enqueueing tasks without end.
        """
        return self.deliver_until(self._clock(), deliver)

    def deliver_until(self, until: datetime, deliver: Callable[[Task], object]) -> int:
        """
        Deliver every task up to an instant. The clock moves to each task's time, and to that instant at the end.
        """
        deliveries = 0
        while (one := self._next(until)) is not None:
            deliveries += 1
            assert deliveries <= DELIVERIES_MAX, f"Notes for {one.task.queue} leave notes without end."
            self._clock.move_to(max(one.at, self._clock()))
            try:
                deliver(one.task)
            except BackendError:
                self._again(one)
        self._clock.move_to(max(until, self._clock()))
        return deliveries

    def _next(self, until: datetime) -> _Waiting | None:
        with self._lock:
            if not self._waiting or self._waiting[0].at > until:
                return None
            return self._waiting.pop(0)

    def _again(self, one: _Waiting) -> None:
        tries = one.tries + 1
        with self._lock:
            if tries >= self._tries_max:
                self.dropped.append(one.task)
                return
            at = self._clock() + timedelta(seconds=self._retry_s * 2 ** (tries - 1))
            insort(self._waiting, replace(one, at=at, number=next(self._numbers), tries=tries))


# --- a provider --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MadeEvent:
    """
    An event at the in-memory provider.
    """

    reference: str
    spec: EventSpec
    external_ids: ExternalIds
    created_at: datetime


class MemoryEvents:
    """
    The events port in memory. An event has two external ids, `entryId` and `eventId`.

    Attributes:
        refuses: Returns why the second part can never be made for a spec, or `None` if it can.
    """

    name = "memory"

    def __init__(self, clock: Clock, effect: Effect = undisturbed) -> None:
        self.refuses: Callable[[EventSpec], Refusal | None] = lambda _: None
        self._clock = clock
        self._effect = effect
        self._lock = threading.Lock()
        self._made: list[MadeEvent] = []
        self._live: set[str] = set()
        self._aired: set[str] = set()
        self._recorded: set[str] = set()
        self._keys: dict[str, str] = {}
        self._numbers = itertools.count(1)

    def alive(self) -> tuple[MadeEvent, ...]:
        """
        Return every event of which a part is left, oldest first.
        """
        with self._lock:
            return tuple(self._made)

    def vanish(self, part_id: str) -> None:
        """
        Delete one part, as if from outside this project.
        """
        with self._lock:
            self._remove({part_id})

    def was_on_air(self, external_ids: ExternalIds) -> bool:
        """
        Tell whether an encoder ever sent to an event.
        """
        with self._lock:
            return not self._aired.isdisjoint(external_ids.values())

    def create_event(self, reference: str, spec: EventSpec) -> EventIds:
        def do() -> EventIds:
            with self._lock:
                return self._create(reference, spec)

        return self._effect("create_event", do)

    def find_event(self, reference: str) -> ExternalIds:
        def do() -> ExternalIds:
            with self._lock:
                return next((dict(made.external_ids) for made in self._made if made.reference == reference), {})

        return self._effect("find_event", do)

    def update_event(self, reference: str, external_ids: ExternalIds, spec: EventSpec) -> EventIds:
        def do() -> EventIds:
            with self._lock:
                for index, made in enumerate(self._made):
                    if "entryId" not in made.external_ids and set(made.external_ids.values()) & set(
                        external_ids.values()
                    ):
                        del self._made[index]
                        return EventIds({})
                    if set(made.external_ids.values()) & set(external_ids.values()):
                        outcome = self._outcome({**self._new_parts(), **made.external_ids}, spec, made.external_ids)
                        self._made[index] = replace(made, spec=spec, external_ids=outcome.external_ids)
                        return outcome
                return EventIds({})

        return self._effect("update_event", do)

    def delete_event(self, external_ids: ExternalIds) -> Broadcast:
        def do() -> Broadcast:
            with self._lock:
                if external_ids.get("entryId") in self._live:
                    raise Transient("It is live.", provider="memory", operation="delete_event", code="LIVE")
                self._remove(set(external_ids.values()))
                return Broadcast(is_live=False, recordings=self._recordings(external_ids))

        return self._effect("delete_event", do)

    def observe_broadcast(self, external_ids: ExternalIds) -> Broadcast | None:
        def do() -> Broadcast | None:
            with self._lock:
                entry_id = external_ids["entryId"]
                if not any(made.external_ids.get("entryId") == entry_id for made in self._made):
                    return None
                return Broadcast(entry_id in self._live, self._recordings(external_ids))

        return self._effect("observe_broadcast", do)

    def ingest(self, external_ids: ExternalIds) -> Ingest:
        def do() -> Ingest:
            with self._lock:
                self._require(external_ids, "ingest")
                key = self._keys.setdefault(external_ids["entryId"], secrets.token_hex(4))
                return Ingest(f"memory://ingest?t={key}", None, f"{external_ids['entryId']}_%i", key)

        return self._effect("ingest", do)

    def rotate_stream_key(self, external_ids: ExternalIds) -> Ingest:
        def do() -> None:
            with self._lock:
                self._require(external_ids, "rotate_stream_key")
                self._keys[external_ids["entryId"]] = secrets.token_hex(4)

        self._effect("rotate_stream_key", do)
        return self.ingest(external_ids)

    def broadcast(self, external_ids: ExternalIds, *, is_live: bool, records: bool = True) -> None:
        """
        Let an encoder begin to send, or stop. What it sends is recorded.
        """
        with self._lock:
            entry_id = external_ids["entryId"]
            if is_live:
                self._live.add(entry_id)
                self._aired.add(entry_id)
            else:
                self._live.discard(entry_id)
            if is_live and records:
                self._recorded.add(entry_id)

    def playback_grant(
        self, external_ids: ExternalIds, viewer_uid: str, lifetime_s: int, revocation_id: str | None = None
    ) -> Grant:
        names = (MANIFEST_URL, PROGRESSIVE_URL, THUMBNAIL_URL)
        return _plays(self._clock(), lifetime_s, external_ids["entryId"], *names, revocation_id=revocation_id)

    def _recordings(self, external_ids: ExternalIds) -> tuple[ExternalIds, ...]:
        entry_id = external_ids.get("entryId", "")
        return ({"entryId": f"{entry_id}-recorded"},) if entry_id in self._recorded else ()

    def _require(self, external_ids: ExternalIds, operation: str) -> None:
        if not any(made.external_ids.get("entryId") == external_ids["entryId"] for made in self._made):
            raise Permanent("It is gone.", provider="memory", operation=operation, code="ENTRY_ID_NOT_FOUND")

    def _create(self, reference: str, spec: EventSpec) -> EventIds:
        outcome = self._outcome(self._new_parts(), spec, {})
        self._made.append(MadeEvent(reference, spec, outcome.external_ids, self._clock()))
        return outcome

    def _outcome(self, external_ids: ExternalIds, spec: EventSpec, known: ExternalIds) -> EventIds:
        """
        Return the parts of an event for this spec. A refused part exists only if it existed before.
        """
        refusal = self.refuses(spec)
        if refusal is None:
            return EventIds(dict(external_ids))
        there = {name: id_ for name, id_ in external_ids.items() if name != "eventId" or name in known}
        return EventIds(there, {"eventId": refusal})

    def _new_parts(self) -> ExternalIds:
        number = next(self._numbers)
        return {"entryId": f"0_live{number}", "eventId": f"event{number}"}

    def _remove(self, part_ids: set[str]) -> None:
        left = (
            replace(made, external_ids={name: id_ for name, id_ in made.external_ids.items() if id_ not in part_ids})
            for made in self._made
        )
        self._made = [made for made in left if made.external_ids]


@dataclass(frozen=True, slots=True)
class MadeMedia:
    """
    A video at the in-memory provider.
    """

    reference: str
    spec: UploadSpec
    external_ids: ExternalIds
    created_at: datetime
    changed_at: datetime
    observation: Observation


class MemoryMedia:
    """
    The media port in memory. A video has the external ids `entryId` and `uploadTokenId`.
    """

    def __init__(
        self,
        clock: Clock,
        effect: Effect = undisturbed,
        *,
        page_items_max: int = PAGE_ITEMS_MAX,
        name: str = "memory",
    ) -> None:
        self.name = name
        self._clock = clock
        self._effect = effect
        self._page_items_max = page_items_max
        self._lock = threading.Lock()
        self._made: dict[str, MadeMedia] = {}
        self._numbers = itertools.count(1)

    def alive(self) -> tuple[MadeMedia, ...]:
        """
        Return every video, oldest first.
        """
        with self._lock:
            return tuple(self._made.values())

    def vanish(self, part_id: str) -> None:
        """
        Delete a video, or its upload token, as if from outside this project.
        """
        with self._lock:
            self._made.pop(part_id, None)
            for entry_id, made in self._made.items():
                external_ids = {name: id_ for name, id_ in made.external_ids.items() if id_ != part_id}
                self._made[entry_id] = replace(made, external_ids=external_ids)

    def show(self, external_ids: ExternalIds, observation: Observation) -> None:
        """
        Set what a video is observed as from now on.
        """
        with self._lock:
            made = self._made[external_ids["entryId"]]
            self._made[external_ids["entryId"]] = replace(made, observation=observation, changed_at=self._clock())

    def prepare_upload(self, reference: str, spec: UploadSpec) -> ExternalIds:
        def do() -> ExternalIds:
            with self._lock:
                now, external_ids = self._clock(), self._new_parts()
                waiting = Observation(MediaState.AWAITING_UPLOAD, 0, Stage.AWAITING_BYTES, received_bytes=0)
                made = MadeMedia(reference, spec, external_ids, now, now, waiting)
                self._made[external_ids["entryId"]] = made
                return dict(external_ids)

        return self._effect("prepare_upload", do)

    def find_upload(self, reference: str, spec: UploadSpec) -> ExternalIds:  # Kaltura completes an upload from its spec
        def do() -> ExternalIds:
            with self._lock:
                for entry_id, made in self._made.items():
                    if made.reference == reference:
                        whole = {**self._new_parts(), **made.external_ids}
                        self._made[entry_id] = replace(made, external_ids=whole)
                        return dict(whole)
                return {}

        return self._effect("find_upload", do)

    def adopt_recording(self, reference: str, spec: UploadSpec) -> ExternalIds:
        """
        Fill `Media.adopt_recording`. An adopted recording is processing until the test sets something else.
        """
        recording = spec.recording or {}

        def do() -> ExternalIds:
            with self._lock:
                now, entry_id = self._clock(), recording["entryId"]
                begun = Observation(MediaState.PROCESSING, percent=0, stage=Stage.CONVERTING)
                made = self._made.get(entry_id) or MadeMedia(reference, spec, dict(recording), now, now, begun)
                self._made[entry_id] = replace(made, reference=reference)
                return dict(recording)

        return self._effect("adopt_recording", do)

    def observe(self, external_ids: Sequence[ExternalIds]) -> Sequence[Observation]:
        def do() -> Sequence[Observation]:
            with self._lock:
                return [self._observe(one) for one in external_ids]

        return self._effect("observe", do) if external_ids else []

    def rename(self, reference: str, external_ids: ExternalIds, spec: UploadSpec) -> None:
        def do() -> None:
            with self._lock:
                made = self._made.get(external_ids["entryId"])
                if made is not None:
                    self._made[external_ids["entryId"]] = replace(
                        made, spec=replace(made.spec, title=spec.title, stamp=spec.stamp)
                    )

        self._effect("rename", do)

    def reprocess(self, external_ids: ExternalIds) -> None:
        def do() -> None:
            with self._lock:
                made = self._made.get(external_ids["entryId"])
                if made is None:
                    raise Permanent(
                        "There is no such video.", provider="memory", operation="reprocess", code="ENTRY_ID_NOT_FOUND"
                    )
                if made.observation.state is not MediaState.READY:
                    begun = Observation(MediaState.PROCESSING, percent=0, stage=Stage.CONVERTING)
                    self._made[external_ids["entryId"]] = replace(made, observation=begun, changed_at=self._clock())
            self.reprocessing(external_ids)

        self._effect("reprocess", do)

    def reprocessing(self, external_ids: ExternalIds) -> None:
        """
        Do nothing. A subclass that simulates a provider overrides it to notice when a video is processed again.
        """

    def delete_media(self, external_ids: ExternalIds) -> ExternalIds:
        def do() -> ExternalIds:
            with self._lock:
                self._made.pop(external_ids.get("entryId", ""), None)
                return {}

        return self._effect("delete_media", do)

    def changes(self, since: datetime, page: int, pages: int = 1, uploads: Sequence[ExternalIds] = ()) -> Changes:
        def do() -> Changes:
            with self._lock:
                changed = [
                    Change(made.reference, dict(made.external_ids), made.changed_at, made.observation)
                    for made in self._made.values()
                    if made.changed_at >= since and made.observation.state is not MediaState.AWAITING_UPLOAD
                ]
                seen = tuple(self._observe(one) for one in uploads)
            changed.sort(key=lambda change: change.changed_at, reverse=True)
            begin, end = (page - 1) * self._page_items_max, (page - 1 + pages) * self._page_items_max
            return Changes(tuple(changed[begin:end]), len(changed) > end, seen)

        return self._effect("changes", do)

    def requests_for(self, size_bytes: int) -> int:
        return 2 * -(-size_bytes // CHUNK_BYTES) + REQUESTS_SPARE

    def upload_grant(self, external_ids: ExternalIds, spec: UploadSpec, allowance: Allowance) -> UploadGrant:
        token_id = external_ids["uploadTokenId"]
        token = hashlib.sha256(repr((token_id, allowance)).encode()).hexdigest()
        values: dict[str, str | int] = {"uploadTokenId": token_id, "requests": allowance.requests}
        return UploadGrant("memory", f"memory://media/{token}", token, allowance.expires_at, values)

    def playback_grant(
        self, external_ids: ExternalIds, viewer_uid: str, lifetime_s: int, revocation_id: str | None = None
    ) -> Grant:
        names = (MANIFEST_URL, PROGRESSIVE_URL, THUMBNAIL_URL)
        return _plays(self._clock(), lifetime_s, external_ids["entryId"], *names, revocation_id=revocation_id)

    def source(self, external_ids: ExternalIds, lifetime_s: int) -> Source:
        def do() -> Source:
            with self._lock:
                if self._observe(external_ids).state is not MediaState.READY:
                    raise Transient("Not yet.", provider=self.name, operation="source", code="SOURCE_NOT_READY")
                return Source(f"memory://{external_ids['entryId']}")

        return self._effect("source", do)

    def _new_parts(self) -> ExternalIds:
        number = next(self._numbers)
        mark = "" if self.name == "memory" else f"{self.name}-"
        return {"entryId": f"{mark}0_video{number}", "uploadTokenId": f"{mark}token{number}"}

    def _observe(self, external_ids: ExternalIds) -> Observation:
        made = self._made.get(external_ids.get("entryId", ""))
        return Observation(MediaState.GONE) if made is None else made.observation


class MemoryAccounts:
    """
    The accounts port in memory.
    """

    def __init__(self, effect: Effect = undisturbed) -> None:
        self._effect = effect
        self._kept: dict[str, Account] = {}

    def write(self, uid: str, *, is_enabled: bool = True, display_name: str = "", **claims: object) -> None:
        """
        Create a user's account, or change it.
        """
        self._kept[uid] = Account(uid, is_enabled, claims, display_name)

    def delete(self, uid: str) -> None:
        """
        Delete a user's account.
        """
        del self._kept[uid]

    def find(self, uid: str) -> Account | None:
        return self._effect("find", lambda: self._kept.get(uid))


class MemoryAudience:
    """
    The audience port in memory.

    Attributes:
        chat: Whether the account has a chat.
        names: Display names of the users that were made there, by uid.
    """

    PAUSE: Final = timedelta(seconds=60)
    """A user who was made less than this ago is not made again."""

    def __init__(self, clock: Clock, effect: Effect = undisturbed) -> None:
        self.chat = True
        self.names: dict[str, str] = {}
        self._clock = clock
        self._effect = effect
        self._known: dict[str, datetime] = {}

    def known(self) -> frozenset[str]:
        """
        Return the uids of the users that exist.
        """
        return frozenset(self._known)

    def knows(self, uid: str) -> bool:
        return uid in self._known

    def forget(self, uid: str | None) -> bool:
        def do() -> bool:
            gone = set(self._known) if uid is None else {uid}
            self._known = {known: at for known, at in self._known.items() if known not in gone}
            self.names = {known: name for known, name in self.names.items() if known not in gone}
            return True

        return self._effect("forget", do)

    def admit(
        self,
        external_ids: ExternalIds,
        attendee: Attendee,
        lifetime_s: int,
        *,
        revocation_id: str | None = None,
        force_refresh: bool = False,
    ) -> Admission:
        now, learned_at = self._clock(), self._known.get(attendee.uid)
        is_fresh = learned_at is not None and now < learned_at + self.PAUSE
        if learned_at is None or (force_refresh and not is_fresh):
            self._effect("admit", lambda: self._make(attendee))

        def grant(what: str) -> Grant:
            given = {"for": what, "entryId": external_ids["entryId"], "revocationId": revocation_id or ""}
            return _grant(now, lifetime_s, given)

        refreshable_at = learned_at + self.PAUSE if force_refresh and is_fresh and learned_at is not None else None
        chat = grant("chat") if self.chat else None
        return Admission(attendee.uid, grant("player"), chat, grant("room"), refreshable_at)

    def _make(self, attendee: Attendee) -> None:
        if attendee.uid not in self._known:
            self.names[attendee.uid] = attendee.name
        self._known[attendee.uid] = self._clock()


class MemoryViewerKeys:
    """
    The viewer keys port in memory.

    Attributes:
        has_player: Whether the account issues keys for its player.
        ended: The revocation ids that were ended.
    """

    def __init__(self, clock: Clock, effect: Effect = undisturbed) -> None:
        self.has_player = True
        self.ended: set[str] = set()
        self._clock = clock
        self._effect = effect

    def player_key(self, external_ids: ExternalIds, viewer_uid: str, lifetime_s: int, revocation_id: str) -> Grant:
        if not self.has_player:
            raise WrongState("This account gives out no such keys.", reason="NO_PLAYER_KEY")
        return _grant(self._clock(), lifetime_s, {"ks": secrets.token_urlsafe(), "revocationId": revocation_id})

    def is_ended(self, revocation_id: str) -> bool:
        return self._effect("is_ended", lambda: revocation_id in self.ended)

    def end(self, revocation_ids: Sequence[str]) -> None:
        self._effect("end", lambda: self.ended.update(revocation_ids))


def _grant(now: datetime, lifetime_s: int, values: Mapping[str, str]) -> Grant:
    return Grant("memory://media", secrets.token_urlsafe(), now + timedelta(seconds=lifetime_s), dict(values))


def _plays(now: datetime, lifetime_s: int, id_: str, *names: str, revocation_id: str | None = None) -> Grant:
    token = secrets.token_urlsafe()
    addresses = {name: f"memory://{id_}/{name}?{token}" for name in names}
    return Grant(
        addresses[names[0]],
        token,
        now + timedelta(seconds=lifetime_s),
        {**addresses, "entryId": id_} | ({} if revocation_id is None else {"revocationId": revocation_id}),
        f"memory://{id_}/{names[0]}",
    )


@dataclass(frozen=True, slots=True)
class MadeCopy:
    """
    A copy at an in-memory host.
    """

    reference: str
    source: str
    external_ids: ExternalIds
    created_at: datetime
    observation: Observation


class MemoryHost:
    """
    The host port in memory. A copy has the external id `copyId`.

    Args:
        waits: Whether the host waits for bytes, in three pieces per video. Otherwise it fetches the video itself, and a
            test sets its progress (`show`).
    """

    PIECES: Final = 3

    def __init__(self, clock: Clock, effect: Effect = undisturbed, *, name: str = "host", waits: bool = False) -> None:
        self.name = name
        self._clock = clock
        self._effect = effect
        self._waits = waits
        self._lock = threading.Lock()
        self._made: dict[str, MadeCopy] = {}
        self._numbers = itertools.count(1)

    def alive(self) -> tuple[MadeCopy, ...]:
        """
        Return every copy, oldest first.
        """
        with self._lock:
            return tuple(self._made.values())

    def show(self, external_ids: ExternalIds, observation: Observation) -> None:
        """
        Set what a copy is observed as from now on.
        """
        with self._lock:
            self._made[external_ids["copyId"]] = replace(self._made[external_ids["copyId"]], observation=observation)

    def vanish(self, part_id: str) -> None:
        """
        Delete a copy, as if from outside this project.
        """
        with self._lock:
            self._made.pop(part_id, None)

    def begin_copy(self, reference: str, source: Source) -> ExternalIds:
        def do() -> ExternalIds:
            with self._lock:
                external_ids = {"copyId": f"{self.name}-copy{next(self._numbers)}"}
                begun = (
                    Observation(MediaState.AWAITING_UPLOAD, 0, Stage.RECEIVING, received_bytes=0)
                    if self._waits
                    else Observation(MediaState.PROCESSING, 0)
                )
                self._made[external_ids["copyId"]] = MadeCopy(reference, source.url, external_ids, self._clock(), begun)
                return dict(external_ids)

        return self._effect("begin_copy", do)

    def find_copy(self, reference: str) -> ExternalIds:
        def do() -> ExternalIds:
            with self._lock:
                return next((dict(one.external_ids) for one in self._made.values() if one.reference == reference), {})

        return self._effect("find_copy", do)

    def observe_copy(self, external_ids: ExternalIds) -> Observation:
        def do() -> Observation:
            with self._lock:
                made = self._made.get(external_ids["copyId"])
                return Observation(MediaState.GONE) if made is None else made.observation

        return self._effect("observe_copy", do)

    def send_more(self, external_ids: ExternalIds, source: Source) -> Observation:
        def do() -> Observation:
            with self._lock:
                made = self._made.get(external_ids["copyId"])
                if made is None:
                    return Observation(MediaState.GONE)
                received = (made.observation.received_bytes or 0) + 1
                seen = (
                    Observation(MediaState.READY, 100)
                    if received >= self.PIECES
                    else replace(made.observation, received_bytes=received, percent=100 * received // self.PIECES)
                )
                self._made[external_ids["copyId"]] = replace(made, observation=seen)
                return seen

        return self._effect("send_more", do)

    def delete_media(self, external_ids: ExternalIds) -> ExternalIds:
        def do() -> ExternalIds:
            with self._lock:
                self._made.pop(external_ids["copyId"], None)
                return {}

        return self._effect("delete_media", do)

    def playback_grant(self, external_ids: ExternalIds, lifetime_s: int) -> Grant:
        names = (PROGRESSIVE_URL,) if self._waits else (MANIFEST_URL, THUMBNAIL_URL)
        return _plays(self._clock(), lifetime_s, external_ids["copyId"], *names)

    def list_items(self, since: datetime, until: datetime) -> Sequence[InventoryItem]:
        def do() -> Sequence[InventoryItem]:
            with self._lock:
                made = (one for one in self._made.values() if since <= one.created_at < until)
                found = [
                    InventoryItem(
                        self.name, one.reference, one.external_ids, one.created_at, has_content=_holds(one.observation)
                    )
                    for one in made
                ]
                return found[:PAGE_ITEMS_MAX]

        return self._effect("strays", do)

    def has_content(self, item: InventoryItem) -> bool:
        def do() -> bool:
            with self._lock:
                made = self._made.get(item.external_ids["copyId"])
                return made is not None and _holds(made.observation)

        return self._effect("has_content", do)

    def delete_item(self, item: InventoryItem) -> ExternalIds:
        return self.delete_media(item.external_ids)


def _holds(seen: Observation) -> bool:
    """
    Tell whether the host has any bytes of a copy.
    """
    return seen.state is not MediaState.AWAITING_UPLOAD or bool(seen.received_bytes)


class MemoryInventory:
    """
    The inventory port over the in-memory events and videos of one account.
    """

    def __init__(self, events: MemoryEvents | None, media: MemoryMedia, effect: Effect = undisturbed) -> None:
        self._events = events
        self._media = media
        self._effect = effect

    def list_items(self, since: datetime, until: datetime) -> Sequence[InventoryItem]:
        def do() -> Sequence[InventoryItem]:
            made: list[MadeEvent | MadeMedia] = [*self._media.alive()]
            if self._events is not None:
                made = [*self._events.alive(), *made]
            found = [
                InventoryItem(
                    self._media.name,
                    one.reference,
                    dict(one.external_ids),
                    one.created_at,
                    has_content=self._has_content(one),
                    stamp=one.spec.stamp,
                    title=one.spec.title,
                )
                for one in made
            ]
            found = [item for item in found if since <= item.created_at < until]
            return sorted(found, key=lambda item: item.created_at)[:PAGE_ITEMS_MAX]

        return self._effect("strays", do)

    def has_content(self, item: InventoryItem) -> bool:
        def do() -> bool:
            made: list[MadeEvent | MadeMedia] = [*self._media.alive()]
            if self._events is not None:
                made = [*self._events.alive(), *made]
            mine = (one for one in made if item.external_ids.items() <= one.external_ids.items())
            return any(self._has_content(one) for one in mine)

        return self._effect("has_content", do)

    def _has_content(self, made: MadeEvent | MadeMedia) -> bool:
        if isinstance(made, MadeMedia):
            return _holds(made.observation)
        return self._events is not None and self._events.was_on_air(made.external_ids)

    def delete_item(self, item: InventoryItem) -> ExternalIds:
        def do() -> ExternalIds:
            for part_id in item.external_ids.values():
                if self._events is not None:
                    self._events.vanish(part_id)
                self._media.vanish(part_id)
            return {}

        return self._effect("delete_stray", do)
