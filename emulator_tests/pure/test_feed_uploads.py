"""The readiness poller and uploads in flight: another window sees the percentage move, what is sent beyond what was
declared ends, and what that costs is bounded; and a provider that tells nothing, for a while or for good."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

import pytest

from emulator_tests.memory import Effect, undisturbed
from emulator_tests.pure.deployment import INTERVAL_S, ROOMY, TEACHER, Deployment, refusal
from emulator_tests.pure.interleaving import Order, play_every_order
from functions import config
from shared.core.errors import Permanent
from shared.core.paths import POLL_READINESS, RECONCILE_VIDEO, session_path, video_path
from shared.ports import OBSERVED_MAX, PROGRESS_TOLD, Changes, Create, MediaState, Observation, Stage, Task, Update
from shared.reconcile import ALARM_AFTER_S
from shared.videos.model import VideoState
from shared.videos.readiness import IDLE_PAUSE_S

pytestmark = pytest.mark.long

T = TypeVar("T")

READY = Observation(MediaState.READY, percent=100, duration_s=10.0, size_bytes=1000, media_type="video/mp4")
REFUSED = Permanent("You may not.", provider="memory", operation="changes", code="SERVICE_FORBIDDEN")


def received(size_bytes: int) -> Observation:
    return Observation(MediaState.AWAITING_UPLOAD, min(100, size_bytes // 10), Stage.RECEIVING, size_bytes)


def with_uploads(count: int = 1, interval_s: int = INTERVAL_S) -> tuple[Deployment, list[str]]:
    deployment = Deployment(policy=ROOMY, ticks_max=100_000, feed_interval_s=interval_s)
    deployment.write_session()
    return deployment, [deployment.ask_upload(f"r{number}").video_id for number in range(count)]


def percent_shown(deployment: Deployment, video_id: str) -> int:
    percent: int = deployment.document(session_path("s1")).fields["videos"][video_id]["percent"]
    return percent


def counting(counts: Counter[str]) -> Effect:
    """
    An effect that counts.
    """

    def effect(operation: str, do: Callable[[], T]) -> T:
        counts[operation] += 1
        return do()

    return effect


def failing(error: Exception, *operations: str) -> Effect:
    """
    These operations fail.
    """

    def effect(operation: str, do: Callable[[], T]) -> T:
        if operation in operations:
            raise error
        return do()

    return effect


def alarms(told: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in told.splitlines()]
    return [line for line in lines if line["severity"] == "ALERT"]


# --- how far an upload has come ----------------------------------------------------------------------------------


@pytest.mark.parametrize("interval_s", [1, config.SETTINGS["FEED_INTERVAL_S"].default, INTERVAL_S])
def test_another_window_sees_the_percentage_move_every_fifteen_seconds_and_its_client_says_nothing(
    interval_s: int,
) -> None:
    """
    B20.
    """
    deployment, (video_id,) = with_uploads(interval_s=interval_s)
    begun_at = moved_at = deployment.clock()
    shown = [0]
    while deployment.clock() < begun_at + timedelta(minutes=5):
        done = (deployment.clock() - begun_at).total_seconds() / 300
        deployment.show(video_id, received(int(1000 * done)))
        deployment.run(1)
        percent = percent_shown(deployment, video_id)
        if percent != shown[-1]:
            moved_at = deployment.clock()
            shown.append(percent)
        assert deployment.clock() - moved_at <= timedelta(seconds=15)
    assert len(shown) > 20
    assert shown == sorted(shown)
    assert deployment.video(video_id).looks == 0, "nobody had to ask for it alone"


def test_all_uploads_in_flight_are_asked_about_in_the_call_that_asks_what_changed() -> None:
    """
    B20.
    """
    deployment, video_ids = with_uploads(20)
    deployment.clock.advance(INTERVAL_S)
    for video_id in video_ids:
        deployment.show(video_id, received(500))
    counts: Counter[str] = Counter()
    deployment.disturb = counting(counts)
    deployment.run()
    assert [percent_shown(deployment, video_id) for video_id in video_ids] == [50] * 20
    assert (counts["changes"], counts["observe"]) == (1, 0)


@pytest.mark.parametrize("interval_s", [1, INTERVAL_S])
def test_progress_is_written_only_on_change_and_at_most_every_interval(interval_s: int) -> None:
    """
    B20: however short the time between two ticks is.
    """
    deployment, (moving, still) = with_uploads(2, interval_s)
    deployment.show(still, received(100))
    written: dict[str, list[datetime | None]] = {moving: [], still: []}
    for size_bytes in range(1, 200):
        deployment.show(moving, received(size_bytes))
        deployment.run(1)
        for video_id, instants in written.items():
            looked_at = deployment.video(video_id).looked_at
            if looked_at is not None and looked_at not in instants:
                instants.append(looked_at)
    assert len(written[still]) == 1
    pauses = [
        (after - before).total_seconds()
        for before, after in zip(written[moving], written[moving][1:], strict=False)
        if before is not None and after is not None
    ]
    assert len(pauses) > 15
    assert min(pauses) >= 8
    first_at, asked_at = written[moving][0], deployment.video(moving).asked_at
    assert first_at is not None
    assert first_at - asked_at >= timedelta(seconds=5)


def test_uploads_take_turns_if_a_provider_reports_few() -> None:
    """
    B20: Cloudflare is asked for a number of uploads only, each tick.
    """
    deployment, video_ids = with_uploads(PROGRESS_TOLD + 5)

    def telling_little(operation: str, do: Callable[[], T]) -> T:
        result = do()
        if operation == "changes" and isinstance(result, Changes):
            unknown = [Observation(MediaState.AWAITING_UPLOAD)] * max(0, len(result.uploads) - PROGRESS_TOLD)
            return cast(T, replace(result, uploads=(*result.uploads[:PROGRESS_TOLD], *unknown)))
        return result

    deployment.disturb = telling_little
    for video_id in video_ids:
        deployment.show(video_id, received(500))
    for _ in range(3):
        deployment.run(INTERVAL_S)
    assert {percent_shown(deployment, video_id) for video_id in video_ids} == {50}


@pytest.mark.long
def test_more_uploads_than_one_tick_asks_about_are_asked_about_in_turn() -> None:
    """
    B20: reads per tick are bounded.
    """
    deployment, (template,) = with_uploads()
    fields = deployment.document(video_path(template)).fields
    for number in range(OBSERVED_MAX + 10):
        external_ids = deployment.media.prepare_upload(f"video:{number:020x}:1", deployment.video(template).upload)
        reference = f"video:{number:020x}:1"
        deployment.documents.commit(
            Create(video_path(f"{number:020x}"), {**fields, "parts": external_ids, "reference": reference})
        )
        deployment.media.show(external_ids, received(500))
    read: list[int] = []

    def counted(operation: str, do: Callable[[], T]) -> T:
        result = do()
        if operation == "select" and isinstance(result, list):
            read.append(len(result))
        return result

    deployment.disturb = counted
    deployment.run(3 * INTERVAL_S)
    assert max(read) <= OBSERVED_MAX
    last = f"{OBSERVED_MAX + 9:020x}"
    assert deployment.video(last).percent == 50


def test_uploads_of_which_nothing_arrives_are_asked_about_once_a_minute_until_one_is_asked_for_or_moves() -> None:
    """
    B20: an upload that its teacher has forgotten costs little, for the week that it may take.
    """
    deployment, (forgotten,) = with_uploads()
    deployment.run(10 * 60)
    asked: list[datetime] = []

    def noting(operation: str, do: Callable[[], T]) -> T:
        result = do()
        if operation == "changes" and isinstance(result, Changes) and result.uploads:
            asked.append(deployment.clock())
        return result

    deployment.disturb = noting
    deployment.run(10 * 60)
    assert 9 <= len(asked) <= 11

    deployment.ask_upload("another")
    asked.clear()
    deployment.run(60)
    assert len(asked) >= 4
    deployment.run(10 * 60)
    asked.clear()
    deployment.show(forgotten, received(10))
    deployment.run(IDLE_PAUSE_S + 6 * INTERVAL_S)
    assert len(asked) >= 5, "it moves again"


def test_the_chain_runs_while_uploads_are_in_flight_and_ends_with_the_last() -> None:
    """
    B20.
    """
    deployment, video_ids = with_uploads(2)
    deployment.run(3600)
    assert deployment.chain().running
    for video_id in video_ids:
        deployment.show(video_id, READY)
    deployment.run(2 * INTERVAL_S)
    counts: Counter[str] = Counter()
    deployment.disturb = counting(counts)
    deployment.run(3600)
    assert not deployment.chain().running
    assert counts["changes"] == 0


def test_an_upload_that_wakes_the_poller_at_the_moment_of_a_tick_leaves_one_chain_in_every_order() -> None:
    """
    B20: where uploads are asked about seldom, a new one has that changed in the chain's own document.
    """

    def play(order: Order) -> None:
        deployment = Deployment()
        deployment.documents.commit(Create(video_path("v1"), {"provider": "memory", "pending": True}))
        deployment.poller.wake()
        later = deployment.clock() + timedelta(hours=1)
        deployment.documents.commit(Update(deployment.poller.path, {"uploadsAt": later}))
        deployment.clock.advance(INTERVAL_S)
        task = deployment.queue.take()
        deployment.disturb = order.effect
        order.play(lambda: deployment.deliver(task), deployment.poller.wake)
        chain = deployment.chain()
        assert (chain.running, chain.tick) == (True, 2)
        assert deployment.enqueued(POLL_READINESS) == ["memory:2"]

    assert play_every_order(play) > 20


def test_an_upload_that_wakes_the_poller_as_it_ends_leaves_one_chain_in_every_order() -> None:
    """
    B20.
    """

    def play(order: Order) -> None:
        deployment = Deployment()
        deployment.documents.commit(Create(video_path("v1"), {"provider": "memory", "pending": True}))
        deployment.poller.wake()
        later = deployment.clock() + timedelta(hours=1)
        deployment.documents.commit(Update(deployment.poller.path, {"uploadsAt": later}))
        deployment.documents.commit(Update(video_path("v1"), {"pending": False}))
        deployment.clock.advance(INTERVAL_S)
        task = deployment.queue.take()

        def become_pending() -> None:
            deployment.documents.commit(Update(video_path("v1"), {"pending": True}))
            deployment.poller.wake()

        deployment.disturb = order.effect
        order.play(lambda: deployment.deliver(task), become_pending)
        chain = deployment.chain()
        assert chain.running
        assert deployment.enqueued(POLL_READINESS) == [f"memory:{chain.tick}"]

    assert play_every_order(play) > 30


# --- more than was declared --------------------------------------------------------------------------------------


def test_an_upload_of_which_more_arrives_than_was_declared_ends_within_a_tick_and_nothing_of_it_is_left() -> None:
    """
    A9.
    """
    deployment = Deployment()
    deployment.write_session()
    video_id = deployment.ask_upload(size_bytes=1).video_id
    deployment.run(3 * INTERVAL_S)
    deployment.show(video_id, received(900))
    deployment.run(INTERVAL_S)
    assert deployment.document(video_path(video_id)).fields["bytes"] == 900, "the larger counts"
    deployment.show(video_id, received(320_000))
    deployment.run(INTERVAL_S)

    video = deployment.video(video_id)
    assert video.ended is not None
    assert (video.state, video.ended.code) == (VideoState.FAILED, "NOT_AS_DECLARED")
    assert "320000 bytes" in video.ended.message
    assert (deployment.media.alive(), deployment.deletions()) == ((), [])
    assert deployment.document(video_path(video_id)).fields["bytes"] == 0


# --- a provider that tells nothing -------------------------------------------------------------------------------


def test_a_tick_that_is_refused_for_good_is_recorded_and_alarmed_once_and_the_chain_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """
    B15.
    """
    deployment, (video_id,) = with_uploads()
    deployment.disturb = failing(REFUSED, "changes")
    capsys.readouterr()
    begun_at = deployment.clock() + timedelta(seconds=INTERVAL_S)

    deployment.run(10 * INTERVAL_S)

    (alarm,) = alarms(capsys.readouterr().err)
    assert (alarm["message"], alarm["provider"], alarm["code"]) == ("feed stuck", "memory", "SERVICE_FORBIDDEN")
    failure = deployment.chain().failure
    assert failure is not None
    assert (failure.code, failure.retryable, failure.since, failure.ticks) == ("SERVICE_FORBIDDEN", False, begun_at, 10)
    assert deployment.queue.dropped == [], "every tick was done"
    deployment.disturb = undisturbed
    deployment.show(video_id, READY)
    deployment.run(IDLE_PAUSE_S)
    assert (deployment.chain().failure, deployment.video(video_id).state) == (None, VideoState.READY)


def test_a_provider_that_is_refused_hinders_no_other() -> None:
    """
    B15.
    """
    deployment, (first,) = with_uploads()
    deployment.write_session("s2", videoProvider="second")
    second = deployment.ask_upload(session_id="s2").video_id
    calls: list[int] = []

    def refusing_the_first(operation: str, do: Callable[[], T]) -> T:
        if operation == "changes":
            calls.append(1)
            if len(calls) % 2:
                raise REFUSED
        return do()

    deployment.disturb = refusing_the_first
    deployment.second.show(deployment.video(second).external_ids, READY)
    deployment.run(2 * INTERVAL_S)
    assert deployment.states([first, second]) == [VideoState.UPLOADING, VideoState.READY]


def test_uploads_that_cannot_be_asked_about_hinder_nobody_from_hearing_what_changed() -> None:
    """
    B15: one question fails because of the other.
    """
    deployment, (uploading, processing) = with_uploads(2)
    deployment.show(processing, Observation(MediaState.PROCESSING))
    deployment.run(INTERVAL_S)

    def refusing_uploads(operation: str, do: Callable[[], T]) -> T:
        result = do()
        if operation == "changes" and isinstance(result, Changes) and result.uploads:
            raise REFUSED
        return result

    deployment.disturb = refusing_uploads
    deployment.show(processing, READY)
    deployment.run(2 * INTERVAL_S)
    assert deployment.states([uploading, processing]) == [VideoState.UPLOADING, VideoState.READY]


def test_a_provider_that_has_told_nothing_for_a_day_is_an_alarm_and_one_that_is_back_is_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """
    B15, B17.
    """
    deployment, _ = with_uploads()
    deployment.disturb = failing(refusal("changes"), "changes", "observe")
    deployment.run(600)
    assert alarms(capsys.readouterr().err) == []
    long_ago = deployment.clock() - timedelta(seconds=ALARM_AFTER_S)
    since: dict[tuple[str, ...], Any] = {("failure", "since"): long_ago}
    deployment.documents.commit(Update(deployment.poller.path, since))
    deployment.run(600)
    (alarm,) = alarms(capsys.readouterr().err)
    assert (alarm["message"], alarm["since"]) == ("feed stuck", long_ago.isoformat())
    deployment.disturb = undisturbed
    deployment.run(INTERVAL_S)
    assert deployment.chain().failure is None


@pytest.mark.parametrize("seen", [READY, Observation(MediaState.PROCESSING, 70)], ids=["became ready", "goes on"])
def test_a_provider_that_is_back_is_seen_within_one_tick_however_long_the_pauses_have_become(seen: Observation) -> None:
    """
    B17: the pause of a video that was asked for alone holds nothing back that the readiness poller is told.
    """
    deployment, (video_id,) = with_uploads()
    deployment.show(video_id, Observation(MediaState.PROCESSING, 10))
    deployment.run(INTERVAL_S)
    deployment.disturb = failing(refusal("observe"), "changes", "observe")
    for _ in range(12):
        deployment.deliver(Task(RECONCILE_VIDEO, video_id))
        deployment.run(300)
    failure = deployment.video(video_id).progress.failure
    assert failure is not None
    assert failure.retry_at is not None
    assert failure.retry_at - deployment.clock() > timedelta(seconds=2 * INTERVAL_S)
    deployment.disturb = undisturbed
    deployment.show(video_id, seen)

    deployment.run(INTERVAL_S)

    video = deployment.video(video_id)
    assert (video.state, video.progress.failure) == (VideoState(seen.state.value), None)
    told = deployment.document(session_path("s1")).fields["videos"][video_id]
    assert (told["state"], "failure" in told) == (seen.state.value, False)


def test_unchanged_pending_video_is_observed_once_after_an_outage() -> None:
    """
    B17: no list of changes tells of it.
    """
    deployment, (video_id, other) = with_uploads(2)
    for one in (video_id, other):
        deployment.show(one, Observation(MediaState.PROCESSING, 10))
    deployment.run(INTERVAL_S)
    deployment.run(3600)
    deployment.disturb = failing(refusal("observe"), "changes", "observe")
    deployment.deliver(Task(RECONCILE_VIDEO, video_id))
    deployment.run(600)
    assert deployment.video(video_id).progress.failure is not None
    counts: Counter[str] = Counter()
    deployment.disturb = counting(counts)

    deployment.run(INTERVAL_S)

    assert deployment.video(video_id).progress.failure is None
    assert (counts["changes"], counts["observe"]) == (1, 1)
    # The task that it left for its own next try still comes, and nothing more.
    deployment.run(600)
    assert counts["observe"] <= 2


def test_a_renewal_while_the_provider_is_down_is_told_so_and_changes_nothing() -> None:
    """
    B17.
    """
    deployment, (video_id,) = with_uploads()
    deployment.disturb = failing(refusal("observe"), "changes", "observe")
    before = deployment.video(video_id)
    with pytest.raises(type(refusal("observe"))):
        deployment.upload_tokens.renew_upload_token(TEACHER, video_id)
    assert deployment.video(video_id).state is before.state
