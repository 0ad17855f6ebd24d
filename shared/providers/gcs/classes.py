"""The classes of Google Cloud Storage that an archive is kept in, with their terms and prices. Pure.

Source: https://cloud.google.com/storage/docs/storage-classes, https://cloud.google.com/storage/pricing (us-east1).
"""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Final

from shared.ports import Price, Terms, Tier

_Price: Final = partial(Price, sent=0.12, as_of=date(2025, 6, 1))

CLASSES: Final = {
    terms.storage_class: terms
    for terms in (
        Terms("COLDLINE", price=_Price(0.004, 0.00002, 90, dict.fromkeys(Tier, 0.02))),
        Terms("ARCHIVE", price=_Price(0.0012, 0.00005, 365, dict.fromkeys(Tier, 0.05))),
    )
}
"""By the store's name of the class."""


def terms_of(storage_class: str) -> Terms:
    """
    Return the terms of a class; one that is not in the table has no price. All are readable at once.
    """
    return CLASSES.get(storage_class) or Terms(storage_class)
