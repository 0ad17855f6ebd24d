"""Budgets of callers: how often one person may call, by the kind of work, and the message beyond it.

Called by the edge before each callable, by triggers before they enqueue, by `videos/playback.py` before it believes a
report, and by `sessions` after it has observed an event. `limiter` counts tokens across all instances. This is the only
table of numbers: callers who call once a second are never refused, and after a pause anybody may do at once what a page
with all videos of a session does.

A bucket's document does not name the person: its id contains a hash of their uid. It expires once the bucket is full
again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from shared.core.callers import Caller
from shared.core.errors import TooMany
from shared.core.paths import call_budget_path
from shared.limits.buckets import Budget
from shared.limits.limiter import Limiter


class Work(Enum):
    """
    The kind of work that a callable does. The value is part of documents' ids.
    """

    LOOK = "look"
    """Read documents, or what a provider has recorded."""

    PLAY = "play"
    """Give a person the grants to watch or to take part."""

    CHANGE = "change"
    """Change one thing, and enqueue a task for it if needed."""

    UPLOAD = "upload"
    """Allow bytes to be sent, or report that they were sent."""

    HEAVY = "heavy"
    """Start work that takes long."""


@dataclass(frozen=True, slots=True)
class Row:
    """
    One row of the table.

    Attributes:
        budget: How often one person may do it.
        sentence: The message beyond it, without the advice to wait.
    """

    budget: Budget
    sentence: str


TABLE: Final[Mapping[Work, Row]] = {
    Work.LOOK: Row(Budget(240, per_minute=120, portion=5, unasked=15), "You sent too many requests in a short time."),
    Work.PLAY: Row(Budget(240, per_minute=60, portion=5, unasked=15), "You asked to play too often in a short time."),
    # All videos of the largest session are reordered or deleted at once.
    Work.CHANGE: Row(Budget(300, per_minute=60, portion=5, unasked=15), "You made too many changes in a short time."),
    # A hundred files are chosen at once: each asks for its token, reports that it was sent, and may repeat both.
    Work.UPLOAD: Row(
        Budget(300, per_minute=60, portion=5, unasked=15), "You asked for too many uploads in a short time."
    ),
    Work.HEAVY: Row(Budget(10, per_minute=2, unasked=1), "You asked for too many erasures in a short time."),
}
"""The budget of one person for each kind of work."""

REPORTS: Final = Budget(6, per_minute=1)
"""The reports of one person that a host fails. Each report that is believed may trigger a test of the host, and a
copy."""

CHANGES: Final = Budget(600, per_minute=120, portion=20, unasked=60)
"""The changes to one owner's sessions and enrolments, written directly to Firestore, that triggers handle. A school's
import may write hundreds at once; the sweep finds the rest."""

LOOKS: Final = Budget(600, per_minute=300, portion=20, unasked=60)
"""The observations of whether one owner's events are on the air. 50 events that begin soon, or 75 that are on the air,
need this many."""

ADMINISTRATORS_TIMES: Final = 10
"""The factor by which an administrator's burst is larger: their back end's scripts do at once what a whole school has
asked for."""


@dataclass(frozen=True, slots=True)
class CallBudgets:
    """
    The budgets of all callers of one deployment, as one instance knows them; safe to share between threads.

    Attributes:
        limiter: Draws from the budgets.
    """

    limiter: Limiter

    def take(self, caller: Caller, work: Work) -> None:
        """
        Take one token from a caller's budget, before any work is done.

        Raises:
            TooMany: They did it too often (again, after `retry_after_s`).
            Transient: The documents could not be reached (again).
        """
        row = TABLE[work]
        # An administrator has a separate bucket, because the size of a bucket is fixed and a person may gain or lose
        # the claim.
        role, budget = ("admin-", _roomy(row.budget)) if caller.is_admin else ("", row.budget)
        wait_s = self.limiter.take(call_budget_path(f"{work.value}-{role}", caller.uid), budget)
        if wait_s:
            raise TooMany(
                f"{row.sentence} Wait {_in_words(wait_s)}, then try again.",
                reason="CALLS_TOO_MANY",
                retry_after_s=wait_s,
            )

    def believes(self, caller: Caller) -> bool:
        """
        Tell whether a caller's report that a host fails is believed, and count it.

        Raises:
            Transient: The documents could not be reached (again).
        """
        return self.limiter.take(call_budget_path("report-", caller.uid), REPORTS) == 0.0

    def heeds(self, owner_uid: str) -> bool:
        """
        Tell whether a trigger should enqueue a task for one more change to an owner's documents, and count it.

        Raises:
            Transient: The documents could not be reached (again).
        """
        return self.limiter.take(call_budget_path("changes-", owner_uid), CHANGES) == 0.0

    def watches(self, owner_uid: str) -> bool:
        """
        Tell whether an owner's event is to be observed again soon, and count the observation.

        Raises:
            Transient: The documents could not be reached (again).
        """
        return self.limiter.take(call_budget_path("looks-", owner_uid), LOOKS) == 0.0


def _roomy(budget: Budget) -> Budget:
    return replace(budget, burst=budget.burst * ADMINISTRATORS_TIMES)


def _in_words(wait_s: float) -> str:
    seconds = math.ceil(wait_s)
    return "a second" if seconds == 1 else f"{seconds} seconds"
