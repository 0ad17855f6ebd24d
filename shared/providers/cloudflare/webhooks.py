"""Cloudflare Stream's webhook: verify and parse a notification, install and remove the webhook.

Called by `functions/hooks.py` through `ports.Webhook`, and by the operator's command. An account has one webhook, even
if several deployments share it. Notifications about another deployment are passed on by `functions/hooks.py`.

Source: cloudflare/cloudflare-docs, stream/manage-video-library/using-webhooks.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final

from shared.core.errors import BadRequest, NotAllowed, Permanent, Transient
from shared.limits.buckets import Priority
from shared.ports import WebhookEvent
from shared.providers.cloudflare import mapping
from shared.providers.cloudflare.account import NAME, CloudflareAccount, unless_gone

SIGNATURE: Final = "webhook-signature"

AGE_MAX_S: Final = 300
"""A notification that was signed longer ago, or this far in the future, is refused: it may be a replay."""

SECRET_PAUSE_S: Final = 15
"""
The secret is read at most once in this many seconds, however many notifications have another signature, and whether it
could be read or not.
"""

_SIGNED: Final = re.compile(r"time=([0-9]{1,12}),sig1=([0-9a-f]{64})")


@dataclass(slots=True)
class _Secret:
    """
    The secret that signs notifications, as far as this instance knows.

    Attributes:
        value: The secret; `None` if there is none, or it has not been read yet.
        asked_at: When it was last read.
        was_told: Whether that read succeeded.
        lock: Held while it is read; other threads wait for the answer.
    """

    value: str | None = None
    asked_at: datetime | None = None
    was_told: bool = True
    lock: Lock = field(default_factory=Lock)


@dataclass(frozen=True, slots=True)
class CloudflareWebhook:
    """
    Fills `ports.Webhook`. The secret is Cloudflare's own: each instance reads it once, and stores it nowhere.
    """

    account: CloudflareAccount
    _secret: _Secret = field(default_factory=_Secret, repr=False, compare=False)

    def heard(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        """
        See `ports.Webhook`.
        """
        now = self.account.clock()
        signed_at, signature = _signature(headers.get(SIGNATURE, ""))
        if abs(now.timestamp() - signed_at) > AGE_MAX_S:
            raise NotAllowed(
                "The notification was signed too long ago, or with a clock that is wrong.",
                reason="NOTIFICATION_NOT_SIGNED",
            )
        if not self._is_signed(signed_at, signature, body, now):
            raise NotAllowed(
                "The notification is not signed with this account's secret.", reason="NOTIFICATION_NOT_SIGNED"
            )
        told = mapping.namespace_and_reference(_video(body))
        if told is None:
            return WebhookEvent()
        namespace, reference = told
        return WebhookEvent((reference,)) if namespace == self.account.namespace else WebhookEvent(elsewhere=namespace)

    def install(self, url: str, algorithm: str | None = None) -> Sequence[str]:
        """
        See `ports.Webhook`. Refuses to replace a webhook of the account that has another address.
        """
        if algorithm is not None:
            raise BadRequest("Cloudflare has only one way to sign. Leave out --algorithm.", reason="OPTION_INVALID")
        address = self.address()
        if address and address != url:
            raise BadRequest(
                f"This account already sends its notifications to {address}. "
                "Remove that webhook first, or set CLOUDFLARE_PASS_ON there.",
                reason="WEBHOOK_TAKEN",
            )
        self.account.ask(
            "webhooks.update",
            lambda s: s.webhooks.with_raw_response.update(
                account_id=self.account.account_id, body_notification_url_2=url
            ),
            object,
        )
        return [url]

    def remove(self) -> Sequence[str]:
        """
        See `ports.Webhook`.
        """
        address = self.address()
        if address is None:
            return []
        self.account.ask(
            "webhooks.delete", lambda s: s.webhooks.with_raw_response.delete(account_id=self.account.account_id), object
        )
        return [address]

    def address(self) -> str | None:
        """
        Return the address that the account notifies, `None` if there is none; raises as `install`.
        """
        address = self._webhook().get("notificationUrl")
        return str(address) if address else None

    def _is_signed(self, signed_at: int, signature: str, body: bytes, now: datetime) -> bool:
        """
        Tell whether that body is signed with the account's secret.

        Raises:
            Transient: The secret is not known, and cannot be read yet (again).
        """
        known = self._secret
        if _matches(known.value, signed_at, signature, body):
            return True
        with known.lock:
            if known.asked_at is None or now - known.asked_at >= timedelta(seconds=SECRET_PAUSE_S):
                # The secret may have changed: each new webhook gets a new one.
                known.asked_at, known.was_told = now, False
                found = self._webhook().get("secret")
                known.value, known.was_told = (found if isinstance(found, str) and found else None), True
            if not known.was_told:
                raise Transient(
                    "The webhook's secret could not be read. Send the notification again.",
                    provider=NAME,
                    operation="webhooks.get",
                    code="SECRET_UNKNOWN",
                    retry_after_s=SECRET_PAUSE_S,
                )
            return _matches(known.value, signed_at, signature, body)

    def _webhook(self) -> Mapping[str, Any]:
        """
        Return the account's webhook, empty if it has none.
        """
        try:
            with unless_gone():
                told = self.account.at(Priority.ROUTINE).ask(
                    "webhooks.get",
                    lambda s: s.webhooks.with_raw_response.get(account_id=self.account.account_id),
                    object,
                )
                return told if isinstance(told, Mapping) else {}
        except Permanent as error:
            raise Transient(str(error), provider=NAME, operation="webhooks.get", code=error.code) from None
        return {}


def _signature(header: str) -> tuple[int, str]:
    found = _SIGNED.fullmatch(header.strip())
    if found is None:
        raise NotAllowed("The notification is not signed.", reason="NOTIFICATION_NOT_SIGNED")
    return int(found[1]), found[2]


def _matches(secret: str | None, signed_at: int, signature: str, body: bytes) -> bool:
    if secret is None:
        return False
    expected = hmac.new(secret.encode(), f"{signed_at}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, signature)


def _video(body: bytes) -> Mapping[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("The notification could not be parsed.", reason="NOTIFICATION_UNREADABLE") from None
    if not isinstance(told, Mapping) or not isinstance(told.get("uid"), str):
        raise BadRequest("The notification names no video.", reason="NOTIFICATION_UNREADABLE")
    return told
