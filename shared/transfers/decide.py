"""The table of steps for a transfer. Pure; called by the reconciler through the Controller of this folder.

The first row that fits counts.

| recorded | session                                 | next                                                          |
|----------|-----------------------------------------|---------------------------------------------------------------|
| nothing  | anything                                | done                                                          |
| anything | does not exist, or another has its id   | FORGET: its things are deleted with it                        |
| anything | has another owner than was asked for    | done: it waits until an administrator transfers it            |
| anything | names other former owners               | SHOW them: things that name one of them belong to the session |
| moving   | has an event with the old stream key    | ROTATE the key; after a failure the rest goes on              |
| moving   | has documents that name a former owner  | MOVE a page of them                                           |
| moving   | has things that have yet to follow      | requeue: they are reconciled                                  |
| moving   | got its owner a moment ago              | requeue: a worker that read the old owner may still write     |
| moving   | anything                                | SETTLE: no document names a former owner any more             |
| rotating | has an event with the old stream key    | ROTATE the key                                                |
| rotating | anything                                | FORGET                                                        |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from shared.ports import ExternalIds, Task, Version, Write
from shared.reconcile import LEASE_S, Decision, Done, Effect, RequeueAt, Snapshot, Step
from shared.reconcile.slots import next_multiple
from shared.transfers.model import Transfer, TransferState

SHOW: Final = "show"
ROTATE: Final = "rotate"
MOVE: Final = "move"
SETTLE: Final = "settle"
FORGET: Final = "forget"

SETTLES_AFTER_S: Final = LEASE_S
"""A worker that read the former owner before the transfer has ended after this time, and cannot write that owner any
more."""

FOLLOW_LOOK_S: Final = 10
"""Seconds between two checks whether the things that are reconciled on their own have followed."""

TRIES_MAX: Final = 180
TRY_PAUSE_MAX_S: Final = 3600.0
"""Rotating the key is tried for about a week; then it is left to the operator."""


@dataclass(frozen=True, slots=True)
class TransferSpec:
    """
    The facts that are read besides the record.

    Attributes:
        is_there: Whether the session exists.
        is_owned: Whether its owner is the one that was asked for.
        shown: The former owners that its document names.
        version: The version of its document.
        event: The provider's ids of its event, `None` if no former owner can know a key of one.
        page: The writes of the next page of documents that follow.
        following: Tasks for things that have yet to follow when they are reconciled.
    """

    is_there: bool = False
    is_owned: bool = True
    shown: tuple[str, ...] = ()
    version: Version | None = None
    event: ExternalIds | None = None
    page: tuple[Write, ...] = ()
    following: tuple[Task, ...] = ()


def decide(snapshot: Snapshot[TransferSpec, Transfer], now: datetime) -> Decision[Transfer]:
    """
    Return the next step for one transfer.
    """
    record, spec = snapshot.record, snapshot.spec
    if record is None:
        return Done()
    if not spec.is_there:
        return _write(FORGET, replace(record, state=TransferState.DONE))
    if not spec.is_owned:
        return Done()
    if spec.shown != record.former_owner_uids:
        return _write(SHOW, record)
    has_old_key = spec.event is not None and not record.is_key_rotated
    if record.state is TransferState.MOVING:
        if has_old_key and not _has_just_failed(record, now):
            return _rotate(record)
        if spec.page:
            return _write(MOVE, replace(record, moved=record.moved + len(spec.page)))
        if spec.following:
            return RequeueAt(next_multiple(now, FOLLOW_LOOK_S))
        settles_at = record.asked_at + timedelta(seconds=SETTLES_AFTER_S)
        return RequeueAt(settles_at) if now < settles_at else _write(SETTLE, settled(record))
    if has_old_key:
        return _rotate(record)
    return _write(FORGET, replace(record, state=TransferState.DONE))


def settled(record: Transfer) -> Transfer:
    """
    Return the record once no document names a former owner any more. Pure.
    """
    return replace(record, state=TransferState.ROTATING, former_owner_uids=())


def _rotate(record: Transfer) -> Step[Transfer]:
    return Step(
        ROTATE, Effect.CHANGE, record, record, retry_permanent=True, tries_max=TRIES_MAX, pause_max_s=TRY_PAUSE_MAX_S
    )


def _has_just_failed(record: Transfer, now: datetime) -> bool:
    failure = record.progress.failure
    return failure is not None and (failure.retry_at is None or failure.retry_at > now)


def _write(name: str, record: Transfer) -> Step[Transfer]:
    return Step(name, Effect.WRITE, record, record)
