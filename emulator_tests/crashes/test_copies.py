"""Copies, with every effect of a story gone wrong once, and then only the sweep: each film is at each host once, and
nothing else is.

In memory: what each host promises, real or not, is for `contract/test_hosts.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from emulator_tests.fakes import MemoryHost, undisturbed
from emulator_tests.pure.deployment import TEACHER, Deployment, Killed
from emulator_tests.pure.test_copies import DAY_S, READY, copy, finish, school, sweep_for, upload
from shared.errors import Doubtful, Transient, WrongState
from shared.hosts.model import CopyState
from shared.paths import COPIES
from shared.ports import MediaState, Observation, Query
from shared.videos.wishes import delete_video

T = TypeVar("T")


def _story(deployment: Deployment) -> None:
    """Upload, copy, replace, copy anew; another video, deleted while it is copied."""
    video_id = upload(deployment)
    finish(deployment)
    deployment.ask_replacement(video_id)
    deployment.show(video_id, READY)
    deployment.run(30)
    finish(deployment)
    second = upload(deployment, "r2")
    delete_video(TEACHER, second, deployment.documents, deployment.queue)
    deployment.run(600)


def _at_hosts(deployment: Deployment) -> dict[str, list[str]]:
    """The references at each host."""
    hosts: tuple[MemoryHost, ...] = (deployment.fetching, deployment.waiting)
    return {host.name: [made.reference for made in host.alive()] for host in hosts}


def _count(act: Callable[[Deployment], None]) -> int:
    deployment, count = school(), 0

    def counting(operation: str, do: Callable[[], T]) -> T:  # noqa: ARG001  # the shape of every Effect
        nonlocal count
        count += 1
        return do()

    deployment.disturb = counting
    act(deployment)
    return count


@pytest.mark.parametrize("how", ["killed", "answer lost", "refused"])
def test_wherever_it_goes_wrong_the_sweep_alone_brings_every_copy_to_where_it_belongs(how: str) -> None:
    for number in range(_count(_story)):
        deployment, seen = school(), 0

        def breaking(operation: str, do: Callable[[], T], number: int = number) -> T:
            nonlocal seen
            seen += 1
            if seen - 1 != number:
                return do()
            if how == "killed":
                # To die after an effect is to die before the next one.
                raise Killed
            if how == "answer lost":
                do()
            kind = Doubtful if how == "answer lost" else Transient
            raise kind("It went wrong.", provider="memory", operation=operation, code="HTTP_503")

        deployment.disturb = breaking
        try:
            _story(deployment)
        except (Killed, Transient, AssertionError, WrongState):
            # Whatever it had left to be done is lost with it.
            deployment.lose_notes()
        deployment.disturb = undisturbed
        for _ in range(3):
            # Whatever hinders lasts a day at most; between, nothing happens that a sweep would not find later.
            sweep_for(deployment, 900)
            for made in deployment.fetching.alive():
                deployment.fetching.show(made.parts, Observation(MediaState.READY, 100))
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
