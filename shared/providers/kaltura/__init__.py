"""Kaltura behind the domain's ports.

Called through `shared/providers/__init__.py` alone. `signing` signs, `client` makes HTTP calls, `mapping` translates
terms, `account` remembers what `made` creates once; `events`, `audience`, `media`, `playback`, `inventory`, `webhooks`
and `setup` fill the ports.
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
