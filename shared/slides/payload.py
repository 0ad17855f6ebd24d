"""The JSON that clients of the REST API get: a media with signed addresses, and a session with what it shows. Pure,
except that addresses are signed.

The names are those of the API that clients of shared live media know. A "video" is the live session.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.ports import Document, Fields
from shared.slides.addresses import Addresses, Wanted
from shared.slides.model import Deck, page_name, source_name, thumbnail_name
from shared.slides.showing import active_page, revision_of, shown_in
from shared.slides.timeline import Entry
from shared.slides.view import deck_in


@dataclass(frozen=True, slots=True)
class Payloads:
    """
    Makes the payloads for one person.

    Attributes:
        addresses: Signs the addresses of objects.
        is_instructor: Whether the person is an instructor, who may always download documents.
    """

    addresses: Addresses
    is_instructor: bool

    def media(self, media_id: str, view: Fields, *, has_addresses: bool = True) -> dict[str, Any]:
        """
        Return one media.

        Args:
            media_id: Its id.
            view: Its view.
            has_addresses: Whether to sign its addresses, each of which may be a call of an API.
        """
        return {
            "id": media_id,
            "video_id": view["sessionId"],
            "active_stamp": None if view["activeStamp"] is None else str(view["activeStamp"]),
            "filename": view["fileName"],
            "is_ready_to_show": view["isReadyToShow"],
            "nb_pages": view["nbPages"],
            "show_download": view["showDownload"],
            "title": view["title"],
            "upload_state": view["uploadState"],
            "error": view["error"],
            "warnings": view["warnings"],
            "urls": self._addresses(media_id, view, deck_in(view)) if has_addresses else None,
        }

    def session(self, document: Document, title: str, views: Iterable[Document]) -> dict[str, Any]:
        """
        Return a session, with what it shows and with all its media. Only the media that is shown has addresses.
        """
        active = shown_in(document)
        medias = [self.media(view.id, view.fields, has_addresses=view.id == active) for view in views]
        shown = next((media for media in medias if media["id"] == active), None)
        return {
            "id": document.id,
            "title": title,
            "active_shared_live_media": shown,
            "active_shared_live_media_page": None if shown is None else active_page(document, shown["id"]),
            "revision": revision_of(document),
            "shared_live_medias": medias,
        }

    def timeline(
        self,
        session_id: str,
        entries: Sequence[Entry],
        shown: Mapping[str, Collection[int]],
        views: Mapping[str, Fields],
    ) -> dict[str, Any]:
        """
        Return changes of what a session showed, with the media that occur in them.

        Args:
            session_id: The session.
            entries: The changes, in their order.
            shown: The pages that occur in them, by media.
            views: The views of these media; that of a deleted one is missing.
        """
        return {
            "id": session_id,
            "results": [
                {
                    "revision": entry.revision,
                    "at": entry.at.isoformat(),
                    "shared_live_media": entry.media_id,
                    "page": entry.page,
                }
                for entry in entries
            ],
            "shared_live_medias": [
                self._of_timeline(media_id, pages, views.get(media_id)) for media_id, pages in shown.items()
            ],
        }

    def _of_timeline(self, media_id: str, pages: Collection[int], view: Fields | None) -> dict[str, Any]:
        """
        Return a media with the addresses of these pages, as its document is now.
        """
        deck = None if view is None else deck_in(view)
        urls = None
        if deck is not None:
            drawn = {number: page for number, page in enumerate(deck.pages, 1) if page is not None}
            numbers = [number for number in sorted(pages) if number in drawn]
            stamp, attempt = deck.upload.stamp, deck.attempt
            names = [page_name(media_id, stamp, attempt, number, drawn[number].extension) for number in numbers]
            signed = self.addresses.of([(name, None) for name in names])
            urls = {"pages": dict(zip(map(str, numbers), signed, strict=True))}
        return {
            "id": media_id,
            "is_deleted": view is None,
            "title": None if view is None else view["title"],
            "nb_pages": None if view is None else view["nbPages"],
            "urls": urls,
        }

    def _addresses(self, media_id: str, view: Fields, deck: Deck | None) -> dict[str, Any] | None:
        if deck is None:
            return None
        stamp, attempt = deck.upload.stamp, deck.attempt
        numbered = [(number, page) for number, page in enumerate(deck.pages, 1) if page is not None]
        wanted: list[Wanted] = [
            *((page_name(media_id, stamp, attempt, number, page.extension), None) for number, page in numbered),
            *((thumbnail_name(media_id, stamp, attempt, number), None) for number, _ in numbered),
        ]
        if view["isReadyToShow"] and (self.is_instructor or view["showDownload"]):
            wanted.append((source_name(media_id, deck.upload), view["fileName"]))
        signed = self.addresses.of(wanted)
        numbers, count = [str(number) for number, _ in numbered], len(numbered)
        of_pages, of_thumbnails, of_media = signed[:count], signed[count : 2 * count], signed[2 * count :]
        return {
            "pages": dict(zip(numbers, of_pages, strict=True)),
            "thumbnails": dict(zip(numbers, of_thumbnails, strict=True)),
            **({"media": of_media[0]} if of_media else {}),
        }
