"""What a resource registers: its worker, its Controller, and what else is done for all resources alike.

Each folder of a resource has a `resource.py` that defines one `Resource`; `shared/registry.py` lists them. What goes
through all resources (app, workers, sweep, full check, orphans, erasure, webhooks, `doctor`) knows none of them by
name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from shared.core import references
from shared.core.references import Kind
from shared.ports import Condition, Document, Documents, Finding, Operator, Query
from shared.reconcile.controller import Controller
from shared.reconcile.deployment import Deployment
from shared.reconcile.model import LEASE_S
from shared.reconcile.owned import Owned
from shared.reconcile.reconciler import WORKER_TIMEOUT_S, Mapper
from shared.reconcile.traces import Trace

PAGE: Final = 500
"""The most documents of one collection that one run of the sweep enqueues."""


@dataclass(frozen=True, slots=True)
class Worker:
    """
    The worker of one queue.

    Attributes:
        queue: Its public name, which is that of its queue: `reconcile…`.
        key: The form of the keys of its tasks.
        summary: What it does, for the list of functions.
        at_once: The most tasks that run at the same time.
        per_second: The most tasks that begin in one second.
        timeout_s: Seconds after which it is stopped.
        lease_s: The shortest lease of its steps, in seconds.
        beats: Whether its steps extend their leases while they run, which then may be shorter than `timeout_s`.
        archives: Whether it needs the cold store.
        is_bulk: Whether its tasks are numerous and nobody waits for them, so that they wait when there are many tasks.
        work: Does a task: the deployment, the key, and what runs the reconciliations of several things of one task.
            `None` reconciles the thing that has the key.
    """

    queue: str
    key: re.Pattern[str]
    summary: str
    at_once: int = 50
    per_second: int = 100
    timeout_s: int = WORKER_TIMEOUT_S
    lease_s: int = LEASE_S
    beats: bool = False
    archives: bool = False
    is_bulk: bool = False
    work: Callable[[Deployment, str, Mapper], None] | None = None


class Check(Protocol):
    """
    The full check of a resource: whether each document still says what follows from the others.
    """

    @property
    def phases(self) -> tuple[str, ...]:
        """
        Return the names of its phases, in their order.
        """
        ...

    def go_on(self, mark: Mark, done: Slice) -> Mark | None:
        """
        Check one page.

        Args:
            mark: Where to continue.
            done: Counts what was checked.

        Returns:
            Where the next page begins; `None` if this was the last.

        Raises:
            Transient: Documents or queue could not be reached (again, from the same position).
        """
        ...


@dataclass(frozen=True, slots=True)
class Mark:
    """
    The position at which a full check continues.

    Attributes:
        phase: The phase of the check; empty for the first one.
        after_id: The last id that was checked.
        counted: The number of things that were counted so far in this phase.
    """

    phase: str = ""
    after_id: str | None = None
    counted: int = 0


@dataclass(slots=True)
class Slice:
    """
    The counts of one slice of a full check so far.

    Attributes:
        looked: Documents checked.
        enqueued: Tasks enqueued.
        is_full: Whether it has started as much bulk work as it may; the next slice does the rest of the page.
    """

    looked: int = 0
    enqueued: int = 0
    is_full: bool = False


def due(documents: Documents, collection: str, now: datetime, limit: int = PAGE) -> Sequence[Document]:
    """
    Return the documents of a collection that are due, the longest due first.

    Raises:
        Transient: The documents could not be reached (again).
    """
    is_due = (Condition("dueAt", Operator.AT_MOST, now),)
    return documents.select(Query(collection, is_due, order_by="dueAt", limit=limit))


@dataclass(frozen=True, slots=True)
class WrittenByClients:
    """
    Specs that clients write directly to Firestore, in documents of their own. A trigger enqueues each change. The sweep
    finds the changes whose trigger was lost: by `updatedAt`, and deletions by two counts that differ.

    Attributes:
        collection: The collection of the specs.
        recorded: The field of a spec that is true while it has a record.
        records: The collection of the records, which have the same ids.
        has_spec: The field of a record that is true while it has a spec.
        enqueue_unsettled: Enqueues a thing that is not settled, and returns the number of tasks: the deployment, the
            id, the spec, the record, the time of the sweep.
    """

    collection: str
    recorded: str
    records: str
    has_spec: str
    enqueue_unsettled: Callable[[Deployment, str, Document | None, Document | None, datetime], int]


@dataclass(frozen=True, slots=True)
class Resource:
    """
    A kind of thing with a life of its own.

    Attributes:
        collection: The collection of its records, which have a `dueAt`.
        worker: The worker that reconciles it.
        open: Builds its Controller.
        workers: Further workers that its folder brings.
        enqueue_due: Enqueues what is due at a sweep, and returns it, the longest due first, as far as it was read.
            `None`: each due document gets a task of its own.
        at_sweep: Called by each sweep, with the documents of `operations` that are due.
        kind: The kind of the references under which things are made for it at providers, if any are.
        owned: Returns what its documents say about these things.
        written: The documents that clients write directly, if its specs are not in its records.
        traces: The fields and ids of its documents that may name a person.
        is_of_session: Whether its things belong to a session, and are deleted with it. Its records name the session as
            `SessionIdentity.to_fields` does, and have `gone`.
        has_webhooks: Whether a provider's webhook that names such a thing has it reconciled.
        check: Builds its full check, if it has views that nothing else would repair, and if the deployment has what it
            needs.
        recorder: Builds what takes over the recordings of live events (`shared.sessions.controller.Recorder`), if it
            does.
        counted: The states of its records whose number an operator wants to know: what is under way, and what has
            failed. States in which records stay are left out, because a count costs a read for each 1,000.
        settings: Its settings: dataclasses whose fields are declared with `shared/core/settings.py`.
        findings: Checks what it needs from outside, and returns what `doctor` reports. Repeatable, and leaves nothing
            behind.
    """

    collection: str
    worker: Worker
    open: Callable[[Deployment], Controller[Any, Any, Any]]
    workers: tuple[Worker, ...] = ()
    enqueue_due: Callable[[Deployment, datetime], Sequence[Document]] | None = None
    at_sweep: Callable[[Deployment, Sequence[Document]], None] | None = None
    kind: Kind | None = None
    owned: Callable[[], Owned] | None = None
    written: WrittenByClients | None = None
    traces: tuple[Trace, ...] = ()
    is_of_session: bool = False
    has_webhooks: bool = False
    check: Callable[[Deployment], Check | None] | None = None
    recorder: Callable[[Deployment], Any] | None = None
    counted: tuple[str, ...] = ()
    settings: tuple[type, ...] = ()
    findings: Callable[[Deployment], Iterable[Finding]] | None = None

    @property
    def all_workers(self) -> tuple[Worker, ...]:
        """
        Return its own worker and the further ones.
        """
        return (self.worker, *self.workers)


def registered(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """
    Return resources that fit together.

    Raises:
        ValueError: Two of them claim the same name, or a lease is too short for its worker; the sentence says which
            (never, until it is changed).
    """
    found = tuple(resources)
    _require_different("queue", (worker.queue for one in found for worker in one.all_workers))
    _require_different("collection of records", (one.collection for one in found))
    _require_different("kind of references", (one.kind.name for one in found if one.kind is not None))
    _require_different("section of an export", (trace.section for one in found for trace in one.traces))
    _require_different(
        "collection that clients write", (one.written.collection for one in found if one.written is not None)
    )
    for one in found:
        for worker in one.all_workers:
            if worker.lease_s <= worker.timeout_s and not worker.beats:
                raise ValueError(
                    f"The worker {worker.queue} may run for {worker.timeout_s} s, but the lease of its steps is "
                    f"{worker.lease_s} s. Make the lease longer, so that no two workers can do a step at once."
                )
        if one.kind is not None:
            references.declare(one.kind)
    return found


def _require_different(what: str, names: Iterable[str]) -> None:
    found = list(names)
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        raise ValueError(f"The {what} {twice[0]} is registered twice. Register each resource once, under its own name.")


def require_named(resources: Iterable[Resource], functions: Collection[str], rules: str) -> None:
    """
    Refuse resources that cannot be deployed. Called when the functions are listed. Pure.

    Args:
        resources: All resources.
        functions: The names of the deployed functions.
        rules: The text of `firestore.rules`.

    Raises:
        ValueError: A worker is not deployed, or the rules do not say who may read a collection (never, until it is
            changed).
    """
    for one in resources:
        for worker in one.all_workers:
            if worker.queue not in functions:
                raise ValueError(f'Nothing would do the tasks of {worker.queue}. Add "{worker.queue}" to main.py.')
        collections = [one.collection] if one.written is None else [one.collection, one.written.collection]
        for collection in collections:
            if f"match /{collection}/{{" not in rules:
                raise ValueError(
                    f"firestore.rules does not say who may read {collection}. Add a block: match /{collection}/{{id}}."
                )
