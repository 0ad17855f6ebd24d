"""The Controller of shared live media: the documents that a reconciliation reads and writes, and its storage calls.

Called by the reconciler. Leaves the choice of the next step to `decide`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Final

from shared.core.errors import Conflict, Doubtful, Misconfigured, Permanent, Transient
from shared.core.identity import SessionIdentity
from shared.core.paths import (
    RECONCILE_SLIDES,
    SLIDES,
    session_path,
    shared_media_path,
    slides_path,
)
from shared.ports import (
    CONVERSION,
    NO_SUCH_OBJECT,
    Clock,
    Condition,
    ConvertedPage,
    Converter,
    Create,
    Delete,
    Document,
    Documents,
    Operator,
    Query,
    Storage,
    StoredObject,
    Task,
    Update,
    Version,
    Write,
)
from shared.reconcile import Controller, Decision, Snapshot, Step
from shared.reconcile.epoch import Holds, nothing_is_held
from shared.sessions.session import Session, session_of
from shared.slides import decide as decisions
from shared.slides.broadcast import CLOSE, Announcement, room_of
from shared.slides.decide import Converted, MediaSpec
from shared.slides.model import (
    Deck,
    Life,
    Page,
    Problem,
    SharedMedia,
    Wish,
    page_name,
    pages_prefix,
    prefix_of,
    source_name,
    stamp_in,
    thumbnail_name,
)
from shared.slides.showing import ACTIVE, ACTIVE_PAGE, REVISION, active_page, existing_tail, next_revision
from shared.slides.timeline import TAIL, Entry, appended, not_before
from shared.slides.view import is_as, shown, shown_deck

PICTURE_TYPES: Final = {"webp": "image/webp", "png": "image/png"}

SOURCE_READABLE_S: Final = 900
"""Seconds within which the converter must have read the document."""

LISTED: Final = 500
"""Objects that are listed at once."""

Outcome = StoredObject | Converted | None


@dataclass(frozen=True, slots=True)
class SharedMedias(Controller[MediaSpec, SharedMedia, Outcome]):
    """
    The Controller of shared live media.

    Attributes:
        documents: Where the documents are stored.
        storage: Where the uploaded documents and the pictures of their pages are stored.
        converter: Draws the pages; `None` if this deployment cannot.
        clock: Returns the present time, in UTC.
        has_chat: Whether a session with media has a chat room.
        holds: Tells whether deletions are held.
    """

    queue: ClassVar[str] = RECONCILE_SLIDES
    polls: ClassVar[frozenset[str]] = frozenset({decisions.LOOK})

    documents: Documents
    storage: Storage
    converter: Converter | None
    clock: Clock
    has_chat: bool = False
    holds: Holds = nothing_is_held

    def read(self, key: str) -> Snapshot[MediaSpec, SharedMedia]:
        """
        Read the record, and then its session and its view.
        """
        (document,) = self.documents.read(slides_path(key))
        if document is None:
            return Snapshot(key, MediaSpec(Wish()), None, None)
        session_id = document.fields["sessionId"]
        found, view = self.documents.read(session_path(session_id), shared_media_path(session_id, key))
        snapshot = snapshot_of(document, found, view, self.holds)
        spec, record = snapshot.spec, snapshot.record
        is_last = (spec.session is None or spec.wish.is_deleted) and self._is_last(record, spec.session)
        tail = None if spec.active_page is None or found is None else existing_tail(found, self.documents)
        return replace(snapshot, spec=replace(spec, is_last=is_last, tail=tail))

    def decide(
        self, snapshot: Snapshot[MediaSpec, SharedMedia], now: datetime, *, observed: bool
    ) -> Decision[SharedMedia]:
        """
        Return the next step. Pure.
        """
        return decisions.decide(snapshot, now, observed=observed)

    def act(self, snapshot: Snapshot[MediaSpec, SharedMedia], step: Step[SharedMedia], now: datetime) -> Outcome:
        """
        Look for the object, convert it, or delete objects.
        """
        record, media_id = step.record, snapshot.key
        match step.name:
            case decisions.LOOK if record.upload is not None:
                return self.storage.find(source_name(media_id, record.upload))
            case decisions.CONVERT:
                return self._convert(snapshot, record)
            case decisions.CLEAN:
                self._clean(media_id, record)
            case _:
                self._delete(media_id, lambda _: False)
        return None

    def settle(
        self, snapshot: Snapshot[MediaSpec, SharedMedia], step: Step[SharedMedia], outcome: Outcome, now: datetime
    ) -> SharedMedia:
        """
        Return the record after a step that succeeded. Pure.
        """
        record = step.record
        if isinstance(outcome, Converted):
            return decisions.converted(record, outcome, now)
        match step.name:
            case decisions.LOOK:
                return decisions.looked(record, outcome, now)
            case decisions.CLEAN:
                return decisions.cleaned(record, now)
            case decisions.FORGET:
                return replace(record, life=Life.FORGOTTEN)
        return decisions.removed(record)

    def record_writes(
        self, snapshot: Snapshot[MediaSpec, SharedMedia], record: SharedMedia, version: Version | None, now: datetime
    ) -> tuple[Write, ...]:
        """
        Return the write of the record, or its deletion once nothing can arrive for it any more. Pure.
        """
        path = slides_path(snapshot.key)
        if version is None:
            raise Conflict(f"There is no {path}.")
        if record.life is Life.FORGOTTEN:
            return (Delete(path, if_version=version),)
        # A tombstone says nothing about the document that was deleted.
        wish = {"wish": Wish(is_deleted=True).to_fields()} if record.life is Life.REMOVED else {}
        return (Update(path, {**record.to_fields(), **wish}, if_version=version),)

    def after(
        self, snapshot: Snapshot[MediaSpec, SharedMedia], record: SharedMedia
    ) -> Snapshot[MediaSpec, SharedMedia]:
        """
        Return the snapshot as it will be once `record` is written and shown. Pure.
        """
        spec = snapshot.spec
        if not _is_shown(snapshot, record):
            return replace(snapshot, record=record, spec=replace(spec, shown=None, active_page=None))
        page = spec.active_page
        if page is not None and record.deck is not None:
            page = min(page, len(record.deck.pages))
        told = shown(record, spec.wish)
        return replace(snapshot, record=record, spec=replace(spec, shown=told, active_page=page))

    def view_writes(self, snapshot: Snapshot[MediaSpec, SharedMedia], record: SharedMedia) -> tuple[Write, ...]:
        """
        Return the write of the view. If a shorter document replaces the one that is shown, its last page is shown.
        """
        spec = snapshot.spec
        if spec.is_held and not spec.wish.is_deleted:
            return ()
        path = shared_media_path(record.session.session_id, snapshot.key)
        of_session = _session_writes(snapshot, record, self.clock)
        if not _is_shown(snapshot, record):
            return of_session if spec.shown is None else (Delete(path), *of_session)
        told = shown(record, spec.wish)
        if is_as(spec.shown, told):
            return of_session
        return (Create(path, told) if spec.shown is None else Update(path, told), *of_session)

    def follow_ups(self, snapshot: Snapshot[MediaSpec, SharedMedia], record: SharedMedia) -> tuple[Task, ...]:
        """
        Return the task that closes the chat room of the session with its last media. Pure.
        """
        before = snapshot.record
        is_removed = record.life is Life.REMOVED and before is not None and before.life is Life.ALIVE
        if not (self.has_chat and is_removed and snapshot.spec.is_last and before is not None):
            return ()
        return (Announcement(room_of(before.session), CLOSE).task,)

    def _convert(self, snapshot: Snapshot[MediaSpec, SharedMedia], record: SharedMedia) -> Converted:
        """
        Convert the document, and publish each page as soon as it is drawn.
        """
        upload, media_id = record.upload, snapshot.key
        assert upload is not None
        assert upload.generation is not None
        pages: list[Page | None] = []
        path = shared_media_path(record.session.session_id, media_id)

        def publish(page: ConvertedPage) -> None:
            self._require_claim(media_id, record)
            stored = Page(page.width, page.height, page.extension, page.is_blank)
            of_page = (media_id, upload.stamp, record.attempt, page.number)
            self.storage.write(thumbnail_name(*of_page), page.thumbnail, PICTURE_TYPES["webp"])
            self.storage.write(page_name(*of_page, page.extension), page.picture, PICTURE_TYPES[page.extension])
            pages.extend([None] * (page.number - len(pages)))
            pages[page.number - 1] = stored
            if record.deck is None:
                # What is shown stays until the whole document can replace it. The first document of a media is shown
                # page by page. If this page is not shown now, it is with the next one.
                drawn = Deck(upload, record.attempt, tuple(pages))
                with suppress(Conflict, Transient):
                    self.documents.commit(Update(path, {"deck": shown_deck(drawn)}))

        if self.converter is None:
            raise Misconfigured("Set SLIDES_CONVERTER_URL: documents wait until they can be converted.")
        source = self.storage.read_address(
            source_name(media_id, upload), SOURCE_READABLE_S, generation=upload.generation
        )
        try:
            conversion = self.converter.convert(source, upload.kind, publish)
        except Permanent as error:
            if error.operation == CONVERSION:
                return Converted(problem=Problem(error.code, str(error)))
            if error.code == NO_SUCH_OBJECT:
                # It was deleted by hand.
                return Converted(problem=decisions.OTHER_FILE)
            raise
        drawn = [page for page in pages if page is not None]
        if not drawn or len(drawn) != conversion.pages:
            raise Doubtful("Pages are missing.", provider="converter", operation=CONVERSION, code="PAGES_MISSING")
        return Converted(drawn, conversion.warnings)

    def _require_claim(self, media_id: str, record: SharedMedia) -> None:
        """
        Check that the pages of this conversion are still needed.

        Raises:
            Transient: The media is deleted, or another worker has begun, because this one did not reach the documents
                (never for this conversion).
        """
        (document,) = self.documents.read(slides_path(media_id))
        if (
            document is None
            or Wish.from_document(document).is_deleted
            or SharedMedia.from_document(document).attempt != record.attempt
        ):
            raise Transient(
                "The pages of this conversion are not needed any more.",
                provider="converter",
                operation=CONVERSION,
                code="STOPPED",
            )

    def _is_last(self, record: SharedMedia | None, session: SessionIdentity | None) -> bool:
        """
        Tell whether the session keeps no other media: it is gone, or all others are deleted too.
        """
        if not self.has_chat or record is None or record.life is not Life.ALIVE or session is None:
            return True
        of_session = Condition("sessionId", Operator.EQUAL, session.session_id)
        kept = (Condition("gone", Operator.EQUAL, False), Condition(("wish", "deleted"), Operator.EQUAL, False))
        return not self.documents.count(Query(SLIDES, (of_session, *kept)))

    def _clean(self, media_id: str, record: SharedMedia) -> None:
        """
        Delete what the record does not name. An upload that was begun later stays: it may have arrived meanwhile.
        """
        deck, upload = record.deck, record.upload
        named: tuple[str, ...] = ()
        if deck is not None:
            of_deck = pages_prefix(media_id, deck.upload.stamp, deck.attempt)
            named = (source_name(media_id, deck.upload), of_deck)
        if upload is not None:
            named += (source_name(media_id, upload),)
        self._delete(media_id, lambda name: name.startswith(named) or stamp_in(name) > record.stamp)

    def _delete(self, media_id: str, keeps: Callable[[str], bool]) -> None:
        """
        Delete all objects of a media whose names are not kept.
        """
        after = ""
        while True:
            found = self.storage.list_objects(prefix_of(media_id), LISTED, after)
            for one in found:
                if not keeps(one.name):
                    self.storage.delete(one.name)
            if len(found) < LISTED:
                return
            after = found[-1].name


def snapshot_of(
    document: Document, found: Document | None, view: Document | None, holds: Holds
) -> Snapshot[MediaSpec, SharedMedia]:
    """
    Return what a media's documents say, without whether it is the last of its session.

    Args:
        document: Its record.
        found: The document of its session.
        view: Its view.
        holds: Tells whether deletions are held. Asked only if the session does not exist.
    """
    record, wish = SharedMedia.from_document(document), Wish.from_document(document)
    present = None if found is None else Session.from_document(found)
    session, is_held = session_of(record.session, present)
    spec = MediaSpec(
        wish,
        session,
        is_held=is_held,
        is_waiting=session is None and not wish.is_deleted and record.life is Life.ALIVE and holds(),
        shown=None if view is None else view.fields,
    )
    if session is not None and found is not None:
        page = active_page(found, document.id)
        spec = replace(spec, active_page=page, revision=next_revision(found), session_version=found.version)
    return Snapshot(document.id, spec, record, document.version)


def _is_shown(snapshot: Snapshot[MediaSpec, SharedMedia], record: SharedMedia) -> bool:
    spec = snapshot.spec
    return record.life is Life.ALIVE and not spec.wish.is_deleted and spec.session is not None


def _session_writes(snapshot: Snapshot[MediaSpec, SharedMedia], record: SharedMedia, clock: Clock) -> tuple[Write, ...]:
    """
    Return the write of the session that shows the media, if the media is gone, or its document was replaced, and of the
    session's timeline.
    """
    spec, before = snapshot.spec, snapshot.record
    if spec.active_page is None:
        return ()
    media_id: str | None = snapshot.key
    page: int | None = spec.active_page
    if not _is_shown(snapshot, record):
        media_id = page = None
    elif record.deck is not None and (
        before is None or before.deck != record.deck or decisions.is_beyond(spec, record)
    ):
        page = min(spec.active_page, len(record.deck.pages))
    else:
        return ()
    session_id = record.session.session_id
    changes: dict[str, Any] = {ACTIVE: media_id, ACTIVE_PAGE: page, REVISION: spec.revision}
    writes: tuple[Write, ...] = ()
    if spec.tail is not None:
        entry = Entry(spec.revision, not_before(spec.tail, clock()), media_id, page)
        recorded = appended(session_id, spec.tail, entry)
        changes, writes = changes | {TAIL: recorded.tail.to_fields()}, recorded.writes
    return (Update(session_path(session_id), changes, if_version=spec.session_version), *writes)
