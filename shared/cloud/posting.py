"""Send a request to one of Google's REST services. Called by the adapters for which Google's client is not loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from shared.core.errors import Misconfigured

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
WITHIN_S: Final = 20.0

Post = Callable[[str, Mapping[str, Any]], int]
"""Send a JSON body to an address, and return the status of the answer. Raises `OSError` if no answer came."""


def post_as_own_account(url: str, body: Mapping[str, Any]) -> int:
    """
    Send a request as the account that this code runs as. See `Post`.

    Raises:
        Misconfigured: There are no credentials (never, until there are).
    """
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
    from google.auth.transport.requests import AuthorizedSession
    from requests import RequestException

    try:
        credentials, _ = google.auth.default(scopes=[SCOPE])
        with AuthorizedSession(credentials) as session:  # type: ignore[no-untyped-call]  # the library has no types for it
            answer = session.post(url, json=body, timeout=WITHIN_S, allow_redirects=False)
            return int(answer.status_code)
    except DefaultCredentialsError:
        raise Misconfigured(
            "There are no credentials to call Google's services with. Run this code as the account of the functions."
        ) from None
    except (GoogleAuthError, RequestException) as error:
        raise OSError(type(error).__name__) from None


def post_to_emulator(url: str, body: Mapping[str, Any], within_s: float = WITHIN_S) -> int:
    """
    Send a request without credentials, to an emulator on this machine. See `Post`.
    """
    import requests

    try:
        return requests.post(url, json=body, timeout=within_s, allow_redirects=False).status_code
    except requests.RequestException as error:
        raise OSError(type(error).__name__) from None
