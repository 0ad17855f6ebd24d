"""The settings of videos."""

from __future__ import annotations

from dataclasses import dataclass

from shared.videos.policy import Policy


@dataclass(frozen=True, slots=True)
class VideoSettings:
    """
    The settings of videos.

    Attributes:
        policy: The limits of uploads.
        provider: The provider for videos of sessions that name none.
        interval_s: Seconds between polls of the readiness poller.
        overlap_s: Seconds by which a provider's lists may lag.
        ticks_max: Polls of one chain of the readiness poller.
    """

    policy: Policy
    provider: str
    interval_s: float
    overlap_s: float
    ticks_max: int
