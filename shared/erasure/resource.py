"""Register erasures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.core.paths import ERASURES, RECONCILE_ERASURE, VIDEO_ID
from shared.reconcile.deployment import Deployment
from shared.reconcile.resource import Resource, Worker
from shared.reconcile.traces import Fate, Naming, Trace

if TYPE_CHECKING:
    from shared.erasure.controller import Erasures


def controller(deployment: Deployment) -> Erasures:
    """
    Return the Controller of erasures.
    """
    from shared.erasure.controller import Erasures

    return Erasures(
        deployment.documents,
        deployment.audience,
        deployment.clock,
        deployment.common.late_commit_s,
        tuple(deployment.traces),
        deployment.pace,
    )


RESOURCE = Resource(
    collection=ERASURES,
    worker=Worker(
        RECONCILE_ERASURE,
        # The id of an erasure has the form of a video's.
        VIDEO_ID,
        "Mark the next page of content to erase, of one person or of all, or count what is left of it.",
        at_once=2,
        per_second=5,
        is_bulk=True,
    ),
    open=controller,
    counted=("marking", "deleting"),
    traces=(Trace(ERASURES, Naming.VALUE, ("uid",), Fate.ITSELF, "erasures"),),
)
