"""Triggers of `sessions/{sessionId}`: each enqueues a task, if a field that matters to the server has changed.

A trigger cannot be retried, and is called at least once, in any order. So no other work happens here, and the sweep
finds what a lost trigger would have enqueued.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from firebase_functions.core import Change
from firebase_functions.firestore_fn import Event, on_document_created, on_document_deleted, on_document_updated
from firebase_functions.options import MemoryOption

from functions import config, wiring
from shared.core.paths import session_path
from shared.ports import Document
from shared.sessions.session import Session

if TYPE_CHECKING:
    from google.cloud.firestore_v1 import DocumentSnapshot

    Snapshot = DocumentSnapshot[Any]

DOCUMENT = "sessions/{sessionId}"
DATABASE = config.FIRESTORE_DATABASE.value

TRIGGER_MEMORY = MemoryOption.MB_256
"""With everything loaded a process has used 83 MiB. It holds an event's document twice, each of at most 1 MiB."""


@on_document_created(document=DOCUMENT, database=DATABASE, memory=TRIGGER_MEMORY)
def onSessionCreated(event: Event[Snapshot | None]) -> None:
    """
    Enqueue what follows from a new session.
    """
    session = _session(event, event.data)
    if session is not None:
        wiring.changes().session_changed(session.id, None, session)


@on_document_updated(document=DOCUMENT, database=DATABASE, memory=TRIGGER_MEMORY)
def onSessionUpdated(event: Event[Change[Snapshot | None]]) -> None:
    """
    Enqueue what follows from a changed session.
    """
    before, after = _session(event, event.data.before), _session(event, event.data.after)
    if before is not None and after is not None:
        wiring.changes().session_changed(after.id, before, after)


@on_document_deleted(document=DOCUMENT, database=DATABASE, memory=TRIGGER_MEMORY)
def onSessionDeleted(event: Event[Snapshot | None]) -> None:
    """
    Enqueue what follows from a deleted session.
    """
    wiring.changes().session_changed(event.params["sessionId"], _session(event, event.data), None)


def _session(event: Event[Any], snapshot: Snapshot | None) -> Session | None:
    fields = None if snapshot is None else snapshot.to_dict()
    if snapshot is None or fields is None:
        return None
    path = session_path(event.params["sessionId"])
    return Session.from_document(Document(path, fields, snapshot.update_time, snapshot.create_time))
