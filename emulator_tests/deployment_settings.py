"""The settings of a deployment, for tests that build one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from shared.hosts.settings import HostTerms
from shared.hosts.table import Terms
from shared.reconcile.deployment import CommonSettings
from shared.sessions.broadcasting import Window
from shared.sessions.settings import SessionSettings
from shared.slides.settings import SlidesSettings
from shared.videos.settings import DefaultProvider, Policy, PollerSettings

DeploymentSettings = tuple[
    CommonSettings, SessionSettings, PollerSettings, Policy, DefaultProvider, HostTerms, SlidesSettings
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
) -> DeploymentSettings:
    """
    Return the settings of all resources.
    """
    return (
        CommonSettings(late_commit_s, stray_age_s, tasks_per_hour_max),
        SessionSettings(reap_grace_s, window.early_s, window.overrun_s),
        PollerSettings(feed_interval_s, feed_overlap_s, feed_ticks_max),
        policy,
        DefaultProvider(provider),
        HostTerms(terms or {}),
        SlidesSettings(300 * 1024**2, 20, 100),
    )


def with_times(settings: DeploymentSettings, *, late_commit_s: int, stray_age_s: int) -> DeploymentSettings:
    """
    Return the settings with other times.
    """
    common, *others = settings
    return (replace(common, late_commit_s=late_commit_s, stray_age_s=stray_age_s), *others)  # type: ignore[return-value]  # mypy does not follow the star
