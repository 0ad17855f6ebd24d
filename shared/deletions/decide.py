"""What a pending deletion needs next. Pure; called by the visit through the Controller of this folder.

| recorded                              | next                                                                  |
|---------------------------------------|-----------------------------------------------------------------------|
| nothing                               | done: it is gone, and so is its document                               |
| pending                               | DELETE, and again with growing pauses until nothing of it is left      |
| pending, failed `TRIES_MAX` times     | dead: nothing, until a person wishes that it be tried again            |
| dead, requeued                        | DELETE, with all tries anew                                            |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shared.deletions.model import Deletion
from shared.reconcile import Decision, Done, Effect, Look, Step

DELETE: Final = "delete"

PAUSE_MAX_S: Final = 3600.0
TRIES_MAX: Final = 180
"""About a week of tries."""


@dataclass(frozen=True, slots=True)
class DeletionWish:
    """
    What a person wishes of a deletion.

    Attributes:
        requeues: How often he has wished that it be tried again.
    """

    requeues: int = 0


def decide(look: Look[DeletionWish, Deletion]) -> Decision[Deletion]:
    """
    The next step for one deletion.
    """
    record = look.record
    if record is None or record.gone:
        return Done()
    return Step(
        DELETE,
        Effect.CHANGE,
        record,
        record,
        wish=str(look.wish.requeues),
        insists=True,
        tries_max=TRIES_MAX,
        pause_max_s=PAUSE_MAX_S,
    )
