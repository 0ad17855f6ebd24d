"""What a session's event needs next: the table of `shared/sessions/decide.py`, row by row, and its borders in time."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from shared.core.history import Moment
from shared.core.identity import TOMBSTONE_S, SessionIdentity
from shared.ports import Broadcast, Document, EventIds, EventSpec, Refusal, Task
from shared.reconcile import Decision, Done, Effect, RequeueAt, Snapshot, Step
from shared.sessions.broadcasting import BRISK_PACE_S, Window
from shared.sessions.decide import (
    PAUSE_MAX_S,
    Sighting,
    created,
    decide,
    deleted,
    expiring,
    fingerprint,
    held,
    is_noted,
    lacks_mark,
    listened,
    not_created,
    reference_of,
    reopened,
    updated,
)
from shared.sessions.model import Airing, BroadcastState, Pairing, PairingState
from shared.sessions.spec import SessionSpec
from shared.sessions.view import shown

NOW = datetime(2026, 1, 5, 9, 0, 10, tzinfo=UTC)
SESSION = SessionIdentity("s1", "teacher", NOW - timedelta(days=1))
GRACE_S = 600
INSTANT = timedelta(microseconds=1)

TOMORROW = NOW + timedelta(days=1)
WINDOW = Window(early_s=900, overrun_s=3600)
OPENS_AT = TOMORROW - timedelta(seconds=900)

EVENT = EventSpec("Algebra", TOMORROW, TOMORROW + timedelta(hours=1))
OTHER = replace(EVENT, title="Geometry")
PARTS = {"entryId": "0_live1", "eventId": "event1"}


def recorded_as(state: PairingState, **changes: object) -> Pairing:
    """
    A record in a state that has been reached before now.
    """
    made = state not in (PairingState.NONE, PairingState.GONE)
    record = Pairing(
        SESSION,
        state=state,
        generation=0 if state is PairingState.NONE else 3,
        reference="session:s1:3" if made else None,
        external_ids=PARTS if made and state is not PairingState.CREATING else {},
        tried_at=NOW - timedelta(minutes=1) if state is PairingState.CREATING else None,
        applied=EVENT if state in (PairingState.READY, PairingState.RETIRING) else None,
        reap_at=NOW + timedelta(seconds=5) if state is PairingState.RETIRING else None,
        history=(Moment(state, NOW - timedelta(minutes=1)),),
    )
    return replace(record, **changes)  # type: ignore[arg-type]  # named by the rows below


RECORDED: dict[str, Pairing | None] = {
    "nothing": None,
    "none": recorded_as(PairingState.NONE),
    "creating": recorded_as(PairingState.CREATING),
    "ready": recorded_as(PairingState.READY),
    "ready with another wish": recorded_as(PairingState.READY, applied=OTHER),
    "ready with an unknown wish": recorded_as(PairingState.READY, applied=None),
    "ready, and told that it waits": recorded_as(PairingState.READY, held_at=NOW),
    "ready under a former owner": recorded_as(PairingState.READY, identity=replace(SESSION, owner_uid="former")),
    "retiring": recorded_as(PairingState.RETIRING),
    "retired long enough": recorded_as(PairingState.RETIRING, reap_at=NOW),
    "deleting": recorded_as(PairingState.DELETING),
    "gone": recorded_as(PairingState.GONE),
    "gone, to be forgotten": recorded_as(
        PairingState.GONE, expires_at=NOW + timedelta(days=1), identity=SESSION.nameless()
    ),
}

SUCCESSOR = SessionIdentity("s1", "another", NOW)
TASKS_LEFT = (Task("reconcileVideo", "v1"), Task("reconcileVideo", "v2"))

ENROLLED = (Document("enrolments/s1_student", {}, 1, NOW),)

WISHED: dict[str, SessionSpec] = {
    "an event": SessionSpec(exists=True, event=EVENT, identity=SESSION),
    "no event": SessionSpec(exists=True, identity=SESSION),
    "session deleted": SessionSpec(exists=False),
    "session deleted, videos left": SessionSpec(exists=False, children=TASKS_LEFT),
    "another session": SessionSpec(exists=False, identity=SUCCESSOR),
    "another session, videos left": SessionSpec(exists=False, children=TASKS_LEFT, identity=SUCCESSOR),
    "owner changed": SessionSpec(exists=False, identity=SUCCESSOR, is_held=True),
    "session deleted, enrolments left": SessionSpec(exists=False, left_enrolled=ENROLLED),
    "another session, enrolments left": SessionSpec(exists=False, left_enrolled=ENROLLED, identity=SUCCESSOR),
    "session missing, deletions held": SessionSpec(exists=False, is_waiting=True),
}

CREATE = "create: change, creating"
FIND = "find: observe, creating, insists"
UPDATE = "update: change, ready"
RETIRE = "retire: write, retiring"
KEEP = "keep: write, ready"
DELETE = "delete: change, deleting, insists"
CLOSE = "close: write, gone"
EXPIRE = "expire: write, gone"
REOPEN = "reopen: write, gone"
HELD = "later: 09:10:00"
UNENROL = "unenrol: write, gone"
IDENTIFY = "identify: write, ready"
CHILDREN = "later: 09:00:30"


def hold(state: str) -> str:
    return f"hold: observe, {state}"


TABLE: dict[str, tuple[str, ...]] = {
    # recorded: an event, no event; session deleted, …, videos left; another session, …, videos left; owner changed;
    # session deleted, another session, enrolments left; session missing, deletions held
    "nothing": (CREATE, "done", "done", "done", "done", "done", "done", UNENROL, UNENROL, "done"),
    "none": (CREATE, "done", CLOSE, CLOSE, CLOSE, CLOSE, hold("none"), CLOSE, CLOSE, HELD),
    "creating": (FIND, FIND, FIND, FIND, FIND, FIND, hold("creating"), FIND, FIND, HELD),
    "ready": ("later: 08:45:10", RETIRE, DELETE, DELETE, DELETE, DELETE, hold("ready"), DELETE, DELETE, HELD),
    "ready with another wish": (UPDATE, RETIRE, DELETE, DELETE, DELETE, DELETE, hold("ready"), DELETE, DELETE, HELD),
    "ready with an unknown wish": (UPDATE, RETIRE, DELETE, DELETE, DELETE, DELETE, hold("ready"), DELETE, DELETE, HELD),
    "ready, and told that it waits": (IDENTIFY, IDENTIFY, DELETE, DELETE, DELETE, DELETE, "done", DELETE, DELETE, HELD),
    "ready under a former owner": (
        IDENTIFY,
        IDENTIFY,
        DELETE,
        DELETE,
        DELETE,
        DELETE,
        hold("ready"),
        DELETE,
        DELETE,
        HELD,
    ),
    "retiring": (KEEP, "later: 09:00:15", DELETE, DELETE, DELETE, DELETE, hold("retiring"), DELETE, DELETE, HELD),
    "retired long enough": (KEEP, DELETE, DELETE, DELETE, DELETE, DELETE, hold("retiring"), DELETE, DELETE, HELD),
    "deleting": (DELETE, DELETE, DELETE, DELETE, DELETE, DELETE, hold("deleting"), DELETE, DELETE, HELD),
    "gone": (CREATE, "done", EXPIRE, CHILDREN, REOPEN, CHILDREN, hold("gone"), UNENROL, UNENROL, HELD),
    "gone, to be forgotten": (
        REOPEN,
        REOPEN,
        "done",
        CHILDREN,
        REOPEN,
        CHILDREN,
        hold("gone"),
        UNENROL,
        UNENROL,
        HELD,
    ),
}


def looked(record: Pairing | None, spec: SessionSpec) -> Snapshot[SessionSpec, Pairing]:
    """
    A look at a session whose document shows what it should, and of which was noticed whether it is there.
    """
    record = None if record is None else replace(record, has_session=spec.exists or spec.is_held)
    return Snapshot("s1", replace(spec, shown=shown(spec, record)), record, None if record is None else 1)


def spelled(decision: Decision[Pairing]) -> str:
    match decision:
        case Done():
            return "done"
        case RequeueAt(at):
            return f"later: {at:%H:%M:%S}"
        case Step():
            words = [f"{decision.name}: {decision.effect}", decision.record.state]
            return ", ".join([*words, "insists"] if decision.retry_permanent else words)


def next_step(
    snapshot: Snapshot[SessionSpec, Pairing], now: datetime = NOW, grace_s: int = GRACE_S, *, observed: bool = False
) -> Decision[Pairing]:
    return decide(snapshot, now, grace_s, WINDOW, observed=observed)


def step_for(record: Pairing | None, spec: SessionSpec, grace_s: int = GRACE_S) -> Step[Pairing]:
    decision = next_step(looked(record, spec), NOW, grace_s)
    assert isinstance(decision, Step)
    return decision


def moved_to(record: Pairing, state: PairingState, **changes: Any) -> Pairing:
    """
    The record in another state since now.
    """
    is_there = bool(record.history) and record.history[-1].state == state
    history = record.history if is_there else (*record.history, Moment(state, NOW))
    return replace(record, state=state, history=history, **changes)


def written(name: str, record: Pairing) -> Step[Pairing]:
    return Step(name, Effect.WRITE, record, record)


def creating(record: Pairing) -> Step[Pairing]:
    generation = record.generation + 1
    begun = moved_to(
        record, PairingState.CREATING, generation=generation, reference=f"session:s1:{generation}", tried_at=NOW
    )
    undone = moved_to(begun, PairingState.NONE, reference=None, tried_at=None)
    return Step("create", Effect.CHANGE, begun, undone, fingerprint(EVENT), pause_max_s=PAUSE_MAX_S)


def whole(name: str, snapshot: Snapshot[SessionSpec, Pairing]) -> Step[Pairing]:
    """
    The step of this name, with everything that it says.
    """
    record, spec = snapshot.record, snapshot.spec
    if record is None:
        nothing = Pairing(SessionIdentity("s1", ""), state=PairingState.GONE)
        return written(name, nothing) if name == "unenrol" else creating(Pairing(SESSION))
    deleting = moved_to(record, PairingState.DELETING)
    followed = replace(record, identity=SESSION, held_at=None, expires_at=None)
    taken_over = replace(record, identity=SUCCESSOR, has_session=True, expires_at=None, recordings=())
    return {
        "create": creating(record),
        "find": Step("find", Effect.OBSERVE, record, record, retry_permanent=True, pause_max_s=PAUSE_MAX_S),
        "update": Step(
            "update",
            Effect.CHANGE,
            replace(record, applied=None),
            record,
            fingerprint(EVENT),
            pause_max_s=PAUSE_MAX_S,
        ),
        "delete": Step("delete", Effect.CHANGE, deleting, deleting, retry_permanent=True, pause_max_s=PAUSE_MAX_S),
        "hold": Step("hold", Effect.OBSERVE, record, record),
        "retire": written(name, moved_to(record, PairingState.RETIRING, reap_at=NOW + timedelta(seconds=GRACE_S))),
        "keep": written(name, moved_to(record, PairingState.READY, reap_at=None)),
        "close": written(name, moved_to(record, PairingState.GONE)),
        "expire": written(
            name,
            replace(
                record,
                identity=SESSION.nameless(),
                expires_at=NOW + timedelta(seconds=TOMBSTONE_S),
                history=record.history[-1:],
            ),
        ),
        "reopen": written(name, followed if spec.exists else taken_over),
        "identify": written(name, followed),
        "unenrol": written(name, record),
    }[name]


def test_the_table_has_a_row_for_each_recorded_state() -> None:
    assert set(TABLE) == set(RECORDED)
    assert {record.state for record in RECORDED.values() if record is not None} == set(PairingState)


@pytest.mark.parametrize(
    ("recorded", "wished"),
    [pytest.param(recorded, wished, id=f"{recorded} - {wished}") for recorded, wished in product(RECORDED, WISHED)],
)
def test_the_next_step_is_the_one_of_the_table(recorded: str, wished: str) -> None:
    snapshot = looked(RECORDED[recorded], WISHED[wished])
    decision = next_step(snapshot, NOW)
    assert spelled(decision) == TABLE[recorded][list(WISHED).index(wished)]
    if isinstance(decision, Step):
        assert decision == whole(decision.name, snapshot)


@pytest.mark.parametrize(
    ("recorded", "wished"),
    [("none", "no event"), ("gone", "no event"), ("ready", "an event")],
)
def test_a_document_that_shows_something_else_is_put_right(recorded: str, wished: str) -> None:
    snapshot = replace(
        looked(RECORDED[recorded], WISHED[wished]), spec=replace(WISHED[wished], shown={"entryId": "0_old"})
    )
    decision = next_step(snapshot, NOW)
    assert isinstance(decision, Step)
    assert (decision.name, decision.effect, decision.record) == ("show", Effect.WRITE, RECORDED[recorded])


def test_a_session_of_which_nothing_is_recorded_is_left_alone_whatever_it_shows() -> None:
    snapshot: Snapshot[SessionSpec, Pairing] = Snapshot(
        "s1", SessionSpec(exists=True, shown={"entryId": "0_old"}, identity=SESSION), None, None
    )
    assert next_step(snapshot, NOW) == Done()


@pytest.mark.parametrize(
    ("record", "spec", "expected"),
    [
        pytest.param(None, SessionSpec(exists=True, event=EVENT), Done(), id="no identity"),
        pytest.param(None, SessionSpec(exists=False, event=EVENT, identity=SUCCESSOR), Done(), id="of another session"),
        pytest.param(
            None,
            SessionSpec(exists=True, identity=replace(SESSION, is_marked=False)),
            written("mark", Pairing(SESSION, state=PairingState.GONE)),
            id="no event, no mark",
        ),
        pytest.param(None, SessionSpec(exists=False, is_held=True, identity=SUCCESSOR), Done(), id="held, nothing"),
        pytest.param(
            recorded_as(PairingState.GONE, has_session=False),
            SessionSpec(exists=False, identity=replace(SUCCESSOR, is_marked=False)),
            written("show", recorded_as(PairingState.GONE, has_session=False)),
            id="another session lacks its mark",
        ),
        pytest.param(
            recorded_as(PairingState.GONE, has_session=False),
            SessionSpec(exists=False, shown={"entryId": "0_old"}, identity=SUCCESSOR),
            written("show", recorded_as(PairingState.GONE, has_session=False)),
            id="another session shows its event",
        ),
        pytest.param(
            recorded_as(PairingState.READY),
            SessionSpec(exists=False, is_held=True, identity=replace(SUCCESSOR, is_marked=False)),
            Step("hold", Effect.OBSERVE, recorded_as(PairingState.READY), recorded_as(PairingState.READY)),
            id="owner changed, no mark",
        ),
        pytest.param(
            recorded_as(PairingState.NONE, has_session=False),
            SessionSpec(exists=True, identity=None),
            written("notice", recorded_as(PairingState.NONE)),
            id="it exists, no identity",
        ),
        pytest.param(
            recorded_as(PairingState.NONE), SessionSpec(exists=True, identity=None), Done(), id="noticed, no identity"
        ),
    ],
)
def test_sessions_without_an_identity_a_mark_or_a_record(
    record: Pairing | None, spec: SessionSpec, expected: Decision[Pairing]
) -> None:
    assert next_step(Snapshot("s1", spec, record, None)) == expected


LIVE_FROM = NOW - timedelta(minutes=5)
LIVE_NOW = replace(EVENT, starts_at=LIVE_FROM, ends_at=NOW + timedelta(hours=1))
UNPLANNED = replace(EVENT, starts_at=None, ends_at=None)
ON_AIR = Airing(BroadcastState.LIVE, looked_at=NOW - timedelta(minutes=1), live_at=NOW - timedelta(minutes=2))
NEVER_SEEN = recorded_as(PairingState.READY, applied=LIVE_NOW)


def listen(record: Pairing) -> Step[Pairing]:
    return Step("listen", Effect.OBSERVE, record, record, retry_permanent=True, observes=True, pause_max_s=PAUSE_MAX_S)


@pytest.mark.parametrize(
    ("record", "event", "observed", "expected"),
    [
        pytest.param(NEVER_SEEN, LIVE_NOW, False, listen(NEVER_SEEN), id="never observed, within its time"),
        pytest.param(
            NEVER_SEEN,
            LIVE_NOW,
            True,
            RequeueAt(LIVE_FROM - timedelta(seconds=900)),
            id="just observed, and nothing recorded",
        ),
        pytest.param(
            recorded_as(PairingState.READY, applied=LIVE_NOW, airing=ON_AIR),
            LIVE_NOW,
            False,
            listen(recorded_as(PairingState.READY, applied=LIVE_NOW, airing=ON_AIR)),
            id="live a minute ago",
        ),
        pytest.param(
            recorded_as(PairingState.READY, applied=LIVE_NOW, airing=Airing(looked_at=NOW)),
            LIVE_NOW,
            True,
            RequeueAt(NOW + timedelta(seconds=BRISK_PACE_S)),
            id="just observed off the air, soon after its beginning",
        ),
        pytest.param(
            recorded_as(PairingState.READY, verify_at=NOW + INSTANT),
            EVENT,
            False,
            RequeueAt(NOW + INSTANT),
            id="update",
        ),
        pytest.param(
            recorded_as(PairingState.READY, verify_at=OPENS_AT + INSTANT),
            EVENT,
            False,
            RequeueAt(OPENS_AT),
            id="an update after its time begins",
        ),
        pytest.param(recorded_as(PairingState.READY, applied=UNPLANNED), UNPLANNED, False, Done(), id="no time"),
        pytest.param(
            recorded_as(PairingState.READY, applied=UNPLANNED, verify_at=NOW + INSTANT),
            UNPLANNED,
            False,
            RequeueAt(NOW + INSTANT),
            id="no time, an update",
        ),
        pytest.param(
            recorded_as(PairingState.READY, verify_at=NOW),
            EVENT,
            True,
            Step(
                "update",
                Effect.CHANGE,
                recorded_as(PairingState.READY, verify_at=NOW, applied=None),
                recorded_as(PairingState.READY, verify_at=NOW),
                fingerprint(EVENT),
                pause_max_s=PAUSE_MAX_S,
            ),
            id="an update that is due",
        ),
    ],
)
def test_a_ready_event_is_observed_within_its_time_and_updated_when_it_is_due(
    record: Pairing, event: EventSpec, observed: bool, expected: Decision[Pairing]
) -> None:
    snapshot = looked(record, replace(WISHED["an event"], event=event))
    assert next_step(snapshot, observed=observed) == expected


@pytest.mark.parametrize("observed", [False, True])
def test_a_retiring_event_without_a_time_is_deleted_at_once(observed: bool) -> None:
    snapshot = looked(recorded_as(PairingState.RETIRING, reap_at=None), WISHED["no event"])
    assert next_step(snapshot, observed=observed) == whole("delete", snapshot)


def test_a_session_of_which_nothing_is_recorded_gets_its_mark_and_no_record() -> None:
    """
    A1: without it the rules let no enrolled student in.
    """
    unmarked = replace(SESSION, is_marked=False)
    step = step_for(None, SessionSpec(exists=True, identity=unmarked))
    assert (step.name, step.effect, step.record.identity) == ("mark", Effect.WRITE, SESSION)
    # With an event it gets the mark in the write that records that.
    assert step_for(None, replace(WISHED["an event"], identity=unmarked)).name == "create"


@pytest.mark.parametrize("wished", ["an event", "no event"])
def test_a_mark_that_was_taken_away_is_written_before_anything_else(wished: str) -> None:
    """
    A1: a retired event, say, is not waited for.
    """
    for record in RECORDED.values():
        if record is not None and record.identity == SESSION and record.held_at is None:
            for spec in (
                replace(WISHED[wished], identity=replace(SESSION, is_marked=False)),
                replace(WISHED[wished], is_paired=False),
            ):
                step = step_for(record, spec)
                assert (step.name, step.effect, step.record.state) == ("show", Effect.WRITE, record.state)


@pytest.mark.parametrize("recorded", ["nothing", "none", "gone"])
def test_creating_records_a_new_generation_and_its_reference_before_the_provider_hears_of_it(recorded: str) -> None:
    before = RECORDED[recorded] or Pairing(SESSION)
    step = step_for(RECORDED[recorded], WISHED["an event"])
    assert step.record.generation == before.generation + 1
    assert step.record.reference == reference_of("s1", before.generation + 1)
    assert step.record.tried_at == NOW
    assert step.record.history[-1] == Moment("creating", NOW)
    assert step.spec == fingerprint(EVENT)


def test_failed_creation_uses_up_its_generation() -> None:
    step = step_for(RECORDED["gone"], WISHED["an event"])
    assert (step.rollback.state, step.rollback.generation) == (PairingState.NONE, 4)
    assert (step.rollback.reference, step.rollback.tried_at) == (None, None)


def test_event_fulfils_no_spec_during_an_update() -> None:
    step = step_for(RECORDED["ready with another wish"], WISHED["an event"])
    assert (step.record.applied, step.spec) == (None, fingerprint(EVENT))
    assert step.rollback == RECORDED["ready with another wish"], "definitely not done, it fulfils what it did before"


def test_a_deletion_is_recorded_before_it_begins_and_never_taken_back() -> None:
    step = step_for(RECORDED["ready"], WISHED["session deleted"])
    assert step.record.external_ids == PARTS
    assert step.rollback == step.record


def test_retiring_keeps_the_event_for_the_grace() -> None:
    retired = step_for(RECORDED["ready"], WISHED["no event"]).record
    assert (retired.external_ids, retired.applied) == (PARTS, EVENT)
    assert retired.reap_at == NOW + timedelta(seconds=GRACE_S)


def test_without_a_grace_a_retired_event_is_deleted_at_once() -> None:
    retired = step_for(RECORDED["ready"], WISHED["no event"], grace_s=0).record
    assert step_for(retired, WISHED["no event"], grace_s=0).name == "delete"


def test_publishing_again_within_the_grace_keeps_the_very_event() -> None:
    kept = step_for(RECORDED["retiring"], WISHED["an event"]).record
    assert (kept.external_ids, kept.generation, kept.reap_at) == (PARTS, 3, None)
    assert next_step(looked(kept, WISHED["an event"])) == RequeueAt(OPENS_AT)


def test_the_grace_ends_at_its_very_instant() -> None:
    record = recorded_as(PairingState.RETIRING, reap_at=NOW)
    snapshot = looked(record, WISHED["no event"])
    assert next_step(snapshot, NOW - INSTANT) == RequeueAt(NOW)
    assert spelled(next_step(snapshot, NOW)) == DELETE


@pytest.mark.parametrize(
    ("now", "next_look"),
    [
        pytest.param("09:00:00", "09:00:30", id="a multiple waits for the next one"),
        pytest.param("09:00:29", "09:00:30", id="just before"),
        pytest.param("23:59:45", "00:00:00", id="over midnight"),
    ],
)
def test_workers_waiting_for_videos_agree_on_the_next_time(now: str, next_look: str) -> None:
    snapshot = looked(RECORDED["gone"], WISHED["session deleted, videos left"])
    at = datetime.combine(NOW.date(), datetime.strptime(now, "%H:%M:%S").time(), UTC)
    decision = next_step(snapshot, at + 500 * timedelta(milliseconds=1), GRACE_S)
    assert spelled(decision) == f"later: {next_look}"


def test_a_tombstone_lasts_for_thirty_days() -> None:
    step = step_for(RECORDED["gone"], WISHED["session deleted"])
    assert TOMBSTONE_S == 30 * 24 * 3600
    assert step.record.expires_at == NOW + timedelta(days=30)


def test_a_tombstone_names_nobody() -> None:
    """
    A12.
    """
    step = step_for(RECORDED["gone"], WISHED["session deleted"])
    assert step.record.identity == SESSION.nameless()
    assert "teacher" not in repr(step.record.to_fields())


def test_a_session_made_again_under_its_old_id_is_not_forgotten_and_goes_on_counting() -> None:
    reopened = step_for(RECORDED["gone, to be forgotten"], WISHED["an event"]).record
    assert reopened.expires_at is None
    assert step_for(reopened, WISHED["an event"]).record.reference == "session:s1:4"


def test_a_record_goes_over_to_the_session_that_has_its_id_now_with_nothing_but_its_generations() -> None:
    """
    A1.
    """
    left_behind = recorded_as(PairingState.GONE, recordings=({"entryId": "0_old"},))
    taken = step_for(left_behind, WISHED["another session"]).record
    assert (taken.identity, taken.generation, taken.recordings) == (SUCCESSOR, 3, ())
    assert step_for(taken, replace(WISHED["an event"], identity=SUCCESSOR)).record.reference == "session:s1:4"


def test_a_record_without_a_mark_takes_that_of_its_session_before_anything_else() -> None:
    """
    A1: a document of an earlier release.
    """
    for record in RECORDED.values():
        if record is not None:
            old = replace(record, identity=replace(SESSION, created_at=None))
            step = step_for(old, WISHED["an event"])
            followed = replace(record, identity=SESSION, held_at=None, expires_at=None)
            name = "identify" if record.expires_at is None else "reopen"
            assert (step.name, step.effect, step.record) == (name, Effect.WRITE, followed)


@pytest.mark.parametrize("wished", ["no event", "session deleted", "another session"])
def test_whether_the_session_is_there_is_recorded_before_anything_else(wished: str) -> None:
    """
    C4: by it the sweep counts the sessions whose deletion nobody noticed. Only whose the record is comes first.
    """
    spec = WISHED[wished]
    for record in RECORDED.values():
        if record is not None and (not spec.exists or (record.identity == SESSION and record.held_at is None)):
            snapshot = looked(record, spec)
            stale = replace(record, has_session=not spec.exists)
            decision = next_step(replace(snapshot, record=stale))
            assert isinstance(decision, Step)
            assert (decision.name, decision.effect, decision.record) == ("notice", Effect.WRITE, snapshot.record)


@pytest.mark.parametrize("seen", [{"is_paired": False}, {"identity": replace(SESSION, is_marked=False)}], ids=repr)
def test_a_session_that_lost_the_task_of_its_record_is_told_again(seen: dict[str, object]) -> None:
    """
    A1: a back end has overwritten the document.
    """
    spec = replace(WISHED["no event"], **seen)  # type: ignore[arg-type]  # named above
    decision = next_step(looked(RECORDED["none"], spec))
    assert isinstance(decision, Step)
    assert (decision.name, decision.record) == ("show", RECORDED["none"])


def test_a_session_whose_owner_was_changed_without_a_transfer_shows_nothing() -> None:
    """
    A13.
    """
    spec = replace(WISHED["owner changed"], shown={"entryId": "0_live1"})
    decision = next_step(replace(looked(RECORDED["ready"], spec), spec=spec))
    assert isinstance(decision, Step)
    assert (decision.name, decision.effect, decision.record) == ("show", Effect.WRITE, RECORDED["ready"])


EARLIER = NOW - timedelta(minutes=3)
REFUSED = {"entryId": Refusal("NO", "It is not allowed.")}
ENDED = Airing(BroadcastState.ENDED, EARLIER, EARLIER, EARLIER)
FULL = Pairing(
    SESSION,
    state=PairingState.DELETING,
    generation=3,
    reference="session:s1:3",
    tried_at=EARLIER,
    external_ids=PARTS,
    applied=OTHER,
    refused=REFUSED,
    verified_at=EARLIER,
    verify_at=EARLIER,
    reap_at=EARLIER,
    held_at=EARLIER,
    airing=ENDED,
    recordings=({"entryId": "0_first"},),
    history=(Moment("creating", EARLIER), Moment("deleting", EARLIER)),
)
"""A record with something in every field."""

NEW_PARTS = {"entryId": "0_live2"}


def test_a_created_event_is_ready_with_the_spec_that_it_fulfils() -> None:
    made = EventIds(NEW_PARTS, {"eventId": Refusal("NO", "Never.")})
    assert created(FULL, made, EVENT, NOW) == moved_to(
        FULL,
        PairingState.READY,
        external_ids=NEW_PARTS,
        applied=EVENT,
        refused={"eventId": Refusal("NO", "Never.")},
        tried_at=None,
        verify_at=None,
        verified_at=NOW,
        airing=Airing(),
    )


def test_a_created_event_without_a_spec_keeps_how_its_broadcast_ended() -> None:
    assert created(FULL, EventIds(NEW_PARTS), None, NOW).airing == ENDED


@pytest.mark.parametrize(
    ("applied", "verify_at", "expected"),
    [
        pytest.param(None, None, NOW + timedelta(seconds=60), id="an answer was lost"),
        pytest.param(None, EARLIER, NOW + timedelta(seconds=60), id="an answer was lost again"),
        pytest.param(OTHER, None, None, id="nothing to verify"),
        pytest.param(OTHER, NOW, None, id="verified"),
        pytest.param(OTHER, NOW + INSTANT, NOW + INSTANT, id="to be verified later"),
    ],
)
def test_an_update_is_repeated_once_a_lost_one_can_no_longer_take_effect(
    applied: EventSpec | None, verify_at: datetime | None, expected: datetime | None
) -> None:
    before = replace(FULL, applied=applied, verify_at=verify_at)
    claimed = replace(before, applied=None, verify_at=None)
    made = EventIds(NEW_PARTS)
    after = updated(before, claimed, made, EVENT, NOW, 60)
    assert after == replace(created(claimed, made, EVENT, NOW), verify_at=expected)


def test_an_event_that_does_not_exist_is_none_again_and_keeps_its_generation() -> None:
    assert not_created(FULL, NOW) == moved_to(
        FULL,
        PairingState.NONE,
        external_ids={},
        applied=None,
        refused={},
        reference=None,
        tried_at=None,
        verify_at=None,
        verified_at=None,
        airing=Airing(),
    )


def test_a_deleted_event_leaves_its_generation_and_its_history() -> None:
    assert deleted(FULL, NOW) == moved_to(
        FULL,
        PairingState.GONE,
        external_ids={},
        applied=None,
        refused={},
        verified_at=None,
        verify_at=None,
        reap_at=None,
        reference=None,
        airing=Airing(),
    )


def test_a_held_session_records_since_when() -> None:
    assert held(FULL, NOW) == replace(FULL, held_at=NOW)


def test_a_tombstone_keeps_the_last_state_only() -> None:
    assert expiring(FULL, NOW) == replace(
        FULL,
        identity=SESSION.nameless(),
        expires_at=NOW + timedelta(seconds=TOMBSTONE_S),
        history=(Moment("deleting", EARLIER),),
    )


def test_a_reopened_record_belongs_to_the_session_that_has_its_id_now() -> None:
    before = replace(FULL, has_session=False, expires_at=NOW)
    assert reopened(before, SUCCESSOR) == replace(
        before, identity=SUCCESSOR, has_session=True, expires_at=None, recordings=()
    )


FIRST, SECOND = ({"entryId": "0_first"}, {"entryId": "0_second"})


def test_an_event_that_the_provider_does_not_find_fulfils_no_spec() -> None:
    assert listened(FULL, Sighting(None), EVENT, NOW, WINDOW) == replace(FULL, applied=None)


@pytest.mark.parametrize("rests", [False, True], ids=["observed", "rests"])
@pytest.mark.parametrize("is_live", [False, True], ids=["off the air", "live"])
def test_an_observation_is_recorded_and_no_recording_is_taken_over_before_the_end(is_live: bool, rests: bool) -> None:
    before = replace(FULL, airing=Airing(looked_at=EARLIER))
    after = listened(before, Sighting(Broadcast(is_live, (SECOND,)), rests), LIVE_NOW, NOW, WINDOW)
    airing = (
        Airing(BroadcastState.LIVE, NOW, live_at=NOW, rests=rests) if is_live else Airing(looked_at=NOW, rests=rests)
    )
    assert after == replace(before, airing=airing)


def test_an_event_that_is_off_the_air_after_its_time_has_ended() -> None:
    over = replace(EVENT, starts_at=NOW - timedelta(hours=4), ends_at=NOW - timedelta(seconds=WINDOW.overrun_s))
    before = replace(FULL, airing=Airing(looked_at=EARLIER))
    after = listened(before, Sighting(Broadcast(False, (SECOND,))), over, NOW, WINDOW)
    airing = Airing(BroadcastState.ENDED, looked_at=NOW)
    assert after == replace(before, airing=airing, recordings=(FIRST, SECOND))


def test_a_deletion_whose_beginning_is_in_no_history_enters_it() -> None:
    snapshot = looked(recorded_as(PairingState.DELETING, history=()), WISHED["an event"])
    assert next_step(snapshot) == whole("delete", snapshot)


def test_the_recordings_of_an_ended_event_are_taken_over_once() -> None:
    after = listened(FULL, Sighting(Broadcast(False, (FIRST, SECOND))), None, NOW, WINDOW)
    assert after == replace(FULL, airing=replace(ENDED, looked_at=NOW), recordings=(FIRST, SECOND))


@pytest.mark.parametrize(
    ("identity", "is_held", "lacks"),
    [
        (None, False, False),
        (SESSION, False, False),
        (replace(SESSION, is_marked=False), False, True),
        (replace(SESSION, is_marked=False), True, False),
    ],
    ids=["no session", "marked", "unmarked", "unmarked, held"],
)
def test_a_session_lacks_its_mark_if_it_may_be_given_one(
    identity: SessionIdentity | None, is_held: bool, lacks: bool
) -> None:
    assert lacks_mark(SessionSpec(exists=True, identity=identity, is_held=is_held)) is lacks


@pytest.mark.parametrize(
    ("identity", "is_paired", "noted"),
    [
        (None, True, True),
        (None, False, False),
        (SESSION, True, True),
        (SESSION, False, False),
        (replace(SESSION, is_marked=False), True, False),
    ],
    ids=["no session", "no session, unpaired", "marked", "marked, unpaired", "unmarked"],
)
def test_a_session_is_noted_with_its_mark_and_its_pairing(
    identity: SessionIdentity | None, is_paired: bool, noted: bool
) -> None:
    assert is_noted(SessionSpec(exists=True, identity=identity, is_paired=is_paired)) is noted


def test_a_fingerprint_is_short_and_that_of_the_spec_s_text() -> None:
    assert fingerprint(None) == hashlib.sha256(b"None").hexdigest()[:16]


def test_different_specs_have_different_fingerprints() -> None:
    wishes = [
        None,
        EVENT,
        OTHER,
        replace(EVENT, starts_at=None),
        replace(EVENT, ends_at=None),
        replace(EVENT, ends_at=NOW + timedelta(hours=2)),
        replace(EVENT, moderators=("anna",)),
    ]
    assert len({fingerprint(spec) for spec in wishes}) == len(wishes)
    assert fingerprint(EventSpec("Algebra", TOMORROW, TOMORROW + timedelta(hours=1))) == fingerprint(EVENT)
