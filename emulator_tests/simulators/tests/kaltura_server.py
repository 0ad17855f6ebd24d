"""A running Kaltura simulator and the vendor's Python client for it, for the tests of this folder."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from KalturaClient import KalturaClient, KalturaConfiguration
from KalturaClient.Plugins.Core import KalturaSessionType

PARTNER_ID = 4242
ADMIN_SECRET = "an-admin-secret"
USER_SECRET = "a-user-secret"
_ROOT = Path(__file__).parents[3]
_STOP_TIMEOUT_S = 10
_PAUSE_S = 0.01


class KalturaServer:
    """One simulator process.

    Args:
        options: Further command-line options.
    """

    def __init__(self, *options: str) -> None:
        command = [
            sys.executable, "-m", "emulator_tests.simulators.kaltura", "--partner-id", str(PARTNER_ID),
            "--admin-secret", ADMIN_SECRET, "--user-secret", USER_SECRET, *options,
        ]  # fmt: skip
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("ready on http://"), line
        self.url = line.removeprefix("ready on ").strip()

    def stop(self) -> None:
        """Stop the process and wait until it is gone."""
        self.process.terminate()
        self._wait()

    def kill(self) -> None:
        """Kill the process as a crash would."""
        self.process.kill()
        self._wait()

    def _wait(self) -> None:
        self.process.wait(_STOP_TIMEOUT_S)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def control(self, method: str, name: str, **body: Any) -> Any:
        """Ask the control interface."""
        answer = requests.request(method, f"{self.url}/_simulator/{name}", json=body or None, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def things(self, kind: str) -> list[dict[str, Any]]:
        """What exists of a kind."""
        found: list[dict[str, Any]] = self.control("GET", "things")[kind]
        return found

    def client(self, ks: str | bytes | None = None) -> Any:
        """The vendor's client, with a session if one is given."""
        client = KalturaClient(KalturaConfiguration(self.url))
        if ks is not None:
            client.setKs(ks)
        return client

    def admin(self, privileges: str = "disableentitlement", user_id: str = "operator") -> Any:
        """The vendor's client with an ADMIN session minted locally."""
        return self.client(mint(user_id, KalturaSessionType.ADMIN, privileges))

    def user(self, user_id: str, privileges: str = "", expiry_s: int = 3600) -> Any:
        """The vendor's client with a USER session minted locally."""
        return self.client(mint(user_id, KalturaSessionType.USER, privileges, expiry_s))


def wait_until(check: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Ask again and again until something holds.

    Raises:
        AssertionError: It does not hold in time.
    """
    deadline = time.monotonic() + timeout_s
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(_PAUSE_S)


def mint(user_id: str, session_type: int, privileges: str = "", expiry_s: int = 3600) -> str:
    """A KS made by the vendor's own code."""
    ks = KalturaClient.generateSessionV2(ADMIN_SECRET, user_id, session_type, PARTNER_ID, expiry_s, privileges)
    return str(ks, "ascii") if isinstance(ks, bytes) else str(ks)
