"""The settings of a deployment, for tests that build one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from shared.hosts.settings import HostSettings
from shared.hosts.table import Terms
from shared.reconcile.deployment import CommonSettings
from shared.sessions.broadcasting import Window
from shared.sessions.settings import SessionSettings
from shared.videos.policy import Policy
from shared.videos.settings import VideoSettings

DeploymentSettings = tuple[CommonSettings, SessionSettings, VideoSettings, HostSettings]


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
        SessionSettings(reap_grace_s, window),
        VideoSettings(policy, provider, feed_interval_s, feed_overlap_s, feed_ticks_max),
        HostSettings(terms or {}),
    )


def with_times(settings: DeploymentSettings, *, late_commit_s: int, stray_age_s: int) -> DeploymentSettings:
    """
    Return the settings with other times.
    """
    common, sessions, videos, hosts = settings
    return (replace(common, late_commit_s=late_commit_s, stray_age_s=stray_age_s), sessions, videos, hosts)
