"""The list of all resources. A new one adds the name of its folder here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Final

from shared.reconcile.deployment import CommonSettings
from shared.reconcile.resource import Resource, Worker, registered
from shared.reconcile.traces import Trace, in_order

FOLDERS: Final = (
    "sessions",
    "videos",
    "hosts",
    "deletions",
    "sessions.admissions",
    "transfers",
    "erasure",
    "archive",
    "slides",
    "slides.timelines",
)
"""The folders of the resources. Each has a `resource.py` with a `RESOURCE`."""


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

BELONGINGS: Final[Sequence[tuple[str, str]]] = tuple(
    (one.collection, one.worker.queue) for one in RESOURCES if one.is_of_session
)
"""The collections of things that belong to sessions, each with the queue that reconciles them."""

RECORDER: Final = next(one.recorder for one in RESOURCES if one.recorder is not None)
"""Builds what takes over the recordings of live events."""

SETTINGS: Final[Sequence[type]] = (CommonSettings, *(kind for one in RESOURCES for kind in one.settings))
"""The settings of all resources: dataclasses whose fields are declared with `shared/core/settings.py`."""
