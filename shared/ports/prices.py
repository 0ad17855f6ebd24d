"""The prices of a class of cold storage, and the costs of an object that follow. Pure.

Filled by each cold store in `shared/providers/`, beside its classes. Prices differ by region and change, so each class
has the day on which they were noted. The currency is the US dollar.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final

GIGABYTE: Final = 1000**3
DAYS_OF_MONTH: Final = 30


class Tier(StrEnum):
    """
    The speed, and so the price, at which a cold object is made available: `EXPEDITED` within minutes, `STANDARD` within
    some 5 hours, `BULK` within some 12. The coldest class takes 12 and 48 hours, and has no `EXPEDITED`.
    """

    EXPEDITED = "expedited"
    STANDARD = "standard"
    BULK = "bulk"


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
        as_of: The day on which they were noted; `None` if nobody has published any.
    """

    storage: float
    put: float
    least_days: int = 0
    retrieval: Mapping[Tier, float] = field(default_factory=dict)
    request: Mapping[Tier, float] = field(default_factory=dict)
    sent: float = 0.0
    as_of: date | None = None

    def stored(self, size_bytes: int) -> float:
        """
        Return what storing an object costs at least: its request, and the least time that it is paid for.
        """
        return self.put + self.monthly(size_bytes) * self.least_days / DAYS_OF_MONTH

    def monthly(self, size_bytes: int) -> float:
        """
        Return what an object costs in a month.
        """
        return self.storage * size_bytes / GIGABYTE

    def restored(self, size_bytes: int, tier: Tier) -> float:
        """
        Return what making an object readable, and reading it, costs.
        """
        gigabytes = size_bytes / GIGABYTE
        return self.request.get(tier, 0.0) + (self.retrieval.get(tier, 0.0) + self.sent) * gigabytes

    def deleted(self, size_bytes: int, age_days: float) -> float:
        """
        Return what is still paid for an object that is deleted at an age, because of its least time.
        """
        return self.monthly(size_bytes) * max(0.0, self.least_days - age_days) / DAYS_OF_MONTH


FREE: Final = Price(0.0, 0.0)
"""The prices of a class that is not known, such as one of a store of one's own."""
