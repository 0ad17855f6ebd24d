"""The pages of an erasure: the next documents to delete or mark.

Called by the Controller of this folder. Leaves to `traces` where a person may be named, to `reading` the queries that
find these documents, and to `decide` when to go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from shared.core.identity import Belonging
from shared.core.paths import (
    RECONCILE_ADMISSION,
    RECONCILE_SESSION,
    RECONCILE_TRANSFER,
    RECONCILE_VIDEO,
    pairing_path,
    transfer_path,
)
from shared.erasure.decide import Page
from shared.erasure.model import Erasure
from shared.erasure.reading import ALIVE, PAGE, Reading, belonging_of, session_id_of
from shared.ports import REMOVE, Clock, Condition, Delete, Document, Operator, Query, Task, Update, Write
from shared.reconcile import AT_ONCE
from shared.reconcile.traces import Fate, Naming, Trace, paths_of
from shared.sessions.admissions.controller import revoking, task_for_all
from shared.sessions.session import Session
from shared.transfers.commands import begin, is_claimed

BROUGHT_ALONG: Final = 100
"""Sessions of one page whose things are transferred to the session's present owner. Each takes three documents."""

FEW: Final = 20
"""Sessions that are read first. They may have all the videos of a page, and their documents are large then."""

PAGE_VIDEOS: Final = 100
"""A page of sessions ends with the session whose videos reach this number: everything that one page marks becomes tasks
at once."""

_GONE: Final = Condition("gone", Operator.EQUAL, True)
_WANTED: Final = Condition(("wish", "deleted"), Operator.EQUAL, False)

Changes = Mapping[tuple[str, ...], Any]

_UNWANTED: Final[Changes] = {("wish", "deleted"): True, ("dueAt",): AT_ONCE}


@dataclass(frozen=True, slots=True)
class Pages:
    """
    The pages of an erasure.

    Attributes:
        reading: Finds the documents that name the person.
        clock: Returns the present time, in UTC.
    """

    reading: Reading
    clock: Clock

    def to_mark(self, record: Erasure) -> Page:
        """
        Return the next page of documents that name the person, or, if everybody's content is erased, of all documents.
        """
        is_waiting = False
        tasks: list[Task] = []
        for trace in self.reading.traces:
            page = self._page(trace, record.uid)
            if page.writes:
                return page
            is_waiting = is_waiting or page.is_waiting
            tasks += page.tasks
        return Page(tasks=tuple(tasks), is_waiting=is_waiting)

    def of_themselves(self, uid: str | None) -> tuple[Write, ...]:
        """
        Return the deletions of the documents whose ids are the person's. A worker that acted in the person's name may
        have written them again since they were first deleted.
        """
        if uid is None:
            return ()
        theirs = (trace for trace in self.reading.traces if trace.fate is Fate.DELETE and trace.naming is Naming.ID)
        return tuple(Delete(path) for trace in theirs for path in paths_of(trace, uid))

    # --- pages ----------------------------------------------------------------------------------------------------

    def _page(self, trace: Trace, uid: str | None) -> Page:
        match trace.fate:
            case Fate.SESSION:
                return self._sessions(trace, uid)
            case Fate.VIDEO:
                return self._videos(trace, uid)
            case Fate.MARK:
                return self._marked(trace, uid)
            case Fate.DELETE | Fate.USER:
                return self._deleted(trace, uid)
            case Fate.UNNAME:
                found = self.reading.naming(trace, uid)
                tasks = () if trace.queue is None else tuple(Task(trace.queue, one.id) for one in found)
                return Page(tuple(Update(one.path, _unnamed(trace, uid, self.clock())) for one in found), tasks)
            case Fate.HELD:
                return self._held(trace, uid)
            case Fate.EVENT if uid is not None:
                return self._events(trace, uid)
            case Fate.GIVEN if uid is not None:
                return self._given(trace, uid)
            case Fate.TRANSFER if uid is not None:
                return self._transfers(trace, uid)
        return Page()

    def _sessions(self, trace: Trace, uid: str | None) -> Page:
        """
        Return a page of sessions. A person's sessions are deleted only if they have not changed since they were read:
        one that was transferred meanwhile belongs to another person.
        """
        taken: list[Document] = []
        videos = 0
        for limit in (FEW, PAGE):
            sessions = self.reading.naming(trace, uid, limit)
            taken, videos = [], 0
            for session in sessions:
                if videos >= PAGE_VIDEOS:
                    break
                taken.append(session)
                videos += _videos_of(session)
            if videos >= PAGE_VIDEOS or len(sessions) < limit:
                break
        return Page(
            tuple(Delete(one.path, if_version=None if uid is None else one.version) for one in taken),
            tuple(Task(RECONCILE_SESSION, one.id) for one in taken),
            sessions=len(taken),
            videos=videos,
        )

    def _videos(self, trace: Trace, uid: str | None) -> Page:
        """
        Return a page of videos that do not go with a session of the person. Such a video's session was deleted, perhaps
        with a later session under the same id, or its owner was changed without a transfer. If there are none, return
        tasks for videos that are gone and whose records an earlier release left with the person's name.
        """
        found = self.reading.naming(trace, uid, more=(ALIVE, _WANTED))
        sessions = self.reading.sessions(map(session_id_of, found))
        taken: list[Document] = []
        others = 0
        is_waiting = False
        for one in found:
            session = sessions.get(session_id_of(one))
            belonging = belonging_of(one, session)
            if belonging is Belonging.SAME:
                # The video follows its session, which is being transferred, or was created since.
                is_waiting = is_waiting or (session is not None and uid in session.former_owner_uids)
                continue
            taken.append(one)
            others += belonging is Belonging.OWNER_CHANGED
        tasks = [Task(RECONCILE_VIDEO, one.id) for one in taken]
        if uid is not None and not taken:
            left = self.reading.naming(trace, uid, more=(_GONE,))
            tasks += [Task(RECONCILE_VIDEO, one.id) for one in left]
            is_waiting = is_waiting or bool(left)
        writes = tuple(Update(one.path, _UNWANTED) for one in taken)
        return Page(writes, tuple(tasks), videos=others, is_waiting=is_waiting)

    def _marked(self, trace: Trace, uid: str | None) -> Page:
        """
        Return a page of documents that their own reconciliation deletes, with everything that they name at a provider.
        What belongs to a session that exists follows it, as a video does.
        """
        found = self.reading.naming(trace, uid, more=(ALIVE,))
        sessions = self.reading.sessions(map(session_id_of, found))
        taken: list[Document] = []
        is_waiting = False
        for one in found:
            session = sessions.get(session_id_of(one))
            if session is not None and belonging_of(one, session) is Belonging.SAME:
                is_waiting = is_waiting or uid in session.former_owner_uids
            else:
                taken.append(one)
        tasks = () if trace.queue is None else tuple(Task(trace.queue, one.id) for one in taken)
        writes = tuple(Update(one.path, _UNWANTED) for one in taken if not one.fields["wish"]["deleted"])
        return Page(writes, tasks, is_waiting=is_waiting or bool(taken))

    def _deleted(self, trace: Trace, uid: str | None) -> Page:
        if trace.naming is Naming.ID and uid is not None:
            read = self.reading.documents.read(*paths_of(trace, uid)) if trace.fate is Fate.DELETE else ()
            found = [one for one in read if one is not None]
        elif uid is None:
            found = list(self.reading.documents.select(Query(trace.collection, limit=PAGE)))
        else:
            found = list(self.reading.naming(trace, uid))
        enrolments = 0 if trace.naming is Naming.ID else len(found)
        return Page(tuple(Delete(one.path) for one in found), enrolments=enrolments)

    def _held(self, trace: Trace, uid: str | None) -> Page:
        """
        Return a page of admissions. Each is revoked, and the erasure waits for that. If the provider cannot be asked,
        what was given expires within hours.
        """
        found = self.reading.naming(trace, uid)
        if uid is None:
            tasks = {task_for_all(session_id_of(one)) for one in found}
        else:
            tasks = {Task(RECONCILE_ADMISSION, one.id) for one in found}
        writes = tuple(revoking(one) for one in found if one.fields["revocationId"] is not None)
        return Page(writes, tuple(sorted(tasks, key=lambda task: task.key)), is_waiting=bool(found))

    def _events(self, trace: Trace, uid: str) -> Page:
        """
        Return a page of events whose session has another owner now, without a transfer.
        """
        found = self.reading.naming(trace, uid)
        sessions = self.reading.sessions(one.id for one in found)
        held = [
            session
            for one in found
            if (session := sessions.get(one.id)) and belonging_of(one, session) is Belonging.OWNER_CHANGED
        ]
        return self._brought_along(held, uid)

    def _given(self, trace: Trace, uid: str) -> Page:
        """
        Return a page of enrolments that the person gave. Enrolments in a session that has another owner now are kept,
        and transferred to that owner.
        """
        found = self.reading.naming(trace, uid)
        sessions = self.reading.sessions(map(session_id_of, found))
        stale: list[Document] = []
        theirs: dict[str, Session] = {}
        for one in found:
            session = sessions.get(session_id_of(one))
            if session is None or session.owner_uid is None or _is_older(one, session):
                stale.append(one)
            elif session.owner_uid != uid:
                theirs[session.id] = session
        if stale:
            return Page(tuple(Delete(one.path, if_version=one.version) for one in stale), enrolments=len(stale))
        return self._brought_along(theirs.values(), uid)

    def _transfers(self, trace: Trace, uid: str) -> Page:
        """
        Return tasks that bring the transfers that name the person to their end, and writes for sessions that an
        administrator has transferred once more meanwhile.
        """
        found = self.reading.naming(trace, uid)
        sessions = self.reading.sessions(one.id for one in found)
        waits = tuple(Task(RECONCILE_TRANSFER, one.id) for one in found)
        page = self._brought_along([one for one in sessions.values() if one.owner_uid != uid], uid)
        return replace(page, tasks=(*page.tasks, *waits), is_waiting=page.is_waiting or bool(found))

    def _brought_along(self, sessions: Iterable[Session], uid: str) -> Page:
        """
        Return the writes that transfer sessions to the owners whom they have already, so that all their things follow.
        """
        writes: list[Write] = []
        tasks: list[Task] = []
        is_waiting = False
        for session in list(sessions)[:BROUGHT_ALONG]:
            pairing, job = self.reading.documents.read(pairing_path(session.id), transfer_path(session.id))
            is_under_way = job is not None and uid in session.former_owner_uids and _goes_to(job, session)
            if session.owner_uid is None or is_under_way:
                is_waiting = is_waiting or session.owner_uid is not None
                tasks.append(Task(RECONCILE_TRANSFER, session.id))
                continue
            is_waiting = True
            if not is_claimed(pairing, self.clock()):
                writes += begin(session, pairing, job, session.owner_uid, (uid,), self.clock())
                tasks += [Task(name, session.id) for name in (RECONCILE_TRANSFER, RECONCILE_SESSION)]
        return Page(tuple(writes), tuple(tasks), is_waiting=is_waiting)


def _videos_of(session: Document) -> int:
    videos = session.fields.get("videos")
    return len(videos) if isinstance(videos, Mapping) else 0


def _is_older(enrolment: Document, session: Session) -> bool:
    """
    Tell whether an enrolment was given in an earlier session of the same id. Pure.
    """
    given_at = enrolment.fields.get("createdAt")
    at = given_at if isinstance(given_at, datetime) else enrolment.created_at
    return session.created_at is not None and at < session.created_at


def _goes_to(job: Document, session: Session) -> bool:
    return bool(job.fields["ownerUid"] == session.owner_uid and job.fields["state"] == "moving")


def _unnamed(trace: Trace, uid: str | None, now: datetime) -> Changes:
    if trace.naming is Naming.KEY and uid is not None:
        # If the task is lost, the sweep finds the session by `updatedAt`.
        return {(*trace.field, uid): REMOVE, ("updatedAt",): now}
    return {trace.field: ""}
