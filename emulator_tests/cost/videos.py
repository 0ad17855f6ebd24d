"""Videos: uploaded, processed, watched and deleted, with Kaltura and with Cloudflare."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from emulator_tests.cost.metered import TEACHER, Instance, Metered
from emulator_tests.cost.places import DAY_S, FILM
from emulator_tests.cost.scenario import EVERY_S, REGISTRY, Act, act_at
from shared.core.callers import Caller
from shared.limits.call_budgets import Work
from shared.videos.commands import delete_video, upload_finished
from shared.videos.resource import playbacks, upload_tokens
from shared.videos.upload_tokens import UploadRequest

UNITS: Final = 25
SENT_AFTER_S: Final = 60
WATCHED_AFTER_S: Final = 900
DELETED_AFTER_S: Final = 1000
STUDENT: Final = Caller("student", is_teacher=False)


def video(metered: Metered, number: int, begins_s: float) -> list[Act]:
    """
    Return the acts of one video in a session of its own: uploaded, watched once when it is ready, deleted.
    """
    session_id, video_id = f"s{number}", ""
    place: Any = metered.place

    def upload() -> None:
        nonlocal video_id
        request = UploadRequest(session_id, f"r{number}", "film.mp4", len(FILM), "A film", None)
        token = metered.callable(
            "issueUploadToken",
            TEACHER,
            Work.UPLOAD,
            lambda one: one.app.get(upload_tokens).issue_upload_token(TEACHER, request),
            needs_open=True,
        )
        video_id = token.video_id
        metered.run(SENT_AFTER_S)
        place.move_to(metered.clock())
        place.send(token.grant)
        metered.callable("uploadFinished", TEACHER, Work.UPLOAD, partial(_told, upload_finished, video_id))

    def watch() -> None:
        metered.browse(reads=1)
        metered.callable(
            "issuePlayback",
            STUDENT,
            Work.PLAY,
            lambda one: one.app.get(playbacks).issue_playback(STUDENT, video_id),
        )

    def delete() -> None:
        metered.callable("deleteVideo", TEACHER, Work.CHANGE, partial(_told, delete_video, video_id))

    return [
        (begins_s, upload),
        (begins_s + WATCHED_AFTER_S, watch),
        (begins_s + DELETED_AFTER_S, delete),
    ]


def _told(command: Callable[..., None], video_id: str, instance: Instance) -> None:
    app = instance.app
    command(TEACHER, video_id, app.documents, app.queue, app.clock)


def only_sessions(metered: Metered) -> None:
    """Write the sessions without their videos."""
    metered.listeners = 1
    for number in range(UNITS):
        metered.write_session(f"s{number}", status="public")


def one_after_another(metered: Metered) -> None:
    """Play it."""
    only_sessions(metered)
    act_at(metered, [act for number in range(UNITS) for act in video(metered, number, 60 + number * EVERY_S)])


def together(metered: Metered) -> None:
    """Play it: a minute from one upload to the next."""
    only_sessions(metered)
    acts = [act for number in range(UNITS) for act in video(metered, number, 60 + number * (SENT_AFTER_S + 1))]
    act_at(metered, acts)


REGISTRY.add(
    "videos_together",
    "videos at Kaltura, ten at a time: uploaded, watched once, deleted",
    place="kaltura",
    units=UNITS,
    lasts_s=1.5 * DAY_S,
    without=only_sessions,
)(together)

for _provider in ("kaltura", "cloudflare"):
    REGISTRY.add(
        f"videos_{_provider}",
        f"videos at {_provider.title()}: uploaded, watched once, deleted",
        place=_provider,
        units=UNITS,
        lasts_s=1.5 * DAY_S,
        without=only_sessions,
    )(one_after_another)


def plays(metered: Metered, times: int) -> None:
    """
    Play one video that is ready a number of times.
    """
    metered.listeners = 1
    metered.write_session("s0", status="public")
    (_, upload), _, _ = video(metered, 0, 0)
    upload()
    metered.run(WATCHED_AFTER_S)
    video_id = next(path for path in metered.kept.paths() if path.startswith("videos/")).split("/")[1]
    for number in range(times):
        student = Caller(f"student{number}", is_teacher=False)
        metered.run(60)
        metered.browse(reads=1)
        metered.callable(
            "issuePlayback",
            student,
            Work.PLAY,
            lambda one, who=student: one.app.get(playbacks).issue_playback(who, video_id),  # type: ignore[misc]
        )


REGISTRY.add(
    "plays",
    "plays of a video that is ready",
    place="kaltura",
    units=100,
    lasts_s=DAY_S,
    without=partial(plays, times=0),
)(partial(plays, times=100))
