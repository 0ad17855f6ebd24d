"""The chat server of a deployment: one room for each session, messages to it, and log-ins for people.

`sendable` checks what is broadcast, in the same way for every adapter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from shared.core.errors import Permanent

BODY_BYTES_MAX: Final = 200 * 1024
"""The maximum size of a body, in bytes of UTF-8."""

EVENTS: Final = ("start_sharing", "navigate_sharing", "end_sharing")
"""The events that a message can have."""

_NOT_IN_XML: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Source: https://www.w3.org/TR/xml/#charsets"""


@dataclass(frozen=True, slots=True)
class ChatLogin:
    """
    The log-in of one person to one room.

    Attributes:
        address: The address of the chat server for browsers, `wss://…`.
        jid: The person's address there.
        room_jid: The room's address there.
        password: Secret; opens this room for this person.
        expires_at: The end of the password. A connection that was made before stays open.
    """

    address: str
    jid: str
    room_jid: str
    password: str = field(repr=False)
    expires_at: datetime


class Chat(Protocol):
    """
    The chat server. Raises as `Events` does; every call may be repeated when in doubt.
    """

    def create_room(self, room: str) -> None:
        """
        Create a room that stays until it is destroyed. Only then can people enter it. Repeatable.
        """
        ...

    def destroy_room(self, room: str) -> None:
        """
        Destroy a room. Repeatable: a room that is gone is no error.
        """
        ...

    def broadcast(self, room: str, event: str, body: str) -> None:
        """
        Send a message to everybody in a room. Returns when the server has it; messages of calls that follow each other
        arrive in that order. A call that is repeated sends a second message: the body must tell which is newer.

        Args:
            room: Our id of the room.
            event: One of `EVENTS`.
            body: A JSON text of at most `BODY_BYTES_MAX`.

        Raises:
            Transient: The server does not have it (again).
            Doubtful: The server did not confirm it (again).
            Permanent: The room does not exist (`code` is `NOT_FOUND`: create it first, if its session still exists),
                the body is too large, or the event is unknown (never).
        """
        ...

    def login(self, room: str, person: str, *, is_moderator: bool, lifetime_s: int) -> ChatLogin:
        """
        Return a log-in for one room. Asks no server.

        Args:
            room: Our id of the room.
            person: The person's uid.
            is_moderator: Whether they may send events and remove people.
            lifetime_s: Seconds until the password ends.
        """
        ...


def sendable(provider: str, event: str, body: str) -> str:
    """
    Return a body as it is sent: characters that XML cannot carry, such as U+0000 or half of a surrogate pair, are
    written as JSON's `\\uXXXX`, which means the same inside a string. Pure.

    Raises:
        Permanent: It is too large, or the event is unknown (never).
    """
    if event not in EVENTS:
        raise _refused(provider, "UNKNOWN_EVENT", f"The event of a message must be one of {', '.join(EVENTS)}.")
    if len(body) <= BODY_BYTES_MAX:
        body = _NOT_IN_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", body)
        if len(body.encode()) <= BODY_BYTES_MAX:
            return body
    raise _refused(provider, "TOO_LARGE", f"A message must have at most {BODY_BYTES_MAX} bytes: send less in one.")


def _refused(provider: str, code: str, sentence: str) -> Permanent:
    return Permanent(sentence, provider=provider, operation="broadcast", code=code)
