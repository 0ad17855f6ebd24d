"""A3: what became ready while nobody looked is not deleted because a failure was recorded before, in memory."""

from __future__ import annotations

import pytest

from emulator_tests.memory import undisturbed
from emulator_tests.pure.deployment import TEACHER, Deployment
from emulator_tests.pure.test_outage import PROCESSING, READY, down
from shared.ports import MediaState, Observation
from shared.videos.commands import retry_video
from shared.videos.model import VideoState

pytestmark = pytest.mark.long

HOUR_S = 3600
DAY_S = 24 * HOUR_S


def _pass(deployment: Deployment, seconds: int) -> None:
    for _ in range(seconds // 900):
        deployment.sweep.run()
        deployment.run(900)


def test_video_ready_before_a_restore_is_kept_if_the_backup_says_failed() -> None:
    """
    A3: its teacher has had it processed since, and the restored record is past the time for which bytes are kept.
    """
    deployment = Deployment()
    deployment.database_uid = "first"
    deployment.write_session()
    deployment.sweep.run()
    video_id = deployment.ask_upload().video_id
    deployment.run(30)
    deployment.show(video_id, PROCESSING)
    deployment.run(60)
    deployment.show(video_id, Observation(MediaState.ERROR, reason="TRANSCODING", retryable=True))
    deployment.run(60)
    assert deployment.video(video_id).state is VideoState.FAILED
    backup = deployment.back_up()
    retry_video(TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock)
    deployment.run(5)
    deployment.show(video_id, READY)
    deployment.run(60)
    assert deployment.video(video_id).state is VideoState.READY

    deployment.clock.advance(3 * DAY_S)
    deployment.lose_tasks()
    deployment.restore(backup)
    deployment.database_uid = "second"
    _pass(deployment, 2 * HOUR_S)
    deployment.app.epochs.acknowledge(["memory", "second"])
    _pass(deployment, 2 * HOUR_S)

    assert deployment.media.alive(), "the film is deleted at its provider"
    assert deployment.video(video_id).state is VideoState.READY


def test_upload_completed_during_a_stop_is_kept() -> None:
    """
    A3, B17: nobody could ask while it was finished, and then work stood still beyond the time that bytes are kept.
    """
    deployment = Deployment()
    deployment.write_session()
    video_id = deployment.ask_upload().video_id
    deployment.run(30)
    deployment.show(video_id, PROCESSING)
    deployment.run(60)
    deployment.disturb = down
    _pass(deployment, 26 * HOUR_S)
    assert deployment.video(video_id).state is VideoState.FAILED

    deployment.disturb = undisturbed
    deployment.show(video_id, READY)
    deployment.lose_tasks()
    deployment.clock.advance(49 * HOUR_S)
    _pass(deployment, 2 * HOUR_S)

    assert deployment.media.alive(), "the film is deleted at its provider"
    assert deployment.video(video_id).state is VideoState.READY
