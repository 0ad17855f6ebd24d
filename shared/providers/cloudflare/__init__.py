"""Cloudflare Stream: what the domain's ports of videos mean there.

Called through `shared/providers/__init__.py` alone. `keys` signs and seals, `client` speaks the wire, `words`
translates, `account` lists; `media`, `strays`, `hook` and `setup` fill the ports. There are no live events here.
"""

from shared.providers.cloudflare.account import CloudflareAccount
from shared.providers.cloudflare.hook import CloudflareHook
from shared.providers.cloudflare.keys import SigningKey
from shared.providers.cloudflare.media import CloudflareMedia
from shared.providers.cloudflare.strays import CloudflareStrays

__all__ = ["CloudflareAccount", "CloudflareHook", "CloudflareMedia", "CloudflareStrays", "SigningKey"]
