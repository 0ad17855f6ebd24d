"""The callable by which videos and live events are watched.

Who may watch, when, and for how long, is left to `shared/videos/playback.py` and `shared/admissions/joining.py`.
"""

from __future__ import annotations

from typing import Any

from firebase_functions.https_fn import CallableRequest

from functions import wiring
from functions.edge import callables
from functions.granting import playing
from shared.core.callers import Caller
from shared.core.errors import BadRequest
from shared.limits.call_budgets import Work


@callables.callable_function(Work.PLAY, asks_provider=True, is_kept_ready=True)
def issuePlayback(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    Return a grant to play one video, `{videoId, failedHost?, playerKs?}` gives `{videoId, host, playUrl, manifestUrl,
    progressiveUrl, thumbnailUrl, expiresAt, renewAt}`, or a session's live event, `{sessionId, playerKs?}` gives
    `{sessionId, manifestUrl, …, expiresAt, renewAt}`. Both have `ks` if a key for the provider's own player is asked
    for. Viewers ask again before the grant ends. Viewers who may no longer watch get none.
    """

    def use_case(caller: Caller) -> dict[str, Any]:
        asked = callables.read(
            request.data,
            {},
            {
                "videoId": callables.VIDEO_ID,
                "sessionId": callables.SESSION_ID,
                "failedHost": callables.HOST,
                "playerKs": bool,
            },
        )
        video_id, session_id, failed_host = asked["videoId"], asked["sessionId"], asked["failedHost"]
        needs_key = asked["playerKs"] is True
        if (video_id is None) == (session_id is None):
            raise BadRequest("Send either a videoId or a sessionId.", reason="FIELDS_CONFLICT")
        if video_id is None:
            if failed_host is not None:
                raise BadRequest(
                    "A live event has one host. Send failedHost with a videoId only.", reason="FIELDS_CONFLICT"
                )
            watching = wiring.joining().issue_playback(caller, session_id, needs_player_key=needs_key)
            grant, key = watching.grant, watching.player_key
            return {"sessionId": session_id, **playing(grant.values, grant.expires_at, key, wiring.now())}
        playback = wiring.app().playbacks.issue_playback(caller, video_id, failed_host, needs_player_key=needs_key)
        told = playing(playback.values, playback.expires_at, playback.player_key, wiring.now())
        return {"videoId": video_id, "host": playback.host, "playUrl": playback.url, **told}

    return callables.answer(request, use_case)
