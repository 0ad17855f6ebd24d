"""The commands that show entries: `list` and `count`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from cli.archive.selecting import Filters, chosen_by, with_filters
from cli.archive.work import Known, Work, printable, size_text, time_text, work
from cli.output import Output, Result
from cli.running import command, stoppable

if TYPE_CHECKING:
    from shared.ports import Entry

HEADINGS: Final = {
    "video": ("entry", "created", "played", "plays", "original", "archive", "tags", "title"),
    "flavor": ("entry", "flavor", "original", "size", "version", "state"),
}
WIDTHS: Final = {"video": (12, 10, 10, 8, 12, 13, 30, 0), "flavor": (12, 14, 8, 12, 8, 0)}


@command(
    "list",
    examples=["archive list --unplayed 2 --tag '!archived_to_s3'", "archive list --category 'Lessons' --tsv"],
    needs_secrets=True,
)
@with_filters
@click.option(
    "--mode", "-m", type=click.Choice(["video", "flavor"]), default="video", help="List videos (default), or files."
)
@click.option("--tsv", "is_tsv", is_flag=True, help="Separate columns by tabs.")
def list_entries(output: Output, filters: Filters, mode: str, is_tsv: bool) -> Result:
    """
    List entries, the oldest first, and what is archived.

    An entry that waits for the cold store has the time at which its original can be read.
    """
    job = work()
    chosen = chosen_by(filters, job.app.clock())
    count = 0
    with stoppable() as is_stopped, output.rows("entries") as rows:
        rows.heading(_line(HEADINGS[mode], mode, is_tsv=is_tsv))
        for page in chosen.pages(job.account):
            if is_stopped.is_set():
                break
            for cells, data in _rows(job, page, mode):
                rows.add(_line(cells, mode, is_tsv=is_tsv), data)
                count += 1
        return rows.end(Result("", {"count": count}, is_interrupted=is_stopped.is_set()))


@command("count", examples=["archive count --unplayed 2 --tag '!archived_to_s3'"], needs_secrets=True)
@with_filters
def count(_output: Output, filters: Filters) -> Result:
    """
    Count entries.
    """
    job = work()
    found = chosen_by(filters, job.app.clock()).count(job.account)
    return Result(str(found), {"count": found})


def _rows(job: Work, page: Any, mode: str) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    known = job.known(one.id for one in page) if mode == "video" else {}
    for entry in page:
        if mode == "video":
            yield _video(entry, known.get(entry.id))
        else:
            yield from _files(entry)


def _video(entry: Entry, known: Known | None) -> tuple[tuple[str, ...], Mapping[str, Any]]:
    state = "" if known is None else known.record.state.value
    due_at = None if known is None else known.record.due_at
    size_bytes = None if entry.original is None else entry.original.size_bytes or entry.original.size_kb * 1024
    cells = (
        entry.id,
        f"{entry.created_at:%Y-%m-%d}",
        "never" if entry.last_played_at is None else f"{entry.last_played_at:%Y-%m-%d}",
        str(entry.plays),
        "none" if size_bytes is None else size_text(size_bytes),
        (state or "initial") if due_at is None else f"{state} until {time_text(due_at)}",
        ", ".join(sorted(map(printable, entry.tags))),
        printable(entry.name),
    )
    return cells, {
        "entryId": entry.id,
        "title": entry.name,
        "state": entry.state.value,
        "tags": sorted(entry.tags),
        "createdAt": entry.created_at,
        "lastPlayedAt": entry.last_played_at,
        "plays": entry.plays,
        "durationS": entry.duration_s,
        "bytes": size_bytes,
        "archive": state or "initial",
        "dueAt": due_at,
    }


def _files(entry: Entry) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    files = entry.flavors if entry.original is None else (entry.original, *entry.flavors)
    for one in files:
        is_original = one is entry.original
        size_bytes = one.size_bytes or one.size_kb * 1024
        state = "ready" if one.is_ready else "not ready"
        cells = (entry.id, one.id, "yes" if is_original else "no", size_text(size_bytes), one.version, state)
        yield (
            cells,
            {
                "entryId": entry.id,
                "flavorId": one.id,
                "original": is_original,
                "kilobytes": one.size_kb,
                "version": one.version,
                "ready": one.is_ready,
            },
        )


def _line(cells: tuple[str, ...], mode: str, *, is_tsv: bool) -> str:
    if is_tsv:
        return "\t".join(cells)
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS[mode], strict=True)).rstrip()
