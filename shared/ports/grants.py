"""External ids, and the grants that let a client upload or play something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

ExternalIds = Mapping[str, str]
"""A provider's own ids of one thing of ours, by the names that the documents use."""

RENEW_AHEAD_S: Final = 10 * 60
"""Clients renew a grant this long before it expires, or after half its life if that is shorter."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """
    The limits of one upload token.

    Attributes:
        requests: The number of requests, at a provider that counts them.
        expires_at: When it expires.
    """

    requests: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Grant:
    """
    A short-lived permission for a client.

    Attributes:
        url: The address to use it at; it may contain the secret.
        token: The secret; goes to the one caller and nowhere else.
        expires_at: When it expires.
        values: What else the client needs, by the provider's names. Includes the secret if the address does not
            contain it.
        bare_url: The same address without the permission, at which nothing may be served; empty if there is none.
    """

    url: str = field(repr=False)
    token: str = field(repr=False)
    expires_at: datetime
    values: Mapping[str, str | int] = field(default_factory=dict, repr=False)
    bare_url: str = ""


@dataclass(frozen=True, slots=True)
class UploadGrant:
    """
    A short-lived permission for a client to send the bytes of one upload.

    A client that speaks the protocol needs only the address and the values.

    Attributes:
        protocol: The upload protocol, by the name that clients know. They choose their implementation by it,
            whatever the provider.
        url: The address to send the bytes to; it may contain the secret.
        token: The secret; goes to the one caller and nowhere else.
        expires_at: When it expires.
        values: What else the protocol needs, by the names that clients read. Includes the secret if the address does
            not contain it. No name is `protocol` or `url`.
        renewable_until: When the provider ends the upload, however often the grant is renewed; `None` if the provider
            sets no such end.
    """

    protocol: str
    url: str = field(repr=False)
    token: str = field(repr=False)
    expires_at: datetime
    values: Mapping[str, str | int] = field(default_factory=dict, repr=False)
    renewable_until: datetime | None = None


MANIFEST_URL: Final = "manifestUrl"


PROGRESSIVE_URL: Final = "progressiveUrl"


THUMBNAIL_URL: Final = "thumbnailUrl"


ADDRESSES: Final = (MANIFEST_URL, PROGRESSIVE_URL, THUMBNAIL_URL)
"""The values of a playback grant that are addresses: HLS, a single file, a still picture."""


def renew_at(expires_at: datetime, now: datetime) -> datetime:
    """
    Return when a client should renew a grant that expires at an instant. Pure.
    """
    return expires_at - min(timedelta(seconds=RENEW_AHEAD_S), (expires_at - now) / 2)
