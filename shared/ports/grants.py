"""A provider's own ids, and what is handed out so that somebody can send or play something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

ExternalIds = Mapping[str, str]
"""A provider's own ids of one thing of ours, by the names that the documents use (`entryId`, `eventId`, …)."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """
    How much one token to upload allows.

    Attributes:
        requests: So many requests, at a provider that counts them.
        expires_at: Until then.
    """

    requests: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Grant:
    """
    A short-lived permission for a client.

    Attributes:
        url: Where to go with it; it may hold the secret too.
        token: The secret; goes to the one caller and nowhere else.
        expires_at: When it ends.
        values: What the client needs besides by the provider's names, the secret among it where it does not stand in
            the address, e.g. `ks`.
        bare_url: The same address without its permission, at which nothing may be had; empty where there is none.
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

    A client that speaks the protocol needs the address and the values, and nothing else.

    Attributes:
        protocol: How the bytes are sent, e.g. `tus`. Clients choose by it how they send, whatever the provider.
        url: Where they are sent; it may hold the secret too.
        token: The secret; goes to the one caller and nowhere else.
        expires_at: When it ends.
        values: What else the protocol needs, by the names that clients read; the secret is among it where it does not
            stand in the address. No name is `protocol` or `url`.
        renewable_until: When the provider ends the upload, however often the grant is given anew; `None` where the
            provider sets no such end.
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
"""What a grant to play may name among its values: HLS, one file, a still picture."""
