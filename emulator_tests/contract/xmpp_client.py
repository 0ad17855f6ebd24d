"""A client of XMPP that is not slixmpp, to judge and to attack with: a socket, and the standard library's XML parser.

It sends any text as it is, so that a test can send what no honest client would.
"""

from __future__ import annotations

import base64
import re
import secrets
import socket
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, ParseError, XMLPullParser, fromstring
from xml.sax.saxutils import escape, quoteattr

CLIENT: Final = "{jabber:client}"
STREAM: Final = "{http://etherx.jabber.org/streams}"
MUC: Final = "http://jabber.org/protocol/muc"
WITHIN_S: Final = 60.0

_STANZA: Final = re.compile(r"^<(iq|message|presence)\b")


class Refused(Exception):
    """
    The server refused the log-in or ended the stream; the text is its condition.
    """


class XmppClient:
    """
    One connection in the clear.

    Args:
        address: Host and port of the server.
        domain: The domain to log in to.
    """

    def __init__(self, address: tuple[str, int], domain: str) -> None:
        self.domain = domain
        self.jid = ""
        self._socket = socket.create_connection(address, WITHIN_S)
        self._parser: XMLPullParser[Any] = XMLPullParser(("start", "end"))
        self._depth = 0
        self._waiting: list[Element] = []
        self.features: list[str] = []
        self.features = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """
        End the connection, as a client that loses its network.
        """
        self._socket.close()

    def login(self, user: str, password: str, mechanism: str = "PLAIN") -> None:
        """
        Log in and bind.

        Raises:
            Refused: The server does not accept it.
        """
        told = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        sasl = "urn:ietf:params:xml:ns:xmpp-sasl"
        self.send(f'<auth xmlns="{sasl}" mechanism="{mechanism}">{told}</auth>')
        answer = self.next_element()
        if answer.tag != f"{{{sasl}}}success":
            raise Refused(answer[0].tag.rpartition("}")[2])
        self._open()
        bound = self.ask("set", None, '<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/>')
        self.jid = next(iter(bound.itertext()))

    def join(self, room_jid: str, nick: str) -> str | None:
        """
        Enter a room.

        Returns:
            The role there.

        Raises:
            Refused: The server refuses it.
        """
        there = f"{room_jid}/{nick}"
        self.send(f'<presence to={quoteattr(there)}><x xmlns="{MUC}"/></presence>')
        while True:
            one = self.next_element()
            if one.tag == f"{CLIENT}presence" and one.get("from") in (there, room_jid):
                if one.get("type") == "error":
                    raise Refused(condition_of(one))
                item = one.find(f"{{{MUC}#user}}x/{{{MUC}#user}}item")
                return None if item is None else item.get("role")

    def message(self, to: str, body: str, attributes: str = 'type="groupchat"', inside: str = "") -> str:
        """
        Send a message.

        Returns:
            Its id.
        """
        number = secrets.token_hex(4)
        self.send(
            f'<message to={quoteattr(to)} id="{number}" {attributes}><body>{escape(body)}</body>{inside}</message>'
        )
        return number

    def ask(self, kind: str, to: str | None, inside: str) -> Element:
        """
        Send an IQ and return its answer; other stanzas keep waiting.

        Raises:
            Refused: The answer is an error.
        """
        number = secrets.token_hex(4)
        target = "" if to is None else f" to={quoteattr(to)}"
        self.send(f'<iq type="{kind}" id="{number}"{target}>{inside}</iq>')
        passed = []
        while (one := self.next_element()).tag != f"{CLIENT}iq" or one.get("id") != number:
            passed.append(one)
        self._waiting[:0] = passed
        if one.get("type") == "error":
            raise Refused(condition_of(one))
        return one

    def messages(self) -> list[Element]:
        """
        Return the messages that arrived until the server has answered a ping: nothing sent before it comes later.
        """
        self.ask("get", self.domain, '<ping xmlns="urn:xmpp:ping"/>')
        found = [one for one in self._waiting if one.tag == f"{CLIENT}message" and one.find(f"{CLIENT}subject") is None]
        self._waiting.clear()
        return found

    def send(self, text: str) -> None:
        """
        Send any text.
        """
        self._socket.sendall(text.encode())

    def next_element(self) -> Element:
        """
        Wait for the next element of the stream.

        Raises:
            Refused: The server ended the stream.
        """
        until = time.monotonic() + WITHIN_S
        while not self._waiting:
            assert time.monotonic() < until, "The server is silent."
            self._read()
        one = self._waiting.pop(0)
        if one.tag == f"{STREAM}error":
            raise Refused(one[0].tag.rpartition("}")[2])
        return one

    def _open(self) -> list[str]:
        """
        Open a stream, and return the mechanisms for a log-in that the server offers.
        """
        self._parser = XMLPullParser(("start", "end"))
        self._depth = 0
        self.send(
            f"<?xml version='1.0'?><stream:stream to={quoteattr(self.domain)} version='1.0' xmlns='jabber:client' "
            "xmlns:stream='http://etherx.jabber.org/streams'>"
        )
        return _mechanisms(self.next_element())

    def _read(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise Refused("closed")
        try:
            self._parser.feed(data)
            events: Iterator[Any] = self._parser.read_events()
            for event, element in events:
                assert isinstance(element, Element)
                self._depth += 1 if event == "start" else -1
                if event == "end" and self._depth == 1:
                    self._waiting.append(element)
        except ParseError as error:
            raise AssertionError(f"The server sent what is not XML: {error}") from None


def condition_of(stanza: Element) -> str:
    """
    Return the condition of an error.
    """
    error = stanza.find(f"{CLIENT}error")
    assert error is not None
    return error[0].tag.rpartition("}")[2]


def body_of(message: Element) -> str:
    """
    Return the body of a message.
    """
    body = message.find(f"{CLIENT}body")
    assert body is not None
    return body.text or ""


class WebSocketClient(XmppClient):
    """
    A connection as a browser makes it, in the clear. Source: https://www.rfc-editor.org/rfc/rfc7395

    Args:
        url: The address, `ws://…`.
        domain: The domain to log in to.
    """

    def __init__(self, url: str, domain: str) -> None:
        self._url = urlsplit(url)
        self._received = b""
        assert self._url.hostname is not None
        assert self._url.port is not None
        super().__init__((self._url.hostname, self._url.port), domain)

    def send(self, text: str) -> None:
        """
        Send one stanza in one frame, without a mask that changes it.
        """
        data = _STANZA.sub(r'<\1 xmlns="jabber:client"', text).encode()
        if len(data) < 126:
            size = bytes([0x80 | len(data)])
        elif len(data) < 1 << 16:
            size = b"\xfe" + len(data).to_bytes(2)
        else:
            size = b"\xff" + len(data).to_bytes(8)
        self._socket.sendall(b"\x81" + size + b"\0\0\0\0" + data)

    def _open(self) -> list[str]:
        if not self.features:
            self._socket.sendall(
                f"GET {self._url.path} HTTP/1.1\r\nHost: {self._url.netloc}\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Protocol: xmpp\r\n\r\n".encode()
            )
            while b"\r\n\r\n" not in self._received:
                self._receive()
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 "), head
        self.send(f'<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to={quoteattr(self.domain)} version="1.0"/>')
        assert self.next_element().tag == "{urn:ietf:params:xml:ns:xmpp-framing}open"
        return _mechanisms(self.next_element())

    def _read(self) -> None:
        while (frame := self._frame()) is None:
            self._receive()
        kind, text = frame
        if kind == 0x8:
            raise Refused("closed")
        if kind == 0x1:
            self._waiting.append(fromstring(text))

    def _frame(self) -> tuple[int, bytes] | None:
        """
        Take a whole frame out of what was received.
        """
        data = self._received
        if len(data) < 2:
            return None
        extra = {126: 2, 127: 8}.get(data[1], 0)
        begin = 2 + extra
        size = int.from_bytes(data[2:begin]) if extra else data[1]
        if len(data) < begin + size:
            return None
        self._received = data[begin + size :]
        return data[0] & 0x0F, data[begin : begin + size]

    def _receive(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise Refused("closed")
        self._received += data


def _mechanisms(features: Element) -> list[str]:
    return [one.text or "" for one in features.iter("{urn:ietf:params:xml:ns:xmpp-sasl}mechanism")]
