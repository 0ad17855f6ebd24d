"""The settings of events for the school's own app."""

from __future__ import annotations

from dataclasses import dataclass

from shared.core.reading import clean, matching
from shared.core.settings import setting
from shared.publishing.model import EventType, Types


def event_types(text: str) -> tuple[EventType, ...]:
    """
    Read types of events, separated by commas. Pure.
    """
    names = [clean(one) for one in text.split(",") if clean(one)]
    if not {*names} <= {*EventType}:
        raise ValueError(f"must be some of {', '.join(EventType)}, with commas between")
    return tuple(map(EventType, dict.fromkeys(names)))


@dataclass(frozen=True, slots=True)
class EventSettings:
    """
    The settings of events.

    Attributes:
        channel: The full name of the channel; empty publishes nothing.
        chosen: The types to publish; empty publishes all.
    """

    channel: str = setting(
        "EVENTARC_CHANNEL",
        matching(
            "projects/[a-z0-9][a-z0-9.:-]{0,62}/locations/[a-z]+(-[a-z]+)+[0-9]+/channels/[a-z]([a-z0-9-]{0,61}[a-z0-9])?",
            "the full name of a channel, such as projects/my-school/locations/europe-west1/channels/firebase",
        ),
        "The channel of Eventarc that events for your app are published on, see docs/events.md; empty publishes none.",
        "",
    )
    chosen: tuple[EventType, ...] = setting(
        "EVENTARC_TYPES", event_types, "The types of events to publish, with commas between; empty publishes all.", ()
    )

    @property
    def types(self) -> Types:
        """
        Return the types that this deployment publishes.
        """
        if not self.channel:
            return ()
        return self.chosen or tuple(EventType)
