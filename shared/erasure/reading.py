"""The queries by which an erasure finds documents that name a person, and the sessions that these belong to.

Called by `pages` and `left`. Leaves to `traces` where a person may be named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.core.identity import Belonging, SessionIdentity
from shared.core.paths import COPIES, VIDEOS, session_path
from shared.ports import Condition, Document, Documents, Operator, Query
from shared.reconcile.traces import Fate, Naming, Trace, condition
from shared.sessions.session import Session

PAGE: Final = 450
"""Documents of one page. With the erasure's own document they stay below the 500 that Firestore writes at once."""

ALIVE: Final = Condition("gone", Operator.EQUAL, False)
MARKED: Final = Condition(("wish", "deleted"), Operator.EQUAL, True)

_SESSION_ID: Final = re.compile(r"(?!\.{1,2}$|__.*__$)[^/]{1,300}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Reading:
    """
    Reads documents for an erasure.

    Attributes:
        documents: Where everything is stored.
        traces: The fields and ids that may name a person, in the order in which they are marked.
    """

    documents: Documents
    traces: Sequence[Trace]

    def naming(
        self, trace: Trace, uid: str | None, limit: int = PAGE, *, more: tuple[Condition, ...] = ()
    ) -> Sequence[Document]:
        """
        Return documents that name the person, or any person, in the field or id of one trace.
        """
        if uid is None and trace.fate in (Fate.SESSION, Fate.VIDEO, Fate.MARK):
            # All documents of these collections are deleted, whomever they name.
            return self.documents.select(Query(trace.collection, more, limit=limit))
        named = condition(trace, uid)
        if named is None:
            return ()
        order_by = trace.field[0] if uid is None else None
        return self.documents.select(Query(trace.collection, (named, *more), order_by=order_by, limit=limit))

    def still_named(self, trace: Trace, uid: str | None, marked_at: datetime | None) -> Sequence[Document]:
        """
        Return a page of documents that still name the person in the field or id of one trace, without those that were
        made after everything was marked.
        """
        if trace.collection == VIDEOS:
            return self.naming(trace, uid, more=(ALIVE, MARKED))
        found = self.naming(trace, uid)
        if trace.collection == COPIES:
            return [one for one in found if marked_at is None or one.fields["begunAt"] <= marked_at]
        sessions = self.sessions(one.id for one in found)
        return [one for one in found if not _is_of_present(trace, one, sessions.get(one.id), uid)]

    def sessions(self, session_ids: Iterable[str]) -> dict[str, Session]:
        """
        Return the sessions that exist among several ids, by id.
        """
        paths = [session_path(one) for one in sorted({one for one in session_ids if one})]
        read = self.documents.read(*paths) if paths else ()
        return {one.id: Session.from_document(one) for one in read if one is not None}


def session_id_of(thing: Document) -> str:
    """
    Return the id of the session that a thing names; empty if it names no possible id, because a back end may have
    written anything. Pure.
    """
    named = thing.fields.get("sessionId")
    return named if isinstance(named, str) and _SESSION_ID.fullmatch(named) else ""


def belonging_of(thing: Document, session: Session | None) -> Belonging | None:
    """
    Return how a thing relates to the session that has its id now, `None` if there is no session. Pure.
    """
    if session is None:
        return None
    return SessionIdentity.from_fields(session.id, thing.fields).belonging(session.identity)


def _is_of_present(trace: Trace, pairing: Document, session: Session | None, uid: str | None) -> bool:
    """
    Tell whether an event names the person because its present session does: that name was written after everything was
    marked. Pure.
    """
    if session is None or belonging_of(pairing, session) is not Belonging.SAME:
        return False
    return uid is None or trace.naming is Naming.VALUE or session.moderates(uid)
