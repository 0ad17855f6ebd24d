"""The settings of videos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shared.core.reading import DAY_S, whole
from shared.core.settings import setting

TIB: Final = 1024**4

SESSION_VIDEOS_MOST: Final = 250
"""
With the longest titles, replacements and failures included, this many take 0.7 of the 1 MiB that a document may have.
"""


@dataclass(frozen=True, slots=True)
class Policy:
    """
    The limits of one deployment.

    Attributes:
        max_bytes: The largest file.
        max_duration_s: The longest video, in seconds.
        session_videos_max: The most videos in one session, failed ones included.
        session_bytes_max: The most bytes that they may take in all.
        teacher_videos_max: The most videos of one teacher in all their sessions.
        teacher_bytes_max: The most bytes that they may take in all.
        uploads_in_flight_max: The most open uploads of one teacher.
        tokens_per_minute_max: The most upload tokens that one teacher gets in a minute.
        upload_deadline_s: Seconds after which an unfinished upload has failed.
        processing_deadline_s: Seconds after which unfinished processing has failed.
        retry_keep_s: Seconds for which the bytes of an upload are kept whose processing failed and may be retried.
        looks_max: How often one upload is observed at its provider.
    """

    max_bytes: int = setting("UPLOAD_BYTES_MAX", whole(1, 10 * TIB), "Maximum bytes of one file.", 10 * 1024**3)
    max_duration_s: int = setting(
        "VIDEO_DURATION_MAX_S", whole(1, 7 * DAY_S), "Maximum seconds of one video.", 6 * 3600
    )
    session_videos_max: int = setting(
        "SESSION_VIDEOS_MAX",
        whole(1, SESSION_VIDEOS_MOST, "because all of them are in one session document"),
        "Maximum videos of one session.",
        100,
    )
    session_bytes_max: int = setting(
        "SESSION_BYTES_MAX", whole(1, 1024 * TIB), "Maximum bytes of all videos of one session.", 200 * 1024**3
    )
    teacher_videos_max: int = setting("TEACHER_VIDEOS_MAX", whole(1, 1_000_000), "Maximum videos of one teacher.", 2000)
    teacher_bytes_max: int = setting(
        "TEACHER_BYTES_MAX", whole(1, 1024 * TIB), "Maximum bytes of all videos of one teacher.", 2 * TIB
    )
    uploads_in_flight_max: int = setting(
        "UPLOADS_IN_FLIGHT_MAX", whole(1, 1000), "Maximum uploads that one teacher may have open at once.", 10
    )
    tokens_per_minute_max: int = setting(
        "UPLOAD_TOKENS_PER_MINUTE_MAX",
        whole(1, 6000),
        "Maximum upload tokens that one teacher is given in a minute.",
        60,
    )
    upload_deadline_s: int = setting(
        "UPLOAD_DEADLINE_S", whole(1, 30 * DAY_S), "Seconds within which an upload must be finished.", 7 * DAY_S
    )
    processing_deadline_s: int = setting(
        "PROCESSING_DEADLINE_S", whole(1, 30 * DAY_S), "Seconds within which a video must be processed.", DAY_S
    )
    retry_keep_s: int = setting(
        "RETRY_KEEP_S",
        whole(0, 365 * DAY_S),
        "Seconds for which a file whose processing failed is kept for a retry.",
        7 * DAY_S,
    )
    looks_max: int = setting(
        "LOOKS_MAX", whole(1, 1_000_000), "Maximum observations of one upload at its provider.", 2000
    )


@dataclass(frozen=True, slots=True)
class PollerSettings:
    """
    The settings of the readiness pollers.

    Attributes:
        interval_s: Seconds between polls.
        overlap_s: Seconds by which a provider's lists may lag.
        ticks_max: Polls of one chain.
    """

    interval_s: float = setting("FEED_INTERVAL_S", whole(1, 300), "Seconds between two polls of the feed.", 9)
    overlap_s: float = setting(
        "FEED_OVERLAP_S", whole(0, DAY_S), "Seconds by which the provider's lists may be out of date.", 60
    )
    ticks_max: int = setting("FEED_TICKS_MAX", whole(1, 1_000_000), "Maximum polls of one chain of the feed.", 8640)


@dataclass(frozen=True, slots=True)
class PlaybackSettings:
    """
    The settings of playback.

    Attributes:
        pauses_s: Seconds that a grant lasts longer than the video, at least, so that a viewer can pause.
    """

    pauses_s: int = setting(
        "PLAYBACK_PAUSES_S",
        whole(1, DAY_S),
        "Seconds that a grant to play lasts longer than its video, at least; half the video's length if that is more.",
        30 * 60,
    )


@dataclass(frozen=True, slots=True)
class DefaultProvider:
    """
    The provider for videos of sessions that name none.
    """

    name: str
