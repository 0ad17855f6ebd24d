"""The simulated account: its videos, signing keys, webhook, live inputs, minutes, clock and faults.

Created once by `__main__` and passed to every other module.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from emulator_tests.simulators.application import LOGGED_REQUESTS
from emulator_tests.simulators.clock import Clock, Readiness
from emulator_tests.simulators.cloudflare.models.video import PROCESSING, State, Video
from emulator_tests.simulators.faults import Faults, OperationRule
from emulator_tests.simulators.late_requests import Late


@dataclass(slots=True)
class Settings:
    """Settings of the account and variations of the service, changed over the control interface.

    Args:
        storage_minutes: How many minutes of video the account may hold.
        processing_max: How many videos may be in process at once.
        reason_prefix: Before `Code` and `Text` of a reason: the docs spell it in two ways.
        webhook_attempts: How often a notification is sent before it is given up.
        webhook_retry_s: Pause between these; real seconds.
    """

    storage_minutes: int = 1_000_000
    processing_max: int = 120
    reason_prefix: str = "errorReason"
    webhook_attempts: int = 5
    webhook_retry_s: float = 0.5


@dataclass(frozen=True, slots=True)
class Key:
    """A signing key."""

    id: str
    private: RSAPrivateKey
    created_s: float


@dataclass(slots=True)
class Webhook:
    """The account's one webhook."""

    url: str
    secret: str
    modified_s: float


@dataclass(slots=True)
class Account:
    """The simulated account."""

    account_id: str
    api_token: str
    files: Path
    clock: Clock
    first_readiness: Readiness
    first_settings: Settings
    readiness: Readiness = field(init=False)
    settings: Settings = field(init=False)
    #: Under which address it is reached: a notification tells addresses without a request.
    base_url: str = ""
    faults: Faults[OperationRule] = field(default_factory=Faults)
    videos: dict[str, Video] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    live_inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    webhook: Webhook | None = None
    requests: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=LOGGED_REQUESTS))
    late: Late = field(init=False)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _by_key: dict[str, str] = field(default_factory=dict)
    _by_creator: dict[str, list[str]] = field(default_factory=dict)
    #: Creation instants and ids, in order: lists are asked for by them.
    _made_s: list[float] = field(default_factory=list)
    _made: list[str] = field(default_factory=list)
    _unsettled: set[str] = field(default_factory=set)
    _used_s: float = 0.0

    def __post_init__(self) -> None:
        """Start in the state of a reset."""
        self.late = Late(self.clock)
        self.readiness, self.settings = self.first_readiness, replace(self.first_settings)

    # --- videos ---------------------------------------------------------------------------------------------------

    def add(self, video: Video) -> Video:
        """Add a video."""
        # Rounded as in answers, because clients send these times back to list from there.
        video.created_s = round(video.created_s, 6)
        self.videos[video.uid] = video
        self._made_s.append(video.created_s)
        self._made.append(video.uid)
        self._unsettled.add(video.uid)
        if video.upload_key:
            self._by_key[video.upload_key] = video.uid
        if video.creator is not None:
            self._by_creator.setdefault(video.creator, []).append(video.uid)
        return video

    def remove(self, uid: str) -> None:
        """Remove a video and its bytes."""
        video = self.videos.pop(uid)
        first = bisect_left(self._made_s, video.created_s)
        index = self._made.index(uid, first)
        del self._made[index], self._made_s[index]
        self._unsettled.discard(uid)
        if video.state is State.READY:
            self._used_s -= video.duration_s
        self._by_key.pop(video.upload_key, None)
        if video.creator is not None:
            self._by_creator[video.creator].remove(uid)
        self._forget_bytes(uid)

    def change_creator(self, video: Video, creator: str | None) -> None:
        """Give a video to another creator."""
        if video.creator is not None:
            self._by_creator[video.creator].remove(video.uid)
        video.creator = creator
        if creator is not None:
            self._by_creator.setdefault(creator, []).append(video.uid)

    def settle(self, video: Video, state: State) -> None:
        """Release a video's reserved minutes and end it as ready or in error; a ready one counts by its length."""
        self._unsettled.discard(video.uid)
        if state is State.READY:
            self._used_s += video.duration_s
        self.move(video, state)

    def move(self, video: Video, state: State) -> None:
        """Change the state of a video."""
        video.state = state
        self.touch(video)

    def touch(self, video: Video) -> None:
        """Record that a video was changed."""
        video.modified_s = self.clock.now()

    def by_upload_key(self, key: str) -> Video | None:
        """Return the video of an upload address."""
        return self.videos.get(self._by_key.get(key, ""))

    def select(self, after_s: float | None, before_s: float | None, creator: str | None) -> Iterator[Video]:
        """Videos in the order of their creation, within a span."""
        if creator is not None:
            mine = (self.videos[uid] for uid in list(self._by_creator.get(creator, ())))
            for video in mine:
                if (after_s is None or video.created_s > after_s) and (before_s is None or video.created_s < before_s):
                    yield video
            return
        first = 0 if after_s is None else bisect_right(self._made_s, after_s)
        last = len(self._made_s) if before_s is None else bisect_left(self._made_s, before_s)
        for index in range(first, last):
            yield self.videos[self._made[index]]

    def select_newest(self, after_s: float | None, before_s: float | None, creator: str | None) -> Iterator[Video]:
        """The same, the newest first."""
        if creator is not None:
            yield from reversed(list(self.select(after_s, before_s, creator)))
            return
        first = 0 if after_s is None else bisect_right(self._made_s, after_s)
        last = len(self._made_s) if before_s is None else bisect_left(self._made_s, before_s)
        for index in range(last - 1, first - 1, -1):
            yield self.videos[self._made[index]]

    def bytes_of(self, uid: str) -> Path:
        """Return the file of a video."""
        return self.files / uid

    def unsettled(self) -> list[Video]:
        """Return the videos that are neither ready nor in error."""
        return [self.videos[uid] for uid in self._unsettled]

    def segments_of(self, uid: str) -> Path:
        """Return the folder of a video's HLS segments."""
        return self.files / f"{uid}.hls"

    def _forget_bytes(self, uid: str) -> None:
        self.bytes_of(uid).unlink(missing_ok=True)
        shutil.rmtree(self.segments_of(uid), ignore_errors=True)

    def in_process(self) -> int:
        """Return the number of videos being processed."""
        return sum(video.state in PROCESSING for video in self.unsettled())

    # --- minutes --------------------------------------------------------------------------------------------------

    def is_expired(self, video: Video) -> bool:
        """Return whether an upload address has expired."""
        return video.upload_expires_s is not None and video.upload_expires_s <= self.clock.now()

    def reserved_s(self) -> float:
        """Return the seconds reserved for videos not yet uploaded or processed."""
        return sum(
            video.max_duration_s or 0
            for video in self.unsettled()
            if video.state is not State.PENDING_UPLOAD or not self.is_expired(video)
        )

    def used_s(self) -> float:
        """Return the seconds that ready videos take."""
        return self._used_s

    # --- the rest -------------------------------------------------------------------------------------------------

    def new_key(self) -> Key:
        """Add a signing key."""
        key = Key(secrets.token_hex(16), generate_private_key(65537, 2048), self.clock.now())
        self.keys[key.id] = key
        return key

    def new_uid(self) -> str:
        """Return a new id."""
        return secrets.token_hex(16)

    def instant(self, at_s: float) -> str:
        """Return an instant in the API's form."""
        return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the requests, until it ends or the simulator stops."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def reset(self) -> None:
        """Return to the state at the start, except for signing keys, which clients hold."""
        for uid in list(self.videos):
            self._forget_bytes(uid)
        for forgotten in (
            self.videos, self.live_inputs, self._by_key, self._by_creator, self._made_s, self._made,
            self._unsettled, self.late.held, self.requests,
        ):  # fmt: skip
            forgotten.clear()
        self._used_s = 0.0
        self.webhook = None
        self.faults.rules.clear()
        self.readiness = self.first_readiness
        self.settings = replace(self.first_settings)
        self.clock.reset()
