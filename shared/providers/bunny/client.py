"""Call Bunny Stream, and turn every failure into an error of ours.

Called by `host.py`, which imports it only for the first call. No call is repeated here: Bunny creates another video
with each request to fetch one.
"""

from __future__ import annotations

import json
from typing import Any, Final, TypeVar

import httpx

from shared.providers.codes import UNAUTHORIZED
from shared.providers.secret import SecretWatch
from shared.providers.wire import Wire, connect

NAME: Final = "bunny"

T = TypeVar("T")


class Client:
    """
    The client of one video library; safe to share between threads, created once per process.

    Args:
        name: Our name of the host, for errors.
        url: The address of the API, e.g. `https://video.bunnycdn.com`.
        library_id: Bunny's id of the library.
        api_key: The key of the library.
    """

    def __init__(self, name: str, url: str, library_id: str, api_key: str) -> None:
        self.wire = Wire(name, "Bunny")
        self._secret = SecretWatch(name, self.wire.called, "HOSTS")
        self._http = connect(answer_timeout_s=25.0, connect_timeout_s=5.0)
        self._root = f"{url}/library/{library_id}/videos"
        self._headers = {"AccessKey": api_key, "Accept": "application/json"}

    def ask(
        self,
        operation: str,
        method: str,
        path: str,
        kind: type[T],
        *,
        query: dict[str, Any] | None = None,
        body: dict[str, Any] | None = None,
    ) -> T:
        """
        Make one call.

        Args:
            operation: Its name, for errors and the log.
            method: The HTTP method.
            path: The path below the videos of the library, with a leading slash, or empty.
            kind: The type of the answer: `dict`.
            query: Parameters in the address.
            body: Sent as JSON.

        Raises:
            Transient: It was not done (again).
            Doubtful: It may have been done (again, look first).
            Permanent: Bunny refused; `code` says why (never).
        """
        with self.wire.failing(operation):
            answer = self._http.request(method, self._root + path, params=query, json=body, headers=self._headers)
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise self._secret.rejected(operation, UNAUTHORIZED)
        if answer.status_code >= httpx.codes.MULTIPLE_CHOICES:
            raise self.wire.refused(operation, answer)
        self._secret.accepted()
        try:
            told = answer.json()
        except (json.JSONDecodeError, UnicodeDecodeError):
            self.wire.malformed(operation)
        if not isinstance(told, kind):
            self.wire.malformed(operation)
        return told

    def close(self) -> None:
        """
        Close the connections.
        """
        self._http.close()
