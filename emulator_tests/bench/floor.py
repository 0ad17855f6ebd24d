"""The floor of a publication: a trigger that enqueues a task, and a task that makes one call and one write.

`events.py` copies it beside a main.py, to measure what this stack takes for the minimum that a publication needs.
"""

from __future__ import annotations

import os
import urllib.request
from functools import cache
from typing import Any

from firebase_functions.firestore_fn import Event, on_document_updated
from firebase_functions.https_fn import CallableRequest
from firebase_functions.tasks_fn import on_task_dispatched

from functions import environment, wiring
from shared.cloud.firestore import FirestoreDocuments, connect_firestore
from shared.ports import Task, Update


@cache
def _documents() -> FirestoreDocuments:
    return FirestoreDocuments(connect_firestore(environment.project_id(), "(default)"))


@on_document_updated(document="floors/{floorId}")
def onFloorUpdated(event: Event[Any]) -> None:  # noqa: N802 - a function's public name
    """
    Enqueue a task after a client's write.
    """
    if event.data.after.to_dict().get("answered") is None:
        wiring.queue().put(Task("visitFloor", event.params["floorId"]))


@on_task_dispatched()
def visitFloor(request: CallableRequest[Any]) -> None:  # noqa: N802 - a function's public name
    """
    Make one call to the simulator and one write.
    """
    urllib.request.urlopen(f"{os.environ['KALTURA_URL']}/api_v3/service/system/action/ping?format=1").read()
    _documents().commit(Update(f"floors/{request.data['key']}", {"answered": True}))
