"""A school at rest, for a month: what the sweep and the daily search for orphans read, write and run."""

from __future__ import annotations

import json
from typing import Final

from emulator_tests.bench.films import uploading, write_session
from emulator_tests.cost.metered import TEACHER, Metered
from emulator_tests.cost.places import DAY_S, MemoryPlace
from emulator_tests.cost.usage import Counts, minus
from shared.core.identity import SessionIdentity

SIZES: Final = (100, 1_000, 10_000, 100_000)
SESSION_VIDEOS: Final = 10
DAYS: Final = 30

INDEXED: Final = 3
"""Documents take this many times the length of their JSON, with their indexes: an estimate."""


def school(videos: int) -> Metered:
    """
    Return a deployment with ready videos, ten in each session, in which nothing has changed for long.
    """
    place = MemoryPlace()
    metered = Metered(place)
    place.open(metered.documents, metered.queue, metered.clock)
    for first in range(0, videos, SESSION_VIDEOS):
        session = SessionIdentity(f"s{first:06}", TEACHER.uid, metered.clock())
        count = min(SESSION_VIDEOS, videos - first)
        write_session(metered.kept, session, place.media.name, count, uploading(place.media))
    metered.clock.advance(DAY_S)
    # The first day checks what no later one has to.
    metered.run(DAY_S)
    return metered


def month(videos: int) -> tuple[Counts, int]:
    """
    Return the usage of a month, and about how many bytes the documents take.

    Args:
        videos: Number of videos.
    """
    metered = school(videos)
    before = dict(metered.counts)
    metered.run(DAY_S)
    day = minus(metered.counts, before)
    kept = metered.kept.read(*metered.kept.paths())
    stored = sum(len(json.dumps(one.fields, default=str)) for one in kept if one is not None)
    return {name: usage * DAYS for name, usage in day.items()}, stored * INDEXED
