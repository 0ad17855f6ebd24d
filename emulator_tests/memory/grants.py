"""Grants of the in-memory providers."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from shared.ports import Grant


def make_grant(now: datetime, lifetime_s: int, values: Mapping[str, str]) -> Grant:
    """
    Return a grant with a token that nobody can guess.
    """
    return Grant("memory://media", secrets.token_urlsafe(), now + timedelta(seconds=lifetime_s), dict(values))


def playback_grant(now: datetime, lifetime_s: int, id_: str, *names: str, revocation_id: str | None = None) -> Grant:
    """
    Return a grant to play a video; `names` are those of its addresses, the main one first.
    """
    token = secrets.token_urlsafe()
    addresses = {name: f"memory://{id_}/{name}?{token}" for name in names}
    return Grant(
        addresses[names[0]],
        token,
        now + timedelta(seconds=lifetime_s),
        {**addresses, "entryId": id_} | ({} if revocation_id is None else {"revocationId": revocation_id}),
        f"memory://{id_}/{names[0]}",
    )
