"""One program of the test bed: started under a keeper, its output in a file, its end noticed.

Called by `stack.py`, which knows which programs there are. It leaves the killing to `keeper.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

KEEPER = Path(__file__).with_name("keeper.py")
BETWEEN_LOOKS_S = 0.05
LINES_SHOWN = 15


class TestbedError(Exception):
    """
    The test bed cannot do what it was asked to; `str(error)` is a sentence or two for whoever asked.
    """

    # The name begins like a test class's, and pytest would try to collect it.
    __test__ = False


class PartFailed(TestbedError):
    """
    A part ended, or did not begin to answer; names its log and shows the log's end.
    """

    def __init__(self, part: Part, reason: str) -> None:
        lines = part.log.read_text(errors="replace").rstrip().splitlines()[-LINES_SHOWN:] if part.log.exists() else []
        shown = "\n".join(f"    {line}" for line in lines) or "    (nothing)"
        super().__init__(f"{part.name} {reason}. The end of its log, {part.log}:\n{shown}")


@dataclass(slots=True)
class Part:
    """
    Args:
        name: what people call it.
        command: program and arguments.
        environment: all the program sees; nothing else is inherited.
        directory: where it runs.
        log: the file its output goes to.
        grace_s: how long it may take to end when asked to; 0 kills it.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    log: Path
    grace_s: float
    _keeper: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """
        Start the program; returns before it answers.
        """
        with self.log.open("wb") as log:
            self._keeper = subprocess.Popen(
                # A session of its own keeps a Ctrl-C in the terminal from the parts: the launcher stops them in order.
                [sys.executable, "-I", "-S", os.fspath(KEEPER), str(self.grace_s), *self.command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd=self.directory,
                start_new_session=True,
            )

    @property
    def keeper_id(self) -> int:
        """
        The process to watch: it lives exactly as long as the program and everything the program started.
        """
        assert self._keeper is not None, f"{self.name} was not started"
        return self._keeper.pid

    def let_go(self) -> None:
        """
        Tell the keeper to stop everything; returns at once.
        """
        if self._keeper is not None and self._keeper.stdin is not None:
            self._keeper.stdin.close()

    def wait(self) -> None:
        """
        Wait until nothing of the part is left: until its program ends, unless `let_go` was called before.
        """
        if self._keeper is not None:
            self._keeper.wait()
        self.let_go()

    def returncode(self) -> int | None:
        """
        The exit code, or None while the program runs.
        """
        return None if self._keeper is None else self._keeper.poll()

    def wait_until(self, what: str, holds: Callable[[], bool], deadline_at: float) -> None:
        """
        Look again and again until something holds.

        Args:
            what: ends the sentence "The part did not …" if it never does.
            holds: answers whether it does; an OSError means not yet, as long as nobody listens.
            deadline_at: the latest instant of `time.monotonic()`.

        Raises:
            PartFailed: the part ended, or the deadline passed.
        """
        while True:
            try:
                if holds():
                    return
            except OSError:
                pass
            if (returncode := self.returncode()) is not None:
                raise PartFailed(self, f"ended with exit code {returncode} before it could {what}")
            if time.monotonic() > deadline_at:
                raise PartFailed(self, f"did not {what} in time")
            time.sleep(BETWEEN_LOOKS_S)

    def has_said(self, text: str) -> bool:
        """
        Whether the text stands in the log.
        """
        return text in self.log.read_text(errors="replace")
