"""The settings of an account at Kaltura.

Registered in `shared/providers/registry.py`. The adapter is imported when an account is opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from shared.core import reading
from shared.providers.settings import Context, Provider, ProviderSettings, Use, optional, required

FIND: Final = "find"
"""Stands in for a secret that can be looked up in the account."""

_DAY_S: Final = 24 * 3600


def server_url(text: str) -> str:
    """
    Read the address of a Kaltura server, with or without `/api_v3` at its end. No other path is possible: a KS for
    uploads is restricted to the path that Kaltura sees, and the start of that path would be unknown. Pure.
    """
    return reading.origin(reading.url(text).removesuffix("/api_v3"))


def word_or_find(text: str) -> str:
    """
    Read a secret, or the word `find` in its place. Pure.
    """
    return FIND if text.lower() == FIND else reading.word(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(ProviderSettings):
    """
    The settings of an account at Kaltura.
    """

    title: ClassVar[str] = "Kaltura"

    url: str = optional(
        "KALTURA_URL", server_url, "Address of the Kaltura server, without /api_v3.", "https://www.kaltura.com"
    )
    partner_id: int = required(
        "KALTURA_PARTNER_ID",
        reading.whole(0, 2**31 - 1),
        "Kaltura partner (account) id; 0 if there is none.",
        unset=0,
        is_account=True,
    )
    admin_secret: str = required("KALTURA_ADMIN_SECRET", reading.word, "Kaltura administrator secret.", is_secret=True)
    upload_role: str = optional(
        "KALTURA_UPLOAD_ROLE",
        reading.matching("[A-Za-z0-9_-]{1,128}", "a role's system name or id of letters, digits, _ and -"),
        "Role of upload tokens; empty makes one that can call uploadToken.upload and nothing else.",
        "",
    )
    chat_secret: str = optional(
        "KALTURA_CHAT_TOKEN",
        word_or_find,
        "Secret of the app token that signs chat tokens; `find` looks it up in the account.",
        "",
        is_secret=True,
        use=Use.CHATS,
    )
    room_url: str = optional(
        "KALTURA_ROOM_URL",
        reading.url,
        "Address of the account's rooms, such as https://1234567.kaf.kaltura.com; empty if it has none.",
        "",
    )
    users_known_s: int = optional(
        "USER_KNOWN_S",
        reading.whole(0, 365 * _DAY_S),
        "Seconds for which a Kaltura user is remembered without asking again.",
        30 * _DAY_S,
    )
    profiles_known_s: int = optional(
        "PROFILE_KNOWN_S",
        reading.whole(0, 365 * _DAY_S),
        "Seconds for which access-control profile and roles are remembered without asking again.",
        30 * _DAY_S,
    )
    chat_token_known_s: int = optional(
        "CHAT_TOKEN_KNOWN_S",
        reading.whole(0, 365 * _DAY_S),
        "Seconds for which the app token of chats is remembered without asking again.",
        30 * _DAY_S,
    )

    def open(self, context: Context) -> Provider:
        from shared.providers.kaltura.factory import open_account

        return open_account(self, context)
