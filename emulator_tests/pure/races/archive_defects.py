"""The archive's code with one part of its mechanism broken. The race must notice each defect.

Called by `test_archive_races.py`. Each is a Controller, or has steps, that leave one thing out.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from emulator_tests.pure.races.archive import ArchiveBuild
from shared.archive.controller import Archive
from shared.archive.decide import REMOVE, STORE, ArchiveSpec
from shared.archive.model import ARCHIVED_TAG, FLAVORS_DELETED_TAG, ArchivedEntry, ArchiveState, Wish
from shared.archive.steps import PLACEHOLDER_NAME, Steps
from shared.archive.storing import SOURCE_READABLE_S
from shared.archive.transitions import Outcome
from shared.ports import Digest, Entry, Originals, Replacing, Update, Version, Write
from shared.reconcile import Snapshot, Step

ArchiveSnapshot = Snapshot[ArchiveSpec, ArchivedEntry]


def with_steps(broken: type[Steps]) -> type[Archive]:
    """
    Return a Controller with broken steps.
    """

    class Broken(Archive):
        steps = broken

    return Broken


class ReplacesBlindly(Steps):
    """
    Uploads the placeholder over whatever the entry has.
    """

    def replace(self, originals: Originals, entry: Entry, record: ArchivedEntry, wish: Wish) -> Outcome:
        originals.replace(entry.id, self.placeholder().content, PLACEHOLDER_NAME)
        return Outcome(entry)


class ReturnsBlindly(Steps):
    """
    Brings an original back over whatever the entry has.
    """

    def bring_back(self, originals: Originals, entry: Entry, record: ArchivedEntry) -> Outcome:
        item = self.storing.find(record)
        originals.replace_from(entry.id, self.storing.cold_store.address(item, SOURCE_READABLE_S).url)
        return Outcome(entry, item=item)


class MarksBlindly(Steps):
    """
    Tags an entry as replaced, whatever it has.
    """

    def mark(self, originals: Originals, entry: Entry, record: ArchivedEntry) -> Outcome:
        originals.change_tags(entry.id, {ARCHIVED_TAG, FLAVORS_DELETED_TAG})
        return Outcome(entry)


class PrunesFirst(Archive):
    """
    Deletes the flavors as soon as the placeholder was sent, and its object was not looked at.
    """

    def act(self, snapshot: ArchiveSnapshot, step: Step[ArchivedEntry], now: datetime) -> Outcome:
        outcome = super().act(snapshot, step, now)
        if step.name == STORE and outcome.entry is not None and outcome.entry.original is not None:
            self._originals(step.record).delete_flavors(outcome.entry.id, [outcome.entry.original])
        return outcome


class TrustsWhatItRead(Steps):
    """
    Takes what was stored for what the entry has, although that may have changed meanwhile.
    """

    def tag(self, originals: Originals, entry: Entry, record: ArchivedEntry) -> Outcome:
        originals.change_tags(entry.id, {ARCHIVED_TAG}, {FLAVORS_DELETED_TAG})
        return Outcome(entry)


class TakesAnyFileForThePlaceholder(Steps):
    """
    Compares nothing after a replacement.
    """

    def poll(self, originals: Originals, entry: Entry, record: ArchivedEntry, now: datetime) -> Outcome:
        if entry.replacing is not Replacing.NO or record.state is not ArchiveState.REPLACING:
            return super().poll(originals, entry, record, now)
        return Outcome(entry, digest=Digest(self.placeholder().sha256, 0))


class NeverCancels(Archive):
    """
    Lets a replacement go on over somebody else's content.
    """

    def settle(
        self, snapshot: ArchiveSnapshot, step: Step[ArchivedEntry], outcome: Outcome, now: datetime
    ) -> ArchivedEntry:
        record = super().settle(snapshot, step, outcome, now)
        is_under_way = outcome.entry is not None and outcome.entry.replacing is Replacing.UNDER_WAY
        return replace(record, is_refused=False) if is_under_way else record


class ClaimsUnconditionally(Archive):
    """
    Writes a record even if it was written since it was read.
    """

    def record_writes(
        self, snapshot: ArchiveSnapshot, record: ArchivedEntry, version: Version | None, now: datetime
    ) -> tuple[Write, ...]:
        writes = super().record_writes(snapshot, record, version, now)
        return tuple(replace(one, if_version=None) if isinstance(one, Update) else one for one in writes)


class ForgetsWhenItBegan(Archive):
    """
    Does not know of an earlier try to store, nor when a replacement was begun.
    """

    def read(self, key: str) -> ArchiveSnapshot:
        snapshot = super().read(key)
        if snapshot.record is None:
            return snapshot
        return replace(snapshot, record=replace(snapshot.record, tried_at=None))


class ForgetsTheVideo(Archive):
    """
    Leaves what is in the cold store of a deleted video.
    """

    def act(self, snapshot: ArchiveSnapshot, step: Step[ArchivedEntry], now: datetime) -> Outcome:
        return Outcome() if step.name == REMOVE else super().act(snapshot, step, now)


DEFECTS: Final = {
    "the placeholder replaces anything": ArchiveBuild((101, 102, 106), archive=with_steps(ReplacesBlindly)),
    "an original replaces anything": ArchiveBuild((101, 106), archive=with_steps(ReturnsBlindly)),
    "anything is tagged as replaced": ArchiveBuild((102, 106), archive=with_steps(MarksBlindly)),
    "flavors are deleted before anything is verified": ArchiveBuild((102, 106), archive=PrunesFirst),
    "what was stored is not compared with what is there": ArchiveBuild((102,), archive=with_steps(TrustsWhatItRead)),
    "any file counts as the placeholder": ArchiveBuild(
        (101, 102, 103, 106, 107), archive=with_steps(TakesAnyFileForThePlaceholder)
    ),
    "nothing is cancelled": ArchiveBuild((107,), archive=NeverCancels),
    "the claim is unconditional": ArchiveBuild((101, 102, 103, 105, 106), archive=ClaimsUnconditionally),
    "earlier tries are forgotten": ArchiveBuild((103, 106), archive=ForgetsWhenItBegan),
    "late replacements are not waited for": ArchiveBuild((103,), late_commit_s=0),
    "a deleted video is forgotten": ArchiveBuild((105,), archive=ForgetsTheVideo),
}
