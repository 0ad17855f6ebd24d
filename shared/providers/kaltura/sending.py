"""Send a small file to Kaltura, without the library's own HTTP client.

Called by `originals.py`. No error sentence repeats what the server said, because it may hold a KS.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import httpx

from shared.core.errors import ProviderError
from shared.providers.kaltura.account import ANSWER_TIMEOUT_S, CONNECT_TIMEOUT_S, KalturaAccount
from shared.providers.kaltura.mapping import NAME
from shared.providers.wire import Wire, connect

WIRE: Final = Wire(NAME, "Kaltura")

SENT_S: Final = 120.0
"""The time for a small file."""


def send_file(
    account: KalturaAccount, operation: str, fields: Mapping[str, str], file_name: str, content: bytes, media_type: str
) -> None:
    """
    Call an action that takes a file as `fileData`.

    Args:
        account: The account.
        operation: The service and the action, such as `uploadtoken.upload`.
        fields: The other parameters.
        file_name: The name of the file.
        content: Its bytes.
        media_type: Its type.

    Raises:
        Transient, Doubtful, Permanent: As for any call.
    """
    service, _, action = operation.partition(".")
    form = {"ks": account.admin_ks(), "format": "1", **fields}
    file = {"fileData": (file_name, content, media_type)}
    with (
        WIRE.failing(operation),
        connect(ANSWER_TIMEOUT_S, CONNECT_TIMEOUT_S, total_s=SENT_S) as http,
    ):
        answer = http.post(f"{account.url}/api_v3/service/{service}/action/{action}", data=form, files=file)
    error = _error_in(operation, answer)
    if error is not None:
        raise error


def _error_in(operation: str, answer: httpx.Response) -> ProviderError | None:
    """
    Return the error in an answer; `None` if there is none. Kaltura refuses with HTTP 200.
    """
    from shared.providers.kaltura.client.errors import error_of_code

    if answer.status_code != httpx.codes.OK:
        if httpx.codes.MULTIPLE_CHOICES <= answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
            # The server in front of Kaltura refuses it.
            sentence = f"Kaltura's front-end server answered with HTTP status {answer.status_code}."
            return WIRE.transient(operation, f"HTTP_{answer.status_code}", sentence)
        return WIRE.refused(operation, answer)
    try:
        told = answer.json()
    except ValueError:
        WIRE.malformed(operation)
    if not isinstance(told, dict) or not isinstance(told.get("objectType"), str):
        WIRE.malformed(operation)
    if told["objectType"] == "KalturaAPIException":
        code = told.get("code")
        return error_of_code(operation, code if isinstance(code, str) and code.isidentifier() else "UNKNOWN", "")
    return None
