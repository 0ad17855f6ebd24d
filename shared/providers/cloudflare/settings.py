"""The settings of an account at Cloudflare.

Registered in `shared/providers/registry.py`. The adapter is imported when an account is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from shared.core import reading
from shared.providers.settings import Context, Provider, ProviderSettings, optional, required


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(ProviderSettings):
    """
    The settings of an account at Cloudflare.
    """

    title: ClassVar[str] = "Cloudflare Stream"

    account_id: str = required(
        "CLOUDFLARE_ACCOUNT_ID",
        reading.matching("[0-9a-f]{32}", "an account id of 32 digits and letters from a to f", lower=True),
        "Cloudflare account id; empty if there is none.",
        is_account=True,
    )
    api_token: str = required(
        "CLOUDFLARE_API_TOKEN", reading.word, "Cloudflare API token with the permission Stream: Edit.", is_secret=True
    )
    signing_key: str = required(
        "CLOUDFLARE_SIGNING_KEY",
        str,
        "Signs playback tokens: what `greenroom make-signing-key` prints.",
        is_secret=True,
    )
    playback_url: str = required(
        "CLOUDFLARE_PLAYBACK_URL",
        reading.origin,
        "Address that plays the account's videos, such as https://customer-<code>.cloudflarestream.com.",
    )
    url: str = optional(
        "CLOUDFLARE_URL", reading.url, "Address of Cloudflare's API.", "https://api.cloudflare.com/client/v4"
    )
    upload_lifetime_s: int = optional(
        "CLOUDFLARE_UPLOAD_LIFETIME_S",
        reading.whole(1, 30 * 24 * 3600),
        "Seconds for which an upload address takes bytes, and minutes are reserved for it.",
        6 * 3600,
    )
    calls_max: int = optional(
        "CLOUDFLARE_CALLS_MAX",
        reading.whole(10, 100_000),
        "Calls to Cloudflare's API in five minutes; less than 1,200 if something else calls it with the same user.",
        1200,
    )
    passes_on: Mapping[str, str] = optional(
        "CLOUDFLARE_PASS_ON",
        reading.addresses,
        "Other deployments on the same account, to which notifications are passed on: namespace=url, with commas "
        "between.",
        {},
    )

    def open(self, context: Context) -> Provider:
        from shared.providers.cloudflare.factory import open_account

        return open_account(self, context)
