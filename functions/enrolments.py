"""Triggers of `enrolments/{sessionId}_{uid}`.

Like those of sessions, they cannot be retried and are called at least once. The effect of a lost one is found within
the hour (`shared/sessions/admissions/`), or read from Firestore each time it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from firebase_functions.firestore_fn import Event, on_document_created, on_document_deleted

from functions import wiring
from functions.sessions import DATABASE, TRIGGER_MEMORY
from shared.sessions.admissions.enrolments import mark

if TYPE_CHECKING:
    from google.cloud.firestore_v1 import DocumentSnapshot

    Snapshot = DocumentSnapshot[Any]

DOCUMENT = "enrolments/{enrolmentId}"


@on_document_created(document=DOCUMENT, database=DATABASE, memory=TRIGGER_MEMORY)
def onEnrolmentCreated(event: Event[Snapshot | None]) -> None:
    """
    Add the time to an enrolment that a back end wrote without it.
    """
    fields = None if event.data is None else event.data.to_dict()
    if fields is not None and fields.get("createdAt") is None:
        mark(wiring.documents(), event.params["enrolmentId"])


@on_document_deleted(document=DOCUMENT, database=DATABASE, memory=TRIGGER_MEMORY)
def onEnrolmentDeleted(event: Event[Snapshot | None]) -> None:
    """
    End what an unenrolled person was given, unless they may still watch.
    """
    fields = None if event.data is None else event.data.to_dict()
    owner_uid = None if fields is None else fields.get("ownerUid")
    wiring.changes().enrolment_deleted(event.params["enrolmentId"], owner_uid if isinstance(owner_uid, str) else None)
