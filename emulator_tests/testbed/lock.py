"""Lock the folder of a stack, so that one stack at a time writes to it. Called by `stack.py`."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import TextIO

from emulator_tests.testbed.part import TestbedError


def take_folder(folder: Path) -> TextIO:
    """
    Lock the folder, and empty it.

    Returns:
        The lock, which is held until it is closed or this process ends.

    Raises:
        TestbedError: Another stack has the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("a+")
    try:
        # The system lets go of it when this process ends, however it ends: no lock outlives its stack.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        owner = lock.read().strip()
        lock.close()
        raise TestbedError(f"A stack is running already in {folder} (process {owner}): stop it first.") from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    for leftover in folder.iterdir():
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover)
        elif leftover.name != "lock":
            leftover.unlink()
    for name in ("logs", "tmp", "config", "source"):
        (folder / name).mkdir()
    return lock
