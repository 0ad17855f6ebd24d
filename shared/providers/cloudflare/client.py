"""Call Cloudflare through its SDK, read the answers, and turn every failure into an error of ours.

Called by the provider's adapters, which import it only for the first call: the SDK takes a third of a second to import.
The adapters say what to ask for.

The SDK's own retries are off: after a 503 it sends a creation again, and each creation reserves minutes. Its answers
are read raw, because an invalid body must become an error of ours, and `errReasonCode` is not a field of its types.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import httpx
from cloudflare import APIConnectionError, APIStatusError, Cloudflare

from shared.core.errors import ProviderError
from shared.providers.cloudflare.mapping import NO_ROOM
from shared.providers.codes import UNAUTHORIZED
from shared.providers.secret import SecretWatch
from shared.providers.wire import Wire, connect

PROVIDER: Final = "cloudflare"

WIRE: Final = Wire(PROVIDER, "Cloudflare")

# An upload's address is its own permission. A client without it gets an answer as if nothing were there.
_NOTHING_THERE: Final = (
    httpx.codes.NOT_FOUND,
    httpx.codes.GONE,
    httpx.codes.UNAUTHORIZED,
    httpx.codes.FORBIDDEN,
)

T = TypeVar("T")

Ask = Callable[[Any], Any]
"""Makes exactly one call on the SDK's stream resource that it is given (`lambda s: s.get(…)`), which answers raw."""


class Client:
    """
    The client of one Cloudflare account; safe to share between threads, created once per process.

    Args:
        url: The address of the API, e.g. `https://api.cloudflare.com/client/v4`.
        api_token: A token with the permissions Stream, read and edit.
        connect_timeout_s: The time for a connection.
        answer_timeout_s: The time for each silence while the request is sent and the answer is read.
    """

    def __init__(
        self, url: str, api_token: str, *, connect_timeout_s: float = 5.0, answer_timeout_s: float = 25.0
    ) -> None:
        self._http = connect(answer_timeout_s, connect_timeout_s)
        self._sdk = Cloudflare(
            api_token=api_token, base_url=url, max_retries=0, timeout=self._http.timeout, http_client=self._http
        )
        self._secret = SecretWatch(PROVIDER, WIRE.called, "CLOUDFLARE_API_TOKEN")

    def ask(self, operation: str, ask: Ask, kind: type[T]) -> T:
        """
        Make one call.

        Args:
            operation: Its name, for errors and the log.
            ask: The call.
            kind: The type of its result: `dict`, `list`, or `object` if the result is not used.

        Returns:
            `result` of the answer.

        Raises:
            Transient: It was not done (again).
            Doubtful: It may have been done (again, look first).
            Permanent: Cloudflare refused; `code` says why (never).
        """
        result = self._result(operation, self._send(operation, ask))
        if not isinstance(result, kind):
            WIRE.malformed(operation)
        return result

    def headers_of(self, operation: str, ask: Ask) -> Mapping[str, str]:
        """
        Make one call and return the headers of its answer. Raises as `ask`.
        """
        return self._send(operation, ask).headers

    def head(self, operation: str, url: str, headers: Mapping[str, str]) -> Mapping[str, str] | None:
        """
        Return the headers of an address that needs no token; `None` if there is nothing. Raises as `ask`.
        """
        with WIRE.failing(operation):
            answer = self._http.head(url, headers=dict(headers))
        if answer.status_code in _NOTHING_THERE:
            return None
        if not answer.is_success:
            raise self._refused(operation, answer)
        return answer.headers

    def close(self) -> None:
        """
        Close the connections.
        """
        self._http.close()

    def _result(self, operation: str, answer: httpx.Response) -> object:
        if answer.status_code == httpx.codes.NO_CONTENT or not answer.content:
            return None
        try:
            told = answer.json()
        except (json.JSONDecodeError, UnicodeDecodeError):
            WIRE.malformed(operation)
        if not isinstance(told, Mapping) or told.get("success") is not True:
            WIRE.malformed(operation)
        return told.get("result")

    def _send(self, operation: str, ask: Ask) -> httpx.Response:
        with self._failing(operation):
            answer: httpx.Response = ask(self._sdk.stream).http_response
        self._secret.accepted()
        return answer

    @contextmanager
    def _failing(self, operation: str) -> Iterator[None]:
        """
        Turn the SDK's errors into ours.
        """
        try:
            with WIRE.failing(operation):
                yield
        except APIStatusError as error:
            raise self._refused(operation, error.response) from None
        except APIConnectionError as error:
            raise WIRE.broken(operation, error.__cause__) from None

    def _refused(self, operation: str, answer: httpx.Response) -> ProviderError:
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            return self._secret.rejected(operation, UNAUTHORIZED)
        if answer.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
            return WIRE.permanent(operation, NO_ROOM, "The video provider has no room for this video.")
        return WIRE.refused(operation, answer, _code(answer))


def _code(answer: httpx.Response) -> str | None:
    """
    Return Cloudflare's error number as a code; `None` if there is none.
    """
    try:
        (first, *_) = answer.json()["errors"]
        return f"CLOUDFLARE_{int(first['code'])}"
    except (ValueError, KeyError, TypeError):
        return None
