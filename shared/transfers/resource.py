"""Register transfers of sessions to other owners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.core.paths import DOCUMENT_ID, RECONCILE_TRANSFER, TRANSFERS
from shared.reconcile.deployment import Deployment
from shared.reconcile.resource import Resource, Worker
from shared.reconcile.traces import Fate, Naming, Trace

if TYPE_CHECKING:
    from shared.transfers.controller import Transfers


def controller(deployment: Deployment) -> Transfers:
    """
    Return the Controller of transfers.
    """
    from shared.transfers.controller import Transfers

    return Transfers(deployment.documents, deployment.events, deployment.belongings)


RESOURCE = Resource(
    collection=TRANSFERS,
    worker=Worker(
        RECONCILE_TRANSFER,
        DOCUMENT_ID,
        "Bring what a transferred session has to its new owner; the key is the session's id.",
        at_once=2,
        per_second=5,
        is_bulk=True,
    ),
    open=controller,
    counted=("moving", "rotating"),
    traces=(
        Trace(TRANSFERS, Naming.VALUE, ("ownerUid",), Fate.TRANSFER, "transfersToThem"),
        Trace(TRANSFERS, Naming.MEMBER, ("formerOwnerUids",), Fate.TRANSFER, "transfersFromThem"),
    ),
)
