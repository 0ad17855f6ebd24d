"""Read what a session has to show: one media, all of them, the session itself, and what it showed when. Returns
payloads for the REST API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.core.errors import NotFound
from shared.core.identity import SessionIdentity
from shared.core.paths import (
    SLIDES,
    enrolment_path,
    session_path,
    shared_media_path,
    slide_timeline_path,
    timeline_path,
)
from shared.ports import Condition, Document, Documents, Operator, Query
from shared.sessions.session import Session
from shared.slides.addresses import Addresses
from shared.slides.context import Context
from shared.slides.payload import Payloads
from shared.slides.timeline import Entry, entries_in
from shared.slides.timelines.model import Timeline, timeline_key
from shared.slides.view import belongs, deck_in

LISTED_PAGES_MAX: Final = 500
"""The pages in one answer to a list that have addresses: media after them have none, so that the answer is ready in
time, and has some 1 MiB at most. Each media that is read by its id has all its addresses."""


@dataclass(frozen=True, slots=True)
class Reading:
    """
    The use cases, and what they need.

    Attributes:
        documents: Where the documents are stored.
        addresses: Gives the addresses of pages and documents.
    """

    documents: Documents
    addresses: Addresses

    def media(self, context: Context, media_id: str) -> dict[str, Any]:
        """
        Return one media of the person's session.

        Raises:
            NotFound: There is no such session for this person, or no such media in it (never).
        """
        view_path = shared_media_path(context.session_id, media_id)
        document, enrolment, view = self.documents.read(*_entry(context), view_path)
        session = context.require_viewer(document, enrolment)
        if view is None or not belongs(view.fields, session):
            raise NotFound("Not found.", reason="MEDIA_NOT_FOUND")
        return Payloads(self.addresses, context.teaches(session)).media(media_id, view.fields)

    def medias(self, context: Context, first: int, count: int) -> tuple[int, list[dict[str, Any]]]:
        """
        Return how many media an instructor's session has, and some of them, the oldest first. Media beyond
        `LISTED_PAGES_MAX` have no addresses.

        Args:
            context: The instructor.
            first: How many to leave out.
            count: The most to return.

        Raises:
            NotFound, NotAllowed: The session is not this instructor's (never).
        """
        (document,) = self.documents.read(session_path(context.session_id))
        session = context.require_instructor(document)
        payloads = Payloads(self.addresses, is_instructor=True)
        views = self._views(session)
        medias: list[dict[str, Any]] = []
        pages = 0
        for view in views[first : first + count]:
            deck = deck_in(view.fields)
            pages += 0 if deck is None else len(deck.pages)
            medias.append(payloads.media(view.id, view.fields, has_addresses=not medias or pages <= LISTED_PAGES_MAX))
        return len(views), medias

    def session(self, context: Context) -> dict[str, Any]:
        """
        Return the session, with what it shows and all its media.

        Raises:
            NotFound: There is no such session for this person (never).
        """
        document, enrolment = self.documents.read(*_entry(context))
        session = context.require_viewer(document, enrolment)
        assert document is not None
        payloads = Payloads(self.addresses, context.teaches(session))
        return payloads.session(document, session.title, self._views(session))

    def timeline(self, context: Context, first: int, count: int) -> tuple[int, dict[str, Any]]:
        """
        Return how many changes the timeline of the session has, and some of them, the earliest first, with the media
        that occur in these.

        Args:
            context: The person.
            first: How many changes to leave out.
            count: The most to return. So many addresses are signed at most.

        Raises:
            NotFound: There is no such session for this person (never).
        """
        key = timeline_key(SessionIdentity(context.session_id, "", context.created_at))
        document, enrolment, known = self.documents.read(*_entry(context), timeline_path(key))
        session = context.require_viewer(document, enrolment)
        entries = [] if known is None else self._changes(session, Timeline.from_document(known))
        taken = entries[first : first + count]
        shown: dict[str, set[int]] = {}
        for entry in taken:
            if entry.media_id is not None and entry.page is not None:
                shown.setdefault(entry.media_id, set()).add(entry.page)
        found = self.documents.read(*(shared_media_path(session.id, media_id) for media_id in shown))
        views = {view.id: view.fields for view in found if view is not None and belongs(view.fields, session)}
        payloads = Payloads(self.addresses, context.teaches(session))
        return len(entries), payloads.timeline(session.id, taken, shown, views)

    def _changes(self, session: Session, timeline: Timeline) -> list[Entry]:
        chunks = self.documents.read(*(slide_timeline_path(session.id, chunk) for chunk in timeline.chunks))
        return entries_in(chunk.fields for chunk in chunks if chunk is not None and belongs(chunk.fields, session))

    def _views(self, session: Session) -> Sequence[Document]:
        of_session = Condition("sessionId", Operator.EQUAL, session.id)
        alive = Condition("gone", Operator.EQUAL, False)
        records = self.documents.select(Query(SLIDES, (of_session, alive)))
        if not records:
            return ()
        found = self.documents.read(*(shared_media_path(session.id, record.id) for record in records))
        views = [view for view in found if view is not None and belongs(view.fields, session)]
        return sorted(views, key=lambda view: (view.fields["createdAt"], view.id))


def _entry(context: Context) -> tuple[str, str]:
    return session_path(context.session_id), enrolment_path(context.session_id, context.caller.uid)
