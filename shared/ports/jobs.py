"""Jobs: programs that may run for longer than a function."""

from __future__ import annotations

from typing import Protocol


class Jobs(Protocol):
    """
    Starts the program that copies one large original.
    """

    def start(self, key: str) -> None:
        """
        Start a job. If it runs already, a second one finds its claim and ends.

        Args:
            key: What it works on.

        Raises:
            Transient: It was not started (again).
            Doubtful: It may have been started (again).
            Misconfigured: There is no such job, or it may not be started (never, until the operator changes it).
        """
        ...
