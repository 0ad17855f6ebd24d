"""A running Cloudflare simulator and the vendors' clients for it, for the tests of this folder."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import httpx
import requests
from cloudflare import Cloudflare

from emulator_tests.simulators.tests.served import Served, wait_until
from emulator_tests.simulators.tests.tus import VERSION, chunk_headers

ACCOUNT_ID = "0123456789abcdef0123456789abcdef"
API_TOKEN = "an-api-token"


class CloudflareServer(Served):
    """One simulator process.

    Args:
        options: Further command-line options.
    """

    def __init__(self, *options: str) -> None:
        super().__init__("cloudflare", "--account-id", ACCOUNT_ID, "--api-token", API_TOKEN, *options)
        self.api_url = f"{self.url}/client/v4"
        self.sdk = self.client()

    def client(self, api_token: str = API_TOKEN) -> Cloudflare:
        """The vendor's client, which repeats nothing."""
        return Cloudflare(api_token=api_token, base_url=self.api_url, max_retries=0)

    def storage(self) -> tuple[float, float]:
        """Minutes that are used, and those that are reserved."""
        storage = self.control("GET", "things")["storage"]
        return storage["usedMinutes"], storage["reservedMinutes"]

    def create(self, length: int, metadata: dict[str, str | None] | None = None, **more: Any) -> httpx.Headers:
        """Make an upload address of TUS with the SDK; gives the headers of the answer."""
        answer = self.sdk.stream.with_raw_response.create(
            account_id=ACCOUNT_ID,
            direct_user=True,
            tus_resumable="1.0.0",
            upload_length=length,
            upload_metadata=encoded(metadata or {}),
            **more,
        )
        return answer.headers

    def upload(self, file: Path, metadata: dict[str, str | None] | None = None, **more: Any) -> str:
        """Upload a file by TUS in one chunk; gives its uid."""
        content = file.read_bytes()
        headers = self.create(len(content), metadata, **more)
        assert patch(headers["location"], 0, content).status_code == 204
        return str(headers["stream-media-id"])

    def video(self, uid: str) -> Any:
        """A video, by the SDK."""
        return self.sdk.stream.get(uid, account_id=ACCOUNT_ID)

    def await_state(self, uid: str, *states: str) -> Any:
        """Wait until a video is in one of these states."""
        wait_until(lambda: self.video(uid).status.state in states)
        return self.video(uid)


def encoded(metadata: dict[str, str | None]) -> str:
    """An `Upload-Metadata` header."""
    return ",".join(
        key if value is None else f"{key} {base64.b64encode(value.encode()).decode()}"
        for key, value in metadata.items()
    )


def patch(url: str, offset: int, content: bytes, **headers: str) -> requests.Response:
    """Send one chunk by TUS."""
    return requests.patch(url, content, headers=chunk_headers(offset) | headers, timeout=30)


def head(url: str) -> requests.Response:
    """Ask how much has arrived."""
    return requests.head(url, headers=VERSION, timeout=10)
