"""HTTP functions that providers call by themselves.

Leave to the provider's `Hook` whether a request is the provider's, and to `shared/push.py` what it brings about.
"""

from __future__ import annotations

from typing import Final

from firebase_functions.https_fn import on_request
from flask import Request, Response

from functions import config, wiring
from shared import log
from shared.errors import BadRequest, NotAllowed, Transient
from shared.push import heed

KALTURA: Final = "kaltura"


@on_request(timeout_sec=30, secrets=[config.KALTURA_ADMIN_SECRET])
def kalturaHook(request: Request) -> Response:
    """
    A notification of Kaltura's: 204 where it was heard; at anything but 200 and 204 Kaltura tries again.
    """
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        heed(KALTURA, wiring.hook(KALTURA), headers, request.get_data(cache=False), wiring.queue())
    except NotAllowed as error:
        log.push_refused(KALTURA, str(error))
        return Response(str(error), 403, content_type="text/plain")
    except BadRequest as error:
        log.push_refused(KALTURA, str(error))
        return Response(str(error), 400, content_type="text/plain")
    except Transient as error:
        log.unavailable("kalturaHook", None, error)
        return Response("Not heard. Try again.", 503, content_type="text/plain")
    return Response(status=204)
