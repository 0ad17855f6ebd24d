"""Runs one program and leaves none of its descendants behind, whatever happens to whoever asked for it.

Started by `part.py`, one keeper for each part, as `python keeper.py GRACE_S PROGRAM ARGUMENT…`; its standard input is
the leash: a pipe whose other end the launcher holds, so that it ends when the launcher ends, even by kill -9.
It leaves to the launcher what to run, where the output goes, and whether an end was expected.

Linux only: it makes itself the reaper of orphaned descendants, because firebase-tools kills the shell it started a
Python function with and forgets the server below it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
LEASH = 0


def adopt_orphans() -> None:
    """
    Make every descendant whose parent ends a child of this process.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "this system cannot hand orphaned processes to the keeper")


def children() -> dict[int, list[int]]:
    """
    Returns:
        The ids of the living children of every process of this machine, by its id.
    """
    found: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            # The name in brackets may hold spaces and brackets of its own: the fields are counted after the last one.
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if state not in "ZX":
                found.setdefault(int(parent), []).append(int(entry.name))
    return found


def descendants(of_process: int | None = None) -> list[int]:
    """
    Args:
        of_process: The id of a process; `None` for this one.

    Returns:
        The ids of all its living descendants, parents before children.
    """
    known, found = children(), [os.getpid() if of_process is None else of_process]
    for process in found:
        found.extend(known.get(process, []))
    return found[1:]


def reap(wanted: int) -> int | None:
    """
    Collect every child that has ended.

    Returns:
        The return code of the child `wanted` if it was among them: its exit code, or minus the signal that ended it.
    """
    returncode = None
    with contextlib.suppress(ChildProcessError):
        while True:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                break
            if process == wanted:
                returncode = os.waitstatus_to_exitcode(status)
    return returncode


def kill_descendants() -> None:
    """
    End every descendant at once, until none is left: one may be starting another while it is being killed.
    """
    while living := descendants():
        for process in living:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.01)
        reap(0)


def keep(arguments: list[str], grace_s: float) -> int:
    """
    Run the program until it ends, the leash is let go, or this process is told to end.

    Args:
        arguments: the program and its arguments.
        grace_s: how long the program may take to end in its own way when asked to; 0 asks nothing and kills.

    Returns:
        The exit code for this process: the program's own, or 0 when it was stopped from outside.
    """
    # The handlers only have to exist: Python then writes each signal's number into the pipe that select waits for.
    alarm, ring = os.pipe()
    os.set_blocking(ring, False)
    signal.set_wakeup_fd(ring)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    adopt_orphans()
    # Python ignores SIGPIPE and an ignored signal is inherited, so the program gets it back.
    program = os.posix_spawnp(
        arguments[0],
        arguments,
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
        setsigdef=[signal.SIGPIPE],
    )
    stopping_at: float | None = None
    try:
        while True:
            returncode = reap(program)
            if returncode is not None:
                if stopping_at is not None:
                    return 0
                return returncode if returncode >= 0 else 128 - returncode
            if stopping_at is not None and time.monotonic() >= stopping_at + grace_s:
                return 0
            waited_for = [alarm, LEASH] if stopping_at is None else [alarm]
            timeout_s = None if stopping_at is None else max(0.0, stopping_at + grace_s - time.monotonic())
            ready, _, _ = select.select(waited_for, [], [], timeout_s)
            rung = os.read(alarm, 4096) if alarm in ready else b""
            told_to_stop = LEASH in ready or set(rung) - {signal.SIGCHLD}
            if told_to_stop and stopping_at is None:
                stopping_at = time.monotonic()
                if grace_s > 0:
                    os.kill(program, signal.SIGTERM)
    finally:
        kill_descendants()


if __name__ == "__main__":
    sys.exit(keep(sys.argv[2:], float(sys.argv[1])))
