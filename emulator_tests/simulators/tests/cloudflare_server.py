"""A running Cloudflare simulator and the vendors' clients for it, for the tests of this folder."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import requests
from cloudflare import Cloudflare

from emulator_tests.simulators.tests.kaltura_server import wait_until

ACCOUNT_ID = "0123456789abcdef0123456789abcdef"
API_TOKEN = "an-api-token"
_ROOT = Path(__file__).parents[3]
_STOP_TIMEOUT_S = 10


class CloudflareServer:
    """One simulator process.

    Args:
        options: Further command-line options.
    """

    def __init__(self, *options: str) -> None:
        command = [
            sys.executable, "-m", "emulator_tests.simulators.cloudflare", "--account-id", ACCOUNT_ID,
            "--api-token", API_TOKEN, *options,
        ]  # fmt: skip
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("ready on http://"), line
        self.url = line.removeprefix("ready on ").strip()
        self.api_url = f"{self.url}/client/v4"
        self.sdk = self.client()

    def stop(self) -> None:
        """Stop the process and wait until it is gone."""
        self.process.terminate()
        self.process.wait(_STOP_TIMEOUT_S)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def client(self, api_token: str = API_TOKEN) -> Cloudflare:
        """The vendor's client, which repeats nothing."""
        return Cloudflare(api_token=api_token, base_url=self.api_url, max_retries=0)

    def control(self, method: str, name: str, **body: Any) -> Any:
        """Ask the control interface."""
        answer = requests.request(method, f"{self.url}/_simulator/{name}", json=body or None, timeout=10)
        answer.raise_for_status()
        return answer.json()

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
    usual = {
        "Tus-Resumable": "1.0.0",
        "Content-Type": "application/offset+octet-stream",
        "Upload-Offset": str(offset),
    }
    return requests.patch(url, content, headers=usual | headers, timeout=30)


def head(url: str) -> requests.Response:
    """Ask how much has arrived."""
    return requests.head(url, headers={"Tus-Resumable": "1.0.0"}, timeout=10)
