"""A callable that only verifies its caller: the peer of joinSession."""

from __future__ import annotations

from typing import Any

import firebase_admin
from firebase_functions.https_fn import CallableRequest, on_call

firebase_admin.initialize_app()


@on_call()
def answer(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    Return the caller's uid.
    """
    return {"uid": None if request.auth is None else request.auth.uid}
