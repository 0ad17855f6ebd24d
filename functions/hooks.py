"""HTTP functions that providers call by themselves.

Leave to the provider's `Hook` whether a request is the provider's, and to `shared/push.py` what it brings about.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import requests
from firebase_functions.https_fn import on_request
from flask import Request, Response

from functions import config, wiring
from shared import log
from shared.errors import BadRequest, Misconfigured, NotAllowed, Transient
from shared.push import heed

KALTURA: Final = "kaltura"
CLOUDFLARE: Final = "cloudflare"

ADDRESSES: Final = {KALTURA: "kalturaHook", CLOUDFLARE: "cloudflareHook"}
"""Which function each provider calls."""

PASSED_ON: Final = "greenroom-passed-on"
"""The header of what another deployment has passed on: it goes no further, whatever the settings say."""

PASS_ON_WITHIN_S: Final = 10.0


@on_request(timeout_sec=30, secrets=config.kaltura_secrets())
def kalturaHook(request: Request) -> Response:
    """
    A notification of Kaltura's: 204 where it was heard; at anything but 200 and 204 Kaltura tries again.
    """
    return _heed(KALTURA, request)


@on_request(timeout_sec=30, secrets=config.cloudflare_secrets())
def cloudflareHook(request: Request) -> Response:
    """
    A notification of Cloudflare's: 204 where it was heard. An account tells one address only: what speaks of another
    deployment on it goes on to where `CLOUDFLARE_PASS_ON` says, with its signature, which is good there too.
    """
    return _heed(CLOUDFLARE, request, config.CLOUDFLARE_PASS_ON.value)


def _heed(provider: str, request: Request, others: Mapping[str, str] | None = None) -> Response:
    headers = {name.lower(): value for name, value in request.headers.items()}
    body = request.get_data(cache=False)
    try:
        elsewhere = heed(provider, wiring.hook(provider), headers, body, wiring.queue())
        if elsewhere is not None and PASSED_ON not in headers and others is not None and elsewhere in others:
            _pass_on(provider, others[elsewhere], headers, body)
    except Misconfigured:
        # Anybody may call it, also where there is no account at this provider.
        return Response("There is no account for this here.", 404, content_type="text/plain")
    except NotAllowed as error:
        log.push_refused(provider, str(error))
        return Response(str(error), 403, content_type="text/plain")
    except BadRequest as error:
        log.push_refused(provider, str(error))
        return Response(str(error), 400, content_type="text/plain")
    except Transient as error:
        log.unavailable(ADDRESSES[provider], None, error)
        return Response("Not heard. Try again.", 503, content_type="text/plain")
    return Response(status=204)


def _pass_on(provider: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
    """
    Raises:
        Transient: The other deployment did not hear it (again).
    """
    kept = {name: headers[name] for name in ("content-type", "webhook-signature") if name in headers}
    try:
        answer = requests.post(
            url, body, headers={**kept, PASSED_ON: "1"}, timeout=PASS_ON_WITHIN_S, allow_redirects=False
        )
    except requests.RequestException:
        answer = None
    if answer is None or not answer.ok:
        code = "UNREACHABLE" if answer is None else f"HTTP_{answer.status_code}"
        raise Transient(
            "The deployment that this is for did not hear it.", provider=provider, operation="pass on", code=code
        )
