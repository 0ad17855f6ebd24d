"""Who may do what to each kind of document: the whole table, cell by cell.

Run by pytest. The table is the statement, written by hand; nothing here works it out. The edges of each allowance are
in the file of its collection.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from itertools import product
from typing import NamedTuple

import pytest

from emulator_tests.rules.callers import SERVER, Caller, Cast
from emulator_tests.rules.documents import RECORDED, enrolment, enrolment_path, session, slides
from emulator_tests.rules.firestore import SERVER_TIME, Denied, Fields, Firestore, change, create, delete, replace

CREATED_AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

OPERATIONS = ("get", "list", "create", "update", "delete")

# Each role's operations on the owner's documents. Created documents name the caller as their owner.
# anonymous, string_claim and expired are the owner with that one thing wrong.
TABLE = """
                 nobody  student  enrolled  owner  other_teacher  admin  anonymous  string_claim  expired
a draft session
    get          -       -        -         yes    -              yes    yes        yes           -
    list         -       -        -         yes    -              yes    yes        yes           -
    create       -       -        -         yes    yes            -      -          -             -
    update       -       -        -         yes    -              -      -          -             -
    delete       -       -        -         yes    -              -      -          -             -
a session open to all
    get          -       yes      yes       yes    yes            yes    yes        yes           -
    list         -       yes      yes       yes    yes            yes    yes        yes           -
    create       -       -        -         yes    yes            -      -          -             -
    update       -       -        -         yes    -              -      -          -             -
    delete       -       -        -         yes    -              -      -          -             -
a session for the enrolled
    get          -       -        yes       yes    -              yes    yes        yes           -
    list         -       -        -         -      -              yes    -          -             -
    create       -       -        -         yes    yes            -      -          -             -
    update       -       -        -         yes    -              -      -          -             -
    delete       -       -        -         yes    -              -      -          -             -
slides of a draft session
    get          -       -        -         yes    -              yes    yes        yes           -
    list         -       -        -         yes    -              yes    yes        yes           -
    create       -       -        -         -      -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         -      -              -      -          -             -
slides of a session open to all
    get          -       yes      yes       yes    yes            yes    yes        yes           -
    list         -       yes      yes       yes    yes            yes    yes        yes           -
    create       -       -        -         -      -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         -      -              -      -          -             -
slides of a session for the enrolled
    get          -       -        yes       yes    -              yes    yes        yes           -
    list         -       -        yes       yes    -              yes    yes        yes           -
    create       -       -        -         -      -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         -      -              -      -          -             -
timeline of a draft session
    get          -       -        -         yes    -              yes    yes        yes           -
    list         -       -        -         yes    -              yes    yes        yes           -
    create       -       -        -         -      -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         -      -              -      -          -             -
timeline of a session open to all
    get          -       yes      yes       yes    yes            yes    yes        yes           -
    list         -       yes      yes       yes    yes            yes    yes        yes           -
    create       -       -        -         -      -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         -      -              -      -          -             -
timeline of a session for the enrolled
    get          -       -        yes       yes    -              yes    yes        yes           -
    list         -       -        yes       yes    -              yes    yes        yes           -
    create       -       -        -         -      -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         -      -              -      -          -             -
an unknown document below a session
    get          -       -        -         -      -              -      -          -             -
    list         -       -        -         -      -              -      -          -             -
    create       -       -        -         -      -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         -      -              -      -          -             -
enrolments
    get          -       -        yes       yes    -              yes    yes        yes           -
    list         -       -        -         yes    -              yes    yes        yes           -
    create       -       -        -         yes    -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         yes    -              -      -          -             -
videos
    get          -       -        -         yes    -              yes    -          -             -
    list         -       -        -         yes    -              yes    -          -             -
    create       -       -        -         -      -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         -      -              -      -          -             -
kalturaSession
    get          -       -        -         -      -              yes    -          -             -
    list         -       -        -         -      -              yes    -          -             -
    create       -       -        -         -      -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         -      -              -      -          -             -
archive
    get          -       -        -         -      -              yes    -          -             -
    list         -       -        -         -      -              yes    -          -             -
    create       -       -        -         -      -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         -      -              -      -          -             -
slides
    get          -       -        -         -      -              yes    -          -             -
    list         -       -        -         -      -              yes    -          -             -
    create       -       -        -         -      -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         -      -              -      -          -             -
timelines
    get          -       -        -         -      -              yes    -          -             -
    list         -       -        -         -      -              yes    -          -             -
    create       -       -        -         -      -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         -      -              -      -          -             -
copies
    get          -       -        -         -      -              yes    -          -             -
    list         -       -        -         -      -              yes    -          -             -
    create       -       -        -         -      -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         -      -              -      -          -             -
hosts
    get          -       -        -         -      -              yes    -          -             -
    list         -       -        -         -      -              yes    -          -             -
    create       -       -        -         -      -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         -      -              -      -          -             -
pendingDeletions
    get          -       -        -         -      -              yes    -          -             -
    list         -       -        -         -      -              yes    -          -             -
    create       -       -        -         -      -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         -      -              -      -          -             -
transfers
    get          -       -        -         yes    -              yes    -          -             -
    list         -       -        -         yes    -              yes    -          -             -
    create       -       -        -         -      -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         -      -              -      -          -             -
erasures
    get          -       -        -         -      -              yes    -          -             -
    list         -       -        -         -      -              yes    -          -             -
    create       -       -        -         -      -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         -      -              -      -          -             -
reports
    get          -       -        -         -      -              yes    -          -             -
    list         -       -        -         -      -              yes    -          -             -
    create       -       -        -         -      -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         -      -              -      -          -             -
admissions
    get          -       -        -         -      -              -      -          -             -
    list         -       -        -         -      -              -      -          -             -
    create       -       -        -         -      -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         -      -              -      -          -             -
uploaders
    get          -       -        -         -      -              -      -          -             -
    list         -       -        -         -      -              -      -          -             -
    create       -       -        -         -      -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         -      -              -      -          -             -
kalturaUsers
    get          -       -        -         -      -              -      -          -             -
    list         -       -        -         -      -              -      -          -             -
    create       -       -        -         -      -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         -      -              -      -          -             -
kalturaCache
    get          -       -        -         -      -              -      -          -             -
    list         -       -        -         -      -              -      -          -             -
    create       -       -        -         -      -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         -      -              -      -          -             -
operations
    get          -       -        -         -      -              -      -          -             -
    list         -       -        -         -      -              -      -          -             -
    create       -       -        -         -      -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         -      -              -      -          -             -
an unknown collection
    get          -       -        -         -      -              -      -          -             -
    list         -       -        -         -      -              -      -          -             -
    create       -       -        -         -      -              -      -          -             -
    update       -       -        -         -      -              -      -          -             -
    delete       -       -        -         -      -              -      -          -             -
"""

# The kinds of the table that are states or places of one collection.
KINDS = {
    "a draft session": "sessions",
    "a session open to all": "sessions",
    "a session for the enrolled": "sessions",
    "slides of a draft session": "sharedLiveMedias",
    "slides of a session open to all": "sharedLiveMedias",
    "slides of a session for the enrolled": "sharedLiveMedias",
    "timeline of a draft session": "slideTimelines",
    "timeline of a session open to all": "slideTimelines",
    "timeline of a session for the enrolled": "slideTimelines",
    "an unknown document below a session": "secrets",
    "an unknown collection": "unheardOf",
}


class Cell(NamedTuple):
    """
    One question of the table, and its answer.
    """

    kind: str
    operation: str
    role: str
    allowed: bool


def cells() -> list[Cell]:
    """
    The table, read. Pure.
    """
    header, *lines = TABLE.strip("\n").splitlines()
    found: list[Cell] = []
    kind = ""
    for line in lines:
        if not line.startswith(" "):
            kind = line
            continue
        operation, *answers = line.split()
        found += [
            Cell(kind, operation, role, {"yes": True, "-": False}[answer])
            for role, answer in zip(header.split(), answers, strict=True)
        ]
    return found


@dataclass(frozen=True, slots=True)
class Ground:
    """
    What one cell is played on.

    Args:
        around: Documents that stand beside the one in question, by path.
        path: The document in question, which stands.
        standing: Its fields.
        new_path: The document the caller would create.
        new: Its fields, in the caller's name.
        changed: A harmless change to the standing document.
        where: The filter of the query the document's owner would make.
    """

    around: dict[str, Fields]
    path: str
    standing: Fields
    new_path: str
    new: Fields
    changed: Fields
    where: Fields


def ground(kind: str, session_id: str, cast: Cast, caller: Caller) -> Ground:
    """
    The documents on which the questions about one kind are put. Pure.
    """
    owner, enrolled = cast.owner, cast.enrolled
    session_path = f"sessions/{session_id}"
    if kind.endswith("draft session"):
        state = {"status": "draft"}
        by_state = {"ownerUid": owner.uid}
    elif kind.endswith("open to all"):
        state = {"status": "public", "visibility": "open"}
        by_state = dict(state)
    else:
        state = {"status": "public", "visibility": "enrolled"}
        by_state = dict(state)
    around = {
        session_path: session(owner, **state, **RECORDED, createdAt=CREATED_AT),
        enrolment_path(session_id, enrolled): enrolment(session_id, enrolled, owner),
    }
    collection = KINDS.get(kind, kind)
    match collection:
        case "sessions":
            return Ground(
                around=around,
                path=session_path,
                standing=around[session_path],
                new_path=f"{session_path}-2",
                new=session(caller, **state),
                changed={"title": "Optics, lecture 2", "updatedAt": SERVER_TIME},
                where=by_state,
            )
        case "enrolments":
            path = enrolment_path(session_id, enrolled)
            return Ground(
                around=around,
                path=path,
                standing=around[path],
                new_path=enrolment_path(session_id, cast.student),
                new=enrolment(session_id, cast.student, caller),
                changed={"uid": cast.student.uid},
                where={"ownerUid": owner.uid},
            )
        case "sharedLiveMedias" | "slideTimelines" | "secrets":
            folder = f"{session_path}/{collection}"
            return Ground(
                around=around,
                path=f"{folder}/m1",
                standing=slides(session_id, owner, created_at=CREATED_AT),
                new_path=f"{folder}/m2",
                new=slides(session_id, caller, created_at=CREATED_AT),
                changed={"pages": 4},
                where={"ownerUid": owner.uid, "sessionCreatedAt": CREATED_AT},
            )
        case _:
            return Ground(
                around=around,
                path=f"{collection}/{session_id}",
                standing={"ownerUid": owner.uid, "uid": owner.uid, "state": "ready"},
                new_path=f"{collection}/{session_id}-2",
                new={"ownerUid": caller.uid, "uid": caller.uid, "state": "ready"},
                changed={"state": "changed"},
                where={"ownerUid": owner.uid},
            )


def play(firestore: Firestore, operation: str, caller: Caller, on: Ground) -> None:
    """
    Lets the caller try one operation, and sees that what was allowed has happened.
    """
    match operation:
        case "get":
            assert firestore.get(caller, on.path) == on.standing
        case "list":
            collection = on.path.rpartition("/")[0]
            assert firestore.find(caller, collection, on.where)[on.path] == on.standing
        case "create":
            firestore.commit(caller, create(on.new_path, on.new))
            assert firestore.get(SERVER, on.new_path) == on.new
        case "update":
            firestore.commit(caller, change(on.path, on.changed))
            assert firestore.get(SERVER, on.path) == on.standing | on.changed
        case "delete":
            firestore.commit(caller, delete(on.path))
            assert firestore.get(SERVER, on.path) is None


@pytest.mark.parametrize("cell", cells(), ids=lambda cell: f"{cell.kind}: {cell.operation} by {cell.role}")
def test_access_table_holds(firestore: Firestore, session_id: str, cast: Cast, cell: Cell) -> None:
    caller: Caller = getattr(cast, cell.role)
    on = ground(cell.kind, session_id, cast, caller)
    firestore.commit(SERVER, *(replace(path, kept) for path, kept in {**on.around, on.path: on.standing}.items()))
    if cell.allowed:
        play(firestore, cell.operation, caller, on)
        return
    with pytest.raises(Denied):
        play(firestore, cell.operation, caller, on)
    assert firestore.get(SERVER, on.path) == on.standing
    assert firestore.get(SERVER, on.new_path) is None


def test_the_table_asks_every_operation_of_every_role_about_every_kind() -> None:
    kinds = {cell.kind for cell in cells()}
    roles = [field.name for field in fields(Cast)]
    assert sorted(cell[:3] for cell in cells()) == sorted(product(kinds, OPERATIONS, roles))


def test_the_table_knows_every_collection_the_rules_name(named_collections: set[str]) -> None:
    assert named_collections <= {KINDS.get(cell.kind, cell.kind) for cell in cells()}
