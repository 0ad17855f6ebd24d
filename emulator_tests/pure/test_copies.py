"""Copies of ready videos in one deployment in memory: they follow what plays, whatever is lost, and nothing is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final, TypeVar

import pytest

from emulator_tests.memory import undisturbed
from emulator_tests.pure.deployment import LATE_COMMIT_S, STRAY_AGE_S, TEACHER, Deployment
from shared.core.callers import Caller
from shared.core.errors import Doubtful, Transient, WrongState
from shared.core.paths import COPIES, RECONCILE_COPY, RECONCILE_VIDEO, copy_key, copy_path, session_path, video_path
from shared.erasure.commands import ask_erasure
from shared.erasure.model import Erasure, ErasureState
from shared.hosts.decide import COPYING_MAX_S, FAILURES_MAX, LOOK_AGAIN_S, LOOK_APART_S
from shared.hosts.model import Copy, CopyState
from shared.hosts.resource import controller as copy_controller
from shared.hosts.table import Terms
from shared.ports import Create, Delete, MediaState, Observation, Query, Task, Update
from shared.reconcile import Reconciler
from shared.videos.commands import delete_video
from shared.videos.full_check import FOLLOWERS_MAX

pytestmark = pytest.mark.long

T = TypeVar("T")

READY: Final = Observation(MediaState.READY, 100, duration_s=60.0, size_bytes=1000, media_type="video/mp4")
TERMS: Final = {"memory": Terms(5.0), "fetching": Terms(1.0), "waiting": Terms(2.0)}
DAY_S: Final = 24 * 3600
STUDENT: Final = Caller("student", is_teacher=False)


def school(terms: dict[str, Terms] = TERMS) -> Deployment:
    """A deployment with two hosts and a public session."""
    deployment = Deployment(terms=terms)
    deployment.write_session()
    return deployment


def upload(deployment: Deployment, request_id: str = "r1") -> str:
    """A video that gets ready; gives its id."""
    video_id = deployment.ask_upload(request_id).video_id
    deployment.show(video_id, READY)
    deployment.run(30)
    return video_id


def copied(terms: dict[str, Terms] = TERMS) -> tuple[Deployment, str]:
    """The same with a video that is ready at both hosts."""
    deployment = school(terms)
    video_id = upload(deployment)
    finish(deployment)
    return deployment, video_id


def finish(deployment: Deployment) -> None:
    """The host that fetches is done, and that is noticed."""
    for made in deployment.fetching.alive():
        deployment.fetching.show(made.external_ids, Observation(MediaState.READY, 100))
    deployment.run(600)


def copy(deployment: Deployment, video_id: str, host: str = "fetching") -> Copy:
    """What is recorded of a copy."""
    return Copy.from_document(deployment.document(copy_path(copy_key(video_id, host))))


def shown(deployment: Deployment, video_id: str) -> dict[str, tuple[str, str]]:
    """Return the reference and the state of each copy in the video document."""
    hosts = deployment.document(video_path(video_id)).fields.get("hosts") or {}
    return {name: (one["film"], one["state"]) for name, one in hosts.items()}


def copies(deployment: Deployment) -> list[str]:
    """The references of everything at the hosts."""
    return [made.reference for host in (deployment.fetching, deployment.waiting) for made in host.alive()]


def sweep_for(deployment: Deployment, seconds: float) -> None:
    """Only the sweep comes, every five minutes, and what it leaves tasks for is done."""
    for _ in range(int(seconds // 300)):
        deployment.sweep.run()
        deployment.run(300)


# --- they follow --------------------------------------------------------------------------------------------------


def test_a_ready_video_is_copied_to_every_host_and_its_document_says_so() -> None:
    deployment, video_id = copied()

    film = f"video:{video_id}:1"
    assert shown(deployment, video_id) == {"fetching": (film, "ready"), "waiting": (film, "ready")}
    assert copies(deployment) == [f"copy:{video_id}-fetching:1", f"copy:{video_id}-waiting:1"]
    assert {made.source for made in deployment.fetching.alive()} == {"memory://0_video1"}
    assert deployment.deletions() == []


def test_a_video_that_is_not_ready_is_copied_nowhere() -> None:
    deployment = school()
    deployment.ask_upload()
    deployment.run(60)
    sweep_for(deployment, 600)

    assert copies(deployment) == []
    assert deployment.documents.select(Query(COPIES)) == []


def test_a_deleted_video_takes_its_copies_with_it() -> None:
    deployment, video_id = copied()

    delete_video(TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock)
    deployment.run(60)

    assert copies(deployment) == []
    assert deployment.documents.select(Query(COPIES)) == []
    assert shown(deployment, video_id) == {}
    assert deployment.deletions() == []


def test_replaced_video_is_copied_again_and_its_old_copies_are_deleted() -> None:
    deployment, video_id = copied()

    deployment.ask_replacement(video_id)
    deployment.run(30)
    assert {film for film, _ in shown(deployment, video_id).values()} == {f"video:{video_id}:1"}
    deployment.show(video_id, READY)
    deployment.run(30)
    finish(deployment)

    film = f"video:{video_id}:2"
    assert shown(deployment, video_id) == {"fetching": (film, "ready"), "waiting": (film, "ready")}
    assert copies(deployment) == [f"copy:{video_id}-fetching:2", f"copy:{video_id}-waiting:2"]


def test_deleting_while_it_is_copied_leaves_nothing() -> None:
    deployment = school()
    video_id = upload(deployment)
    assert copy(deployment, video_id).state is CopyState.COPYING

    deployment.delete_session()
    deployment.deliver(Task("reconcileSession", "s1"))
    deployment.run(600)

    assert copies(deployment) == []
    assert deployment.documents.select(Query(COPIES)) == []
    assert deployment.media.alive() == ()


def test_a_host_that_is_given_up_loses_its_copies() -> None:
    deployment, video_id = copied()
    videos = deployment.videos
    only_waiting = type(videos)(
        deployment.documents, videos.provider_accounts, videos.policy, videos.late_commit_s, hosts=("waiting",)
    )
    look = only_waiting.read(video_id)

    assert only_waiting.dependants(look) == (Task(RECONCILE_COPY, copy_key(video_id, "fetching")),)


def test_copy_on_a_removed_host_is_forgotten_and_its_deletion_waits() -> None:
    deployment, video_id = copied()
    copies_of = deployment.app.get(copy_controller)
    without = type(copies_of)(
        deployment.documents, copies_of.provider_accounts, {"waiting": deployment.waiting}, copies_of.late_commit_s
    )
    key = copy_key(video_id, "fetching")

    Reconciler(deployment.documents, deployment.queue, deployment.clock).reconcile(without, key)

    assert "fetching" not in shown(deployment, video_id)
    assert [(one.provider, one.reference) for one in deployment.deletions()] == [("fetching", f"copy:{key}:1")]


@pytest.mark.parametrize(("host", "reads", "commits"), [("fetching", 7, 5), ("waiting", 9, 10)])
def test_copy_costs_few_round_trips_to_the_documents(host: str, reads: int, commits: int) -> None:
    deployment = school({"memory": Terms(5.0), host: Terms(1.0)})
    video_id = deployment.ask_upload().video_id
    deployment.show(video_id, READY)
    deployment.deliver(Task("reconcileVideo", video_id))
    deployment.lose_tasks()
    count = Counter[str]()

    def counting(operation: str, do: Callable[[], T]) -> T:
        count[operation] += 1
        return do()

    deployment.disturb = counting
    for _ in range(2):
        deployment.deliver(Task(RECONCILE_COPY, copy_key(video_id, host)))
        for made in deployment.fetching.alive():
            deployment.fetching.show(made.external_ids, Observation(MediaState.READY, 100))
        deployment.clock.advance(10)

    assert copy(deployment, video_id, host).state is CopyState.READY
    # docs/hosts.md has these figures; the host that waits takes three pieces.
    assert (count["read"], count["commit"]) == (reads, commits)


# --- what goes wrong ----------------------------------------------------------------------------------------------


def test_copy_deleted_by_others_is_recreated_within_a_day() -> None:
    deployment, video_id = copied()
    deployment.fetching.vanish(deployment.fetching.alive()[0].external_ids["copyId"])

    sweep_for(deployment, LOOK_AGAIN_S + 600)
    finish(deployment)

    assert copy(deployment, video_id).state is CopyState.READY
    assert len(deployment.fetching.alive()) == 1
    assert copy(deployment, video_id).generation == 2


@pytest.mark.parametrize(
    ("state", "plays"),
    [(MediaState.REJECTED, False), (MediaState.GONE, True), (MediaState.ERROR, True)],
    ids=["B2 rejected", "gone", "an error"],
)
def test_a_copy_plays_where_its_provider_fails_and_not_where_a_moderator_has_rejected_the_video(
    state: MediaState, *, plays: bool
) -> None:
    deployment, video_id = copied()
    deployment.show(video_id, Observation(state))
    deployment.deliver(Task(RECONCILE_VIDEO, video_id))
    told = deployment.document(session_path("s1")).fields["videos"][video_id]
    assert told["state"] == "failed"

    if plays:
        assert deployment.playbacks.issue_playback(STUDENT, video_id).host == "fetching"
    else:
        with pytest.raises(WrongState, match="cannot be played at the moment"):
            deployment.playbacks.issue_playback(STUDENT, video_id)

    deployment.show(video_id, READY)
    deployment.deliver(Task(RECONCILE_VIDEO, video_id))
    assert deployment.playbacks.issue_playback(STUDENT, video_id).host == "fetching"


def test_host_that_cannot_read_the_video_is_retried_and_abandoned() -> None:
    deployment = school()
    video_id = upload(deployment)
    for _ in range(FAILURES_MAX):
        for made in deployment.fetching.alive():
            deployment.fetching.show(made.external_ids, Observation(MediaState.ERROR, reason="It is no film."))
        deployment.run(600)
        assert shown(deployment, video_id)["fetching"][1] == "failed"
        assert deployment.fetching.alive() == ()
        sweep_for(deployment, DAY_S)

    assert (copy(deployment, video_id).failures, copy(deployment, video_id).reason) == (FAILURES_MAX, "It is no film.")
    assert deployment.fetching.alive() == ()


def test_copy_that_never_finishes_is_abandoned_after_a_day() -> None:
    deployment = school()
    video_id = upload(deployment)

    sweep_for(deployment, COPYING_MAX_S + 600)

    assert copy(deployment, video_id).state is CopyState.FAILED
    assert deployment.fetching.alive() == ()


def test_a_provider_that_has_no_file_yet_is_asked_again() -> None:
    deployment = school()

    def not_ready(operation: str, do: Callable[[], T]) -> T:
        if operation == "source":
            raise Transient("Not yet.", provider="memory", operation="source", code="SOURCE_NOT_READY")
        return do()

    deployment.disturb = not_ready
    video_id = upload(deployment)
    assert copies(deployment) == []
    assert copy(deployment, video_id).state is CopyState.REQUESTED

    deployment.disturb = undisturbed
    deployment.run(300)
    finish(deployment)

    assert copy(deployment, video_id).state is CopyState.READY


@pytest.mark.parametrize("commits", ["before", "late", "never"])
def test_a_copy_whose_beginning_was_not_answered_is_there_once_in_the_end(commits: str) -> None:
    deployment = school()
    kept: list[Callable[[], Any]] = []

    def losing(operation: str, do: Callable[[], T]) -> T:
        if operation != "begin_copy" or kept:
            return do()
        kept.append(do)
        if commits == "before":
            do()
        raise Doubtful("No answer.", provider="fetching", operation=operation, code="TIMEOUT")

    deployment.disturb = losing
    video_id = upload(deployment)
    if commits == "late":
        deployment.run(LATE_COMMIT_S / 2)
        kept[0]()
    deployment.run(LATE_COMMIT_S + 600)
    finish(deployment)

    assert copy(deployment, video_id).state is CopyState.READY
    assert len(copies(deployment)) == 2


def test_unrecorded_copy_is_deleted_and_younger_or_foreign_ones_kept() -> None:
    """A3: a copy of which nobody names the original may be the only one."""
    deployment, video_id = copied()
    deployment.sweep.run()
    host = deployment.fetching
    key = copy_key(video_id, "fetching")
    named = host.find_copy(f"copy:{key}:1")
    twin = host.begin_copy(f"copy:{key}:1", deployment.media.source({"entryId": "0_video1"}, 60))
    other = "copy:00000000000000000000-fetching:1"
    alone = host.begin_copy(other, deployment.media.source({"entryId": "0_video1"}, 60))
    sweep_for(deployment, 600)
    assert len(host.alive()) == 3

    sweep_for(deployment, STRAY_AGE_S)

    assert [made.external_ids for made in host.alive()] == [named, alone]
    assert [one.reference for one in deployment.orphans.find(clean_up=True, with_content=False).with_content] == [other]
    assert twin != named
    assert deployment.deletions() == []


def test_the_search_for_orphans_finds_copies_that_nobody_names_and_copies_that_are_not_there() -> None:
    deployment, video_id = copied()
    deployment.run(STRAY_AGE_S + 1)
    gone = deployment.fetching.alive()[0].external_ids
    deployment.fetching.vanish(gone["copyId"])
    source = deployment.media.source({"entryId": "0_video1"}, 60)
    deployment.waiting.begin_copy("copy:00000000000000000000-waiting:1", source)
    deployment.run(STRAY_AGE_S + 1)

    report = deployment.orphans.find(clean_up=True)

    assert [one.reference for one in report.orphans] == ["copy:00000000000000000000-waiting:1"]
    assert [one.path for one in report.missing] == [copy_path(copy_key(video_id, "fetching"))]
    deployment.run(LOOK_APART_S)
    finish(deployment)
    assert copies(deployment) == [f"copy:{video_id}-fetching:2", f"copy:{video_id}-waiting:1"]


def test_copy_document_deleted_by_hand_is_restored() -> None:
    deployment, video_id = copied()
    key = copy_key(video_id, "fetching")
    deployment.documents.commit(Delete(copy_path(key)))
    other: dict[tuple[str, ...], Any] = {("hosts", "fetching"): {"film": "x", "state": "ready", "parts": {}}}
    deployment.documents.commit(Update(video_path(video_id), other))
    sweep_for(deployment, STRAY_AGE_S + 1200)
    finish(deployment)

    assert copy(deployment, video_id).state is CopyState.READY
    assert len(deployment.fetching.alive()) == 1


def test_a_host_that_is_new_gets_its_copies_little_by_little() -> None:
    deployment = school()
    video_id = upload(deployment)
    fields = dict(deployment.document(video_path(video_id)).fields) | {"hosts": {}}
    others = [f"{number:020x}" for number in range(FOLLOWERS_MAX)]
    for other in others:
        deployment.documents.commit(Create(video_path(other), fields))
    ref = deployment.document(session_path("s1")).fields["videos"][video_id]
    deployment.write_session(videos=dict.fromkeys((video_id, *others), ref))
    deployment.lose_tasks()

    deployment.sweep.run()

    # Two hosts for each of half as many videos.
    assert len(deployment.enqueued(RECONCILE_COPY)) == FOLLOWERS_MAX


# --- erasures -----------------------------------------------------------------------------------------------------


def test_an_erasure_is_not_done_before_the_copies_are_gone() -> None:
    deployment, _ = copied()
    down = True

    def unreachable(operation: str, do: Callable[[], T]) -> T:
        if down and operation == "delete_media":
            raise Transient("No.", provider="fetching", operation=operation, code="HTTP_503")
        return do()

    deployment.disturb = unreachable
    key, _ = ask_erasure(TEACHER, "r", "teacher", deployment.documents, deployment.queue, deployment.clock)
    deployment.clock.advance(1)
    deployment.run(3600)
    erasure = Erasure.from_document(deployment.document(f"erasures/{key}"))
    assert erasure.state is ErasureState.DELETING
    assert copies(deployment) != []

    down = False
    deployment.run(2 * 3600)

    erasure = Erasure.from_document(deployment.document(f"erasures/{key}"))
    assert (erasure.state, erasure.left.copies, copies(deployment)) == (ErasureState.DONE, 0, [])
