"""The answers that grant something for a limited time.

Called by the callables of `live.py` and `playback.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from functions.edge.fields import Doc, message
from shared.ports import ADDRESSES, Grant, renew_at

PLAYER_KEY: Final = "ks"
"""The value of a player's key that clients get."""

ExpiresAt = Annotated[datetime, Doc("when this grant ends")]
RenewAt = Annotated[datetime, Doc("when to call again")]
IssuedAt = Annotated[datetime, Doc("the server's time of this answer: a client's clock may be wrong")]


@message
class Player:
    """The addresses at which a video or event plays."""

    manifestUrl: Annotated[str, Doc("HLS; if a host or the provider has it")] | None = None
    progressiveUrl: Annotated[str, Doc("one file; for Kaltura, or if a host has it")] | None = None
    thumbnailUrl: Annotated[str, Doc("a picture; if a host or the provider has it")] | None = None
    ks: Annotated[str, Doc("with `playerKs: true`")] | None = None
    expiresAt: ExpiresAt
    renewAt: RenewAt


def lasting(expires_at: datetime, now: datetime) -> dict[str, datetime]:
    """
    Return the fields that say when a grant expires, and when to renew it. Pure.
    """
    return {"expiresAt": expires_at, "renewAt": renew_at(expires_at, now)}


def playing(
    addresses: Mapping[str, str | int], expires_at: datetime, player_key: Grant | None, now: datetime
) -> dict[str, Any]:
    """
    Return the fields of `Player`: the addresses of a video or event with their expiry, and the key for the provider's
    own player if there is one. Pure.
    """
    values = addresses
    if player_key is not None:
        values, expires_at = {**addresses, **player_key.values}, min(expires_at, player_key.expires_at)
    told = {name: values[name] for name in (*ADDRESSES, PLAYER_KEY) if name in values}
    return {**told, **lasting(expires_at, now)}
