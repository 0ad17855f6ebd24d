"""The table of what becomes next of what somebody was given in a session."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.core.identity import SessionIdentity
from shared.ports import Document
from shared.reconcile import AT_ONCE, Decision, Done, Effect, RequeueAt, Snapshot, Step
from shared.sessions.admissions.decide import CHECK, END, FORGET, REVOKE, AdmissionSpec, decide
from shared.sessions.admissions.model import AdmissionRecord, Giving, covering

NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)
SESSION = SessionIdentity("s1", "teacher", NOW - timedelta(days=1))
GIVING = Giving(SESSION, "ada", "kaltura", is_moderator=False, until=NOW + timedelta(hours=1))
GIVEN = covering(None, GIVING, NOW)
TO_MODERATOR = covering(None, replace(GIVING, is_moderator=True), NOW)
REVOKED = GIVEN.revoked()
GIVEN_ANEW = covering(REVOKED, GIVING, NOW)
ENDED = replace(REVOKED, ending=())

NOBODY = AdmissionSpec()
VIEWER = AdmissionSpec(may_watch=True)
MODERATOR = AdmissionSpec(may_watch=True, moderates=True)


AFTER_AN_HOUR = timedelta(hours=1)
EXPIRED = timedelta(hours=3)


def written(name: str, record: AdmissionRecord) -> Step[AdmissionRecord]:
    return Step(name, Effect.WRITE, record, record)


def forgotten(record: AdmissionRecord) -> Step[AdmissionRecord]:
    return written(FORGET, replace(record, gone=True))


def ended(record: AdmissionRecord, spec: str) -> Step[AdmissionRecord]:
    """
    No claim, and tried again for good.
    """
    return Step(END, Effect.OBSERVE, record, record, spec=spec, retry_permanent=True)


def id_of(record: AdmissionRecord) -> str:
    return record.revocation_id or record.ending[0]


KEPT = RequeueAt(GIVEN.check_at, is_swept=True)
TWO_ENDING = replace(REVOKED, ending=("id1", "id2"))


@pytest.mark.parametrize(
    ("record", "spec", "after", "expected"),
    [
        pytest.param(None, VIEWER, timedelta(), Done(), id="nothing was given"),
        pytest.param(replace(GIVEN, gone=True), NOBODY, timedelta(), Done(), id="forgotten"),
        pytest.param(GIVEN, VIEWER, timedelta(), KEPT, id="they may keep it"),
        pytest.param(GIVEN, MODERATOR, timedelta(), KEPT, id="a viewer who moderates now"),
        pytest.param(TO_MODERATOR, MODERATOR, timedelta(), KEPT, id="a moderator"),
        pytest.param(GIVEN, NOBODY, timedelta(), written(REVOKE, REVOKED), id="A8 they may not watch any more"),
        pytest.param(
            GIVEN,
            AdmissionSpec(may_watch=False, moderates=True),
            timedelta(),
            written(REVOKE, REVOKED),
            id="A8 a moderator who may not watch",
        ),
        pytest.param(
            TO_MODERATOR, VIEWER, timedelta(), written(REVOKE, TO_MODERATOR.revoked()), id="A8 they moderate no more"
        ),
        pytest.param(
            TO_MODERATOR, NOBODY, timedelta(), written(REVOKE, TO_MODERATOR.revoked()), id="A8 they do neither"
        ),
        pytest.param(REVOKED, NOBODY, timedelta(), ended(REVOKED, id_of(GIVEN)), id="A8 revoked"),
        pytest.param(
            REVOKED, VIEWER, timedelta(), ended(REVOKED, id_of(GIVEN)), id="A8 revoked, and they may watch again"
        ),
        pytest.param(TWO_ENDING, NOBODY, timedelta(), ended(TWO_ENDING, "id1,id2"), id="A8 revoked twice"),
        pytest.param(
            GIVEN_ANEW,
            VIEWER,
            timedelta(),
            ended(GIVEN_ANEW, id_of(GIVEN)),
            id="A8 revoked, and given something else",
        ),
        pytest.param(
            GIVEN_ANEW,
            NOBODY,
            timedelta(),
            written(REVOKE, GIVEN_ANEW.revoked()),
            id="A8 revoked, given something else, and revoked again",
        ),
        pytest.param(ENDED, NOBODY, timedelta(), forgotten(ENDED), id="all of it ended"),
        pytest.param(GIVEN, VIEWER, timedelta(minutes=59), KEPT, id="looked at 59 minutes ago"),
        pytest.param(
            GIVEN,
            VIEWER,
            AFTER_AN_HOUR,
            written(CHECK, replace(GIVEN, checked_at=NOW + AFTER_AN_HOUR)),
            id="looked at an hour ago",
        ),
        pytest.param(GIVEN, VIEWER, EXPIRED, forgotten(GIVEN), id="it has expired"),
        pytest.param(REVOKED, NOBODY, EXPIRED, forgotten(REVOKED), id="what is to be ended has expired"),
        pytest.param(GIVEN, NOBODY, EXPIRED, forgotten(GIVEN), id="it has expired, and they may not watch"),
    ],
)
def test_decide_returns_the_step_of_its_table(
    record: AdmissionRecord | None, spec: AdmissionSpec, after: timedelta, expected: Decision[AdmissionRecord]
) -> None:
    assert decide(Snapshot("s1_ada", spec, record, None), NOW + after) == expected


@pytest.mark.parametrize("record", [GIVEN, TO_MODERATOR, REVOKED, GIVEN_ANEW], ids=["given", "host", "revoked", "anew"])
def test_record_round_trips(record: AdmissionRecord) -> None:
    document = Document("admissions/s1_ada", record.to_fields(), NOW, NOW)
    assert AdmissionRecord.from_document(document) == record


def test_what_is_recorded_covers_more_of_the_same_and_nothing_is_written() -> None:
    later = NOW + timedelta(hours=1)
    assert covering(GIVEN, replace(GIVING, until=later + timedelta(hours=1)), later) is GIVEN


@pytest.mark.parametrize(
    ("record", "giving"),
    [
        pytest.param(TO_MODERATOR, GIVING, id="A8 a moderator no more"),
        pytest.param(
            GIVEN, replace(GIVING, session=replace(SESSION, created_at=NOW)), id="A1 another session of the same id"
        ),
        pytest.param(REVOKED, GIVING, id="A8 revoked"),
    ],
)
def test_forbidden_admission_is_revoked_under_a_new_id(record: AdmissionRecord, giving: Giving) -> None:
    after = covering(record, giving, NOW)
    before = record.revocation_id or record.ending[0]
    assert after.revocation_id not in (None, before)
    assert before in after.ending
    assert after.progress.due_at == AT_ONCE


def test_a_viewer_who_becomes_a_moderator_keeps_their_id_and_it_is_known_to_be_a_moderators() -> None:
    after = covering(GIVEN, replace(GIVING, is_moderator=True), NOW)
    assert (after.revocation_id, after.is_moderator, after.ending) == (GIVEN.revocation_id, True, ())
