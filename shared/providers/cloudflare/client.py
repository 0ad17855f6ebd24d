"""Talks to Cloudflare: the SDK's requests, their answers read here, and every failure as an error of ours.

Called by the provider's adapters, which import it only when Cloudflare is really called: the SDK costs a third of a
second to import. Leaves to them what to ask for.

The SDK is told to repeat nothing: by itself it sends a creation again after a 503, and each reserves minutes. Its
answers are taken raw, for a refused body must become an error of ours, and `errReasonCode` is no field of its types.
No sentence here repeats what the server said, and none holds an address: an upload address is a secret.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, NoReturn, TypeVar

import httpx
from cloudflare import APIConnectionError, APIStatusError, Cloudflare

from shared.errors import Doubtful, Permanent, ProviderError, Transient
from shared.providers.cloudflare.words import NO_ROOM, NOT_FOUND

PROVIDER: Final = "cloudflare"

# It tells the address of every request, and that of an upload is a secret.
logging.getLogger("httpx").setLevel(logging.WARNING)

# Failures of the wire, beside `HTTP_<status>`.
UNREACHABLE: Final = "UNREACHABLE"
TIMEOUT: Final = "TIMEOUT"
CONNECTION_LOST: Final = "CONNECTION_LOST"
MALFORMED: Final = "MALFORMED"
UNAUTHORIZED: Final = "UNAUTHORIZED"
RATE_LIMITED: Final = "RATE_LIMITED"

_LONGEST_WAIT_S: Final = 3600.0
_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)

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
        timeout = httpx.Timeout(answer_timeout_s, connect=connect_timeout_s, pool=connect_timeout_s)
        # The environment's proxies and credentials are not for this.
        self._http = httpx.Client(timeout=timeout, trust_env=False)
        self._sdk = Cloudflare(
            api_token=api_token, base_url=url, max_retries=0, timeout=timeout, http_client=self._http
        )

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
            malformed(operation)
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
        with _failing(operation):
            answer = self._http.head(url, headers=dict(headers))
        if answer.status_code in (httpx.codes.NOT_FOUND, httpx.codes.GONE, httpx.codes.FORBIDDEN):
            return None
        if not answer.is_success:
            raise _refused(operation, answer)
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
            malformed(operation)
        if not isinstance(told, Mapping) or told.get("success") is not True:
            malformed(operation)
        return told.get("result")

    def _send(self, operation: str, ask: Ask) -> httpx.Response:
        with _failing(operation):
            answer: httpx.Response = ask(self._sdk.stream).http_response
        return answer


@contextmanager
def _failing(operation: str) -> Iterator[None]:
    """
    Turn the SDK's and the wire's errors into ours.
    """
    try:
        yield
    except APIStatusError as error:
        raise _refused(operation, error.response) from None
    except (APIConnectionError, httpx.HTTPError) as error:
        cause = error.__cause__ if isinstance(error, APIConnectionError) else error
        if isinstance(cause, _NEVER_SENT):
            raise _transient(operation, UNREACHABLE, "Cloudflare cannot be reached.") from None
        if isinstance(cause, httpx.TimeoutException):
            raise _doubtful(operation, TIMEOUT, "Cloudflare did not answer in time.") from None
        raise _doubtful(operation, CONNECTION_LOST, "The connection to Cloudflare was lost.") from None


def _refused(operation: str, answer: httpx.Response) -> ProviderError:
    status = answer.status_code
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        # The token may have just been changed; who has a wrong one reads this in the log until he has a right one.
        return _transient(operation, UNAUTHORIZED, "Cloudflare does not accept the API token.")
    if status in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
        return _permanent(operation, NOT_FOUND, "Cloudflare has no such thing.")
    if status == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
        return _permanent(operation, NO_ROOM, "The video provider has no room for this video.")
    if status == httpx.codes.TOO_MANY_REQUESTS:
        wait_s = _retry_after_s(answer.headers.get("retry-after"))
        return _transient(operation, RATE_LIMITED, "Cloudflare takes no more requests at the moment.", wait_s)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return _doubtful(operation, f"HTTP_{status}", "Cloudflare has failed.")
    if status >= httpx.codes.BAD_REQUEST:
        return _permanent(operation, _code(answer), "Cloudflare refuses this request.")
    return _doubtful(operation, f"HTTP_{status}", "Cloudflare answered in a way that makes no sense.")


def _code(answer: httpx.Response) -> str:
    """
    The number by which Cloudflare says what is wrong, else the status.
    """
    try:
        (first, *_) = answer.json()["errors"]
        return f"CLOUDFLARE_{int(first['code'])}"
    except (ValueError, KeyError, TypeError):
        return f"HTTP_{answer.status_code}"


def _retry_after_s(told: str | None) -> float | None:
    """
    Seconds to wait, from a header that has seconds or a date; `None` where it says nothing that makes sense.
    """
    if told is None:
        return None
    try:
        wait_s = float(told)
    except ValueError:
        try:
            wait_s = (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(wait_s, _LONGEST_WAIT_S) if wait_s > 0 else None


def malformed(operation: str) -> NoReturn:
    """
    Refuse an answer that makes no sense.

    Raises:
        Doubtful: (again, look first).
    """
    raise _doubtful(operation, MALFORMED, "Cloudflare answered in a way that makes no sense.") from None


def _transient(operation: str, code: str, message: str, retry_after_s: float | None = None) -> Transient:
    return Transient(message, provider=PROVIDER, operation=operation, code=code, retry_after_s=retry_after_s)


def _doubtful(operation: str, code: str, message: str) -> Doubtful:
    return Doubtful(message, provider=PROVIDER, operation=operation, code=code)


def _permanent(operation: str, code: str, message: str) -> Permanent:
    return Permanent(message, provider=PROVIDER, operation=operation, code=code)
