"""The callables of live events: enter one, set its moderators, get the address of its stream.

Who may enter, and with what, is left to `shared/sessions/admissions/joining.py`, and what the owner may do to
`shared/sessions/moderation.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from functions import config, wiring
from functions.edge.callables import Call, callable_function
from functions.edge.fields import Doc, SessionId, Uid, message
from functions.granting import ExpiresAt, IssuedAt, Player, RenewAt, lasting, playing
from shared.limits.call_budgets import Work
from shared.ports import Ingest
from shared.sessions.admissions.joining import Joined
from shared.sessions.model import BroadcastState
from shared.sessions.moderation import rotate_stream_key, set_moderator, stream_ingest
from shared.sessions.resource import controller as session_controller

if TYPE_CHECKING:
    from shared.sessions.session import Session
    from shared.slides.context import Context


@message
class SessionNamed:
    """A session."""

    sessionId: SessionId


@message
class JoinSession:
    """The entry into a live event."""

    sessionId: SessionId
    forceRefresh: Annotated[bool, Doc("Kaltura refused what you were given: check everything")] | None = None
    playerKs: Annotated[bool, Doc("also return a KS for Kaltura's own player")] | None = None


@message
class Chat:
    """A place in Kaltura's chat."""

    jwt: str
    expiresAt: ExpiresAt
    renewAt: RenewAt


@message
class Room:
    """A place in the event's room."""

    url: Annotated[str, Doc("to open or embed")]
    expiresAt: ExpiresAt
    renewAt: RenewAt


@message
class SlidesChat:
    """A place in the session's chat room, which tells of each change of what is shown."""

    address: Annotated[str, Doc("the chat server's WebSocket")]
    jid: Annotated[str, Doc("the person there")]
    roomJid: Annotated[str, Doc("the room")]
    password: str
    expiresAt: ExpiresAt
    renewAt: RenewAt


@message
class Slides:
    """A place at the API of shared live media, for this session alone."""

    token: Annotated[str, Doc("the bearer token")]
    expiresAt: ExpiresAt
    renewAt: RenewAt
    chat: Annotated[SlidesChat | None, Doc("null without `XMPP_ADDRESS`")]


@message
class JoinAnswer:
    """The grants that a person gets in a live event."""

    sessionId: SessionId
    userId: Annotated[str, Doc("the caller, as Kaltura knows them")]
    entryId: str
    virtualEventId: Annotated[str | None, Doc("null if the account has none")]
    isModerator: bool
    broadcast: BroadcastState
    player: Player
    chat: Annotated[Chat | None, Doc("null if the account has no chat token")]
    room: Annotated[Room | None, Doc("null without `KALTURA_ROOM_URL`, or without times")]
    slides: Annotated[Slides | None, Doc("null without `SLIDES_BUCKET`")]
    refreshableAt: Annotated[datetime | None, Doc("when `forceRefresh` can check everything again")]
    issuedAt: IssuedAt


@message
class SetModerator:
    """A person, and whether they moderate."""

    sessionId: SessionId
    uid: Uid
    isModerator: bool


@message
class ModeratorAnswer:
    """The request, and whether Kaltura knows it already."""

    sessionId: SessionId
    uid: Uid
    isModerator: bool
    isSettled: Annotated[bool, Doc("whether Kaltura knows it already; if not, it will")]


@message
class IngestAnswer:
    """The addresses that an encoder sends its stream to. SRT and RTMPS are there if the account has them."""

    sessionId: SessionId
    url: str
    backupUrl: str | None
    streamName: str
    streamKey: str
    streamUsername: str | None = None
    primarySecuredBroadcastingUrl: str | None = None
    secondarySecuredBroadcastingUrl: str | None = None
    primarySrtBroadcastingUrl: str | None = None
    primarySrtStreamId: str | None = None
    secondarySrtBroadcastingUrl: str | None = None
    secondarySrtStreamId: str | None = None
    srtPass: str | None = None


@callable_function(JoinSession, Work.PLAY, asks_provider=True, chats=True, shares=True, is_kept_ready=True)
def joinSession(call: Call[JoinSession]) -> JoinAnswer:
    """
    Let a client enter a live event, and stay in it, with this one call.
    """
    asked = call.fields
    joined = wiring.joining().join(
        call.caller,
        asked.sessionId,
        force_refresh=asked.forceRefresh is True,
        needs_player_key=asked.playerKs is True,
    )
    return to_response(asked.sessionId, joined, wiring.now(), _slides(call, joined))


def _slides(call: Call[JoinSession], joined: Joined) -> Slides | None:
    """
    Return the caller's token for shared live media, if this deployment has them.
    """
    if not config.SLIDES_BUCKET.value or joined.session.created_at is None:
        return None
    from functions import contexts
    from shared.slides.context import Context

    now = wiring.now()
    context = Context(call.caller, joined.session.id, joined.session.created_at)
    token, expires_at = contexts.sign(context, contexts.token_secret(), now)
    chat = _slides_chat(context, joined.session, contexts.CONTEXT_LIFETIME_S, now)
    return Slides(token=token, chat=chat, **lasting(expires_at, now))


def _slides_chat(context: Context, session: Session, lifetime_s: int, now: datetime) -> SlidesChat | None:
    chat = wiring.app().chat
    if chat is None:
        return None
    from shared.slides.broadcast import room_of

    is_moderator = context.teaches(session)
    login = chat().login(room_of(session.identity), context.uid, is_moderator=is_moderator, lifetime_s=lifetime_s)
    return SlidesChat(
        address=login.address,
        jid=login.jid,
        roomJid=login.room_jid,
        password=login.password,
        **lasting(login.expires_at, now),
    )


@callable_function(SetModerator, Work.CHANGE, asks_provider=True)
def setModerator(call: Call[SetModerator]) -> ModeratorAnswer:
    """
    Set whether a person moderates a session's live events.
    """
    asked = call.fields
    wiring.kill_switch().require_open()
    app = wiring.app()
    is_settled = set_moderator(
        call.caller,
        asked.sessionId,
        asked.uid,
        app.get(session_controller),
        app.queue,
        wiring.now,
        is_moderator=asked.isModerator,
    )
    return ModeratorAnswer(
        sessionId=asked.sessionId, uid=asked.uid, isModerator=asked.isModerator, isSettled=is_settled
    )


@callable_function(SessionNamed, Work.LOOK, asks_provider=True)
def getStreamIngest(call: Call[SessionNamed]) -> IngestAnswer:
    """
    Return the addresses that the owner's encoder sends its stream to.
    """
    wiring.kill_switch().require_open()
    session_id = call.fields.sessionId
    return ingest_response(session_id, stream_ingest(call.caller, session_id, wiring.app().get(session_controller)))


@callable_function(SessionNamed, Work.CHANGE, asks_provider=True)
def rotateStreamKey(call: Call[SessionNamed]) -> IngestAnswer:
    """
    Return the same with a new stream key. The old key no longer works.
    """
    wiring.kill_switch().require_open()
    session_id = call.fields.sessionId
    return ingest_response(session_id, rotate_stream_key(call.caller, session_id, wiring.app().get(session_controller)))


def to_response(session_id: str, joined: Joined, now: datetime, slides: Slides | None = None) -> JoinAnswer:
    """
    Return what somebody is given, with the time when each part expires. Pure.
    """
    admission, external_ids = joined.admission, joined.pairing.external_ids
    chat, room = admission.chat, admission.room
    player: dict[str, Any] = playing(admission.player.values, admission.player.expires_at, joined.player_key, now)
    return JoinAnswer(
        sessionId=session_id,
        userId=admission.user_id,
        entryId=external_ids["entryId"],
        virtualEventId=external_ids.get("virtualEventId") or None,
        isModerator=joined.is_moderator,
        broadcast=joined.pairing.airing.state,
        player=Player(**player),
        chat=None if chat is None else Chat(jwt=chat.token, **lasting(chat.expires_at, now)),
        room=None if room is None else Room(url=room.url, **lasting(room.expires_at, now)),
        slides=slides,
        refreshableAt=joined.refreshable_at,
        issuedAt=now,
    )


def ingest_response(session_id: str, ingest: Ingest) -> IngestAnswer:
    """
    Return the addresses as an encoder's owner reads them. Pure.
    """
    return IngestAnswer(
        sessionId=session_id,
        url=ingest.url,
        backupUrl=ingest.backup_url,
        streamName=ingest.stream_name,
        streamKey=ingest.stream_key,
        **ingest.values,
    )
