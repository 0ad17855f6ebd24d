"""Register sessions."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from shared.core.paths import (
    DOCUMENT_ID,
    ENROLMENTS,
    PAIRINGS,
    RECONCILE_SESSION,
    SESSIONS,
)
from shared.core.references import SESSION
from shared.ports import Document
from shared.publishing.settings import EventSettings
from shared.publishing.worker import PUBLISHER
from shared.reconcile.deployment import Deployment
from shared.reconcile.owned import Owned
from shared.reconcile.resource import Resource, Worker, WrittenByClients
from shared.reconcile.traces import Fate, Naming, Trace
from shared.sessions.settings import SessionSettings

if TYPE_CHECKING:
    from shared.sessions.controller import Sessions


def controller(deployment: Deployment) -> Sessions:
    """
    Return the Controller of sessions.
    """
    from shared.sessions.broadcasting import Window
    from shared.sessions.controller import Sessions

    settings = deployment.settings_of(SessionSettings)
    return Sessions(
        deployment.documents,
        deployment.events,
        settings.reap_grace_s,
        deployment.common.late_commit_s,
        Window(settings.early_s, settings.overrun_s),
        deployment.get(deployment.recorder),
        deployment.epochs.is_held,
        deployment.call_budgets.watches,
        deployment.belongings,
        deployment.settings_of(EventSettings).types,
    )


def things() -> Owned:
    """
    Return what the documents say about live events at the provider.
    """
    from shared.sessions.owned import EventThings

    return EventThings()


def enqueue_unsettled(
    deployment: Deployment, session_id: str, session: Document | None, record: Document | None, now: datetime
) -> int:
    """
    Enqueue a session that is not settled.

    Returns:
        The number of tasks enqueued.
    """
    from shared.reconcile.checks import enqueue_if_unsettled
    from shared.sessions.controller import snapshot_of

    return enqueue_if_unsettled(
        deployment.get(controller), snapshot_of(session_id, session, record), deployment.queue, now
    )


RESOURCE = Resource(
    collection=PAIRINGS,
    worker=Worker(RECONCILE_SESSION, DOCUMENT_ID, "Reconcile one session's event."),
    open=controller,
    workers=(PUBLISHER,),
    counted=("creating", "retiring", "deleting"),
    kind=SESSION,
    owned=things,
    written=WrittenByClients(SESSIONS, "kalturaSession", PAIRINGS, "hasSession", enqueue_unsettled),
    traces=(
        Trace(SESSIONS, Naming.VALUE, ("ownerUid",), Fate.SESSION, "sessions"),
        Trace(SESSIONS, Naming.MEMBER, ("formerOwnerUids",), Fate.TRANSFER, "formerlyOwned"),
        Trace(PAIRINGS, Naming.VALUE, ("ownerUid",), Fate.EVENT, "liveEvents"),
        Trace(ENROLMENTS, Naming.VALUE, ("ownerUid",), Fate.GIVEN, "enrolmentsGiven"),
        Trace(ENROLMENTS, Naming.VALUE, ("uid",), Fate.DELETE, "enrolments"),
        Trace(SESSIONS, Naming.KEY, ("moderators",), Fate.UNNAME, "moderates", RECONCILE_SESSION),
        Trace(PAIRINGS, Naming.MEMBER, ("applied", "moderators"), Fate.FOLLOW, "moderatesEvents"),
    ),
    has_webhooks=True,
    settings=(SessionSettings, EventSettings),
)
