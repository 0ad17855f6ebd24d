"""Kaltura behind the domain's ports.

Called through `shared/providers/__init__.py` alone. The ports are filled by `events/`, `media`, `audience`, `playback`,
`inventory`, `webhooks` and `setup`; each of their methods asks `KalturaAccount.client` for one call, or for a
multirequest of several (`client/`).

- `account`: keys (`signing`), client and references of one account. It remembers users in `known_users`, and in
  `account_cache` the `account_objects`, which are created in it once.
- `mapping` translates Kaltura's terms, `refusals` tells its refusals apart, `paging` reads whole lists.
- `observations` reads the state of videos for `media`, `chat` signs chat tokens for `audience`, and `confinement`
  checks roles for `setup`.
"""

from shared.providers.kaltura.account import KalturaAccount, KnownFor
from shared.providers.kaltura.audience import KalturaAudience
from shared.providers.kaltura.events import KalturaEvents
from shared.providers.kaltura.inventory import KalturaInventory
from shared.providers.kaltura.media import KalturaMedia
from shared.providers.kaltura.playback import KalturaViewerKeys
from shared.providers.kaltura.setup import KalturaSetup
from shared.providers.kaltura.webhooks import KalturaWebhook

__all__ = [
    "KalturaAccount",
    "KalturaAudience",
    "KalturaEvents",
    "KalturaInventory",
    "KalturaMedia",
    "KalturaSetup",
    "KalturaViewerKeys",
    "KalturaWebhook",
    "KnownFor",
]
