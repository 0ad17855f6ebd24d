"""Fill the port of the chat with rooms on an XMPP server.

Called by whatever broadcasts or admits people. The requests are those of mod_greenroom_rooms in deploy/prosody: the
service is in no room, and the answer of the server says that it has done what was asked.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import jwt

from shared.core.errors import Misconfigured
from shared.ports import ChatLogin, Clock
from shared.ports.chat import sendable
from shared.providers.xmpp.addresses import name_of
from shared.providers.xmpp.client import NAME, Client

ALGORITHM: Final = "HS256"

USER: Final = "user-"
"""The names of people begin with this, so that nobody has the name of the service."""


class XmppChat:
    """
    The chat of one deployment; safe to share between threads.

    Args:
        client: The connection of the service.
        domain: The domain of the people.
        conference: The domain of the rooms.
        websocket_url: The address for browsers.
        jwt_secret: Signs the passwords of people; empty if this function admits nobody.
        clock: Now, in UTC.
    """

    def __init__(
        self, client: Client, domain: str, conference: str, websocket_url: str, jwt_secret: str, clock: Clock
    ) -> None:
        self._client = client
        self._domain = domain
        self._conference = conference
        self._websocket_url = websocket_url
        self._jwt_secret = jwt_secret
        self._clock = clock

    def create_room(self, room: str) -> None:
        """
        See `ports.Chat`.
        """
        self._client.ask("create", self._room_jid("create", room))

    def destroy_room(self, room: str) -> None:
        """
        See `ports.Chat`.
        """
        self._client.ask("destroy", self._room_jid("destroy", room))

    def broadcast(self, room: str, event: str, body: str) -> None:
        """
        See `ports.Chat`.
        """
        sent = sendable(NAME, event, body)
        self._client.ask("broadcast", self._room_jid("broadcast", room), {"event": event}, sent)

    def login(self, room: str, person: str, *, is_moderator: bool, lifetime_s: int) -> ChatLogin:
        """
        See `ports.Chat`.

        Raises:
            Misconfigured: The secret is not set (never, until it is).
        """
        if not self._jwt_secret:
            raise Misconfigured("Set XMPP_JWT_SECRET.")
        user, room_name = USER + name_of("login", person), name_of("login", room)
        expires_at = self._clock().replace(microsecond=0) + timedelta(seconds=lifetime_s)
        claims = {"sub": user, "exp": expires_at, "room": room_name, "moderates": is_moderator}
        return ChatLogin(
            self._websocket_url,
            f"{user}@{self._domain}",
            f"{room_name}@{self._conference}",
            jwt.encode(claims, self._jwt_secret, ALGORITHM),
            expires_at,
        )

    def close(self) -> None:
        """
        Close the connection.
        """
        self._client.close()

    def _room_jid(self, operation: str, room: str) -> str:
        return f"{name_of(operation, room)}@{self._conference}"
