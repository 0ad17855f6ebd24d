"""The prices of cold storage: the published ones of each class, and the costs of an original that follow. Pure.

Called by the policy, which stays within a budget, and by the operator's command, which says what would be paid. Prices
differ by region and change; the currency is the US dollar, and `AS_OF` says when they were taken down.

Source: https://aws.amazon.com/s3/pricing (US East, N. Virginia), https://cloud.google.com/storage/pricing (us-east1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from shared.archive.model import Original
from shared.ports import Tier

AS_OF: Final = date(2025, 6, 1)
GIGABYTE: Final = 1000**3
DAYS_OF_MONTH: Final = 30


@dataclass(frozen=True, slots=True)
class Price:
    """
    The prices of one class, in dollars.

    Attributes:
        storage: For each gigabyte and month.
        put: For storing one object in one request; the requests of further parts are not counted.
        least_days: Days for which an object is paid at least.
        retrieval: For each gigabyte that is made readable, by tier.
        request: For asking for one object, by tier.
        sent: For each gigabyte that leaves the store for the internet.
    """

    storage: float
    put: float
    least_days: int = 0
    retrieval: Mapping[Tier, float] = field(default_factory=dict)
    request: Mapping[Tier, float] = field(default_factory=dict)
    sent: float = 0.09

    def stored(self, size_bytes: int) -> float:
        """
        Return what storing an original costs at least: its request, and the least time that it is paid for.
        """
        return self.put + self.monthly(size_bytes) * self.least_days / DAYS_OF_MONTH

    def monthly(self, size_bytes: int) -> float:
        """
        Return what an original costs in a month.
        """
        return self.storage * size_bytes / GIGABYTE

    def restored(self, size_bytes: int, tier: Tier) -> float:
        """
        Return what bringing an original back costs.
        """
        gigabytes = size_bytes / GIGABYTE
        return self.request.get(tier, 0.0) + (self.retrieval.get(tier, 0.0) + self.sent) * gigabytes

    def deleted(self, size_bytes: int, age_days: float) -> float:
        """
        Return what is still paid for an original that is deleted at an age, because of its least time.
        """
        return self.monthly(size_bytes) * max(0.0, self.least_days - age_days) / DAYS_OF_MONTH


def _same(value: float) -> dict[Tier, float]:
    return dict.fromkeys(Tier, value)


PRICES: Final[Mapping[str, Price]] = {
    "GLACIER": Price(
        0.0036,
        0.00003,
        90,
        {Tier.EXPEDITED: 0.03, Tier.STANDARD: 0.01, Tier.BULK: 0.0},
        {Tier.EXPEDITED: 0.01, Tier.STANDARD: 0.00005, Tier.BULK: 0.0},
    ),
    "GLACIER_IR": Price(0.004, 0.00002, 90, _same(0.03), _same(0.00001)),
    "DEEP_ARCHIVE": Price(
        0.00099,
        0.00005,
        180,
        {Tier.STANDARD: 0.02, Tier.BULK: 0.0025},
        {Tier.STANDARD: 0.0001, Tier.BULK: 0.000025},
    ),
    "STANDARD": Price(0.023, 0.000005),
    "COLDLINE": Price(0.004, 0.00002, 90, _same(0.02), sent=0.12),
    "ARCHIVE": Price(0.0012, 0.00005, 365, _same(0.05), sent=0.12),
}
"""The prices by the stores' names of their classes."""

FREE: Final = Price(0.0, 0.0, sent=0.0)


def price_of(storage_class: str) -> Price:
    """
    Return the prices of a class; those of a store of one's own, which has no such class, are zero. Pure.
    """
    return PRICES.get(storage_class, FREE)


def still_paid(originals: Sequence[Original], now: datetime) -> float:
    """
    Return what is still paid for originals, in dollars, if they are deleted now: each class has a least time. Pure.
    """
    return sum(
        price_of(one.storage_class).deleted(one.size_bytes, (now - one.stored_at).total_seconds() / 86_400)
        for one in originals
    )
