"""Tokens in the addresses that a manifest points to, which an edge server checks in place of a KS.

Called by `playback` and `live`. A delivery without a URL tokenizer has none: then an address is good for ever.
"""

from __future__ import annotations

import hashlib
import hmac

from emulator_tests.simulators.kaltura.errors import ServeError
from emulator_tests.simulators.kaltura.models.account import Account
from emulator_tests.simulators.kaltura.responses.access_rules import Fault


def added(account: Account, subject: str) -> str:
    """The end of an address that expires; empty where the account has no URL tokens.

    Args:
        account: The simulated account.
        subject: The id of what the address is of.
    """
    if not account.settings.url_tokens:
        return ""
    until = int(account.clock.now()) + account.settings.url_token_s
    return f"/kt/{until}-{signature(account, f'{subject}:{until}')}"


def check(account: Account, subject: str, token: str) -> None:
    """Refuse an address without its token, or after its time, as an edge server does.

    Raises:
        ServeError: With HTTP 403.
    """
    if not account.settings.url_tokens:
        return
    until, _, signed = token.partition("-")
    if not until.isdigit() or not hmac.compare_digest(signed, signature(account, f"{subject}:{until}")):
        raise ServeError(str(int(Fault.INVALID_TOKEN)), 403)
    if int(until) <= account.clock.now():
        raise ServeError(str(int(Fault.EXPIRED_TOKEN)), 403)


def signature(account: Account, text: str) -> str:
    """Sign a text; only the service can."""
    return hmac.new(account.admin_secret.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]
