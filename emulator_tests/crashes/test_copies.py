"""Copies, with every effect of a story broken once, and then only the sweep: each video is at each host once, and
nothing else is.

In memory. `contract/test_hosts.py` tests what each host promises, in memory and real.
"""

from __future__ import annotations

import pytest

from emulator_tests.crashes.memory import Way, break_each_effect
from emulator_tests.memory import MemoryHost
from emulator_tests.pure.deployment import TEACHER, Deployment
from emulator_tests.pure.test_copies import DAY_S, READY, TERMS, copy, finish, sweep_for, upload
from shared.core.paths import COPIES
from shared.hosts.model import CopyState
from shared.ports import MediaState, Observation, Query
from shared.videos.commands import delete_video

POLLS_MAX = 100
"""The most polls of one chain of the readiness poller. The story needs at most 60. With the default of 1,000, most of
the time would go to a poller that waits for a browser that has gone."""


def _school() -> Deployment:
    """Return a deployment with two hosts and a public session."""
    deployment = Deployment(terms=TERMS, ticks_max=POLLS_MAX)
    deployment.write_session()
    return deployment


def _story(deployment: Deployment) -> None:
    """Upload, copy, replace, copy again; and another video, deleted during its copy."""
    video_id = upload(deployment)
    finish(deployment)
    deployment.ask_replacement(video_id)
    deployment.show(video_id, READY)
    deployment.run(30)
    finish(deployment)
    second = upload(deployment, "r2")
    delete_video(TEACHER, second, deployment.documents, deployment.queue, deployment.clock)
    deployment.run(600)


def _at_hosts(deployment: Deployment) -> dict[str, list[str]]:
    """Return the references at each host."""
    hosts: tuple[MemoryHost, ...] = (deployment.fetching, deployment.waiting)
    return {host.name: [made.reference for made in host.alive()] for host in hosts}


@pytest.mark.parametrize("way", Way)
def test_wherever_it_goes_wrong_the_sweep_alone_brings_every_copy_to_where_it_belongs(way: Way) -> None:
    def judge(number: int, deployment: Deployment) -> None:
        for _ in range(3):
            # Every obstacle ends within a day. Between these steps nothing happens that a later sweep would not find.
            sweep_for(deployment, 900)
            for made in deployment.fetching.alive():
                deployment.fetching.show(made.external_ids, Observation(MediaState.READY, 100))
            deployment.run(DAY_S)
        sweep_for(deployment, 900)

        wanted = [
            (document.id, document.fields["playable"]["reference"])
            for document in deployment.documents.select(Query("videos"))
            if document.fields["playable"] is not None
        ]
        for host in ("fetching", "waiting"):
            recorded = {video_id: copy(deployment, video_id, host) for video_id, _ in wanted}
            assert [(one.state, one.film) for one in recorded.values()] == [
                (CopyState.READY, film) for _, film in wanted
            ], (number, host)
            there = _at_hosts(deployment)[host]
            assert sorted(there) == sorted(str(one.reference) for one in recorded.values()), (number, host)
        assert len(deployment.documents.select(Query(COPIES))) == 2 * len(wanted), number
        assert deployment.deletions() == [], number

    break_each_effect(_school, _story, way, judge)
