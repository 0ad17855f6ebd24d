"""Orphans: things that exist at a provider and that no document names. Also the reverse: things that documents name and
no provider has.

Called by the sweep for new things, and by the schedule and the operator's command for everything. Only a document or an
operator can cause the deletion of a thing that was ever ready or has content. An orphan without content is released to
`shared/deletions/` automatically; any other is reported and waits.

The search does not touch things that are younger than any creation that may still be under way, things that this
deployment did not make, or anything while `shared/reconcile/epoch.py` holds deletions. It leaves to the reconciliations
what a document does without its thing, to `scan` how a provider is read, to `claims` what documents say about a thing,
and to `adoption` how an orphan is given back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.core import log, references
from shared.core.errors import Conflict, Misconfigured, ProviderError
from shared.core.paths import EPOCH, ORPHANS_REPORT, RECONCILE_DELETION
from shared.deletions.model import Reason, deletion_id, given_up
from shared.operations.orphans.claims import claims, things_by_kind
from shared.operations.orphans.report import Report, stored_after
from shared.operations.orphans.scan import AHEAD, BEGINNING, PAGE, Scan
from shared.ports import Create, Document, InventoryItem, Query, Task, Update
from shared.reconcile.deployment import Deployment
from shared.reconcile.epoch import Standing
from shared.reconcile.owned import Claim, Claimed, Missing, Owned, Part, parts_of
from shared.reconcile.resource import Resource

ProgressCallback = Callable[[int, int], None]
"""Take the number of things and the number of documents checked so far."""


def _silently(_things: int, _documents: int) -> None:
    """
    Ignore the progress.
    """


@dataclass(slots=True)
class _Search:
    """
    The results of a search so far.

    Attributes:
        young: Things that would be orphans if they were older.
        stored_after: Where the search of the bucket continues, by kind of thing; a kind that was searched to its end
            has none.
    """

    things: int = 0
    documents: int = 0
    there: set[Part] = field(default_factory=set)
    orphans: list[Claimed] = field(default_factory=list)
    young: list[Claimed] = field(default_factory=list)
    missing: list[tuple[Owned, Document, Missing]] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    stored_after: dict[str, str] = field(default_factory=dict)

    def take(self, orphans: Iterable[Claimed], old_enough: datetime) -> None:
        """
        Add what no document names, by its age.
        """
        for one in orphans:
            (self.orphans if one.item.created_at < old_enough else self.young).append(one)


@dataclass(frozen=True, slots=True)
class Released:
    """
    The result of the sweep's search among new things.

    Attributes:
        since: For each provider, the instant before which everything made there is named, released or reported: the
            next run continues there.
        count: The number of things released.
        epoch: Fields of `operations/epoch` to write; none if this run must not count as a sweep.
    """

    since: Mapping[str, datetime]
    count: int
    epoch: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Orphans:
    """
    The search for orphans, and their release.

    Attributes:
        deployment: The deployment.
        resources: All resources.
    """

    deployment: Deployment
    resources: Sequence[Resource]

    @property
    def _scan(self) -> Scan:
        return Scan(self.deployment.places)

    def standing(self) -> Standing:
        """
        Check whether this is the database that was swept last.

        Raises:
            Transient: The documents could not be reached (again).
        """
        (document,) = self.deployment.documents.read(EPOCH)
        return self.deployment.epochs.check(document, self._first_unknown)

    # --- what is new ----------------------------------------------------------------------------------------------

    def release_new(
        self, since: Mapping[str, datetime], document: Document | None, unreadable: Iterable[str] = ()
    ) -> Released:
        """
        Check the things that the providers made since the last run and that are old enough. Release those that no
        document names and that are empty; report the other orphans, once.

        Args:
            since: Where the last run stopped, by provider; a provider without an instant is read from the beginning.
            document: `operations/epoch`, as it was just read.
            unreadable: See `shared.reconcile.epoch.Epochs.check`.

        Raises:
            Transient: Documents or queue could not be reached (again).
        """
        now = self.deployment.clock()
        standing = self.deployment.epochs.check(document, self._first_unknown, unreadable)
        if not standing.is_clear:
            return Released(since, 0, standing.swept(now, {}))
        reached, seen_until, count = dict(since), dict(standing.epoch.seen_until), 0
        for provider in self.deployment.places:
            seen = seen_until.get(provider, BEGINNING)
            reached[provider], seen_until[provider], released_here = self._release_new(
                provider, since.get(provider, BEGINNING), seen
            )
            count += released_here
        return Released(reached, count, standing.swept(now, seen_until))

    def _release_new(self, provider: str, since: datetime, seen: datetime) -> tuple[datetime, datetime, int]:
        """
        Release the orphans of one provider; see `release_new`.

        Returns:
            Where the next run continues, up to when everything was seen, and how many things were released. If the
            provider fails, the next run continues where this one stopped.
        """
        until = self.deployment.clock() - timedelta(seconds=self.deployment.common.stray_age_s)
        reached_at, left_at, count = since, until, 0
        try:
            for page in self._scan.pages(provider, since, until):
                found = list(self._claims(page))
                tried = [one.item.created_at for one in found if one.claim is Claim.UNDER_WAY]
                left_at = min([left_at, *tried])
                for one in self._scan.orphans_among(found):
                    if not one.item.has_content:
                        self._release(one)
                        count += 1
                    else:
                        self._keep_taken(one)
                        if one.item.created_at >= seen:
                            log.orphan_reported(provider, str(one.reference))
                reached_at = max([reached_at, *(one.created_at for one in page)])
        except ProviderError as error:
            log.sweep_hindered(error)
            return min(reached_at, left_at), max(seen, min(reached_at, until)), count
        return max(left_at, since), max(seen, until), count

    def _first_unknown(self, seen_until: Mapping[str, datetime]) -> InventoryItem | None:
        """
        See `shared.reconcile.epoch.Unknown`.
        """
        for provider in self.deployment.places:
            seen = seen_until.get(provider, BEGINNING)
            for page in self._scan.pages(provider, seen, self.deployment.clock() + AHEAD):
                for one in self._claims(page):
                    is_new = one.item.created_at >= seen
                    if is_new and one.claim is Claim.NOBODY and one.item.has_content:
                        return one.item
        return None

    # --- everything -----------------------------------------------------------------------------------------------

    def find(
        self,
        *,
        clean_up: bool,
        with_content: bool = False,
        tell: ProgressCallback = _silently,
        stored_pages_max: int | None = None,
    ) -> Report:
        """
        Search everything for orphans, and store the report.

        Args:
            clean_up: Release orphans that are empty, and reconcile the documents whose things are missing.
            with_content: Also release orphans with content: only at an operator's request.
            tell: Called with the progress.
            stored_pages_max: The most pages of the bucket that are read. The next search that has a maximum continues
                there. `None` reads all of it.

        Raises:
            Transient: Provider, documents or queue could not be reached (again).
        """
        now = self.deployment.clock()
        standing = self.standing()
        may_clean = clean_up and standing.is_clear
        search = _Search()
        old_enough = now - timedelta(seconds=self.deployment.common.stray_age_s)
        for provider in self.deployment.places:
            self._search_provider(provider, search, old_enough, tell)
        things = things_by_kind(self.resources)
        (kept,) = self.deployment.documents.read(ORPHANS_REPORT)
        begins_at = stored_after(kept) if stored_pages_max is not None else {}
        self._search_stored(search, old_enough, tell, begins_at, stored_pages_max)
        for kind, owned in things.items():
            self._search_documents(kind.collection, owned, search, old_enough, tell)
        report = Report(
            now,
            search.things,
            search.documents,
            tuple(one.item for one in search.orphans),
            tuple(one for _, _, one in search.missing),
            tuple(search.unreadable),
            cleaned_up=may_clean,
            hold=standing.epoch.hold,
            young=tuple(one.item for one in search.young if one.item.has_content and not one.item.is_part),
            stored_after=search.stored_after,
        )
        for one in search.orphans:
            if may_clean and (with_content or not one.item.has_content):
                self._release(one, with_content=with_content)
            elif one.item.has_content:
                self._keep_taken(one)
        if may_clean:
            for owned, document, _ in search.missing:
                owned.repair(self.deployment, document)
        self._store(report)
        log.orphans_found(
            len(report.orphans),
            len(report.with_content),
            len(report.missing),
            report.things,
            report.documents,
            cleaned_up=may_clean,
        )
        return report

    def delete(self, wanted: Collection[str], tell: ProgressCallback = _silently) -> Sequence[InventoryItem]:
        """
        Release the orphans of these references, with or without content: only at an operator's request.

        Returns:
            The orphans that were released.

        Raises:
            Transient: Provider, documents or queue could not be reached (again).
        """
        found = [one for one in self.all(tell) if str(one.reference) in wanted]
        for one in found:
            self._release(one, with_content=True)
        return [one.item for one in found]

    def all(self, tell: ProgressCallback = _silently, *, young: bool = False) -> Sequence[Claimed]:
        """
        Return all orphans; for each it is known whether it has content.

        Args:
            tell: Called with the progress.
            young: Whether to include things that are too young to be touched: for adoption, not for deletion.

        Raises:
            Transient: Provider or documents could not be reached (again).
        """
        search = _Search()
        old_enough = self.deployment.clock() - timedelta(seconds=self.deployment.common.stray_age_s)
        for provider in self.deployment.places:
            self._search_provider(provider, search, old_enough, tell)
        self._search_stored(search, old_enough, tell, {}, None)
        return [*search.orphans, *search.young] if young else search.orphans

    # --- at the providers -----------------------------------------------------------------------------------------

    def _search_provider(self, provider: str, search: _Search, old_enough: datetime, tell: ProgressCallback) -> None:
        found: list[Claimed] = []
        for page in self._scan.pages(provider, BEGINNING, self.deployment.clock() + AHEAD):
            search.things += len(page)
            whole = [one for one in page if not one.is_part]
            search.there |= {part for one in whole for part in parts_of(provider, one.external_ids)}
            search.unreadable += _unreadable(page)
            found += self._claims(page)
            tell(search.things, search.documents)
        search.take(self._scan.orphans_among(found), old_enough)

    # --- in the bucket --------------------------------------------------------------------------------------------

    def _search_stored(
        self,
        search: _Search,
        old_enough: datetime,
        tell: ProgressCallback,
        begins_at: Mapping[str, str],
        pages_max: int | None,
    ) -> None:
        """
        Search the bucket. Lists of objects are in the order of names, not of ages.
        """
        left = math.inf if pages_max is None else pages_max
        for kind, owned in things_by_kind(self.resources).items():
            after: str | None = begins_at.get(kind.name, "")
            while after is not None and left > 0:
                try:
                    page = owned.stored(self.deployment, after)
                except Misconfigured as error:
                    # The search of the providers goes on without the bucket.
                    log.misconfigured("findOrphans", error)
                    break
                self._take_stored(page.items, search, old_enough)
                tell(search.things, search.documents)
                # Kinds without things in the bucket did not read it.
                left -= bool(page.items)
                after = page.after
            if after is not None:
                search.stored_after[kind.name] = after

    def _take_stored(self, items: Sequence[InventoryItem], search: _Search, old_enough: datetime) -> None:
        search.things += len(items)
        search.unreadable += _unreadable(items)
        search.take(self._scan.orphans_among(list(self._claims(items))), old_enough)

    def _release(self, one: Claimed, *, with_content: bool = False) -> None:
        """
        Schedule the deletion of an orphan. One that is released because it is empty is checked once more before its
        deletion.
        """
        item = one.item
        spares_content = one.claim is not Claim.SPARE and not with_content
        write = given_up(
            item.provider,
            item.reference,
            item.external_ids,
            Reason.STRAY,
            self.deployment.clock(),
            spares_content=spares_content,
        )
        try:
            self.deployment.documents.commit(write)
        except Conflict:
            # Another search has just released it.
            return
        log.stray_given_up(item.provider, item.reference)
        # A deletion without a task is due: each sweep enqueues some of those.
        if self.deployment.pace() is None:
            self.deployment.queue.put(Task(RECONCILE_DELETION, deletion_id(item.reference, item.external_ids)))

    # --- in the documents -----------------------------------------------------------------------------------------

    def _search_documents(
        self, collection: str, owned: Owned, search: _Search, old_enough: datetime, tell: ProgressCallback
    ) -> None:
        after_id: str | None = None
        while True:
            page = self.deployment.documents.select(Query(collection, after_id=after_id, limit=PAGE))
            search.documents += len(page)
            missing = owned.missing(self.deployment, page, search.there, old_enough)
            by_path = {document.path: document for document in page}
            search.missing += [(owned, by_path[one.path], one) for one in missing]
            tell(search.things, search.documents)
            if len(page) < PAGE:
                return
            after_id = page[-1].id

    def _claims(self, items: Sequence[InventoryItem]) -> Iterator[Claimed]:
        return claims(self.deployment.documents, self.resources, items)

    def _keep_taken(self, one: Claimed) -> None:
        things_by_kind(self.resources)[one.reference.kind].keep_taken(self.deployment, one)

    def _store(self, report: Report) -> None:
        (kept,) = self.deployment.documents.read(ORPHANS_REPORT)
        fields = report.to_fields()
        try:
            self.deployment.documents.commit(
                Create(ORPHANS_REPORT, fields) if kept is None else Update(ORPHANS_REPORT, fields)
            )
        except Conflict:
            # Another search ran at the same time; its report is equally good.
            return


def _unreadable(items: Iterable[InventoryItem]) -> list[str]:
    """
    Return the references that none of our things has, cut and escaped. Pure.
    """
    return [references.shown(one.reference) for one in items if references.parse(one.reference) is None]
