"""The callables of live events: enter one, set its moderators, get the address of its stream.

Who may enter, and with what, is left to `shared/admissions/joining.py`, and what the owner may do to
`shared/sessions/moderation.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from firebase_functions.https_fn import CallableRequest

from functions import wiring
from functions.edge import callables
from functions.granting import lasting, playing
from shared.core.callers import Caller
from shared.limits.call_budgets import Work
from shared.ports import Ingest
from shared.sessions import Sessions
from shared.sessions.moderation import rotate_stream_key, set_moderator, stream_ingest


@callables.callable_function(Work.PLAY, asks_provider=True, chats=True, is_kept_ready=True)
def joinSession(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    Let a client enter a live event, and stay in it, with this one call: `{sessionId, forceRefresh?, playerKs?}` gives
    `{sessionId, userId, entryId, virtualEventId, isModerator, broadcast, player, chat, room, refreshableAt}`.

    `player` is `{manifestUrl, progressiveUrl, thumbnailUrl}`, with `ks` if it was asked for, `chat` is `{jwt}`, `room`
    is `{url}`, each with `expiresAt` and `renewAt`. `chat` and `room` are null if there is none. `refreshableAt` says
    when everything can be read again from the provider, if the caller asked for it and a part was read only a moment
    before.
    """

    def use_case(caller: Caller) -> dict[str, Any]:
        fields = callables.read(
            request.data, {"sessionId": callables.SESSION_ID}, {"forceRefresh": bool, "playerKs": bool}
        )
        joined = wiring.joining().join(
            caller,
            fields["sessionId"],
            force_refresh=fields["forceRefresh"] is True,
            needs_player_key=fields["playerKs"] is True,
        )
        now, admission, external_ids = wiring.now(), joined.admission, joined.pairing.external_ids
        chat, room = admission.chat, admission.room
        return {
            "sessionId": fields["sessionId"],
            "userId": admission.user_id,
            "entryId": external_ids["entryId"],
            "virtualEventId": external_ids.get("virtualEventId") or None,
            "isModerator": joined.is_moderator,
            "broadcast": joined.pairing.airing.state.value,
            "player": playing(admission.player.values, admission.player.expires_at, joined.player_key, now),
            "chat": None if chat is None else lasting({"jwt": chat.token}, chat.expires_at, now),
            "room": None if room is None else lasting({"url": room.url}, room.expires_at, now),
            "refreshableAt": joined.refreshable_at,
        }

    return callables.answer(request, use_case)


@callables.callable_function(Work.CHANGE, asks_provider=True)
def setModerator(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    Set whether a person moderates a session's live events: `{sessionId, uid, isModerator}` gives the same and
    `isSettled`.
    """

    def use_case(caller: Caller) -> dict[str, Any]:
        fields = callables.read(
            request.data, {"sessionId": callables.SESSION_ID, "uid": callables.UID, "isModerator": bool}
        )
        wiring.kill_switch().require_open()
        app = wiring.app()
        is_settled = set_moderator(
            caller,
            fields["sessionId"],
            fields["uid"],
            app.sessions,
            app.queue,
            wiring.now,
            is_moderator=fields["isModerator"],
        )
        return {**fields, "isSettled": is_settled}

    return callables.answer(request, use_case)


@callables.callable_function(Work.LOOK, asks_provider=True)
def getStreamIngest(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    Return the addresses that the owner's encoder sends its stream to: `{sessionId}` gives `{sessionId, url, backupUrl,
    streamName, streamKey, …}` and what else an encoder may need, by Kaltura's names.
    """
    return _ingest(request, stream_ingest)


@callables.callable_function(Work.CHANGE, asks_provider=True)
def rotateStreamKey(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    Return the same with a new stream key. The old key no longer works.
    """
    return _ingest(request, rotate_stream_key)


def _ingest(request: CallableRequest[Any], ask: Callable[[Caller, str, Sessions], Ingest]) -> dict[str, Any]:
    def use_case(caller: Caller) -> dict[str, Any]:
        session_id = callables.read(request.data, {"sessionId": callables.SESSION_ID})["sessionId"]
        wiring.kill_switch().require_open()
        told = ask(caller, session_id, wiring.app().sessions)
        return {
            "sessionId": session_id,
            "url": told.url,
            "backupUrl": told.backup_url,
            "streamName": told.stream_name,
            "streamKey": told.stream_key,
            **told.values,
        }

    return callables.answer(request, use_case)
