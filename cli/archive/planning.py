"""The plan of a command that changes entries: what would be done with each, its bytes and costs, and how it ended.

Called by `acting.py`, which prints it in a dry run, and by `carrying_out.py`. `shared/archive/plan.py` says what can be
done with one entry.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cli.archive.selecting import Chosen
from cli.archive.work import Work, line_of, money, size_text, time_text
from cli.output import Result

if TYPE_CHECKING:
    from shared.archive.commands import Request
    from shared.archive.plan import Act, Planned, Totals
    from shared.ports import Tier


@dataclass(slots=True)
class Plan:
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
    paid: Totals = field(init=False)
    ended: dict[str, int] = field(default_factory=dict)
    seen: int = 0
    whole: int | None = None
    copied: int = 0
    waits_until: list[Any] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        from shared.archive.plan import Totals

        self.sums = self.paid = Totals()

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
                if not self.is_applied:
                    self.paid = self.sums
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
        if one.monthly > 0:
            parts.append(f"{money(one.monthly)} a month")
        if one.monthly < 0:
            parts.append(f"saves {money(-one.monthly)} a month")
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

        missing, sums, ended = len(self.missing), self.sums, self.ended
        lines = [self._counted(missing)]
        if self.paid.todo:
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
                "cost": self.paid.cost,
                "monthly": self.paid.monthly,
                **{name: ended.get(name, 0) for name in ("done", "waits", "failed", "left")},
            },
            "storageClass": self.job.store.terms.storage_class,
            "pricesOf": self.job.prices_of,
            "providerPrice": self.provider_price,
        }
        is_complete = not (sums.refused or missing or ended.get("failed"))
        return Result("\n".join(lines), data, is_complete, is_interrupted)

    def _counted(self, missing: int) -> str:
        sums, ended = self.sums, self.ended
        others = f"Done already: {sums.done}. Refused: {sums.refused + missing}."
        if not self.seen and not missing:
            return "No entry is chosen."
        if not self.is_applied:
            return f"To do: {sums.todo} of {self.seen + missing} entries, {size_text(sums.size_bytes)}. {others}"
        waits = f" Waiting for the cold store: {ended['waits']}." if ended.get("waits") else ""
        return f"Done: {ended.get('done', 0)}. Failed: {ended.get('failed', 0)}.{waits} {others}"

    def _paid(self) -> str:
        from shared.archive.plan import Act

        price, terms = self.job.price, self.job.store.terms
        monthly = self.paid.monthly
        each = f"{money(-monthly)} less each month" if monthly < 0 else f"{money(monthly)} more each month"
        by = f"for {terms.storage_class} by the prices of {self.job.prices_of}"
        text = f"Cost: {money(self.paid.cost)} once, {each}, {by}."
        if self.act is Act.ARCHIVE and price.least_days:
            text += f" The first {price.least_days} days are paid in any case, and are part of what is paid once."
        if self.act is Act.REPLACE and self.provider_price is None:
            text += " Name what the provider takes, with --provider-price, to see what this saves."
        return text

    def _left(self) -> str:
        begun = self.ended.get("left", 0)
        ahead = "" if self.whole is None else f" Not looked at: {max(0, self.whole - self.seen)}."
        return f"Interrupted. Begun, and continued by the workers: {begun}.{ahead} The same command does the rest."
