"""Documents that count what Firestore bills, for measurements on in-memory documents.

Used by the bench area `idle` and by `emulator_tests/cost`, which say what the counts are of.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

from emulator_tests.memory import MemoryDocuments
from shared.ports import Delete, Document, Query, Total, Version, Write

READ_EACH: Final = 1000
"""Number of index entries that an aggregation counts for the price of one read."""


class BilledDocuments:
    """
    Documents that count reads, writes and deletions as Firestore bills them.

    Each document is one read, even if it does not exist. A query that finds nothing is one. A count is one for each
    1,000 that it counts. A write is one even if it changes nothing; what a failed commit would have written is free.

    Source: https://cloud.google.com/firestore/pricing#reads

    Args:
        kept: The documents.

    Attributes:
        reads: Number of reads so far.
        writes: Number of creations and updates so far.
        deletes: Number of deletions so far.
        requests: Number of calls so far, by the port's name of the method.
    """

    def __init__(self, kept: MemoryDocuments) -> None:
        self._kept = kept
        self.reads = 0
        self.writes = 0
        self.deletes = 0
        self.requests: Counter[str] = Counter()

    def read(self, *paths: str) -> tuple[Document | None, ...]:
        self.requests["read"] += 1
        self.reads += len(paths)
        return self._kept.read(*paths)

    def select(self, query: Query) -> Sequence[Document]:
        self.requests["select"] += 1
        found = self._kept.select(query)
        self.reads += max(1, len(found))
        return found

    def count(self, query: Query) -> int:
        self.requests["count"] += 1
        count = self._kept.count(query)
        self.reads += max(1, math.ceil(count / READ_EACH))
        return count

    def total(self, query: Query, field: str) -> Total:
        self.requests["total"] += 1
        total = self._kept.total(query, field)
        self.reads += max(1, math.ceil(total.count / READ_EACH))
        return total

    def commit(self, *writes: Write) -> tuple[Version, ...]:
        self.requests["commit"] += 1
        versions = self._kept.commit(*writes)
        deletes = sum(isinstance(one, Delete) for one in writes)
        self.deletes += deletes
        self.writes += len(writes) - deletes
        return versions
