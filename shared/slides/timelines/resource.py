"""Register timelines of slides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.core.paths import DOCUMENT_ID, RECONCILE_TIMELINE, TIMELINES
from shared.reconcile.deployment import Deployment
from shared.reconcile.resource import Resource, Worker
from shared.reconcile.traces import Fate, Naming, Trace

if TYPE_CHECKING:
    from shared.slides.timelines.controller import Timelines


def controller(deployment: Deployment) -> Timelines:
    """
    Return the Controller of timelines.
    """
    from shared.slides.timelines.controller import Timelines

    return Timelines(deployment.documents, deployment.epochs.is_held)


RESOURCE = Resource(
    collection=TIMELINES,
    worker=Worker(
        RECONCILE_TIMELINE,
        DOCUMENT_ID,
        "Delete the timeline of a session's slides, or give it another owner; the key is its id.",
        is_bulk=True,
    ),
    open=controller,
    is_of_session=True,
    traces=(Trace(TIMELINES, Naming.VALUE, ("ownerUid",), Fate.MARK, "timelines", RECONCILE_TIMELINE),),
)
