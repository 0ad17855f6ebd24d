"""Add expiry to answers that grant something for a limited time.

Called by the callables of `live.py` and `playback.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.admissions.joining import renew_at
from shared.ports import Grant


def lasting(fields: Mapping[str, Any], expires_at: datetime, now: datetime) -> dict[str, Any]:
    """
    Return the fields with the time when they expire, and when to renew them. Pure.
    """
    return {**fields, "expiresAt": expires_at, "renewAt": renew_at(expires_at, now)}


def playing(
    addresses: Mapping[str, str | int], expires_at: datetime, player_key: Grant | None, now: datetime
) -> dict[str, Any]:
    """
    Return the addresses of a video or event with their expiry, and the key for the provider's own player if there is
    one. Pure.
    """
    if player_key is None:
        return lasting(addresses, expires_at, now)
    return lasting({**addresses, **player_key.values}, min(expires_at, player_key.expires_at), now)
