"""The command that says what archiving has saved: `report`."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cli.archive.chart import bars
from cli.archive.work import Work, money, provider_price_option, size_text, work
from cli.output import Output, Result, table
from cli.running import command

if TYPE_CHECKING:
    from shared.archive.model import ArchivedEntry
    from shared.ports import Terms

MONTHS_SHOWN: Final = 24
COLUMNS: Final = ("month", "entries", "bytes", "gone_entries", "gone_bytes", "store_monthly", "saved_monthly")


@dataclass(slots=True)
class Month:
    """
    The originals that were archived in one month.

    Attributes:
        name: The month, such as 2026-01.
        entries: Entries whose original is in the cold store since then.
        size_bytes: Of these originals.
        gone_entries: Those of which the provider has a placeholder only.
        gone_bytes: Of their originals.
        store_monthly: What the cold store takes in a month, in dollars.
    """

    name: str
    entries: int = 0
    size_bytes: int = 0
    gone_entries: int = 0
    gone_bytes: int = 0
    store_monthly: float = 0.0

    def add(self, record: ArchivedEntry, terms_of: Callable[[str], Terms]) -> None:
        """
        Count one record with an original.
        """
        from shared.archive.model import COMING_BACK, HELD

        original = record.original
        assert original is not None
        self.entries += 1
        self.size_bytes += original.size_bytes
        self.store_monthly += sum(terms_of(one.storage_class).price.monthly(one.size_bytes) for one in record.stored)
        if record.state in HELD | COMING_BACK:
            self.gone_entries += 1
            self.gone_bytes += original.size_bytes

    def plus(self, other: Month) -> Month:
        """
        Return the sum with another month.
        """
        return Month(
            self.name,
            self.entries + other.entries,
            self.size_bytes + other.size_bytes,
            self.gone_entries + other.gone_entries,
            self.gone_bytes + other.gone_bytes,
            self.store_monthly + other.store_monthly,
        )

    def saved(self, provider_price: float) -> float:
        """
        Return what is saved in a month, in dollars.
        """
        from shared.ports import GIGABYTE

        return provider_price * self.gone_bytes / GIGABYTE - self.store_monthly


@command(
    "report",
    examples=["archive report --provider-price 0.15", "archive report --csv saved.csv --chart saved.svg"],
    needs_secrets=True,
)
@provider_price_option
@click.option("--csv", "csv_file", metavar="FILE", help="Write the months to this file, as comma-separated values.")
@click.option("--chart", "chart_file", metavar="FILE", help="Draw the gigabytes that are gone to this file, as SVG.")
@click.option("--write", "is_written", is_flag=True, help="Keep the result as the document reports/archiveSavings.")
def report(
    _output: Output, provider_price: float | None, csv_file: str | None, chart_file: str | None, is_written: bool
) -> Result:
    """
    Say what archiving has saved, month by month.

    A month has the originals that were archived in it. It counts originals of which the provider has only a placeholder
    now. It does not count the other files of these entries, which the provider has deleted too.
    """
    job = work()
    months = _months(job)
    price = provider_price or 0.0
    whole = Month("all")
    for one in months:
        whole = whole.plus(one)
    data = _data(job, whole, months, provider_price)
    if csv_file is not None:
        _write_file(csv_file, _csv(months, price))
    if chart_file is not None:
        shown = [(one.name, one.gone_bytes / 1e9) for one in months[-MONTHS_SHOWN:]]
        _write_file(chart_file, bars("Gigabytes gone from the provider, by month of archiving", shown))
    if is_written:
        from shared.core.paths import ARCHIVE_SAVINGS_REPORT

        job.write(ARCHIVE_SAVINGS_REPORT, data)
    return Result(_text(job, whole, months, provider_price), data)


def _months(job: Work) -> list[Month]:
    """
    Return the months in which originals were archived, the first one first.
    """
    months: dict[str, Month] = {}
    for record in _records(job):
        if record.original is not None:
            name = f"{record.original.stored_at:%Y-%m}"
            months.setdefault(name, Month(name)).add(record, job.app.terms_of)
    return [months[name] for name in sorted(months)]


def _records(job: Work) -> Iterator[ArchivedEntry]:
    from shared.archive.model import ArchivedEntry

    for page in job.record_pages():
        yield from map(ArchivedEntry.from_document, page)


def _data(job: Work, whole: Month, months: Sequence[Month], provider_price: float | None) -> dict[str, Any]:
    return {
        "pricesOf": job.prices_of,
        "providerPrice": provider_price,
        **_fields(whole, provider_price),
        "months": [{"month": one.name, **_fields(one, provider_price)} for one in months],
    }


def _fields(one: Month, provider_price: float | None) -> dict[str, Any]:
    return {
        "entries": one.entries,
        "bytes": one.size_bytes,
        "goneEntries": one.gone_entries,
        "goneBytes": one.gone_bytes,
        "storeMonthly": one.store_monthly,
        "savedMonthly": None if provider_price is None else one.saved(provider_price),
    }


def _text(job: Work, whole: Month, months: Sequence[Month], provider_price: float | None) -> str:
    """
    Format the report for people.
    """
    if not months:
        return "Nothing is archived."
    heading = ["month", "archived", "size", "gone", "size", "store a month"]
    rows = [_cells(one, provider_price) for one in (*months, whole)]
    lines = [table(rows, heading if provider_price is None else [*heading, "saved a month"])]
    lines.append(
        f"Gone from the provider: {size_text(whole.gone_bytes)} of originals in {whole.gone_entries} entries. The cold "
        f"store takes {money(whole.store_monthly)} a month, by the prices of {job.prices_of}."
    )
    if provider_price is None:
        lines.append("Name what the provider takes, with --provider-price, to see what that saves.")
    else:
        lines.append(f"Saved each month: {money(whole.saved(provider_price))}.")
    return "\n".join(lines)


def _cells(one: Month, provider_price: float | None) -> list[str]:
    cells = [
        one.name,
        str(one.entries),
        size_text(one.size_bytes),
        str(one.gone_entries),
        size_text(one.gone_bytes),
        money(one.store_monthly),
    ]
    return cells if provider_price is None else [*cells, money(one.saved(provider_price))]


def _csv(months: Sequence[Month], provider_price: float) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(COLUMNS)
    for one in months:
        writer.writerow(
            [
                one.name,
                one.entries,
                one.size_bytes,
                one.gone_entries,
                one.gone_bytes,
                f"{one.store_monthly:.6f}",
                f"{one.saved(provider_price):.6f}",
            ]
        )
    return stream.getvalue()


def _write_file(name: str, text: str) -> None:
    try:
        # csv has written the ends of its lines itself.
        Path(name).write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise click.UsageError(f"{name} cannot be written: {error.strerror}.") from None
