"""The `Controller` protocol that each resource fills: its spec, its next step, and its provider calls."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Protocol

from shared.ports import Task, Version, Write
from shared.reconcile.model import A, Decision, R, Snapshot, Step, W


class Controller(Protocol[W, R, A]):
    """
    The controller of one kind of thing, which brings each from its record to its spec. Implementations inherit from it,
    and leave out methods whose default fits.
    """

    @property
    def queue(self) -> str:
        """
        Return the public name of the worker that reconciles things of this kind.
        """
        ...

    @property
    def polls(self) -> frozenset[str]:
        """
        Return the names of the steps that observe a thing again and again, at the times that its record says.
        """
        return frozenset()

    def read(self, key: str) -> Snapshot[W, R]:
        """
        Read the present documents.
        """
        ...

    def decide(self, snapshot: Snapshot[W, R], now: datetime, *, observed: bool) -> Decision[R]:
        """
        Return the next step. Pure. `observed` tells whether this run of the worker has already observed the thing at
        its provider.
        """
        ...

    def act(self, snapshot: Snapshot[W, R], step: Step[R], now: datetime) -> A:
        """
        Make the one provider call of a step.
        """
        ...

    def settle(self, snapshot: Snapshot[W, R], step: Step[R], outcome: A, now: datetime) -> R:
        """
        Return the record after a step that succeeded. Pure.
        """
        ...

    def claimed(self, snapshot: Snapshot[W, R], record: R, version: Version) -> Snapshot[W, R]:
        """
        Return the snapshot after the writes of `record_writes`, with the record's new version. Pure.
        """
        return replace(snapshot, record=record, version=version)

    def after(self, snapshot: Snapshot[W, R], record: R) -> Snapshot[W, R]:
        """
        Return the snapshot as it will be once `record` is written and shown, as far as that is known. Pure.
        """
        return replace(snapshot, record=record)

    def record_writes(
        self, snapshot: Snapshot[W, R], record: R, version: Version | None, now: datetime
    ) -> tuple[Write, ...]:
        """
        Return the writes that store `record`: first the write of the record itself, on condition of `version` (`None`:
        it must not exist), then the writes that must be in the same commit. Pure.
        """
        ...

    def follow_ups(self, snapshot: Snapshot[W, R], record: R) -> tuple[Task, ...]:
        """
        Return tasks to enqueue as soon as `record` is written. Pure.
        """
        return ()

    def view_writes(self, snapshot: Snapshot[W, R], record: R) -> tuple[Write, ...]:
        """
        Return the writes that show `record` to clients; none if clients already see it. Pure.
        """
        return ()

    def dependants(self, snapshot: Snapshot[W, R]) -> tuple[Task, ...]:
        """
        Return tasks for the things that depend on this one, enqueued at the end of each reconciliation. Pure.
        """
        return ()
