"""The webhooks: HTTP functions that providers call.

Whether a request is from the provider is left to the provider's `ports.Webhook`, and what it causes to
`shared/operations/webhooks.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import requests
from firebase_functions.https_fn import on_request
from firebase_functions.options import MemoryOption
from flask import Request, Response

from functions import config, wiring
from functions.edge.request import WEBHOOK_MAX_BYTES, discard_body, read_body
from shared.core import log
from shared.core.errors import BadRequest, Misconfigured, NotAllowed, Transient
from shared.operations.webhooks import handle_webhook

KALTURA: Final = "kaltura"
CLOUDFLARE: Final = "cloudflare"

ADDRESSES: Final = {KALTURA: "kalturaHook", CLOUDFLARE: "cloudflareHook"}
"""The name of the function that each provider calls."""

PASSED_ON: Final = "greenroom-passed-on"
"""
The header of a request that another deployment has passed on. It is not passed on again, whatever the settings say.
"""

PASS_ON_WITHIN_S: Final = 10.0

WEBHOOK_MEMORY: Final = MemoryOption.MB_256
"""With everything loaded a process has used 102 MiB. It reads at most 1 MiB of each of the few concurrent requests."""


@on_request(timeout_sec=30, memory=WEBHOOK_MEMORY, secrets=config.kaltura_secrets())
def kalturaHook(request: Request) -> Response:
    """
    Handle a webhook of Kaltura's: 204 if it was handled. After any status but 200 and 204 Kaltura tries again.
    """
    return _heed(KALTURA, request)


@on_request(timeout_sec=30, memory=WEBHOOK_MEMORY, secrets=config.cloudflare_secrets())
def cloudflareHook(request: Request) -> Response:
    """
    Handle a webhook of Cloudflare's: 204 if it was handled. An account notifies one address only. Webhooks about
    another deployment on it are passed on to the address in `CLOUDFLARE_PASS_ON`, with their signature, which is valid
    there too.
    """
    return _heed(CLOUDFLARE, request, config.CLOUDFLARE_PASS_ON.value)


def _heed(provider: str, request: Request, others: Mapping[str, str] | None = None) -> Response:
    status, sentence = _heard(provider, request, others or {})
    discard_body(request)
    # The body is an iterator, so that functions-framework does not read the rest of the request into memory.
    body = sentence.encode()
    return Response(iter((body,)), status, {"Content-Length": str(len(body))}, content_type="text/plain")


def _heard(provider: str, request: Request, others: Mapping[str, str]) -> tuple[int, str]:
    """
    Handle a webhook, and return the HTTP status and the sentence of the answer.
    """
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        body = read_body(request, WEBHOOK_MAX_BYTES)
        elsewhere = handle_webhook(provider, wiring.webhook(provider), headers, body, wiring.queue())
        if elsewhere is not None and PASSED_ON not in headers and elsewhere in others:
            _pass_on(provider, others[elsewhere], headers, body)
    except Misconfigured:
        # Anybody may call it, even if there is no account at this provider.
        return 404, "This deployment has no account at this provider."
    except NotAllowed as error:
        log.push_refused(provider, error)
        return 403, str(error)
    except BadRequest as error:
        log.push_refused(provider, error)
        return 400, str(error)
    except Transient as error:
        log.unavailable(ADDRESSES[provider], None, error)
        return 503, "The notification was not handled. Send it again."
    except Exception as error:
        log.broken(ADDRESSES[provider], None, error)
        return 500, "Something went wrong on the server. The error was logged."
    return 204, ""


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
