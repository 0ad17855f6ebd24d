"""One video and its states."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from emulator_tests.simulators.clock import Readiness


class State(StrEnum):
    """`status.state` of a video."""

    PENDING_UPLOAD = "pendingupload"
    DOWNLOADING = "downloading"
    QUEUED = "queued"
    IN_PROGRESS = "inprogress"
    READY = "ready"
    ERROR = "error"


PROCESSING = (State.DOWNLOADING, State.QUEUED, State.IN_PROGRESS)


@dataclass(slots=True)
class Video:
    """One video.

    Args:
        uid: Of 32 hexadecimal digits.
        created_s: When it was made, on the simulator's clock.
        modified_s: When it was last changed.
        creator: As its maker said.
        meta: Likewise.
        max_duration_s: So much is reserved; None reserves nothing.
        upload_expires_s: From then on its upload address takes no bytes; None for what has none.
        upload_length: Bytes that TUS has announced; None for other uploads.
        offset: Bytes that have arrived.
        upload_key: The secret part of its upload address.
        is_direct: Whether its upload address takes bytes without the API token.
        plays: `readyToStream`: whether at least one quality is there.
        readiness: Its own rule, where it has one.
    """

    uid: str
    created_s: float
    modified_s: float
    creator: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    require_signed_urls: bool = False
    allowed_origins: list[str] = field(default_factory=list)
    scheduled_deletion: str | None = None
    thumbnail_timestamp_pct: float = 0.0
    max_duration_s: int | None = None
    upload_expires_s: float | None = None
    upload_length: int | None = None
    offset: int = 0
    upload_key: str = ""
    is_direct: bool = True
    is_receiving: bool = False
    uploaded_s: float | None = None
    state: State = State.PENDING_UPLOAD
    error_code: str = ""
    error_text: str = ""
    percent: float = 0.0
    plays: bool = False
    began_s: float = 0.0
    reads: int = 0
    steps_done: int = 0
    size_bytes: int = 0
    duration_s: float = -1.0
    width: int = -1
    height: int = -1
    downloads: dict[str, float] = field(default_factory=dict)
    readiness: Readiness | None = None
