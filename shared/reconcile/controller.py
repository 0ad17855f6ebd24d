"""The `Controller` that each resource fills: what is wished, what is the next step, how its provider is asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Protocol

from shared.ports import Task, Version, Write
from shared.reconcile.model import A, Decision, R, Snapshot, Step, W


class Controller(Protocol[W, R, A]):
    """
    One kind of thing that is brought from what is recorded to what is wished. Whoever fills it inherits from it, and
    leaves out what is the same for most.
    """

    @property
    def queue(self) -> str:
        """
        The public name of the worker that reconciles things of this kind.
        """
        ...

    def read(self, key: str) -> Snapshot[W, R]:
        """
        Read the present documents.
        """
        ...

    def decide(self, snapshot: Snapshot[W, R], now: datetime, *, observed: bool) -> Decision[R]:
        """
        The next step. Pure. `observed` says that this very worker knows how the thing stands at its provider.
        """
        ...

    def act(self, snapshot: Snapshot[W, R], step: Step[R], now: datetime) -> A:
        """
        The one provider call of a step.
        """
        ...

    def settle(self, snapshot: Snapshot[W, R], step: Step[R], outcome: A, now: datetime) -> R:
        """
        What is recorded after a step that succeeded. Pure.
        """
        ...

    def claimed(self, snapshot: Snapshot[W, R], record: R, version: Version) -> Snapshot[W, R]:
        """
        Return the snapshot once the writes of `record_writes` are done, with the version that the record has then.
        Pure.
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
        The write that makes `record` the recorded one, on condition of `version` (`None`: it must not exist), and
        whatever must be written with it or not at all; that write comes first. Pure.
        """
        ...

    def follow_ups(self, snapshot: Snapshot[W, R], record: R) -> tuple[Task, ...]:
        """
        Tasks for what was written with `record`, left as soon as that is done. Pure.
        """
        return ()

    def view_writes(self, snapshot: Snapshot[W, R], record: R) -> tuple[Write, ...]:
        """
        The writes that show `record` to clients, none where they see it already. Pure.
        """
        return ()

    def dependants(self, snapshot: Snapshot[W, R]) -> tuple[Task, ...]:
        """
        Tasks for the things that follow this one, left at the end of each reconciliation. Pure.
        """
        return ()
