"""Show a media in its session: start, turn to a page, end.

Called by the REST API. What is shown is in the session's document, which clients listen to: `activeSharedLiveMedia`,
`activeSharedLiveMediaPage`, and a `revision` that grows with every change. They are written in one conditional commit,
so that two instructors who act at once get one order, and a media that is being deleted is never shown. The same commit
adds the change to the timeline of the session.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from shared.core.errors import BadRequest, NotFound, WrongState
from shared.core.paths import MEDIA_ID, session_path, shared_media_path, slide_timeline_path, timeline_path
from shared.core.retry import RetryOnConflict
from shared.ports import Clock, Document, Documents, Fields, Update
from shared.sessions.session import Session
from shared.slides.broadcast import END, NAVIGATE, START, Announcement
from shared.slides.context import Context
from shared.slides.timeline import TAIL, Entry, Recorded, Tail, appended, begun, not_before
from shared.slides.timelines.model import timeline_key
from shared.slides.view import belongs, deck_in

ACTIVE: Final = "activeSharedLiveMedia"
ACTIVE_PAGE: Final = "activeSharedLiveMediaPage"
REVISION: Final = "revision"

SESSION_CHANGED: Final = "The session was changed at every try. Try again."

Announce = Callable[[Announcement], None]
"""Called after a change was written: enqueues its message to the session's chat room."""


def tell_nobody(_announcement: Announcement) -> None:
    """
    Tell nobody: this deployment has no chat.
    """


def shown_in(session: Document) -> str | None:
    """
    Return the id of the media that a session shows; `None` if it shows none, or if the field has no such id. Pure.
    """
    active = session.fields.get(ACTIVE)
    return active if isinstance(active, str) and MEDIA_ID.fullmatch(active) else None


def active_page(session: Document, media_id: str) -> int | None:
    """
    Return the page that a session shows of a media; `None` if it does not show it. Pure.
    """
    if shown_in(session) != media_id:
        return None
    page = session.fields.get(ACTIVE_PAGE)
    return page if type(page) is int else 1


def start(context: Context, media_id: str, documents: Documents, announce: Announce, clock: Clock) -> None:
    """
    Show a media, beginning with its first page.

    Args:
        context: Who shows it.
        media_id: The media.
        documents: The documents.
        announce: See `Announce`.
        clock: Returns the present time, in UTC.

    Raises:
        NotAllowed, NotFound: The session is not this instructor's (never).
        NotFound: The session has no such media (never).
        WrongState: Another media, or this one, is shown already (again, once that has ended), or the media is not ready
            (again, once it is).
        Conflict: The session was changed at every try (again).
    """
    retry = RetryOnConflict(SESSION_CHANGED)
    while True:
        session, view = _read(context, media_id, documents)
        if shown_in(session) is not None:
            raise WrongState("Video is already sharing.", reason="ALREADY_SHARING")
        if not view["isReadyToShow"]:
            raise WrongState("Shared live media is not ready.", reason="MEDIA_NOT_READY")
        with retry:
            revision = _show(session, documents, clock, media_id, 1, is_retry=retry.is_repeated)
            announce(Announcement(session.id, START, revision, media_id, 1))
            return


def navigate(
    context: Context,
    media_id: str,
    page: object,
    documents: Documents,
    announce: Announce,
    clock: Clock,
) -> None:
    """
    Turn to a page of the media that is shown.

    Args:
        context: Who turns.
        media_id: The media.
        page: The number of the page, as it was received.
        documents: The documents.
        announce: See `Announce`.
        clock: Returns the present time, in UTC.

    Raises:
        NotAllowed, NotFound: As `start` (never).
        WrongState: The media is not shown (again, once it is).
        BadRequest: The page is not a whole number, or the media has no such page (never).
        Conflict: The session was changed at every try (again).
    """
    retry = RetryOnConflict(SESSION_CHANGED)
    while True:
        session, view = _read(context, media_id, documents)
        _require_active(session, media_id)
        if type(page) is not int:
            raise BadRequest("Invalid page number.", reason="PAGE_INVALID")
        deck = deck_in(view)
        if deck is None or not 1 <= page <= len(deck.pages):
            raise BadRequest("Page does not exist.", reason="PAGE_NOT_FOUND")
        with retry:
            revision = _show(session, documents, clock, media_id, page, is_retry=retry.is_repeated)
            announce(Announcement(session.id, NAVIGATE, revision, media_id, page))
            return


def end(context: Context, media_id: str, documents: Documents, announce: Announce, clock: Clock) -> None:
    """
    Stop showing a media. Arguments as of `start`.

    Raises:
        NotAllowed, NotFound: As `start` (never).
        WrongState: The media is not shown (never).
        Conflict: The session was changed at every try (again).
    """
    retry = RetryOnConflict(SESSION_CHANGED)
    while True:
        (session,) = documents.read(session_path(context.session_id))
        context.require_instructor(session)
        assert session is not None
        _require_active(session, media_id)
        with retry:
            revision = _show(session, documents, clock, None, None, is_retry=retry.is_repeated)
            announce(Announcement(session.id, END, revision))
            return


def existing_tail(session: Document, documents: Documents) -> Tail | None:
    """
    Return the end of a session's timeline; `None` if it has none, or if its chunk was deleted by hand.
    """
    tail = Tail.in_session(session)
    if tail is None or documents.read(slide_timeline_path(session.id, tail.chunk)) == (None,):
        return None
    return tail


def touched(session: Document, **changes: Any) -> Update:
    """
    Return the write of what a session shows, with the next revision. It succeeds only if the session has not changed
    since it was read. Pure.
    """
    return Update(session.path, {**changes, REVISION: next_revision(session)}, if_version=session.version)


def next_revision(session: Document) -> int:
    """
    Return the revision of the next change of what a session shows. Pure.
    """
    return revision_of(session) + 1


def revision_of(session: Document) -> int:
    """
    Return the revision of what a session shows; 0 if the field is no whole number. Pure.
    """
    revision = session.fields.get(REVISION)
    return revision if type(revision) is int else 0


def _show(
    session: Document, documents: Documents, clock: Clock, media_id: str | None, page: int | None, *, is_retry: bool
) -> int:
    """
    Write what a session shows, and return its new revision.
    """
    revision = next_revision(session)
    tail = _tail(session, documents, is_retry=is_retry)
    entry = Entry(revision, not_before(Tail.in_session(session), clock()), media_id, page)
    recorded = _begun(session, documents, entry) if tail is None else appended(session.id, tail, entry)
    shown = {ACTIVE: media_id, ACTIVE_PAGE: page, TAIL: recorded.tail.to_fields()}
    documents.commit(touched(session, **shown), *recorded.writes)
    return revision


def _tail(session: Document, documents: Documents, *, is_retry: bool) -> Tail | None:
    """
    Return the end of the timeline to which an entry can be added; `None` if another chunk begins. After a conflict the
    chunk is looked for: it may have been deleted by hand.
    """
    tail = Tail.in_session(session)
    if tail is None or tail.is_full:
        return None
    return existing_tail(session, documents) if is_retry else tail


def _begun(session: Document, documents: Documents, entry: Entry) -> Recorded:
    identity = Session.from_document(session).identity
    (known,) = documents.read(timeline_path(timeline_key(identity)))
    return begun(identity, known, entry)


def _require_active(session: Document, media_id: str) -> None:
    if shown_in(session) != media_id:
        raise WrongState("No shared live media.", reason="NOTHING_SHARED")


def _read(context: Context, media_id: str, documents: Documents) -> tuple[Document, Fields]:
    """
    Read the session and the view of one of its media.

    Raises:
        NotAllowed: The instructor does not teach or moderate the session any more (never).
        NotFound: The session or the media does not exist (never).
    """
    session_id = context.session_id
    session, view = documents.read(session_path(session_id), shared_media_path(session_id, media_id))
    present = context.require_instructor(session)
    if view is None or not belongs(view.fields, present):
        raise NotFound("Not found.", reason="MEDIA_NOT_FOUND")
    assert session is not None
    return session, view.fields
