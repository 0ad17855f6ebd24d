"""Benchmark of cold starts: time from process start to the first HTTP 200 under functions-framework, and the memory
then.

The first 200 of a callable is its answer to a browser's preflight request. By then, all imports of the start are done.
Imports that are deferred to their first use are listed below the table. What they take of the first useful answer is
left to `cold_useful.py`.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from emulator_tests.bench import cold_useful
from emulator_tests.bench.rounds import by_turns, least_and_median, ratio, show, times, verdict
from emulator_tests.bench.starts import DEPLOYED, READY_S, cold_start
from emulator_tests.testbed.places import ROOT

ROUNDS = 7
HERE = Path(__file__).parent
TARGET_PEER, TARGET_HELLO, TARGET_MEMORY = 2.2, 2.7, 0.6

PROJECT = {"GCLOUD_PROJECT": "demo-greenroom", "GOOGLE_CLOUD_PROJECT": "demo-greenroom"}

HELLO = "hello world: the floor"
PEER = "everything at once"
OURS = "ours (getKalturaSession)"

STARTED = "import main; main.getKalturaSession"
"""A started instance."""

FIRESTORE = "import google.cloud.firestore"
KALTURA = "import shared.providers.kaltura"
TASKS = (
    "from shared.cloud.tasks import connect_tasks; connect_tasks('127.0.0.1:9'); "
    "from google.api_core.gapic_v1.routing_header import to_grpc_metadata"
)
"""All that the first task of a process loads. No call is made."""

QUEUE = "queue, after documents (shared.cloud.tasks)"
TARGET_QUEUE_S = 0.06

PUT_OFF = {
    "documents (google.cloud.firestore)": (STARTED, FIRESTORE),
    QUEUE: (f"{STARTED}; {FIRESTORE}", TASKS),
    "keys (shared.providers.kaltura.signing)": (STARTED, f"{KALTURA}.signing"),
    "Kaltura (shared.providers.kaltura.client)": (STARTED, f"{KALTURA}.client"),
}
"""By name: what is loaded before, and what is measured."""


def run() -> None:
    """
    Measure, and print the table.
    """
    starts = by_turns(
        {
            HELLO: cold_start(HERE / "cold_hello.py", "answer", PROJECT, _preflight),
            OURS: cold_start(ROOT / "main.py", "getKalturaSession", PROJECT, _preflight),
            PEER: cold_start(HERE / "cold_eager.py", "answer", PROJECT, _preflight),
        },
        ROUNDS,
    )
    took_s = {name: [start.answer_s for start in taken] for name, taken in starts.items()}
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
    later = by_turns({name: _put_off(*statements) for name, statements in PUT_OFF.items()}, ROUNDS)
    is_soon = min(later[QUEUE]) < TARGET_QUEUE_S
    show(
        "cold: put off by us until first needed, on top of a started instance, in ms",
        ("", "least", "median", "target"),
        [
            (
                name,
                *least_and_median(taken, 1e3, 0),
                verdict(is_soon, f"under {TARGET_QUEUE_S * 1e3:.0f} ms") if name == QUEUE else "",
            )
            for name, taken in later.items()
        ],
    )
    cold_useful.measure()


def _preflight(port: int) -> None:
    """
    Send what a browser sends before a call. The answer must be a 200.
    """
    headers = {"Origin": "https://example.com", "Access-Control-Request-Method": "POST"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_S)
    try:
        connection.request("OPTIONS", "/", headers=headers)
        response = connection.getresponse()
        response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise RuntimeError(f"the first answer has status {response.status}")


def _put_off(before: str, statement: str) -> Callable[[], float]:
    measured = (
        before,
        "import time",
        "started_s = time.perf_counter()",
        statement,
        "print(time.perf_counter() - started_s)",
    )
    program = DEPLOYED + "\n".join(measured)

    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | PROJECT

    def sample() -> float:
        ran = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        return float(ran.stdout)

    return sample
