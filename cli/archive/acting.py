"""The commands that archive originals, put placeholders in their place, and bring them back.

Called by the group `archive`. `shared/archive/plan.py` says what can be done with an entry, and
`shared/archive/runner.py` does it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from cli.archive.selecting import Chosen, Filters, chosen_by, require_filter, with_filters
from cli.archive.work import (
    Work,
    line_of,
    money,
    printable,
    provider_price_option,
    size_text,
    time_text,
    work,
    workers_option,
)
from cli.output import Output, Progress, Result, Rows
from cli.running import command, require_task_account, stoppable

if TYPE_CHECKING:
    from shared.archive.commands import Request
    from shared.archive.plan import Act, Planned, Totals
    from shared.archive.runner import RunResult
    from shared.ports import Entry, Tier

F = TypeVar("F", bound=Callable[..., Any])

SHOWN_EVERY_S: Final = 0.2
LINE_EVERY_S: Final = 10.0
"""The shortest time between two reports of the bytes that were copied: on a terminal, and in a log."""


def applying(*names: str) -> Callable[[F], F]:
    """
    Give a command the option `--apply`, and its names in `kaltura_aws.py`. Two other options of that program are
    accepted and ignored: nothing is kept on this machine, and the command always waits.

    Args:
        names: The other names.
    """

    def decorate(function: F) -> F:
        decorated: Any = function
        options = (
            click.option(
                "--apply", *names, "is_applied", is_flag=True, help="Do it. Without it, only say what would be done."
            ),
            click.option("--tmp", hidden=True, expose_value=False, help="Ignored."),
            click.option("--wait_ready", "-w", is_flag=True, hidden=True, expose_value=False, help="Ignored."),
        )
        for option in reversed(options):
            decorated = option(decorated)
        result: F = decorated
        return result

    return decorate


@command(
    "archive",
    examples=["archive archive --unplayed 2", "archive archive --id-file ids.txt --apply", "archive archive --all"],
)
@with_filters
@applying("--archive", "--s3copy")
@workers_option
@provider_price_option
def archive(output: Output, filters: Filters, **options: Any) -> Result:
    """
    Copy originals to the cold store, verify and tag them.

    Originals stay at the provider, and play on.
    """
    from shared.archive.plan import Act

    return _act(Act.ARCHIVE, output, filters, **options)


@command(
    "replace-video",
    examples=["archive replace-video --unplayed 2", "archive replace-video --id 0_a1b2c3d4 --apply"],
)
@with_filters
@applying("--replace")
@workers_option
@provider_price_option
def replace_video(output: Output, filters: Filters, **options: Any) -> Result:
    """
    Put a placeholder in the place of archived originals, and delete the other files at the provider.

    It replaces only originals that are in the cold store, verified.
    """
    from shared.archive.plan import Act

    return _act(Act.REPLACE, output, filters, **options)


@command(
    "restore",
    examples=["archive restore", "archive restore --id 0_a1b2c3d4 --any-play --tier standard --apply"],
)
@with_filters
@applying("--restore")
@workers_option
@provider_price_option
@click.option("--any-play", is_flag=True, help="Also entries that were not played within the last year.")
@click.option(
    "--tier",
    type=click.Choice(["expedited", "standard", "bulk"]),
    help="How quickly, and at what price. Default: ARCHIVE_RESTORE_TIER.",
)
def restore(output: Output, filters: Filters, any_play: bool, **options: Any) -> Result:
    """
    Bring originals back whose placeholder was played.

    Without a filter of plays it takes what was played within the last year, because a play asks for the original. The
    cold store needs hours; the workers of the deployment continue then, and so does the same command.
    """
    from shared.archive.plan import Act

    chosen = filters if any_play else _recently_played(filters)
    note = "" if chosen == filters else "Only what was played within the last year was looked at. See --any-play."
    return _act(Act.RESTORE, output, chosen, note=note, **options)


def _recently_played(filters: Filters) -> Filters:
    """
    Return filters that take what was played within the last year and is archived, unless they say otherwise.
    """
    from shared.archive.model import ARCHIVED_TAG

    if filters.has_play:
        return filters
    is_tagged = any(not one.startswith("!") for one in filters.tag)
    tags = filters.tag if is_tagged else (*filters.tag, ARCHIVED_TAG)
    return replace(filters, played_within=1.0, tag=tags, is_all=False)


def _act(
    act: Act,
    output: Output,
    filters: Filters,
    is_applied: bool,
    workers: int,
    provider_price: float | None,
    tier: str | None = None,
    note: str = "",
) -> Result:
    require_filter(filters)
    job = work()
    chosen = chosen_by(filters, job.app.clock())
    if is_applied:
        require_task_account()
        job.require_running()
    plan = _Plan(act, job, chosen, _tier(job, act, tier), provider_price, is_applied, note)
    with stoppable() as is_stopped, output.rows("entries") as rows:
        if is_applied:
            _run(plan, output, rows, is_stopped, workers)
        else:
            for one in plan.entries(is_stopped):
                rows.add(plan.line(one), plan.data(one))
        if not is_stopped.is_set():
            plan.find_missing()
        for entry_id in plan.missing:
            sentence = "refused: there is no such video."
            rows.add(
                line_of(entry_id, act.value, sentence, is_applied=is_applied),
                {"entryId": entry_id, "action": act.value, "outcome": "refused", "sentence": sentence},
            )
        return rows.end(plan.result(is_interrupted=is_stopped.is_set()))


def _tier(job: Work, act: Act, word: str | None) -> Tier:
    """
    Return how quickly originals are brought back.

    Raises:
        UsageError: The store's class has no such tier.
    """
    from shared.archive.plan import Act
    from shared.archive.settings import ArchiveSettings
    from shared.ports import Tier

    tier = Tier(word or job.app.settings_of(ArchiveSettings).restore_tier)
    terms = job.store.terms
    if act is Act.RESTORE and terms.waits and tier not in terms.waits:
        every = ", ".join(one.value for one in terms.waits)
        raise click.UsageError(f"{terms.storage_class} has no tier '{tier}'. Use --tier with one of {every}.")
    return tier


@dataclass(slots=True)
class _Plan:
    """
    The plan of one command, and its results so far.
    """

    act: Act
    job: Work
    chosen: Chosen
    tier: Tier
    provider_price: float | None
    is_applied: bool
    note: str
    sums: Totals = field(init=False)
    ended: dict[str, int] = field(default_factory=dict)
    seen: int = 0
    whole: int | None = None
    copied: int = 0
    waits_until: list[Any] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        from shared.archive.plan import Totals

        self.sums = Totals()

    def entries(self, is_stopped: threading.Event) -> Iterator[Planned]:
        """
        Yield what would be done with each entry, one page after the other.
        """
        from shared.archive.plan import planned

        for page in self.chosen.pages(self.job.account):
            known = self.job.known(one.id for one in page)
            for entry in page:
                if is_stopped.is_set():
                    return
                record = known[entry.id].record if entry.id in known else None
                one = planned(
                    self.act,
                    entry,
                    record,
                    self.job.price,
                    tier=self.tier,
                    provider_price=self.provider_price or 0.0,
                )
                self.seen += 1
                if self.chosen.ids_only:
                    self._ids.add(entry.id)
                self.sums = self.sums.plus(one)
                yield one

    def find_missing(self) -> None:
        """
        Find the ids that were asked for and do not exist, once all entries were looked at.
        """
        if self.chosen.ids_only:
            self.missing = [one for one in self.chosen.selection.ids or () if one not in self._ids]

    def line(self, one: Planned) -> str:
        """
        Return the line for an entry with which nothing is done, or in a dry run. Pure.
        """
        return line_of(one.entry.id, self.act.value, self.sentence(one), is_applied=self.is_applied)

    def sentence(self, one: Planned) -> str:
        """
        Return what would be done with an entry, or why nothing. Pure.
        """
        if one.refused is not None:
            return f"refused: {one.refused}"
        if one.is_done:
            return "done already"
        parts = [one.does]
        if one.size_bytes:
            parts.append(size_text(one.size_bytes))
        if one.cost:
            parts.append(f"{money(one.cost)} once")
        if one.monthly:
            parts.append(f"{money(one.monthly)} a month")
        return ", ".join(parts)

    def data(self, one: Planned, **more: Any) -> Mapping[str, Any]:
        """
        Return an entry for programs. Pure.
        """
        outcome = "refused" if one.refused is not None else "doneAlready" if one.is_done else "planned"
        return {
            "entryId": one.entry.id,
            "title": one.entry.name,
            "action": self.act.value,
            "outcome": outcome,
            "sentence": one.refused or one.does,
            "bytes": one.size_bytes,
            "cost": one.cost,
            "monthly": one.monthly,
            "dueAt": None,
            **more,
        }

    def request(self) -> Request:
        """
        Return what is asked for. What is played meanwhile is not replaced if it was chosen because nobody plays it.
        """
        from shared.archive.commands import Request
        from shared.archive.model import By
        from shared.archive.plan import Act

        since = self.chosen.selection.unplayed_since if self.act is Act.REPLACE else None
        return Request(self.act.target, By.OPERATOR, unplayed_since=since, tier=self.tier)

    def result(self, *, is_interrupted: bool) -> Result:
        """
        Return the totals.
        """
        from shared.archive.prices import AS_OF

        missing, sums, ended = len(self.missing), self.sums, self.ended
        lines = [self._counted(missing)]
        if sums.todo:
            lines.append(self._paid())
        if self.waits_until:
            lines.append(
                f"The cold store has the first original ready at {time_text(min(self.waits_until))}, the last at "
                f"{time_text(max(self.waits_until))}. The workers continue then; the same command shows it."
            )
        if self.is_applied and is_interrupted:
            lines.append(self._left())
        if self.note:
            lines.append(self.note)
        if not self.is_applied and sums.todo:
            lines.append("Nothing was changed. Add --apply to do it.")
        data = {
            "isApplied": self.is_applied,
            "isInterrupted": is_interrupted,
            "totals": {
                "toDo": sums.todo,
                "doneAlready": sums.done,
                "refused": sums.refused + missing,
                "bytes": sums.size_bytes,
                "copiedBytes": self.copied,
                "cost": sums.cost,
                "monthly": sums.monthly,
                **{name: ended.get(name, 0) for name in ("done", "waits", "failed", "left")},
            },
            "storageClass": self.job.store.terms.storage_class,
            "pricesOf": AS_OF.isoformat(),
            "providerPrice": self.provider_price,
        }
        is_complete = not (sums.refused or missing or ended.get("failed"))
        return Result("\n".join(lines), data, is_complete, is_interrupted)

    def _counted(self, missing: int) -> str:
        sums, ended = self.sums, self.ended
        others = f"Done already: {sums.done}. Refused: {sums.refused + missing}."
        if not self.is_applied:
            return f"To do: {sums.todo} of {self.seen} entries, {size_text(sums.size_bytes)}. {others}"
        waits = f" Waiting for the cold store: {ended['waits']}." if ended.get("waits") else ""
        return f"Done: {ended.get('done', 0)}. Failed: {ended.get('failed', 0)}.{waits} {others}"

    def _paid(self) -> str:
        from shared.archive.plan import Act
        from shared.archive.prices import AS_OF

        price, terms = self.job.price, self.job.store.terms
        monthly = self.sums.monthly
        each = f"{money(-monthly)} less each month" if monthly < 0 else f"{money(monthly)} more each month"
        text = f"Cost: {money(self.sums.cost)} once, {each}, for {terms.storage_class} by the prices of {AS_OF}."
        if self.act is Act.ARCHIVE and price.least_days:
            text += f" The first {price.least_days} days are paid in any case, and are part of what is paid once."
        if self.act is Act.REPLACE and self.provider_price is None:
            text += " Name what the provider takes, with --provider-price, to see what this saves."
        return text

    def _left(self) -> str:
        begun = self.ended.get("left", 0)
        ahead = "" if self.whole is None else f" Not looked at: {max(0, self.whole - self.seen)}."
        return f"Interrupted. Begun, and continued by the workers: {begun}.{ahead} The same command does the rest."


def _run(plan: _Plan, output: Output, rows: Rows, is_stopped: threading.Event, workers: int) -> None:
    """
    Do what is planned, and print the end of each entry as it comes.
    """
    plan.whole = plan.chosen.count(plan.job.account)
    running: dict[str, Planned] = {}
    with output.progress(plan.act.value, plan.whole) as progress:
        rows.above = progress.note if output.is_one_terminal else None
        copied = Copied(progress, SHOWN_EVERY_S if output.messages.isatty() else LINE_EVERY_S)
        runner = plan.job.runner(is_stopped, copied.reached)

        def asked() -> Iterator[tuple[Entry, Request]]:
            for one in plan.entries(is_stopped):
                if one.refused is not None or one.is_done:
                    rows.add(plan.line(one), plan.data(one))
                    progress.advance()
                else:
                    running[one.entry.id] = one
                    yield one.entry, plan.request()

        try:
            for result in runner.run(asked(), workers):
                one = running.pop(result.entry_id)
                outcome, sentence = _described(plan, result)
                plan.ended[outcome] = plan.ended.get(outcome, 0) + 1
                if outcome == "waits" and result.due_at is not None:
                    plan.waits_until.append(result.due_at)
                rows.add(
                    line_of(result.entry_id, plan.act.value, f"{outcome}: {sentence}", is_applied=True),
                    plan.data(one, outcome=outcome, sentence=sentence, dueAt=result.due_at),
                )
                progress.advance()
        finally:
            rows.above = None
            plan.copied = copied.sum()


def _described(plan: _Plan, result: RunResult) -> tuple[str, str]:
    """
    Return how a run has ended for an entry, and that in words.
    """
    from shared.archive.model import ArchiveState
    from shared.archive.plan import Act
    from shared.archive.runner import Outcome

    again = "" if result.due_at is None else f" The workers try again at {time_text(result.due_at)}."
    match result.outcome:
        case Outcome.DONE if plan.act is Act.REPLACE and result.state is not ArchiveState.PLACE_HOLDER:
            return "failed", "It was played, or its content replaced, meanwhile. It stays as it is."
        case Outcome.DONE:
            return "done", "verified" if plan.act is not Act.REPLACE else "the placeholder plays"
        case Outcome.WAITS:
            when = "some hours" if result.due_at is None else time_text(result.due_at)
            return "waits", f"the cold store has it ready at {when}"
        case Outcome.FAILED:
            return "failed", f"{printable(result.sentence)}{again}"
    return "left", result.sentence


@dataclass(slots=True)
class Copied:
    """
    The bytes that were copied, of all entries. Several threads call it.

    Attributes:
        progress: Where it is shown.
        every_s: The shortest time between two reports.
        clock: Returns seconds.
    """

    progress: Progress
    every_s: float
    clock: Callable[[], float] = time.monotonic
    _read: dict[str, int] = field(default_factory=dict)
    _ended: int = 0
    _shown_at: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reached(self, entry_id: str, read: int, whole: int | None) -> None:
        """
        Take note of how far the copy of an entry is.
        """
        with self._lock:
            self._read[entry_id] = read
            if whole is not None and read >= whole:
                self._ended += self._read.pop(entry_id)
            now = self.clock()
            if self._shown_at is not None and now - self._shown_at < self.every_s:
                return
            self._shown_at = now
            self.progress.show(f"{size_text(self._sum())} copied, {len(self._read)} under way")

    def sum(self) -> int:
        """
        Return the bytes of all copies.
        """
        with self._lock:
            return self._sum()

    def _sum(self) -> int:
        return self._ended + sum(self._read.values())
