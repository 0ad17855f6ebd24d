"""Turn failures of httpx, and refusals of the server, into errors of ours.

Called by the clients of the adapters, which say what to ask for and what their own codes mean. No error sentence
repeats what a server said, and none has an address, because an address may be a secret.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, NoReturn

import httpx

from shared.core.errors import Doubtful, Permanent, ProviderError, Transient
from shared.providers.codes import (
    CONNECTION_LOST,
    MALFORMED,
    NOT_FOUND,
    RATE_LIMITED,
    TIMEOUT,
    UNREACHABLE,
)
from shared.providers.transport import AddressFilter, BoundedTransport

# httpx logs the address of every request, and that of an upload is a secret.
logging.getLogger("httpx").setLevel(logging.WARNING)

ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
"""The maximum size of an API's answer: a list of 1,000 videos has a quarter of it."""

_LONGEST_WAIT_S: Final = 3600.0
_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


def connect(
    answer_timeout_s: float,
    connect_timeout_s: float,
    *,
    total_s: float | None = None,
    answer_bytes_max: int | None = ANSWER_BYTES_MAX,
    address_filter: AddressFilter | None = None,
) -> httpx.Client:
    """
    Create a client that follows no redirects, limits every answer, and takes nothing from the environment: proxies and
    credentials there are not for these calls.

    Args:
        answer_timeout_s: The time for each silence while the request is sent and the answer is read.
        connect_timeout_s: The time for a connection.
        total_s: The time for a whole request; `None` is a connection and one silence.
        answer_bytes_max: The maximum size of one body, in bytes; `None` if the caller counts them.
        address_filter: Tells which addresses may be connected to; `None` allows all.
    """
    timeout = httpx.Timeout(answer_timeout_s, connect=connect_timeout_s, pool=connect_timeout_s)
    transport = BoundedTransport(total_s or connect_timeout_s + answer_timeout_s, answer_bytes_max, address_filter)
    return httpx.Client(timeout=timeout, trust_env=False, transport=transport)


@dataclass(frozen=True, slots=True)
class Wire:
    """
    The errors of one provider or host.

    Attributes:
        provider: Our name of the provider or host.
        called: Its name for people.
    """

    provider: str
    called: str

    @contextmanager
    def failing(self, operation: str) -> Iterator[None]:
        """
        Turn httpx's errors into ours.
        """
        try:
            yield
        except httpx.HTTPError as error:
            raise self.broken(operation, error) from None

    def broken(self, operation: str, cause: BaseException | None) -> ProviderError:
        """
        Return the error of a request that was not answered.
        """
        if isinstance(cause, _NEVER_SENT):
            return self.transient(operation, UNREACHABLE, f"{self.called} cannot be reached.")
        if isinstance(cause, httpx.TimeoutException):
            return self.doubtful(operation, TIMEOUT, f"{self.called} did not answer in time.")
        return self.doubtful(operation, CONNECTION_LOST, f"The connection to {self.called} was lost.")

    def refused(self, operation: str, answer: httpx.Response, code: str | None = None) -> ProviderError:
        """
        Return the error of an answer that is not a success.

        Args:
            operation: The name of the call.
            answer: The answer, with its status.
            code: The server's own code for what is wrong with the request, if it has one.
        """
        status = answer.status_code
        if status in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
            return self.permanent(operation, NOT_FOUND, f"{self.called} has no such object.")
        if status == httpx.codes.TOO_MANY_REQUESTS:
            wait_s = _retry_after_s(answer.headers.get("retry-after"))
            return self.transient(
                operation, RATE_LIMITED, f"{self.called} takes no more requests at the moment.", wait_s
            )
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return self.doubtful(operation, f"HTTP_{status}", f"{self.called} reported a server error.")
        if status >= httpx.codes.BAD_REQUEST:
            return self.permanent(operation, code or f"HTTP_{status}", f"{self.called} refuses this request.")
        return self.doubtful(operation, f"HTTP_{status}", f"{self.called} sent an answer that could not be read.")

    def malformed(self, operation: str) -> NoReturn:
        """
        Refuse an answer that cannot be parsed.

        Raises:
            Doubtful: Always (again, look first).
        """
        raise self.doubtful(operation, MALFORMED, f"{self.called} sent an answer that could not be read.") from None

    def transient(self, operation: str, code: str, message: str, retry_after_s: float | None = None) -> Transient:
        """
        Return the error of a call that was not done (again).
        """
        return Transient(message, provider=self.provider, operation=operation, code=code, retry_after_s=retry_after_s)

    def doubtful(self, operation: str, code: str, message: str) -> Doubtful:
        """
        Return the error of a call that may have been done (again, look first).
        """
        return Doubtful(message, provider=self.provider, operation=operation, code=code)

    def permanent(self, operation: str, code: str, message: str) -> Permanent:
        """
        Return the error of a call that was refused for good (never).
        """
        return Permanent(message, provider=self.provider, operation=operation, code=code)


def _retry_after_s(told: str | None) -> float | None:
    """
    Return the seconds to wait, from a header with seconds or a date; `None` if it has neither.
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
