"""The simulated library: its videos, clock and faults, and the processing of videos.

Created once by `__main__` and passed to every other module. Uploads are probed, and become ready by the `Readiness`
rule.
"""

from __future__ import annotations

import asyncio
import shutil
import urllib.request
import uuid
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import Any

from emulator_tests.simulators import media
from emulator_tests.simulators.application import LOGGED_REQUESTS
from emulator_tests.simulators.clock import Clock, Mode, Readiness
from emulator_tests.simulators.faults import Faults, OperationRule
from emulator_tests.simulators.late_requests import Late

_FETCH_TIMEOUT_S = 10.0
_PACE_S = 0.05
_STEPS = 4


class Status(IntEnum):
    """`status` of a video.

    Source: docs.bunny.net, Stream API, VideoModel.
    """

    CREATED = 0
    UPLOADED = 1
    PROCESSING = 2
    TRANSCODING = 3
    FINISHED = 4
    ERROR = 5
    UPLOAD_FAILED = 6


@dataclass(slots=True)
class Settings:
    """Variations of the service, changed over the control interface.

    Args:
        fetch_tells_id: Whether the answer to a fetch names the video, which its specification does not promise.
    """

    fetch_tells_id: bool = True


@dataclass(slots=True)
class Video:
    """One video.

    Args:
        guid: Its id.
        title: As the client sent it.
        created_s: When it was made, on the simulator's clock.
        fetched_from: Where its bytes were fetched, "" where they were sent.
        readiness: Its own rule, where it has one.
    """

    guid: str
    title: str
    created_s: float
    collection_id: str = ""
    fetched_from: str = ""
    status: Status = Status.CREATED
    percent: int = 0
    began_s: float = 0.0
    reads: int = 0
    size_bytes: int = 0
    duration_s: float = 0.0
    width: int = 0
    height: int = 0
    readiness: Readiness | None = None


@dataclass(slots=True)
class Account:
    """The simulated account, which is one library."""

    library_id: int
    api_key: str
    token_key: str
    files: Path
    clock: Clock
    first_readiness: Readiness
    readiness: Readiness = field(init=False)
    settings: Settings = field(default_factory=Settings)
    base_url: str = ""
    faults: Faults[OperationRule] = field(default_factory=Faults)
    videos: dict[str, Video] = field(default_factory=dict)
    requests: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=LOGGED_REQUESTS))
    late: Late = field(init=False)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Start in the state of a reset."""
        self.late = Late(self.clock)
        self.readiness = self.first_readiness

    def add(self, title: str, collection_id: str = "", fetched_from: str = "") -> Video:
        """Add a video."""
        video = Video(str(uuid.uuid4()), title, self.clock.now(), collection_id, fetched_from)
        self.videos[video.guid] = video
        return video

    def remove(self, guid: str) -> None:
        """Remove a video and its bytes."""
        del self.videos[guid]
        self.bytes_of(guid).unlink(missing_ok=True)
        shutil.rmtree(self.segments_of(guid), ignore_errors=True)

    def bytes_of(self, guid: str) -> Path:
        """Return the file of a video."""
        return self.files / guid

    def segments_of(self, guid: str) -> Path:
        """Return the folder of a video's HLS segments."""
        return self.files / f"{guid}.hls"

    def instant(self, at_s: float) -> str:
        """Return an instant in the API's form: UTC, without a time zone."""
        return datetime.fromtimestamp(at_s, UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the requests, until it ends or the simulator stops."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def fetch(self, video: Video) -> None:
        """Fetch the bytes of a video from its address."""
        target = self.bytes_of(video.guid)
        try:
            await asyncio.to_thread(_download, video.fetched_from, target)
        except (OSError, ValueError):
            video.status = Status.UPLOAD_FAILED
            return
        if video.guid in self.videos:
            await self.inspect_upload(video)
        else:
            target.unlink(missing_ok=True)

    async def inspect_upload(self, video: Video) -> None:
        """Probe an upload, and start processing."""
        file = self.bytes_of(video.guid)
        video.status, video.size_bytes = Status.PROCESSING, file.stat().st_size
        found = await media.probe(file)
        if video.guid not in self.videos:
            return
        if found is None or not found.has_video or found.is_image:
            video.status = Status.ERROR
            return
        video.duration_s, video.width, video.height = found.duration_ms / 1000, found.width, found.height
        video.status, video.began_s, video.reads = Status.TRANSCODING, self.clock.now(), 0
        self.advance(video)

    def advance(self, video: Video) -> None:
        """Take every step of a video that is due."""
        rule = video.readiness or self.readiness
        if rule.mode is Mode.FAILED and video.status is Status.TRANSCODING:
            video.status = Status.ERROR
        while video.status is Status.TRANSCODING:
            step = video.percent * _STEPS // 100 + 1
            if not rule.is_due(step, _STEPS, self.clock.now() - video.began_s, video.reads):
                return
            video.percent = 100 * step // _STEPS
            if step == _STEPS:
                video.status = Status.FINISHED

    def tick(self) -> None:
        """Take every step that is due."""
        for video in self.videos.values():
            self.advance(video)

    async def keep_moving(self) -> None:
        """Advance videos in the background; never returns."""
        while True:
            self.tick()
            await asyncio.sleep(_PACE_S)

    def reset(self) -> None:
        """Return to the state at the start."""
        for guid in list(self.videos):
            self.remove(guid)
        self.late.held.clear()
        self.requests.clear()
        self.faults.rules.clear()
        self.readiness, self.settings = self.first_readiness, Settings()
        self.clock.reset()


def _download(url: str, target: Path) -> None:
    with urllib.request.urlopen(url, timeout=_FETCH_TIMEOUT_S) as source, target.open("wb") as kept:
        shutil.copyfileobj(source, kept)
