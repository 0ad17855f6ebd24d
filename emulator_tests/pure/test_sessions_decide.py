"""What a session's event needs next: the table of `shared/sessions/decide.py`, row by row, and its borders in time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from shared.core.history import Moment
from shared.core.identity import TOMBSTONE_S, SessionIdentity
from shared.ports import Document, EventIds, EventSpec
from shared.reconcile import Decision, Done, Effect, RequeueAt, Snapshot, Step
from shared.sessions.broadcasting import Window
from shared.sessions.decide import created, decide, deleted, fingerprint, not_created, reference_of
from shared.sessions.model import Pairing, PairingState
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

ENROLLED = (Document("enrolments/s1_student", {}, 1, NOW),)

WISHED: dict[str, SessionSpec] = {
    "an event": SessionSpec(exists=True, event=EVENT, identity=SESSION),
    "no event": SessionSpec(exists=True, identity=SESSION),
    "session deleted": SessionSpec(exists=False),
    "session deleted, videos left": SessionSpec(exists=False, children=("v1", "v2")),
    "another session": SessionSpec(exists=False, identity=SUCCESSOR),
    "another session, videos left": SessionSpec(exists=False, children=("v1", "v2"), identity=SUCCESSOR),
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


def test_the_table_has_a_row_for_each_recorded_state() -> None:
    assert set(TABLE) == set(RECORDED)
    assert {record.state for record in RECORDED.values() if record is not None} == set(PairingState)


@pytest.mark.parametrize(
    ("recorded", "wished"),
    [pytest.param(recorded, wished, id=f"{recorded} - {wished}") for recorded, wished in product(RECORDED, WISHED)],
)
def test_the_next_step_is_the_one_of_the_table(recorded: str, wished: str) -> None:
    snapshot = looked(RECORDED[recorded], WISHED[wished])
    assert spelled(next_step(snapshot, NOW)) == TABLE[recorded][list(WISHED).index(wished)]


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


def test_what_was_definitely_not_created_leaves_its_generation_used_up() -> None:
    step = step_for(RECORDED["gone"], WISHED["an event"])
    assert (step.rollback.state, step.rollback.generation) == (PairingState.NONE, 4)
    assert (step.rollback.reference, step.rollback.tried_at) == (None, None)


def test_while_an_update_is_under_way_nobody_knows_which_wish_the_event_fulfils() -> None:
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
def test_visitors_who_wait_for_videos_to_go_agree_on_the_next_look(now: str, next_look: str) -> None:
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


def test_a_created_event_is_ready_with_the_wish_it_fulfils() -> None:
    record = created(recorded_as(PairingState.CREATING), EventIds(PARTS), EVENT, NOW)
    assert (record.state, record.external_ids, record.applied, record.tried_at) == (
        PairingState.READY,
        PARTS,
        EVENT,
        None,
    )
    assert record.history[-1] == Moment("ready", NOW)


@pytest.mark.parametrize("state", [PairingState.CREATING, PairingState.READY], ids=["never made", "deleted by others"])
def test_what_is_not_there_is_none_again_and_keeps_its_generation(state: PairingState) -> None:
    record = not_created(recorded_as(state), NOW)
    assert (record.state, dict(record.external_ids), record.applied) == (PairingState.NONE, {}, None)
    assert (record.reference, record.tried_at, record.generation) == (None, None, 3)


def test_a_deleted_event_leaves_its_generation_and_its_history() -> None:
    record = deleted(recorded_as(PairingState.DELETING, reap_at=NOW), NOW)
    assert (record.state, dict(record.external_ids), record.applied) == (PairingState.GONE, {}, None)
    assert (record.reap_at, record.reference, record.generation) == (None, None, 3)
    assert [moment.state for moment in record.history] == ["deleting", "gone"]


def test_wishes_that_differ_in_anything_have_other_fingerprints() -> None:
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
