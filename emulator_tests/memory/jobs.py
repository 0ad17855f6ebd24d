"""The jobs port in memory."""

from __future__ import annotations

from emulator_tests.memory.effect import Effect, undisturbed


class MemoryJobs:
    """
    The jobs port in memory: a test runs what was started.

    Args:
        effect: Wraps every call.

    Attributes:
        started: The keys of the jobs that were started and not taken yet.
    """

    def __init__(self, effect: Effect = undisturbed) -> None:
        self.started: list[str] = []
        self._effect = effect

    def start(self, key: str) -> None:
        self._effect("start_job", lambda: self.started.append(key))
