"""Sessions and enrolments that people write straight into Firestore enqueue tasks, within a budget for each owner."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from emulator_tests.pure.deployment import Deployment
from shared.core.paths import RECONCILE_ADMISSION, RECONCILE_SESSION, RECONCILE_VIDEO, session_path
from shared.limits.call_budgets import CHANGES, CallBudgets
from shared.limits.limiter import Limiter
from shared.sessions.admissions.changes import Changes
from shared.sessions.session import Session

pytestmark = pytest.mark.long

CREATED_AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LIVE = {
    "ownerUid": "teacher",
    "status": "public",
    "format": "liveStreaming",
    "title": "Algebra",
    "visibility": "open",
    "createdAt": CREATED_AT,
}
FLOOD = 3 * CHANGES.burst


def changes_of(deployment: Deployment) -> Changes:
    budgets = CallBudgets(Limiter(deployment.documents, deployment.clock))
    return Changes(deployment.queue, budgets.heeds, deployment.clock)


def session(session_id: str = "s1", **fields: Any) -> Session:
    return Session.from_fields(session_id, {**LIVE, **fields})


def enqueued(deployment: Deployment) -> list[tuple[str, str]]:
    return sorted((task.queue, task.key) for task in deployment.queue.waiting())


def followed(before: Session | None, after: Session | None) -> Sequence[str]:
    """
    The queues of what follows from one change.
    """
    deployment = Deployment()
    changes_of(deployment).session_changed("s1", before, after)
    return [queue for queue, _ in enqueued(deployment)]


@pytest.mark.parametrize(
    ("before", "after", "queues"),
    [
        pytest.param(None, session(), [RECONCILE_SESSION], id="a live session is published"),
        pytest.param(None, session(status="draft"), [], id="a draft is made"),
        pytest.param(None, session(format="onDemand"), [], id="a session on demand is made"),
        pytest.param(
            None,
            session(format="onDemand", createdAt=None),
            [RECONCILE_SESSION],
            id="A1 made by a back end without a mark",
        ),
        pytest.param(
            session(format="onDemand", createdAt=None),
            session(format="onDemand", createdAt=None, title="Geometry"),
            [RECONCILE_SESSION],
            id="A1 changed, and still without a mark",
        ),
        pytest.param(
            session(format="onDemand", createdAt=None), session(format="onDemand"), [], id="A1 its mark is written"
        ),
        pytest.param(
            session(format="onDemand"),
            session(format="onDemand", createdAt=None),
            [RECONCILE_SESSION],
            id="A1 its mark is taken away",
        ),
        pytest.param(session(), session(), [], id="nothing that counts is changed"),
        pytest.param(session(), session(title="Geometry"), [RECONCILE_SESSION], id="another title"),
        pytest.param(session(), session(status="draft"), [RECONCILE_ADMISSION, RECONCILE_SESSION], id="unpublished"),
        pytest.param(
            session(), session(ownerUid="other"), [RECONCILE_ADMISSION, RECONCILE_SESSION], id="another owner"
        ),
        pytest.param(
            session(kalturaSession=True, videos={"v1": {"order": 1}}),
            session(),
            [RECONCILE_SESSION, RECONCILE_VIDEO],
            id="overwritten by a back end",
        ),
        pytest.param(session(), None, [RECONCILE_ADMISSION, RECONCILE_SESSION], id="deleted"),
        pytest.param(None, None, [RECONCILE_ADMISSION, RECONCILE_SESSION], id="deleted, and nobody knows what it was"),
    ],
)
def test_change_enqueues_its_tasks(before: Session | None, after: Session | None, queues: list[str]) -> None:
    assert followed(before, after) == queues


def test_flood_of_one_user_is_limited_and_others_are_served() -> None:
    """
    A6: each of these changes is of another session, so that no two tasks merge.
    """
    deployment = Deployment()
    changes = changes_of(deployment)
    for number in range(FLOOD):
        changes.session_changed(f"m{number}", session(f"m{number}"), session(f"m{number}", title="Flood"))
    assert len(enqueued(deployment)) == CHANGES.burst + CHANGES.unasked

    changes.session_changed("s1", session(ownerUid="other"), session(ownerUid="other", title="Geometry"))

    assert (RECONCILE_SESSION, "s1") in enqueued(deployment)


def test_floods_of_deletions_and_of_enrolments_are_of_the_same_budget() -> None:
    """
    A6.
    """
    deployment = Deployment()
    changes = changes_of(deployment)
    for number in range(FLOOD):
        changes.session_changed(f"m{number}", session(f"m{number}"), None)
        changes.enrolment_deleted(f"m{number}_anna", "teacher")
    sessions = [key for queue, key in enqueued(deployment) if queue == RECONCILE_SESSION]
    assert len(sessions) < (CHANGES.burst + CHANGES.unasked) * 0.6
    assert len(enqueued(deployment)) < (CHANGES.burst + CHANGES.unasked) * 2

    changes.enrolment_deleted("s1_anna", "other")
    changes.enrolment_deleted("s2_anna", None)

    assert {(RECONCILE_ADMISSION, "s1_anna"), (RECONCILE_ADMISSION, "s2_anna")} <= set(enqueued(deployment))


def test_what_a_flood_has_left_the_sweep_finds() -> None:
    """
    A6: nothing is lost.
    """
    deployment = Deployment()
    changes = changes_of(deployment)
    deployment.sweep.run()
    while changes.heeds("teacher"):
        pass
    deployment.write_session(format="liveStreaming")
    changes.session_changed("s1", None, Session.from_document(deployment.document(session_path("s1"))))
    assert deployment.enqueued(RECONCILE_SESSION) == []

    deployment.clock.advance(300)
    deployment.sweep.run()
    deployment.run()

    assert len(deployment.events.alive()) == 1
