"""A channel of events for the school's own app."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """
    An event in the form of CloudEvents 1.0. The channel adds the source.

    Attributes:
        id: The same for every delivery of the same change; another change has another one.
        type: What happened, such as `greenroom.video.v1.ready`.
        subject: The path of the document that it happened to.
        time: When it happened, in UTC.
        data: Ids.

    Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
    """

    id: str
    type: str
    subject: str
    time: datetime
    data: Mapping[str, str]


class Channel(Protocol):
    """
    Takes events, and delivers each at least once to whoever subscribed to its type.
    """

    def publish(self, event: CloudEvent) -> None:
        """
        Publish one event.

        Raises:
            Transient: It was not published (again).
            Doubtful: It may have been published (again: its id shows that it is the same).
            Permanent: The channel does not take such an event (never).
            Misconfigured: There is no such channel, or this account may not publish on it (never, until the operator
                changes it).
        """
        ...
