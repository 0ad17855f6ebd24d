"""The documents port: in memory, and the Firestore emulator behind hidane."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from threading import Barrier
from typing import Any

import grpc
import pytest

from emulator_tests.contract.line import Line, line_to
from emulator_tests.memory import MemoryDocuments
from emulator_tests.testbed import Testbed
from shared.cloud.firestore import FirestoreDocuments, connect_firestore
from shared.core.errors import Conflict, Transient
from shared.ports import (
    REMOVE,
    Condition,
    Create,
    Delete,
    Document,
    Documents,
    Operator,
    Query,
    Total,
    Update,
    Version,
    Write,
)

AT = datetime(2026, 1, 5, 9, 30, 0, 123_456, tzinfo=UTC)

BAD_PATHS = [
    "",
    "things",
    "things/",
    "/things/a",
    "things/a/sub",
    "things//a/b",
    "things/..",
    "things/.",
    "things/__id__",
    "things/" + "x" * 1501,
    "things/" + "é" * 751,
    "things/\ud800",
]

STRANGE_NAMES = [
    "a.b",
    "with space",
    "1st",
    "héllo",
    "back`tick",
    "back\\slash",
    "both\\`",
    "~*/[]",
    "videos-0_abc",
    "\n",
]


class Colour(StrEnum):
    RED = "red"


@pytest.fixture(scope="module")
def firestore(testbed: Testbed) -> FirestoreDocuments:
    return firestore_at(testbed.firestore_host, testbed.project_id)


@pytest.fixture(params=["memory", "firestore"])
def documents(request: pytest.FixtureRequest) -> Documents:
    if request.param == "memory":
        return MemoryDocuments()
    firestore: FirestoreDocuments = request.getfixturevalue("firestore")
    return firestore


@pytest.fixture
def line(testbed: Testbed) -> Iterator[Line]:
    with line_to(testbed.firestore_host) as line:
        yield line


@pytest.fixture
def on_the_line(line: Line, testbed: Testbed) -> FirestoreDocuments:
    """Firestore behind a proxy that can disturb calls."""
    return firestore_at(line.address, testbed.project_id, timeout_s=2.0)


@pytest.fixture
def things() -> str:
    """A collection for this test only."""
    return f"things{secrets.token_hex(8)}"


def firestore_at(address: str, project_id: str, timeout_s: float = 10.0) -> FirestoreDocuments:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FIRESTORE_EMULATOR_HOST", address)
        return FirestoreDocuments(connect_firestore(project_id, "(default)"), timeout_s)


def _at(*path: str, value: object) -> dict[tuple[str, ...], Any]:
    return {path: value}


def _read(documents: Documents, path: str) -> Document:
    (document,) = documents.read(path)
    assert document is not None
    return document


def _ids(found: Sequence[Document]) -> list[str]:
    return [document.id for document in found]


# --- reading and creating ----------------------------------------------------------------------------------------


def test_created_document_is_read_back_unchanged(documents: Documents, things: str) -> None:
    fields = {
        "text": "Zwölf Boxkämpfer\u0000\n😀",
        "whole": -(2**63),
        "part": 0.1,
        "yes": True,
        "nothing": None,
        "bytes": b"\x00\xff",
        "at": AT,
        "list": [1, "two", {"three": AT, "inner": [1]}],
        "map": {"deep": {"deeper": {"at": AT}}, "empty": {}, "no": [], "a.b": 1},
    }

    documents.commit(Create(f"{things}/a", fields))

    document = _read(documents, f"{things}/a")
    assert document.fields == fields
    assert (document.path, document.id) == (f"{things}/a", "a")
    assert {type(value) for value in (document.fields["at"], document.fields["list"][2]["three"])} == {datetime}


def test_an_instant_of_another_time_zone_is_read_back_in_utc(documents: Documents, things: str) -> None:
    documents.commit(Create(f"{things}/a", {"at": AT.astimezone(timezone(timedelta(hours=-7)))}))

    at = _read(documents, f"{things}/a").fields["at"]
    assert at == AT
    assert at.tzinfo is UTC


def test_enums_and_tuples_are_stored_as_text_and_lists(documents: Documents, things: str) -> None:
    documents.commit(Create(f"{things}/a", {"colour": Colour.RED, "pair": (1, 2)}))

    fields = _read(documents, f"{things}/a").fields
    assert fields == {"colour": "red", "pair": [1, 2]}
    assert type(fields["colour"]) is str


def test_a_document_may_be_empty(documents: Documents, things: str) -> None:
    documents.commit(Create(f"{things}/a", {}))

    assert _read(documents, f"{things}/a").fields == {}


def test_documents_are_read_in_order_with_none_for_missing_ones(documents: Documents, things: str) -> None:
    documents.commit(*(Create(f"{things}/{id_}", {"id": id_}) for id_ in "abc"))

    read = documents.read(*(f"{things}/{id_}" for id_ in "cxaac"))

    assert [document and document.fields["id"] for document in read] == ["c", None, "a", "a", "c"]


def test_reading_nothing_and_writing_nothing_does_nothing(documents: Documents) -> None:
    assert documents.read() == ()
    assert documents.commit() == ()


def test_a_document_below_a_document_stands_by_itself(documents: Documents, things: str) -> None:
    documents.commit(Create(f"{things}/a/slides/1", {"page": 1}))

    assert documents.read(f"{things}/a", f"{things}/a/slides/1")[0] is None
    assert _read(documents, f"{things}/a/slides/1").fields == {"page": 1}


def test_creating_an_existing_document_is_a_conflict(documents: Documents, things: str) -> None:
    documents.commit(Create(f"{things}/a", {"n": 1}))

    with pytest.raises(Conflict):
        documents.commit(Create(f"{things}/a", {"n": 2}))

    assert _read(documents, f"{things}/a").fields == {"n": 1}


def test_stored_document_is_a_copy(documents: Documents, things: str) -> None:
    fields: dict[str, Any] = {"list": [1], "map": {"n": 1}}
    documents.commit(Create(f"{things}/a", fields))
    fields["list"].append(2)
    seen = _read(documents, f"{things}/a")
    seen.fields["map"]["n"] = 2

    assert _read(documents, f"{things}/a").fields == {"list": [1], "map": {"n": 1}}


# --- updating ----------------------------------------------------------------------------------------------------


def test_an_update_changes_the_named_fields_and_leaves_the_others(documents: Documents, things: str) -> None:
    documents.commit(Create(f"{things}/a", {"title": "old", "map": {"n": 1, "m": 2}, "left": 1}))

    documents.commit(Update(f"{things}/a", {"title": "new", "map": {"n": 3}, "at": AT}))

    assert _read(documents, f"{things}/a").fields == {"title": "new", "map": {"n": 3}, "left": 1, "at": AT}


def test_an_update_by_path_reaches_into_maps(documents: Documents, things: str) -> None:
    documents.commit(Create(f"{things}/a", {"videos": {"v1": {"state": "new"}, "v2": 2}}))

    changes: dict[tuple[str, ...], Any] = {
        ("videos", "v1", "state"): "ready",
        ("videos", "v3"): {"n": 1},
        ("kaltura", "ids", "entry"): "0_x",
    }
    documents.commit(Update(f"{things}/a", changes))

    assert _read(documents, f"{things}/a").fields == {
        "videos": {"v1": {"state": "ready"}, "v2": 2, "v3": {"n": 1}},
        "kaltura": {"ids": {"entry": "0_x"}},
    }


@pytest.mark.parametrize("name", STRANGE_NAMES)
def test_field_names_may_have_any_characters(documents: Documents, things: str, name: str) -> None:
    documents.commit(Create(f"{things}/a", {name: 1, "map": {name: 1}}))
    documents.commit(Update(f"{things}/a", {name: 2}))
    documents.commit(Update(f"{things}/a", _at("map", name, value=3)))

    assert _read(documents, f"{things}/a").fields == {name: 2, "map": {name: 3}}
    assert _ids(documents.select(Query(things, (Condition(name, Operator.EQUAL, 2),), order_by=name))) == ["a"]


def test_update_through_a_non_map_writes_a_map(documents: Documents, things: str) -> None:
    documents.commit(Create(f"{things}/a", {"videos": "none"}))

    documents.commit(Update(f"{things}/a", _at("videos", "v1", value=1)))

    assert _read(documents, f"{things}/a").fields == {"videos": {"v1": 1}}


def test_removing_an_absent_field_is_no_error(documents: Documents, things: str) -> None:
    documents.commit(Create(f"{things}/a", {"kaltura": {"state": "ready"}, "videos": {"v1": 1, "v2": 2}}))

    documents.commit(Update(f"{things}/a", {"kaltura": REMOVE, "never": REMOVE}))
    documents.commit(Update(f"{things}/a", {("videos", "v1"): REMOVE, ("nowhere", "at", "all"): REMOVE}))

    assert _read(documents, f"{things}/a").fields == {"videos": {"v2": 2}}


def test_updating_a_missing_document_is_a_conflict(documents: Documents, things: str) -> None:
    with pytest.raises(Conflict):
        documents.commit(Update(f"{things}/a", {"n": 1}))

    assert documents.read(f"{things}/a") == (None,)


# --- versions ----------------------------------------------------------------------------------------------------


def test_an_update_on_the_present_version_is_done(documents: Documents, things: str) -> None:
    documents.commit(Create(f"{things}/a", {"n": 1}))

    documents.commit(Update(f"{things}/a", {"n": 2}, if_version=_read(documents, f"{things}/a").version))

    assert _read(documents, f"{things}/a").fields == {"n": 2}


def test_the_version_of_a_commit_is_the_one_that_is_read_and_may_go_on_from(documents: Documents, things: str) -> None:
    created = documents.commit(Create(f"{things}/a", {"n": 1}))
    assert created == (_read(documents, f"{things}/a").version,)

    updated = documents.commit(Update(f"{things}/a", {"n": 2}, if_version=created[0]))
    assert updated == (_read(documents, f"{things}/a").version,)
    assert updated != created

    documents.commit(Update(f"{things}/a", {"n": 3}, if_version=updated[0]))
    assert _read(documents, f"{things}/a").fields == {"n": 3}


def test_versions_come_in_the_order_of_the_writes(documents: Documents, things: str) -> None:
    documents.commit(Create(f"{things}/b", {"n": 1}))

    versions = documents.commit(
        Delete(f"{things}/gone"), Update(f"{things}/b", {"n": 1}), Create(f"{things}/c", {}), Delete(f"{things}/gone")
    )

    assert len(versions) == 4
    assert versions[1:3] == tuple(_read(documents, f"{things}/{id_}").version for id_ in "bc")


def test_an_update_that_changes_nothing_leaves_the_version(documents: Documents, things: str) -> None:
    created = documents.commit(Create(f"{things}/a", {"n": 1, "at": AT}))

    assert documents.commit(Update(f"{things}/a", {"n": 1, "at": AT})) == created
    assert (_read(documents, f"{things}/a").version,) == created


def _update(path: str, version: Version) -> Write:
    return Update(path, {"n": 3}, if_version=version)


def _delete(path: str, version: Version) -> Write:
    return Delete(path, if_version=version)


@pytest.mark.parametrize("conditional", [_update, _delete])
def test_a_write_on_an_old_version_is_a_conflict_and_changes_nothing(
    documents: Documents, things: str, conditional: Callable[[str, Version], Write]
) -> None:
    (version,) = documents.commit(Create(f"{things}/a", {"n": 1}))
    documents.commit(Update(f"{things}/a", {"n": 2}))

    with pytest.raises(Conflict):
        documents.commit(conditional(f"{things}/a", version))

    assert _read(documents, f"{things}/a").fields == {"n": 2}


@pytest.mark.parametrize("conditional", [_update, _delete])
def test_write_on_the_version_of_a_deleted_document_is_a_conflict(
    documents: Documents, things: str, conditional: Callable[[str, Version], Write]
) -> None:
    (version,) = documents.commit(Create(f"{things}/a", {"n": 1}))
    documents.commit(Delete(f"{things}/a"))

    with pytest.raises(Conflict):
        documents.commit(conditional(f"{things}/a", version))

    assert documents.read(f"{things}/a") == (None,)


def test_creation_time_changes_only_with_recreation(documents: Documents, things: str) -> None:
    documents.commit(Create(f"{things}/a", {"n": 1}))
    created_at = _read(documents, f"{things}/a").created_at
    documents.commit(Update(f"{things}/a", {"n": 2}))
    assert _read(documents, f"{things}/a").created_at == created_at
    documents.commit(Delete(f"{things}/a"))
    documents.commit(Create(f"{things}/a", {"n": 2}))
    assert _read(documents, f"{things}/a").created_at > created_at
    assert documents.select(Query(things))[0].created_at == _read(documents, f"{things}/a").created_at


def test_a_document_made_again_has_not_the_version_of_the_first(documents: Documents, things: str) -> None:
    (version,) = documents.commit(Create(f"{things}/a", {"n": 1}))
    documents.commit(Delete(f"{things}/a"))
    documents.commit(Create(f"{things}/a", {"n": 1}))

    with pytest.raises(Conflict):
        documents.commit(_update(f"{things}/a", version))


def test_deleting_a_missing_document_is_no_error(documents: Documents, things: str) -> None:
    documents.commit(Create(f"{things}/a", {"n": 1}))

    documents.commit(Delete(f"{things}/a"))
    documents.commit(Delete(f"{things}/a"))

    assert documents.read(f"{things}/a") == (None,)


@pytest.mark.parametrize("failing_at", [0, 1, 2, 3])
def test_a_commit_with_one_condition_that_fails_writes_nothing(
    documents: Documents, things: str, failing_at: int
) -> None:
    documents.commit(Create(f"{things}/a", {"n": 1}), Create(f"{things}/b", {"n": 1}))
    writes: list[Write] = [Update(f"{things}/a", {"n": 2}), Delete(f"{things}/b"), Create(f"{things}/c", {})]
    writes.insert(failing_at, Update(f"{things}/missing", {"n": 2}))

    with pytest.raises(Conflict):
        documents.commit(*writes)

    read = documents.read(*(f"{things}/{id_}" for id_ in "abc"))
    assert [document and document.fields for document in read] == [{"n": 1}, {"n": 1}, None]


def _all_at_once(count: int, attempt: Callable[[int], bool]) -> int:
    """Run this many threads that begin together, and return how many succeed."""
    barrier = Barrier(count, timeout=30)

    def begin(number: int) -> bool:
        barrier.wait()
        return attempt(number)

    interval_s = sys.getswitchinterval()
    # Switch threads so often that they interleave in the middle of a call.
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(count) as pool:
            return sum(pool.map(begin, range(count)))
    finally:
        sys.setswitchinterval(interval_s)


def test_concurrent_creations_have_one_winner(documents: Documents, things: str) -> None:
    def create(number: int) -> bool:
        try:
            documents.commit(Create(f"{things}/a", {"by": number}))
        except Conflict:
            return False
        return True

    assert _all_at_once(16, create) == 1


def test_concurrent_updates_of_one_version_have_one_winner(documents: Documents, things: str) -> None:
    (version,) = documents.commit(Create(f"{things}/a", {"by": None}))

    def update(number: int) -> bool:
        try:
            documents.commit(Update(f"{things}/a", {"by": number}, if_version=version))
        except Conflict:
            return False
        return True

    assert _all_at_once(16, update) == 1


def test_concurrent_increments_are_all_counted(documents: Documents, things: str) -> None:
    documents.commit(Create(f"{things}/a", {"n": 0}))

    def count(_: int) -> bool:
        counted = 0
        while counted < 20:
            document = _read(documents, f"{things}/a")
            try:
                documents.commit(Update(f"{things}/a", {"n": document.fields["n"] + 1}, if_version=document.version))
            except Conflict:
                continue
            counted += 1
        return True

    assert _all_at_once(8, count) == 8
    assert _read(documents, f"{things}/a").fields == {"n": 160}


# --- queries -----------------------------------------------------------------------------------------------------

SOON, LATE = AT + timedelta(seconds=1), AT + timedelta(hours=1)

STOCK: dict[str, dict[str, Any]] = {
    "a": {"n": 3, "dueAt": LATE, "state": "new"},
    "b": {"n": 1, "dueAt": AT, "state": "ready"},
    "c": {"n": 2.5, "dueAt": None, "state": "new"},
    "d": {"n": "2", "dueAt": SOON},
    "e": {"n": True, "dueAt": AT, "state": None},
    "f": {"state": "failed", "map": {"n": 1, "ü `x`": True}, "list": ["x", 1, None]},
    "g": {"map": "no map", "list": "x"},
    "h": {"map": {"in": {"list": ["x", "x"]}}, "list": []},
}

EQUAL, IN, AT_MOST, LESS, GREATER, CONTAINS = Operator

QUERIES: dict[str, tuple[dict[str, Any], str]] = {
    "everything by id": ({}, "abcdefgh"),
    "equal": ({"conditions": (Condition("state", EQUAL, "new"),)}, "ac"),
    "equal to nothing, which is not to miss": ({"conditions": (Condition("state", EQUAL, None),)}, "e"),
    "a number is no truth": ({"conditions": (Condition("n", EQUAL, 1),)}, "b"),
    "a truth is no number": ({"conditions": (Condition("n", EQUAL, True),)}, "e"),
    "a map": ({"conditions": (Condition("map", EQUAL, {"n": 1, "ü `x`": True}),)}, "f"),
    "a field of a map": ({"conditions": (Condition(("map", "n"), EQUAL, 1),)}, "f"),
    "a field of a map, with a strange name": ({"conditions": (Condition(("map", "ü `x`"), EQUAL, True),)}, "f"),
    "a field of a map that is another value": ({"conditions": (Condition(("map", "n"), EQUAL, 2),)}, ""),
    "a member of a list": ({"conditions": (Condition("list", CONTAINS, "x"),)}, "f"),
    "a member of a list that is a number": ({"conditions": (Condition("list", CONTAINS, 1),)}, "f"),
    "no member of a list": ({"conditions": (Condition("list", CONTAINS, "y"),)}, ""),
    "a member of a list in a map": ({"conditions": (Condition(("map", "in", "list"), CONTAINS, "x"),)}, "h"),
    "a member of a list, and another field": (
        {"conditions": (Condition("list", CONTAINS, "x"), Condition("state", EQUAL, "failed"))},
        "f",
    ),
    "one of": ({"conditions": (Condition("state", IN, ("failed", "new")),)}, "acf"),
    "one of, with null among them": ({"conditions": (Condition("state", IN, (None, "failed")),)}, "f"),
    "all must hold": ({"conditions": (Condition("state", EQUAL, "new"), Condition("n", EQUAL, 3))}, "a"),
    "at most": ({"conditions": (Condition("dueAt", AT_MOST, SOON),), "order_by": "dueAt"}, "bed"),
    "less": ({"conditions": (Condition("dueAt", LESS, SOON),), "order_by": "dueAt"}, "be"),
    "greater": ({"conditions": (Condition("dueAt", GREATER, AT),), "order_by": "dueAt"}, "da"),
    "between": (
        {
            "conditions": (Condition("dueAt", GREATER, AT), Condition("dueAt", LESS, LATE)),
            "order_by": "dueAt",
        },
        "d",
    ),
    "only numbers are greater than a number": (
        {"conditions": (Condition("n", GREATER, 1),), "order_by": "n"},
        "ca",
    ),
    "in the order of a field, types apart, without those that miss it": ({"order_by": "n"}, "ebcad"),
    "null comes first": ({"order_by": "dueAt"}, "cbeda"),
    "a condition and the order of another field": (
        {"conditions": (Condition("state", EQUAL, "new"),), "order_by": "dueAt"},
        "ca",
    ),
    "the first few": ({"limit": 2}, "ab"),
    "the first few in an order": ({"order_by": "dueAt", "limit": 2}, "cb"),
    "after an id": ({"after_id": "c"}, "defgh"),
    "after an id that is not there": ({"after_id": "bb", "limit": 2}, "cd"),
    "after an id, with a condition": ({"conditions": (Condition("state", EQUAL, "new"),), "after_id": "a"}, "c"),
    "after the last": ({"after_id": "h"}, ""),
    "a field nobody has": ({"conditions": (Condition("never", EQUAL, 1),)}, ""),
}


@pytest.mark.parametrize(("asked", "expected"), QUERIES.values(), ids=QUERIES.keys())
def test_query_returns_matches_in_its_order(
    documents: Documents, things: str, asked: dict[str, Any], expected: str
) -> None:
    documents.commit(*(Create(f"{things}/{id_}", fields) for id_, fields in STOCK.items()))
    documents.commit(Create(f"{things}/a/below/z", STOCK["a"]), Create(f"{things}x/y", STOCK["a"]))

    found = documents.select(Query(things, **asked))

    assert "".join(_ids(found)) == expected
    assert list(found) == [_read(documents, f"{things}/{id_}") for id_ in expected]


def test_pages_by_id_show_every_document_once(documents: Documents, things: str) -> None:
    ids = sorted(secrets.token_urlsafe(6) for _ in range(25))
    documents.commit(*(Create(f"{things}/{id_}", {}) for id_ in ids))

    seen: list[str] = []
    while page := documents.select(Query(things, after_id=seen[-1] if seen else None, limit=10)):
        seen += _ids(page)

    assert seen == ids


# --- invalid queries ---------------------------------------------------------------------------------------------


TOTALLED = {
    "a": {"kind": "x", "gone": False, "bytes": 5},
    "b": {"kind": "x", "gone": False, "bytes": 7},
    "c": {"kind": "x", "gone": True, "bytes": 100},
    "d": {"kind": "y", "gone": False, "bytes": 1000},
    "e": {"kind": "x", "gone": False},
    "f": {"kind": "x", "gone": False, "bytes": None},
    "g": {"kind": "x", "gone": False, "bytes": "9"},
}


@pytest.mark.parametrize(
    ("conditions", "total"),
    [
        pytest.param({}, Total(6, 1112), id="all"),
        pytest.param({"kind": "x", "gone": False}, Total(4, 12), id="some"),
        pytest.param({"kind": "y"}, Total(1, 1000), id="one"),
        pytest.param({"kind": "z"}, Total(0, 0), id="none"),
    ],
)
def test_documents_are_counted_and_added_up_by_the_store(
    documents: Documents, things: str, conditions: dict[str, Any], total: Total
) -> None:
    documents.commit(*(Create(f"{things}/{id_}", fields) for id_, fields in TOTALLED.items()))
    asked = tuple(Condition(name, Operator.EQUAL, value) for name, value in conditions.items())
    assert documents.total(Query(things, asked, limit=1), "bytes") == total


@pytest.mark.parametrize("path", BAD_PATHS)
def test_invalid_path_is_refused(documents: Documents, path: str) -> None:
    for write in (Create(path, {}), Update(path, {"n": 1}), Delete(path)):
        with pytest.raises(ValueError):  # noqa: PT011  # the type is the promise, the sentence is for people
            documents.commit(write)
    with pytest.raises(ValueError):  # noqa: PT011
        documents.read(path)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"": 1},
        {(): 1},
        {("a", ""): 1},
        {("a", "__b__"): 1},
        {("a",): 1, ("a", "b"): 2},
        {("a", "b", "c"): 2, ("a",): REMOVE},
    ],
    ids=str,
)
def test_contradictory_update_is_refused(documents: Documents, things: str, changes: dict[Any, Any]) -> None:
    documents.commit(Create(f"{things}/a", {"n": 1}))

    with pytest.raises(ValueError):  # noqa: PT011
        documents.commit(Update(f"{things}/a", changes))

    assert _read(documents, f"{things}/a").fields == {"n": 1}


@pytest.mark.parametrize(
    "query",
    [
        Query(""),
        Query("things/a/slides"),
        Query("things", after_id="a/b"),
        Query("things", after_id="a", order_by="n"),
        Query("things", (Condition("dueAt", AT_MOST, AT),)),
        Query("things", (Condition("dueAt", LESS, AT),), order_by="n"),
        Query("things", (Condition("n", IN, ()),)),
        Query("things", (Condition("n", IN, tuple(range(31))),)),
        Query("things", limit=0),
        Query("things", (Condition("", EQUAL, 1),)),
        Query("things", (Condition(("members", "__x__"), EQUAL, True),)),
    ],
    ids=str,
)
def test_a_query_that_the_cloud_would_refuse_is_refused(documents: Documents, query: Query) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        documents.select(query)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (datetime(2026, 1, 5), ValueError),
        ({1, 2}, TypeError),
        (object(), TypeError),
        ({"deep": [REMOVE]}, TypeError),
        ([[1]], ValueError),
        ({"": 1}, ValueError),
        ({"__type__": 1}, ValueError),
    ],
    ids=["no zone", "a set", "an object", "a removal in a value", "a list in a list", "no name", "a reserved name"],
)
def test_unsupported_value_is_refused(documents: Documents, things: str, value: object, error: type[Exception]) -> None:
    documents.commit(Create(f"{things}/a", {"n": 1}))

    with pytest.raises(error):
        documents.commit(Create(f"{things}/b", {"value": value}))
    with pytest.raises(error):
        documents.commit(Update(f"{things}/a", {"value": value}))

    assert [document and document.fields for document in documents.read(f"{things}/a", f"{things}/b")] == [
        {"n": 1},
        None,
    ]


# --- failures of Firestore ---------------------------------------------------------------------------------------

AGAIN = [
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
]


@pytest.mark.parametrize("code", AGAIN, ids=lambda code: code.name)
def test_unanswered_commit_is_transient_and_not_repeated(
    on_the_line: FirestoreDocuments, line: Line, things: str, code: grpc.StatusCode
) -> None:
    line.lose_calls(9, code)

    with pytest.raises(Transient) as caught:
        on_the_line.commit(Create(f"{things}/a", {}))

    assert (caught.value.provider, caught.value.operation, caught.value.code) == ("firestore", "commit", code.name)
    assert [name for name, _ in line.calls] == ["Commit"]


@pytest.mark.parametrize("code", AGAIN, ids=lambda code: code.name)
def test_commit_with_lost_answer_is_transient_not_a_conflict(
    on_the_line: FirestoreDocuments, line: Line, things: str, code: grpc.StatusCode
) -> None:
    line.lose_answers(1, code)

    with pytest.raises(Transient):
        on_the_line.commit(Create(f"{things}/a", {"n": 1}))

    assert _read(on_the_line, f"{things}/a").fields == {"n": 1}


def test_read_with_lost_answer_is_repeated(on_the_line: FirestoreDocuments, line: Line, things: str) -> None:
    on_the_line.commit(Create(f"{things}/a", {"n": 1}))

    line.lose_answers(2)
    assert _read(on_the_line, f"{things}/a").fields == {"n": 1}
    line.lose_calls(2)
    assert _ids(on_the_line.select(Query(things))) == ["a"]


@pytest.mark.parametrize("code", AGAIN, ids=lambda code: code.name)
def test_unavailable_store_is_transient(
    on_the_line: FirestoreDocuments, line: Line, things: str, code: grpc.StatusCode
) -> None:
    line.lose_calls(1_000, code)

    with pytest.raises(Transient):
        on_the_line.read(f"{things}/a")
    with pytest.raises(Transient):
        on_the_line.select(Query(things))


def test_several_documents_are_one_round_trip(on_the_line: FirestoreDocuments, line: Line, things: str) -> None:
    on_the_line.read(*(f"{things}/{id_}" for id_ in "abc"))
    on_the_line.commit(Create(f"{things}/a", {}), Create(f"{things}/b", {}))

    assert [name for name, _ in line.calls] == ["BatchGetDocuments", "Commit"]


def test_empty_request_makes_no_round_trip(on_the_line: FirestoreDocuments, line: Line) -> None:
    on_the_line.read()
    on_the_line.commit()

    assert line.calls == []


def test_a_document_with_values_we_never_write_can_still_be_read(firestore: FirestoreDocuments, things: str) -> None:
    from google.cloud.firestore import GeoPoint

    firestore.client.document(f"{things}/a").create({"place": GeoPoint(47, 8), "n": 1})

    assert _read(firestore, f"{things}/a").fields == {"place": GeoPoint(47, 8), "n": 1}
