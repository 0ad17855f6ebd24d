"""A running simulator and its control interface, and waiting for what happens there, for the tests of this folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import requests

from emulator_tests.simulators.running import Running

_PAUSE_S = 0.01


class Served(Running):
    """One simulator process, and what it says of itself."""

    def control(self, method: str, name: str, **body: Any) -> Any:
        """Ask the control interface."""
        answer = requests.request(method, f"{self.url}/_simulator/{name}", json=body or None, timeout=10)
        answer.raise_for_status()
        return answer.json()


def wait_until(check: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Ask again and again until something holds.

    Raises:
        AssertionError: It does not hold in time.
    """
    deadline = time.monotonic() + timeout_s
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(_PAUSE_S)
