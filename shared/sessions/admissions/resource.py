"""Register admissions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from shared.core.paths import ADMISSIONS, KNOWN_USERS, RECONCILE_ADMISSION, SESSION_ID, UID
from shared.ports import Document
from shared.reconcile.deployment import Deployment
from shared.reconcile.reconciler import Mapper
from shared.reconcile.resource import Resource, Worker, due
from shared.reconcile.traces import Fate, Naming, Trace

if TYPE_CHECKING:
    from shared.sessions.admissions.controller import Admissions

_ONE = f"{SESSION_ID.pattern}_{UID.pattern}"


def controller(deployment: Deployment) -> Admissions:
    """
    Return the Controller of admissions.
    """
    from shared.sessions.admissions.controller import Admissions

    return Admissions(deployment.documents, deployment.viewer_keys)


def reconcile(deployment: Deployment, key: str, each: Mapper) -> None:
    """
    Reconcile one admission, or a page of them.
    """
    from shared.sessions.admissions.controller import reconcile_admissions

    reconcile_admissions(deployment.get(controller), key, deployment.reconciler(), each)


def enqueue_due(deployment: Deployment, now: datetime) -> Sequence[Document]:
    """
    Enqueue one task for all admissions that are due: thousands are due at once an hour after a large class began.

    Returns:
        The one that is due for longest.
    """
    found = due(deployment.documents, ADMISSIONS, now, limit=1)
    if not found:
        return found
    from shared.sessions.admissions.controller import task_for_due

    deployment.queue.put(task_for_due())
    return found


RESOURCE = Resource(
    collection=ADMISSIONS,
    worker=Worker(
        RECONCILE_ADMISSION,
        re.compile(f"{_ONE}|session:{SESSION_ID.pattern}(?::{_ONE})?|due:[0-9]{{1,3}}"),
        "End what people were given in sessions and may not keep. The key is `{sessionId}_{uid}` for one person, "
        "`session:{sessionId}` for everybody in a session, or `due:{page}` for a page of all admissions that are due.",
        at_once=10,
        per_second=20,
        work=reconcile,
    ),
    open=controller,
    enqueue_due=enqueue_due,
    traces=(
        Trace(ADMISSIONS, Naming.VALUE, ("uid",), Fate.HELD, "admissions"),
        Trace(KNOWN_USERS, Naming.ID, (), Fate.USER, "kalturaUser"),
    ),
)
