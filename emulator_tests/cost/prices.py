"""The prices of Google Cloud, with their sources, and the bill of a month that follows. Pure.

Prices differ by region and change. The dearest of the common locations is taken: Firestore in a multi-region, functions
in a region of tier 1. `noted` is the day on which a price was noted here; the copy that it was read in may be older.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Final

from emulator_tests.cost.usage import Usage

DAYS: Final = 30
"""Days of a month."""

SCHOOL_DAYS: Final = 20
"""Days of a month on which people work. What is free in a day is lost on the others."""

MILLION: Final = 1_000_000
NOTED: Final = date(2026, 11, 28)
PRICED: Final = date(2026, 11, 30)
"""The day on which the sources were last looked at."""


class Sure(Enum):
    """
    How sure a price is.
    """

    PAGE = "Google's page"
    """Read in a stored copy of Google's own page or program."""

    COPY = "an old copy"
    """Read in a copy of Google's page that is some years old."""

    MEMORY = "from memory"
    """Nobody has found the page; do not rely on it."""


@dataclass(frozen=True, slots=True)
class Price:
    """
    The price of one thing.

    Attributes:
        what: What is paid for.
        dollars: The price of `per` of them, in US dollars.
        per: So many.
        free: How many are free in a day or in a month.
        is_daily: Whether they are free each day, and what is left of a day is lost; else each month.
        noted: When it was noted.
        sure: How sure it is.
        source: Where it was read.
    """

    what: str
    dollars: float
    per: float
    free: float
    is_daily: bool
    noted: date
    sure: Sure
    source: str

    def of(self, amount: float) -> float:
        """
        Return what an amount costs if nothing is free.
        """
        return max(0.0, amount) * self.dollars / self.per


_FIRESTORE: Final = "cloud.google.com/firestore/pricing, a copy of May 2018; free tier: a later copy"
_FUNCTIONS: Final = "firebase-tools, src/deploy/functions/pricing.ts"
_RUN: Final = "cloud.google.com/run/pricing"
_STORAGE: Final = "cloud.google.com/storage/pricing-examples"
_LAKH: Final = 100_000

PRICES: Final[Mapping[str, Price]] = {
    "reads": Price("Firestore reads", 0.06, _LAKH, 50_000, True, NOTED, Sure.COPY, _FIRESTORE),
    "writes": Price("Firestore writes", 0.18, _LAKH, 20_000, True, NOTED, Sure.COPY, _FIRESTORE),
    "deletes": Price("Firestore deletes", 0.02, _LAKH, 20_000, True, NOTED, Sure.COPY, _FIRESTORE),
    "expired": Price("Firestore deletes by TTL", 0.02, _LAKH, 0, True, PRICED, Sure.COPY, _FIRESTORE),
    "calls": Price("function calls", 0.40, MILLION, 2 * MILLION, False, NOTED, Sure.PAGE, _FUNCTIONS),
    "vcpu_s": Price("vCPU seconds of functions", 0.000024, 1, 180_000, False, NOTED, Sure.PAGE, _FUNCTIONS),
    "gib_s": Price("GiB seconds of functions", 0.0000025, 1, 360_000, False, NOTED, Sure.PAGE, _FUNCTIONS),
    "tasks": Price(
        "task operations", 0.40, MILLION, MILLION, False, NOTED, Sure.PAGE, "cloud.google.com/tasks/pricing"
    ),
    "stores": Price("objects written or listed", 0.005, 1000, 0, False, PRICED, Sure.PAGE, _STORAGE),
    "loads": Price("objects read", 0.0004, 1000, 0, False, PRICED, Sure.PAGE, _STORAGE),
    "converter_vcpu_s": Price("vCPU seconds of the converter", 0.000018, 1, 0, False, PRICED, Sure.PAGE, _RUN),
    "converter_gib_s": Price("GiB seconds of the converter", 0.000002, 1, 0, False, PRICED, Sure.MEMORY, _RUN),
}
"""By the field of `Usage` that they price."""

SCHEDULES: Final = Price(
    "schedules", 0.10, 1, 3, False, NOTED, Sure.PAGE, "cloud.google.com/scheduler/pricing, per billing account"
)
SECRETS: Final = Price("versions of secrets", 0.06, 1, 6, False, NOTED, Sure.COPY, "Secret Manager, undated copy")
STORED: Final = Price("GiB in Firestore", 0.18, 1, 1, False, NOTED, Sure.COPY, _FIRESTORE)
LOGS: Final = Price("GiB of logs", 0.50, 1, 50, False, NOTED, Sure.MEMORY, "Cloud Logging")
SENT: Final = Price(
    "GB sent to the internet", 0.12, 1, 0, False, PRICED, Sure.PAGE, "cloud.google.com/storage/pricing-examples"
)

OTHERS: Final = (SCHEDULES, SECRETS, STORED, LOGS, SENT)
ALL: Final = (*PRICES.values(), *OTHERS)


@dataclass(frozen=True, slots=True)
class Line:
    """
    One line of a month's bill.

    Attributes:
        price: The price.
        rest: The amount of every day of the month together.
        work: The amount of the school days together.
    """

    price: Price
    rest: float
    work: float = 0

    @property
    def amount(self) -> float:
        """
        The amount of the month.
        """
        return self.rest + self.work

    @property
    def paid(self) -> float:
        """
        The amount beyond the free tier.
        """
        free = self.price.free
        if not self.price.is_daily:
            return max(0.0, self.amount - free)
        holiday = self.rest / DAYS
        school_day = holiday + self.work / SCHOOL_DAYS
        return SCHOOL_DAYS * max(0.0, school_day - free) + (DAYS - SCHOOL_DAYS) * max(0.0, holiday - free)

    @property
    def dollars(self) -> float:
        """
        What it costs.
        """
        return self.price.of(self.paid)


def lines(rest: Usage, work: Usage | None = None) -> list[Line]:
    """
    Return the bill of a month's usage.

    Args:
        rest: The usage of a month, spread over all its days.
        work: The usage of its school days.
    """
    more = work or Usage()
    return [Line(price, getattr(rest, name), getattr(more, name)) for name, price in PRICES.items()]


def dollars(bill: Sequence[Line]) -> float:
    """
    Return the sum of a bill.
    """
    return sum(line.dollars for line in bill)


def listed(usage: Usage) -> float:
    """
    Return what a usage costs without any free tier, in US dollars.
    """
    return sum(price.of(getattr(usage, name)) for name, price in PRICES.items())
