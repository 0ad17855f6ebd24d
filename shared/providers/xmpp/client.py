"""Keep one connection to an XMPP server, send requests over it, and turn every failure into an error of ours.

Called by `chat.py`. slixmpp needs an event loop, which runs in a thread of its own from the first request on. A
connection that is lost is made anew by the next request, so that a server that is down costs nothing in between.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as WaitedTooLong
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from xml.etree.ElementTree import Element

from shared.core.errors import Doubtful, Misconfigured, Permanent, ProviderError, Transient
from shared.providers.codes import CONNECTION_LOST, NOT_FOUND, TIMEOUT, UNAUTHORIZED, UNREACHABLE
from shared.providers.secret import REJECTED_PAUSE_S, SecretWatch

if TYPE_CHECKING:
    from shared.providers.xmpp.connection import Connection

NAME: Final = "xmpp"

SERVICE: Final = "service"
"""The user name of this service at the server, as in deploy/prosody/modules/mod_auth_greenroom_jwt.lua."""

NAMESPACE: Final = "urn:greenroom:rooms"

CLOSE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Patience:
    """
    The bounds of a request, in seconds.

    Attributes:
        connect_s: The time for a connection, with TLS and log-in.
        answer_s: The time for an answer.
        idle_s: A connection that was silent for so long is tried before it is used: an instance without requests is not
            given any processor, so it does not notice that its connection ended.
        ping_s: The time for that.
    """

    connect_s: float = 10.0
    answer_s: float = 10.0
    idle_s: float = 15.0
    ping_s: float = 3.0

    @property
    def total_s(self) -> float:
        """
        Return the bound of a whole request.
        """
        return self.ping_s + self.connect_s + self.answer_s + CLOSE_S


USUAL: Final = Patience()


# slixmpp logs every stanza, and thus passwords.
logging.getLogger("slixmpp").setLevel(logging.CRITICAL + 1)


class Client:
    """
    The client of one server; safe to share between threads, created once per process.

    Args:
        host: The name or address of the server.
        port: Its port for clients.
        domain: The domain of the service's account.
        password: The password of that account; empty if this function sends nothing.
        tls: What the certificate of the domain is checked by; `None` sends everything in the clear.
        patience: How long it waits.
    """

    def __init__(
        self,
        host: str,
        port: int,
        domain: str,
        password: str,
        tls: ssl.SSLContext | None,
        patience: Patience = USUAL,
    ) -> None:
        self._host = host
        self._port = port
        self._domain = domain
        self._password = password
        self._tls = tls
        self._patience = patience
        self._secret = SecretWatch(NAME, "The chat server", "XMPP_PASSWORD")
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._connecting: asyncio.Lock | None = None
        self._connection: Connection | None = None

    def ask(self, operation: str, jid: str, attributes: Mapping[str, str] | None = None, text: str = "") -> None:
        """
        Make one request, and wait until the server says that it is done.

        Args:
            operation: The name of the request.
            jid: Who is asked.
            attributes: The attributes of the request.
            text: The text of the request.

        Raises:
            Transient: It was not done (again).
            Doubtful: It may have been done (again).
            Permanent: It cannot be done, because there is no such room (never).
            Misconfigured: The password is not set (never, until it is).
        """
        if not self._password:
            raise Misconfigured("Set XMPP_PASSWORD.")
        request = Element(f"{{{NAMESPACE}}}{operation}", dict(attributes or {}))
        request.text = text
        answer = self._run(self._ask(operation, jid, request))
        try:
            condition = answer.result(self._patience.total_s)
        except WaitedTooLong:
            answer.cancel()
            raise _doubtful(operation, TIMEOUT) from None
        if condition is not None:
            raise _refused(operation, condition)

    def close(self) -> None:
        """
        Close the connection. Another request would make a new one.
        """
        with self._starting:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is not None and thread is not None:
            asyncio.run_coroutine_threadsafe(self._end(), loop).result(self._patience.total_s)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def _run(self, work: Coroutine[Any, Any, str | None]) -> Future[str | None]:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._connecting = asyncio.Lock()
                self._thread = threading.Thread(target=self._loop.run_forever, name="xmpp", daemon=True)
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _ask(self, operation: str, jid: str, request: Element) -> str | None:
        connection = await self._connected(operation)
        try:
            return await connection.ask(jid, request, self._patience.answer_s)
        except TimeoutError:
            self._drop(connection)
            raise _doubtful(operation, TIMEOUT) from None
        except ConnectionError:
            self._drop(connection)
            raise _doubtful(operation, CONNECTION_LOST) from None

    async def _connected(self, operation: str) -> Connection:
        """
        Return a connection that answers.

        Raises:
            Transient: There is none (again).
        """
        assert self._connecting is not None
        async with self._connecting:
            connection = self._connection
            if connection is not None:
                is_fresh = connection.silent_s() < self._patience.idle_s
                if connection.is_open and (is_fresh or await connection.answers(self._patience.ping_s)):
                    return connection
                self._drop(connection)
            self._connection = await self._connect(operation)
            return self._connection

    async def _connect(self, operation: str) -> Connection:
        # slixmpp takes 0.2 s to load.
        from shared.providers.xmpp.connection import Connection, LoginRejected

        connection = Connection(f"{SERVICE}@{self._domain}", self._password, self._tls)
        try:
            async with asyncio.timeout(self._patience.connect_s):
                await connection.open(self._host, self._port)
        except LoginRejected:
            connection.abort()
            raise self._secret.rejected(operation, UNAUTHORIZED) from None
        except (TimeoutError, ConnectionError) as error:
            connection.abort()
            code = TIMEOUT if isinstance(error, TimeoutError) else UNREACHABLE
            raise Transient(
                "The chat server cannot be reached; it is tried again.", provider=NAME, operation=operation, code=code
            ) from None
        self._secret.accepted()
        return connection

    def _drop(self, connection: Connection) -> None:
        """
        Give up a connection, so that the next request makes a new one.
        """
        if connection is self._connection:
            self._connection = None
        connection.abort()

    async def _end(self) -> None:
        if self._connection is not None:
            await self._connection.say_goodbye(CLOSE_S)
            self._drop(self._connection)


def _doubtful(operation: str, code: str) -> Doubtful:
    return Doubtful(
        "The chat server did not confirm the request; it is tried again.", provider=NAME, operation=operation, code=code
    )


def _refused(operation: str, condition: str) -> ProviderError:
    """
    Return the error for a refusal. Apart from a missing room, only the server's operator can change its reason.
    """
    if condition == "item-not-found":
        return Permanent("This chat room does not exist.", provider=NAME, operation=operation, code=NOT_FOUND)
    return Transient(
        "The chat server refuses the request. Its operator has to check mod_greenroom_rooms and XMPP_CONFERENCE; it is "
        "tried again by itself.",
        provider=NAME,
        operation=operation,
        code=condition.upper().replace("-", "_"),
        retry_after_s=REJECTED_PAUSE_S,
    )
