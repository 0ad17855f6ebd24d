"""One connection of slixmpp, from its opening to its end. Called by `client.py`, in the thread of its event loop."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final, Literal
from xml.etree.ElementTree import Element

from slixmpp import ClientXMPP
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.stanza import Iq

_PING: Final = "{urn:xmpp:ping}ping"


class LoginRejected(Exception):
    """
    The server does not accept the password.
    """


class Connection:
    """
    A connection that is opened once, used until it is lost, and then thrown away.

    Args:
        jid: The address of the account.
        password: Its password.
        tls: What the server's certificate is checked by; `None` sends everything in the clear.
    """

    def __init__(self, jid: str, password: str, tls: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = loop.create_future()
        self._lost: asyncio.Future[None] = loop.create_future()
        self._heard_at_s = loop.time()
        # PLAIN alone, which slixmpp sends only inside TLS unless it is told otherwise.
        options = {"feature_mechanisms": {"unencrypted_plain": tls is None}}
        self._xmpp = ClientXMPP(jid, password, plugin_config=options, sasl_mech="PLAIN", ssl_context=tls)
        self._xmpp.enable_direct_tls = False
        self._xmpp.enable_starttls = tls is not None
        self._xmpp.enable_plaintext = tls is None
        self._xmpp.add_event_handler("session_start", self._on_start)
        self._xmpp.add_event_handler("failed_auth", self._on_rejected)
        for event in ("connection_failed", "disconnected", "ssl_invalid_chain", "no_auth"):
            self._xmpp.add_event_handler(event, self._on_lost)

    @property
    def is_open(self) -> bool:
        """
        Tell whether the connection was opened and is not known to be lost.
        """
        return self._opened.done() and not self._lost.done()

    def silent_s(self) -> float:
        """
        Return the seconds since the server last answered.
        """
        return asyncio.get_running_loop().time() - self._heard_at_s

    async def open(self, host: str, port: int) -> None:
        """
        Connect and log in.

        Raises:
            LoginRejected: The password is wrong (never, until it is changed).
            ConnectionError: There is no connection (again).
        """
        self._xmpp.connect(host, port)
        await asyncio.wait({self._opened, self._lost}, return_when=asyncio.FIRST_COMPLETED)
        if not self._opened.done():
            raise ConnectionError
        self._opened.result()

    async def ask(self, jid: str, request: Element, within_s: float) -> str | None:
        """
        Send a request.

        Returns:
            The condition of the server's refusal; `None` if it was done.

        Raises:
            TimeoutError: There is no answer.
            ConnectionError: The connection was lost.
        """
        return await self._answer("set", jid, request, within_s)

    async def answers(self, within_s: float) -> bool:
        """
        Tell whether the server answers a ping.
        """
        try:
            await self._answer("get", self._xmpp.boundjid.domain, Element(_PING), within_s)
        except (TimeoutError, ConnectionError):
            return False
        return True

    async def say_goodbye(self, within_s: float) -> None:
        """
        End the stream, and give the server some time to end it too.
        """
        if self.is_open:
            await self._xmpp.disconnect(within_s, ignore_send_queue=True)

    def abort(self) -> None:
        """
        End the connection at once, and whatever slixmpp does for it.
        """
        self._xmpp.cancel_connection_attempt()
        self._xmpp.abort()
        self._on_lost(None)
        # slixmpp would leave it to the garbage collector.
        if self._xmpp._run_out_filters is not None:
            self._xmpp._run_out_filters.cancel()

    async def _answer(self, kind: Literal["get", "set"], jid: str, request: Element, within_s: float) -> str | None:
        iq: Iq = self._xmpp.make_iq(itype=kind, ito=jid)
        iq.append(request)
        answer = asyncio.ensure_future(iq.send(timeout=within_s))  # type: ignore[no-untyped-call]  # slixmpp's
        await asyncio.wait({answer, self._lost}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            raise ConnectionError
        try:
            answer.result()
        except IqTimeout:
            raise TimeoutError from None
        except IqError as error:
            self._heard_at_s = asyncio.get_running_loop().time()
            return str(error.condition)
        self._heard_at_s = asyncio.get_running_loop().time()
        return None

    def _on_start(self, _: object) -> None:
        if not self._opened.done():
            self._heard_at_s = asyncio.get_running_loop().time()
            self._opened.set_result(None)

    def _on_rejected(self, _: object) -> None:
        if not self._opened.done():
            self._opened.set_exception(LoginRejected)

    def _on_lost(self, _: object) -> None:
        self._xmpp.cancel_connection_attempt()
        if not self._lost.done():
            self._lost.set_result(None)
