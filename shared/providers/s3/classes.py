"""The classes of Amazon S3 that an archive is kept in, with their terms. Pure.

Source: docs.aws.amazon.com, "Understanding S3 storage classes for long-term data storage" and "Understanding archive
retrieval options", read in November 2026.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from shared.ports import Terms, Tier

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
        ),
        Terms(
            "DEEP_ARCHIVE",
            is_cold=True,
            waits={Tier.STANDARD: timedelta(hours=12), Tier.BULK: timedelta(hours=48)},
        ),
        Terms("GLACIER_IR", is_cold=False, waits={}),
        Terms("STANDARD", is_cold=False, waits={}),
    )
}
"""By the store's name of the class."""


def terms_of(storage_class: str) -> Terms:
    """
    Return the terms of a class; those of `STANDARD` for a class that is not in the table.
    """
    return CLASSES.get(storage_class, CLASSES["STANDARD"])
