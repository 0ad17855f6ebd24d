"""Cases of `page_at`, by which the client's own `pageAt` is tested: `python -m emulator_tests.pure.page_at_cases`
writes them into the folder of the client. `test_page_at_cases.py` fails if they are not up to date."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from emulator_tests.testbed.places import ROOT
from shared.slides.timeline import Entry, page_at

FILE: Final = ROOT / "web" / "greenroom" / "core" / "src" / "slides" / "page-at.cases.json"

BEGAN_AT: Final = datetime(2026, 11, 29, 10, tzinfo=UTC)
TIMELINES: Final = 25
INSTANTS: Final = 6
MEDIAS: Final = ("m-1", "m-2", "m-3")


def cases() -> str:
    """
    Return the cases as JSON, always the same ones.
    """
    chance = random.Random(49)
    return "".join(
        (
            "[\n",
            ",\n".join(json.dumps(_case(chance, number), separators=(",", ":")) for number in range(TIMELINES)),
            "\n]\n",
        )
    )


def _case(chance: random.Random, size: int) -> dict[str, Any]:
    """
    Return a timeline with some instants, and what was shown then. Several changes may have the same instant.
    """
    entries, after_ms = [], 0
    for revision in range(1, size + 1):
        after_ms += chance.choice((0, 0, 1, 250, 4_000, 60_000))
        media = chance.choice((*MEDIAS, None))
        page = None if media is None else chance.randint(1, 20)
        entries.append(Entry(revision, BEGAN_AT + timedelta(milliseconds=after_ms), media, page))
    chance.shuffle(entries)
    deleted = sorted(chance.sample(MEDIAS, chance.randint(0, 2)))
    instants = [BEGAN_AT + timedelta(milliseconds=chance.randint(-500, after_ms + 500)) for _ in range(INSTANTS)]
    # At a change, and just before it.
    instants += [entry.at - timedelta(milliseconds=early) for entry in entries[:2] for early in (0, 1)]
    return {
        "timeline": [[entry.revision, _ms(entry.at), entry.media_id, entry.page] for entry in entries],
        "deleted": deleted,
        "shown": [
            [_ms(instant), moment.media_id, moment.page, moment.is_gap]
            for instant in instants
            for moment in (page_at(entries, instant, deleted),)
        ],
    }


def _ms(instant: datetime) -> int:
    return int((instant - BEGAN_AT) / timedelta(milliseconds=1))


if __name__ == "__main__":
    FILE.write_text(cases(), encoding="utf-8")
