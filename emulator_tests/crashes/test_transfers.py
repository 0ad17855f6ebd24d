"""Transfers, with every effect broken once, and then only the sweep: everything follows, and nobody loses access."""

from __future__ import annotations

import pytest

from emulator_tests.crashes.memory import Way, break_each_effect
from emulator_tests.pure.deployment import TEACHER, Deployment
from emulator_tests.pure.races.defects import ForgetfulTransfers
from emulator_tests.pure.test_transfers import BERT, STUDENT, naming, school
from shared.core.paths import TRANSFERS, VIDEOS, session_path
from shared.ports import Query
from shared.sessions.moderation import stream_ingest
from shared.transfers.decide import SETTLES_AFTER_S

SWEEPS_MAX = 10


KEYS: dict[Deployment, str] = {}
"""The stream key that the former owner knows."""


def _school() -> Deployment:
    deployment, _ = school()
    KEYS[deployment] = stream_ingest(TEACHER, "s1", deployment.sessions).stream_key
    return deployment


def _story(deployment: Deployment) -> None:
    """Transfer a session with all that belongs to it, and wait until the transfer is complete."""
    deployment.transfer("bert")
    deployment.run(SETTLES_AFTER_S + 60)


def _require_open(deployment: Deployment) -> None:
    """Require that the student may watch and enter, before and after the transfer."""
    (video,) = deployment.documents.select(Query(VIDEOS))
    assert deployment.playbacks.issue_playback(STUDENT, video.id).url
    assert deployment.joining.join(STUDENT, "s1").admission.player.token


def _forgetful_story(deployment: Deployment) -> None:
    """Transfer the session without recording its former owner, and wait until the transfer is complete."""
    deployment.transfer("bert", documents=ForgetfulTransfers(deployment.documents))
    deployment.run(SETTLES_AFTER_S + 60)


def _require_transferred(number: int, deployment: Deployment) -> None:
    """Run only sweeps, and require that everything follows and nobody loses access meanwhile."""
    made = [len(one.alive()) for one in (deployment.events, deployment.media, deployment.waiting)]
    _require_open(deployment)
    is_begun = deployment.document(session_path("s1")).fields["ownerUid"] == "bert"
    if not is_begun:
        assert deployment.documents.select(Query(TRANSFERS)) == [], number
        deployment.transfer("bert")
        deployment.lose_tasks()
    for _ in range(SWEEPS_MAX):
        deployment.sweep.run()
        deployment.run(300)
        _require_open(deployment)
        if not deployment.documents.select(Query(TRANSFERS)):
            break
    assert deployment.documents.select(Query(TRANSFERS)) == [], number
    left = [path for path in naming(deployment, TEACHER.uid) if not path.startswith("uploaders/")]
    assert left == [], number
    assert made == [1, 1, 1], number
    assert [len(one.alive()) for one in (deployment.events, deployment.media, deployment.waiting)] == made, number
    assert stream_ingest(BERT, "s1", deployment.sessions).stream_key != KEYS.pop(deployment), number


@pytest.mark.parametrize("way", Way)
def test_wherever_a_transfer_goes_wrong_the_sweep_alone_brings_it_to_its_end(way: Way) -> None:
    break_each_effect(_school, _story, way, _require_transferred)


@pytest.mark.parametrize("way", Way)
def test_a_transfer_that_names_no_former_owner_is_noticed(way: Way) -> None:
    with pytest.raises(AssertionError):
        break_each_effect(_school, _forgetful_story, way, _require_transferred)
