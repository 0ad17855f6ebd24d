"""Benchmark of uploads in a browser: a file of 1 GiB over a line of 200 Mbit/s with a round trip of 100 ms.

The peers are the way of Kaltura's Angular library, one chunk after another on a new connection each, and tus-js-client
as it comes: one request for the whole file. The line is that of the tests in a browser: a token bucket, a delay, and a
round trip for each new connection. It knows no slow start, which spares the peer with new connections.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from emulator_tests.bench.programs import serving
from emulator_tests.bench.rounds import show, verdict
from emulator_tests.testbed.line import line_to
from emulator_tests.testbed.places import CHROMIUM, WEB

ROUNDS: Final = 2
MIB: Final = 1024 * 1024
SIZE_BYTES: Final = 1024 * MIB
LINE_BYTES_PER_S: Final = 200_000_000 / 8
DELAY_S: Final = 0.05
KALTURA_TARGET, TUS_TARGET = 0.90, 0.85

NAMES: Final = {
    "kaltura-ours": "ours, Kaltura's chunks",
    "kaltura-ng": "as kaltura-ng",
    "tus-ours": "ours, TUS",
    "tus-default": "tus-js-client's default",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """
    What an upload took: its time, and the memory of the tab above what it had before.
    """

    seconds: float
    memory_bytes: int

    @property
    def share(self) -> float:
        """
        The share of the line that it used.
        """
        return SIZE_BYTES / LINE_BYTES_PER_S / self.seconds


def run() -> None:
    """
    Measure, and print the tables.
    """
    print(f"upload: 1 GiB over 200 Mbit/s and 100 ms; {SIZE_BYTES / LINE_BYTES_PER_S:.1f} s at least")
    samples: dict[str, list[Taken]] = {way: [] for way in NAMES}
    with tempfile.TemporaryDirectory(prefix="greenroom-bench-") as name:
        file = Path(name) / "video.mp4"
        with file.open("wb") as video:
            video.truncate(SIZE_BYTES)
        # No round is left out: what is cold takes a second of at least 43.
        for turn in range(ROUNDS):
            for way in NAMES:
                print(f"\r  round {turn + 1} of {ROUNDS}: {NAMES[way]} …".ljust(60), end="", flush=True)
                samples[way].append(sent(way, file))
    print()
    show(
        "upload: 1 GiB in Chromium; seconds, share of the line, and MiB of the tab above what it had before",
        ("way", "min", "median", "share", "memory"),
        [
            (
                name,
                f"{min(one.seconds for one in samples[way]):.1f}",
                f"{median(one.seconds for one in samples[way]):.1f}",
                f"{max(one.share for one in samples[way]):.0%}",
                f"{max(one.memory_bytes for one in samples[way]) / MIB:.0f}",
            )
            for way, name in NAMES.items()
        ],
    )
    shares = {way: max(one.share for one in taken) for way, taken in samples.items()}
    show(
        "upload: against the line",
        ("what", "result", "target"),
        [
            (
                "Kaltura's chunks",
                f"{shares['kaltura-ours']:.0%}",
                verdict(shares["kaltura-ours"] >= KALTURA_TARGET, f"{KALTURA_TARGET:.0%}"),
            ),
            ("TUS", f"{shares['tus-ours']:.0%}", verdict(shares["tus-ours"] >= TUS_TARGET, f"{TUS_TARGET:.0%}")),
        ],
    )


def sent(way: str, file: Path) -> Taken:
    """
    Send a file in a browser of its own.
    """
    with serving("upload_sink", way.split("-")[0], str(SIZE_BYTES)) as port, line_to(("127.0.0.1", port)) as line:
        line.slow_down(bytes_per_s=LINE_BYTES_PER_S, delay_s=DELAY_S)
        line_url = f"http://{line.address[0]}:{line.address[1]}"
        command = ["node", "bench/upload.mjs", way, str(file), f"http://127.0.0.1:{port}/", line_url, str(CHROMIUM)]
        done = subprocess.run(command, cwd=WEB, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Taken(**json.loads(done.stdout))
