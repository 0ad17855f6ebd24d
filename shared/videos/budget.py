"""The request budget of one upload: how many requests all its tokens together allow. Pure.

Called by `upload_tokens`. A provider that counts requests counts them per token. So the granted requests are recorded
with the video, and every token is given out of the rest of one budget. A token that is still good is given again
instead of a new one, and its count continues. Asking again therefore costs nothing, however often a connection breaks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from shared.core.errors import TooMany
from shared.ports import Allowance, Fields

BUDGETS: Final = 10
"""The tokens of one upload allow this many times the requests that its file takes."""

GOOD_FOR_S: Final = 30 * 60
"""A token that is valid for at least this many seconds is given again."""

IDLE_MAX: Final = 3
"""A token that was given this often without a byte arriving in between may be used up: a new one is given."""


@dataclass(frozen=True, slots=True)
class Granted:
    """
    The requests granted for one upload.

    Attributes:
        number: The upload's number among those of its video.
        requests: How many the last token allows.
        expires_at: When the last token expires.
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
        Return the limits of the last token.
        """
        return Allowance(self.requests, self.expires_at)

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form. Pure.
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
        Parse the document form that `to_fields` wrote. Pure.
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
    The need of one upload when a token is asked for.

    Attributes:
        number: The upload's number among those of its video.
        size_bytes: The declared size of the file.
        received_bytes: How much of it has arrived.
        until: When the token must end at the latest.
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
        before: The last grant, of any upload of the video.
        need: The need of the upload.
        requests_for: Returns how many requests sending so many bytes takes; 0 if the provider does not count them.
        now: This instant.
        lifetime_s: The lifetime of a new token, in seconds.

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
        # The same allowance would give the same token.
        expires_at -= timedelta(seconds=1)
    return Granted(need.number, requests, expires_at, spent + requests, need.received_bytes)


def _is_good(granted: Granted, need: Need, now: datetime) -> bool:
    """
    Tell whether the last token may be given again: it is valid long enough, and does not outlast its upload.
    """
    return now + timedelta(seconds=GOOD_FOR_S) <= granted.expires_at <= need.until
