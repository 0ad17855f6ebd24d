"""The budget of a day for bringing originals back because somebody plays them: originals, bytes and money.

Called by `commands.py`. It is one document, which is written once for each original; the day is that of UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from shared.core.paths import operation_path
from shared.core.retry import RetryOnConflict
from shared.ports import Clock, Create, Document, Documents, Update
from shared.reconcile.edited import EditedFields, text

SPENT: Final = operation_path("archiveRestores")
"""The document that says what was spent on the present day."""


@dataclass(frozen=True, slots=True)
class Amount:
    """
    Originals, their bytes, and what they cost in US cents.
    """

    originals: int = 0
    size_bytes: int = 0
    cents: float = 0.0

    def plus(self, other: Amount) -> Amount:
        """
        Return the sum with another one. Pure.
        """
        return Amount(self.originals + other.originals, self.size_bytes + other.size_bytes, self.cents + other.cents)

    def is_within(self, other: Amount) -> bool:
        """
        Tell whether no part is larger than that of another one. Pure.
        """
        return self.originals <= other.originals and self.size_bytes <= other.size_bytes and self.cents <= other.cents


@dataclass(frozen=True, slots=True)
class DayBudget:
    """
    The budget of each day.

    Attributes:
        documents: Where it is recorded what was spent.
        clock: Returns the present time, in UTC.
        most: The most that is spent in a day.
    """

    documents: Documents
    clock: Clock
    most: Amount

    def take(self, amount: Amount) -> bool:
        """
        Take an amount from the budget of today, if it has so much left.

        Returns:
            Whether it had.

        Raises:
            Conflict: Others wrote first each time (again).
            Transient: The documents could not be reached (again).
        """
        retry = RetryOnConflict("The budget was changed at every try. Try again.")
        while True:
            (document,) = self.documents.read(SPENT)
            now = self.clock()
            spent = _spent(document, now).plus(amount)
            if not spent.is_within(self.most):
                return False
            fields = {
                "day": _day(now),
                "originals": spent.originals,
                "bytes": spent.size_bytes,
                "cents": spent.cents,
            }
            with retry:
                self.documents.commit(
                    Create(SPENT, fields) if document is None else Update(SPENT, fields, if_version=document.version)
                )
                return True


def _spent(document: Document | None, now: datetime) -> Amount:
    """
    Return what was spent today. What an operator wrote and cannot be read counts as nothing. Pure.
    """
    fields: Mapping[str, Any] = {} if document is None else document.fields
    edited = EditedFields(fields)
    if edited.read("day", text, "") != _day(now):
        return Amount()
    return Amount(
        int(edited.read("originals", _amount, 0.0)),
        int(edited.read("bytes", _amount, 0.0)),
        edited.read("cents", _amount, 0.0),
    )


def _amount(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise ValueError("An amount is a number from 0.")
    return float(value)


def _day(now: datetime) -> str:
    return f"{now:%Y-%m-%d}"
