"""The settings of a deployment, for tests that build one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from shared.archive.settings import ArchiveSettings
from shared.hosts.settings import HostTerms
from shared.hosts.table import Terms
from shared.ports import Tier
from shared.publishing.settings import EventSettings
from shared.reconcile.deployment import CommonSettings
from shared.sessions.broadcasting import Window
from shared.sessions.settings import SessionSettings
from shared.slides.settings import SlidesSettings
from shared.videos.settings import DefaultProvider, PlaybackSettings, Policy, PollerSettings

DeploymentSettings = tuple[
    CommonSettings,
    SessionSettings,
    PollerSettings,
    PlaybackSettings,
    Policy,
    DefaultProvider,
    HostTerms,
    SlidesSettings,
    ArchiveSettings,
    EventSettings,
]


def deployment_settings(
    *,
    policy: Policy,
    provider: str,
    reap_grace_s: int,
    late_commit_s: int,
    window: Window,
    stray_age_s: int,
    feed_interval_s: float,
    feed_overlap_s: float,
    feed_ticks_max: int,
    tasks_per_hour_max: int,
    terms: Mapping[str, Terms] | None = None,
    archive: ArchiveSettings | None = None,
    events: EventSettings | None = None,
) -> DeploymentSettings:
    """
    Return the settings of all resources.
    """
    return (
        CommonSettings(late_commit_s, stray_age_s, tasks_per_hour_max),
        SessionSettings(reap_grace_s, window.early_s, window.overrun_s),
        PollerSettings(feed_interval_s, feed_overlap_s, feed_ticks_max),
        PlaybackSettings(30 * 60),
        policy,
        DefaultProvider(provider),
        HostTerms(terms or {}),
        SlidesSettings(300 * 1024**2, 20, 100),
        archive or archive_settings(),
        events or EventSettings("", ()),
    )


def with_times(settings: DeploymentSettings, *, late_commit_s: int, stray_age_s: int) -> DeploymentSettings:
    """
    Return the settings with other times.
    """
    common, *others = settings
    return (replace(common, late_commit_s=late_commit_s, stray_age_s=stray_age_s), *others)  # type: ignore[return-value]  # mypy does not follow the star


def archive_settings(
    unwatched_days: int = 0,
    *,
    notice_days: int = 14,
    takes_others: bool = False,
    others_tag: str = "",
    bytes_per_day: int = 1024**4,
    cents_per_day: int = 10_000,
    restores_per_day: int = 200,
    restore_bytes_per_day: int = 1024**4,
    restore_cents_per_day: int = 10_000,
    restore_tier: Tier = Tier.BULK,
    function_bytes_max: int = 1024**3,
) -> ArchiveSettings:
    """
    Return the settings of an archive; without any, nothing is archived without an operator.
    """
    return ArchiveSettings(
        unwatched_days,
        notice_days,
        takes_others,
        others_tag,
        bytes_per_day,
        cents_per_day,
        restores_per_day,
        restore_bytes_per_day,
        restore_cents_per_day,
        restore_tier.value,
        function_bytes_max,
        job="",
        placeholder="",
    )
