"""`operations/epoch`, edited in a console: what cannot be read of it holds the cleaners, and stops nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from google.cloud.firestore import DocumentReference, GeoPoint
from google.cloud.firestore_v1.vector import Vector
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator_tests.pure.deployment import STRAY_AGE_S, Deployment
from shared.core.paths import EPOCH
from shared.operations.orphans.scan import BEGINNING
from shared.operations.sweep import Marks
from shared.ports import Create, Delete, Document, UploadSpec
from shared.reconcile.edited import EditedFields, instant, mapping, past, pasts, text, texts
from shared.reconcile.epoch import READ_EVERY_S, Epoch, Suspicion

pytestmark = pytest.mark.long

SWEEP_S: Final = 300
EMPTY: Final = "video:empty:1"
AN_INSTANT: Final = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)

A_HOLD: Final = {
    "reason": "otherDatabase",
    "found": "another",
    "since": AN_INSTANT,
    "sweptAt": AN_INSTANT,
    "alarmedAt": AN_INSTANT,
}
A_LOOK: Final = {"phase": "sessions", "afterId": "s1", "videos": 0}
"""Where a full look goes on."""

VALUES: Final[dict[str, Any]] = {
    "boolean": True,
    "number": 1,
    "float": 1.5,
    "nan": float("nan"),
    "instant": AN_INSTANT,
    "text": "x",
    "bytes": b"x",
    "reference": DocumentReference("sessions", "s1"),
    "place": GeoPoint(47.0, 8.0),
    "vector": Vector([1.0, 2.0]),
    "list": ["x", 1, None],
    "empty map": {},
    "map": {"x": "y"},
}
"""A value of each type of Firestore's. Source: https://cloud.google.com/firestore/docs/concepts/data-types"""

READ_AS: Final[dict[str, set[str]]] = {
    "databaseUid": {"text"},
    "sweptAt": {"instant"},
    "seenUntil": {"empty map"},
    "hold": set(),
    "changedUntil": {"instant"},
    "countedAt": {"instant"},
    "statesCountedAt": {"instant"},
    "oldestDue": set(),
    "lookedAt": {"instant"},
    "look": set(),
    "hosts": set(),
    "straysSince": {"empty map"},
}
"""Every field that is read, and which of the values it may have."""

WRONG: Final = [(name, kind) for name, kinds in READ_AS.items() for kind in VALUES if kind not in kinds]

HALF: Final[dict[str, tuple[str, Any]]] = {
    **{f"a hold without {name}": ("hold", {**A_HOLD, name: ...}) for name in A_HOLD},
    **{f"a hold with another {name}": ("hold", {**A_HOLD, name: 1}) for name in A_HOLD},
    "a hold with another reason in words": ("hold", {**A_HOLD, "reason": "unknown"}),
    **{f"a look without {name}": ("look", {**A_LOOK, name: ...}) for name in A_LOOK},
    **{f"a look with another {name}": ("look", {**A_LOOK, name: 1.5}) for name in A_LOOK},
    "a look after no document": ("look", {**A_LOOK, "afterId": "a/b"}),
    "a look after a reserved document": ("look", {**A_LOOK, "afterId": "__a__"}),
    "what was seen until no instant": ("seenUntil", {"memory": AN_INSTANT, "second": "yesterday"}),
    "strays since no instant": ("straysSince", {"memory": None}),
    "hosts that have no names": ("hosts", ["fetching", 1]),
}


def whole(value: Any) -> Any:
    """
    Leave out of a map what is to be missing.
    """
    return {name: one for name, one in value.items() if one is not ...} if isinstance(value, dict) else value


def school() -> Deployment:
    """
    A deployment that has been swept, with an orphan that is empty and old enough by the next run, and a live session
    whose trigger was lost.
    """
    deployment = Deployment()
    deployment.write_session("other")
    deployment.sweep.run()
    deployment.run(SWEEP_S)
    deployment.sweep.run()
    deployment.media.prepare_upload(EMPTY, UploadSpec("A stray", "a.mp4", 1))
    deployment.clock.advance(STRAY_AGE_S + SWEEP_S)
    deployment.write_session("s1", format="liveStreaming")
    deployment.lose_tasks()
    return deployment


def edit(deployment: Deployment, changes: Mapping[str, Any]) -> None:
    """
    Write fields of the document as a console does; `...` takes one away.
    """
    fields = {**deployment.document(EPOCH).fields, **changes}
    deployment.documents.commit(Delete(EPOCH))
    deployment.documents.commit(Create(EPOCH, {name: one for name, one in fields.items() if one is not ...}))


def epoch(deployment: Deployment) -> Epoch:
    return Epoch.from_document(deployment.document(EPOCH), deployment.clock())


def is_there(deployment: Deployment) -> bool:
    return EMPTY in {one.reference for one in deployment.media.alive()}


def assert_the_rest_went_on(deployment: Deployment) -> None:
    """
    A lost trigger was noticed, and the marks are such that the next run can go on.
    """
    deployment.run(SWEEP_S)
    assert [event.reference for event in deployment.events.alive()] == ["session:s1:1"]
    fields = deployment.document(EPOCH).fields
    assert fields["sweptAt"] == deployment.clock() - timedelta(seconds=SWEEP_S)
    assert epoch(deployment).unreadable == ()


def assert_held(deployment: Deployment, field: str, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Check what follows from a field that cannot be read, now and until somebody acknowledges it.
    """
    capsys.readouterr()
    deployment.sweep.run()
    assert_the_rest_went_on(deployment)
    for _ in range(5):
        deployment.sweep.run()
        deployment.run(SWEEP_S)

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (alarm,) = (line for line in lines if line["severity"] == "ALERT")
    assert (alarm["message"], alarm["document"], alarm["fields"]) == ("document unreadable", EPOCH, field)
    assert "resume-after-restore" in alarm["sentence"]
    hold = epoch(deployment).hold
    assert hold is not None
    assert (hold.reason, hold.found) == (Suspicion.UNREADABLE, field)
    assert deployment.app.epochs.is_held()
    assert is_there(deployment)
    deployment.orphans.find(clean_up=True)
    deployment.run(SWEEP_S)
    assert is_there(deployment)

    deployment.app.epochs.acknowledge(deployment.app.places)
    deployment.sweep.run()
    deployment.orphans.find(clean_up=True)
    deployment.run(SWEEP_S)
    assert epoch(deployment).hold is None
    assert not is_there(deployment)


@pytest.mark.parametrize(("field", "kind"), WRONG, ids=[f"A3 {name} is a {kind}" for name, kind in WRONG])
def test_a_field_of_another_type_cannot_be_read(field: str, kind: str) -> None:
    assert unreadable({field: VALUES[kind]}) == [field]


@pytest.mark.parametrize(("field", "value"), HALF.values(), ids=[f"A3 {name}" for name in HALF])
def test_half_a_field_cannot_be_read(field: str, value: Any) -> None:
    assert unreadable({field: whole(value)}) == [field]


def unreadable(fields: Mapping[str, Any]) -> list[str]:
    """
    Return the names of what cannot be read in such a document.
    """
    document = Document(EPOCH, fields, None, AN_INSTANT)
    own = Epoch.from_document(document, AN_INSTANT)
    assert own.is_held == (own.hold is not None or own.unreadable != ())
    return [*own.unreadable, *Marks.from_document(document, AN_INSTANT).unreadable]


@pytest.mark.parametrize("field", READ_AS)
def test_unreadable_epoch_holds_deletions_until_acknowledged(field: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A3."""
    deployment = school()
    edit(deployment, {field: 1})
    assert_held(deployment, field, capsys)


def test_several_fields_are_named_together(capsys: pytest.CaptureFixture[str]) -> None:
    """A3."""
    deployment = school()
    edit(deployment, {"hosts": 1, "sweptAt": "x", "databaseUid": ["y"]})
    assert_held(deployment, "databaseUid, sweptAt, hosts", capsys)


def test_other_instances_hold_before_any_sweep_has_run() -> None:
    """A3."""
    deployment = school()
    edit(deployment, {"hold": "x"})
    deployment.clock.advance(READ_EVERY_S)
    assert deployment.app.epochs.is_held()


@pytest.mark.parametrize("name", READ_AS)
def test_a_field_that_is_missing_is_one_of_a_deployment_that_has_none_yet(name: str) -> None:
    """A3: its sweep is the first, and looks whether there is something unknown."""
    deployment = school()
    edit(deployment, {name: ...})
    deployment.sweep.run()
    assert_the_rest_went_on(deployment)
    assert epoch(deployment).hold is None
    assert not is_there(deployment)


@pytest.mark.parametrize(
    "at", [datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)], ids=["end", "begin"]
)
@pytest.mark.parametrize("name", ["sweptAt", "seenUntil", "changedUntil", "countedAt", "lookedAt", "straysSince"])
def test_far_future_instant_does_not_stop_observations(name: str, at: datetime) -> None:
    """A3: neither the orphans, nor what changed, nor the daily look at everything."""
    deployment = school()
    is_of_each = name in ("seenUntil", "straysSince")
    edit(deployment, {name: {"memory": at, "second": at} if is_of_each else at})
    deployment.sweep.run()
    assert_the_rest_went_on(deployment)
    for _ in range(2):
        deployment.run(SWEEP_S)
        deployment.sweep.run()
    fields = deployment.document(EPOCH).fields
    assert BEGINNING < fields["countedAt"] <= deployment.clock()
    assert BEGINNING < fields["lookedAt"] <= deployment.clock()
    assert all(one <= deployment.clock() for one in fields["straysSince"].values())


def test_alarm_is_raised_if_the_last_one_is_in_the_future(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A3."""
    deployment = school()
    edit(deployment, {"hold": {**A_HOLD, "alarmedAt": datetime.max.replace(tzinfo=UTC)}})
    capsys.readouterr()
    deployment.sweep.run()
    deployment.sweep.run()
    assert capsys.readouterr().err.count("database restored") == 1


TEXTS: Final = st.text(st.characters(codec="utf-8"), max_size=5) | st.sampled_from(
    ["sessions", "videos", "otherDatabase", "unknownContent", "unreadable", "s1"]
)
NAMES: Final = st.sampled_from([*A_HOLD, *A_LOOK, "memory", "second", "fetching"])


def values(single: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """
    Values of any type, maps and lists of such, and such as look like what is stored there.
    """
    listed = st.lists(single | st.dictionaries(NAMES, single, max_size=2), max_size=3)
    mapped = st.dictionaries(NAMES, single | listed | st.dictionaries(NAMES, single, max_size=2), max_size=5)
    nearly = st.sampled_from([A_HOLD, A_LOOK]).flatmap(
        lambda known: st.fixed_dictionaries({}, optional={name: st.just(one) | single for name, one in known.items()})
    )
    return single | listed | mapped | nearly


OURS: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.datetimes(timezones=st.just(UTC)),
    TEXTS,
    st.binary(max_size=5),
)
"""Values of the types that this project stores; the in-memory documents take no others."""

FOREIGN: Final = st.sampled_from([VALUES["reference"], VALUES["place"], VALUES["vector"]])
FIELDS: Final = st.sampled_from([*READ_AS, "dueAt"])


@settings(deadline=None, max_examples=50)
@given(fields=st.dictionaries(FIELDS, values(OURS | FOREIGN), max_size=6), now=st.datetimes(timezones=st.just(UTC)))
def test_any_epoch_document_is_read(fields: dict[str, Any], now: datetime) -> None:
    """A3."""
    document = Document(EPOCH, fields, None, now)
    own, marks = Epoch.from_document(document, now), Marks.from_document(document, now)
    assert {*own.unreadable, *marks.unreadable} <= fields.keys()
    for at in (own.swept_at, marks.changed_until, marks.counted_at, marks.looked_at):
        assert at is None or at <= max(now, BEGINNING)
    assert own.is_held or fields.get("hold") is None


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(FIELDS, st.just(...) | values(OURS), max_size=6))
def test_sweep_continues_with_any_epoch_document(changes: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """A3."""
    deployment = school()
    edit(deployment, changes)
    capsys.readouterr()
    is_unreadable = unreadable(deployment.document(EPOCH).fields) != []

    deployment.sweep.run()

    is_held = epoch(deployment).hold is not None
    is_told = '"ALERT"' in capsys.readouterr().err
    assert not is_unreadable or (is_held and is_told)
    assert_the_rest_went_on(deployment)
    assert is_there(deployment) == is_held
    deployment.app.epochs.acknowledge(deployment.app.places)
    deployment.sweep.run()
    deployment.orphans.find(clean_up=True)
    deployment.run(SWEEP_S)
    assert not is_there(deployment)


# --- the values of fields ------------------------------------------------------------------------------------------

READ_AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
EARLIER, AHEAD = READ_AT - timedelta(hours=1), READ_AT + timedelta(hours=1)


@pytest.mark.parametrize(
    ("parse", "value", "expected"),
    [
        (text, "a", "a"),
        (texts, ["a", "b"], ("a", "b")),
        (texts, [], ()),
        (mapping, {"a": 1}, {"a": 1}),
        (instant, READ_AT, READ_AT),
        (lambda value: past(value, READ_AT), EARLIER, EARLIER),
        (lambda value: past(value, READ_AT), AHEAD, READ_AT),
        (lambda value: pasts(value, READ_AT), {"a": EARLIER, "b": AHEAD}, {"a": EARLIER, "b": READ_AT}),
    ],
    ids=["text", "texts", "no texts", "a map", "an instant", "a past one", "a future one", "a map of instants"],
)
def test_a_value_of_the_right_type_is_returned(parse: Callable[[Any], Any], value: Any, expected: Any) -> None:
    assert parse(value) == expected


@pytest.mark.parametrize(
    ("parse", "value", "sentence"),
    [
        (text, 1, "This is not a string."),
        (texts, "ab", "This is not a list."),
        (texts, ["a", 1], "This is not a string."),
        (mapping, ["a"], "This is not a map."),
        (instant, "2026-01-05", "This is not a timestamp."),
        (lambda value: past(value, READ_AT), "2026-01-05", "This is not a timestamp."),
        (lambda value: pasts(value, READ_AT), {"a": 1}, "This is not a timestamp."),
        (lambda value: pasts(value, READ_AT), [READ_AT], "This is not a map."),
    ],
    ids=["text", "texts", "one of texts", "a map", "an instant", "a past one", "one of instants", "instants"],
)
def test_a_value_of_another_type_is_refused_with_the_type_that_it_lacks(
    parse: Callable[[Any], Any], value: Any, sentence: str
) -> None:
    with pytest.raises(TypeError) as raised:
        parse(value)
    assert str(raised.value) == sentence


def failing(error: Exception) -> Callable[[Any], str]:
    def parse(_: Any) -> str:
        raise error

    return parse


@pytest.mark.parametrize("error", [KeyError("a"), TypeError("a"), ValueError("a")], ids=repr)
def test_a_field_that_cannot_be_parsed_is_its_default_and_is_named(error: Exception) -> None:
    edited = EditedFields({"first": 1, "second": "b", "third": None})
    assert edited.read("first", failing(error), "default") == "default"
    assert edited.read("second", text, "default") == "b"
    assert edited.read("third", text, "default") == "default"
    assert edited.read("fourth", text, "default") == "default"
    assert edited.unreadable == ["first"]
