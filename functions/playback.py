"""The callable by which videos and live events are watched.

Who may watch, when, and for how long, is left to `shared/videos/playback.py` and
`shared/sessions/admissions/joining.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from functions import config, wiring
from functions.edge.callables import Call, callable_function
from functions.edge.fields import Doc, HostName, SessionId, VideoId, message
from functions.granting import ExpiresAt, IssuedAt, RenewAt, lasting, playing
from shared.core.callers import Caller
from shared.core.errors import BadRequest
from shared.core.identity import SessionIdentity
from shared.core.paths import SESSIONS, SLIDE_TIMELINES
from shared.limits.call_budgets import Work
from shared.videos.resource import playbacks

if TYPE_CHECKING:
    from shared.sessions.admissions.joining import Watching
    from shared.videos.playback import Playback


@message
class IssuePlayback:
    """A grant to play. One of `videoId` and `sessionId` is needed."""

    videoId: VideoId | None = None
    sessionId: Annotated[SessionId, Doc("instead of `videoId`: the session's live event")] | None = None
    failedHost: Annotated[HostName, Doc("with `videoId`: the `host` that did not play")] | None = None
    playerKs: Annotated[bool, Doc("also return a KS for Kaltura's own player")] | None = None


@message
class PlayedSlides:
    """Where to find the slides that the session showed during this broadcast."""

    timeline: Annotated[str, Doc("the collection of its timeline")]
    startedAt: Annotated[datetime | None, Doc("the instant of position 0; null for a live event")]
    token: Annotated[str, Doc("the bearer token of the API of slides")]
    expiresAt: ExpiresAt
    renewAt: RenewAt


@message
class PlaybackAnswer:
    """The addresses at which a video or event plays."""

    videoId: Annotated[str, Doc("as in the request")] | None = None
    sessionId: Annotated[str, Doc("as in the request")] | None = None
    host: Annotated[str, Doc("with `videoId`")] | None = None
    playUrl: Annotated[str, Doc("with `videoId`")] | None = None
    manifestUrl: Annotated[str, Doc("HLS; if a host or the provider has it")] | None = None
    progressiveUrl: Annotated[str, Doc("one file; for Kaltura, or if a host has it")] | None = None
    thumbnailUrl: Annotated[str, Doc("a picture; if a host or the provider has it")] | None = None
    ks: Annotated[str, Doc("with `playerKs: true`")] | None = None
    slides: Annotated[PlayedSlides, Doc("for recordings and live events; with `SLIDES_BUCKET`")] | None = None
    issuedAt: IssuedAt
    expiresAt: ExpiresAt
    renewAt: RenewAt


@callable_function(IssuePlayback, Work.PLAY, asks_provider=True, shares=True, is_kept_ready=True)
def issuePlayback(call: Call[IssuePlayback]) -> PlaybackAnswer:
    """
    Return a grant to play one video, or a session's live event. Viewers ask again before the grant ends. Viewers who
    may no longer watch get none.
    """
    asked = call.fields
    needs_key = asked.playerKs is True
    if asked.videoId is not None and asked.sessionId is None:
        playback = (
            wiring.app()
            .get(playbacks)
            .issue_playback(call.caller, asked.videoId, asked.failedHost, needs_player_key=needs_key)
        )
        began_at = playback.began_at
        slides = None if began_at is None else _slides(call.caller, playback.session, began_at)
        return video_response(asked.videoId, playback, wiring.now(), slides)
    if asked.videoId is not None or asked.sessionId is None:
        raise BadRequest("Send either a videoId or a sessionId.", reason="FIELDS_CONFLICT")
    if asked.failedHost is not None:
        raise BadRequest("A live event has one host. Send failedHost with a videoId only.", reason="FIELDS_CONFLICT")
    watching = wiring.joining().issue_playback(call.caller, asked.sessionId, needs_player_key=needs_key)
    slides = _slides(call.caller, watching.session.identity, None)
    return event_response(asked.sessionId, watching, wiring.now(), slides)


def _slides(caller: Caller, session: SessionIdentity, began_at: datetime | None) -> PlayedSlides | None:
    """
    Return where the slides of a broadcast are, if this deployment has them. Viewers of a recording cannot join the
    session any more, so they get their token here.
    """
    if not config.SLIDES_BUCKET.value or session.created_at is None:
        return None
    from functions import contexts
    from shared.slides.context import Context

    now, context = wiring.now(), Context(caller, session.session_id, session.created_at)
    token, expires_at = contexts.sign(context, contexts.token_secret(), now)
    timeline = f"{SESSIONS}/{session.session_id}/{SLIDE_TIMELINES}"
    return PlayedSlides(timeline=timeline, startedAt=began_at, token=token, **lasting(expires_at, now))


def video_response(
    video_id: str, playback: Playback, now: datetime, slides: PlayedSlides | None = None
) -> PlaybackAnswer:
    """
    Return the addresses of a video. Pure.
    """
    told = playing(playback.values, playback.expires_at, playback.player_key, now)
    return PlaybackAnswer(
        videoId=video_id, host=playback.host, playUrl=playback.url, slides=slides, issuedAt=now, **told
    )


def event_response(
    session_id: str, watching: Watching, now: datetime, slides: PlayedSlides | None = None
) -> PlaybackAnswer:
    """
    Return the addresses of a live event. Pure.
    """
    grant = watching.grant
    told = playing(grant.values, grant.expires_at, watching.player_key, now)
    return PlaybackAnswer(sessionId=session_id, slides=slides, issuedAt=now, **told)
