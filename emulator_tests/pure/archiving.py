"""A deployment with an archive, in memory, and what is looked at after every step: no original is lost."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emulator_tests.deployment_settings import archive_settings
from emulator_tests.pure.deployment import Deployment
from shared.archive.commands import Request
from shared.archive.model import (
    ARCHIVED_TAG,
    FLAVORS_DELETED_TAG,
    HELD,
    ArchivedEntry,
    By,
    Target,
)
from shared.archive.placeholder import placeholder_in
from shared.archive.resource import commands
from shared.archive.settings import ArchiveSettings
from shared.core.callers import Caller
from shared.core.paths import RECONCILE_VIDEO, archive_path
from shared.hosts.table import Terms
from shared.ports import Entry, MediaState, Observation, Task, Tier

FILM = b"the film that a teacher has uploaded" * 100
OTHER_FILM = b"another film, which took its place" * 90
PLACEHOLDER = placeholder_in("")
DAY_S = 24 * 3600
STUDENT = Caller("student", is_teacher=False)
POLICY = archive_settings(unwatched_days=365, notice_days=14)
ENOUGH_S = 3 * DAY_S
"""Seconds in which everything ends, with the hours that the cold store takes."""


@dataclass(slots=True)
class Archiving:
    """
    A deployment with one entry.

    Attributes:
        deployment: The deployment.
        entry: The entry, as it was made.
        originals: Every content that must not be lost, by its checksum.
    """

    deployment: Deployment
    entry: Entry
    originals: dict[str, bytes]

    @property
    def record(self) -> ArchivedEntry:
        """
        Return the entry's record.
        """
        return ArchivedEntry.from_document(self.deployment.document(archive_path(self.entry.id)))

    @property
    def has_record(self) -> bool:
        """
        Tell whether there is a record.
        """
        return self.deployment.documents.read(archive_path(self.entry.id))[0] is not None

    @property
    def tags(self) -> frozenset[str]:
        """
        Return the tags that the entry has.
        """
        return self.now().tags

    def now(self) -> Entry:
        """
        Return the entry as it is.
        """
        (found,) = [one for one in self.deployment.originals.alive() if one.id == self.entry.id]
        return found

    def content(self) -> bytes | None:
        """
        Return the bytes of its original.
        """
        return self.deployment.originals.content(self.entry.id)

    def ask(self, target: Target, by: By = By.OPERATOR, **fields: Any) -> None:
        """
        Ask for something, as the operator does.
        """
        request = Request(target, by, **fields)
        self.deployment.app.get(commands).ask(self.deployment.media.name, self.now(), request)

    def ask_of_vanished(self, target: Target) -> None:
        """
        Ask for something of an entry that does not exist any more.
        """
        self.deployment.app.get(commands).ask(self.deployment.media.name, self.entry, Request(target, By.OPERATOR))

    def restore(self, tier: Tier = Tier.BULK) -> None:
        """
        Ask for the original.
        """
        self.ask(Target.ARCHIVED, tier=tier)

    def run(self, seconds: float = 0) -> None:
        """
        Let time pass. The provider completes replacements at once.
        """
        for _ in range(max(1, int(seconds // DAY_S))):
            for _ in range(24):
                self.deployment.originals.finish(self.entry.id)
                self.deployment.run(min(seconds, DAY_S) / 24)
                self.sweep()
        self.deployment.run()

    def sweep(self) -> None:
        """
        Find what is due.
        """
        self.deployment.sweep.run()
        self.deployment.run()

    def replaced_outside(self, content: bytes) -> None:
        """
        Replace the content, as somebody in the provider's console does. What was not archived is gone by their doing.
        """
        kept = self._kept()
        self.originals = {digest: one for digest, one in self.originals.items() if one in kept}
        self.deployment.originals.upload(self.entry.id, content)
        self.originals[hashlib.sha256(content).hexdigest()] = content

    def require_nothing_lost(self) -> None:
        """
        Require that each real original exists: at the provider, or in the cold store with the same bytes.
        """
        here = self.deployment.originals.content(self.entry.id) if self._exists() else None
        kept = self._kept()
        for content in self.originals.values():
            assert content == here or content in kept, "An original is lost."

    def require_settled(self) -> None:
        """
        Require what the seed calls HEALTHY: tags, content and store say the same as the record.
        """
        self.require_nothing_lost()
        record = self.record
        assert record.progress.claim is None
        is_placeholder = self.content() == PLACEHOLDER.content
        assert (record.state in HELD) == is_placeholder
        assert (FLAVORS_DELETED_TAG in self.tags) == is_placeholder
        assert (ARCHIVED_TAG in self.tags) == (record.original is not None)
        if record.original is not None:
            stored = self.deployment.cold_store.alive()[record.original.key]
            assert hashlib.sha256(stored).hexdigest() == record.original.sha256
            assert is_placeholder or stored == self.content()

    def _exists(self) -> bool:
        return any(one.id == self.entry.id for one in self.deployment.originals.alive())

    def _kept(self) -> set[bytes]:
        return self.deployment.cold_store.contents()


def archiving(settings: ArchiveSettings | None = None, **fields: Any) -> Archiving:
    """
    Return a deployment with one entry that it did not make.

    Args:
        settings: Of the archive.
        fields: Of the entry.
    """
    deployment = Deployment(archive=settings or archive_settings())
    entry = deployment.originals.add(FILM, **fields)
    return Archiving(deployment, entry, {hashlib.sha256(FILM).hexdigest(): FILM})


def with_video(
    settings: ArchiveSettings | None = None, *, terms: Mapping[str, Terms] | None = None, **fields: Any
) -> tuple[Archiving, str]:
    """
    Return a deployment with one ready video of a session, and the video's id.

    Args:
        settings: Of the archive.
        terms: Of the hosts.
        fields: Of its entry.
    """
    deployment = Deployment(archive=settings or archive_settings(), terms=terms)
    deployment.write_session()
    deployment.run()
    video_id = deployment.ask_upload().video_id
    deployment.run()
    ready = Observation(MediaState.READY, duration_s=60.0, size_bytes=1000, media_type="video/mp4", is_video=True)
    external_ids, reference = deployment.video(video_id).external_ids, deployment.video(video_id).reference
    deployment.show(video_id, ready)
    deployment.deliver(Task(RECONCILE_VIDEO, video_id))
    deployment.run()
    entry = deployment.originals.add(FILM, entry_id=external_ids["entryId"], reference=reference, **fields)
    return Archiving(deployment, entry, {hashlib.sha256(FILM).hexdigest(): FILM}), video_id


def archived() -> Archiving:
    """
    Return a deployment with one archived entry.
    """
    world = archiving()
    world.ask(Target.ARCHIVED)
    world.run()
    return world


def replaced() -> Archiving:
    """
    Return a deployment with one entry whose placeholder plays.
    """
    world = archived()
    world.ask(Target.PLACE_HOLDER)
    world.run(3600)
    return world


def check(world: Archiving) -> None:
    """
    Run the daily check.
    """
    world.run(DAY_S)
    world.run(2 * 3600)
