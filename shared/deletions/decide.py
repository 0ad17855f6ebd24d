"""The table of steps for a pending deletion. Pure; called by the reconciler through the Controller of this folder.

| recorded                              | next                                                                  |
|---------------------------------------|-----------------------------------------------------------------------|
| nothing                               | done: the thing is gone, and so is the document                       |
| a document names the thing again      | DROP: the thing is kept                                                |
| deletions are held                    | requeue                                                                |
| pending                               | DELETE, and again with growing pauses until nothing of it is left      |
| pending, failed `TRIES_MAX` times     | dead: nothing, until an administrator requeues it                      |
| dead, requeued                        | DELETE, with all tries anew                                            |
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.deletions.model import Deletion
from shared.reconcile import Decision, Done, Effect, RequeueAt, Snapshot, Step
from shared.reconcile.epoch import held_until

DELETE: Final = "delete"
DROP: Final = "drop"

PAUSE_MAX_S: Final = 3600.0
TRIES_MAX: Final = 180
"""About a week of tries."""


@dataclass(frozen=True, slots=True)
class DeletionSpec:
    """
    The facts that are read besides the record.

    Attributes:
        requeues: How often an administrator has requeued it.
        is_named: Whether a document names the thing again.
        is_held: Whether deletions are held.
    """

    requeues: int = 0
    is_named: bool = False
    is_held: bool = False


def decide(snapshot: Snapshot[DeletionSpec, Deletion], now: datetime) -> Decision[Deletion]:
    """
    Return the next step for one deletion.
    """
    record = snapshot.record
    if record is None or record.gone:
        return Done()
    if snapshot.spec.is_named:
        return Step(DROP, Effect.OBSERVE, record, record)
    if snapshot.spec.is_held:
        return RequeueAt(held_until(now))
    return Step(
        DELETE,
        Effect.CHANGE,
        record,
        record,
        spec=str(snapshot.spec.requeues),
        retry_permanent=True,
        tries_max=TRIES_MAX,
        pause_max_s=PAUSE_MAX_S,
    )
