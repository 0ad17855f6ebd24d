"""The record of a shared live media, with its document form `slides/{mediaId}`.

Called by the other files of this folder. The document that clients read, `sessions/{id}/sharedLiveMedias/{mediaId}`, is
in `view.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from shared.core.identity import SessionIdentity
from shared.core.paths import MEDIA_ID, SLIDES
from shared.core.references import Kind
from shared.ports import Document
from shared.reconcile import Progress
from shared.slides.types import TYPES

MEDIA: Final = Kind("media", SLIDES, MEDIA_ID)
"""The kind of the references of media, which have no generations: theirs is always 1."""

_SOURCE: Final = re.compile(f"slides/({MEDIA_ID.pattern})/[1-9][0-9]{{0,11}}/source\\.(?:{'|'.join(TYPES)})")
"""The names that `source_name` gives."""


class UploadState(StrEnum):
    """
    The `upload_state` that clients read.
    """

    PENDING = "pending"
    PROCESSING = "processing"
    READY = "ready"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Upload:
    """
    A document that may arrive, or has arrived, in Cloud Storage.

    Attributes:
        stamp: The Unix time in seconds at which the upload was begun; it grows with each upload of a media.
        file_name: Its name on the instructor's computer.
        kind: Its type, as a file extension: a key of `types.TYPES`.
        size_bytes: Its size, which the address of the upload demands.
        begun_at: When the upload was begun.
        generation: The generation of the object; `None` until it has arrived.
    """

    stamp: int
    file_name: str
    kind: str
    size_bytes: int
    begun_at: datetime
    generation: int | None = None

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form. Pure.
        """
        return {
            "stamp": self.stamp,
            "fileName": self.file_name,
            "kind": self.kind,
            "sizeBytes": self.size_bytes,
            "begunAt": self.begun_at,
            "generation": self.generation,
        }

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """
        Read back what `to_fields` wrote. Pure.
        """
        return cls(
            fields["stamp"],
            fields["fileName"],
            fields["kind"],
            fields["sizeBytes"],
            fields["begunAt"],
            fields["generation"],
        )


@dataclass(frozen=True, slots=True)
class Page:
    """
    The picture of one page.

    Attributes:
        width: In pixels.
        height: In pixels.
        extension: `webp` or `png`.
        is_blank: Whether the page could not be drawn, and a marked blank stands for it.
    """

    width: int
    height: int
    extension: str
    is_blank: bool = False

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form. Pure.
        """
        return {"width": self.width, "height": self.height, "extension": self.extension, "isBlank": self.is_blank}

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """
        Read back what `to_fields` wrote. Pure.
        """
        return cls(fields["width"], fields["height"], fields["extension"], fields["isBlank"])


@dataclass(frozen=True, slots=True)
class Deck:
    """
    A converted document.

    Attributes:
        upload: The document.
        attempt: The number of the conversion that made the pages; it is part of their names.
        pages: The pages, in their order; `None` for a page that is still to be drawn.
    """

    upload: Upload
    attempt: int
    pages: tuple[Page | None, ...] = ()

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form. Pure.
        """
        return {
            "upload": self.upload.to_fields(),
            "attempt": self.attempt,
            "pages": [None if page is None else page.to_fields() for page in self.pages],
        }

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """
        Read back what `to_fields` wrote. Pure.
        """
        pages: Sequence[Mapping[str, Any] | None] = fields["pages"]
        drawn = tuple(None if page is None else Page.from_fields(page) for page in pages)
        return cls(Upload.from_fields(fields["upload"]), fields["attempt"], drawn)


@dataclass(frozen=True, slots=True)
class Problem:
    """
    Why a document cannot be shown.

    Attributes:
        reason: A code for clients, such as `ENCRYPTED`.
        message: A sentence for the instructor, who can act on it.
    """

    reason: str
    message: str

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form. Pure.
        """
        return {"reason": self.reason, "message": self.message}


class Life(StrEnum):
    """
    Whether a media exists.

    `ALIVE`: it does. `REMOVED`: its objects were deleted, and the record waits until no address of an upload works any
    more. `FORGOTTEN`: the record itself is deleted.
    """

    ALIVE = "alive"
    REMOVED = "removed"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True)
class SharedMedia:
    """
    The record of a shared live media.

    Attributes:
        session: The session to which it belongs.
        created_at: When it was created.
        life: Whether it exists.
        state: The state of the last upload.
        stamp: The stamp of the last upload that was taken up; 0 for none.
        upload: The last upload, until it is converted or has failed.
        deck: What can be shown. It stays while another document is uploaded and converted.
        attempt: Counts conversions; each writes its pages under a prefix of its own.
        tries: Conversions of the present upload that were begun.
        looks: How often the object of the present upload was looked for.
        looked_at: When it was last looked for.
        problem: Why the last upload failed, if it did.
        warnings: What the instructor should know about the conversion, such as replaced fonts.
        addresses_end_at: From then on no address of an upload can bring an object any more; `None` if none was given.
        clean_at: When objects that nothing names are to be deleted; `None` if there can be none.
        progress: The reconciler's part.
    """

    session: SessionIdentity
    created_at: datetime
    life: Life = Life.ALIVE
    state: UploadState = UploadState.PENDING
    stamp: int = 0
    upload: Upload | None = None
    deck: Deck | None = None
    attempt: int = 0
    tries: int = 0
    looks: int = 0
    looked_at: datetime | None = None
    problem: Problem | None = None
    warnings: tuple[str, ...] = ()
    addresses_end_at: datetime | None = None
    clean_at: datetime | None = None
    progress: Progress = field(default_factory=Progress)

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form, without the spec (`wish`). Pure.
        """
        return {
            **self.session.to_fields(),
            "createdAt": self.created_at,
            "life": self.life.value,
            "gone": self.life is not Life.ALIVE,
            "uploadState": self.state.value,
            "stamp": self.stamp,
            "upload": None if self.upload is None else self.upload.to_fields(),
            "deck": None if self.deck is None else self.deck.to_fields(),
            "attempt": self.attempt,
            "tries": self.tries,
            "looks": self.looks,
            "lookedAt": self.looked_at,
            "problem": None if self.problem is None else self.problem.to_fields(),
            "warnings": list(self.warnings),
            "addressesEndAt": self.addresses_end_at,
            "cleanAt": self.clean_at,
            **self.progress.to_fields(),
        }

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """
        Read back what `to_fields` wrote. Pure.
        """
        fields = document.fields
        problem = fields["problem"]
        return cls(
            session=SessionIdentity.from_fields(fields["sessionId"], fields),
            created_at=fields["createdAt"],
            life=Life(fields["life"]),
            state=UploadState(fields["uploadState"]),
            stamp=fields["stamp"],
            upload=None if fields["upload"] is None else Upload.from_fields(fields["upload"]),
            deck=None if fields["deck"] is None else Deck.from_fields(fields["deck"]),
            attempt=fields["attempt"],
            tries=fields["tries"],
            looks=fields["looks"],
            looked_at=fields["lookedAt"],
            problem=None if problem is None else Problem(problem["reason"], problem["message"]),
            warnings=tuple(fields["warnings"]),
            addresses_end_at=fields["addressesEndAt"],
            clean_at=fields["cleanAt"],
            progress=Progress.from_fields(fields),
        )


@dataclass(frozen=True, slots=True)
class Wish:
    """
    What instructors want of a media: the field `wish` of its record.

    Attributes:
        title: Its title; `None` if it has none.
        show_download: Whether students may download the document.
        upload: The last upload that was begun, if any.
        begun: The stamps of the uploads that may still arrive, without the last one.
        is_deleted: Whether it is to be deleted.
    """

    title: str | None = None
    show_download: bool = True
    upload: Upload | None = None
    begun: tuple[int, ...] = ()
    is_deleted: bool = False

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form. Pure.
        """
        return {
            "title": self.title,
            "showDownload": self.show_download,
            "upload": None if self.upload is None else self.upload.to_fields(),
            "begun": list(self.begun),
            "deleted": self.is_deleted,
        }

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """
        Read the wish in a record. Pure.
        """
        wish = document.fields["wish"]
        upload = None if wish["upload"] is None else Upload.from_fields(wish["upload"])
        return cls(wish["title"], wish["showDownload"], upload, tuple(wish["begun"]), wish["deleted"])


def prefix_of(media_id: str) -> str:
    """
    Return the prefix of the names of all objects of a media. Pure.
    """
    return f"slides/{media_id}/"


def source_name(media_id: str, upload: Upload) -> str:
    """
    Return the name of the object of an uploaded document. Pure.
    """
    return f"{prefix_of(media_id)}{upload.stamp}/source.{upload.kind}"


def media_uploaded_as(name: str) -> str | None:
    """
    Return the id of the media whose uploaded document has this name; `None` if no such document has it. Pure.
    """
    found = _SOURCE.fullmatch(name)
    return None if found is None else found[1]


def pages_prefix(media_id: str, stamp: int, attempt: int) -> str:
    """
    Return the prefix of the names of the pages that one conversion made. Pure.
    """
    return f"{prefix_of(media_id)}{stamp}/{attempt}/"


def stamp_in(name: str) -> int:
    """
    Return the stamp of the upload that an object belongs to; 0 if its name has none. Pure.
    """
    stamp = name.split("/")[2] if name.count("/") > 1 else ""
    return int(stamp) if stamp.isascii() and stamp.isdigit() else 0


def page_name(media_id: str, stamp: int, attempt: int, number: int, extension: str) -> str:
    """
    Return the name of the object of one page. Pure.

    Args:
        media_id: The media.
        stamp: The stamp of the upload.
        attempt: The number of the conversion.
        number: The number of the page, counted from 1.
        extension: `webp` or `png`.
    """
    return f"{pages_prefix(media_id, stamp, attempt)}{number}.{extension}"


def thumbnail_name(media_id: str, stamp: int, attempt: int, number: int) -> str:
    """
    Return the name of the object of a page's thumbnail; as `page_name`. Pure.
    """
    return f"{pages_prefix(media_id, stamp, attempt)}{number}.thumb.webp"
