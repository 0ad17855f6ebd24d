"""The common part of the accounts at simulators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from emulator_tests.contract.accounts.files import Film
from shared.ports import Allowance, Media, Source


@dataclass(frozen=True, slots=True)
class SimulatorServer:
    """
    A simulator for these suites only.
    """

    url: str
    films: Mapping[Film, Path]
    http: httpx.Client

    def control(self, method: str, name: str, body: Mapping[str, Any] | None = None) -> Any:
        """
        Call one of the simulator's own controls.
        """
        answer = self.http.request(method, f"{self.url}/_simulator/{name}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()


class SimulatedAccount:
    """
    An account as a simulator serves it. Our clock follows the simulator's, however often that is moved.
    """

    def __init__(self, server: SimulatorServer) -> None:
        self._simulator = server
        self._ahead = timedelta()

    def clock(self) -> datetime:
        """
        Return the current time, for us and for the provider.
        """
        return datetime.now(UTC) + self._ahead

    def go_on(self, seconds: float) -> None:
        """
        Let time pass, for us and for the provider.
        """
        self._simulator.control("POST", "clock", {"advance_s": seconds})
        self._ahead += timedelta(seconds=seconds)

    def later(self) -> None:
        """
        Let a second pass, the unit of Kaltura's timestamps.
        """
        self.go_on(1)

    def allowance(self, media: Media, size_bytes: int) -> Allowance:
        """
        Return an allowance to upload this many bytes within ten minutes.
        """
        return Allowance(media.requests_for(size_bytes), self.clock() + timedelta(seconds=600))

    def read(self, source: Source) -> bytes | None:
        """
        Download the source as any client does.
        """
        answer = self._simulator.http.get(source.url, follow_redirects=True)
        return answer.content if answer.is_success and answer.content else None

    def calls(self) -> int:
        """
        Return the number of requests in the simulator's log.
        """
        return len(self._simulator.control("GET", "requests"))

    def lose_call(self, operation: str) -> None:
        """
        Cut the connection before the simulator reads the request.
        """
        self._disturb(operation, "drop_before")

    def lose_answer(self, operation: str) -> None:
        """
        Cut the connection instead of the simulator's answer.
        """
        self._disturb(operation, "drop_after_commit")

    def _disturb(self, operation: str, kind: str) -> None:
        raise NotImplementedError
