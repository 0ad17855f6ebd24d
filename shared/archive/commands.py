"""Ask for something to be done with an entry: archive it, put a placeholder in its place, bring it back.

Called by the operator's command, the policy, and the playback of videos. A command writes `wish` and enqueues a task;
the reconciliation carries it out. Every command can be repeated without harm.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from shared.archive.budget import Amount, DayBudget
from shared.archive.model import COMING_BACK, HELD, ArchivedEntry, ArchiveState, By, Original, Target, Wish
from shared.archive.snapshot import entry_of, view_of
from shared.archive.transitions import adopted
from shared.core.errors import Conflict, Transient, WrongState
from shared.core.identity import SessionIdentity
from shared.core.paths import RECONCILE_ARCHIVE, archive_path, video_path
from shared.core.references import VIDEO, parse
from shared.core.retry import RetryOnConflict
from shared.ports import (
    Clock,
    ColdObject,
    Create,
    Digest,
    Document,
    Documents,
    Entry,
    Queue,
    Task,
    Terms,
    Tier,
    Update,
    Write,
)
from shared.reconcile import AT_ONCE

_CHANGED: Final = "The entry was changed at every try. Try again."

CENTS: Final = 100


@dataclass(frozen=True, slots=True)
class Request:
    """
    A request for an entry. The attributes are those of `Wish`.
    """

    target: Target
    by: By
    not_before: datetime | None = None
    unplayed_since: datetime | None = None
    tier: Tier = Tier.BULK
    takes_key: bool = False

    def wish(self, now: datetime, earlier: Wish | None) -> Wish:
        """
        Return the wish that follows an earlier one. Pure.
        """
        number = 1 if earlier is None else earlier.number + 1
        return Wish(self.target, self.by, now, number, self.not_before, self.unplayed_since, self.tier, self.takes_key)


def obstacle(target: Target, record: ArchivedEntry | None) -> str | None:
    """
    Return why something cannot be asked for an entry in its state, in a sentence; `None` if it can. Pure.

    Args:
        target: What is wanted.
        record: The entry's record; `None` if there is none.
    """
    state = ArchiveState.INITIAL if record is None else record.state
    match target:
        case Target.ARCHIVED if state in HELD:
            return "A placeholder stands in for it. Restore it instead."
        case Target.PLACE_HOLDER if state in (ArchiveState.INITIAL, ArchiveState.STORING):
            return "Its original is not in the cold store. Archive it first."
        case Target.ARCHIVED | Target.PLACE_HOLDER if state in COMING_BACK:
            return "Its original is on its way back. Wait until it is there."
    return None


def obstacle_to_restoring(record: ArchivedEntry | None) -> str | None:
    """
    Return why an entry cannot be restored, in a sentence; `None` if it can. Pure.
    """
    if record is None or record.state not in HELD | COMING_BACK:
        return "No placeholder stands in for it, so there is nothing to restore."
    return None


@dataclass(frozen=True, slots=True)
class Commands:
    """
    Records what is asked for entries.

    Attributes:
        documents: Where the documents are stored.
        queue: Gets the tasks.
        clock: Returns the present time, in UTC.
    """

    documents: Documents
    queue: Queue
    clock: Clock

    def ask(self, provider: str, entry: Entry, request: Request, *, has_task: bool = True) -> bool:
        """
        Record a request for an entry. The same request is recorded again, so that the entry is checked again.

        Args:
            provider: Our name of the provider that has it.
            entry: The entry.
            request: What is asked for.
            has_task: Whether to enqueue a task; else the caller reconciles it.

        Returns:
            Whether anything was recorded.

        Raises:
            WrongState: It was made for a video that does not play it (never, unless it does later).
            Conflict: Others wrote first each time (again).
        """
        retry = RetryOnConflict(_CHANGED)
        while True:
            path = archive_path(entry.id)
            (document,) = self.documents.read(path)
            if document is None:
                write: Write = self._created(entry.id, self._record(provider, entry), request)
            elif request.by is By.POLICY and not _rests(document):
                # Somebody has asked for something else meanwhile.
                return False
            else:
                write = _asked(document, request, self.clock())
            with retry:
                self.documents.commit(write)
                if has_task:
                    self.queue.put(Task(RECONCILE_ARCHIVE, entry.id))
                return True

    def adopt(self, provider: str, entry: Entry, store: str, item: ColdObject) -> None:
        """
        Record an original that another program has archived, and whose placeholder plays now. Its checksum is known
        once it has been brought back.

        Args:
            provider: Our name of the provider that has the entry.
            entry: The entry, with its placeholder.
            store: Our name of the cold store.
            item: The object there.

        Raises:
            WrongState: There is no placeholder, or as `ask` (never).
            Conflict: The entry has a record already (never).
        """
        placeholder = entry.original
        if placeholder is None:
            raise WrongState("The entry has no original, not even a placeholder.", reason="ARCHIVE_STATE")
        original = Original.of(replace(placeholder, version=""), store, item, Digest("", item.size_bytes))
        record = adopted(self._record(provider, entry), original, placeholder, self.clock())
        self.documents.commit(self._created(entry.id, record, Request(Target.PLACE_HOLDER, By.OPERATOR)))
        self.queue.put(Task(RECONCILE_ARCHIVE, entry.id))

    def _record(self, provider: str, entry: Entry) -> ArchivedEntry:
        """
        Return a new record. An entry that was made for a video is archived only while that video plays it: else the
        video is still being uploaded, or the entry is about to be deleted, and the record could not follow the video.

        Raises:
            WrongState: The video does not play it (never, unless it does later).
        """
        video_id, session = "", None
        made_for = video_of(entry)
        if made_for is not None:
            (video,) = self.documents.read(video_path(made_for))
            if video is None or entry_of(video) != entry.id:
                raise WrongState(
                    "This entry was made for a video that does not play it: that was not ready yet, or was replaced or "
                    "deleted. Archive it once the video plays it.",
                    reason="ARCHIVE_STATE",
                )
            video_id, session = video.id, SessionIdentity.from_fields(video.fields["sessionId"], video.fields)
        return ArchivedEntry(provider, video_id, session)

    def _created(self, entry_id: str, record: ArchivedEntry, request: Request) -> Create:
        wish = request.wish(self.clock(), None)
        return Create(archive_path(entry_id), {**record.to_fields(), "dueAt": AT_ONCE, "wish": wish.to_fields()})


def video_of(entry: Entry) -> str | None:
    """
    Return the id of the video for which an entry was made; `None` if it was not made by this deployment. Pure.
    """
    reference = None if entry.reference is None else parse(entry.reference)
    return reference.key if reference is not None and reference.kind == VIDEO else None


def _asked(document: Document, request: Request, now: datetime) -> Update:
    """
    Return the write of a request for an entry that has a record.
    """
    wish = request.wish(now, Wish.from_fields(document.fields["wish"]))
    return Update(document.path, {"wish": wish.to_fields(), "dueAt": AT_ONCE}, if_version=document.version)


def _rests(document: Document) -> bool:
    """
    Tell whether nothing is under way that somebody has asked for.
    """
    return ArchivedEntry.from_document(document).state in (ArchiveState.INITIAL, ArchiveState.ARCHIVED)


@dataclass(frozen=True, slots=True)
class Restores:
    """
    Brings originals back whose placeholder is played, within a daily budget.

    Attributes:
        documents: Where the documents are stored.
        queue: Gets the tasks.
        clock: Returns the present time, in UTC.
        budget: What may be spent in a day.
        tier: How quickly, and at what price.
        terms_of: Returns the terms and prices of a class.
    """

    documents: Documents
    queue: Queue
    clock: Clock
    budget: DayBudget
    tier: Tier
    terms_of: Callable[[str], Terms]

    def played(self, video: Document) -> None:
        """
        Bring back the original of a video whose placeholder is being played. If that cannot be recorded now, or the
        budget is used up, the policy finds it by its last play.

        Args:
            video: The video's document.
        """
        entry_id = entry_of(video)
        view = None if entry_id is None else view_of(video.fields, entry_id)
        if entry_id is not None and view is not None and view["state"] == ArchiveState.PLACE_HOLDER.value:
            with suppress(Conflict, Transient):
                self.restore(entry_id)

    def restore(self, entry_id: str) -> bool:
        """
        Bring an original back, unless that is asked already.

        Returns:
            Whether it is asked for now, by this call.

        Raises:
            Conflict: Others wrote the record first (again).
            Transient: Documents or queue could not be reached (again).
        """
        (document,) = self.documents.read(archive_path(entry_id))
        if document is None or Wish.from_fields(document.fields["wish"]).target is Target.ARCHIVED:
            return False
        record = ArchivedEntry.from_document(document)
        if record.state not in HELD or not self.budget.take(self._amount(record)):
            return False
        self.documents.commit(_asked(document, Request(Target.ARCHIVED, By.VIEWER, tier=self.tier), self.clock()))
        self.queue.put(Task(RECONCILE_ARCHIVE, entry_id))
        return True

    def _amount(self, record: ArchivedEntry) -> Amount:
        """
        Return what bringing an original back takes from the budget.
        """
        original = record.original
        if original is None:
            return Amount(1)
        price = self.terms_of(original.storage_class).price
        return Amount(1, original.size_bytes, price.restored(original.size_bytes, self.tier) * CENTS)
