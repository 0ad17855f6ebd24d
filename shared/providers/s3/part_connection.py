"""A connection to a store, for requests whose bodies are sent as they come from another server.

Used by `upload.py`, because botocore would keep a whole part in memory, or read it twice.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Final
from urllib.parse import urlsplit

import certifi
from botocore import exceptions
from botocore.parsers import create_parser

CONNECT_S: Final = 5
SILENCE_S: Final = 60.0
ANSWER_BYTES_MAX: Final = 64 * 1024


class PartConnection:
    """
    One connection for one request at a time, kept from one to the next. Raises the library's errors.

    Args:
        ca_file: Certificates that the store's is signed by; empty for the usual ones.
    """

    def __init__(self, ca_file: str = "") -> None:
        self._ca_file = ca_file
        self._connection: http.client.HTTPConnection | None = None
        self._is_broken = False

    def begin(self, url: str, headers: Mapping[str, str]) -> None:
        """
        Begin to PUT.

        Args:
            url: The address.
            headers: All headers, also of authorization and length.
        """
        parts = urlsplit(url)
        connection = self._connection or self._connect(url)
        self._connection, self._is_broken = connection, False
        try:
            connection.putrequest("PUT", f"{parts.path}?{parts.query}", skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
        except (OSError, http.client.HTTPException):
            self._is_broken = True

    def send(self, piece: memoryview | bytes) -> bool:
        """
        Send a piece of the body.

        Returns:
            Whether the store still listens. If it does not, it may have answered already.
        """
        assert self._connection is not None
        if not self._is_broken:
            try:
                self._connection.sock.sendall(piece)
            except TimeoutError as error:
                raise exceptions.ReadTimeoutError(endpoint_url="", error=error) from None
            except OSError:
                self._is_broken = True
        return not self._is_broken

    def answer(self) -> Mapping[str, str]:
        """
        End the request, and return the headers of the answer, with names in lower case.
        """
        assert self._connection is not None
        try:
            answer = self._connection.getresponse()
            body = answer.read(ANSWER_BYTES_MAX)
        except TimeoutError as error:
            raise exceptions.ReadTimeoutError(endpoint_url="", error=error) from None
        except (OSError, http.client.HTTPException) as error:
            raise exceptions.ConnectionClosedError(endpoint_url="", error=error) from None
        headers = {name.lower(): value for name, value in answer.getheaders()}
        if answer.status != http.client.OK:
            answered = {"status_code": answer.status, "headers": headers, "body": body}
            raise exceptions.ClientError(create_parser("rest-xml").parse(answered, None), "UploadPart")
        if self._is_broken:
            raise exceptions.ConnectionClosedError(endpoint_url="")
        return headers

    def close(self) -> None:
        """
        Close the connection. The next request opens another one.
        """
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _connect(self, url: str) -> http.client.HTTPConnection:
        parts = urlsplit(url)
        assert parts.hostname is not None
        connection = (
            http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=CONNECT_S, context=_trust(self._ca_file or certifi.where())
            )
            if parts.scheme == "https"
            else http.client.HTTPConnection(parts.hostname, parts.port, timeout=CONNECT_S)
        )
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise exceptions.EndpointConnectionError(endpoint_url="", error=error) from None
        connection.sock.settimeout(SILENCE_S)
        return connection


@cache
def _trust(ca_file: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)
