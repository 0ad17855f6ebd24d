"""Admissions, with every effect of a story broken once, and then only the sweep: everything that people may not keep is
ended, and nothing else.

In memory. `contract/test_viewer_keys.py` tests what ends at Kaltura, and what does not.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from emulator_tests.crashes.memory import Way, break_each_effect
from emulator_tests.pure.deployment import Deployment
from emulator_tests.pure.races.defects import NoAdmissions
from emulator_tests.pure.test_admissions import ADA, ANNA, GRACE, admissions, change, delete, given, school, unenrol
from shared.core.callers import Caller
from shared.core.paths import enrolment_path, session_path

LOST_TRIGGER_S = 3600
"""A person who may no longer watch is found at the latest after this, even if triggers are lost."""


class Story:
    """
    People enter, one is unenrolled, one is no longer moderator and stays, and perhaps the session is deleted.

    Attributes:
        given: For each admission, the person and its revocation id.
    """

    def __init__(self, *, deletes: bool) -> None:
        self.given: list[tuple[str, str]] = []
        self._deletes = deletes

    def begin(self) -> Deployment:
        """
        Return a new deployment, in which there are no admissions.
        """
        self.given.clear()
        return school()

    def play(self, deployment: Deployment) -> None:
        """
        Play the story.
        """
        for caller in (ADA, ANNA, GRACE):
            self._give(deployment, "host" if caller is ANNA else caller.uid, caller)
        unenrol(deployment, ADA)
        change(deployment, moderators={})
        self._give(deployment, "anna", ANNA)
        deployment.run(20)
        if self._deletes:
            delete(deployment)
            deployment.run(20)

    def _give(self, deployment: Deployment, to: str, caller: Caller) -> None:
        self.given.append((to, given(deployment, caller)))


def _losers(deployment: Deployment) -> set[str]:
    """
    Return the people who may not keep their admission, by the current documents.
    """
    session, enrolment = deployment.documents.read(session_path("s1"), enrolment_path("s1", "ada"))
    if session is None:
        return {"ada", "grace", "anna", "host"}
    unenrolled = {"ada"} if enrolment is None else set()
    demoted = {"host"} if not session.fields["moderators"] else set()
    return unenrolled | demoted


def _require_ended(deployment: Deployment, story: Story, number: int) -> None:
    """
    Run only sweeps, and require that exactly those who may not keep their admission have lost it.
    """
    deployment.clock.advance(LOST_TRIGGER_S)
    for _ in range(2):
        deployment.sweep.run()
        deployment.run(300)
    losers = _losers(deployment)
    lost = {one for to, one in story.given if to in losers}
    kept = {one for to, one in story.given if to not in losers}
    assert lost <= deployment.keys.ended, number
    assert not kept & deployment.keys.ended, number
    assert "ada" not in losers or "s1_ada" not in admissions(deployment), number


@pytest.mark.parametrize("deletes", [False, True], ids=["A8 demotion and unenrolment", "A8 deletion"])
@pytest.mark.parametrize("way", Way)
def test_wherever_it_goes_wrong_the_sweep_alone_ends_what_nobody_may_keep(way: Way, deletes: bool) -> None:
    story = Story(deletes=deletes)
    break_each_effect(story.begin, story.play, way, lambda number, one: _require_ended(one, story, number))


@pytest.mark.parametrize("way", Way)
def test_a_sweep_that_looks_at_no_admission_is_noticed(way: Way) -> None:
    story = Story(deletes=False)

    def judge(number: int, deployment: Deployment) -> None:
        deployment.sweep = replace(deployment.app, documents=NoAdmissions(deployment.documents)).sweep
        _require_ended(deployment, story, number)

    with pytest.raises(AssertionError):
        break_each_effect(story.begin, story.play, way, judge)
