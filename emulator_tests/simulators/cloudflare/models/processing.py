"""What happens to videos by themselves: they are looked into, become ready step by step, or end in error.

`uploads` hands in what has arrived; a background task lets time pass; every look counts. How fast it goes is the
clockwork's rule, the video's own or the account's.
"""

from __future__ import annotations

import asyncio

from emulator_tests.simulators import media
from emulator_tests.simulators.clock import Mode
from emulator_tests.simulators.cloudflare.models import webhooks
from emulator_tests.simulators.cloudflare.models.account import State, Video, World

_PACE_S = 0.05
_STEPS = 4
_SHORTEST_S = 0.1

_TEXTS = {
    "ERR_NON_VIDEO": "The upload is not a video.",
    "ERR_DURATION_EXCEED_CONSTRAINT": "The video duration exceeds the constraints of the upload.",
    "ERR_FETCH_ORIGIN_ERROR": "The video failed to download from the URL.",
    "ERR_MALFORMED_VIDEO": "The video was deemed to be corrupted or malformed.",
    "ERR_DURATION_TOO_SHORT": "The video is shorter than 0.1 seconds.",
    "ERR_UNKNOWN": "The cause of the failure is not known.",
}


def arrived(world: World, video: Video) -> None:
    """All bytes of a video are there: look into it, beside the request that brought the last of them."""
    video.uploaded_s = world.clock.now()
    world.move(video, State.QUEUED)
    world.spawn(_look_into(world, video))


async def _look_into(world: World, video: Video) -> None:
    file = world.bytes_of(video.uid)
    if video.uid not in world.videos or not file.exists():
        return
    size_bytes = file.stat().st_size
    found = await media.probe(file)
    if video.uid not in world.videos:
        return
    video.size_bytes = size_bytes
    if found is None:
        is_container = b"ftyp" in file.open("rb").read(64)
        fail(world, video, "ERR_MALFORMED_VIDEO" if is_container else "ERR_NON_VIDEO")
        return
    duration_s = found.duration_ms / 1000
    if not found.has_video or found.is_image:
        fail(world, video, "ERR_NON_VIDEO")
    elif duration_s < _SHORTEST_S:
        fail(world, video, "ERR_DURATION_TOO_SHORT")
    elif video.max_duration_s is not None and duration_s > video.max_duration_s:
        fail(world, video, "ERR_DURATION_EXCEED_CONSTRAINT")
    else:
        video.duration_s, video.width, video.height = duration_s, found.width, found.height
        video.began_s, video.looks, video.steps_done = world.clock.now(), 0, 0
        world.move(video, State.IN_PROGRESS)
        advance(world, video)


def fail(world: World, video: Video, code: str) -> None:
    """End a video in error."""
    video.error_code, video.error_text = code, _TEXTS[code]
    world.settle(video, State.ERROR)
    webhooks.tell(world, video)


def looked_at(world: World, video: Video) -> None:
    """Count a look at a video."""
    if video.state is State.IN_PROGRESS:
        video.looks += 1
        advance(world, video)


def advance(world: World, video: Video) -> None:
    """Take every step of a video that is due."""
    rule = video.readiness or world.readiness
    if rule.mode is Mode.FAILED:
        fail(world, video, "ERR_UNKNOWN")
        return
    while video.state is State.IN_PROGRESS:
        waited_s = world.clock.now() - video.began_s
        if not rule.is_due(video.steps_done + 1, _STEPS, waited_s, video.looks):
            return
        video.steps_done += 1
        # It plays before it is wholly encoded.
        video.plays = video.steps_done >= _STEPS - 1
        video.percent = 100 * video.steps_done / _STEPS
        world.touch(video)
        if video.steps_done == _STEPS:
            world.settle(video, State.READY)
            webhooks.tell(world, video)


def tick(world: World) -> None:
    """Let everything happen that is due by now."""
    for video in world.unsettled():
        if video.state is State.IN_PROGRESS:
            advance(world, video)


async def keep_moving(world: World) -> None:
    """Let time pass while nobody asks, so that notifications leave by themselves; never returns."""
    while True:
        tick(world)
        await asyncio.sleep(_PACE_S)
