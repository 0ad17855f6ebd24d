"""The simulated library as a whole: its videos, time and faults, and what becomes of videos by themselves.

Built once by `__main__`; handed to every room. What has arrived is looked into, and finished as the clockwork says.
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
    """What the service itself could be like; the control interface changes it.

    Args:
        fetch_tells_id: Whether the answer to a fetch names the video, which its specification does not promise.
    """

    fetch_tells_id: bool = True


@dataclass(slots=True)
class Video:
    """One video.

    Args:
        guid: Its id.
        title: As its maker said.
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
    looks: int = 0
    size_bytes: int = 0
    duration_s: float = 0.0
    width: int = 0
    height: int = 0
    readiness: Readiness | None = None


@dataclass(slots=True)
class World:
    """One library."""

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
        """At first everything is as it is after a reset; what is carried out late goes by the same clock."""
        self.late = Late(self.clock)
        self.readiness = self.first_readiness

    def add(self, title: str, collection_id: str = "", fetched_from: str = "") -> Video:
        """Let a video exist."""
        video = Video(str(uuid.uuid4()), title, self.clock.now(), collection_id, fetched_from)
        self.videos[video.guid] = video
        return video

    def remove(self, guid: str) -> None:
        """Let a video exist no more, nor its bytes."""
        del self.videos[guid]
        self.bytes_of(guid).unlink(missing_ok=True)
        shutil.rmtree(self.segments_of(guid), ignore_errors=True)

    def bytes_of(self, guid: str) -> Path:
        """Where the bytes of a video lie."""
        return self.files / guid

    def segments_of(self, guid: str) -> Path:
        """Where a video lies cut for HLS."""
        return self.files / f"{guid}.hls"

    def instant(self, at_s: float) -> str:
        """An instant as the API tells it: UTC, without saying so."""
        return datetime.fromtimestamp(at_s, UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the requests, until it ends or the simulator stops."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def fetch(self, video: Video) -> None:
        """Fetch the bytes of a video from where it is said to be."""
        target = self.bytes_of(video.guid)
        try:
            await asyncio.to_thread(_download, video.fetched_from, target)
        except (OSError, ValueError):
            video.status = Status.UPLOAD_FAILED
            return
        if video.guid in self.videos:
            await self.look_into(video)
        else:
            target.unlink(missing_ok=True)

    async def look_into(self, video: Video) -> None:
        """See what has arrived, and begin to process it."""
        file = self.bytes_of(video.guid)
        video.status, video.size_bytes = Status.PROCESSING, file.stat().st_size
        found = await media.probe(file)
        if video.guid not in self.videos:
            return
        if found is None or not found.has_video or found.is_image:
            video.status = Status.ERROR
            return
        video.duration_s, video.width, video.height = found.duration_ms / 1000, found.width, found.height
        video.status, video.began_s, video.looks = Status.TRANSCODING, self.clock.now(), 0
        self.advance(video)

    def advance(self, video: Video) -> None:
        """Take every step of a video that is due."""
        rule = video.readiness or self.readiness
        if rule.mode is Mode.FAILED and video.status is Status.TRANSCODING:
            video.status = Status.ERROR
        while video.status is Status.TRANSCODING:
            step = video.percent * _STEPS // 100 + 1
            if not rule.is_due(step, _STEPS, self.clock.now() - video.began_s, video.looks):
                return
            video.percent = 100 * step // _STEPS
            if step == _STEPS:
                video.status = Status.FINISHED

    def tick(self) -> None:
        """Let everything happen that is due by now."""
        for video in self.videos.values():
            self.advance(video)

    async def keep_moving(self) -> None:
        """Let time pass while nobody asks; never returns."""
        while True:
            self.tick()
            await asyncio.sleep(_PACE_S)

    def reset(self) -> None:
        """Everything is as it was at the beginning."""
        for guid in list(self.videos):
            self.remove(guid)
        self.late.held.clear()
        self.requests.clear()
        self.faults.rules.clear()
        self.readiness, self.settings = self.first_readiness, Settings()
        self.clock.put_right()


def _download(url: str, target: Path) -> None:
    with urllib.request.urlopen(url, timeout=_FETCH_TIMEOUT_S) as source, target.open("wb") as kept:
        shutil.copyfileobj(source, kept)
