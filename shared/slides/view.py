"""The document that shows a shared live media to those who may watch its session. Pure.

`sessions/{sessionId}/sharedLiveMedias/{mediaId}`: written by the commands and the reconciler, read by clients and by
the REST API. It holds no address: `payload.py` signs addresses when they are asked for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shared.core.identity import Belonging, SessionIdentity
from shared.ports import Fields
from shared.sessions.session import Session
from shared.slides.model import Deck, SharedMedia, UploadState, Wish
from shared.slides.types import shown_name


def shown(record: SharedMedia, wish: Wish) -> dict[str, Any]:
    """
    Return the fields of the view.
    """
    deck = record.deck
    is_new = wish.upload is not None and wish.upload.stamp > record.stamp
    problem = None if is_new else record.problem
    return {
        **record.session.to_fields(),
        "createdAt": record.created_at,
        "title": wish.title,
        "showDownload": wish.show_download,
        "uploadState": (UploadState.PENDING if is_new else record.state).value,
        "isReadyToShow": deck is not None,
        "activeStamp": None if deck is None else deck.upload.stamp,
        "fileName": None if deck is None else shown_name(wish.title, deck.upload.file_name, deck.upload.kind),
        "nbPages": None if deck is None else len(deck.pages),
        "deck": None if deck is None else shown_deck(deck),
        "error": None if problem is None else problem.to_fields(),
        "warnings": [] if is_new else list(record.warnings),
    }


def shown_deck(deck: Deck) -> dict[str, Any]:
    """
    Return a converted document without what only the server needs, such as its name on the instructor's computer.
    """
    return replace(deck, upload=replace(deck.upload, file_name="", size_bytes=0, generation=None)).to_fields()


def is_as(view: Fields | None, told: Fields) -> bool:
    """
    Tell whether a view has the fields that it should have. Others that somebody has added do not count.
    """
    return view is not None and all(name in view and view[name] == value for name, value in told.items())


def belongs(view: Fields, session: Session) -> bool:
    """
    Tell whether a view belongs to a session: to its incarnation and its owner.
    """
    return SessionIdentity.from_fields(session.id, view).belonging(session.identity) is Belonging.SAME


def deck_in(view: Fields) -> Deck | None:
    """
    Return the converted document in a view. While the first document of a media is converted, its deck has the pages
    that are drawn so far, and the view is not ready to show.
    """
    return None if view["deck"] is None else Deck.from_fields(view["deck"])
