"""Many videos of one task: asked about in one call, reconciled one by one, and each hindered one left to itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from emulator_tests.memory import undisturbed
from emulator_tests.pure.deployment import ROOMY, TEACHER, Deployment, refusal
from shared.core.errors import Transient
from shared.core.paths import KEYS_SEPARATOR, RECONCILE_VIDEO, video_path
from shared.ports import MediaState, Observation, Task
from shared.videos.batch import AGAIN_S, BUDGET_S, reconcile_videos
from shared.videos.commands import retry_video
from shared.videos.model import VideoState

pytestmark = pytest.mark.long

T = TypeVar("T")

READY = Observation(MediaState.READY, percent=100, duration_s=10.0, size_bytes=100, media_type="video/mp4")


def with_uploads(count: int) -> tuple[Deployment, list[str]]:
    deployment = Deployment(policy=ROOMY)
    deployment.write_session()
    video_ids = [deployment.ask_upload(f"r{number}", size_bytes=100).video_id for number in range(count)]
    deployment.lose_tasks()
    return deployment, video_ids


def reconcile(deployment: Deployment, keys: Iterable[str]) -> Counter[str]:
    """
    The worker is called for these.

    Returns:
        How often each part was called.
    """
    asked: Counter[str] = Counter()
    around = deployment.disturb

    def counting(operation: str, do: Callable[[], T]) -> T:
        asked[operation] += 1
        return around(operation, do)

    deployment.disturb = counting
    deployment.deliver(Task(RECONCILE_VIDEO, KEYS_SEPARATOR.join(keys)))
    deployment.disturb = around
    return asked


def test_the_provider_is_asked_once_for_all() -> None:
    deployment, video_ids = with_uploads(10)
    for video_id in video_ids[::2]:
        deployment.show(video_id, READY)
    asked = reconcile(deployment, video_ids)
    assert asked["observe"] == 1
    assert deployment.states(video_ids) == [VideoState.READY, VideoState.UPLOADING] * 5


def test_batch_without_objects_makes_no_call() -> None:
    deployment, video_ids = with_uploads(2)
    for video_id in video_ids:
        deployment.show(video_id, Observation(MediaState.ERROR))
        deployment.deliver(Task(RECONCILE_VIDEO, video_id))
    assert reconcile(deployment, video_ids)["observe"] == 0
    assert reconcile(deployment, ["0" * 20, "1" * 20])["observe"] == 0


def test_observation_of_another_upload_is_ignored() -> None:
    deployment, video_ids = with_uploads(2)
    first = video_ids[0]
    deployment.show(first, READY)

    def replacing(operation: str, do: Callable[[], T]) -> T:
        result = do()
        if operation == "observe":
            deployment.disturb = undisturbed
            deployment.ask_replacement(first, size_bytes=100)
        return result

    deployment.disturb = replacing
    deployment.deliver(Task(RECONCILE_VIDEO, KEYS_SEPARATOR.join(video_ids)))
    video = deployment.video(first)
    assert (video.serving, video.state, video.playable) == (2, VideoState.UPLOADING, None)


def test_a_video_that_is_named_twice_is_reconciled_once() -> None:
    deployment, video_ids = with_uploads(2)
    commits: list[str] = []

    def counting(operation: str, do: Callable[[], T]) -> T:
        commits.extend([operation] * (operation == "commit"))
        return do()

    deployment.disturb = counting
    reconcile(deployment, [*video_ids, *video_ids])
    assert len(commits) == 2


def test_where_the_provider_cannot_be_asked_none_is_reconciled_and_the_task_comes_again() -> None:
    deployment, video_ids = with_uploads(3)

    def down(operation: str, do: Callable[[], T]) -> T:
        if operation == "observe":
            raise refusal(operation)
        return do()

    deployment.disturb = down
    with pytest.raises(Transient):
        deployment.deliver(Task(RECONCILE_VIDEO, KEYS_SEPARATOR.join(video_ids)))
    assert [deployment.video(video_id).progress.failure for video_id in video_ids] == [None] * 3


def test_failed_item_of_a_batch_is_enqueued_alone() -> None:
    deployment, video_ids = with_uploads(3)
    for video_id in video_ids:
        deployment.show(video_id, READY)
    hindered = video_path(video_ids[1])

    def hindering(operation: str, do: Callable[[], T]) -> T:
        result = do()
        if operation == "read" and isinstance(result, tuple) and [one and one.path for one in result] == [hindered]:
            raise refusal(operation)
        return result

    deployment.disturb = hindering
    deployment.deliver(Task(RECONCILE_VIDEO, KEYS_SEPARATOR.join(video_ids)))
    deployment.disturb = undisturbed
    assert deployment.states(video_ids) == [VideoState.READY, VideoState.UPLOADING, VideoState.READY]
    assert deployment.enqueued(RECONCILE_VIDEO)[0] == video_ids[1]
    deployment.run(AGAIN_S)
    assert deployment.states(video_ids) == [VideoState.READY] * 3


def test_what_was_told_of_a_video_that_failed_before_is_asked_again() -> None:
    deployment, video_ids = with_uploads(2)
    first = video_ids[0]
    error = Observation(MediaState.ERROR, media_type="video/mp4", reason="It could not be converted.", retryable=True)
    deployment.show(first, error)
    deployment.deliver(Task(RECONCILE_VIDEO, first))

    def trying_again(operation: str, do: Callable[[], T]) -> T:
        result = do()
        if operation == "observe":
            deployment.disturb = undisturbed
            retry_video(TEACHER, first, deployment.documents, deployment.queue, deployment.clock)
            deployment.deliver(Task(RECONCILE_VIDEO, first))
        return result

    deployment.disturb = trying_again
    deployment.deliver(Task(RECONCILE_VIDEO, KEYS_SEPARATOR.join(video_ids)))
    assert deployment.video(first).state is VideoState.PROCESSING, "the failure that was told is the old one"


def test_batch_leaves_items_beyond_its_time_to_the_queue() -> None:
    deployment, video_ids = with_uploads(4)
    for video_id in video_ids:
        deployment.show(video_id, READY)
    done: list[str] = []

    def slowly(reconcile_one: Callable[[str], None], keys: Sequence[str]) -> Iterable[None]:
        for key in keys:
            reconcile_one(key)
            done.append(key)
            deployment.clock.advance(BUDGET_S / 2 + 1)
        return []

    key = KEYS_SEPARATOR.join(video_ids)
    reconcile_videos(deployment.videos, key, deployment.app.reconciler(), slowly)
    assert deployment.states(video_ids) == [VideoState.READY] * 2 + [VideoState.UPLOADING] * 2
    assert KEYS_SEPARATOR.join(video_ids[2:]) in deployment.enqueued_now(RECONCILE_VIDEO), "in one note"
    deployment.run()
    assert deployment.states(video_ids) == [VideoState.READY] * 4


def test_several_are_reconciled_at_once_where_there_is_somebody_to_do_it() -> None:
    deployment, video_ids = with_uploads(40)
    for video_id in video_ids:
        deployment.show(video_id, READY)
    key = KEYS_SEPARATOR.join(video_ids)
    with ThreadPoolExecutor(8) as pool:
        reconcile_videos(deployment.videos, key, deployment.app.reconciler(), pool.map)
    deployment.run(60)
    assert deployment.states(video_ids) == [VideoState.READY] * 40
    shown = deployment.document("sessions/s1").fields["videos"]
    assert {ref["state"] for ref in shown.values()} == {"ready"}
