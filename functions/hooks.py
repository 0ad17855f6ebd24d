"""The webhooks: HTTP functions that providers call.

Whether a request is from the provider is left to the provider's `ports.Webhook`, and what it causes to
`shared/operations/webhooks.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import requests
from firebase_functions.https_fn import on_request
from firebase_functions.options import MemoryOption
from flask import Request, Response

from functions import config, wiring
from functions.body import WEBHOOK_MAX_BYTES, discard_body, read_body
from shared.core import log
from shared.core.errors import BadRequest, Misconfigured, NotAllowed, Transient
from shared.operations.webhooks import handle_webhook

ADDRESSES: Final[dict[str, str]] = {}
"""The name of the function that each provider calls."""

PASSED_ON: Final = "greenroom-passed-on"
"""
The header of a request that another deployment has passed on. It is not passed on again, whatever the settings say.
"""

PASS_ON_WITHIN_S: Final = 10.0

WEBHOOK_MEMORY: Final = MemoryOption.MB_256
"""With everything loaded a process has used 102 MiB. It reads at most 1 MiB of each of the few concurrent requests."""


Hook = Callable[[Request], Response]


def _called_by(provider: str) -> Callable[[Hook], Hook]:
    """
    Declare the function that a provider calls.
    """
    declare = on_request(timeout_sec=30, memory=WEBHOOK_MEMORY, secrets=config.secrets_of(provider))

    def declared(function: Hook) -> Hook:
        ADDRESSES[provider] = function.__name__
        return declare(function)

    return declared


@_called_by("kaltura")
def kalturaHook(request: Request) -> Response:
    """
    Handle a webhook of Kaltura's: 204 if it was handled. After any status but 200 and 204 Kaltura tries again.
    """
    return _heed("kaltura", request)


@_called_by("cloudflare")
def cloudflareHook(request: Request) -> Response:
    """
    Handle a webhook of Cloudflare's: 204 if it was handled. An account notifies one address only, so webhooks about
    another deployment on it are passed on, with their signature, which is valid there too.
    """
    return _heed("cloudflare", request)


def _heed(provider: str, request: Request) -> Response:
    status, sentence = _heard(provider, request)
    discard_body(request)
    # The body is an iterator, so that functions-framework does not read the rest of the request into memory.
    body = sentence.encode()
    return Response(iter((body,)), status, {"Content-Length": str(len(body))}, content_type="text/plain")


def _heard(provider: str, request: Request) -> tuple[int, str]:
    """
    Handle a webhook, and return the HTTP status and the sentence of the answer.
    """
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        body = read_body(request, WEBHOOK_MAX_BYTES)
        elsewhere = handle_webhook(provider, wiring.webhook(provider), headers, body, wiring.queue())
        address = None if elsewhere is None else wiring.passes_on(provider).get(elsewhere)
        if address is not None and PASSED_ON not in headers:
            _pass_on(provider, address, headers, body)
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
