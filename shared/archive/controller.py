"""The Controller of archiving: the documents that a reconciliation reads and writes, and its calls to the provider and
to the cold store.

Called by the reconciler. Leaves the choice of the next step to `decide`, and what follows from its outcome to
`transitions`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Final

from shared.archive import decide as decisions
from shared.archive import transitions
from shared.archive.decide import ArchiveSpec, target_of
from shared.archive.model import (
    ARCHIVED_TAG,
    FLAVORS_DELETED_TAG,
    ArchivedEntry,
    ArchiveState,
    By,
    Placeholder,
    Target,
    Wish,
    is_size,
)
from shared.archive.prices import still_paid
from shared.archive.storing import READABLE_DAYS, SOURCE_READABLE_S, Reached, Storing, later, never
from shared.archive.transitions import Obstacle, Outcome
from shared.archive.view import shown
from shared.core import log
from shared.core.errors import Conflict
from shared.core.identity import SessionIdentity
from shared.core.paths import RECONCILE_ARCHIVE, RECONCILE_VIDEO, archive_path, video_path
from shared.hosts.model import CopyState
from shared.ports import (
    ENTRY_PART,
    OTHER_BYTES,
    REMOVE,
    Availability,
    Delete,
    Document,
    Documents,
    Entry,
    Fields,
    Flavor,
    Originals,
    ProviderAccounts,
    Replacing,
    Task,
    Update,
    Version,
    Write,
    holder_of,
)
from shared.reconcile import AT_ONCE, Controller, Decision, Snapshot, Step, await_late_commit
from shared.reconcile.epoch import Holds, nothing_is_held


@dataclass(frozen=True, slots=True)
class Archive(Controller[ArchiveSpec, ArchivedEntry, Outcome]):
    """
    The Controller of archiving.

    Attributes:
        documents: Where the documents are stored.
        provider_accounts: The providers that have the videos.
        storing: Stores originals.
        placeholder: Returns the placeholder.
        late_commit_s: Seconds after which a lost replacement certainly does not begin.
        holds: Tells whether deletions are held.
        is_job: Whether this is the job that copies large originals, or an operator's machine.
    """

    queue: ClassVar[str] = RECONCILE_ARCHIVE
    polls: ClassVar[frozenset[str]] = frozenset({decisions.LOOK, decisions.CHECK})

    documents: Documents
    provider_accounts: ProviderAccounts
    storing: Storing
    placeholder: Callable[[], Placeholder]
    late_commit_s: int
    holds: Holds = nothing_is_held
    is_job: bool = False

    def telling(self, reached: Reached) -> Archive:
        """
        Return this Controller with a callback for the progress of copies.
        """
        return replace(self, storing=replace(self.storing, reached=reached))

    def read(self, key: str) -> Snapshot[ArchiveSpec, ArchivedEntry]:
        """
        Read the record, and then its video.
        """
        (document,) = self.documents.read(archive_path(key))
        if document is None:
            return Snapshot(key, ArchiveSpec(NO_WISH), None, None)
        video_id = document.fields["videoId"]
        (video,) = self.documents.read(video_path(video_id)) if video_id else (None,)
        return snapshot_of(document, video, self.holds)

    def decide(
        self, snapshot: Snapshot[ArchiveSpec, ArchivedEntry], now: datetime, *, observed: bool
    ) -> Decision[ArchivedEntry]:
        """
        Return the next step. Pure.
        """
        return decisions.decide(snapshot, now, is_job=self.is_job)

    def act(self, snapshot: Snapshot[ArchiveSpec, ArchivedEntry], step: Step[ArchivedEntry], now: datetime) -> Outcome:
        """
        Do one step. Each reads first what it depends on, because provider and store change without us.
        """
        key, record = snapshot.key, step.record
        match step.name:
            case decisions.REMOVE:
                self.storing.remove(key, record)
                log.originals_deleted(key, len(record.stored), still_paid(record.stored, now))
                return Outcome()
            case decisions.ASK:
                item = self.storing.find(record)
                return Outcome(waits=self.storing.cold_store.ask(item, snapshot.spec.wish.tier, READABLE_DAYS))
            case decisions.CHECK:
                return Outcome(item=self.storing.find(record))
        originals = self._originals(record)
        (entry,) = originals.read([key])
        if entry is None:
            return Outcome(obstacle=Obstacle.NO_ENTRY)
        match step.name:
            case decisions.STORE:
                if self._plays_placeholder(originals, entry):
                    raise never(
                        "A placeholder plays, whose original is not recorded. Have `greenroom archive repair` take the "
                        "entry over.",
                        "PLACEHOLDER_PLAYS",
                    )
                before = record if snapshot.record is None else snapshot.record
                return self.storing.store(originals, entry, before, takes_key=snapshot.spec.wish.takes_key)
            case decisions.TAG:
                return self._tag(originals, entry, record)
            case decisions.REPLACE:
                return self._replace(originals, entry, record, snapshot.spec.wish)
            case decisions.LOOK:
                return self._look(originals, entry, record, now)
            case decisions.CANCEL:
                originals.cancel_replacement(key)
            case decisions.PICTURE:
                originals.set_thumbnail(key, self.placeholder().picture)
            case decisions.PRUNE:
                originals.delete_flavors(key, _earlier_files(entry, record))
            case decisions.MARK:
                return self._mark(originals, entry, record)
            case decisions.RETURN:
                return self._return(originals, entry, record)
            case decisions.VERIFY:
                return self._verify(originals, entry, snapshot)
        return Outcome(entry)

    def settle(
        self,
        snapshot: Snapshot[ArchiveSpec, ArchivedEntry],
        step: Step[ArchivedEntry],
        outcome: Outcome,
        now: datetime,
    ) -> ArchivedEntry:
        """
        Return the record after a step that succeeded. Pure.
        """
        record, wish = step.record, snapshot.spec.wish
        target = target_of(record, snapshot.spec)
        if outcome.is_handed_over:
            return transitions.handed_over(record, now)
        if outcome.obstacle is not None:
            return transitions.stopped(record, outcome, wish, now)
        match step.name:
            case decisions.STORE:
                return transitions.stored(record, outcome, self.storing.cold_store.name, now)
            case decisions.TAG:
                return transitions.tagged(record, wish, target, now)
            case decisions.REPLACE if outcome.entry is not None:
                return transitions.replacing(record, outcome.entry)
            case decisions.LOOK:
                return transitions.looked(record, outcome, self.placeholder().sha256, now)
            case decisions.CANCEL:
                return transitions.cancelled(record, now)
            case decisions.PICTURE:
                return transitions.moved_to(record, ArchiveState.SHOWN, now)
            case decisions.PRUNE:
                return transitions.moved_to(record, ArchiveState.PRUNED, now)
            case decisions.MARK:
                return transitions.marked(record, wish, target, now)
            case decisions.ASK:
                return transitions.asked(record, outcome.waits, now)
            case decisions.CHECK if outcome.item is not None:
                return transitions.checked(record, outcome.item, now)
            case decisions.RETURN:
                return transitions.returned(record, outcome, now)
            case decisions.VERIFY:
                return transitions.verified(record, outcome, now)
        return transitions.moved_to(record, ArchiveState.GONE, now)

    def record_writes(
        self,
        snapshot: Snapshot[ArchiveSpec, ArchivedEntry],
        record: ArchivedEntry,
        version: Version | None,
        now: datetime,
    ) -> tuple[Write, ...]:
        """
        Return the write of the record, or its deletion once nothing of it is left. Pure.
        """
        path = archive_path(snapshot.key)
        if version is None:
            raise Conflict(f"There is no {path}.")
        if record.state is ArchiveState.GONE:
            return (Delete(path, if_version=version),)
        return (Update(path, record.to_fields(), if_version=version),)

    def after(
        self, snapshot: Snapshot[ArchiveSpec, ArchivedEntry], record: ArchivedEntry
    ) -> Snapshot[ArchiveSpec, ArchivedEntry]:
        """
        Return the snapshot as it will be once `record` is written and shown. Pure.
        """
        told = self._shown(snapshot, record) if snapshot.spec.has_view else None
        return replace(snapshot, record=record, spec=replace(snapshot.spec, told=told))

    def view_writes(self, snapshot: Snapshot[ArchiveSpec, ArchivedEntry], record: ArchivedEntry) -> tuple[Write, ...]:
        """
        Return the write of what the video's document shows. Pure.
        """
        spec = snapshot.spec
        told = None if spec.is_deleted else self._shown(snapshot, record)
        if not spec.has_view or told == spec.told:
            return ()
        return (Update(video_path(record.video_id), {"archive": REMOVE if told is None else told}),)

    def follow_ups(self, snapshot: Snapshot[ArchiveSpec, ArchivedEntry], record: ArchivedEntry) -> tuple[Task, ...]:
        """
        Return the task that shows a change in the session. Pure.
        """
        return (Task(RECONCILE_VIDEO, record.video_id),) if self.view_writes(snapshot, record) else ()

    def _shown(self, snapshot: Snapshot[ArchiveSpec, ArchivedEntry], record: ArchivedEntry) -> dict[str, Any] | None:
        return shown(snapshot.key, record, snapshot.spec.wish, is_kept=snapshot.spec.is_kept)

    # --- steps ----------------------------------------------------------------------------------------------------

    def _tag(self, originals: Originals, entry: Entry, record: ArchivedEntry) -> Outcome:
        """
        Tag an entry whose original is in the cold store. One that is not there any more is stored again.
        """
        assert record.original is not None
        if not record.original.is_of(entry.original):
            return self._other(originals, entry)
        if not record.original.is_at(self.storing.lookup(record.original)):
            return Outcome(entry, Obstacle.NO_OBJECT)
        originals.change_tags(entry.id, {ARCHIVED_TAG}, {FLAVORS_DELETED_TAG})
        return Outcome(entry)

    def _replace(self, originals: Originals, entry: Entry, record: ArchivedEntry, wish: Wish) -> Outcome:
        """
        Upload the placeholder, if the original is in the cold store and still the one that plays.
        """
        assert record.original is not None
        if entry.replacing is not Replacing.NO:
            raise later("The content of this entry is being replaced.", "ENTRY_REPLACED")
        if not record.original.is_of(entry.original):
            return self._other(originals, entry)
        played_at, since = entry.last_played_at, wish.unplayed_since
        if since is not None and played_at is not None and played_at >= since:
            return Outcome(entry, Obstacle.PLAYED)
        if not record.original.is_at(self.storing.lookup(record.original)):
            return Outcome(entry, Obstacle.NO_OBJECT)
        originals.replace(entry.id, self.placeholder().content, PLACEHOLDER_NAME)
        return Outcome(entry)

    def _look(self, originals: Originals, entry: Entry, record: ArchivedEntry, now: datetime) -> Outcome:
        """
        Look at a replacement. A placeholder is known by its checksum.
        """
        if entry.replacing is not Replacing.NO:
            return Outcome(entry)
        is_replacing = record.state is ArchiveState.REPLACING
        if is_replacing and record.original is not None and record.original.is_of(entry.original):
            await_late_commit(record.tried_at or now, now, self.late_commit_s)
            return Outcome(entry)
        if not is_replacing:
            if record.is_placeholder(entry.original):
                await_late_commit(record.tried_at or now, now, self.late_commit_s)
            return Outcome(entry)
        if entry.original is None or not entry.original.is_ready:
            return Outcome(entry)
        placeholder = self.placeholder()
        if not is_size(entry.original, len(placeholder.content)):
            return Outcome(entry, Obstacle.OTHER_CONTENT)
        digest = originals.digest(entry.id, entry.original)
        is_ours = digest.sha256 == placeholder.sha256
        return Outcome(entry, digest=digest) if is_ours else Outcome(entry, Obstacle.OTHER_CONTENT)

    def _mark(self, originals: Originals, entry: Entry, record: ArchivedEntry) -> Outcome:
        if not record.is_placeholder(entry.original):
            return Outcome(entry, Obstacle.OTHER_CONTENT)
        originals.change_tags(entry.id, {ARCHIVED_TAG, FLAVORS_DELETED_TAG})
        return Outcome(entry)

    def _return(self, originals: Originals, entry: Entry, record: ArchivedEntry) -> Outcome:
        """
        Have the provider fetch the original, if it can be read and the placeholder still plays.
        """
        if entry.replacing is not Replacing.NO:
            raise later("The content of this entry is being replaced.", "ENTRY_REPLACED")
        if not record.is_placeholder(entry.original):
            return Outcome(entry, Obstacle.OTHER_CONTENT)
        item = self.storing.find(record)
        if item.availability is Availability.READY:
            originals.replace_from(entry.id, self.storing.cold_store.address(item, SOURCE_READABLE_S).url)
        return Outcome(entry, item=item)

    def _verify(self, originals: Originals, entry: Entry, snapshot: Snapshot[ArchiveSpec, ArchivedEntry]) -> Outcome:
        """
        Read what the provider has now, and compare it with what was archived. If it is not known that the provider has
        begun to fetch that, or if somebody asks again, other bytes are content that somebody else has uploaded.

        Raises:
            Permanent: It has fetched other bytes (never).
        """
        record = snapshot.record
        assert record is not None
        assert record.original is not None
        if entry.original is None:
            raise later("The original is not there yet.", "NO_ORIGINAL")
        if self.storing.hands_over(entry.id, entry.original):
            return Outcome(entry, is_handed_over=True)
        digest = originals.digest(entry.id, entry.original)
        if not record.original.is_as(digest):
            if not record.is_begun or _was_asked_again(snapshot):
                return Outcome(entry, Obstacle.OTHER_CONTENT)
            raise never(
                "The provider has other bytes than were archived, which stay in the cold store. To archive what the "
                "provider has as well, run `greenroom archive repair`.",
                OTHER_BYTES,
            )
        return Outcome(entry, digest=digest)

    def _other(self, originals: Originals, entry: Entry) -> Outcome:
        """
        Return what is in the place of the original that was stored. The documents may be from before the placeholder.

        Raises:
            Transient: Nothing is. The record keeps its proof, because there may be no other copy (again).
        """
        if entry.original is None:
            raise later(
                "The provider has no original of this entry any more. What was archived stays in the cold store: see "
                "`greenroom archive download`.",
                "NO_ORIGINAL",
            )
        is_ours = self._plays_placeholder(originals, entry)
        return Outcome(entry, Obstacle.PLACEHOLDER if is_ours else Obstacle.OTHER_CONTENT)

    def _plays_placeholder(self, originals: Originals, entry: Entry) -> bool:
        """
        Tell whether the content of an entry is the placeholder. What has another size is not read.
        """
        placeholder, found = self.placeholder(), entry.original
        if found is None or not found.is_ready or not is_size(found, len(placeholder.content)):
            return False
        return originals.digest(entry.id, found).sha256 == placeholder.sha256

    def _originals(self, record: ArchivedEntry) -> Originals:
        originals = holder_of(self.provider_accounts, record.provider).originals
        if originals is None:
            raise later(
                f"This deployment has no account at {record.provider} with originals. Set that account up again.",
                "NO_SUCH_PROVIDER",
            )
        return originals


PLACEHOLDER_NAME: Final = "archived.mp4"

NO_WISH: Final = Wish(Target.NONE, By.OPERATOR, AT_ONCE, number=0)
"""The wish for an entry of which nothing is recorded."""


def snapshot_of(
    document: Document, video: Document | None, holds: Holds = nothing_is_held
) -> Snapshot[ArchiveSpec, ArchivedEntry]:
    """
    Return the snapshot of a record and its video, as read.

    Args:
        document: The record.
        video: The document of its video; `None` if there is none.
        holds: Tells whether deletions are held. Asked only if it matters: in a copy of the database, a deleted video
            must not cost the true one its original.
    """
    record = ArchivedEntry.from_document(document)
    wish = Wish.from_fields(document.fields["wish"])
    if not record.video_id:
        return Snapshot(document.id, ArchiveSpec(wish), record, document.version)
    if video is None:
        spec = ArchiveSpec(wish, record.session, is_deleted=not holds(), is_waiting=holds())
        return Snapshot(document.id, spec, record, document.version)
    fields = video.fields
    is_deleted = fields["gone"] or entry_of(video) != document.id
    is_held = is_deleted and holds()
    spec = ArchiveSpec(
        wish,
        SessionIdentity.from_fields(fields["sessionId"], fields),
        is_deleted=is_deleted and not is_held,
        is_waiting=is_held,
        is_kept=bool(fields["wish"].get("keep")),
        is_copying=any(one["state"] == CopyState.COPYING for one in (fields.get("hosts") or {}).values()),
        told=told_of(fields, document.id),
        has_view=not is_held,
    )
    return Snapshot(document.id, spec, record, document.version)


def told_of(fields: Fields, entry_id: str) -> dict[str, Any] | None:
    """
    Return what a video's document shows of the archiving of one entry. Pure.
    """
    told: dict[str, Any] | None = fields.get("archive")
    return told if told is not None and told["entryId"] == entry_id else None


def entry_of(video: Document) -> str | None:
    """
    Return the entry that a video plays now; `None` if it plays none, or at another provider. Pure.
    """
    playable = video.fields["playable"]
    return None if playable is None or video.fields["gone"] else playable["parts"].get(ENTRY_PART)


def _was_asked_again(snapshot: Snapshot[ArchiveSpec, ArchivedEntry]) -> bool:
    """
    Tell whether something was asked for since other bytes were found.
    """
    failure = None if snapshot.record is None else snapshot.record.progress.failure
    return failure is not None and failure.code == OTHER_BYTES and failure.spec != str(snapshot.spec.wish.number)


def _earlier_files(entry: Entry, record: ArchivedEntry) -> list[Flavor]:
    """
    Return the files of an entry that are of the content before the placeholder.
    """
    files = entry.flavors if entry.original is None else (entry.original, *entry.flavors)
    return [one for one in files if record.flavors.get(one.id) == one.version]
