"""An app's own function beside Greenroom: queue an e-mail to the teacher when a video of theirs is ready.

Copy this folder into the functions of your app, or deploy it as a codebase of its own. docs/events.md explains it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from firebase_admin import App, auth, get_app, initialize_app
from firebase_functions import options
from firebase_functions.firestore_fn import Change, DocumentSnapshot, Event, on_document_updated
from google.api_core.exceptions import AlreadyExists
from google.cloud.firestore import Client

GREENROOM_DATABASE = os.environ.get("GREENROOM_DATABASE", "(default)")
"""Greenroom's `FIRESTORE_DATABASE`."""

MAIL = "mail"
"""The collection of the extension Trigger Email, in the database of your app."""

PROJECT = os.environ["GCLOUD_PROJECT"]

options.set_global_options(region=os.environ.get("FUNCTIONS_REGION", "us-central1"), max_instances=5)


def app() -> App:
    """
    Return Firebase's app. It is not made when this file is imported, because firebase-tools may import it twice.
    """
    try:
        return get_app()
    except ValueError:
        return initialize_app()


def became_ready(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """
    Yield the ids of the videos that became ready in one change of a session. Pure.

    Args:
        before: The fields of `sessions/{sessionId}` before the change.
        after: The fields after it.
    """
    earlier = before.get("videos") or {}
    for video_id, video in (after.get("videos") or {}).items():
        if video["state"] == "ready" and earlier.get(video_id, {}).get("state") != "ready":
            yield video_id


@on_document_updated(document="sessions/{sessionId}", database=GREENROOM_DATABASE)
def notify_when_ready(event: Event[Change[DocumentSnapshot | None]]) -> None:
    """
    Queue one e-mail for each video that became ready.
    """
    before, after = event.data.before, event.data.after
    if before is None or after is None:
        return
    session = after.to_dict() or {}
    for video_id in became_ready(before.to_dict() or {}, session):
        queue_mail(event.id, event.params["sessionId"], video_id, session)


def queue_mail(event_id: str, session_id: str, video_id: str, session: Mapping[str, Any]) -> None:
    """
    Queue the e-mail about one video. The id of its document names the event and the video, so that an event that is
    delivered twice sends one e-mail.
    """
    try:
        owner = auth.get_user(session["ownerUid"], app())
    except auth.UserNotFoundError:
        return
    if not owner.email:
        return
    text = f"“{session['videos'][video_id]['title']}” of “{session['title']}” can be watched now."
    mail = {
        "to": [owner.email],
        "message": {"subject": "Your video is ready", "text": text},
        "sessionId": session_id,
        "videoId": video_id,
    }
    try:
        Client(project=PROJECT).collection(MAIL).document(f"{event_id}-{video_id}").create(mail)
    except AlreadyExists:
        return
