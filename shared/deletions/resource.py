"""Register deletions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.core.paths import DELETIONS, DOCUMENT_ID, RECONCILE_DELETION
from shared.reconcile.deployment import Deployment
from shared.reconcile.resource import Resource, Worker
from shared.reconcile.traces import Fate, Naming, Trace

if TYPE_CHECKING:
    from shared.deletions.controller import Deletions


def controller(deployment: Deployment) -> Deletions:
    """
    Return the Controller of deletions.
    """
    from shared.deletions.controller import Deletions

    return Deletions(
        deployment.documents, deployment.places, deployment.epochs.is_held, deployment.storage, deployment.cold_store
    )


RESOURCE = Resource(
    collection=DELETIONS,
    worker=Worker(
        RECONCILE_DELETION,
        DOCUMENT_ID,
        "Delete one thing at its provider that is no longer wanted.",
        archives=True,
        is_bulk=True,
    ),
    open=controller,
    counted=("pending", "dead"),
    traces=(Trace(DELETIONS, Naming.VALUE, ("ownerUid",), Fate.UNNAME, "pendingDeletions"),),
)
