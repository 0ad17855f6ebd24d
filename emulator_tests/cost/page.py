"""The generated parts of docs/cost.md, from what was counted last and the prices. Pure but for reading the page.

Called by `make docs` and `make cost`. Every sum on the page is computed here; the sentences around the parts are
written by hand, and name no figure that could go stale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from emulator_tests.cost import idle
from emulator_tests.cost.prices import (
    ALL,
    DAYS,
    PRICES,
    SCHEDULES,
    SCHOOL_DAYS,
    SECRETS,
    SENT,
    STORED,
    Line,
    Sure,
    dollars,
    lines,
    listed,
)
from emulator_tests.cost.record import Record
from emulator_tests.cost.scenario import PER, REGISTRY
from emulator_tests.cost.usage import Usage, total
from functions.config import SLIDES_TOKEN_SECRET
from shared.ports import Tier
from shared.providers.kaltura.settings import Settings as KalturaSettings
from shared.providers.registry import cold_stores
from shared.providers.settings import declarations

PAGE: Final = Path(__file__).parents[2] / "docs" / "cost.md"

GIB: Final = 1024**3
GIGABYTE: Final = 1000**3

MONTH: Final[Mapping[str, int]] = {
    "sessions": 2_000,
    "videos_kaltura": 2_000,
    "plays": 40_000,
    "lessons": 300,
    "joins": 1_000,
    "joins_known": 9_000,
    "documents": 100,
    "turns": 3_000,
}
"""The month of the worked example: how often each scenario happens."""

ROWS: Final = (
    "sessions",
    "planned",
    "lessons",
    "joins",
    "joins_known",
    "videos_kaltura",
    "videos_together",
    "videos_cloudflare",
    "plays",
    "documents",
    "turns",
    "archived",
    "restored",
)
"""The scenarios, in the order of the page."""

AT_REST: Final = 10_000
"""The videos that the school of the worked example has."""

SCHEDULED: Final = 2
"""The sweep and the search for orphans."""

COPIED_MB_S: Final = 50
"""Megabytes a second at which an original is copied to the archive: assumed. A function waits for it."""

WORKER_GIB: Final = 0.5

FREE_IN_FIRST_DATABASE: Final = (PRICES["reads"], PRICES["writes"], PRICES["deletes"], STORED)
"""Firestore has a free tier for one database of a project: its first one."""

BACKUPS: Final = 14
"""deploy/provision.sh has the database backed up each day, and each backup kept for so many days."""


def blocks(record: Record) -> dict[str, str]:
    """
    Return the generated parts, by their names.
    """
    return {
        "example": example(record),
        "things": things(record),
        "rest": at_rest(record),
        "naive": against_naive(record),
        "archive": archive(),
        "prices": prices(),
        "cpu": cpu(record),
    }


def usage_of(record: Record, name: str) -> Usage:
    """
    Return the usage of 1,000 of a scenario, or of a month at rest.
    """
    return total(record.counts[name])


def work_of(record: Record, month: Mapping[str, int]) -> Usage:
    """
    Return the usage of what a school does in a month.
    """
    return sum((usage_of(record, name) * (count / PER) for name, count in month.items()), Usage())


def bill(record: Record, month: Mapping[str, int], videos: int) -> list[Line]:
    """
    Return the bill of a school's month.

    Args:
        record: What was counted.
        month: How often each scenario happens on its school days.
        videos: How many videos the school has, one of `idle.SIZES`.
    """
    rest = f"idle_{videos}"
    secrets = sum(one.is_secret for one in declarations(KalturaSettings).values()) + SLIDES_TOKEN_SECRET.is_secret
    others = (
        Line(SCHEDULES, SCHEDULED),
        Line(SECRETS, secrets),
        Line(STORED, record.stored_bytes[rest] / GIB),
    )
    return [*lines(usage_of(record, rest), work_of(record, month)), *others]


def in_named_database(bill: Sequence[Line]) -> list[Line]:
    """
    Return a bill without Firestore's free tier, as for a second database of a project.
    """
    return [
        replace(line, price=replace(line.price, free=0)) if line.price in FREE_IN_FIRST_DATABASE else line
        for line in bill
    ]


# --- the parts ----------------------------------------------------------------------------------------------------


def example(record: Record) -> str:
    """
    Return the worked example.
    """
    found = bill(record, MONTH, AT_REST)
    joins = MONTH["joins"] + MONTH["joins_known"]
    without = bill(
        record, {name: count for name, count in MONTH.items() if name not in ("documents", "turns")}, AT_REST
    )
    named = in_named_database(found)
    rows = [
        (line.price.what, amount(line.amount), amount(line.paid), money(line.dollars), money(beside.dollars))
        for line, beside in zip(found, named, strict=True)
        if line.amount
    ]
    rows.append(("sum", "", "", money(dollars(found)), money(dollars(named))))
    backups = STORED.of(BACKUPS * record.stored_bytes[f"idle_{AT_REST}"] / GIB)
    return "\n".join(
        [
            f"**A school with {MONTH['videos_kaltura']:,} videos, {MONTH['lessons']:,} live lessons and {joins:,} "
            f"joins a month pays Google about {money(dollars(without))} a month.**",
            f"With {MONTH['documents']:,} shared documents and {MONTH['turns']:,} page turns it is about "
            f"{money(dollars(found))}. It would be {money(dollars(found) + _free(found))} if nothing were free.",
            "",
            f"**Beside an app, in a named database, it is {money(dollars(in_named_database(without)))}**, or "
            f"{money(dollars(named))} with the documents: Firestore's free tier is for",
            "the first database of a project only.",
            "",
            f"In that month the {MONTH['videos_kaltura']:,} videos are uploaded to Kaltura, played {MONTH['plays']:,} "
            f"times, and deleted; and {MONTH['sessions']:,} sessions",
            f"are created and deleted. The school has {AT_REST:,} other videos. Each lesson is on the air for an hour, "
            "and recorded.",
            f"Of the {joins:,} joins, {MONTH['joins']:,} are by people who never joined before. People work on "
            f"{SCHOOL_DAYS} of {DAYS} days.",
            "",
            *table(("", "used", "beyond the free tier", "US dollars", "in a named database"), rows),
            "",
            "Point-in-time recovery and daily backups, which `deploy/provision.sh` turns on, are not in it: "
            "their prices could not be",
            "read. Neither has a free tier. Recovery keeps the old versions of each document for seven days, one a "
            "minute.",
            f"{BACKUPS} backups are as many full copies: {money(backups)} a month for this school, if a GiB of them "
            f"costs ${STORED.dollars:.2f}, as in Firestore. A",
            "restoration is charged by its size.",
            "",
        ]
    )


def things(record: Record) -> str:
    """
    Return what 1,000 of each scenario take.
    """
    rows = []
    for name in ROWS:
        usage = usage_of(record, name)
        rows.append((f"{PER:,} {REGISTRY.scenarios[name].title}", *_columns(usage), money(listed(usage))))
    return "\n".join([*table((*_HEAD, "US dollars"), rows), ""])


def at_rest(record: Record) -> str:
    """
    Return what a month costs in which nothing happens.
    """
    rows = []
    for size in idle.SIZES:
        found = bill(record, {}, size)
        usage = usage_of(record, f"idle_{size}")
        stored = f"{record.stored_bytes[f'idle_{size}'] / GIB:.2f}"
        named = dollars(in_named_database(found))
        rows.append((f"{size:,} videos", *_columns(usage), stored, money(dollars(found)), money(named)))
    return "\n".join([*table((*_HEAD, "GiB", "US dollars", "in a named database"), rows), ""])


def against_naive(record: Record) -> str:
    """
    Return the comparison with a naive poller.
    """
    uploads = (
        ("1,000 videos until ready, naive", "naive_uploads"),
        ("1,000 videos one after another, Greenroom, with play and deletion", "videos_kaltura"),
        ("1,000 videos ten at a time, the same", "videos_together"),
    )
    rows = []
    for title, name in uploads:
        usage = usage_of(record, name)
        rows.append((title, *_columns(usage), money(listed(usage))))
    for size in idle.SIZES:
        for title, name in (("naive", f"naive_{size}"), ("Greenroom", f"idle_{size}")):
            usage = usage_of(record, name)
            found = dollars(lines(usage))
            rows.append((f"a month at rest, {size:,} videos, {title}", *_columns(usage), money(found)))
    return "\n".join([*table((*_HEAD, "US dollars"), rows), ""])


def archive() -> str:
    """
    Return what 1,000 originals of a gigabyte cost in each class of cold storage.
    """
    rows = []
    copied_s = GIGABYTE / COPIED_MB_S / 1000**2
    function = PRICES["vcpu_s"].of(copied_s * PER) + PRICES["gib_s"].of(copied_s * WORKER_GIB * PER)
    for store, settings in cold_stores().items():
        sent = 0.0 if store == "gcs" else SENT.of(PER)
        for name, terms in settings.classes.items():
            price = terms.price
            if price.as_of is None:
                continue
            rows.append(
                (
                    f"{settings.title.removeprefix('Archive in ')}, {name}",
                    money(function + sent),
                    money(price.stored(GIGABYTE) * PER),
                    money(price.monthly(GIGABYTE) * PER),
                    money(price.restored(GIGABYTE, Tier.BULK) * PER),
                    price.as_of.isoformat(),
                )
            )
    head = ("class", "copying", "storing, least time", "each month after", "bringing back", "noted")
    return "\n".join([*table(head, rows), ""])


def prices() -> str:
    """
    Return the table of prices.
    """
    rows = []
    for price in ALL:
        free = "" if not price.free else f"{price.free:,.0f} a {'day' if price.is_daily else 'month'}"
        sure = "**from memory**" if price.sure is Sure.MEMORY else price.sure.value
        cost = f"{price.dollars:.7f}".rstrip("0")
        per = "" if price.per == 1 else f" for {price.per:,.0f}"
        rows.append((price.what, f"{cost}{per}", free, sure, price.noted.isoformat(), price.source))
    head = ("what", "US dollars", "free", "read in", "noted", "source")
    return "\n".join([*table(head, rows, figures=False), ""])


def cpu(record: Record) -> str:
    """
    Return the CPU time of each function's calls.
    """
    rows = [(f"`{name}`", f"{ms:.1f}") for name, ms in record.cpu_ms.items() if not name.startswith("naive")]
    day = f"Measured on {record.counted_on.isoformat()}, on {record.machine}; the median of each."
    return "\n".join([day, "", *table(("function", "CPU of a call, ms"), rows), ""])


# --- layout -------------------------------------------------------------------------------------------------------

_HEAD: Final = ("", "reads", "writes", "deletes", "calls", "vCPU s", "task operations", "provider requests")


def _columns(usage: Usage) -> tuple[str, ...]:
    deleted = usage.deletes + usage.expired
    values = (usage.reads, usage.writes, deleted, usage.calls, usage.vcpu_s, usage.tasks, usage.provider_calls)
    return tuple(map(amount, values))


def _free(bill: Sequence[Line]) -> float:
    """
    Return what the free tier of a bill is worth.
    """
    return sum(line.price.of(line.amount) - line.dollars for line in bill)


def amount(value: float) -> str:
    """
    Return an amount, as a cell. Pure.
    """
    return "" if not value else f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def money(value: float) -> str:
    """
    Return US dollars, as a cell. Pure.
    """
    return f"${value:,.2f}" if value >= 0.005 or not value else "under $0.01"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, figures: bool = True) -> list[str]:
    """
    Return a table in Markdown. Pure.
    """
    return [_row(head), "|---" + ("|---:" if figures else "|---") * (len(head) - 1) + "|", *map(_row, rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")
