"""Removals: all content of a teacher, or of a project, goes, page by page, whatever crashes.

Called by `functions/`: the worker, and the callable by which one is asked for. It deletes documents only: that what
they had goes too is for the visits of sessions, videos and deletions, each by its own task. So no function runs longer
than a page takes. Leaves to `decide` what is next.

It covers what is there when it is asked for and until no page is left; what is made afterwards stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, Final

from shared.access import Caller, require_admin
from shared.errors import Conflict, NotFound, WrongState
from shared.paths import COPIES, DELETIONS, ENROLMENTS, SESSIONS, VIDEOS, VISIT_REMOVAL, VISIT_SESSION, removal_path
from shared.ports import (
    Clock,
    Condition,
    Create,
    Delete,
    Document,
    Documents,
    Note,
    Operator,
    Query,
    Queue,
    Update,
    Version,
    Write,
)
from shared.reconcile import Decision, Look, Progress, Step
from shared.removals import decide as decisions
from shared.removals.decide import Page, RemovalWish
from shared.removals.model import Removal, RemovalState, removal_id
from shared.slots import enqueue

PAGE: Final = 450
"""Documents of one page: with the removal's own they are fewer than the 500 that Firestore writes at once."""

FEW: Final = 20
"""Sessions that are read first: they may have all the videos of a page, and their documents are large then."""

PAGE_VIDEOS: Final = 500
"""A page of sessions ends with the session whose videos make so many: what is marked at once is worked off at once."""


@dataclass(frozen=True, slots=True)
class Removals:
    """
    The Controller of removals: a `Subject` of the visit.

    Attributes:
        documents: Where the documents are.
    """

    queue: ClassVar[str] = VISIT_REMOVAL

    documents: Documents

    def look(self, key: str) -> Look[RemovalWish, Removal]:
        """
        Read the removal, and the page that is next, or what is left.
        """
        (document,) = self.documents.read(removal_path(key))
        if document is None:
            return Look(key, RemovalWish(), None, None)
        record = Removal.from_document(document)
        return Look(key, self._wish(record), record, document.version)

    def decide(self, look: Look[RemovalWish, Removal], now: datetime, *, observed: bool) -> Decision[Removal]:
        """
        The next step. Pure.
        """
        return decisions.decide(look, now)

    def act(self, look: Look[RemovalWish, Removal], step: Step[Removal], now: datetime) -> None:
        """
        No step of a removal asks a provider.
        """

    def settle(self, look: Look[RemovalWish, Removal], step: Step[Removal], outcome: None, now: datetime) -> Removal:
        """
        What is recorded after a step. Pure.
        """
        return step.record

    def after(self, look: Look[RemovalWish, Removal], record: Removal) -> Look[RemovalWish, Removal]:
        """
        The look as it will be once `record` is written, as far as that is known. Pure.
        """
        return replace(look, record=record)

    def record_writes(
        self, look: Look[RemovalWish, Removal], record: Removal, version: Version | None, now: datetime
    ) -> tuple[Write, ...]:
        """
        The write of the removal's document, and of the page that it marks. Pure.
        """
        path = removal_path(look.key)
        if version is None:
            raise Conflict(f"There is no {path}.")
        deleted = (Delete(one) for one in _marked_with(look, record).paths)
        return (Update(path, record.to_fields(), if_version=version), *deleted)

    def follow_ups(self, look: Look[RemovalWish, Removal], record: Removal) -> tuple[Note, ...]:
        """
        Whatever the sessions of a page had goes. Their triggers say so too, and nothing depends on them. Pure.
        """
        return tuple(Note(VISIT_SESSION, session_id) for session_id in _marked_with(look, record).session_ids)

    def view_writes(self, look: Look[RemovalWish, Removal], record: Removal) -> tuple[Write, ...]:
        """
        Who asked for it reads the document itself. Pure.
        """
        return ()

    def dependants(self, look: Look[RemovalWish, Removal]) -> tuple[Note, ...]:
        """
        Nothing depends on it. Pure.
        """
        return ()

    def _wish(self, record: Removal) -> RemovalWish:
        match record.state:
            case RemovalState.MARKING:
                return RemovalWish(self._page(record))
            case RemovalState.DELETING:
                videos = Query(VIDEOS, (*_of(record), Condition("gone", Operator.EQUAL, False)))
                since = Condition("createdAt", Operator.GREATER, record.asked_at)
                # What was given up later than the last video is not of this removal.
                until = Condition("createdAt", Operator.AT_MOST, record.emptied_at)
                span = (since,) if record.emptied_at is None else (since, until)
                deletions = Query(DELETIONS, span, order_by="createdAt")
                return RemovalWish(
                    copies_left=self.documents.total(Query(COPIES, _of(record)), "generation").count,
                    videos_left=self.documents.total(videos, "bytes").count,
                    deletions_left=self.documents.total(deletions, "createdAt").count,
                )
        return RemovalWish()

    def _page(self, record: Removal) -> Page:
        """
        What is deleted next: sessions, or, once there are none, enrolments.
        """
        for limit in (FEW, PAGE):
            sessions = self.documents.select(Query(SESSIONS, _of(record), limit=limit))
            taken: list[Document] = []
            videos = 0
            for session in sessions:
                if videos >= PAGE_VIDEOS:
                    break
                taken.append(session)
                videos += _videos_of(session)
            if videos >= PAGE_VIDEOS or len(sessions) < limit:
                break
        if taken:
            return Page(tuple(one.path for one in taken), tuple(one.id for one in taken), videos)
        enrolments = self.documents.select(Query(ENROLMENTS, _of(record), limit=PAGE))
        return Page(tuple(one.path for one in enrolments))


def ask_removal(
    caller: Caller, request_id: str, owner_uid: str | None, documents: Documents, queue: Queue, clock: Clock
) -> tuple[str, Removal]:
    """
    Have all content of a teacher go, or of everybody. Repeatable: the same request is the same removal.

    Args:
        caller: A teacher may ask for his own, an administrator for everybody's.
        request_id: Chosen by the client, the same when it repeats the request.
        owner_uid: Whose; `None` for all there is.
        documents: Where it is recorded.
        queue: For the note.
        clock: Now, in UTC.

    Returns:
        Its id, and how far it is.

    Raises:
        NotAllowed: The caller may not (never).
        WrongState: The request id was used for somebody else's content (never).
        Transient: Documents or queue could not be reached (again).
    """
    if not (caller.is_teacher and owner_uid == caller.uid):
        require_admin(caller)
    now, key = clock(), removal_id(caller.uid, request_id)
    asked = Removal(owner_uid, caller.uid, now, progress=Progress(due_at=now))
    with suppress(Conflict):
        # Where there is one, it is the same request again.
        documents.commit(Create(removal_path(key), asked.to_fields()))
    enqueue(queue, VISIT_REMOVAL, key, clock)
    (document,) = documents.read(removal_path(key))
    record = asked if document is None else Removal.from_document(document)
    if record.owner_uid != owner_uid:
        raise WrongState(
            "This request id was used for somebody else's content. Choose a new one.", reason="REQUEST_ID_USED"
        )
    return key, record


def removal_of(caller: Caller, key: str, documents: Documents) -> Removal:
    """
    How far a removal is.

    Raises:
        NotFound: There is none, or the caller has not asked for it and is no administrator (never).
    """
    (document,) = documents.read(removal_path(key))
    record = None if document is None else Removal.from_document(document)
    if record is None or not (caller.is_admin or record.asked_by == caller.uid):
        raise NotFound("There is no such removal, or somebody else has asked for it.", reason="REMOVAL_NOT_FOUND")
    return record


def _of(record: Removal) -> tuple[Condition, ...]:
    return () if record.owner_uid is None else (Condition("ownerUid", Operator.EQUAL, record.owner_uid),)


def _videos_of(session: Document) -> int:
    videos = session.fields.get("videos")
    return len(videos) if isinstance(videos, Mapping) else 0


def _marked_with(look: Look[RemovalWish, Removal], record: Removal) -> Page:
    """
    What is deleted with the writing of a record: its counts tell whether it is a page that was marked.
    """
    before = look.record
    if before is None or (before.sessions, before.enrolments) == (record.sessions, record.enrolments):
        return Page()
    return look.wish.page
