"""The chats against which the contract suite runs, each with an independent listener."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol
from xml.sax.saxutils import quoteattr

from emulator_tests.contract.xmpp_client import WebSocketClient, XmppClient, body_of
from emulator_tests.memory import MemoryChat, SentMessage
from emulator_tests.testbed.prosody import CONFERENCE, DOMAIN, Prosody
from shared.ports import Chat, ChatLogin
from shared.providers.xmpp.chat import XmppChat
from shared.providers.xmpp.client import USUAL, Client, Patience


class Listener(Protocol):
    """
    Somebody in a room.
    """

    def heard(self) -> list[SentMessage]:
        """
        Return the messages since the last call, once all that were sent have arrived.
        """
        ...

    def leave(self) -> None:
        """
        Leave the room.
        """
        ...


class ChatSite(Protocol):
    """
    A chat with listeners.
    """

    @property
    def chat(self) -> Chat:
        """
        The chat under test.
        """
        ...

    def listen(self, room: str) -> Listener:
        """
        Enter a room.
        """
        ...


@dataclass(slots=True)
class MemoryListener:
    """
    A reader of the messages in memory.
    """

    messages: list[SentMessage]
    _read: int = 0

    def __post_init__(self) -> None:
        self._read = len(self.messages)

    def heard(self) -> list[SentMessage]:
        """
        See `Listener`.
        """
        found = self.messages[self._read :]
        self._read += len(found)
        return found

    def leave(self) -> None:
        """
        See `Listener`.
        """
        self.messages = []


@dataclass(slots=True)
class MemoryChatSite:
    """
    The chat in memory.
    """

    chat: MemoryChat = field(default_factory=lambda: MemoryChat(now))

    def listen(self, room: str) -> MemoryListener:
        """
        See `ChatSite`.
        """
        return MemoryListener(self.chat.rooms[room])


@dataclass(slots=True)
class XmppListener:
    """
    A client that is not slixmpp.
    """

    client: XmppClient
    room_jid: str

    def heard(self) -> list[SentMessage]:
        """
        See `Listener`.
        """
        return [SentMessage(one.get("event", ""), body_of(one)) for one in self.client.messages()]

    def leave(self) -> None:
        """
        See `Listener`.
        """
        self.client.send(f"<presence to={quoteattr(self.room_jid)} type='unavailable'/>")
        self.client.messages()


class ProsodySite:
    """
    A chat at a Prosody.

    Args:
        server: The server.
        patience: How long the service waits.

    Attributes:
        is_browser: Whether people come by WebSocket.
    """

    def __init__(self, server: Prosody, patience: Patience = USUAL) -> None:
        self.server = server
        self.is_browser = False
        self.client = client_of(server, patience)
        self.chat = chat_of(server, self.client)
        self._clients: list[XmppClient] = []

    def connect(self, login: ChatLogin) -> XmppClient:
        """
        Log a person in, without entering a room.
        """
        address = (self.server.host, self.server.port)
        client = WebSocketClient(login.address, DOMAIN) if self.is_browser else XmppClient(address, DOMAIN)
        self._clients.append(client)
        client.login(login.jid.partition("@")[0], login.password)
        return client

    def enter(self, room: str, person: str, *, is_moderator: bool = False) -> XmppClient:
        """
        Log a person in, and let them enter a room.
        """
        login = self.chat.login(room, person, is_moderator=is_moderator, lifetime_s=600)
        client = self.connect(login)
        assert client.join(login.room_jid, person) == ("moderator" if is_moderator else "participant")
        return client

    def listen(self, room: str) -> XmppListener:
        """
        See `ChatSite`.
        """
        login = self.chat.login(room, "listener", is_moderator=False, lifetime_s=600)
        return XmppListener(self.enter(room, "listener"), f"{login.room_jid}/listener")

    def close(self) -> None:
        """
        End all connections.
        """
        for client in self._clients:
            client.close()
        self.chat.close()


@contextmanager
def at_prosody(server: Prosody, patience: Patience = USUAL) -> Iterator[ProsodySite]:
    """
    Give a chat at a Prosody, and end its connections afterwards.
    """
    site = ProsodySite(server, patience)
    try:
        yield site
    finally:
        site.close()


def client_of(server: Prosody, patience: Patience = USUAL, password: str | None = None) -> Client:
    """
    Return the connection of the service.
    """
    return Client(server.host, server.port, DOMAIN, password or server.password, None, patience)


def chat_of(server: Prosody, client: Client) -> XmppChat:
    """
    Return the chat of the service.
    """
    return XmppChat(client, DOMAIN, CONFERENCE, server.websocket_url, server.jwt_secret, now)


def now() -> datetime:
    """
    Return the current instant.
    """
    return datetime.now(UTC)
