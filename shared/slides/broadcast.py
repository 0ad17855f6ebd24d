"""Tell the people in a session's chat room what is shown: start, turn and end, as messages of the service.

Clients that listen to Firestore need none of this. Each change enqueues a task of its own, so that a chat server that
does not answer delays nobody. A message has what is shown for everybody, never the view of the person who changed it,
and a `revision`: a client leaves out a message that is older than what it knows.

The room exists while the session has media. It is created again if a message does not find it. If the task of a change
is lost, that change is not told; the next one is.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final, Self

from shared.core.errors import Permanent
from shared.core.identity import STAMP_DIGITS, SessionIdentity
from shared.core.paths import BROADCAST_SLIDES, MEDIA_ID, session_path, shared_media_path
from shared.ports import Chat, Fields, Task
from shared.ports.chat import EVENTS
from shared.reconcile.deployment import Deployment
from shared.reconcile.reconciler import Mapper
from shared.sessions.session import Session

START: Final = "start_sharing"
NAVIGATE: Final = "navigate_sharing"
END: Final = "end_sharing"

OPEN: Final = "open"
"""In place of an event: create the room, so that people can enter it."""

CLOSE: Final = "close"
"""In place of an event: destroy the room. The announcement names the room instead of the session, which may be gone."""

NO_ROOM: Final = "NOT_FOUND"

ROOM_MAX: Final = 64 + 1 + STAMP_DIGITS
"""The most characters of a room's id, which has that of the session."""

KEY: Final = re.compile(
    f"([A-Za-z0-9-]{{1,{ROOM_MAX}}}):({OPEN}|{CLOSE}|{'|'.join(EVENTS)}):([0-9]{{1,15}}):({MEDIA_ID.pattern}|):([0-9]{{1,3}})"
)
"""The form of the keys of tasks: the session's id, the event, the revision, the media, the page."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """
    One change of what a session shows.

    Attributes:
        session_id: The session; for `CLOSE`, the room.
        event: `OPEN`, `START`, `NAVIGATE`, `END` or `CLOSE`.
        revision: The revision that the change made.
        media_id: The media that is shown since; empty if none is.
        page: Its page; 0 if none is shown.
    """

    session_id: str
    event: str
    revision: int = 0
    media_id: str = ""
    page: int = 0

    @property
    def task(self) -> Task:
        """
        The task that tells of it.
        """
        key = f"{self.session_id}:{self.event}:{self.revision}:{self.media_id}:{self.page}"
        return Task(BROADCAST_SLIDES, key)

    @classmethod
    def of_key(cls, key: str) -> Self:
        """
        Parse the key of a task. Pure.

        Raises:
            ValueError: It is not such a key (never).
        """
        found = KEY.fullmatch(key)
        if found is None:
            raise ValueError(f"{key!r} is not the key of an announcement.")
        session_id, event, revision, media_id, page = found.groups()
        return cls(session_id, event, int(revision), media_id, int(page))

    def body(self, media: Fields | None) -> str:
        """
        Return the message, as everybody in the room may read it. It has no address: clients get the addresses of pages
        from the API. Pure.

        Args:
            media: The view of the media that is shown; `None` if it was deleted meanwhile, or if none is shown.
        """
        shown: dict[str, Any] | None = None
        if self.media_id:
            known = {} if media is None else {"title": media["title"], "nb_pages": media["nbPages"]}
            shown = {"id": self.media_id, **known}
        content = {
            "id": self.session_id,
            "active_shared_live_media": shown,
            "active_shared_live_media_page": self.page or None,
            "revision": self.revision,
        }
        return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def room_of(session: SessionIdentity) -> str:
    """
    Return our id of a session's room. Another session of the same id has another room. Pure.
    """
    return session.stamp().replace(":", "-")


def broadcast(deployment: Deployment, key: str, _each: Mapper) -> None:
    """
    Do the task of one announcement. A session that is gone has no room any more.

    Raises:
        Transient: The documents or the chat server could not be reached (again).
    """
    told = Announcement.of_key(key)
    if deployment.chat is None:
        return
    chat = deployment.chat()
    if told.event == CLOSE:
        chat.destroy_room(told.session_id)
        return
    paths = [session_path(told.session_id)]
    if told.media_id:
        paths.append(shared_media_path(told.session_id, told.media_id))
    document, *views = deployment.documents.read(*paths)
    if document is None:
        return
    room = room_of(Session.from_document(document).identity)
    if told.event == OPEN:
        chat.create_room(room)
        return
    media = views[0] if views else None
    _send(chat, room, told.event, told.body(None if media is None else media.fields))


def _send(chat: Chat, room: str, event: str, body: str) -> None:
    try:
        chat.broadcast(room, event, body)
    except Permanent as error:
        if error.code != NO_ROOM:
            raise
        chat.create_room(room)
        chat.broadcast(room, event, body)
