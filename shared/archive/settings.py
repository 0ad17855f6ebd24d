"""The settings of the archive."""

from __future__ import annotations

from dataclasses import dataclass

from shared.core.reading import line, matching, truth, whole
from shared.core.settings import setting
from shared.ports import Tier

DAYS_MAX = 36_500
GIBIBYTE = 1024**3


@dataclass(frozen=True, slots=True)
class ArchiveSettings:
    """
    The settings of archiving without an operator, and of what all archiving shares.

    Attributes:
        unwatched_days: Days without a play after which a video is archived; 0 archives none.
        notice_days: Days between telling the owner of a video and archiving it.
        takes_others: Whether entries that this deployment did not make are archived too.
        others_tag: Only others with this tag; empty for all.
        bytes_per_day: Bytes that are planned to be archived in one day.
        cents_per_day: The most that it may cost in one day, in US cents.
        restores_per_day: Originals that plays bring back in one day.
        restore_bytes_per_day: Bytes of these originals.
        restore_cents_per_day: The most that they may cost in one day, in US cents.
        restore_tier: How quickly they are brought back.
        function_bytes_max: Larger originals are copied by the job, if there is one.
        job: The name of that Cloud Run job; empty for none.
        placeholder: The folder with another placeholder; empty takes ours.
    """

    unwatched_days: int = setting(
        "ARCHIVE_UNWATCHED_DAYS",
        whole(0, DAYS_MAX),
        "Days without a play after which a video's original is archived and a placeholder plays; 0 archives none.",
        0,
    )
    notice_days: int = setting(
        "ARCHIVE_NOTICE_DAYS", whole(0, 365), "Days for which the owner can keep a video before it is archived.", 14
    )
    takes_others: bool = setting(
        "ARCHIVE_OTHERS",
        truth,
        "Whether entries at the provider that Greenroom did not create are archived too.",
        False,
    )
    others_tag: str = setting(
        "ARCHIVE_OTHERS_TAG", line, "With ARCHIVE_OTHERS: only entries with this tag; empty takes all.", ""
    )
    bytes_per_day: int = setting(
        "ARCHIVE_BYTES_PER_DAY",
        whole(0, 1024 * 1024 * GIBIBYTE),
        "Bytes of originals that are planned to be archived in one day.",
        1024 * GIBIBYTE,
    )
    cents_per_day: int = setting(
        "ARCHIVE_CENTS_PER_DAY",
        whole(0, 100_000_000),
        "The most that one day's archiving may cost at the store, with its least storage time, in US cents.",
        10_000,
    )
    restores_per_day: int = setting(
        "ARCHIVE_RESTORES_PER_DAY",
        whole(0, 100_000),
        "Originals that are brought back in one day because somebody played them.",
        200,
    )
    restore_bytes_per_day: int = setting(
        "ARCHIVE_RESTORE_BYTES_PER_DAY",
        whole(0, 1024 * 1024 * GIBIBYTE),
        "Bytes of originals that are brought back in one day because somebody played them.",
        1024 * GIBIBYTE,
    )
    restore_cents_per_day: int = setting(
        "ARCHIVE_RESTORE_CENTS_PER_DAY",
        whole(0, 100_000_000),
        "The most that one day's plays may cost at the store, with the traffic to the provider, in US cents.",
        10_000,
    )
    restore_tier: str = setting(
        "ARCHIVE_RESTORE_TIER",
        matching("|".join(Tier), f"one of {', '.join(Tier)}", lower=True),
        "How quickly originals are brought back, and at what price; an operator can choose otherwise.",
        Tier.BULK.value,
    )
    function_bytes_max: int = setting(
        "ARCHIVE_FUNCTION_BYTES_MAX",
        whole(0, 1024 * GIBIBYTE),
        "Bytes of an original that a function copies, in its 25 minutes; the job of ARCHIVE_JOB copies larger ones.",
        8 * GIBIBYTE,
    )
    job: str = setting(
        "ARCHIVE_JOB",
        matching("[a-z]([a-z0-9-]{0,61}[a-z0-9])?", "the name of a Cloud Run job, such as greenroom-archive"),
        "Cloud Run job that copies large originals, in FUNCTIONS_REGION; without it functions try all.",
        "",
    )
    placeholder: str = setting(
        "ARCHIVE_PLACEHOLDER",
        matching(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*", "the path of a folder beside main.py"),
        "Folder, beside main.py, with a placeholder.mp4 and a placeholder.jpg of your own; empty takes those of "
        "Greenroom.",
        "",
    )
