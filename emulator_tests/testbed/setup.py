"""Install what the test bed and the checks need: every step that is not done, in parallel, none twice.

Run by the Makefile as `python3 -m emulator_tests.testbed.setup [STEP…]`, with the system's Python and its standard
library alone. The steps are in `steps.py`; `stack.py` runs what they install.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from emulator_tests.testbed.part import Part, PartFailed, TestbedError
from emulator_tests.testbed.places import HOME, ROOT
from emulator_tests.testbed.steps import Step, steps

REPORT_EVERY_S = 15
LINE_LONGEST = 60


def check(todo: Sequence[Step]) -> None:
    """
    Raises:
        TestbedError: something is missing that set-up cannot install; says everything at once.
    """
    complaints = [complaint for step in todo for tool in step.tools if (complaint := tool.complaint())]
    if packages := " ".join(package for step in todo for package in step.packages):
        if shutil.which("apt-get") is None:
            complaints.append(f"These are needed and cannot be installed without apt-get: {packages}.")
        elif os.geteuid() != 0 and shutil.which("sudo") is None:
            complaints.append(f"Installing {packages} takes root: run `apt-get install {packages}` as root first.")
    if complaints:
        raise TestbedError("\n".join(complaints))


@dataclass(slots=True)
class Installation:
    """
    The steps at work, each in a thread of its own.
    """

    todo: Sequence[Step]
    started_at: float = field(default_factory=time.monotonic)
    failure: str | None = None
    _running: dict[str, Part] = field(default_factory=dict)
    _done: dict[str, threading.Event] = field(default_factory=dict)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """
        Do everything, telling how it goes.

        Raises:
            TestbedError: a step failed; the others are stopped.
        """
        self._done = {step.name: threading.Event() for step in self.todo}
        threads = [threading.Thread(target=self._do, args=(step,)) for step in self.todo]
        try:
            for thread in threads:
                thread.start()
            reported_at = time.monotonic()
            while any(thread.is_alive() for thread in threads):
                for thread in threads:
                    thread.join(timeout=0.1)
                if time.monotonic() - reported_at >= REPORT_EVERY_S:
                    reported_at = time.monotonic()
                    self._report()
        finally:
            self._stop()
            for thread in threads:
                thread.join()
        if self.failure is not None:
            raise TestbedError(self.failure)

    def _say(self, line: str) -> None:
        seconds = int(time.monotonic() - self.started_at)
        # Written at once with its end: the steps run side by side, and `print` writes the two one after the other.
        sys.stdout.write(f"  {seconds // 60}:{seconds % 60:02}  {line}\n")
        sys.stdout.flush()

    def _report(self) -> None:
        for name, part in list(self._running.items()):
            lines = part.log.read_text(errors="replace").split("\n") if part.log.exists() else []
            last = next((line.strip() for line in reversed(lines) if line.strip()), "")
            self._say(f"{name}: {last[:LINE_LONGEST] or 'at work'}")

    def _stop(self) -> None:
        self._stopped.set()
        for part in list(self._running.values()):
            part.let_go()

    def _do(self, step: Step) -> None:
        for name in step.after:
            if name in self._done:
                self._done[name].wait()
        started_at = time.monotonic()
        for command in step.commands:
            if self._stopped.is_set():
                break
            part = Part(
                name=step.name,
                command=command,
                environment=os.environ | dict(step.environment),
                directory=ROOT,
                log=HOME / "logs" / f"setup-{step.name}.log",
                grace_s=3,
            )
            if command is step.commands[0]:
                self._say(f"{step.name}: {step.what}")
            part.start()
            self._running[step.name] = part
            if self._stopped.is_set():
                part.let_go()
            part.wait()
            del self._running[step.name]
            if part.returncode() != 0 and not self._stopped.is_set():
                self.failure = str(PartFailed(part, f"could not be installed: {' '.join(command[:2])} … failed"))
                self._stop()
        if not self._stopped.is_set():
            step.remember()
            self._say(f"{step.name}: done in {time.monotonic() - started_at:.0f} s")
        self._done[step.name].set()


def main() -> int:
    """
    Returns:
        The exit code: 0 when everything asked for is there.
    """
    parser = argparse.ArgumentParser(prog="python3 -m emulator_tests.testbed.setup", description=__doc__)
    parser.add_argument("steps", nargs="*", metavar="STEP", help="what to install; everything unless given")
    wanted = set(parser.parse_args().steps)
    # A script's background job starts with Ctrl-C ignored, and leaves it so to what it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    available = steps()
    wanted |= {before for step in available if step.name in wanted for before in step.after}
    todo = [step for step in available if (not wanted or step.name in wanted) and not step.is_done()]
    if not todo:
        return 0
    (HOME / "logs").mkdir(parents=True, exist_ok=True)
    try:
        with (HOME / "setup.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("Another set-up is at work: waiting for it.", flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
            todo = [step for step in todo if not step.is_done()]
            check(todo)
            started_at = time.monotonic()
            print(f"Setting up what is missing: {', '.join(step.name for step in todo)}.", flush=True)
            Installation(todo).run()
    except KeyboardInterrupt:
        print("\nStopped; the next time goes on from here.", file=sys.stderr)
        return 130
    except TestbedError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Set up in {(time.monotonic() - started_at) / 60:.1f} minutes.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
