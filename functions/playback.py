"""The callables by which videos and live events are watched.

Leave to `shared/videos/grant.py` and `shared/sessions/playback.py` who may, when, and for how long.
"""

from __future__ import annotations

from typing import Any

from firebase_functions.https_fn import CallableRequest

from functions import config, edge, wiring
from shared.access import Caller
from shared.errors import BadRequest
from shared.sessions.playback import issue_live_playback


@edge.callable_function(asks_provider=True)
def issuePlayback(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    A grant to play one video, or a session's live event: `{videoId}` or `{sessionId}` gives it back with `{manifestUrl,
    progressiveUrl, thumbnailUrl, ks, expiresAt}`.
    """
    return _granted("issuePlayback", request)


@edge.callable_function(asks_provider=True)
def renewPlayback(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    The same for somebody who is watching, before his grant ends: whether he still may is asked anew, so that who was
    unenrolled meanwhile gets none.
    """
    return _granted("renewPlayback", request)


def _granted(function: str, request: CallableRequest[Any]) -> dict[str, Any]:
    def use_case(caller: Caller) -> dict[str, Any]:
        asked = edge.read(request.data, {}, {"videoId": edge.VIDEO_ID, "sessionId": edge.SESSION_ID})
        (name, value), *more = [(name, value) for name, value in asked.items() if value is not None] or [("", "")]
        if more or not name:
            raise BadRequest("Send either a videoId or a sessionId.")
        app = wiring.app()
        if name == "videoId":
            grant = app.grants.issue_playback(caller, value)
        else:
            grant = issue_live_playback(
                caller,
                value,
                app.sessions,
                wiring.now,
                early_s=config.LIVE_EARLY_S.value,
                overrun_s=config.LIVE_OVERRUN_S.value,
            )
        return {name: value, "manifestUrl": grant.url, "ks": grant.token, "expiresAt": grant.expires_at, **grant.values}

    return edge.answer(function, request, use_case)
