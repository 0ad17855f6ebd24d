"""The processing of videos: an upload is probed, becomes ready step by step, or ends in error.

Called by `responses` when bytes have arrived or a video is read, and by a background task. The `Readiness` rule of the
video, or of the account, sets the pace.
"""

from __future__ import annotations

import asyncio

from emulator_tests.simulators import media
from emulator_tests.simulators.clock import Mode
from emulator_tests.simulators.cloudflare.models import webhooks
from emulator_tests.simulators.cloudflare.models.account import Account
from emulator_tests.simulators.cloudflare.models.video import State, Video

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


def start(account: Account, video: Video) -> None:
    """Probe a completely uploaded video in the background."""
    video.uploaded_s = account.clock.now()
    account.move(video, State.QUEUED)
    account.spawn(_inspect_upload(account, video))


async def _inspect_upload(account: Account, video: Video) -> None:
    file = account.bytes_of(video.uid)
    if video.uid not in account.videos or not file.exists():
        return
    size_bytes = file.stat().st_size
    found = await media.probe(file)
    if video.uid not in account.videos:
        return
    video.size_bytes = size_bytes
    if found is None:
        is_container = b"ftyp" in file.open("rb").read(64)
        fail(account, video, "ERR_MALFORMED_VIDEO" if is_container else "ERR_NON_VIDEO")
        return
    duration_s = found.duration_ms / 1000
    if not found.has_video or found.is_image:
        fail(account, video, "ERR_NON_VIDEO")
    elif duration_s < _SHORTEST_S:
        fail(account, video, "ERR_DURATION_TOO_SHORT")
    elif video.max_duration_s is not None and duration_s > video.max_duration_s:
        fail(account, video, "ERR_DURATION_EXCEED_CONSTRAINT")
    else:
        video.duration_s, video.width, video.height = duration_s, found.width, found.height
        video.began_s, video.reads, video.steps_done = account.clock.now(), 0, 0
        account.move(video, State.IN_PROGRESS)
        advance(account, video)


def fail(account: Account, video: Video, code: str) -> None:
    """End a video in error."""
    video.error_code, video.error_text = code, _TEXTS[code]
    account.settle(video, State.ERROR)
    webhooks.tell(account, video)


def count_read(account: Account, video: Video) -> None:
    """Count a read of a video, after which it may become ready."""
    if video.state is State.IN_PROGRESS:
        video.reads += 1
        advance(account, video)


def advance(account: Account, video: Video) -> None:
    """Take every step of a video that is due."""
    rule = video.readiness or account.readiness
    if rule.mode is Mode.FAILED:
        fail(account, video, "ERR_UNKNOWN")
        return
    while video.state is State.IN_PROGRESS:
        waited_s = account.clock.now() - video.began_s
        if not rule.is_due(video.steps_done + 1, _STEPS, waited_s, video.reads):
            return
        video.steps_done += 1
        # A video plays before all qualities are encoded.
        video.plays = video.steps_done >= _STEPS - 1
        video.percent = 100 * video.steps_done / _STEPS
        account.touch(video)
        if video.steps_done == _STEPS:
            account.settle(video, State.READY)
            webhooks.tell(account, video)


def tick(account: Account) -> None:
    """Take every step that is due."""
    for video in account.unsettled():
        if video.state is State.IN_PROGRESS:
            advance(account, video)


async def keep_moving(account: Account) -> None:
    """Advance videos in the background, so that webhooks are sent unasked; never returns."""
    while True:
        tick(account)
        await asyncio.sleep(_PACE_S)
