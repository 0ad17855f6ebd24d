"""The full check of shared live media: compare each view with its record.

Called by `shared/operations/full_check.py`. Only this finds a view that somebody deleted or changed by hand, and
a media whose session was deleted without a trigger.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar, Final

from shared.core.paths import SLIDES, session_path, shared_media_path
from shared.ports import Condition, Operator, Query
from shared.reconcile.checks import enqueue_if_unsettled
from shared.reconcile.deployment import Deployment
from shared.reconcile.resource import Mark, Slice
from shared.slides.controller import SharedMedias, snapshot_of

PAGE: Final = 200
"""The number of media that are read at once. A record and its view with 200 pages have some 30 KiB."""

PHASE: Final = "slides"


@dataclass(frozen=True, slots=True)
class MediaViews:
    """
    The full check of shared live media.

    Attributes:
        deployment: The deployment.
        medias: The Controller of shared live media.
    """

    phases: ClassVar[tuple[str, ...]] = (PHASE,)

    deployment: Deployment
    medias: SharedMedias

    def go_on(self, mark: Mark, done: Slice) -> Mark | None:
        """
        Check one page of the media that are not gone.
        """
        documents, now = self.deployment.documents, self.deployment.clock()
        alive = (Condition("gone", Operator.EQUAL, False),)
        records = documents.select(Query(SLIDES, alive, after_id=mark.after_id, limit=PAGE))
        of_sessions = [session_path(record.fields["sessionId"]) for record in records]
        of_views = [shared_media_path(record.fields["sessionId"], record.id) for record in records]
        paths = sorted({*of_sessions, *of_views})
        read = dict(zip(paths, documents.read(*paths), strict=True)) if paths else {}
        holds = cache(self.medias.holds)
        for record, of_session, of_view in zip(records, of_sessions, of_views, strict=True):
            snapshot = snapshot_of(record, read[of_session], read[of_view], holds)
            done.enqueued += enqueue_if_unsettled(self.medias, snapshot, self.deployment.queue, now)
        done.looked += len(records)
        return replace(mark, after_id=records[-1].id) if len(records) == PAGE else None
