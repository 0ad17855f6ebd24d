"""Kaltura: what the domain's ports mean there.

Called through `shared/providers/__init__.py` alone. `keys` signs, `client` speaks the wire, `words` translates,
`account` holds what is made once; `events`, `media`, `strays` and `hook` fill the ports.
"""

from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.events import KalturaEvents
from shared.providers.kaltura.hook import KalturaHook
from shared.providers.kaltura.media import KalturaMedia
from shared.providers.kaltura.strays import KalturaStrays

__all__ = ["KalturaAccount", "KalturaEvents", "KalturaHook", "KalturaMedia", "KalturaStrays"]
