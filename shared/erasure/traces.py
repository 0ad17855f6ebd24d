"""The one table of the places in the documents that may name a person, and what an erasure does with each.

Called by `pages` and `export`. A collection that comes to name people adds its line here, and is erased and exported
from then on; one that names nobody adds itself to `NAMELESS`, and a test sees that every collection is in one of them.
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
    How a document names a person.

    `VALUE`: a field is their uid. `MEMBER`: a list has it. `KEY`: a map has it as a key, with the value `true`. `ID`:
    it is the document's id.
    """

    VALUE = "value"
    MEMBER = "member"
    KEY = "key"
    ID = "id"


class Fate(StrEnum):
    """
    What an erasure does with what it finds.

    `SESSION`: it is deleted, with all that it has. `VIDEO`: it is marked as deleted. `EVENT`: it goes with its session;
    where that is another's now, it is transferred to them. `GIVEN`: the enrolment goes, or is transferred likewise.
    `HELD`: what they hold at a provider is ended, and the document goes once it is.
    `DELETE`: the document goes. `UNNAME`: the name goes, the document stays. `TRANSFER`: its end is waited for.
    `FOLLOW`: its own reconciliation lets go of the person. `USER`: the provider of live events forgets them.
    `ITSELF`: the erasure's own document, which names them until it is done.
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
    One place that may name a person.

    Attributes:
        collection: In which documents are.
        naming: How they name a person.
        field: The names on the way to the field; empty where the id of the document is the name.
        fate: What an erasure does with them.
        section: Under which an export shows them.
        queue: The worker that reconciles a document whose name was taken out, if any.
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
"""In the order in which an erasure marks them: a session that is deleted cannot be transferred any more, so what names
the person after that is theirs, or its transfer is under way."""

NAMELESS: Final = frozenset({CALL_BUDGETS, "hosts", "kalturaCache", "operations", "reports", "archive"})
"""Collections that name nobody."""

CARRIED_OVER: Final = frozenset({REMOVALS})
"""Collections of an earlier release, whose documents are carried over to others once a day."""


def condition(trace: Trace, uid: str | None) -> Condition | None:
    """
    Return the condition by which documents are found that name somebody, or anybody where `uid` is `None`. Pure.

    Returns:
        `None` where there can be no such documents, or, for anybody, where none is needed.
    """
    if uid is None:
        # Of an anybody's name it is known that it is not empty; such a query is in the order of that field.
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
    Return the paths of the documents whose id is somebody's uid, or stands for it. Pure.
    """
    ids = (*([uid] if can_be_id(uid) else []), hashed_uid(uid))
    return tuple(f"{trace.collection}/{one}" for one in ids)
