"""Provider accounts for their contract suites: the ports, and a back door to see and change what exists there.

Used by the suites of events, media, audience and inventory, which test the promises of their ports for every account.
"""

from emulator_tests.contract.accounts.account import Account
from emulator_tests.contract.accounts.cloudflare import (
    DECLARED_BYTES,
    CloudflareServer,
    CloudflareTestAccount,
    running_cloudflare,
)
from emulator_tests.contract.accounts.files import FILM_S, PARTLY_SENT_BYTES, Film
from emulator_tests.contract.accounts.kaltura import (
    CHAT_LIFETIME_S,
    CHAT_SECRET,
    OF_ACCOUNT,
    KalturaServer,
    KalturaTestAccount,
)
from emulator_tests.contract.accounts.memory import MemoryAccount

__all__ = [
    "CHAT_LIFETIME_S",
    "CHAT_SECRET",
    "DECLARED_BYTES",
    "FILM_S",
    "OF_ACCOUNT",
    "PARTLY_SENT_BYTES",
    "Account",
    "CloudflareServer",
    "CloudflareTestAccount",
    "Film",
    "KalturaServer",
    "KalturaTestAccount",
    "MemoryAccount",
    "running_cloudflare",
]
