"""What people were given in a session ends when they may not keep it, in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from emulator_tests.pure.deployment import TEACHER, Deployment, live
from shared.core.callers import Caller
from shared.core.errors import NotFound, Transient
from shared.core.paths import ADMISSIONS, RECONCILE_ADMISSION, admission_path, enrolment_path, session_path
from shared.ports import Delete, Query, Task
from shared.sessions.admissions.controller import PAGE, revoking, task, task_for_all, task_for_due, tasks_after
from shared.sessions.session import Session

pytestmark = pytest.mark.long

ADA = Caller("ada", is_teacher=False)
GRACE = Caller("grace", is_teacher=False)
ANNA = Caller("anna", is_teacher=False)
HOUR_S = 3600


def school() -> Deployment:
    """
    A live session for the enrolled, who are ada, grace, and anna, who moderates it.
    """
    deployment = live(visibility="enrolled", moderators={"anna": True})
    for caller in (ADA, GRACE, ANNA):
        deployment.accounts.write(caller.uid)
        deployment.enrol(caller.uid)
    return deployment


def given(deployment: Deployment, caller: Caller) -> str:
    """
    Enter, and return the id under which all that was given can be ended.
    """
    joined = deployment.joining.join(caller, "s1", needs_player_key=True)
    assert joined.player_key is not None
    values = [grant.values for grant in (joined.player_key, joined.admission.player, joined.admission.room) if grant]
    (revocation_id,) = {str(value["revocationId"]) for value in values}
    return revocation_id


def unenrol(deployment: Deployment, caller: Caller) -> None:
    deployment.documents.commit(Delete(enrolment_path("s1", caller.uid)))
    deployment.queue.put(task("s1", caller.uid))


def change(deployment: Deployment, **fields: Any) -> None:
    """
    Change the session, and enqueue what its trigger does.
    """
    before = Session.from_document(deployment.document(session_path("s1")))
    deployment.write_session(**fields)
    after = Session.from_document(deployment.document(session_path("s1")))
    for each in tasks_after(before, after):
        deployment.queue.put(each)


def delete(deployment: Deployment) -> None:
    deployment.delete_session()
    deployment.queue.put(task_for_all("s1"))


def admissions(deployment: Deployment) -> list[str]:
    return [document.id for document in deployment.documents.select(Query(ADMISSIONS))]


@pytest.mark.parametrize(
    ("act", "who"),
    [
        pytest.param(lambda d: unenrol(d, ADA), {"ada"}, id="A8 unenrolment"),
        pytest.param(lambda d: change(d, moderators={}), {"anna"}, id="A8 demotion"),
        pytest.param(delete, {"ada", "grace", "anna", "teacher"}, id="A8 deletion"),
        pytest.param(lambda d: change(d, status="draft"), {"ada", "grace", "anna"}, id="A8 unpublishing"),
        pytest.param(lambda d: change(d, title="Geometry"), set(), id="nothing that concerns anybody"),
    ],
)
def test_admission_is_revoked_only_for_users_who_lost_access(act: Callable[[Deployment], None], who: set[str]) -> None:
    deployment = school()
    ids = {caller.uid: given(deployment, caller) for caller in (ADA, GRACE, ANNA, TEACHER)}

    act(deployment)
    deployment.run(60)

    assert deployment.keys.ended == {ids[uid] for uid in who}
    assert set(admissions(deployment)) == {f"s1_{uid}" for uid in ids.keys() - who}


def test_what_is_given_after_a_demotion_has_another_id_and_stays() -> None:
    """A8."""
    deployment = school()
    before = given(deployment, ANNA)
    deployment.write_session(moderators={})

    # Nobody has heard of it yet.
    after = given(deployment, ANNA)

    deployment.run(60)
    assert deployment.keys.ended == {before}
    assert after != before
    assert given(deployment, ANNA) == after


def test_re_enrolled_user_gets_new_tokens() -> None:
    """A8."""
    deployment = school()
    before = given(deployment, ADA)
    unenrol(deployment, ADA)
    deployment.run(60)
    deployment.enrol("ada")

    after = given(deployment, ADA)

    assert after != before
    deployment.run(60)
    assert deployment.keys.ended == {before}


def test_user_losing_access_while_recorded_gets_no_tokens() -> None:
    """A8: the right is read once more after it was recorded, so that whoever ends it finds the record."""
    deployment = school()

    def unenrolling(operation: str, do: Callable[[], object]) -> object:
        done = do()
        if operation == "commit":
            deployment.disturb = lambda _operation, do: do()
            unenrol(deployment, ADA)
        return done

    deployment.disturb = unenrolling  # type: ignore[assignment]  # an Effect is as generic as the call
    with pytest.raises(NotFound):
        given(deployment, ADA)
    deployment.run(60)
    assert len(deployment.keys.ended) == 1
    assert admissions(deployment) == []


def test_missed_unenrolment_is_found_within_an_hour() -> None:
    """A8."""
    deployment = school()
    before = given(deployment, ADA)
    deployment.documents.commit(Delete(enrolment_path("s1", "ada")))
    deployment.lose_tasks()

    deployment.clock.advance(HOUR_S)
    deployment.sweep.run()
    deployment.run(60)

    assert before in deployment.keys.ended


def test_failed_revocation_is_retried_without_blocking_others() -> None:
    """A8: never lost, never blocking."""
    deployment = school()
    ids = {caller.uid: given(deployment, caller) for caller in (ADA, GRACE)}

    def refusing(operation: str, do: Callable[[], object]) -> object:
        if operation == "end":
            raise Transient("It does not answer.", provider="memory", operation=operation, code="HTTP_503")
        return do()

    deployment.disturb = refusing  # type: ignore[assignment]  # an Effect is as generic as the call
    delete(deployment)
    deployment.run(600)
    assert deployment.keys.ended == set()
    assert set(admissions(deployment)) == {"s1_ada", "s1_grace"}

    deployment.disturb = lambda _operation, do: do()
    deployment.run(HOUR_S)
    assert deployment.keys.ended == set(ids.values())
    assert admissions(deployment) == []


def test_expired_admission_is_deleted_without_a_call() -> None:
    deployment = school()
    given(deployment, ADA)
    deployment.clock.advance(4 * HOUR_S)

    deployment.sweep.run()
    deployment.run(60)

    assert admissions(deployment) == []
    assert deployment.keys.ended == set()


def test_large_session_is_checked_in_pages() -> None:
    """A8."""
    deployment = live()
    people = [Caller(f"u{number:04}", is_teacher=False) for number in range(2 * PAGE + 1)]
    for caller in people:
        deployment.accounts.write(caller.uid)
    ids = {given(deployment, caller) for caller in people}

    delete(deployment)
    deployment.run(60)

    assert deployment.keys.ended == ids
    assert admissions(deployment) == []


def test_one_sweep_finds_everybody_of_a_large_class_whose_triggers_were_lost() -> None:
    """A8: as many as a class has, not as many as a sweep enqueues."""
    deployment = live(visibility="enrolled")
    people = [Caller(f"u{number:04}", is_teacher=False) for number in range(5 * PAGE + 1)]
    for caller in people:
        deployment.accounts.write(caller.uid)
        deployment.enrol(caller.uid)
    ids = {given(deployment, caller) for caller in people}
    for caller in people:
        deployment.documents.commit(Delete(enrolment_path("s1", caller.uid)))
    deployment.clock.advance(HOUR_S)

    deployment.sweep.run()
    assert deployment.enqueued_now(RECONCILE_ADMISSION) == [task_for_due().key]
    deployment.run(60)

    assert deployment.keys.ended == ids
    assert admissions(deployment) == []


def test_a_page_whose_provider_does_not_answer_makes_way_for_the_next() -> None:
    """A8."""
    deployment = school()
    people = [Caller(f"u{number:04}", is_teacher=False) for number in range(2 * PAGE)]
    for caller in people:
        deployment.accounts.write(caller.uid)
        deployment.enrol(caller.uid)
        given(deployment, caller)
        deployment.documents.commit(Delete(enrolment_path("s1", caller.uid)))
    deployment.clock.advance(HOUR_S)
    asked = 0

    def refusing(operation: str, do: Callable[[], Any]) -> Any:
        nonlocal asked
        if operation != "end":
            return do()
        asked += 1
        raise Transient("It does not answer.", provider="memory", operation=operation, code="HTTP_503")

    deployment.disturb = refusing
    deployment.sweep.run()
    deployment.run(1)

    assert asked == len(people), "each once, and nobody in place of others"


def test_everything_can_be_ended_that_somebody_who_may_watch_was_given() -> None:
    """A8."""
    deployment = school()
    before = given(deployment, ADA)
    (document,) = deployment.documents.read(admission_path("s1_ada"))
    assert document is not None

    deployment.documents.commit(revoking(document))
    deployment.deliver(Task(RECONCILE_ADMISSION, "s1_ada"))

    assert deployment.keys.ended == {before}
    assert given(deployment, ADA) != before


def test_playback_ends_with_the_enrolment() -> None:
    """A8: the same admission stands behind videos and live events of one session."""
    deployment = school()
    before = given(deployment, ADA)
    watching = deployment.joining.issue_playback(ADA, "s1", needs_player_key=True)
    assert watching.player_key is not None
    assert watching.player_key.values["revocationId"] == before
