"""An app's own function that subscribes to an event of Greenroom: keep a list of the videos that were ever ready.

Copy this folder into the functions of your app, or deploy it as a codebase of its own. docs/events.md explains it.
"""

from __future__ import annotations

import os
from typing import Any

from firebase_functions import options
from firebase_functions.core import CloudEvent
from firebase_functions.eventarc_fn import on_custom_event_published
from google.cloud.firestore import Client

PROJECT = os.environ["GCLOUD_PROJECT"]

options.set_global_options(region=os.environ.get("FUNCTIONS_REGION", "us-central1"), max_instances=5)


@on_custom_event_published(
    event_type="greenroom.video.v1.ready",
    channel=os.environ["EVENTARC_CHANNEL"],
)
def list_ready_video(event: CloudEvent[Any]) -> None:
    """
    Note one video. An event that is delivered twice writes the same document twice.
    """
    session_id, video_id = event.data["sessionId"], event.data["videoId"]
    listed = {"sessionId": session_id, "readyAt": event.time, "eventId": event.id}
    Client(project=PROJECT).collection("readyVideos").document(video_id).set(listed)
