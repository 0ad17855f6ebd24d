"""Benchmark of archiving: a file of 1 GiB from an HTTP source to a store over TLS, against a download and an upload.

The peer is what people script: `requests` into a temporary file, then boto3's `upload_file`. Beside it stands boto3's
`upload_fileobj`, which also streams. The store is on this machine and keeps nothing; it verifies the checksum of each
part that has one, and reports that of the whole, which ours compares.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from emulator_tests.bench.programs import serving
from emulator_tests.bench.rounds import by_turns, ratio, show, times, verdict
from emulator_tests.testbed.places import ROOT

ROUNDS: Final = 3
MIB: Final = 1024 * 1024
SIZE_BYTES: Final = 1024 * MIB
WALL_TARGET, CPU_TARGET, MEMORY_TARGET_BYTES = 2.0, 2.5, 8 * MIB

NAMES: Final = {"disk": "download, then upload_file", "stream": "upload_fileobj", "ours": "ours"}


@dataclass(frozen=True, slots=True)
class Taken:
    """
    What a copy took.
    """

    wall_s: float
    cpu_s: float
    memory_bytes: int
    disk_bytes: int
    verified: bool


def run() -> None:
    """
    Measure, and print the tables.
    """
    print("archive: 1 GiB from an HTTP source to a store over TLS")
    with tempfile.TemporaryDirectory(prefix="greenroom-bench-") as name:
        folder = Path(name)
        write_certificate(folder)
        with (
            serving("archive_sink", "source", str(SIZE_BYTES)) as source,
            serving("archive_sink", "sink", name) as sink,
        ):
            copy = partial(copied, f"http://127.0.0.1:{source}/v.mp4", f"https://localhost:{sink}", folder)
            samples = by_turns({how: partial(copy, how) for how in NAMES}, ROUNDS)
    assert all(one.verified for one in samples["ours"])
    rows = [
        (
            name,
            f"{min(one.wall_s for one in samples[how]):.2f}",
            f"{median(one.wall_s for one in samples[how]):.2f}",
            f"{min(one.cpu_s for one in samples[how]):.2f}",
            f"{max(one.memory_bytes for one in samples[how]) / MIB:.1f}",
            f"{max(one.disk_bytes for one in samples[how]) // MIB}",
            "sent and verified" if all(one.verified for one in samples[how]) else "sent",
        )
        for how, name in NAMES.items()
    ]
    show(
        "archive: 1 GiB; seconds, and MiB above what the program had before",
        ("way", "wall min", "wall median", "CPU min", "memory", "disk", "checksum"),
        rows,
    )
    wall = ratio([one.wall_s for one in samples["disk"]], [one.wall_s for one in samples["ours"]])
    cpu = ratio([one.cpu_s for one in samples["disk"]], [one.cpu_s for one in samples["ours"]])
    memory = max(one.memory_bytes for one in samples["ours"])
    show(
        "archive: against download, then upload_file",
        ("what", "result", "target"),
        [
            ("wall", times(wall), verdict(wall >= WALL_TARGET, "2x")),
            ("CPU", times(cpu), verdict(cpu >= CPU_TARGET, "2.5x")),
            ("memory", f"{memory / MIB:.1f} MiB", verdict(memory <= MEMORY_TARGET_BYTES, "8 MiB")),
            ("disk", "0", verdict(all(one.disk_bytes == 0 for one in samples["ours"]), "0")),
        ],
    )


def copied(source: str, store: str, folder: Path, how: str) -> Taken:
    """
    Copy a file in a process of its own.

    Args:
        source: Its address.
        store: The address of the store.
        folder: Has the store's certificate.
        how: One of `NAMES`.
    """
    command = [
        sys.executable, "-m", "emulator_tests.bench.archive_client", how, source, store,
        str(folder / "certificate.pem"),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Taken(**json.loads(done.stdout))


def write_certificate(folder: Path) -> None:
    """
    Write a certificate for `localhost` that signs itself, and its key.
    """
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
        "-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem"),
    ]  # fmt: skip
    subprocess.run(command, capture_output=True, check=True)
