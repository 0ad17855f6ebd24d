"""Build the ports of an account at Cloudflare.

Called by `settings.py` of this folder.
"""

from __future__ import annotations

from shared.limits.limiter import Limiter
from shared.ports import ProviderAccount
from shared.providers.cloudflare.account import CloudflareAccount
from shared.providers.cloudflare.inventory import CloudflareInventory
from shared.providers.cloudflare.media import CloudflareMedia
from shared.providers.cloudflare.settings import Settings
from shared.providers.cloudflare.setup import CloudflareSetup
from shared.providers.cloudflare.signing import SigningKey
from shared.providers.cloudflare.webhooks import CloudflareWebhook
from shared.providers.settings import Context, Provider


def open_account(settings: Settings, context: Context) -> Provider:
    """
    Build the ports of an account. There are no live events here.

    Raises:
        Misconfigured: The signing key cannot be read (never).
    """
    account = CloudflareAccount(
        url=settings.url,
        account_id=settings.account_id,
        api_token=settings.api_token,
        namespace=context.namespace,
        signing_key=SigningKey.parse(settings.signing_key),
        playback_url=settings.playback_url,
        upload_lifetime_s=min(settings.upload_lifetime_s, context.upload_deadline_s),
        max_duration_s=context.max_duration_s,
        clock=context.clock,
        limiter=Limiter(context.documents, context.clock),
        calls_max=settings.calls_max,
    )
    webhook = CloudflareWebhook(account)
    return Provider(
        ProviderAccount(
            CloudflareMedia(account), CloudflareInventory(account), protection="the signed URLs of the videos"
        ),
        webhook,
        CloudflareSetup(account, webhook),
        passes_on=settings.passes_on,
    )
