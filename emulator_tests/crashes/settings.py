"""The settings, the people and the sessions of every run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from emulator_tests.deployment_settings import deployment_settings
from emulator_tests.pure.races.defects import SOUND
from shared.core.callers import Caller
from shared.ports import Fields
from shared.providers.kaltura.mapping import NAME as KALTURA
from shared.sessions.broadcasting import Window
from shared.videos.settings import Policy

TEACHER: Final = Caller("teacher", is_teacher=True)
# As in `functions/config.py`, except for values that would only make runs longer.
REAP_GRACE_S: Final = 600
FEED_INTERVAL_S: Final = 30
FEED_OVERLAP_S: Final = 60
FEED_TICKS_MAX: Final = 8640
SWEEP_INTERVAL_S: Final = 300
POLICY: Final = Policy(
    max_bytes=1024**3,
    max_duration_s=3600,
    session_videos_max=10,
    session_bytes_max=10 * 1024**3,
    teacher_videos_max=10,
    teacher_bytes_max=10 * 1024**3,
    uploads_in_flight_max=10,
    tokens_per_minute_max=60,
    upload_deadline_s=1800,
    processing_deadline_s=1800,
    retry_keep_s=1800,
    looks_max=100,
)
SETTINGS: Final = deployment_settings(
    policy=POLICY,
    provider=KALTURA,
    reap_grace_s=REAP_GRACE_S,
    late_commit_s=SOUND.late_commit_s,
    window=Window(early_s=30, overrun_s=60),
    stray_age_s=SOUND.stray_age_s,
    feed_interval_s=FEED_INTERVAL_S,
    feed_overlap_s=FEED_OVERLAP_S,
    feed_ticks_max=FEED_TICKS_MAX,
    tasks_per_hour_max=100_000,
)
REST_S: Final = 2 * 3600
"""This long after the last act, everything must match its spec, and nothing else may be left (invariant 2)."""
QUEUE_RETRY_S: Final = 2.0
BROWSER_TRIES: Final = 3
BROWSER_PAUSE_S: Final = 5.0
BYSTANDERS: Final[Mapping[str, Fields]] = {
    "inperson": {"ownerUid": TEACHER.uid, "title": "In person", "status": "public", "format": "inPerson"},
    "ondemand": {"ownerUid": TEACHER.uid, "title": "On demand", "status": "public", "format": "onDemand"},
    "draft": {"ownerUid": TEACHER.uid, "title": "Draft", "status": "draft", "format": "liveStreaming"},
}
"""Sessions without a spec at the provider: nothing may ever be recorded or exist for them (invariant 5)."""
