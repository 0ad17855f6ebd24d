"""The commands that check entries, and mend what is wrong: `status` and `repair`."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import click

from cli.archive.acting import applying
from cli.archive.selecting import Chosen, Filters, chosen_by, require_filter, with_filters
from cli.archive.work import Known, Work, line_of, printable, size_text, time_text, work, workers_option
from cli.output import Output, Result
from cli.running import command, require_task_account, stoppable

if TYPE_CHECKING:
    from shared.archive.commands import Request
    from shared.archive.health import Health
    from shared.archive.runner import Runner
    from shared.ports import ColdObject, Entry

LISTED_MAX: Final = 100
"""The most entries that the document lists."""

WIDTHS: Final = (12, 9, 13, 10, 11, 0)
HEADINGS: Final = ("entry", "healthy", "archive", "cold store", "provider", "what is wrong")


@command(
    "status",
    examples=["archive status --unplayed 2", "archive status --tsv", "archive status --json --write"],
    needs_secrets=True,
)
@with_filters
@workers_option
@click.option("--tsv", "is_tsv", is_flag=True, help="Print the lines of kaltura_aws.py, separated by tabs.")
@click.option("--write", "is_written", is_flag=True, help="Keep the result as the document reports/archive.")
def status(output: Output, filters: Filters, workers: int, is_tsv: bool, is_written: bool) -> Result:
    """
    Check that tags, content and cold store say the same.

    The exit status is 1 if anything is not healthy.
    """
    from shared.archive.health import HEADING

    job = work()
    chosen = chosen_by(filters, job.app.clock())
    sums = _Sums()
    with stoppable() as is_stopped, output.rows("entries") as rows:
        rows.heading(HEADING if is_tsv else _line(HEADINGS))
        for one in _checked(job, chosen, workers, is_stopped, is_whole=_is_whole(filters)):
            sums.add(one.health)
            rows.add(one.health.to_line() if is_tsv else _row(one.health), one.health.to_fields())
        is_cut = is_stopped.is_set()
        if is_written and not is_cut:
            _write(job, sums, is_whole=_is_whole(filters))
        data = {"healthy": sums.healthy, "problems": dict(sums.problems), "isInterrupted": is_cut}
        text = "" if is_tsv else sums.text()
        if is_written and not is_cut and not is_tsv:
            text += " Written to the document reports/archive."
        return rows.end(Result(text, data, not sums.problems, is_cut))


@command("repair", examples=["archive repair --all", "archive repair --id 0_a1b2c3d4 --apply"], needs_secrets=True)
@with_filters
@applying("--repair")
@workers_option
def repair(output: Output, filters: Filters, is_applied: bool, workers: int) -> Result:
    """
    Mend what can be mended safely.

    It says what a person has to look at. It puts tags back, stores originals once more, takes over what kaltura_aws.py
    has archived, and tries again what was given up.
    """
    require_filter(filters)
    job = work()
    chosen = chosen_by(filters, job.app.clock())
    if is_applied:
        require_task_account()
        job.require_running()
        job.require_not_held()
    ended: Counter[str] = Counter()
    with stoppable() as is_stopped, output.rows("entries") as rows:
        runner = job.runner(is_stopped, lambda *_: None)
        for one in _checked(job, chosen, workers, is_stopped, is_whole=_is_whole(filters)):
            if one.health.is_healthy:
                ended["healthy"] += 1
                continue
            outcome, sentence = _mended(job, runner, one) if is_applied else _proposed(one)
            ended[outcome] += 1
            sentence = f"{one.health.sentence}: {sentence}"
            rows.add(
                line_of(one.health.entry_id, "repair", sentence, is_applied=is_applied),
                {**one.health.to_fields(), "outcome": outcome, "did": sentence},
            )
        names = {
            "healthy": "Healthy",
            "planned": "Can be mended",
            "mended": "Mended",
            "waits": "Waiting for the cold store",
            "left": "Begun, and continued by the workers",
            "failed": "Failed",
            "look": "To be looked at by a person",
        }
        lines = [". ".join(f"{words}: {ended[name]}" for name, words in names.items() if ended[name]) + "."]
        if ended["planned"]:
            lines.append("Nothing was changed. Add --apply to do it.")
        is_cut = is_stopped.is_set()
        data = {"isApplied": is_applied, "isInterrupted": is_cut, "totals": {name: ended[name] for name in names}}
        text = "\n".join(lines) if sum(ended.values()) else "There are no such entries."
        return rows.end(Result(text, data, not (ended["failed"] or ended["look"]), is_cut))


# --- check ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Checked:
    """
    One entry that was checked.

    Attributes:
        health: What is wrong.
        entry: The entry; `None` if it does not exist.
        known: What is recorded of it; `None` if nothing is.
        item: Its object in the cold store; `None` if there is none, or nobody asked.
    """

    health: Health
    entry: Entry | None
    known: Known | None
    item: ColdObject | None


def _is_whole(filters: Filters) -> bool:
    return not filters.has_any and filters.most < 0


def _checked(
    job: Work, chosen: Chosen, workers: int, is_stopped: threading.Event, *, is_whole: bool
) -> Iterator[_Checked]:
    """
    Yield each entry that was checked, page by page; and, if every entry is chosen, the records without an entry.

    The store is asked once for each entry that has a tag or a record, or whose key it has. The keys alone are kept, so
    its memory grows by some bytes for each object.
    """
    keys = None if chosen.selection.ids is not None else _keys(job)
    left = set(chosen.selection.ids or ()) if chosen.ids_only else set()
    with ThreadPoolExecutor(workers, "status") as pool:
        for page in chosen.pages(job.account):
            left -= {one.id for one in page}
            known = job.known(one.id for one in page)
            asked = [one for one in page if _is_asked(one, known.get(one.id), keys)]
            items = dict(zip((one.id for one in asked), pool.map(_finder(job, known), asked), strict=True))
            for entry in page:
                if is_stopped.is_set():
                    return
                yield _of_entry(job, entry, known.get(entry.id), items.get(entry.id))
        if left:
            yield from _of_missing(job, sorted(left), job.known(sorted(left)))
        elif is_whole:
            yield from _of_records(job, is_stopped)


def _keys(job: Work) -> set[str]:
    keys: set[str] = set()
    after: str | None = ""
    while after is not None:
        found, after = job.store.listed(after)
        keys.update(one.key for one in found)
    return keys


def _is_asked(entry: Entry, known: Known | None, keys: set[str] | None) -> bool:
    from shared.archive.model import ARCHIVED_TAG, FLAVORS_DELETED_TAG

    return (
        known is not None or bool(entry.tags & {ARCHIVED_TAG, FLAVORS_DELETED_TAG}) or keys is None or entry.id in keys
    )


def _finder(job: Work, known: Mapping[str, Known]) -> Any:
    def find(entry: Entry) -> ColdObject | None:
        return _find(job, entry.id, known.get(entry.id))

    return find


def _find(job: Work, entry_id: str, known: Known | None) -> ColdObject | None:
    """
    Return the object of an entry: the recorded version, or the newest.
    """
    original = None if known is None else known.record.original
    return job.store.find(entry_id) if original is None else job.store.find(original.key, original.version)


def _of_entry(job: Work, entry: Entry, known: Known | None, item: ColdObject | None) -> _Checked:
    from shared.archive.health import health_of

    record = None if known is None else known.record
    return _Checked(health_of(entry, item, record, job.store.name), entry, known, item)


def _of_missing(job: Work, entry_ids: Sequence[str], known: Mapping[str, Known]) -> Iterator[_Checked]:
    """
    Yield the records of entries that do not exist.
    """
    from shared.archive.health import missing_entry

    for entry_id in entry_ids:
        one = known.get(entry_id)
        item = _find(job, entry_id, one)
        yield _Checked(missing_entry(entry_id, None if one is None else one.record, item), None, one, item)


def _of_records(job: Work, is_stopped: threading.Event) -> Iterator[_Checked]:
    """
    Yield every record whose entry does not exist.
    """
    for page in job.record_pages():
        if is_stopped.is_set():
            return
        ids = [one.id for one in page]
        gone = [one for one, entry in zip(ids, job.account.read(ids), strict=True) if entry is None] if ids else []
        if gone:
            yield from _of_missing(job, gone, job.known(gone))


# --- mend -------------------------------------------------------------------------------------------------------------

_DOES: Final = {
    "tags": "puts its tags right",
    "store": "stores its original once more, as another version",
    "takeOver": "records what another program has archived",
    "askAgain": "tries again what has failed",
}


def _proposed(one: _Checked) -> tuple[str, str]:
    """
    Return what would be done. Pure.
    """
    does = _DOES.get(one.health.remedy.value)
    return ("look", "a person has to look at it") if does is None else ("planned", does)


def _mended(job: Work, runner: Runner, one: _Checked) -> tuple[str, str]:
    """
    Mend one entry. Return how that has ended, and that in words.
    """
    from shared.archive.runner import Outcome
    from shared.core.errors import BackendError

    request, entry = _request(one), one.entry
    if request is None or entry is None:
        return _proposed(one)
    try:
        if one.health.remedy.value == "takeOver" and one.item is not None:
            runner.commands.adopt(job.account.name, entry, job.store.name, one.item)
        result = runner.one(entry, request)
    except BackendError as error:
        return "failed", printable(str(error))
    when = "" if result.due_at is None else time_text(result.due_at)
    match result.outcome:
        case Outcome.DONE:
            return "mended", _DOES[one.health.remedy.value]
        case Outcome.WAITS:
            return "waits", f"the cold store has it ready at {when}"
        case Outcome.LEFT:
            return "left", result.sentence
    return "failed", printable(result.sentence) + (when and f" The workers try again at {when}.")


def _request(one: _Checked) -> Request | None:
    """
    Return what is asked for to mend an entry; `None` if a person has to look. Pure.
    """
    from shared.archive.commands import Request
    from shared.archive.health import Remedy
    from shared.archive.model import By, Target

    match one.health.remedy:
        case Remedy.STORE:
            return Request(Target.ARCHIVED, By.OPERATOR, takes_key=True)
        case Remedy.TAKE_OVER:
            return Request(Target.PLACE_HOLDER, By.OPERATOR)
        case Remedy.TAGS | Remedy.ASK_AGAIN if one.known is not None:
            wish = one.known.wish
            return Request(wish.target, By.OPERATOR, tier=wish.tier, takes_key=wish.takes_key)
    return None


# --- words ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Sums:
    """
    The number of healthy entries, and the problems of the others.
    """

    healthy: int = 0
    problems: Counter[str] = field(default_factory=Counter)
    listed: list[Mapping[str, Any]] = field(default_factory=list)

    def add(self, health: Health) -> None:
        """
        Count one entry.
        """
        if health.problem is None:
            self.healthy += 1
            return
        self.problems[health.problem.value] += 1
        if len(self.listed) < LISTED_MAX:
            self.listed.append(health.to_fields())

    def text(self) -> str:
        """
        Return the sums in words.
        """
        count = self.problems.total()
        every = "" if not count else f" ({', '.join(f'{name} {one}' for name, one in sorted(self.problems.items()))})"
        healthy = f"Healthy: {self.healthy}. Not healthy: {count}{every}."
        return f"{healthy} `greenroom archive repair` says what can be mended." if count else healthy


def _row(health: Health) -> str:
    return _line(
        (
            health.entry_id,
            "yes" if health.is_healthy else "NO",
            "initial" if health.state is None else health.state.value,
            "-" if health.stored_bytes is None else size_text(health.stored_bytes),
            "-" if health.original_kb is None else size_text(health.original_kb * 1024),
            printable(health.sentence) + ("" if health.due_at is None else f", readable at {time_text(health.due_at)}"),
        )
    )


def _line(cells: Sequence[str]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


def _write(job: Work, sums: _Sums, *, is_whole: bool) -> None:
    from shared.core.paths import ARCHIVE_REPORT

    job.write(
        ARCHIVE_REPORT,
        {
            "whole": is_whole,
            "healthyCount": sums.healthy,
            "unhealthyCount": sums.problems.total(),
            "problems": dict(sums.problems),
            "unhealthy": [dict(one) for one in sums.listed],
        },
    )
