"""A session as it is read, what it asks for and shows, and the document form of its pairing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from emulator_tests.memory import MemoryDocuments
from emulator_tests.texts import FAMILY
from shared.core.history import HISTORY_MAX, Moment, moved
from shared.core.identity import SessionIdentity
from shared.core.text import TITLE_MAX
from shared.ports import NOT_AVAILABLE, Create, EventSpec
from shared.reconcile import Claim, Failure, Progress
from shared.sessions.model import Airing, BroadcastState, Pairing, PairingState
from shared.sessions.session import Format, Session, Status, Visibility, wanted
from shared.sessions.spec import SessionSpec
from shared.sessions.view import shown

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SESSION = SessionIdentity("s1", "teacher", NOW - timedelta(days=1))
LATER = NOW + timedelta(hours=1)

FIELDS: dict[str, Any] = {
    "ownerUid": "teacher",
    "title": "Algebra",
    "status": "public",
    "format": "liveStreaming",
    "visibility": "open",
    "startsAt": NOW,
    "endsAt": LATER,
    "kaltura": {"entryId": "0_live1"},
    "videos": {"v1": {"state": "ready", "order": 4}},
    "moderators": {"anna": True, "Zoe": True},
}
ABSENT = Session("s1", None, "", Status.DRAFT, None, Visibility.ENROLLED, None, None, None, {})

PASSING = Failure("HTTP_503", "Busy.", True, "create", "wish", 2, NOW, NOW)
FINAL = Failure("INVALID_TITLE", "Refused.", False, "create", "wish", 1, NOW, None)
PARTS = {"entryId": "0_live1", "eventId": "event1"}
EVENT = EventSpec("Algebra", NOW, LATER, ("Zoe", "anna", "teacher"))


def read_back(pairing: Pairing) -> Pairing:
    documents = MemoryDocuments()
    documents.commit(Create("kalturaSession/s1", pairing.to_fields()))
    (document,) = documents.read("kalturaSession/s1")
    assert document is not None
    return Pairing.from_document(document)


def test_a_session_is_read_field_by_field() -> None:
    documents = MemoryDocuments()
    documents.commit(Create("sessions/s1", FIELDS))
    (document,) = documents.read("sessions/s1")
    assert document is not None
    assert Session.from_document(document) == Session(
        id="s1",
        owner_uid="teacher",
        title="Algebra",
        status=Status.PUBLIC,
        format=Format.LIVE_STREAMING,
        visibility=Visibility.OPEN,
        starts_at=NOW,
        ends_at=LATER,
        shown={"entryId": "0_live1"},
        videos={"v1": {"state": "ready", "order": 4}},
        created_at=document.created_at,
        version=document.version,
        moderators=("Zoe", "anna"),
    )


def test_a_session_without_a_field_is_a_private_draft_of_nobody() -> None:
    assert Session.from_fields("s1", {}) == ABSENT


@pytest.mark.parametrize("value", [None, 7, True, 1.5, "", "Public", ["public"], {"a": 1}, b"public"], ids=repr)
def test_a_field_that_is_malformed_reads_as_absent(value: object) -> None:
    malformed = Session.from_fields("s1", dict.fromkeys(FIELDS, value))
    text = value if isinstance(value, str) else None
    mapping = value if isinstance(value, dict) else None
    assert malformed == Session(
        "s1", text, text or "", Status.DRAFT, None, Visibility.ENROLLED, None, None, mapping, mapping or {}
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        pytest.param("课" * 66_000, "课" * TITLE_MAX, id="200,000 bytes"),
        pytest.param(f"{'x' * (TITLE_MAX - 1)}{FAMILY}", "x" * (TITLE_MAX - 1), id="a character over the end"),
        pytest.param(" Op\r\ntics\x00\u202e ", "Op tics", id="more than a line"),
    ],
)
def test_a_title_of_a_back_end_reads_as_a_line_that_the_rules_would_take(written: str, read: str) -> None:
    """B22"""
    assert Session.from_fields("s1", {"title": written}).title == read


@pytest.mark.parametrize(("status", "kind"), [*product(Status, [*Format, None])], ids=str)
def test_a_public_live_session_asks_for_an_event_and_no_other_does(status: Status, kind: Format | None) -> None:
    session = Session.from_fields("s1", {**FIELDS, "status": status.value, "format": kind and kind.value})
    live = status is Status.PUBLIC and kind is Format.LIVE_STREAMING
    assert wanted(session) == (EVENT if live else None)


def test_event_spec_without_times_has_none() -> None:
    session = Session.from_fields("s1", {"status": "public", "format": "liveStreaming"})
    assert wanted(session) == EventSpec("", None, None)


@pytest.mark.parametrize(
    "pairing",
    [
        pytest.param(Pairing(SESSION), id="new"),
        pytest.param(
            Pairing(
                SESSION,
                state=PairingState.RETIRING,
                generation=3,
                reference="session:s1:3",
                tried_at=NOW + timedelta(seconds=1),
                external_ids=PARTS,
                applied=EVENT,
                verified_at=NOW - timedelta(seconds=1),
                verify_at=NOW + timedelta(seconds=6),
                reap_at=NOW + timedelta(seconds=2),
                airing=Airing(
                    BroadcastState.ENDED, NOW, NOW - timedelta(hours=2), NOW - timedelta(hours=1), rests=True
                ),
                recordings=({"entryId": "0_recorded"}, {"entryId": "0_again"}),
                expires_at=NOW + timedelta(seconds=3),
                history=(Moment("ready", NOW), Moment("retiring", LATER)),
                progress=Progress(Claim("update", NOW + timedelta(seconds=4)), PASSING, NOW + timedelta(seconds=5)),
            ),
            id="everything there is",
        ),
        pytest.param(
            Pairing(SESSION, applied=EventSpec("Algebra", None, None), progress=Progress(failure=FINAL)),
            id="no times, given up",
        ),
    ],
)
def test_a_pairing_is_read_back_as_it_was_written(pairing: Pairing) -> None:
    assert read_back(pairing) == pairing


@pytest.mark.parametrize("state", PairingState)
def test_every_state_of_a_pairing_is_read_back(state: PairingState) -> None:
    assert read_back(Pairing(SESSION, state=state)).state is state


def test_a_failure_stands_in_the_document_in_the_form_that_clients_read() -> None:
    assert Pairing(SESSION).to_fields()["failure"] is None
    assert Pairing(SESSION, progress=Progress(failure=PASSING)).to_fields()["failure"] == {
        "code": "HTTP_503",
        "message": "Busy.",
        "retryable": True,
    }


def test_a_session_with_an_event_shows_the_ids_that_watching_needs_and_its_owner_is_told_all() -> None:
    """The paragraph below table A: viewers read the session's document, and may know no more than they are told."""
    external_ids = {"entryId": "0_live1", "virtualEventId": "7", "eventId": "8", "resourceId": "9", "groupId": "g"}
    ready, spec = (
        Pairing(SESSION, state=PairingState.READY, external_ids=external_ids),
        SessionSpec(exists=True, event=EVENT),
    )
    state = {"state": "ready", "broadcast": "offline"}
    assert shown(spec, ready) == {"entryId": "0_live1", "virtualEventId": "7", **state}
    assert shown(spec, ready, to_owner=True) == {**external_ids, **state}


def test_a_part_that_the_account_does_not_offer_is_named_and_has_no_id() -> None:
    ready = Pairing(
        SESSION, state=PairingState.READY, external_ids={**PARTS, "virtualEventId": NOT_AVAILABLE, "groupId": "g"}
    )
    assert shown(SessionSpec(exists=True, event=EVENT), ready) == {
        "entryId": "0_live1",
        "state": "ready",
        "broadcast": "offline",
        "notAvailable": ["virtualEventId"],
    }


@pytest.mark.parametrize("state", BroadcastState)
def test_session_shows_whether_its_event_is_live(state: BroadcastState) -> None:
    told = shown(
        SessionSpec(exists=True, event=EVENT),
        Pairing(SESSION, state=PairingState.READY, external_ids=PARTS, airing=Airing(state)),
    )
    assert told is not None
    assert told["broadcast"] == state.value


def test_a_pairing_of_before_there_were_broadcasts_is_read() -> None:
    fields = Pairing(SESSION, state=PairingState.READY, external_ids=PARTS, applied=EVENT).to_fields()
    for name in ("airing", "recordings", "verifiedAt"):
        del fields[name]
    del fields["applied"]["moderators"]
    documents = MemoryDocuments()
    documents.commit(Create("kalturaSession/s1", fields))
    (document,) = documents.read("kalturaSession/s1")
    assert document is not None
    assert Pairing.from_document(document) == Pairing(
        SESSION, state=PairingState.READY, external_ids=PARTS, applied=EventSpec("Algebra", NOW, LATER)
    )


def test_owner_and_named_moderators_moderate_a_session() -> None:
    session = Session.from_fields("s1", FIELDS)
    assert [uid for uid in ("teacher", "anna", "Zoe", "student", "") if session.moderates(uid)] == [
        "teacher",
        "anna",
        "Zoe",
    ]
    assert not ABSENT.moderates("teacher")


@pytest.mark.parametrize(
    ("state", "failure", "expected"),
    [
        (state, failure, expected)
        for state in PairingState
        if state is not PairingState.READY
        for failure, expected in [(None, None), (PASSING, "creating"), (FINAL, "failed")]
    ],
    ids=str,
)
def test_missing_event_is_shown_with_its_reason(
    state: PairingState, failure: Failure | None, expected: str | None
) -> None:
    pairing = Pairing(SESSION, state=state, external_ids=PARTS, progress=Progress(failure=failure))
    told = shown(SessionSpec(exists=True, event=EVENT), pairing)
    if failure is None:
        assert told is None
    else:
        assert told == {"state": expected, "failure": failure.shown()}


def test_a_failed_update_is_shown_beside_the_event_that_there_is() -> None:
    ready = Pairing(SESSION, state=PairingState.READY, external_ids=PARTS, progress=Progress(failure=FINAL))
    told = shown(SessionSpec(exists=True, event=EVENT), ready)
    assert told == {"entryId": "0_live1", "state": "ready", "broadcast": "offline", "failure": FINAL.shown()}


@pytest.mark.parametrize("state", PairingState)
def test_a_session_that_asks_for_no_event_shows_none(state: PairingState) -> None:
    pairing = Pairing(SESSION, state=state, external_ids=PARTS, progress=Progress(failure=FINAL))
    assert shown(SessionSpec(exists=True), pairing) is None


def test_a_session_of_which_nothing_is_recorded_shows_nothing() -> None:
    assert shown(SessionSpec(exists=True, event=EVENT), None) is None


def test_history_tells_each_change_once() -> None:
    history = moved(moved(moved((), "creating", NOW), "ready", NOW), "ready", LATER)
    assert history == (Moment("creating", NOW), Moment("ready", NOW))


def test_history_keeps_the_last_changes() -> None:
    history: tuple[Moment, ...] = ()
    for number in range(HISTORY_MAX + 5):
        history = moved(history, f"state {number}", NOW)
    assert [moment.state for moment in history] == [f"state {number}" for number in range(5, HISTORY_MAX + 5)]
