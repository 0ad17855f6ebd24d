"""When to look whether a live event is on the air, and what follows from a look. Pure.

Called by `decide`. Looks are made in the event's time only: from a little before its beginning until well after its
end, close together where something is about to change and far apart where nothing is; an event that is on the air is
looked at until it is over, however late. What the provider tells by itself brings a look forward.

Somebody may own very many events. The looks at them have a budget (`shared/limits/call_budgets.py`), so that they delay
nobody else's tasks. An event beyond it rests: it is looked at when somebody joins it, when the provider tells of it,
and when its time is over.

| seen last                    | the next look                                                        |
|------------------------------|----------------------------------------------------------------------|
| nothing                      | when the time begins                                                 |
| live                         | 15 s later                                                           |
| off the air, was live before | 10 s later for five minutes, then a minute                           |
| never live                   | 10 s later around its beginning, else 30 s                           |
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
"""So long around the planned beginning, and so long after the air was left, something may happen at any moment."""

RESTART_S: Final = 300
"""An encoder that fell off the air mostly comes back within so many seconds."""

ENDED_AFTER_S: Final = 60
"""Past its planned end, an event that has been off the air for so long has ended."""

LOOK_AGAIN_S: Final = 3
"""What was seen so short a time ago need not be looked at again, whoever comes by."""


@dataclass(frozen=True, slots=True)
class Window:
    """
    The time of an event beyond what was planned.

    Attributes:
        early_s: So long before its beginning it may go on the air, and viewers are let in.
        overrun_s: So long after its planned end likewise.
    """

    early_s: int
    overrun_s: int

    def opens_at(self, event: EventSpec) -> datetime | None:
        """
        When the time begins; `None` where nobody has said. Pure.
        """
        return None if event.starts_at is None else event.starts_at - timedelta(seconds=self.early_s)

    def closes_at(self, event: EventSpec) -> datetime | None:
        """
        When it is over; likewise. Pure.
        """
        return None if event.ends_at is None else event.ends_at + timedelta(seconds=self.overrun_s)


def next_look_at(airing: Airing, event: EventSpec, now: datetime, window: Window) -> datetime | None:
    """
    When to look next; `None` where there is nothing to look for any more. Pure.
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
        # Its time may have been put into the past since: then one look more says that it has ended.
        return None if airing.state is BroadcastState.ENDED else closes_at
    if airing.rests:
        return closes_at
    return min(looked_at + timedelta(seconds=_pace_s(airing, event.starts_at, now)), closes_at)


def is_look_due(airing: Airing, event: EventSpec, now: datetime, window: Window) -> bool:
    """
    Whether who comes by should look: it is the event's time, and nobody has just looked. Pure.
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
    What is known after a look. Pure.
    """
    if is_live:
        return Airing(BroadcastState.LIVE, now, airing.live_at or now, rests=rests)
    off_at = now if airing.state is BroadcastState.LIVE else airing.off_at
    seen = replace(airing, state=BroadcastState.OFFLINE, looked_at=now, off_at=off_at, rests=rests)
    is_over = airing.state is BroadcastState.ENDED or (event is not None and _is_over(seen, event, now, window))
    return replace(seen, state=BroadcastState.ENDED) if is_over else seen


def replanned(airing: Airing, event: EventSpec | None, now: datetime) -> Airing:
    """
    What is known once an event has the times it is wished: one that had ended and is to be held again has yet to begin.
    Pure.
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
