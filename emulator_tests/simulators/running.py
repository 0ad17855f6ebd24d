"""A simulator as a child process, for tests and benchmarks that need their own.

The caller sends requests to `url`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

_ROOT = Path(__file__).parents[2]
_STOP_TIMEOUT_S = 10


class Running:
    """One simulator process; it stops at the end of a `with` block, or by `stop`.

    Args:
        simulator: The package's name, such as `kaltura`.
        options: Options of its command line.

    Attributes:
        url: Its address.
    """

    def __init__(self, simulator: str, *options: str) -> None:
        command = [sys.executable, "-m", f"emulator_tests.simulators.{simulator}", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("ready on http://"), line
        self.url = line.removeprefix("ready on ").strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

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
