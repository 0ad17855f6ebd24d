"""Cloudflare Stream behind the ports of videos.

Called through `shared/providers/__init__.py` alone. `signing` signs and seals, `client` makes HTTP calls, `mapping`
translates terms, `account` lists; `media`, `inventory`, `webhooks` and `setup` fill the ports. There are no live events
here.
"""

from shared.providers.cloudflare.account import CloudflareAccount
from shared.providers.cloudflare.inventory import CloudflareInventory
from shared.providers.cloudflare.media import CloudflareMedia
from shared.providers.cloudflare.signing import SigningKey
from shared.providers.cloudflare.webhooks import CloudflareWebhook

__all__ = ["CloudflareAccount", "CloudflareInventory", "CloudflareMedia", "CloudflareWebhook", "SigningKey"]
