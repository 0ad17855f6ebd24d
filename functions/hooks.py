"""The webhooks: HTTP functions that providers call.

Whether a request is from the provider is left to the provider's `ports.Webhook`, and what it causes to
`shared/operations/webhooks.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import requests
from firebase_functions.options import MemoryOption
from flask import Response

from functions import config, wiring
from functions.edge import answers
from functions.edge.http import HttpRequest, http_function
from functions.edge.request import WEBHOOK_MAX_BYTES
from shared.core import log
from shared.core.errors import BadRequest, Misconfigured, NotAllowed, Transient
from shared.operations.webhooks import handle_webhook
from shared.registry import RESOURCES

ADDRESSES: Final = {"kaltura": "kalturaHook", "cloudflare": "cloudflareHook"}
"""The name of the function that each provider calls."""

PROVIDERS: Final = {function: provider for provider, function in ADDRESSES.items()}

PASSED_ON: Final = "greenroom-passed-on"
"""
The header of a request that another deployment has passed on. It is not passed on again, whatever the settings say.
"""

PASS_ON_WITHIN_S: Final = 10.0

WEBHOOK_TIMEOUT_S: Final = 30

WEBHOOK_MEMORY: Final = MemoryOption.MB_256
"""With everything loaded a process has used 102 MiB. It reads at most 1 MiB of each of the few concurrent requests."""


def refusal(function: str, _uid: str | None, error: Exception) -> Response:
    """
    Log an error, and answer it with a sentence. Providers read only the status: some of them tell by it whether to send
    a notification again, so that the statuses are fewer than those of callables.
    """
    provider = PROVIDERS[function]
    match error:
        case Misconfigured():
            # Anybody may call it, even if there is no account at this provider.
            return _sentence(404, "This deployment has no account at this provider.")
        case NotAllowed():
            log.push_refused(provider, error)
            return _sentence(403, str(error))
        case BadRequest():
            log.push_refused(provider, error)
            return _sentence(400, str(error))
        case Transient():
            log.unavailable(function, None, error)
            return _sentence(503, "The notification was not handled. Send it again.")
        case _:
            log.broken(function, None, error)
            return _sentence(500, "Something went wrong on the server. The error was logged.")


def _sentence(status: int, sentence: str) -> Response:
    return answers.response(sentence.encode(), status, "text/plain")


@http_function(
    max_bytes=WEBHOOK_MAX_BYTES,
    memory=WEBHOOK_MEMORY,
    timeout_s=WEBHOOK_TIMEOUT_S,
    secrets=config.secrets_of("kaltura"),
    failure=refusal,
)
def kalturaHook(request: HttpRequest) -> Response:
    """
    Handle a webhook of Kaltura's: 204 if it was handled. After any status but 200 and 204 Kaltura tries again.
    """
    return _handle("kaltura", request)


@http_function(
    max_bytes=WEBHOOK_MAX_BYTES,
    memory=WEBHOOK_MEMORY,
    timeout_s=WEBHOOK_TIMEOUT_S,
    secrets=config.secrets_of("cloudflare"),
    failure=refusal,
)
def cloudflareHook(request: HttpRequest) -> Response:
    """
    Handle a webhook of Cloudflare's: 204 if it was handled. An account notifies one address only, so webhooks about
    another deployment on it are passed on, with their signature, which is valid there too.
    """
    return _handle("cloudflare", request)


def _handle(provider: str, request: HttpRequest) -> Response:
    """
    Handle a webhook, and pass it on if it is for another deployment.
    """
    headers, body = request.headers, request.body
    elsewhere = handle_webhook(provider, wiring.webhook(provider), headers, body, wiring.queue(), RESOURCES)
    address = None if elsewhere is None else wiring.passes_on(provider).get(elsewhere)
    if address is not None and PASSED_ON not in headers:
        _pass_on(provider, address, headers, body)
    return _sentence(204, "")


def _pass_on(provider: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
    """
    Send a webhook to another deployment.

    Raises:
        Transient: The other deployment did not accept it (again).
    """
    kept = {name: headers[name] for name in ("content-type", "webhook-signature") if name in headers}
    try:
        # Only the status matters, so the body is not read.
        with requests.post(
            url, body, headers={**kept, PASSED_ON: "1"}, timeout=PASS_ON_WITHIN_S, allow_redirects=False, stream=True
        ) as answer:
            status = answer.status_code
    except requests.RequestException:
        status = None
    if status is None or not 200 <= status < 300:
        code = "UNREACHABLE" if status is None else f"HTTP_{status}"
        raise Transient(
            "The deployment that this notification is for did not accept it. Send it again.",
            provider=provider,
            operation="pass on",
            code=code,
        )
