"""The readiness poller: one chain of ticks while anything is pending, none else, never two, whatever comes twice, late,
or dies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, TypeVar, cast

import pytest

from emulator_tests.memory import Effect, undisturbed
from emulator_tests.pure.deployment import INTERVAL_S, ROOMY, Deployment, Killed, refusal
from emulator_tests.pure.interleaving import Order, play_every_order
from shared.core.errors import Conflict
from shared.core.paths import POLL_READINESS, RECONCILE_VIDEO, video_path
from shared.ports import CHANGES_MAX, Changes, Create, MediaState, Observation, Task, Update, UploadSpec
from shared.reconcile import LEASE_S
from shared.videos.batch import BUDGET_S
from shared.videos.decide import MISSED_AFTER_S
from shared.videos.model import VideoState
from shared.videos.readiness import PAGES_MAX

pytestmark = pytest.mark.long

T = TypeVar("T")

WISH = UploadSpec("Algebra", "algebra.mp4", 1000)
READY = Observation(MediaState.READY, percent=100, duration_s=10.0, size_bytes=1000, media_type="video/mp4")


class Asked:
    """
    An `Effect` that counts how often the provider was asked what changed.
    """

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, operation: str, do: Callable[[], T]) -> T:
        self.times += operation == "changes"
        return do()


class KilledAt:
    """
    An `Effect` under which the process dies at one moment.
    """

    def __init__(self, moment: int, *, after: bool) -> None:
        self.killed = False
        self._left = moment
        self._after = after

    def __call__(self, operation: str, do: Callable[[], T]) -> T:  # the shape of every Effect
        self._left -= 1
        if self._left != -1:
            return do()
        self.killed = True
        if self._after:
            do()
        raise Killed


def refusing(refused: str) -> Effect:
    """
    One operation cannot be reached.
    """

    def effect(operation: str, do: Callable[[], T]) -> T:
        if operation == refused:
            raise refusal(operation)
        return do()

    return effect


def with_upload(**options: Any) -> tuple[Deployment, str]:
    """
    A deployment in which one upload waits for its bytes.
    """
    deployment = Deployment(**options)
    deployment.write_session()
    return deployment, deployment.ask_upload().video_id


def with_pending() -> Deployment:
    """
    The same in the fewest moves, for there are many orders: as much of a video as the readiness poller reads, and no
    chain yet.
    """
    deployment = Deployment()
    deployment.documents.commit(Create(video_path("v1"), {"provider": "memory", "pending": True}))
    deployment.media.prepare_upload("video:v1:1", WISH)
    return deployment


def with_nothing_pending() -> tuple[Deployment, str]:
    """
    A deployment in which the only video has become ready, and the chain's next tick will find that out.
    """
    deployment, video_id = with_upload()
    deployment.show(video_id, READY)
    deployment.run(INTERVAL_S)
    assert deployment.video(video_id).state is VideoState.READY
    return deployment, video_id


def take_tick(deployment: Deployment) -> Task:
    """
    Let the time of the next tick come, and take its task.
    """
    deployment.clock.advance(INTERVAL_S)
    waiting = [task.queue for task in deployment.queue.waiting()]
    return deployment.queue.take(waiting.index(POLL_READINESS))


def tick(deployment: Deployment) -> None:
    """
    Deliver the next tick at its time, and no other task.
    """
    deployment.deliver(take_tick(deployment))


def with_uploads(count: int, **options: Any) -> tuple[Deployment, list[str]]:
    """
    A deployment in which so many uploads wait for their bytes.
    """
    deployment = Deployment(policy=ROOMY, **options)
    deployment.write_session()
    return deployment, [deployment.ask_upload(f"r{number}", size_bytes=1000).video_id for number in range(count)]


def make_unrecorded(deployment: Deployment, count: int) -> None:
    """
    Let the provider tell of so many videos, one second after the other, that nobody has recorded.
    """
    for number in range(count):
        deployment.clock.advance(1)
        deployment.media.show(deployment.media.prepare_upload(f"video:v{number}:1", WISH), READY)


def live_ticks(deployment: Deployment) -> list[str]:
    """
    The waiting ticks that will not find another number in the chain's document.
    """
    chain = deployment.chain()
    return [key for key in deployment.enqueued(POLL_READINESS) if chain.running and key == f"memory:{chain.tick}"]


def assert_one_chain(deployment: Deployment) -> None:
    """
    There is one chain: one tick is on its way, and every minute from now on has as many as belong in a minute.
    """
    assert len(live_ticks(deployment)) == 1
    asked = Asked()
    deployment.disturb = asked
    deployment.run(6 * INTERVAL_S)
    assert asked.times == 6
    assert len(live_ticks(deployment)) == 1


def test_an_upload_wakes_the_poller() -> None:
    deployment, _ = with_upload()
    assert deployment.enqueued(POLL_READINESS) == ["memory:1"]
    assert_one_chain(deployment)


def test_waking_a_feed_that_runs_changes_nothing() -> None:
    deployment, _ = with_upload()
    before = deployment.chain()
    deployment.clock.advance(1)
    deployment.poller.wake()
    deployment.poller.revive()
    deployment.ask_upload("r2")
    assert deployment.chain() == before
    assert deployment.enqueued(POLL_READINESS) == ["memory:1"]


def test_without_anything_pending_there_is_no_chain() -> None:
    deployment = Deployment()
    deployment.poller.revive()
    assert deployment.documents.paths() == ()
    assert deployment.queue.waiting() == ()


def test_the_chain_ends_once_nothing_is_pending() -> None:
    deployment, _ = with_nothing_pending()
    asked = Asked()
    deployment.disturb = asked
    deployment.run(3600)
    assert asked.times == 0
    assert not deployment.chain().running
    assert deployment.enqueued(POLL_READINESS) == []


def test_a_chain_is_left_running_if_others_write_it_while_the_sweep_ends_it() -> None:
    deployment, _ = with_nothing_pending()
    before = deployment.chain()

    def faster(operation: str, do: Callable[[], T]) -> T:
        if operation == "commit":
            raise Conflict("Somebody was faster.")
        return do()

    deployment.disturb = faster
    deployment.poller.revive()
    deployment.disturb = undisturbed
    assert deployment.chain() == before
    deployment.poller.revive()
    assert not deployment.chain().running


def test_a_chain_that_has_ended_begins_again_with_the_next_upload() -> None:
    deployment, _ = with_nothing_pending()
    deployment.run(3600)
    ended = deployment.chain()
    deployment.ask_upload("r2")
    assert deployment.enqueued(POLL_READINESS) == [f"memory:{ended.tick + 1}"], (
        "a used number would merge with the old task"
    )
    assert_one_chain(deployment)


def test_new_chain_starts_as_far_back_as_the_clock_skew_allows() -> None:
    deployment, _ = with_nothing_pending()
    assert deployment.chain().cursor < deployment.clock()
    deployment.run(24 * 3600)
    deployment.ask_upload("r2")
    assert deployment.chain().cursor == deployment.clock() - timedelta(minutes=15)


def test_a_video_that_gets_on_is_seen_within_one_interval() -> None:
    deployment, video_id = with_upload()
    deployment.run(3 * INTERVAL_S)
    deployment.show(video_id, Observation(MediaState.PROCESSING, percent=20))
    deployment.run(INTERVAL_S)
    assert deployment.video(video_id).state is VideoState.PROCESSING
    deployment.show(video_id, READY)
    deployment.run(INTERVAL_S)
    assert deployment.video(video_id).state is VideoState.READY


def test_a_change_is_reconciled_once_however_often_it_is_listed_and_the_provider_is_not_asked_again() -> None:
    deployment, video_id = with_upload()
    deployment.ask_upload("r2")
    deployment.disturb = refusing("observe")
    deployment.clock.advance(1)
    deployment.show(video_id, Observation(MediaState.PROCESSING))
    seen: list[tuple[VideoState, datetime | None]] = []
    for _ in range(5):
        tick(deployment)
        seen.append((deployment.video(video_id).state, deployment.video(video_id).looked_at))
    assert seen == [(VideoState.PROCESSING, seen[0][1])] * 5
    deployment.clock.advance(1)
    deployment.show(video_id, READY)
    for _ in range(5):
        tick(deployment)
        seen.append((deployment.video(video_id).state, deployment.video(video_id).looked_at))
    assert seen[5:] == [(VideoState.READY, seen[5][1])] * 5
    assert deployment.video(video_id).looks == 0


def test_change_of_a_duplicate_is_ignored() -> None:
    deployment, video_id = with_upload()
    reference = deployment.video(video_id).reference
    assert reference is not None
    double = deployment.media.prepare_upload(reference, WISH)
    deployment.clock.advance(1)
    deployment.media.show(double, Observation(MediaState.ERROR, reason="It is no medium."))
    tick(deployment)
    assert deployment.video(video_id).state is VideoState.UPLOADING
    deployment.show(video_id, READY)
    tick(deployment)
    assert deployment.video(video_id).state is VideoState.READY


def test_a_second_change_within_the_same_instant_is_seen_too() -> None:
    deployment, video_id = with_upload()
    deployment.show(video_id, Observation(MediaState.PROCESSING))
    deployment.poller.tick(1)
    deployment.run()
    assert deployment.video(video_id).state is VideoState.PROCESSING
    deployment.show(video_id, READY)
    deployment.run(3 * INTERVAL_S)
    assert deployment.video(video_id).state is VideoState.READY


def test_a_replacement_is_seen_although_what_it_replaces_changes_as_well() -> None:
    deployment, video_id = with_upload()
    deployment.show(video_id, READY)
    deployment.run(INTERVAL_S)
    old = deployment.video(video_id).playable
    assert old is not None
    deployment.ask_replacement(video_id, "r2")
    deployment.run(INTERVAL_S)
    # Both change within the same instant, and the list has the old one first.
    deployment.media.show(old.external_ids, READY)
    deployment.poller.tick(deployment.chain().tick)
    deployment.run()
    deployment.show(video_id, READY)
    deployment.run(3 * INTERVAL_S)
    playable = deployment.video(video_id).playable
    assert playable is not None
    assert playable.external_ids != old.external_ids


def test_a_change_that_the_provider_lists_late_is_seen_all_the_same() -> None:
    deployment, late_id = with_upload()
    early_id = deployment.ask_upload("r2").video_id
    late = deployment.video(late_id).reference
    deployment.show(late_id, Observation(MediaState.PROCESSING))
    tick(deployment)
    deployment.clock.advance(1)
    deployment.show(late_id, READY)
    deployment.clock.advance(1)
    deployment.show(early_id, READY)

    def lagging(operation: str, do: Callable[[], T]) -> T:
        result = do()
        if operation == "changes" and isinstance(result, Changes):
            listed = tuple(change for change in result.items if change.reference != late)
            return cast(T, replace(result, items=listed))
        return result

    deployment.disturb = lagging
    tick(deployment)
    assert deployment.states([early_id, late_id]) == [VideoState.READY, VideoState.PROCESSING]
    deployment.disturb = undisturbed
    tick(deployment)
    assert deployment.states([early_id, late_id]) == [VideoState.READY] * 2


@pytest.mark.parametrize("text", ["video", "", ":", "session:s1:1", "copy:v1-own:1", "video:\ud800:1", "video:a:b:c:d"])
def test_a_reference_that_somebody_wrote_by_hand_does_not_stop_the_poller(text: str) -> None:
    """A14: IndexError, and every tick after it again."""
    deployment, video_id = with_upload()
    by_hand = deployment.media.prepare_upload(text, UploadSpec("By hand", "a.mp4", 1))
    deployment.media.show(by_hand, READY)
    deployment.show(video_id, READY)
    deployment.run(2 * INTERVAL_S)
    assert deployment.video(video_id).state is VideoState.READY
    assert not deployment.chain().running


def test_a_change_of_something_that_nobody_recorded_does_no_harm() -> None:
    deployment, video_id = with_upload()
    make_unrecorded(deployment, 2)
    deployment.show(video_id, READY)
    tick(deployment)
    assert deployment.video(video_id).state is VideoState.READY
    assert deployment.queue.dropped == []


@pytest.mark.parametrize("pages", [2, PAGES_MAX])
def test_every_page_of_changes_is_read(pages: int) -> None:
    deployment, video_ids = with_uploads(pages, page_items_max=1)
    for video_id in video_ids:
        deployment.clock.advance(1)
        deployment.show(video_id, READY)
    tick(deployment)
    assert deployment.states(video_ids) == [VideoState.READY] * pages


def test_more_changes_than_one_tick_can_read_do_not_hold_the_poller_up() -> None:
    deployment, video_id = with_upload(page_items_max=1)
    deployment.show(video_id, Observation(MediaState.PROCESSING))
    tick(deployment)
    deployment.show(video_id, READY)
    make_unrecorded(deployment, PAGES_MAX + 5)
    newest = deployment.clock()
    tick(deployment)
    assert deployment.chain().cursor == newest
    # Who is behind all that is for the sweep.
    assert deployment.video(video_id).state is VideoState.PROCESSING
    deployment.lose_tasks()
    deployment.clock.advance(MISSED_AFTER_S)
    deployment.sweep.run()
    assert deployment.enqueued_now(RECONCILE_VIDEO) == [video_id]


def test_one_call_is_enough_for_all_that_changed_together() -> None:
    deployment, video_ids = with_uploads(30)
    asked: Counter[str] = Counter()

    def counting(operation: str, do: Callable[[], T]) -> T:
        asked[operation] += 1
        return do()

    for video_id in video_ids[:20]:
        deployment.show(video_id, READY)
    for video_id in video_ids[20:]:
        deployment.show(video_id, Observation(MediaState.PROCESSING, percent=20))
    deployment.disturb = counting
    deployment.run(INTERVAL_S)
    assert (asked["changes"], asked["observe"]) == (1, 0)
    assert deployment.states(video_ids) == [VideoState.READY] * 20 + [VideoState.PROCESSING] * 10


def test_poller_reconciles_ended_videos_first_and_leaves_the_rest_to_the_queue() -> None:
    deployment, video_ids = with_uploads(6)
    deployment.lose_tasks()
    for video_id in video_ids[:3]:
        deployment.show(video_id, READY)
    deployment.clock.advance(1)
    for video_id in video_ids[3:]:
        deployment.show(video_id, Observation(MediaState.PROCESSING, percent=20))

    def slowly(reconcile_one: Callable[[str], None], keys: Sequence[str]) -> Iterable[None]:
        for key in keys:
            reconcile_one(key)
            deployment.clock.advance(BUDGET_S / 3 + 1)
        return []

    deployment.poller.tick(deployment.chain().tick, slowly)
    assert deployment.states(video_ids) == [VideoState.READY] * 3 + [VideoState.UPLOADING] * 3
    deployment.run()
    assert deployment.states(video_ids) == [VideoState.READY] * 3 + [VideoState.PROCESSING] * 3


def test_as_many_pages_are_asked_for_at_once_as_were_needed_before() -> None:
    deployment, _ = with_upload()
    asked = Asked()
    deployment.disturb = asked
    for number in range(CHANGES_MAX + 10):
        deployment.media.show(deployment.media.prepare_upload(f"video:v{number}:1", WISH), READY)
    tick(deployment)
    assert asked.times == 2, "the second page was not foreseen"
    tick(deployment)
    assert (asked.times, deployment.chain().pages) == (3, 2)
    deployment.clock.advance(120)
    make_unrecorded(deployment, 1)
    for _ in range(2):
        tick(deployment)
    assert deployment.chain().pages == 1


def test_a_tick_that_times_out_after_it_has_left_its_successor_does_not_branch() -> None:
    deployment, video_id = with_upload()
    for _ in range(5):
        task = take_tick(deployment)
        deployment.show(video_id, Observation(MediaState.PROCESSING))

        def time_out(operation: str, do: Callable[[], T]) -> T:
            if operation == "changes":
                raise Killed
            return do()

        deployment.disturb = time_out
        with pytest.raises(Killed):
            deployment.deliver(task)
        deployment.disturb = undisturbed
        assert len(live_ticks(deployment)) == 1
        # The queue brings a task that timed out again, and again.
        for _ in range(3):
            deployment.deliver(task)
    assert_one_chain(deployment)


def test_a_provider_that_is_down_delays_a_change_and_loses_none() -> None:
    deployment, video_id = with_upload()
    deployment.show(video_id, READY)
    deployment.disturb = refusing("changes")
    for _ in range(3):
        tick(deployment)
    deployment.disturb = undisturbed
    assert len(live_ticks(deployment)) == 1
    tick(deployment)
    assert deployment.video(video_id).state is VideoState.READY


def test_a_tick_that_comes_again_does_nothing_once_it_has_left_its_successor() -> None:
    deployment, _ = with_upload()
    for _ in range(3):
        task = take_tick(deployment)
        deployment.deliver(task)
        deployment.deliver(task)
        deployment.clock.advance(INTERVAL_S / 2)
        deployment.deliver(task)
    assert_one_chain(deployment)


def test_a_tick_that_comes_long_after_its_time_does_nothing() -> None:
    deployment, _ = with_upload()
    late = take_tick(deployment)
    deployment.clock.advance(LEASE_S + INTERVAL_S)
    deployment.poller.revive()
    before = deployment.chain()
    deployment.deliver(late)
    assert deployment.chain() == before
    assert_one_chain(deployment)


def test_a_tick_that_comes_after_the_end_does_nothing() -> None:
    deployment, video_id = with_nothing_pending()
    last = take_tick(deployment)
    deployment.deliver(last)
    ended = deployment.chain()
    # Code that makes something pending also wakes the readiness poller.
    deployment.documents.commit(Update(video_path(video_id), {"pending": True}))
    deployment.deliver(last)
    assert (deployment.chain(), deployment.enqueued(POLL_READINESS)) == (ended, [])


def test_a_lost_tick_is_made_good_once_it_is_overdue_and_not_before() -> None:
    deployment, _ = with_upload()
    tick(deployment)
    lost = deployment.chain()
    assert lost.due_at == deployment.clock() + timedelta(seconds=INTERVAL_S + LEASE_S)
    deployment.lose_tasks()
    deployment.clock.move_to(lost.due_at - (lost.due_at - deployment.clock()) / 1000)
    deployment.poller.revive()
    assert deployment.enqueued(POLL_READINESS) == []
    deployment.clock.move_to(lost.due_at)
    deployment.poller.revive()
    assert (deployment.chain().tick, deployment.chain().cursor) == (lost.tick + 1, lost.cursor)
    assert_one_chain(deployment)


def test_the_budget_ends_a_chain_and_the_sweep_begins_another() -> None:
    deployment, video_id = with_upload(ticks_max=3)
    asked = Asked()
    deployment.disturb = asked
    deployment.run(3600)
    assert asked.times == 3
    assert not deployment.chain().running
    deployment.show(video_id, READY)
    deployment.poller.revive()
    deployment.run(INTERVAL_S)
    assert deployment.video(video_id).state is VideoState.READY


@pytest.mark.parametrize("after", [False, True], ids=["before it", "after it"])
@pytest.mark.parametrize("what", ["tick", "wake"])
def test_sweep_restarts_one_chain_after_a_crash_at_any_effect(what: str, after: bool) -> None:
    for moment in count():
        deployment, video_id = with_upload()
        job: Callable[[], None] = deployment.poller.wake
        if what == "tick":
            deployment.show(video_id, Observation(MediaState.PROCESSING))
            task = take_tick(deployment)
            job = lambda: deployment.deliver(task)  # noqa: B023, E731  # called before the next round
        else:
            # As after the end of an earlier chain.
            deployment.lose_tasks()
            deployment.documents.commit(Update(deployment.poller.path, {"running": False}))
        killer = KilledAt(moment, after=after)
        deployment.disturb = killer
        try:
            job()
        except Killed:
            deployment.disturb = undisturbed
        if not killer.killed:
            assert moment >= 3, "an interruption at each effect"
            return
        # The queue calls a worker that died once more.
        job()
        deployment.run(LEASE_S + INTERVAL_S)
        deployment.poller.revive()
        deployment.run(INTERVAL_S)
        assert_one_chain(deployment)
        deployment.disturb = undisturbed
        deployment.show(video_id, READY)
        deployment.run(3 * INTERVAL_S)
        assert deployment.video(video_id).state is VideoState.READY
        assert not deployment.chain().running


def test_an_end_and_a_new_upload_at_once_leave_one_chain_in_every_order() -> None:
    def play(order: Order) -> None:
        deployment = with_pending()
        deployment.poller.wake()
        deployment.documents.commit(Update(video_path("v1"), {"pending": False}))
        last = take_tick(deployment)

        def become_pending() -> None:
            deployment.documents.commit(Update(video_path("v1"), {"pending": True}))
            deployment.poller.wake()

        deployment.disturb = order.effect
        order.play(lambda: deployment.deliver(last), become_pending)
        assert len(live_ticks(deployment)) == 1

    assert play_every_order(play) > 30


def test_one_tick_delivered_twice_at_once_is_one_tick_in_every_order() -> None:
    def play(order: Order) -> None:
        deployment = with_pending()
        deployment.poller.wake()
        task = take_tick(deployment)
        asked = Asked()
        deployment.disturb = lambda operation, do: order.effect(operation, lambda: asked(operation, do))
        order.play(lambda: deployment.deliver(task), lambda: deployment.deliver(task))
        assert (asked.times, deployment.chain().tick) == (1, 2)
        assert len(live_ticks(deployment)) == 1

    assert play_every_order(play) > 30


@pytest.mark.parametrize("chains_before", [0, 1])
def test_two_uploads_that_wake_the_poller_at_once_begin_one_chain_in_every_order(chains_before: int) -> None:
    def play(order: Order) -> None:
        deployment = with_pending()
        if chains_before:
            deployment.poller.wake()
            deployment.lose_tasks()
            deployment.documents.commit(Update(deployment.poller.path, {"running": False}))
        deployment.disturb = order.effect
        order.play(deployment.poller.wake, deployment.poller.wake)
        assert len(live_ticks(deployment)) == 1

    assert play_every_order(play) > 5


def test_a_late_tick_and_the_sweep_at_once_leave_one_chain_in_every_order() -> None:
    def play(order: Order) -> None:
        deployment = with_pending()
        deployment.poller.wake()
        late = take_tick(deployment)
        due_at = deployment.chain().due_at
        assert due_at is not None
        deployment.clock.move_to(due_at)
        deployment.disturb = order.effect
        order.play(lambda: deployment.deliver(late), deployment.poller.revive)
        assert len(live_ticks(deployment)) == 1

    assert play_every_order(play) > 30
