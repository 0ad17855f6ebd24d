"""Several providers in one deployment: each video stays with its own, and whatever is done of it is done there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import pytest

from emulator_tests.pure.deployment import STRAY_AGE_S, TEACHER, Deployment
from shared.core.errors import Transient, WrongState
from shared.core.paths import video_path
from shared.ports import MediaState, Observation, Stage, UploadSpec, holder_of
from shared.videos.commands import delete_video
from shared.videos.model import VideoState
from shared.videos.resource import pollers

pytestmark = pytest.mark.long

T = TypeVar("T")

READY = Observation(MediaState.READY, 100, duration_s=60.0, size_bytes=1000, media_type="video/mp4")
WISH = UploadSpec("Nobody's", "nobody.mp4", 1000)


def both() -> tuple[Deployment, str, str]:
    """A deployment with a session at each provider, and the ids of a video of each that waits for its bytes."""
    deployment = Deployment()
    deployment.write_session("s1")
    deployment.write_session("s2", videoProvider="second")
    first = deployment.ask_upload("r1", session_id="s1")
    second = deployment.ask_upload("r2", session_id="s2")
    return deployment, first.video_id, second.video_id


def test_a_session_that_names_a_provider_has_its_videos_there_and_any_other_where_the_project_has_them() -> None:
    deployment, first, second = both()

    assert [deployment.video(video_id).provider for video_id in (first, second)] == ["memory", "second"]
    assert [made.reference.split(":")[1] for made in deployment.media.alive()] == [first]
    assert [made.reference.split(":")[1] for made in deployment.second.alive()] == [second]


def test_a_provider_that_is_not_set_up_is_refused_before_anything_is_written() -> None:
    deployment = Deployment()
    deployment.write_session(videoProvider="third")

    with pytest.raises(WrongState, match="no account at third"):
        deployment.ask_upload()

    assert not [path for path in deployment.documents.paths() if path.startswith("videos/")]


def test_each_provider_has_a_feed_of_its_own_that_ends_when_nothing_is_pending_there() -> None:
    deployment, first, second = both()
    deployment.second.show(deployment.video(second).external_ids, READY)

    deployment.run(60)

    assert deployment.states([first, second]) == [VideoState.UPLOADING, VideoState.READY]
    running = [deployment.document(poller.path).fields["running"] for poller in deployment.app.get(pollers).values()]
    assert running == [True, False]


def test_a_video_stays_where_it_was_made_though_its_session_names_another_provider_later() -> None:
    deployment, first, _ = both()
    deployment.write_session("s1", videoProvider="second")
    deployment.media.show(deployment.video(first).external_ids, READY)
    deployment.run(60)

    deployment.ask_replacement(first)

    assert deployment.video(first).provider == "memory"
    assert len(deployment.media.alive()) == 2


def test_content_is_deleted_at_its_own_provider_only() -> None:
    deployment, first, second = both()
    delete_video(TEACHER, second, deployment.documents, deployment.queue, deployment.clock)

    deployment.run(60)

    assert deployment.second.alive() == ()
    assert [made.reference.split(":")[1] for made in deployment.media.alive()] == [first]
    assert deployment.deletions() == []


def test_many_videos_of_both_are_reconciled_together_with_one_call_to_each() -> None:
    deployment, first, second = both()
    half = Observation(MediaState.PROCESSING, 50, Stage.CONVERTING)
    deployment.media.show(deployment.video(first).external_ids, half)
    deployment.second.show(deployment.video(second).external_ids, READY)
    asked: list[str] = []

    def count(operation: str, do: Callable[[], T]) -> T:
        asked.append(operation)
        return do()

    deployment.disturb = count
    deployment.app.work("reconcileVideo", f"{first},{second}")

    assert asked.count("observe") == 2
    assert deployment.states([first, second]) == [VideoState.PROCESSING, VideoState.READY]


def test_orphans_are_deleted_at_their_own_provider() -> None:
    deployment, *_ = both()
    deployment.second.prepare_upload("video:ghost:1", WISH)
    deployment.media.prepare_upload("video:ghost:1", WISH)
    deployment.clock.advance(STRAY_AGE_S + 1)

    deployment.sweep.run()
    deployment.run(60)

    assert all("ghost" not in made.reference for made in (*deployment.media.alive(), *deployment.second.alive()))
    since = deployment.document("operations/epoch").fields["straysSince"]
    assert since.keys() == {"memory", "second"}


def test_a_video_that_is_missing_at_its_provider_is_looked_for_at_no_other() -> None:
    deployment, first, second = both()
    deployment.second.vanish(deployment.video(second).external_ids["entryId"])
    deployment.clock.advance(STRAY_AGE_S + 1)

    report = deployment.orphans.find(clean_up=False)

    assert [one.path for one in report.missing] == [video_path(second)]
    assert deployment.video(first).state is VideoState.UPLOADING


def test_what_the_poller_of_one_provider_has_missed_the_sweep_asks_that_provider() -> None:
    deployment, _, second = both()
    deployment.lose_tasks()
    deployment.second.show(deployment.video(second).external_ids, READY)
    deployment.clock.advance(timedelta(hours=2).total_seconds())

    deployment.sweep.run()
    deployment.run(60)

    assert deployment.video(second).state is VideoState.READY


def test_what_an_account_has_that_is_not_set_up_any_more_waits_until_it_is() -> None:
    deployment, first, _ = both()

    with pytest.raises(Transient, match="no account at third"):
        holder_of(deployment.videos.provider_accounts, "third")

    without = replace(deployment.videos, provider_accounts={"second": deployment.videos.provider_accounts["second"]})
    assert without.read(first).record is not None
    with pytest.raises(Transient):
        without.media(deployment.video(first).provider)
