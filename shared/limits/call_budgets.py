"""Budgets of callers: how often one person may call, by the kind of work, and what they are told beyond it.

Called by the edge before each callable, by triggers before they enqueue, by `videos/playback.py` before it believes a
report, and by `sessions` when it has looked at an event. Leaves to `limits` how tokens are counted by all instances
together. The one table of numbers: callers who call once a second are never refused,
and after a pause everybody may do at once what a page with all videos of a session does.

A bucket's document names nobody: its id has a hash of the caller's id. It expires once the bucket is full again.
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
    The kind of work that a callable makes. The value is part of documents' ids.
    """

    LOOK = "look"
    """Reads documents, or what a provider has recorded."""

    PLAY = "play"
    """Gives somebody what it takes to watch or to take part."""

    CHANGE = "change"
    """Changes one thing, and may leave a task for it."""

    UPLOAD = "upload"
    """Lets bytes be sent, or says that they are."""

    HEAVY = "heavy"
    """Makes work for a long time."""


@dataclass(frozen=True, slots=True)
class Row:
    """
    A row of the table.

    Attributes:
        budget: How often one person may.
        sentence: The refusal beyond it, without the advice to wait.
    """

    budget: Budget
    sentence: str


TABLE: Final[Mapping[Work, Row]] = {
    Work.LOOK: Row(Budget(240, per_minute=120, portion=5, unasked=15), "You sent too many requests in a short time."),
    Work.PLAY: Row(Budget(240, per_minute=60, portion=5, unasked=15), "You asked to play too often in a short time."),
    # All videos of the largest session are put into another order at once, or deleted.
    Work.CHANGE: Row(Budget(300, per_minute=60, portion=5, unasked=15), "You made too many changes in a short time."),
    # A hundred files are chosen at once: each asks for its token, says that it was sent, and may repeat both.
    Work.UPLOAD: Row(
        Budget(300, per_minute=60, portion=5, unasked=15), "You asked for too many uploads in a short time."
    ),
    Work.HEAVY: Row(Budget(10, per_minute=2, unasked=1), "You asked for too many erasures in a short time."),
}
"""For each kind of work, what one person may."""

REPORTS: Final = Budget(6, per_minute=1)
"""How many reports that a host fails are believed of one person: each may have the host tried, and a copy."""

CHANGES: Final = Budget(600, per_minute=120, portion=20, unasked=60)
"""How many changes to one owner's sessions and enrolments, written straight into Firestore, triggers handle. A school's
import may write hundreds at once; the sweep finds the rest."""

LOOKS: Final = Budget(600, per_minute=300, portion=20, unasked=60)
"""How often it is looked whether the events of one owner are on the air: 50 whose beginning is near, or 75 that are on
the air, cost so much."""

ADMINISTRATORS_TIMES: Final = 10
"""Administrators have so many times the burst: their back end's scripts do at once what a whole school has asked."""


@dataclass(frozen=True, slots=True)
class CallBudgets:
    """
    The budgets of all callers of one deployment, as one instance knows them; safe to share between threads.

    Attributes:
        limiter: Draws from them.
    """

    limiter: Limiter

    def take(self, caller: Caller, work: Work) -> None:
        """
        Let a caller do something once, before any of it is done.

        Raises:
            TooMany: They did it too often (again, after `retry_after_s`).
            Transient: The documents could not be reached (again).
        """
        row = TABLE[work]
        # Who gets or loses the claim has another bucket: each has one size.
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
        Tell whether something is enqueued for one more change to what somebody owns, and count it.

        Raises:
            Transient: The documents could not be reached (again).
        """
        return self.limiter.take(call_budget_path("changes-", owner_uid), CHANGES) == 0.0

    def watches(self, owner_uid: str) -> bool:
        """
        Tell whether an event of somebody is looked at again soon, and count the snapshot.

        Raises:
            Transient: The documents could not be reached (again).
        """
        return self.limiter.take(call_budget_path("looks-", owner_uid), LOOKS) == 0.0


def _roomy(budget: Budget) -> Budget:
    return replace(budget, burst=budget.burst * ADMINISTRATORS_TIMES)


def _in_words(wait_s: float) -> str:
    seconds = math.ceil(wait_s)
    return "a second" if seconds == 1 else f"{seconds} seconds"
