"""Answers about the whole account: its webhook (`/stream/webhook`) and its minutes (`/stream/storage-usage`).

Called by `urls`.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from emulator_tests.simulators.cloudflare.errors import bad_request, not_found
from emulator_tests.simulators.cloudflare.models import webhooks
from emulator_tests.simulators.cloudflare.models.account import Account
from emulator_tests.simulators.cloudflare.responses import fields


async def webhook(account: Account, request: Request) -> Any:
    """Read, set or delete the subscription."""
    if request.method == "PUT":
        sent = await fields.body(request)
        url = sent.get("notificationUrl") or sent.get("notification_url")
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise bad_request("notificationUrl begins with http:// or https://")
        webhooks.subscribe(account, url)
    elif request.method == "DELETE":
        account.webhook = None
        return ""
    if account.webhook is None:
        raise not_found()
    return {
        "notificationUrl": account.webhook.url,
        "notification_url": account.webhook.url,
        "secret": account.webhook.secret,
        "modified": account.instant(account.webhook.modified_s),
    }


def storage_usage(account: Account, creator: str | None) -> dict[str, Any]:
    """Return the minutes in use, of the account or of one creator."""
    if creator is None:
        seconds, count = account.used_s() + account.reserved_s(), len(account.videos)
    else:
        mine = list(account.select(None, None, creator))
        seconds, count = sum(max(video.duration_s, 0) for video in mine), len(mine)
    return {
        "creator": creator,
        "totalStorageMinutes": round(seconds / 60),
        "totalStorageMinutesLimit": account.settings.storage_minutes,
        "videoCount": count,
    }
