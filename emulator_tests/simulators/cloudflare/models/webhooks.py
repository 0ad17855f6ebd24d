"""Notifications: sent when a video is ready or in error, signed on time and exact body, sent again until taken.

`processing` reports what has come to an end; `api` sets the account's one subscription.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import http.client
import json
import secrets
from typing import Any
from urllib.parse import urlsplit

from emulator_tests.simulators.cloudflare.models.account import Account, Webhook
from emulator_tests.simulators.cloudflare.models.video import Video
from emulator_tests.simulators.cloudflare.models.video_json import video_json

_TIMEOUT_S = 10.0


def subscribe(account: Account, url: str) -> Webhook:
    """Set the address of the webhook, with a new secret."""
    account.webhook = Webhook(url, secrets.token_hex(16), account.clock.now())
    return account.webhook


def tell(account: Account, video: Video) -> None:
    """Send a notification of how a video has ended."""
    if account.webhook is not None:
        body = json.dumps(video_json(account, video)).encode()
        account.spawn(_deliver(account, account.webhook, body))


def sign(secret: str, at_s: int, body: bytes) -> str:
    """Return the value of `Webhook-Signature`. Pure."""
    signature = hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"time={at_s},sig1={signature}"


async def _deliver(account: Account, webhook: Webhook, body: bytes) -> None:
    for _ in range(account.settings.webhook_attempts):
        headers = {
            "Content-Type": "application/json",
            "Webhook-Signature": sign(webhook.secret, int(account.clock.now()), body),
        }
        if 200 <= await asyncio.to_thread(_send, webhook.url, headers, body) < 300:
            return
        await asyncio.sleep(account.settings.webhook_retry_s)


def _send(address: str, headers: dict[str, str], body: bytes) -> int:
    """Send it; the HTTP status, or 0 when nobody answered."""
    url = urlsplit(address)
    connect: Any = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = connect(url.netloc, timeout=_TIMEOUT_S)
    try:
        connection.request("POST", (url.path or "/") + (f"?{url.query}" if url.query else ""), body, headers)
        return int(connection.getresponse().status)
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
