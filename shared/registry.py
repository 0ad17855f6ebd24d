"""The list of all resources. A new one adds its line here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from shared.admissions.resource import RESOURCE as ADMISSIONS
from shared.core import references
from shared.core.paths import CACHE, CALL_BUDGETS, OPERATIONS, REMOVALS, REPORTS
from shared.deletions.resource import RESOURCE as DELETIONS
from shared.erasure.resource import RESOURCE as ERASURES
from shared.hosts.resource import RESOURCE as COPIES
from shared.reconcile.resource import Resource, Worker
from shared.reconcile.traces import Trace, in_order
from shared.sessions.resource import resource as sessions
from shared.transfers.resource import RESOURCE as TRANSFERS
from shared.videos.resource import RESOURCE as VIDEOS
from shared.videos.resource import recorder


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


RESOURCES: Final[Sequence[Resource]] = registered(
    [
        sessions(recorder),
        VIDEOS,
        COPIES,
        DELETIONS,
        ADMISSIONS,
        TRANSFERS,
        ERASURES,
    ]
)

WORKERS: Final[Mapping[str, Worker]] = {worker.queue: worker for one in RESOURCES for worker in one.all_workers}
"""All workers, by the name of their queue."""

BULK_QUEUES: Final = frozenset(worker.queue for worker in WORKERS.values() if worker.is_bulk)
"""The queues whose tasks wait first when there are too many."""

TRACES: Final[Sequence[Trace]] = in_order(trace for one in RESOURCES for trace in one.traces)
"""The fields and ids that may name a person, in the order in which an erasure marks them."""

NAMELESS: Final = frozenset({CALL_BUDGETS, CACHE, OPERATIONS, REPORTS, "archive"}).union(
    *(one.nameless for one in RESOURCES)
)
"""Collections that name no person."""

CARRIED_OVER: Final = frozenset({REMOVALS})
"""Collections of an earlier release, whose documents are converted once a day."""
