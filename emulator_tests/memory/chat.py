"""The chat port in memory."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from emulator_tests.memory.effect import Effect, undisturbed
from shared.core.errors import Permanent
from shared.ports import ChatLogin, Clock
from shared.ports.chat import sendable

NAME: Final = "memory"


@dataclass(frozen=True, slots=True)
class SentMessage:
    """
    A message of the service in a room.
    """

    event: str
    body: str


class MemoryChat:
    """
    The chat port in memory.

    Attributes:
        rooms: The messages of each room, by our id of it.
    """

    def __init__(self, clock: Clock, effect: Effect = undisturbed) -> None:
        self.rooms: dict[str, list[SentMessage]] = {}
        self._clock = clock
        self._effect = effect
        self._lock = threading.Lock()

    def create_room(self, room: str) -> None:
        def do() -> None:
            with self._lock:
                self.rooms.setdefault(room, [])

        self._effect("create_room", do)

    def destroy_room(self, room: str) -> None:
        def do() -> None:
            with self._lock:
                self.rooms.pop(room, None)

        self._effect("destroy_room", do)

    def broadcast(self, room: str, event: str, body: str) -> None:
        sent = SentMessage(event, sendable(NAME, event, body))

        def do() -> None:
            with self._lock:
                if room not in self.rooms:
                    raise Permanent(
                        "This chat room does not exist.", provider=NAME, operation="broadcast", code="NOT_FOUND"
                    )
                self.rooms[room].append(sent)

        self._effect("broadcast", do)

    def login(self, room: str, person: str, *, is_moderator: bool, lifetime_s: int) -> ChatLogin:
        expires_at = self._clock().replace(microsecond=0) + timedelta(seconds=lifetime_s)
        role = "moderator" if is_moderator else "participant"
        password = f"{person} is a {role} in {room} until {expires_at.isoformat()}"
        return ChatLogin("wss://chat.test", f"{person}@chat.test", f"{room}@rooms.test", password, expires_at)
