"""What goes wrong on the way to whoever is asked by httpx, and what a refusal means, as errors of ours.

Called by the clients of the adapters. Leaves to them what to ask for, and what their own codes mean. No sentence here
repeats what a server said, and none holds an address: one may be a secret.
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
from shared.providers.transport import BoundedTransport, KillSwitch

# It tells the address of every request, and that of an upload is a secret.
logging.getLogger("httpx").setLevel(logging.WARNING)

ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
"""Of an answer of an API: a list of 1,000 videos has a quarter of it."""

_LONGEST_WAIT_S: Final = 3600.0
_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


def connect(
    answer_timeout_s: float,
    connect_timeout_s: float,
    *,
    total_s: float | None = None,
    answer_bytes_max: int | None = ANSWER_BYTES_MAX,
    kill_switch: KillSwitch | None = None,
) -> httpx.Client:
    """
    Make a client that follows no redirects, bounds every answer, and takes nothing from the environment: its proxies
    and credentials are not for this.

    Args:
        answer_timeout_s: For each silence while the question is sent and the answer comes.
        connect_timeout_s: For a connection.
        total_s: For a whole request; `None` is a connection and one silence.
        answer_bytes_max: Of one body, in bytes; `None` where the caller counts them.
        guard: Which addresses may be connected to; `None` is all.
    """
    timeout = httpx.Timeout(answer_timeout_s, connect=connect_timeout_s, pool=connect_timeout_s)
    transport = BoundedTransport(total_s or connect_timeout_s + answer_timeout_s, answer_bytes_max, kill_switch)
    return httpx.Client(timeout=timeout, trust_env=False, transport=transport)


@dataclass(frozen=True, slots=True)
class Wire:
    """
    The way to one of them.

    Attributes:
        provider: Our name of who is asked.
        called: What people call it.
    """

    provider: str
    called: str

    @contextmanager
    def failing(self, operation: str) -> Iterator[None]:
        """
        Turn what httpx raises into errors of ours.
        """
        try:
            yield
        except httpx.HTTPError as error:
            raise self.broken(operation, error) from None

    def broken(self, operation: str, cause: BaseException | None) -> ProviderError:
        """
        The error of a request that was not answered.
        """
        if isinstance(cause, _NEVER_SENT):
            return self.transient(operation, UNREACHABLE, f"{self.called} cannot be reached.")
        if isinstance(cause, httpx.TimeoutException):
            return self.doubtful(operation, TIMEOUT, f"{self.called} did not answer in time.")
        return self.doubtful(operation, CONNECTION_LOST, f"The connection to {self.called} was lost.")

    def refused(self, operation: str, answer: httpx.Response, code: str | None = None) -> ProviderError:
        """
        The error of an answer that is none of success.

        Args:
            operation: What was asked.
            answer: With its status.
            code: What the server itself says is wrong with the request, where it says so.
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
        Refuse an answer that makes no sense.

        Raises:
            Doubtful: (again, look first).
        """
        raise self.doubtful(operation, MALFORMED, f"{self.called} sent an answer that could not be read.") from None

    def transient(self, operation: str, code: str, message: str, retry_after_s: float | None = None) -> Transient:
        """
        It was not done (again).
        """
        return Transient(message, provider=self.provider, operation=operation, code=code, retry_after_s=retry_after_s)

    def doubtful(self, operation: str, code: str, message: str) -> Doubtful:
        """
        It may have been done (again, look first).
        """
        return Doubtful(message, provider=self.provider, operation=operation, code=code)

    def permanent(self, operation: str, code: str, message: str) -> Permanent:
        """
        It never will be (never).
        """
        return Permanent(message, provider=self.provider, operation=operation, code=code)


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
