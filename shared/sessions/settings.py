"""The settings of sessions."""

from __future__ import annotations

from dataclasses import dataclass

from shared.core.reading import DAY_S, whole
from shared.core.settings import setting


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """
    The settings of sessions.

    Attributes:
        reap_grace_s: Seconds for which an unpublished event is kept.
        early_s: Seconds before the planned beginning from which an event may be on the air.
        overrun_s: Seconds after the planned end until which it may be.
    """

    reap_grace_s: int = setting("REAP_GRACE_S", whole(0, 30 * DAY_S), "Seconds an unpublished event is kept.", 600)
    early_s: int = setting(
        "LIVE_EARLY_S", whole(0, DAY_S), "Seconds before its start from which a live event can be watched.", 15 * 60
    )
    overrun_s: int = setting(
        "LIVE_OVERRUN_S",
        whole(0, 7 * DAY_S),
        "Seconds after its planned end until which a live event can be watched.",
        3600,
    )
