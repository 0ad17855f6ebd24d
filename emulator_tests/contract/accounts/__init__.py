"""Provider accounts for their contract suites: the ports, and a back door to see and change what exists there.

Used by the suites of events, media, audience and inventory, which test the promises of their ports for every account.
"""

from emulator_tests.contract.accounts.kaltura import (
    CHAT_LIFETIME_S,
    CHAT_SECRET,
    DECLARED_BYTES,
    FILM_S,
    OF_ACCOUNT,
    PARTLY_SENT_BYTES,
    CloudflareServer,
    CloudflareSite,
    Film,
    KalturaServer,
    KalturaSite,
    MemorySite,
    Site,
    running_cloudflare,
)

__all__ = [
    "CHAT_LIFETIME_S",
    "CHAT_SECRET",
    "DECLARED_BYTES",
    "FILM_S",
    "OF_ACCOUNT",
    "PARTLY_SENT_BYTES",
    "CloudflareServer",
    "CloudflareSite",
    "Film",
    "KalturaServer",
    "KalturaSite",
    "MemorySite",
    "Site",
    "running_cloudflare",
]
