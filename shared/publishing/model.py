"""An event: which change it tells of, its key as a task, and its form on the channel. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Self

from shared.core.paths import PUBLISH_EVENT, SESSION_ID, VIDEO_ID, session_path, video_path
from shared.ports import CloudEvent, Task

ONCE: Final = "publish"
"""Tasks of one change merge, because its key is the same."""

_BEGIN: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class EventType(StrEnum):
    """
    The types of events. The version grows if the data of one changes incompatibly.
    """

    VIDEO_READY = "greenroom.video.v1.ready"
    VIDEO_FAILED = "greenroom.video.v1.failed"
    VIDEO_DELETED = "greenroom.video.v1.deleted"
    SESSION_LIVE = "greenroom.session.v1.live"
    SESSION_ENDED = "greenroom.session.v1.ended"


Types = Collection[EventType]
"""The types that a deployment publishes; empty publishes none."""

EVENT_KEY: Final = re.compile(
    f"({'|'.join(re.escape(one) for one in EventType)}):({SESSION_ID.pattern}):({VIDEO_ID.pattern}|):([0-9]{{1,17}})"
)
"""The form of the keys of tasks: the type, the session's id, the video's id if there is one, and the instant of the
change in microseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Happening:
    """
    One change of a session or a video. It has ids only, so that an erasure leaves nothing of a person in a queue, in a
    log or at a subscriber.

    Attributes:
        type: What happened.
        session_id: The session.
        video_id: The video; empty for a change of the session itself.
        at: When the change was recorded.
    """

    type: EventType
    session_id: str
    video_id: str
    at: datetime

    @property
    def key(self) -> str:
        """
        Return the key of its task, which is the event's id too: the same for every delivery of the same change.
        """
        return f"{self.type}:{self.session_id}:{self.video_id}:{(self.at - _BEGIN) // _MICROSECOND}"

    @classmethod
    def of_key(cls, key: str) -> Self:
        """
        Parse the key of a task. Pure.

        Raises:
            ValueError: It is not such a key (never).
        """
        found = EVENT_KEY.fullmatch(key)
        if found is None:
            raise ValueError(f"{key!r} is not the key of an event.")
        kind, session_id, video_id, at = found.groups()
        return cls(EventType(kind), session_id, video_id, _BEGIN + int(at) * _MICROSECOND)

    @property
    def event(self) -> CloudEvent:
        """
        Return the event to publish.
        """
        if self.video_id:
            data = {"sessionId": self.session_id, "videoId": self.video_id}
            return CloudEvent(self.key, self.type, video_path(self.video_id), self.at, data)
        return CloudEvent(self.key, self.type, session_path(self.session_id), self.at, {"sessionId": self.session_id})


def tasks_of(happenings: Collection[Happening], types: Types) -> tuple[Task, ...]:
    """
    Return the tasks that publish the changes of these types. Pure.
    """
    return tuple(Task(PUBLISH_EVENT, one.key, once=ONCE) for one in happenings if one.type in types)
