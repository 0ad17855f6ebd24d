"""Talks to Cloudflare: the SDK's requests, their answers read here, and every failure as an error of ours.

Called by the provider's adapters, which import it only when Cloudflare is really called: the SDK costs a third of a
second to import. Leaves to them what to ask for.

The SDK is told to repeat nothing: by itself it sends a creation again after a 503, and each reserves minutes. Its
answers are taken raw, for a refused body must become an error of ours, and `errReasonCode` is no field of its types.
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

# An upload's address is its own permission: whoever may not use it finds nothing there.
_NOTHING_THERE: Final = (
    httpx.codes.NOT_FOUND,
    httpx.codes.GONE,
    httpx.codes.UNAUTHORIZED,
    httpx.codes.FORBIDDEN,
)

T = TypeVar("T")

Ask = Callable[[Any], Any]
"""Makes exactly one call on the SDK's stream resource it is given (`lambda s: s.get(…)`), which answers raw."""


class Client:
    """
    Calls to one Cloudflare account; safe to share between threads, made once per process.

    Args:
        url: Of the API, e.g. `https://api.cloudflare.com/client/v4`.
        api_token: Whose permissions are Stream, read and edit.
        connect_timeout_s: For a connection.
        answer_timeout_s: For each silence while the question is sent and the answer comes.
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
        One call.

        Args:
            operation: Its name, for errors and the log.
            ask: The call.
            kind: What its result is: `dict`, `list`, or `object` where nobody looks at it.

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
        One call whose answer stands in the headers. Raises as `ask`.
        """
        return self._send(operation, ask).headers

    def head(self, operation: str, url: str, headers: Mapping[str, str]) -> Mapping[str, str] | None:
        """
        The headers of what is at an address that needs no token; `None` where nothing is there. Raises as `ask`.
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
    The number by which Cloudflare says what is wrong.
    """
    try:
        (first, *_) = answer.json()["errors"]
        return f"CLOUDFLARE_{int(first['code'])}"
    except (ValueError, KeyError, TypeError):
        return None
