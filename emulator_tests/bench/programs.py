"""The servers of areas that run in processes of their own, so that their CPU and memory are not measured."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from emulator_tests.testbed.places import ROOT


@contextmanager
def serving(module: str, *arguments: str) -> Iterator[int]:
    """
    Run a program of this folder during a `with` block, and return the port that it prints.

    Args:
        module: Its name, without `.py`.
        arguments: Those of its command line.
    """
    command = [sys.executable, "-m", f"emulator_tests.bench.{module}", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()
