"""The callables by which videos and live events are watched.

Leave to `shared/videos/grant.py` and `shared/sessions/joining.py` who may, when, and for how long.
"""

from __future__ import annotations

from typing import Any

from firebase_functions.https_fn import CallableRequest

from functions import edge, wiring
from shared.access import Caller
from shared.errors import BadRequest


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
        if name == "videoId":
            grant = wiring.app().grants.issue_playback(caller, value)
        else:
            grant = wiring.joining().issue_playback(caller, value)
        return {name: value, "manifestUrl": grant.url, "expiresAt": grant.expires_at, **grant.values}

    return edge.answer(function, request, use_case)
