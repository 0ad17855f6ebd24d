"""The commands of instructors: create a media, change it, begin its upload, delete it.

Called by the REST API. A command writes the wish, with the view that follows from it, and enqueues a task; the
reconciliation carries it out.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from shared.core.errors import BadRequest, NotFound, TooMany, WrongState
from shared.core.identity import Belonging
from shared.core.paths import RECONCILE_SLIDES, SLIDES, session_path, shared_media_path, slides_path
from shared.core.retry import RetryOnConflict
from shared.core.text import TITLE_MAX, as_line, cut_to_characters, is_blank
from shared.ports import (
    Clock,
    Condition,
    Create,
    Delete,
    Document,
    Documents,
    Operator,
    Query,
    Queue,
    Storage,
    Update,
    UploadAddress,
    Write,
)
from shared.reconcile import AT_ONCE
from shared.reconcile.slots import enqueue
from shared.sessions.pairing import retrieve_or_create
from shared.slides.broadcast import OPEN, Announcement
from shared.slides.context import Context
from shared.slides.decide import UPLOAD_ENDS_S, UPLOAD_LIFETIME_S
from shared.slides.model import SharedMedia, Upload, Wish, source_name
from shared.slides.settings import SlidesSettings
from shared.slides.showing import SESSION_CHANGED, Announce, active_page, touched
from shared.slides.types import TYPES, kind_of_name, kind_of_type
from shared.slides.view import shown

FILE_NAME_MAX: Final = 200
"""The most characters of a file name that are kept."""

BEGUN_MAX: Final = 20
"""The most uploads of one media that can still arrive: each may bring a document of the largest size."""

_MEDIA_CHANGED: Final = "The media was changed at every try. Try again."


class InvalidField(BadRequest):
    """
    One field of a request is not valid.

    Attributes:
        field: Its name.
    """

    def __init__(self, field: str, message: str, reason: str) -> None:
        super().__init__(message, reason=reason)
        self.field = field


@dataclass(frozen=True, slots=True)
class Commands:
    """
    The commands, and what they need.

    Attributes:
        documents: Where the documents are stored.
        queue: Where tasks are enqueued.
        clock: Returns the present time, in UTC.
        storage: Gives the addresses of uploads.
        settings: The limits.
        announce: See `showing.Announce`.
    """

    documents: Documents
    queue: Queue
    clock: Clock
    storage: Storage
    settings: SlidesSettings
    announce: Announce

    def create(self, context: Context, wish: Wish) -> str:
        """
        Create a media without a document.

        Returns:
            Its id.

        Raises:
            NotAllowed, NotFound: The session is not this instructor's (never).
            TooMany: The session or its teacher has the maximum of media (again, once one is deleted).
            Conflict: The session was changed at every try (again).
        """
        media_id = str(uuid.uuid4())
        retry = RetryOnConflict(SESSION_CHANGED)
        while True:
            (document,) = self.documents.read(session_path(context.session_id))
            session = context.require_instructor(document)
            # The pairing is how the session's deletion is noticed later.
            identity = retrieve_or_create(self.documents, session)
            record = SharedMedia(identity, self.clock())
            (present,) = self.documents.read(session_path(context.session_id))
            context.require_instructor(present)
            assert present is not None
            # Counted after the session was read: another media that is created meanwhile changes the session. One that
            # is created meanwhile in another session of the teacher is not counted, nor does a transfer ask: their
            # maximum bounds costs, and a few more cost little.
            self._require_room(session.id, session.owner_uid or "")
            fields = {**record.to_fields(), "wish": wish.to_fields()}
            view = Create(shared_media_path(session.id, media_id), shown(record, wish))
            with retry:
                self.documents.commit(Create(slides_path(media_id), fields), view, touched(present))
                self.announce(Announcement(session.id, OPEN))
                return media_id

    def change(self, context: Context, media_id: str, change: Callable[[Wish], Wish]) -> None:
        """
        Change the title of a media, or whether students may download it.

        Raises:
            NotAllowed, NotFound: There is no such media of this instructor (never).
            Conflict: The media was changed at every try (again).
        """
        retry = RetryOnConflict(_MEDIA_CHANGED)
        while True:
            found = self._owned(context, media_id)
            wish = change(found.wish)
            if wish == found.wish:
                return
            with retry:
                self.documents.commit(*found.wishing(wish), touched(found.session))
                return

    def begin_upload(
        self, context: Context, media_id: str, file_name: str, media_type: str, size_bytes: int
    ) -> UploadAddress:
        """
        Let an instructor upload the document of a media, or another one that replaces it.

        Args:
            context: Who uploads.
            media_id: The media.
            file_name: The name of the file.
            media_type: Its type; empty to go by the name's extension.
            size_bytes: Its exact size.

        Raises:
            InvalidField: The type cannot be shown, or the file is too large (never).
            TooMany: So many uploads of this media were begun that can still arrive (again, later).
            NotAllowed, NotFound, Conflict: See `change`.
        """
        kind = self._checked(file_name, media_type, size_bytes)
        retry = RetryOnConflict(_MEDIA_CHANGED)
        while True:
            found = self._owned(context, media_id)
            now = self.clock()
            last = 0 if found.wish.upload is None else found.wish.upload.stamp
            begun = _still_arriving(found.wish, now)
            name = cut_to_characters(as_line(file_name), FILE_NAME_MAX)
            upload = Upload(max(int(now.timestamp()), last + 1), name, kind, size_bytes, now)
            address = self.storage.upload_address(
                source_name(media_id, upload), TYPES[kind], size_bytes, UPLOAD_LIFETIME_S
            )
            with retry:
                wish = replace(found.wish, upload=upload, begun=begun)
                self.documents.commit(*found.wishing(wish, is_due=True))
                enqueue(self.queue, RECONCILE_SLIDES, media_id, self.clock)
                return address

    def delete(self, context: Context, media_id: str) -> None:
        """
        Delete a media with all its objects. It disappears at once.

        Raises:
            NotAllowed, NotFound, Conflict: See `change`.
            WrongState: It is shown now (again, once that has ended).
        """
        retry = RetryOnConflict(_MEDIA_CHANGED)
        while True:
            found = self._owned(context, media_id)
            if active_page(found.session, media_id) is not None:
                raise WrongState(
                    "This media is being shared. End the sharing, and then delete it.", reason="MEDIA_ACTIVE"
                )
            wish = replace(found.wish, is_deleted=True)
            record_write, _ = found.wishing(wish, is_due=True)
            view = Delete(shared_media_path(context.session_id, media_id))
            with retry:
                # The session is written too, so that nobody can begin to show the media at the same moment.
                self.documents.commit(record_write, view, touched(found.session))
                enqueue(self.queue, RECONCILE_SLIDES, media_id, self.clock)
                return

    def _checked(self, file_name: str, media_type: str, size_bytes: int) -> str:
        """
        Return the kind of a document that is to be uploaded.

        Raises:
            InvalidField: It cannot be shown (never).
        """
        kind = kind_of_type(media_type) if media_type else kind_of_name(file_name)
        if kind is None and not media_type:
            raise InvalidField("mimetype", "mimetype not guessable", "FILE_TYPE_NOT_SUPPORTED")
        if kind is None:
            raise InvalidField("mimetype", f"{media_type[:100]} is not a supported mimetype", "FILE_TYPE_NOT_SUPPORTED")
        if size_bytes < 1:
            raise InvalidField("size", "file is empty", "FILE_EMPTY")
        if size_bytes > self.settings.max_bytes:
            raise InvalidField(
                "size", f"file too large, max size allowed is {self.settings.max_bytes} Bytes", "FILE_TOO_LARGE"
            )
        return kind

    def _require_room(self, session_id: str, owner_uid: str) -> None:
        alive = Condition("gone", Operator.EQUAL, False)
        for name, value, most, whose in (
            ("sessionId", session_id, self.settings.session_max, "This session"),
            ("ownerUid", owner_uid, self.settings.teacher_max, "The teacher of this session"),
        ):
            if self.documents.count(Query(SLIDES, (Condition(name, Operator.EQUAL, value), alive))) >= most:
                raise TooMany(
                    f"{whose} has {most} shared media, the maximum. Delete one of them first.",
                    reason="MEDIA_TOO_MANY",
                )

    def _owned(self, context: Context, media_id: str) -> Owned:
        """
        Read a media of the instructor's session.

        Raises:
            NotAllowed: The person does not teach or moderate the session any more (never).
            NotFound: There is no such session, or no such media in it (never).
        """
        session, document = self.documents.read(session_path(context.session_id), slides_path(media_id))
        present = context.require_instructor(session)
        if document is not None and session is not None:
            found = Owned(session, document, SharedMedia.from_document(document), Wish.from_document(document))
            belonging = found.record.session.belonging(present.identity)
            if not document.fields["gone"] and not found.wish.is_deleted and belonging is Belonging.SAME:
                return found
        raise NotFound("Not found.", reason="MEDIA_NOT_FOUND")


@dataclass(frozen=True, slots=True)
class Owned:
    """
    A media of an instructor's session, as it was read.

    Attributes:
        session: The document of the session.
        document: The document of the record.
        record: The record.
        wish: What instructors want of it.
    """

    session: Document
    document: Document
    record: SharedMedia
    wish: Wish

    def wishing(self, wish: Wish, *, is_due: bool = False) -> tuple[Write, Write]:
        """
        Return the writes of a new wish: that of the record, and that of the view. Pure.

        Args:
            wish: The new wish.
            is_due: Whether a reconciliation has to carry it out.
        """
        changes: dict[str, Any] = {"wish": wish.to_fields()}
        if is_due:
            changes["dueAt"] = AT_ONCE
        view_path = shared_media_path(self.record.session.session_id, self.document.id)
        told = shown(self.record, wish)
        # While its first document is converted, the view has the pages that are drawn so far.
        told.pop("deck")
        return (
            Update(self.document.path, changes, if_version=self.document.version),
            Update(view_path, told),
        )


def _still_arriving(wish: Wish, now: datetime) -> tuple[int, ...]:
    """
    Return the stamps of a media's uploads that can still arrive. Pure.

    Raises:
        TooMany: They are as many as there may be (again, later).
    """
    begun = wish.begun if wish.upload is None else (*wish.begun, wish.upload.stamp)
    recent = tuple(stamp for stamp in begun if stamp > now.timestamp() - UPLOAD_ENDS_S)
    if len(recent) >= BEGUN_MAX:
        raise TooMany(
            f"{BEGUN_MAX} uploads of this media were begun within eight days, the maximum. Create another media.",
            reason="UPLOADS_OPEN_TOO_MANY",
        )
    return recent


def checked_title(title: str | None) -> str | None:
    """
    Return a title as it is stored: one line, without spaces around it; `None` if nothing is left. Pure.

    Raises:
        InvalidField: It is too long (never).
    """
    if title is None:
        return None
    line = as_line(title).strip()
    if len(line) > TITLE_MAX:
        raise InvalidField("title", f"Ensure this field has no more than {TITLE_MAX} characters.", "TITLE_INVALID")
    return None if is_blank(line) else line
