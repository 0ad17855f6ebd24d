"""Erasures, with every effect broken once, and then only the sweep: a person's content is deleted, nobody else's is,
and nothing names the person any more."""

from __future__ import annotations

import pytest

from emulator_tests.crashes.memory import Way, break_each_effect
from emulator_tests.pure.deployment import STRAY_AGE_S, TEACHER, Deployment
from emulator_tests.pure.test_erasure import (
    NAMES_OF_STUDENT,
    NAMES_OF_TEACHER,
    STUDENT,
    ask,
    erasure,
    naming,
    school,
    sweep_until,
)
from shared.core.callers import Caller
from shared.core.paths import session_path
from shared.erasure.model import ErasureState
from shared.ports import Update

PEOPLE = {"teacher": (TEACHER, NAMES_OF_TEACHER, ["other"]), "student": (STUDENT, NAMES_OF_STUDENT, None)}


STORY_S = 1800


def _small_school() -> Deployment:
    return school(1, 1)


def _story(deployment: Deployment, caller: Caller) -> None:
    """Ask for the erasure of everything of a person, and wait until it has happened."""
    ask(deployment, caller, caller.uid)
    deployment.run(STORY_S)


@pytest.mark.parametrize("way", Way)
@pytest.mark.parametrize("who", PEOPLE)
def test_wherever_it_goes_wrong_the_sweep_alone_brings_it_to_its_end(who: str, way: Way) -> None:
    caller, names, owners = PEOPLE[who]

    def judge(number: int, deployment: Deployment) -> None:
        kept = owners or sorted(deployment.owners_at_provider())
        # A caller without an answer sends the same request again.
        key = ask(deployment, caller, caller.uid)
        deployment.lose_tasks()

        sweep_until(deployment, lambda: erasure(deployment, key).state is ErasureState.DONE)

        deployment.run(STRAY_AGE_S)
        sweep_until(deployment, lambda: not deployment.deletions())
        assert sorted(deployment.owners_at_provider()) == kept, number
        assert naming(deployment, *names) == [], number

    break_each_effect(_small_school, lambda one: _story(one, caller), way, judge)


def _half_transferred() -> Deployment:
    """Return a deployment in which the owner of two sessions was changed, but their transfer has not run."""
    deployment = school(1, 1)
    for session_id in ("s0", "live"):
        deployment.documents.commit(Update(session_path(session_id), {"ownerUid": "bert"}))
    deployment.run(60)
    return deployment


@pytest.mark.parametrize("way", Way)
def test_wherever_it_goes_wrong_what_is_anothers_now_is_kept_for_them(way: Way) -> None:
    def judge(number: int, deployment: Deployment) -> None:
        key = ask(deployment)
        deployment.lose_tasks()
        sweep_until(deployment, lambda: erasure(deployment, key).state is ErasureState.DONE)
        assert deployment.document("enrolments/s0_student").fields["ownerUid"] == "bert", number
        assert deployment.joining.join(STUDENT, "live").admission.player.token, number
        assert naming(deployment, "teacher") == [], number

    break_each_effect(_half_transferred, lambda one: _story(one, TEACHER), way, judge)
