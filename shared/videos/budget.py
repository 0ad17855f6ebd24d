"""How many requests the tokens of one upload allow, all of them together. Pure.

Called by `grant`. A provider that counts requests counts them for each token, so what was granted is recorded with the
video, and every token is given out of what is left of one budget. A token that is still good is given again instead of
a new one, and its requests are counted on; so asking again costs nothing, however often a line breaks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from shared.core.errors import TooMany
from shared.ports import Allowance, Fields

BUDGETS: Final = 10
"""The tokens of one upload allow so many times the requests that its file takes."""

GOOD_FOR_S: Final = 30 * 60
"""A token that is good for at least so long is given again."""

IDLE_MAX: Final = 3
"""A token that was given so often without a byte arriving in between may be used up: there is a new one."""


@dataclass(frozen=True, slots=True)
class Granted:
    """
    What was granted for one upload.

    Attributes:
        number: The upload's number among those of its video.
        requests: How many the last token allows.
        expires_at: When it ends.
        requests_in_all: How many all tokens have allowed.
        received_bytes: How much had arrived when the last token was given.
        idle: How often it was given again since then although nothing more had arrived.
    """

    number: int
    requests: int
    expires_at: datetime
    requests_in_all: int
    received_bytes: int
    idle: int = 0

    @property
    def allowance(self) -> Allowance:
        """
        How much the last token allows.
        """
        return Allowance(self.requests, self.expires_at)

    def to_fields(self) -> dict[str, Any]:
        """
        The document form. Pure.
        """
        return {
            "number": self.number,
            "requests": self.requests,
            "expiresAt": self.expires_at,
            "requestsInAll": self.requests_in_all,
            "receivedBytes": self.received_bytes,
            "idle": self.idle,
        }

    @classmethod
    def from_fields(cls, fields: Fields | None) -> Self | None:
        """
        Read back what `to_fields` wrote. Pure.
        """
        if fields is None:
            return None
        return cls(
            number=fields["number"],
            requests=fields["requests"],
            expires_at=fields["expiresAt"],
            requests_in_all=fields["requestsInAll"],
            received_bytes=fields["receivedBytes"],
            idle=fields["idle"],
        )


@dataclass(frozen=True, slots=True)
class Need:
    """
    The need of one upload at the moment when a token is asked for.

    Attributes:
        number: The upload's number among those of its video.
        size_bytes: The size of the file, as it was declared.
        received_bytes: How much of it has arrived.
        until: When the token ends at the latest.
    """

    number: int
    size_bytes: int
    received_bytes: int
    until: datetime


def next_granted(
    before: Granted | None, need: Need, requests_for: Callable[[int], int], now: datetime, lifetime_s: int
) -> Granted:
    """
    Return what is granted now: the last token again, or a new one for what is still missing.

    Args:
        before: What was granted last, for whichever upload.
        need: The need of the upload.
        requests_for: How many requests it takes to send so many bytes; 0 where nobody counts them.
        now: This instant.
        lifetime_s: The lifetime of a new token.

    Raises:
        TooMany: The budget is used up (never, for this upload).
    """
    if before is not None and before.number != need.number:
        before = None
    if before is not None and _is_good(before, need, now):
        if need.received_bytes > before.received_bytes:
            return replace(before, received_bytes=need.received_bytes, idle=0)
        if before.idle < IDLE_MAX:
            return replace(before, idle=before.idle + 1)
    spent = 0 if before is None else before.requests_in_all
    left = BUDGETS * requests_for(need.size_bytes) - spent
    requests = min(requests_for(max(0, need.size_bytes - need.received_bytes)), left)
    if requests < 1 and requests_for(need.size_bytes):
        raise TooMany(
            "This upload has used up all the requests it may make. Start a new one.", reason="UPLOAD_REQUESTS_TOO_MANY"
        )
    expires_at = min(now + timedelta(seconds=lifetime_s), need.until).replace(microsecond=0)
    if before is not None and before.allowance == Allowance(requests, expires_at):
        # The same allowance is the same token.
        expires_at -= timedelta(seconds=1)
    return Granted(need.number, requests, expires_at, spent + requests, need.received_bytes)


def _is_good(granted: Granted, need: Need, now: datetime) -> bool:
    """
    Whether the last token may be given again: it lasts, and does not outlast its upload.
    """
    return now + timedelta(seconds=GOOD_FOR_S) <= granted.expires_at <= need.until
