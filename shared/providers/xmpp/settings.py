"""The settings of the chat server. Registered in `shared/providers/registry.py`; see docs/chat.md."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from shared.core import reading
from shared.ports import Chat
from shared.providers.settings import ChatSettings, Context, Use, optional, required

if TYPE_CHECKING:
    import ssl

_ADDRESS: Final = re.compile(r"([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]):([0-9]{1,5})")
_WEBSOCKET: Final = re.compile(r"(wss?)://(.+)", re.IGNORECASE)


def host_and_port(text: str) -> str:
    """
    Read `host:port`. Pure.
    """
    found = _ADDRESS.fullmatch(text.lower())
    if found is None or int(found[2]) not in range(1, 65536):
        raise ValueError("must be a host and a port, such as chat.example.com:5222")
    return text.lower()


def websocket(text: str) -> str:
    """
    Read the address of a WebSocket, which must be encrypted unless it is on this machine. Pure.
    """
    found = _WEBSOCKET.fullmatch(text)
    try:
        if found is not None:
            return f"ws{reading.url(('https' if found[1].lower() == 'wss' else 'http') + '://' + found[2])[4:]}"
    except ValueError:
        pass
    raise ValueError("must be an address such as wss://chat.example.com:5281/xmpp-websocket")


def host_of(address: str) -> str:
    """
    Return the host of `host:port`. Pure.
    """
    return address.rpartition(":")[0]


def tls_to(host: str) -> ssl.SSLContext | None:
    """
    Return what a server's certificate is checked by; `None` on this machine, where nothing is encrypted.
    """
    import ssl

    return None if host in reading.LOOPBACK else ssl.create_default_context()


_secret: Final = reading.matching("[!-~]{32,}", "one word of at least 32 visible ASCII characters")
_domain: Final = reading.matching(
    r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9][a-z0-9-]*[a-z0-9]", "a domain such as chat.example.com", lower=True
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(ChatSettings):
    """
    The settings of an XMPP server.
    """

    title: ClassVar[str] = "Chat (XMPP)"

    address: str = required(
        "XMPP_ADDRESS",
        host_and_port,
        "Host and port of the chat server for clients with STARTTLS; without it there is no chat.",
        is_account=True,
    )
    domain: str = required("XMPP_DOMAIN", _domain, "Domain of the people there, a VirtualHost of Prosody.")
    conference: str = required("XMPP_CONFERENCE", _domain, "Domain of the rooms there, a Component of Prosody.")
    websocket_url: str = required(
        "XMPP_WEBSOCKET_URL", websocket, "Address of the chat server's WebSocket, for browsers."
    )
    password: str = required("XMPP_PASSWORD", _secret, "Password of this service at the chat server.", is_secret=True)
    jwt_secret: str = optional(
        "XMPP_JWT_SECRET",
        _secret,
        "Signs the passwords of people at the chat server; needed with XMPP_ADDRESS.",
        "",
        is_secret=True,
        use=Use.CHATS,
    )

    def open(self, context: Context) -> Chat:
        from shared.providers.xmpp.chat import XmppChat
        from shared.providers.xmpp.client import Client

        host, port = host_of(self.address), int(self.address.rpartition(":")[2])
        client = Client(host.strip("[]"), port, self.domain, self.password, tls_to(host))
        return XmppChat(client, self.domain, self.conference, self.websocket_url, self.jwt_secret, context.clock)
