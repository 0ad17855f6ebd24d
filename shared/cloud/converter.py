"""The converter port over HTTP: the service in `convert/`, which draws pages in a sandbox.

Built by `functions/wiring.py`. One request converts one document; its answer is a stream of events, see
`convert/service.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from shared.core.errors import Doubtful, Misconfigured, Permanent, Transient
from shared.ports import CONVERSION, NO_SUCH_OBJECT, Conversion, ConvertedPage

if TYPE_CHECKING:
    from requests import Response

PROVIDER: Final = "converter"

CONNECTED_WITHIN_S: Final = 10.0
SILENT_AT_MOST_S: Final = 60.0
"""How long the service may send nothing: it sends `alive` every 10 s. An instance may have to start first."""

LINE_BYTES_MAX: Final = 10_000
FILE_BYTES_MAX: Final = 64 * 1024 * 1024
"""The largest picture of a page that is taken."""

_EXTENSIONS: Final = ("png", "webp")
_GONE: Final = ("SOURCE_HTTP_404", "SOURCE_HTTP_410")


def own_token(url: str) -> str | None:
    """
    Return an ID token with which this service account calls a service of Cloud Run; `None` for a service on this
    machine.

    Raises:
        Transient: There is no token at the moment (again).
        Misconfigured: There are no credentials (never, until there are).
    """
    if url.startswith("http://"):
        return None
    from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
    from google.auth.transport.requests import Request
    from google.oauth2.id_token import fetch_id_token

    try:
        token: str = fetch_id_token(Request(), url)  # type: ignore[no-untyped-call]  # the library has no types for it
    except DefaultCredentialsError:
        raise Misconfigured(
            "The converter is called as a service account, and this machine has the credentials of none. Set "
            "GOOGLE_APPLICATION_CREDENTIALS to those of the functions' account."
        ) from None
    except GoogleAuthError:
        raise _failed("NO_TOKEN", Transient) from None
    return token


@dataclass(frozen=True, slots=True)
class ServiceConverter:
    """
    Calls the service once for each document.

    Attributes:
        url: The address of the service, without a path.
        token: Returns the token for this address; see `own_token`.
    """

    url: str
    token: Callable[[str], str | None] = own_token

    def convert(self, source: str, kind: str, publish: Callable[[ConvertedPage], None]) -> Conversion:
        """
        See `ports.Converter`.
        """
        warnings = list[str]()
        with self._asked({"source": source, "type": kind}) as answer:
            stream = _Stream(answer.iter_content(None))
            while True:
                told = stream.event()
                match told.get("event"):
                    case "page":
                        publish(_page(told, stream))
                    case "warning":
                        warnings.append(str(told.get("message")))
                    case "done":
                        return Conversion(_number(told, "pages", 10_000), tuple(warnings))
                    case "error":
                        sentence, reason = str(told.get("message")), str(told.get("reason"))
                        raise Permanent(sentence, provider=PROVIDER, operation=CONVERSION, code=reason)
                    case "failed" if told.get("code") in _GONE:
                        raise Permanent(
                            "The document is gone.", provider=PROVIDER, operation="read", code=NO_SUCH_OBJECT
                        )
                    case "failed" if told.get("code") == "SandboxUnavailable":
                        raise Misconfigured(
                            "The converter cannot isolate programs, so it converts nothing. Deploy it to the second "
                            "generation environment of Cloud Run, which has user namespaces."
                        )
                    case "failed" if str(told.get("code")).startswith("SOURCE_"):
                        raise _failed(str(told.get("code")), Transient)
                    case "failed":
                        raise _failed(str(told.get("code")))

    def check(self) -> None:
        """
        See `ports.Converter`.
        """
        with self._asked(None):
            pass

    @contextmanager
    def _asked(self, request: Mapping[str, str] | None) -> Iterator[Response]:
        """
        Send a request, and translate the errors of the connection.

        Args:
            request: The body of a request to convert; `None` only checks that the service runs.

        Raises:
            Transient: The service could not be reached, or is busy (again).
            Doubtful: The connection ended before the answer did (again).
            Misconfigured: It does not exist, or does not let us call it (never, until the operator changes it).
        """
        import requests
        from urllib3.exceptions import HTTPError

        token = self.token(self.url)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        lost: type[Transient] = Transient
        try:
            with requests.request(
                "GET" if request is None else "POST",
                self.url + ("/" if request is None else "/convert"),
                json=request,
                headers=headers,
                timeout=(CONNECTED_WITHIN_S, SILENT_AT_MOST_S),
                stream=True,
                allow_redirects=False,
            ) as answer:
                if answer.status_code in (401, 403, 404):
                    raise Misconfigured(
                        f"SLIDES_CONVERTER_URL answers HTTP {answer.status_code}. Deploy the service of convert/ "
                        "there, and grant the functions' account the role roles/run.invoker on it."
                    )
                if answer.status_code != 200:
                    raise _failed(f"HTTP_{answer.status_code}", Transient)
                lost = Doubtful
                yield answer
        except (requests.RequestException, HTTPError):
            # Its text may quote the source's address, which is a secret.
            raise _failed("CONNECTION_LOST", lost) from None


class _Stream:
    """
    The bytes of an answer, as they arrive.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._received = bytearray()

    def event(self) -> Mapping[str, Any]:
        """
        Return the next event.

        Raises:
            Doubtful: There is none, or it is malformed (again).
        """
        while (at := self._received.find(b"\n")) < 0:
            if len(self._received) > LINE_BYTES_MAX:
                raise _failed("MALFORMED")
            self._receive()
        try:
            told = json.loads(self._take(at + 1))
        except ValueError:
            raise _failed("MALFORMED") from None
        if not isinstance(told, dict):
            raise _failed("MALFORMED")
        return told

    def read(self, count: int) -> bytes:
        """
        Return the next bytes. Raises as `event`.
        """
        while len(self._received) < count:
            self._receive()
        return self._take(count)

    def _receive(self) -> None:
        chunk = next(self._chunks, None)
        if chunk is None:
            raise _failed("UNFINISHED")
        self._received += chunk

    def _take(self, count: int) -> bytes:
        taken = bytes(self._received[:count])
        del self._received[:count]
        return taken


def _page(told: Mapping[str, Any], stream: _Stream) -> ConvertedPage:
    extension = told.get("extension")
    if extension not in _EXTENSIONS:
        raise _failed("MALFORMED")
    # The files follow in this order.
    picture = stream.read(_number(told, "fileBytes", FILE_BYTES_MAX))
    thumbnail = stream.read(_number(told, "thumbnailBytes", FILE_BYTES_MAX))
    number, width, height = (_number(told, name, 100_000) for name in ("number", "width", "height"))
    return ConvertedPage(number, width, height, extension, picture, thumbnail, told.get("isBlank") is True)


def _number(told: Mapping[str, Any], name: str, most: int) -> int:
    value = told.get(name)
    if type(value) is not int or not 1 <= value <= most:
        raise _failed("MALFORMED")
    return value


def _failed(code: str, kind: type[Transient] = Doubtful) -> Transient:
    return kind("The converter failed.", provider=PROVIDER, operation=CONVERSION, code=code)
