"""The Controller of archiving: the documents that a reconciliation reads and writes, and its calls to the provider and
to the cold store.

Called by the reconciler. Leaves the choice of the next step to `decide`, the steps themselves to `steps` and `storing`,
and what follows from their outcomes to `transitions`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar

from shared.archive import decide as decisions
from shared.archive import transitions
from shared.archive.decide import ArchiveSpec, target_of
from shared.archive.model import ArchivedEntry, ArchiveState
from shared.archive.placeholder import Placeholder
from shared.archive.snapshot import NO_WISH, snapshot_of
from shared.archive.steps import Steps, earlier_files
from shared.archive.storing import READABLE_DAYS, Reached, Storing, later, never, tell_nobody
from shared.archive.transitions import Obstacle, Outcome
from shared.archive.view import shown
from shared.core import log
from shared.core.errors import Conflict, Misconfigured
from shared.core.paths import RECONCILE_ARCHIVE, RECONCILE_VIDEO, archive_path, video_path
from shared.ports import (
    REMOVE,
    Delete,
    Documents,
    Originals,
    ProviderAccounts,
    Task,
    Update,
    Version,
    Write,
    holder_of,
)
from shared.reconcile import Controller, Decision, Snapshot, Step
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
        misconfigured: Is called with an entry, and with what has to be set up before a step of it can be done.
    """

    queue: ClassVar[str] = RECONCILE_ARCHIVE
    polls: ClassVar[frozenset[str]] = frozenset({decisions.POLL, decisions.CHECK})
    steps: ClassVar[type[Steps]] = Steps

    documents: Documents
    provider_accounts: ProviderAccounts
    storing: Storing
    placeholder: Callable[[], Placeholder]
    late_commit_s: int
    holds: Holds = nothing_is_held
    is_job: bool = False
    misconfigured: Callable[[str, Misconfigured], None] = tell_nobody

    def telling(self, reached: Reached, misconfigured: Callable[[str, Misconfigured], None] = tell_nobody) -> Archive:
        """
        Return this Controller with callbacks for the progress of copies, and for what is not set up.
        """
        return replace(self, storing=replace(self.storing, reached=reached), misconfigured=misconfigured)

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
        try:
            return self._act(snapshot, step, now)
        except Misconfigured as error:
            self.misconfigured(snapshot.key, error)
            raise

    def _act(self, snapshot: Snapshot[ArchiveSpec, ArchivedEntry], step: Step[ArchivedEntry], now: datetime) -> Outcome:
        key, record = snapshot.key, step.record
        match step.name:
            case decisions.REMOVE:
                self.storing.remove(key, record)
                log.originals_deleted(key, len(record.stored), self.storing.still_paid(record, now))
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
                if self._steps.plays_placeholder(originals, entry):
                    raise never(
                        "A placeholder plays, whose original is not recorded. Have `greenroom archive repair` take the "
                        "entry over.",
                        "PLACEHOLDER_PLAYS",
                    )
                before = record if snapshot.record is None else snapshot.record
                return self.storing.store(originals, entry, before, takes_key=snapshot.spec.wish.takes_key)
            case decisions.TAG:
                return self._steps.tag(originals, entry, record)
            case decisions.REPLACE:
                return self._steps.replace(originals, entry, record, snapshot.spec.wish)
            case decisions.POLL:
                return self._steps.poll(originals, entry, record, now)
            case decisions.CANCEL:
                originals.cancel_replacement(key)
            case decisions.PICTURE:
                originals.set_thumbnail(key, self.placeholder().picture)
            case decisions.PRUNE:
                originals.delete_flavors(key, earlier_files(entry, record))
            case decisions.MARK:
                return self._steps.mark(originals, entry, record)
            case decisions.RETURN:
                return self._steps.bring_back(originals, entry, record)
            case decisions.VERIFY:
                return self._steps.verify(originals, entry, snapshot)
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
            case decisions.POLL:
                return transitions.polled(record, outcome, self.placeholder().sha256, now)
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
        view = self._shown(snapshot, record) if snapshot.spec.has_view else None
        return replace(snapshot, record=record, spec=replace(snapshot.spec, view=view))

    def view_writes(self, snapshot: Snapshot[ArchiveSpec, ArchivedEntry], record: ArchivedEntry) -> tuple[Write, ...]:
        """
        Return the write of what the video's document shows. Pure.
        """
        spec = snapshot.spec
        view = None if spec.is_deleted else self._shown(snapshot, record)
        if not spec.has_view or view == spec.view:
            return ()
        return (Update(video_path(record.video_id), {"archive": REMOVE if view is None else view}),)

    def follow_ups(self, snapshot: Snapshot[ArchiveSpec, ArchivedEntry], record: ArchivedEntry) -> tuple[Task, ...]:
        """
        Return the task that shows a change in the session. Pure.
        """
        return (Task(RECONCILE_VIDEO, record.video_id),) if self.view_writes(snapshot, record) else ()

    @property
    def _steps(self) -> Steps:
        return self.steps(self.storing, self.placeholder, self.late_commit_s)

    def _shown(self, snapshot: Snapshot[ArchiveSpec, ArchivedEntry], record: ArchivedEntry) -> dict[str, Any] | None:
        return shown(snapshot.key, record, snapshot.spec.wish, is_kept=snapshot.spec.is_kept)

    def _originals(self, record: ArchivedEntry) -> Originals:
        originals = holder_of(self.provider_accounts, record.provider).originals
        if originals is None:
            raise later(
                f"This deployment has no account at {record.provider} with originals. Set that account up again.",
                "NO_SUCH_PROVIDER",
            )
        return originals
