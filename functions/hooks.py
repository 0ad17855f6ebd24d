"""HTTP functions that providers call by themselves.

Leave to the provider's `Hook` whether a request is the provider's, and to `shared/operations/webhooks.py` what it
brings about.
"""

from __future__ import annotations

from collections.abc import Mapping
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

KALTURA: Final = "kaltura"
CLOUDFLARE: Final = "cloudflare"

ADDRESSES: Final = {KALTURA: "kalturaHook", CLOUDFLARE: "cloudflareHook"}
"""Which function each provider calls."""

PASSED_ON: Final = "greenroom-passed-on"
"""The header of what another deployment has passed on: it goes no further, whatever the settings say."""

PASS_ON_WITHIN_S: Final = 10.0

WEBHOOK_MEMORY: Final = MemoryOption.MB_256
"""With everything loaded a process has taken 102 MiB; it reads at most 1 MiB of each of the few requests at a time."""


@on_request(timeout_sec=30, memory=WEBHOOK_MEMORY, secrets=config.kaltura_secrets())
def kalturaHook(request: Request) -> Response:
    """
    A notification of Kaltura's: 204 where it was heard; at anything but 200 and 204 Kaltura tries again.
    """
    return _heed(KALTURA, request)


@on_request(timeout_sec=30, memory=WEBHOOK_MEMORY, secrets=config.cloudflare_secrets())
def cloudflareHook(request: Request) -> Response:
    """
    A notification of Cloudflare's: 204 where it was heard. An account tells one address only: what speaks of another
    deployment on it goes on to where `CLOUDFLARE_PASS_ON` says, with its signature, which is good there too.
    """
    return _heed(CLOUDFLARE, request, config.CLOUDFLARE_PASS_ON.value)


def _heed(provider: str, request: Request, others: Mapping[str, str] | None = None) -> Response:
    status, sentence = _heard(provider, request, others or {})
    discard_body(request)
    # In pieces, so that functions-framework does not read the rest of the request into memory.
    body = sentence.encode()
    return Response(iter((body,)), status, {"Content-Length": str(len(body))}, content_type="text/plain")


def _heard(provider: str, request: Request, others: Mapping[str, str]) -> tuple[int, str]:
    """
    Hear a notification, and return the HTTP status and the sentence of the answer.
    """
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        body = read_body(request, WEBHOOK_MAX_BYTES)
        elsewhere = handle_webhook(provider, wiring.webhook(provider), headers, body, wiring.queue())
        if elsewhere is not None and PASSED_ON not in headers and elsewhere in others:
            _pass_on(provider, others[elsewhere], headers, body)
    except Misconfigured:
        # Anybody may call it, also where there is no account at this provider.
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
    Raises:
        Transient: The other deployment did not hear it (again).
    """
    kept = {name: headers[name] for name in ("content-type", "webhook-signature") if name in headers}
    try:
        # Nothing but its status counts, so the body is not read.
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
