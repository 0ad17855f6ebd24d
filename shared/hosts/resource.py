"""Register copies of videos at hosts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from shared.core.paths import COPIES, HOST_NAME, RECONCILE_COPY, VIDEO_ID
from shared.core.references import COPY
from shared.ports import Finding
from shared.reconcile.deployment import Deployment
from shared.reconcile.owned import Owned
from shared.reconcile.resource import Resource, Worker
from shared.reconcile.traces import Fate, Naming, Trace

if TYPE_CHECKING:
    from shared.hosts.controller import Copies
    from shared.hosts.table import HostTable


def controller(deployment: Deployment) -> Copies:
    """
    Return the Controller of copies.
    """
    from shared.hosts.controller import Copies

    return Copies(
        deployment.documents,
        deployment.provider_accounts,
        deployment.hosts,
        deployment.common.late_commit_s,
        deployment.epochs.is_held,
    )


def host_table(deployment: Deployment) -> HostTable:
    """
    Return the table of hosts, which chooses where a video plays from.
    """
    from shared.hosts.settings import HostTerms
    from shared.hosts.table import HostTable

    return HostTable(deployment.documents, deployment.clock, deployment.settings_of(HostTerms).terms)


def findings(deployment: Deployment) -> Iterable[Finding]:
    """
    Return which hosts can be reached.
    """
    from shared.hosts.reach import findings

    return findings(deployment.hosts)


def things() -> Owned:
    """
    Return what the documents say about copies at hosts.
    """
    from shared.hosts.owned import CopyThings

    return CopyThings()


RESOURCE = Resource(
    collection=COPIES,
    worker=Worker(
        RECONCILE_COPY,
        re.compile(f"{VIDEO_ID.pattern}-{HOST_NAME.pattern}"),
        "Reconcile one copy of a video at another host; the key is `{videoId}-{host}`.",
        at_once=10,
        per_second=20,
        is_bulk=True,
    ),
    open=controller,
    counted=("copying", "failed"),
    kind=COPY,
    owned=things,
    traces=(Trace(COPIES, Naming.VALUE, ("ownerUid",), Fate.FOLLOW, "copies"),),
    findings=findings,
)
