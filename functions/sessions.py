"""Triggers of `sessions/{sessionId}`: each leaves a note, and only where something that we act on has changed.

A trigger cannot be retried and comes at least once, in any order; so no work happens here, and what a lost one would
have noted the sweep finds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from firebase_functions.core import Change
from firebase_functions.firestore_fn import Event, on_document_created, on_document_deleted, on_document_updated
from firebase_functions.options import MemoryOption

from functions import wiring
from shared.admissions import task_for_all, tasks_after
from shared.paths import KEYS_SEPARATOR, VISIT_SESSION, VISIT_VIDEO
from shared.sessions.model import Session, wanted
from shared.slots import enqueue

if TYPE_CHECKING:
    from google.cloud.firestore_v1 import DocumentSnapshot

    Snapshot = DocumentSnapshot[Any]

DOCUMENT = "sessions/{sessionId}"

TRIGGER_MEMORY = MemoryOption.MB_256
"""With everything loaded a process has taken 83 MiB; of an event it holds a document twice, of at most 1 MiB."""


@on_document_created(document=DOCUMENT, memory=TRIGGER_MEMORY)
def onSessionCreated(event: Event[Snapshot | None]) -> None:
    """
    A session was written for the first time: one that asks for an event is visited.
    """
    session = _session(event, event.data)
    if session is not None and wanted(session) is not None:
        _note(event)


@on_document_updated(document=DOCUMENT, memory=TRIGGER_MEMORY)
def onSessionUpdated(event: Event[Change[Snapshot | None]]) -> None:
    """
    A session was changed: it is visited where what it asks for is another than before, or somebody else owns it. A back
    end that overwrites the document takes away what the server had written there; the visits of the session and its
    videos write it again.
    """
    before, after = _session(event, event.data.before), _session(event, event.data.after)
    if before is None or after is None:
        return
    was_overwritten = before.is_paired and not after.is_paired
    if was_overwritten or wanted(before) != wanted(after) or before.owner_uid != after.owner_uid:
        _note(event)
    for task in tasks_after(before, after):
        enqueue(wiring.queue(), task.queue, task.key, wiring.now)
    if was_overwritten and before.videos:
        enqueue(wiring.queue(), VISIT_VIDEO, KEYS_SEPARATOR.join(before.videos), wiring.now)


@on_document_deleted(document=DOCUMENT, memory=TRIGGER_MEMORY)
def onSessionDeleted(event: Event[Snapshot | None]) -> None:
    """
    A session was deleted: whatever it had goes, and what people were given there ends.
    """
    _note(event)
    task = task_for_all(event.params["sessionId"])
    enqueue(wiring.queue(), task.queue, task.key, wiring.now)


def _session(event: Event[Any], snapshot: Snapshot | None) -> Session | None:
    fields = None if snapshot is None else snapshot.to_dict()
    return None if fields is None else Session.from_fields(event.params["sessionId"], fields)


def _note(event: Event[Any]) -> None:
    enqueue(wiring.queue(), VISIT_SESSION, event.params["sessionId"], wiring.now)
