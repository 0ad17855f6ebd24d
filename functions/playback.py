"""The callables by which videos and live events are watched.

Leave to `shared/videos/grant.py` and `shared/sessions/joining.py` who may, when, and for how long.
"""

from __future__ import annotations

from typing import Any

from firebase_functions.https_fn import CallableRequest

from functions import edge, wiring
from shared.access import Caller
from shared.call_budgets import Work
from shared.errors import BadRequest


@edge.callable_function(Work.PLAY, asks_provider=True, is_kept_ready=True)
def issuePlayback(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    A grant to play one video, `{videoId, failedHost?}` gives `{videoId, host, playUrl, manifestUrl, progressiveUrl,
    thumbnailUrl, expiresAt}`, or a session's live event, `{sessionId}` gives `{sessionId, manifestUrl, …, expiresAt}`;
    both with what its provider adds.
    """
    return _granted(request)


@edge.callable_function(Work.PLAY, asks_provider=True)
def renewPlayback(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    The same for somebody who is watching, before his grant ends: whether he still may is asked anew, so that who was
    unenrolled meanwhile gets none.
    """
    return _granted(request)


def _granted(request: CallableRequest[Any]) -> dict[str, Any]:
    def use_case(caller: Caller) -> dict[str, Any]:
        fields = {"videoId": edge.VIDEO_ID, "sessionId": edge.SESSION_ID, "failedHost": edge.HOST}
        asked = edge.read(request.data, {}, fields)
        video_id, session_id, failed_host = asked["videoId"], asked["sessionId"], asked["failedHost"]
        if (video_id is None) == (session_id is None):
            raise BadRequest("Send either a videoId or a sessionId.", reason="FIELDS_CONFLICT")
        if video_id is None:
            if failed_host is not None:
                raise BadRequest(
                    "A live event has one host. Send failedHost with a videoId only.", reason="FIELDS_CONFLICT"
                )
            grant = wiring.joining().issue_playback(caller, session_id)
            return {"sessionId": session_id, "expiresAt": grant.expires_at, **grant.values}
        playback = wiring.app().grants.issue_playback(caller, video_id, failed_host)
        return {
            "videoId": video_id,
            "host": playback.host,
            "playUrl": playback.url,
            "expiresAt": playback.expires_at,
            **playback.values,
        }

    return edge.answer(request, use_case)
