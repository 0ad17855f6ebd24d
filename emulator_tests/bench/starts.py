"""One cold start: a function under functions-framework from the start of its process until its first good answer.

Called by `cold.py` and `cold_useful.py`, which send the request and judge the answer.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from emulator_tests.testbed.places import ROOT

READY_S: Final = 120.0
LOOK_S: Final = 0.004

DEPLOYED: Final = "import sys; sys.modules['rich'] = None; "
"""
Blocks what only the tests install and the cloud does not have. firebase-admin imports `httpx`, which loads `rich` if it
is installed.
"""

FRAMEWORK: Final = f"{DEPLOYED}from functions_framework._cli import _cli; _cli()"

Ask = Callable[[int], None]
"""Sends a request to the function at a port, and checks the answer. The connection is refused until it listens."""


@dataclass(frozen=True, slots=True)
class Start:
    """
    The cost of one cold start, until the answer.
    """

    answer_s: float
    cpu_s: float
    memory_bytes: float


def cold_start(
    source: Path, target: str, environment: Mapping[str, str], ask: Ask, signature: str = "http"
) -> Callable[[], Start]:
    """
    Return a case that starts a function, waits for its answer, and stops it.

    Args:
        source: The file of the function.
        target: Its name.
        environment: Its settings, beside those of this process.
        ask: Sends the request.
        signature: The kind of function: `http` or `cloudevent`.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def sample() -> Start:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = {"source": source, "target": target, "signature-type": signature, "host": "127.0.0.1", "port": port}
        command = [sys.executable, "-c", FRAMEWORK, *(f"--{name}={value}" for name, value in options.items())]
        started_s = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, env={**inherited, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            while True:
                try:
                    ask(port)
                    break
                except ConnectionError:
                    if process.poll() is not None or time.perf_counter() > started_s + READY_S:
                        raise
                    time.sleep(LOOK_S)
            answer_s = time.perf_counter() - started_s
            family = _family(process.pid)
            return Start(answer_s, sum(map(_cpu_s, family)), sum(map(_memory_bytes, family)))
        finally:
            process.terminate()
            process.wait()

    return sample


def _family(process_id: int) -> list[int]:
    """
    Return the ids of a process and all its descendants.
    """
    children = Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()
    return [process_id, *(member for child in children for member in _family(int(child)))]


def _cpu_s(process_id: int) -> float:
    """
    Return the CPU seconds that a process has used so far (proc(5): utime and stime).
    """
    after_name = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def _memory_bytes(process_id: int) -> float:
    """
    Return the memory of a process, with a page shared by n processes counted as 1/n (proc(5): Pss).
    """
    rollup = Path(f"/proc/{process_id}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) * 1024
