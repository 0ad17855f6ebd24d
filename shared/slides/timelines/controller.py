"""The Controller of timelines: it deletes a timeline with its session, and gives it the session's owner.

Called by the reconciler. Leaves the choice of the next step to `decide`, and what is in a timeline to
`shared/slides/timeline.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from shared.core.errors import Conflict
from shared.core.paths import RECONCILE_TIMELINE, session_path, slide_timeline_path, timeline_path
from shared.ports import Delete, Documents, Update, Version, Write
from shared.reconcile import Controller, Decision, Snapshot, Step
from shared.reconcile.epoch import Holds, nothing_is_held
from shared.sessions.session import Session, session_of
from shared.slides.timelines import decide as decisions
from shared.slides.timelines.decide import TimelineSpec
from shared.slides.timelines.model import Timeline


@dataclass(frozen=True, slots=True)
class Timelines(Controller[TimelineSpec, Timeline, None]):
    """
    The Controller of timelines.

    Attributes:
        documents: Where the documents are stored.
        holds: Tells whether deletions are held.
    """

    queue: ClassVar[str] = RECONCILE_TIMELINE

    documents: Documents
    holds: Holds = nothing_is_held

    def read(self, key: str) -> Snapshot[TimelineSpec, Timeline]:
        """
        Read the record, and then its session. If the session has another owner, read the chunks too.
        """
        (document,) = self.documents.read(timeline_path(key))
        if document is None:
            return Snapshot(key, TimelineSpec(), None, None)
        record, is_deleted = Timeline.from_document(document), document.fields["wish"]["deleted"]
        (found,) = self.documents.read(session_path(record.session.session_id))
        present = None if found is None else Session.from_document(found)
        session, is_held = session_of(record.session, present)
        spec = TimelineSpec(
            is_deleted,
            session,
            is_held=is_held,
            is_waiting=session is None and not is_deleted and not record.is_gone and self.holds(),
        )
        if session is not None and record.session.following(session) != record.session:
            chunks = self.documents.read(*_paths(record))
            spec = replace(spec, chunks=[chunk.id for chunk in chunks if chunk is not None])
        return Snapshot(key, spec, record, document.version)

    def decide(
        self, snapshot: Snapshot[TimelineSpec, Timeline], now: datetime, *, observed: bool
    ) -> Decision[Timeline]:
        """
        Return the next step. Pure.
        """
        return decisions.decide(snapshot, now)

    def act(self, snapshot: Snapshot[TimelineSpec, Timeline], step: Step[Timeline], now: datetime) -> None:
        """
        Do nothing: nothing of a timeline is outside the documents.
        """

    def settle(
        self, snapshot: Snapshot[TimelineSpec, Timeline], step: Step[Timeline], outcome: None, now: datetime
    ) -> Timeline:
        """
        Return the record after a step. Pure.
        """
        return step.record

    def record_writes(
        self, snapshot: Snapshot[TimelineSpec, Timeline], record: Timeline, version: Version | None, now: datetime
    ) -> tuple[Write, ...]:
        """
        Return the write of the record and of its chunks, or their deletion. Pure.
        """
        path = timeline_path(snapshot.key)
        if version is None:
            raise Conflict(f"There is no {path}.")
        if record.is_gone:
            return (Delete(path, if_version=version), *map(Delete, _paths(record)))
        before, session_id = snapshot.record, record.session.session_id
        is_followed = before is not None and before.session != record.session
        chunks = snapshot.spec.chunks if is_followed else ()
        identity = record.session.to_fields()
        return (
            Update(path, record.to_fields(), if_version=version),
            *(Update(slide_timeline_path(session_id, chunk), identity) for chunk in chunks),
        )


def _paths(record: Timeline) -> list[str]:
    return [slide_timeline_path(record.session.session_id, chunk) for chunk in record.chunks]
