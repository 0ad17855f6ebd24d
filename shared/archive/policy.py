"""Archive without an operator: a full check of the provider, once a day.

Called by `shared/operations/full_check.py`. It reads the provider's list, which has the time of each entry's last play,
one page for each slice. It plans to archive what nobody has watched for long enough, and the owner is told. The
reconciliation begins when the notice is over, unless the video was played or is kept. Then the check reads every
record, and enqueues what is not settled although nothing is due: a task for a deleted video may have been lost, and the
original of that video must not stay.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

from shared.archive.commands import CENTS, Commands, Request, video_of
from shared.archive.controller import Archive
from shared.archive.model import FLAVORS_DELETED_TAG, ArchivedEntry, ArchiveState, By, Target, Wish
from shared.archive.plan import Act, size_of
from shared.archive.plays import Plays
from shared.archive.settings import ArchiveSettings
from shared.archive.snapshot import entry_of, snapshot_of
from shared.core import log
from shared.core.errors import Misconfigured, Permanent, WrongState
from shared.core.paths import ARCHIVE, archive_path, video_path
from shared.ports import Clock, ColdStore, Document, Documents, Entry, Originals, Query, Selection
from shared.reconcile.checks import enqueue_if_unsettled
from shared.reconcile.resource import Mark, Slice

UNWATCHED: Final = "archiveUnwatched"
RECORDED: Final = "archiveRecorded"

BUDGET: Final = 10**9
"""The whole of a day's budget, in the units that the mark of a check counts."""

PAGE: Final = 100
"""Entries in one slice: each may be read, written and enqueued."""

UPLOAD_ENDS: Final = timedelta(days=2)
"""The age at which an upload to the cold store that never ended is removed. None takes that long."""


@dataclass(frozen=True, slots=True)
class Policy:
    """
    The policy of one deployment.

    Attributes:
        documents: Where the documents are stored.
        clock: Returns the present time, in UTC.
        originals: The provider's entries.
        store: The cold store.
        settings: The settings of the archive.
        commands: Record what is asked for.
        plays: Bring back what is played.
        archive: The Controller.
    """

    phases: ClassVar[tuple[str, ...]] = (UNWATCHED, RECORDED)

    documents: Documents
    clock: Clock
    originals: Originals
    store: ColdStore
    settings: ArchiveSettings
    commands: Commands
    plays: Plays
    archive: Archive

    def go_on(self, mark: Mark, done: Slice) -> Mark | None:
        """
        Check one page. A setting that is wrong stops only the planning, not the checks that follow.
        """
        if mark.phase == RECORDED:
            return self._recorded(mark, done)
        try:
            return self._unwatched(mark, done)
        except (Misconfigured, Permanent) as error:
            log.misconfigured(UNWATCHED, error)
            return Mark(RECORDED)

    def _unwatched(self, mark: Mark, done: Slice) -> Mark | None:
        """
        Plan one page of what nobody watches. The mark counts how much of the day's budget is planned in this check. An
        entry that is larger than the whole budget is left to an operator: it would hold up the others every day. In a
        database that was restored, nothing is planned until an operator has checked it.
        """
        if self.archive.holds():
            return Mark(RECORDED)
        days, now = self.settings.unwatched_days, self.clock()
        if not mark.after_id:
            self.store.tidy(now - UPLOAD_ENDS)
            self.plays.begin()
        if not days:
            return Mark(RECORDED)
        since = now - timedelta(days=days)
        page = self.originals.page(
            Selection(
                tag=self.settings.others_tag or None if self.settings.takes_others else None,
                without_tag=FLAVORS_DELETED_TAG,
                unplayed_since=since,
                ready=True,
                is_ours=not self.settings.takes_others,
            ),
            mark.after_id or "",
            PAGE,
        )
        request = Request(
            Target.PLACE_HOLDER,
            By.POLICY,
            not_before=now + timedelta(days=self.settings.notice_days),
            unplayed_since=since,
        )
        planned = mark.counted
        for entry in self._plannable(page.entries, since):
            share = self._share(entry)
            if share > BUDGET:
                continue
            planned += share
            if planned > BUDGET:
                # The next check goes on.
                return Mark(RECORDED)
            # Its video may have been deleted meanwhile.
            with suppress(WrongState):
                done.enqueued += self.commands.ask(self.originals.name, entry, request)
        done.looked += len(page.entries)
        return Mark(RECORDED) if page.after is None else Mark(UNWATCHED, page.after, planned)

    def _share(self, entry: Entry) -> int:
        """
        Return how much of the day's budget an entry takes: of the bytes, or of the money if that is more.
        """
        size_bytes = size_of(Act.ARCHIVE, entry, None)
        cents = self.store.terms.price.stored(size_bytes) * CENTS
        return max(_part(size_bytes, self.settings.bytes_per_day), _part(cents, self.settings.cents_per_day))

    def _plannable(self, entries: Sequence[Entry], since: datetime) -> list[Entry]:
        """
        Return the entries of a page that can be archived, are not planned already, and are not kept by their owner. One
        of unknown size is left out, because its part of the budget is unknown.
        """
        found = [one for one in entries if _can_be_stored(one)]
        records = self.documents.read(*(archive_path(one.id) for one in found)) if found else ()
        left = [one for one, record in zip(found, records, strict=True) if not _is_planned(record, since)]
        paths = {one.id: video_path(key) for one in left if (key := video_of(one)) is not None}
        videos = dict(zip(paths, self.documents.read(*paths.values()) if paths else (), strict=True))
        return [one for one in left if self._may_take(one, videos.get(one.id))]

    def _may_take(self, entry: Entry, video: Document | None) -> bool:
        if video is None:
            # Its record could not follow a video of another deployment.
            return self.settings.takes_others and entry.reference is None and not entry.is_stray
        if entry.plays and entry.last_played_at is None:
            # It was played, perhaps just now. In accounts that are older than the time of the last play, this happens
            # to others' entries alone.
            return False
        return entry_of(video) == entry.id and not video.fields["wish"].get("keep", False)

    def _recorded(self, mark: Mark, done: Slice) -> Mark | None:
        """
        Enqueue what is not settled of one page of records.
        """
        records = self.documents.select(Query(ARCHIVE, after_id=mark.after_id, limit=PAGE))
        paths = {one.id: video_path(video_id) for one in records if (video_id := one.fields["videoId"])}
        videos = dict(zip(paths, self.documents.read(*paths.values()) if paths else (), strict=True))
        for document in records:
            snapshot = snapshot_of(document, videos.get(document.id), self.archive.holds)
            done.enqueued += enqueue_if_unsettled(self.archive, snapshot, self.commands.queue, self.clock())
        done.looked += len(records)
        return Mark(RECORDED, records[-1].id) if len(records) == PAGE else None


def _can_be_stored(entry: Entry) -> bool:
    original = entry.original
    return original is not None and original.is_ready and bool(original.size_bytes or original.size_kb)


def _part(amount: float, budget: int) -> int:
    """
    Return how much of a budget an amount is, in parts of `BUDGET`. Pure.
    """
    if not amount:
        return 0
    return math.ceil(amount / budget * BUDGET) if budget else BUDGET + 1


def _is_planned(document: Document | None, since: datetime) -> bool:
    """
    Tell whether an entry is archived, or planned to be, or was brought back at or after an instant. Not every player
    counts its plays at the provider, and bringing an original back again and again costs money. Pure.
    """
    if document is None:
        return False
    wish, record = Wish.from_fields(document.fields["wish"]), ArchivedEntry.from_document(document)
    if any(one.state == ArchiveState.RETURNED and one.at >= since for one in record.history):
        return True
    is_done = wish.number == record.served and record.state is ArchiveState.ARCHIVED
    return wish.target is Target.PLACE_HOLDER and not is_done
