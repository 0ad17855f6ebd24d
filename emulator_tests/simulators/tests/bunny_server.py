"""A running simulator of Bunny Stream, for the tests of this folder."""

from __future__ import annotations

from typing import Any, Final

import requests

from emulator_tests.simulators.tests.served import Served, wait_until

LIBRARY_ID: Final = 133
API_KEY: Final = "the key of the library"
TOKEN_KEY: Final = "SecurityKey"


class BunnyServer(Served):
    """The process, and an administrator of its library."""

    def __init__(self, *options: str) -> None:
        account = ("--library-id", str(LIBRARY_ID), "--api-key", API_KEY, "--token-key", TOKEN_KEY)
        super().__init__("bunny", *account, *options)

    def ask(self, method: str, path: str, key: str = API_KEY, **more: Any) -> requests.Response:
        """One request to the API, at an address below the library's videos."""
        url = f"{self.url}/library/{LIBRARY_ID}/videos{path}"
        return requests.request(method, url, headers={"AccessKey": key}, timeout=10, **more)

    def fetch(self, url: str, title: str = "A lecture") -> str:
        """Have a video fetched; gives its id."""
        told = self.ask("POST", "/fetch", json={"url": url, "title": title}).json()
        assert told["success"] is True
        return str(told["id"])

    def await_status(self, guid: str, *statuses: int) -> dict[str, Any]:
        """Wait until a video has one of these."""
        wait_until(lambda: self.ask("GET", f"/{guid}").json()["status"] in statuses)
        video: dict[str, Any] = self.ask("GET", f"/{guid}").json()
        return video
