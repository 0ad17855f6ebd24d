"""Check the set-up of a Cloudflare account, and create its signing key.

Called by the operator's commands through `ports.Setup`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from shared.core.errors import SecretRejected
from shared.ports import Finding, Health
from shared.providers.cloudflare.account import CloudflareAccount
from shared.providers.cloudflare.signing import SigningKey
from shared.providers.cloudflare.webhooks import CloudflareWebhook


@dataclass(frozen=True, slots=True)
class CloudflareSetup:
    """
    Fills `ports.Setup`.
    """

    account: CloudflareAccount
    webhook: CloudflareWebhook

    def check(self) -> Sequence[Finding]:
        """
        See `ports.Setup`.
        """
        try:
            return [self._storage(), self._signing_key(), self._webhook()]
        except SecretRejected:
            return [Finding("Cloudflare account", Health.MISSING, _REJECTED)]

    def make(self) -> Sequence[Finding]:
        """
        See `ports.Setup`. Creates nothing: a signing key is shown only once, so the operator creates it with its own
        command.
        """
        return self.check()

    def _storage(self) -> Finding:
        account_id = self.account.account_id
        usage = self.account.ask(
            "videos.storage_usage", lambda s: s.videos.with_raw_response.storage_usage(account_id=account_id), dict
        )
        used, most = float(usage.get("totalStorageMinutes") or 0), float(usage.get("totalStorageMinutesLimit") or 0)
        left, reserved = most - used, self.account.max_duration_s / 60
        what = "Cloudflare Stream storage"
        if left >= reserved:
            return Finding(what, Health.OK, f"{left:.0f} of {most:.0f} minutes are left.")
        sentence = (
            f"Only {left:.0f} minutes are left, and each upload reserves {reserved:.0f}: buy more in the dashboard."
        )
        return Finding(what, Health.MISSING, sentence)

    def _signing_key(self) -> Finding:
        account_id = self.account.account_id
        keys = self.account.ask("keys.get", lambda s: s.keys.with_raw_response.get(account_id=account_id), list)
        what = "Cloudflare signing key"
        if any(isinstance(one, Mapping) and one.get("id") == self.account.signing_key.id for one in keys):
            return Finding(what, Health.OK)
        sentence = (
            "The account does not know CLOUDFLARE_SIGNING_KEY, so nothing plays. `make-signing-key` creates a new key."
        )
        return Finding(what, Health.MISSING, sentence)

    def _webhook(self) -> Finding:
        address = self.webhook.address()
        what = "Cloudflare webhook"
        if address is None:
            return Finding(
                what, Health.ABSENT, "Only the feed finds changes, some seconds later. `install-hook` creates it."
            )
        return Finding(what, Health.OK, f"It notifies {address}.")


_REJECTED: Final = (
    "Cloudflare rejects CLOUDFLARE_API_TOKEN: it must be a token of the account CLOUDFLARE_ACCOUNT_ID with the "
    "permission Stream: Edit. Make one in the dashboard and set it again."
)


def make_signing_key(url: str, account_id: str, api_token: str) -> SigningKey:
    """
    Create a signing key of an account. It is returned here and can never be read again. Raises as `Client.ask`.

    Args:
        url: The address of the API.
        account_id: Cloudflare's id of the account.
        api_token: A token with the permission to edit Stream.
    """
    from shared.providers.cloudflare.client import WIRE, Client

    with closing(Client(url, api_token)) as client:
        told = client.ask("keys.create", lambda s: s.keys.with_raw_response.create(account_id=account_id), dict)
    try:
        return SigningKey(str(told["id"]), base64.b64decode(told["pem"], validate=True))
    except (KeyError, TypeError, ValueError):
        WIRE.malformed("keys.create")
