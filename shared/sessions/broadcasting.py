"""The schedule of observations of a live event, and the status that follows from one. Pure.

Called by `decide`. Events are observed only within their time: from a little before the planned beginning until well
after the planned end. Observations are close together when a change is likely, and far apart otherwise. An event that
is on the air is observed until it goes off the air, however late. A webhook brings an observation forward.

An owner may have very many events. Observations have a budget for each owner (`shared/limits/call_budgets.py`), so that
they do not delay the tasks of others. An event beyond the budget rests: it is observed when a viewer joins it, when a
webhook names it, and when its time is over.

| last observed                | next observation                                                     |
|------------------------------|----------------------------------------------------------------------|
| never                        | when the time begins                                                 |
| live                         | 15 s later                                                           |
| off the air, was live before | 10 s later for five minutes, then a minute                           |
| never live                   | 10 s later around the planned beginning, else 30 s                   |
| off the air, the time over   | at once, then none                                                   |
| live, and it rests           | 15 minutes later                                                     |
| not live, and it rests       | when the time is over                                                |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from shared.ports import EventSpec
from shared.sessions.model import Airing, BroadcastState

LIVE_PACE_S: Final = 15
BRISK_PACE_S: Final = 10
PACE_S: Final = 30
SLOW_PACE_S: Final = 60

RESTING_PACE_S: Final = 900

BEGINNING_S: Final = 600
"""For this long around the planned beginning, and for this long after going off the air, a change is likely."""

RESTART_S: Final = 300
"""An encoder that lost its connection is mostly back within this time."""

ENDED_AFTER_S: Final = 60
"""An event that has been off the air for this long after its planned end has ended."""

LOOK_AGAIN_S: Final = 3
"""An event that was observed less than this long ago is not observed again, whatever reconciles it."""


@dataclass(frozen=True, slots=True)
class Window:
    """
    The time around its planned times in which an event may be on the air.

    Attributes:
        early_s: Seconds before the planned beginning from which the event may go on the air, and viewers may enter.
        overrun_s: Seconds after the planned end until which both are still allowed.
    """

    early_s: int
    overrun_s: int

    def opens_at(self, event: EventSpec) -> datetime | None:
        """
        Return when the time begins; `None` if no beginning is planned. Pure.
        """
        return None if event.starts_at is None else event.starts_at - timedelta(seconds=self.early_s)

    def closes_at(self, event: EventSpec) -> datetime | None:
        """
        Return when the time ends; `None` if no end is planned. Pure.
        """
        return None if event.ends_at is None else event.ends_at + timedelta(seconds=self.overrun_s)


def next_look_at(airing: Airing, event: EventSpec, now: datetime, window: Window) -> datetime | None:
    """
    Return when to observe the event next; `None` if no further observation is needed. Pure.
    """
    opens_at, closes_at = window.opens_at(event), window.closes_at(event)
    if opens_at is None or closes_at is None or event.starts_at is None:
        return None
    looked_at = airing.looked_at
    if airing.state is BroadcastState.LIVE and looked_at is not None:
        return looked_at + timedelta(seconds=RESTING_PACE_S if airing.rests else LIVE_PACE_S)
    if looked_at is None or looked_at < opens_at:
        return opens_at
    if looked_at >= closes_at:
        # The planned times may have been moved into the past since. One more observation then records that it has
        # ended.
        return None if airing.state is BroadcastState.ENDED else closes_at
    if airing.rests:
        return closes_at
    return min(looked_at + timedelta(seconds=_pace_s(airing, event.starts_at, now)), closes_at)


def is_look_due(airing: Airing, event: EventSpec, now: datetime, window: Window) -> bool:
    """
    Tell whether a reconciliation at this moment should observe the event: it is within its time, and was not observed a
    moment ago. Pure.
    """
    at = next_look_at(airing, event, now, window)
    if at is None:
        return False
    if at <= now:
        return True
    opens_at = window.opens_at(event)
    just_seen = airing.looked_at is not None and now - airing.looked_at < timedelta(seconds=LOOK_AGAIN_S)
    return opens_at is not None and opens_at <= now and not just_seen


def looked(
    airing: Airing, event: EventSpec | None, now: datetime, window: Window, *, is_live: bool, rests: bool = False
) -> Airing:
    """
    Return the status of the broadcast after an observation. Pure.
    """
    if is_live:
        return Airing(BroadcastState.LIVE, now, airing.live_at or now, rests=rests)
    off_at = now if airing.state is BroadcastState.LIVE else airing.off_at
    seen = replace(airing, state=BroadcastState.OFFLINE, looked_at=now, off_at=off_at, rests=rests)
    is_over = airing.state is BroadcastState.ENDED or (event is not None and _is_over(seen, event, now, window))
    return replace(seen, state=BroadcastState.ENDED) if is_over else seen


def replanned(airing: Airing, event: EventSpec | None, now: datetime) -> Airing:
    """
    Return the status of the broadcast after the event got the times of its spec. An ended event whose planned end is in
    the future starts again as not yet begun. Pure.
    """
    is_ahead = event is not None and event.ends_at is not None and now < event.ends_at
    return Airing() if airing.state is BroadcastState.ENDED and is_ahead else airing


def _is_over(airing: Airing, event: EventSpec, now: datetime, window: Window) -> bool:
    closes_at = window.closes_at(event)
    if closes_at is not None and now >= closes_at:
        return True
    was_live = airing.off_at is not None and now - airing.off_at >= timedelta(seconds=ENDED_AFTER_S)
    return was_live and event.ends_at is not None and now >= event.ends_at


def _pace_s(airing: Airing, starts_at: datetime, now: datetime) -> int:
    if airing.off_at is not None:
        return BRISK_PACE_S if now - airing.off_at < timedelta(seconds=RESTART_S) else SLOW_PACE_S
    return BRISK_PACE_S if abs((now - starts_at).total_seconds()) < BEGINNING_S else PACE_S
