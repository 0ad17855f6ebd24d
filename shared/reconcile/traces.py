"""The fields and ids that may name a person, and what an erasure does with each.

Each resource lists its own in its `resource.py`, and is then erased and exported. A test checks that every collection
is listed there, or in the test as one that names nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from shared.core.paths import RESERVED, can_be_id, hashed_uid
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
    The ways in which an erasure handles a document that it finds, in the order in which it does so.

    `SESSION`: it is deleted, with everything that belongs to it. `VIDEO`: it is marked as deleted, unless it goes with
    its session. `MARK`: it is marked as deleted (`wish.deleted`), and the erasure waits until it is `gone`. `TRANSFER`:
    the erasure waits for its end. `EVENT`: it is deleted with its session; if the session has another owner now, the
    event is transferred to them. `GIVEN`: the enrolment is deleted, or transferred in the same way. `DELETE`: it is
    deleted. `HELD`: the grants that the person holds at a provider are ended, and then the document is deleted.
    `UNNAME`: the name is removed, and the document stays. `FOLLOW`: its own reconciliation removes the person. `USER`:
    the user at the provider of live events is deleted. `ITSELF`: the erasure's own document, which names the person
    until it is done.
    """

    SESSION = "session"
    VIDEO = "video"
    MARK = "mark"
    TRANSFER = "transfer"
    EVENT = "event"
    GIVEN = "given"
    DELETE = "delete"
    HELD = "held"
    UNNAME = "unname"
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


def in_order(traces: Iterable[Trace]) -> tuple[Trace, ...]:
    """
    Sort traces in the order in which an erasure marks them, which is that of their fates. A deleted session cannot be
    transferred any more. So whatever names the person after the sessions belongs to them, or is part of a transfer that
    is under way. Pure.
    """
    fates = list(Fate)
    return tuple(sorted(traces, key=lambda trace: fates.index(trace.fate)))


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
