"""The callable by which videos are watched.

Leaves to `shared/videos/grant.py` who may, and for how long.
"""

from __future__ import annotations

from typing import Any

from firebase_functions.https_fn import CallableRequest, on_call

from functions import config, edge, wiring
from shared.access import Caller
from shared.reconcile import WORKER_TIMEOUT_S
from shared.videos.grant import issue_playback


@edge.screened
@on_call(cors=config.CORS, timeout_sec=WORKER_TIMEOUT_S, secrets=[config.KALTURA_ADMIN_SECRET])
def issuePlayback(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    A grant to play one video: `{videoId}` gives `{videoId, manifestUrl, ks, expiresAt, …}`. Call it again to renew it.
    """

    def use_case(caller: Caller) -> dict[str, Any]:
        video_id = edge.read(request.data, {"videoId": edge.VIDEO_ID})["videoId"]
        app = wiring.app()
        grant = issue_playback(caller, video_id, app.videos, app.documents)
        return {
            "videoId": video_id,
            "manifestUrl": grant.url,
            "ks": grant.token,
            "expiresAt": grant.expires_at,
            **grant.values,
        }

    return edge.answer("issuePlayback", request, use_case)
