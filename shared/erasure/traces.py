"""The one table of the fields and ids that may name a person, and of what an erasure does with each.

Called by `pages`, `left`, `reading` and `export`. A collection that begins to name people adds a line here, and is then
erased and exported. A collection that names nobody is added to `NAMELESS`. A test checks that every collection is in
one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.core.paths import (
    ADMISSIONS,
    CALL_BUDGETS,
    COPIES,
    DELETIONS,
    ENROLMENTS,
    ERASURES,
    KNOWN_USERS,
    PAIRINGS,
    RECONCILE_SESSION,
    REMOVALS,
    RESERVED,
    SESSIONS,
    TRANSFERS,
    UPLOADERS,
    VIDEOS,
    can_be_id,
    hashed_uid,
)
from shared.ports import Condition, Operator


class Naming(StrEnum):
    """
    The ways in which a document names a person.

    `VALUE`: a field's value is their uid. `MEMBER`: a list contains it. `KEY`: a map has it as a key, with the value
    `true`. `ID`: it is the document's id.
    """

    VALUE = "value"
    MEMBER = "member"
    KEY = "key"
    ID = "id"


class Fate(StrEnum):
    """
    The ways in which an erasure handles a document that it finds.

    `SESSION`: it is deleted, with everything that belongs to it. `VIDEO`: it is marked as deleted. `EVENT`: it is
    deleted with its session; if the session has another owner now, the event is transferred to them. `GIVEN`: the
    enrolment is deleted, or transferred in the same way. `HELD`: the grants that the person holds at a provider are
    ended, and then the document is deleted. `DELETE`: it is deleted. `UNNAME`: the name is removed, and the document
    stays. `TRANSFER`: the erasure waits for its end. `FOLLOW`: its own reconciliation removes the person. `USER`: the
    user at the provider of live events is deleted. `ITSELF`: the erasure's own document, which names the person until
    it is done.
    """

    SESSION = "session"
    VIDEO = "video"
    EVENT = "event"
    GIVEN = "given"
    HELD = "held"
    DELETE = "delete"
    UNNAME = "unname"
    TRANSFER = "transfer"
    FOLLOW = "follow"
    USER = "user"
    ITSELF = "itself"


@dataclass(frozen=True, slots=True)
class Trace:
    """
    One field or id that may name a person.

    Attributes:
        collection: The collection of the documents.
        naming: How they name a person.
        field: The path to the field, one name after the other; empty if the document's id is the name.
        fate: What an erasure does with them.
        section: The section of an export that contains them.
        queue: The worker that reconciles a document whose name was removed, if any.
    """

    collection: str
    naming: Naming
    field: tuple[str, ...]
    fate: Fate
    section: str
    queue: str | None = None


TRACES: Final = (
    Trace(SESSIONS, Naming.VALUE, ("ownerUid",), Fate.SESSION, "sessions"),
    Trace(VIDEOS, Naming.VALUE, ("ownerUid",), Fate.VIDEO, "videos"),
    Trace(TRANSFERS, Naming.VALUE, ("ownerUid",), Fate.TRANSFER, "transfersToThem"),
    Trace(TRANSFERS, Naming.MEMBER, ("formerOwnerUids",), Fate.TRANSFER, "transfersFromThem"),
    Trace(SESSIONS, Naming.MEMBER, ("formerOwnerUids",), Fate.TRANSFER, "formerlyOwned"),
    Trace(PAIRINGS, Naming.VALUE, ("ownerUid",), Fate.EVENT, "liveEvents"),
    Trace(ENROLMENTS, Naming.VALUE, ("ownerUid",), Fate.GIVEN, "enrolmentsGiven"),
    Trace(ENROLMENTS, Naming.VALUE, ("uid",), Fate.DELETE, "enrolments"),
    Trace(ADMISSIONS, Naming.VALUE, ("uid",), Fate.HELD, "admissions"),
    Trace(SESSIONS, Naming.KEY, ("moderators",), Fate.UNNAME, "moderates", RECONCILE_SESSION),
    Trace(PAIRINGS, Naming.MEMBER, ("applied", "moderators"), Fate.FOLLOW, "moderatesEvents"),
    Trace(COPIES, Naming.VALUE, ("ownerUid",), Fate.FOLLOW, "copies"),
    Trace(DELETIONS, Naming.VALUE, ("ownerUid",), Fate.UNNAME, "pendingDeletions"),
    Trace(UPLOADERS, Naming.ID, (), Fate.DELETE, "uploads"),
    Trace(KNOWN_USERS, Naming.ID, (), Fate.USER, "kalturaUser"),
    Trace(ERASURES, Naming.VALUE, ("uid",), Fate.ITSELF, "erasures"),
)
"""Sorted in the order in which an erasure marks them. A deleted session cannot be transferred any more. So whatever
names the person after the sessions belongs to them, or is part of a transfer that is under way."""

NAMELESS: Final = frozenset({CALL_BUDGETS, "hosts", "kalturaCache", "operations", "reports", "archive"})
"""Collections that name no person."""

CARRIED_OVER: Final = frozenset({REMOVALS})
"""Collections of an earlier release, whose documents are converted once a day."""


def condition(trace: Trace, uid: str | None) -> Condition | None:
    """
    Return the condition that finds documents naming a person, or naming any person if `uid` is `None`. Pure.

    Returns:
        `None` if there cannot be such documents, or, for any person, if no condition is needed.
    """
    if uid is None:
        # A field that names a person is not empty. Such a query is ordered by that field.
        return Condition(trace.field[0], Operator.GREATER, "") if trace.naming is Naming.VALUE else None
    name = trace.field[0] if len(trace.field) == 1 else trace.field
    match trace.naming:
        case Naming.VALUE:
            return Condition(name, Operator.EQUAL, uid)
        case Naming.MEMBER:
            return Condition(name, Operator.CONTAINS, uid)
        case Naming.KEY:
            return None if RESERVED.fullmatch(uid) else Condition((*trace.field, uid), Operator.EQUAL, True)
        case Naming.ID:
            return None


def paths_of(trace: Trace, uid: str) -> tuple[str, ...]:
    """
    Return the paths of the documents whose id is a person's uid, or its hash. Pure.
    """
    ids = (*([uid] if can_be_id(uid) else []), hashed_uid(uid))
    return tuple(f"{trace.collection}/{one}" for one in ids)
