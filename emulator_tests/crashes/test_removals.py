"""Removals, with every effect gone wrong once, and then only the sweep: what a teacher has goes, nobody else's."""

from __future__ import annotations

import pytest

from emulator_tests.crashes.memory import Way, broken
from emulator_tests.pure.deployment import STRAY_AGE_S, Deployment
from emulator_tests.pure.test_removals import ask, paths, removal, school, sweep_until
from shared.removals.model import RemovalState


def _small_school() -> Deployment:
    return school(2, 1)


def _story(deployment: Deployment) -> None:
    """Ask for everything of a teacher to go, and wait until it has gone."""
    ask(deployment)
    deployment.run(3600)


@pytest.mark.parametrize("way", Way)
def test_wherever_it_goes_wrong_the_sweep_alone_brings_it_to_its_end(way: Way) -> None:
    for number, deployment in broken(_small_school, _story, way):
        # Who got no answer asks again, with the same request.
        key = ask(deployment)
        deployment.lose_notes()

        sweep_until(deployment, lambda: removal(deployment, key).state is RemovalState.DONE)  # noqa: B023  # called here

        deployment.run(STRAY_AGE_S)
        sweep_until(deployment, lambda: not deployment.deletions())  # noqa: B023  # called here
        assert deployment.owners_at_provider() == ["other"], number
        assert deployment.events.alive() == (), number
        assert paths(deployment, "sessions", "enrolments") == ["sessions/other"], number
