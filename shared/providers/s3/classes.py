"""The classes of Amazon S3 that an archive is kept in, with their terms and prices. Pure.

Source: docs.aws.amazon.com, "Understanding S3 storage classes for long-term data storage" and "Understanding archive
retrieval options", read in November 2026; https://aws.amazon.com/s3/pricing (US East, N. Virginia).
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import Final

from shared.ports import Price, Terms, Tier

_Price: Final = partial(Price, sent=0.09, as_of=date(2025, 6, 1))

CLASSES: Final = {
    terms.storage_class: terms
    for terms in (
        Terms(
            "GLACIER",
            is_cold=True,
            waits={
                Tier.EXPEDITED: timedelta(minutes=5),
                Tier.STANDARD: timedelta(hours=5),
                Tier.BULK: timedelta(hours=12),
            },
            price=_Price(
                0.0036,
                0.00003,
                90,
                {Tier.EXPEDITED: 0.03, Tier.STANDARD: 0.01, Tier.BULK: 0.0},
                {Tier.EXPEDITED: 0.01, Tier.STANDARD: 0.00005, Tier.BULK: 0.0},
            ),
        ),
        Terms(
            "DEEP_ARCHIVE",
            is_cold=True,
            waits={Tier.STANDARD: timedelta(hours=12), Tier.BULK: timedelta(hours=48)},
            price=_Price(
                0.00099,
                0.00005,
                180,
                {Tier.STANDARD: 0.02, Tier.BULK: 0.0025},
                {Tier.STANDARD: 0.0001, Tier.BULK: 0.000025},
            ),
        ),
        Terms(
            "GLACIER_IR",
            price=_Price(0.004, 0.00002, 90, dict.fromkeys(Tier, 0.03), dict.fromkeys(Tier, 0.00001)),
        ),
        Terms("STANDARD", price=_Price(0.023, 0.000005)),
    )
}
"""By the store's name of the class."""


def terms_of(storage_class: str) -> Terms:
    """
    Return the terms of a class; one that is not in the table is readable at once, and has no price.
    """
    return CLASSES.get(storage_class) or Terms(storage_class)
