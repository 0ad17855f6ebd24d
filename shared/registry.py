"""The list of all resources. A new one adds the name of its folder here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Final

from shared.core import references
from shared.core.paths import CACHE, CALL_BUDGETS, OPERATIONS, REMOVALS, REPORTS
from shared.reconcile.resource import Resource, Worker
from shared.reconcile.traces import Trace, in_order

FOLDERS: Final = (
    "sessions",
    "videos",
    "hosts",
    "deletions",
    "admissions",
    "transfers",
    "erasure",
)
"""The folders of the resources. Each has a `resource.py` with a `RESOURCE`."""


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
            if worker.lease_s <= worker.timeout_s:
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


def _resource(folder: str) -> Resource:
    found: Resource = import_module(f"shared.{folder}.resource").RESOURCE
    return found


RESOURCES: Final[Sequence[Resource]] = registered(map(_resource, FOLDERS))

WORKERS: Final[Mapping[str, Worker]] = {worker.queue: worker for one in RESOURCES for worker in one.all_workers}
"""All workers, by the name of their queue."""

BULK_QUEUES: Final = frozenset(worker.queue for worker in WORKERS.values() if worker.is_bulk)
"""The queues whose tasks wait first when there are too many."""

TRACES: Final[Sequence[Trace]] = in_order(trace for one in RESOURCES for trace in one.traces)
"""The fields and ids that may name a person, in the order in which an erasure marks them."""

RECORDER: Final = next(one.recorder for one in RESOURCES if one.recorder is not None)
"""Builds what takes over the recordings of live events."""

NAMELESS: Final = frozenset({CALL_BUDGETS, CACHE, OPERATIONS, REPORTS, "archive"}).union(
    *(one.nameless for one in RESOURCES)
)
"""Collections that name no person."""

CARRIED_OVER: Final = frozenset({REMOVALS})
"""Collections of an earlier release, whose documents are converted once a day."""
