"""Benchmark of cold starts: time from process start to the first HTTP 200 under functions-framework, and the memory
then.

The first 200 of a callable is its answer to a browser's preflight request. By then, all imports of the start are done.
Imports that are deferred to their first use are listed below the table.
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emulator_tests.bench.rounds import by_turns, least_and_median, ratio, show, times, verdict

ROUNDS = 7
READY_S = 60.0
LOOK_S = 0.004
ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
TARGET_PEER, TARGET_HELLO, TARGET_MEMORY = 2.2, 2.7, 0.6

HELLO = "hello world: the floor"
PEER = "everything at once"
OURS = "ours (getKalturaSession)"

# Block what only the tests install and the cloud does not have. firebase-admin imports `httpx`, which loads `rich` if
# it is installed.
DEPLOYED = "import sys; sys.modules['rich'] = None; "
FRAMEWORK = f"{DEPLOYED}from functions_framework._cli import _cli; _cli()"
PUT_OFF = {
    "documents (google.cloud.firestore)": "import google.cloud.firestore",
    "queue (google.cloud.tasks_v2)": "import google.cloud.tasks_v2",
    "keys (shared.providers.kaltura.signing)": "import shared.providers.kaltura.signing",
    "Kaltura (shared.providers.kaltura.client)": "import shared.providers.kaltura.client",
}


@dataclass(frozen=True, slots=True)
class Start:
    """
    The cost of one cold start.
    """

    first_answer_s: float
    cpu_s: float
    memory_bytes: float


def run() -> None:
    """
    Measure, and print the table.
    """
    starts = by_turns(
        {
            HELLO: _cold(HERE / "cold_hello.py", "answer"),
            OURS: _cold(ROOT / "main.py", "getKalturaSession"),
            PEER: _cold(HERE / "cold_eager.py", "answer"),
        },
        ROUNDS,
    )
    took_s = {name: [start.first_answer_s for start in taken] for name, taken in starts.items()}
    cpu_s = {name: [start.cpu_s for start in taken] for name, taken in starts.items()}
    memory = {name: [start.memory_bytes for start in taken] for name, taken in starts.items()}
    faster = ratio(took_s[PEER], took_s[OURS])
    slower = ratio(took_s[OURS], took_s[HELLO])
    smaller = min(memory[OURS]) / min(memory[PEER])
    targets = "; ".join(
        (
            verdict(faster >= TARGET_PEER, f"{TARGET_PEER}x faster"),
            verdict(slower <= TARGET_HELLO, f"under {TARGET_HELLO}x hello world"),
            verdict(smaller <= TARGET_MEMORY, f"memory at most {TARGET_MEMORY:.0%}"),
        )
    )
    show(
        "cold: process start to first HTTP 200, and the CPU it took, in ms; memory (PSS) then, in MiB",
        ("", "least", "median", "times faster", "of hello", "CPU", "times less", "memory", "of peer", "target"),
        [
            (
                name,
                *least_and_median(took_s[name], 1e3, 0),
                times(ratio(took_s[PEER], took_s[name])),
                times(ratio(took_s[name], took_s[HELLO])),
                f"{min(cpu_s[name]) * 1e3:.0f}",
                times(ratio(cpu_s[PEER], cpu_s[name])),
                f"{min(memory[name]) * 2**-20:.0f}",
                f"{min(memory[name]) / min(memory[PEER]):.0%}",
                targets if name == OURS else "",
            )
            for name in starts
        ],
    )
    later = by_turns({name: _put_off(statement) for name, statement in PUT_OFF.items()}, ROUNDS)
    show(
        "cold: put off by us until first needed, on top of a started instance, in ms",
        ("", "least", "median"),
        [(name, *least_and_median(taken, 1e3, 0)) for name, taken in later.items()],
    )


def _environment() -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "GCLOUD_PROJECT": "demo-greenroom",
        "GOOGLE_CLOUD_PROJECT": "demo-greenroom",
    }


def _cold(source: Path, target: str) -> Callable[[], Start]:
    """
    Return a case that starts a function, waits for its first 200, and stops it.
    """

    def sample() -> Start:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        program = Path(sys.executable).with_name("functions-framework")
        command = [
            str(program),
            "--source",
            str(source),
            "--target",
            target,
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ]
        started_s = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, env=_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            _first_answer(process, port, started_s + READY_S)
            first_answer_s = time.perf_counter() - started_s
            family = _family(process.pid)
            return Start(first_answer_s, sum(map(_cpu_s, family)), sum(map(_memory_bytes, family)))
        finally:
            process.terminate()
            process.wait()

    return sample


def _first_answer(process: subprocess.Popen[bytes], port: int, until_s: float) -> None:
    """
    Send requests until the server listens. Its first answer must be a 200.
    """
    headers = {"Origin": "https://example.com", "Access-Control-Request-Method": "POST"}
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_S)
        try:
            connection.request("OPTIONS", "/", headers=headers)
            response = connection.getresponse()
            response.read()
        except OSError:
            if process.poll() is not None or time.perf_counter() > until_s:
                raise
            time.sleep(LOOK_S)
            continue
        finally:
            connection.close()
        if response.status != 200:
            raise RuntimeError(f"the first answer has status {response.status}")
        return


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


def _put_off(statement: str) -> Callable[[], float]:
    measured = (
        "import main, time",
        "started_s = time.perf_counter()",
        statement,
        "print(time.perf_counter() - started_s)",
    )
    program = DEPLOYED + "\n".join(measured)

    def sample() -> float:
        ran = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, env=_environment(), capture_output=True, text=True, check=True
        )
        return float(ran.stdout)

    return sample
