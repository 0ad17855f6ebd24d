"""Read and write `counted.json`, the last count: the page shows it, and a test compares it with a fresh count.

Written by `make cost`.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from os import cpu_count
from pathlib import Path
from statistics import median
from typing import Any, Final, Self

from emulator_tests.cost import archives, idle, naive, sessions, slides, videos
from emulator_tests.cost.scenario import REGISTRY, CpuSeconds, opened
from emulator_tests.cost.usage import Counts, Usage

RECORD: Final = Path(__file__).with_name("counted.json")

SCENARIOS: Final = (sessions, videos, slides, archives)
"""The files whose scenarios register themselves."""

MONTHS: Final = {
    **{f"idle_{size}": size for size in idle.SIZES},
    **{f"naive_{size}": size for size in idle.SIZES},
}


@dataclass(frozen=True, slots=True)
class Record:
    """
    What was counted.

    Attributes:
        counted_on: The day.
        machine: The machine that CPU times are of.
        counts: The usage of 1,000 of each scenario, and of a month of each school at rest, by name.
        stored_bytes: About how many bytes the documents of each school at rest take.
        cpu_ms: Median CPU milliseconds of a call of each function.
    """

    counted_on: date
    machine: str
    counts: Mapping[str, Counts]
    stored_bytes: Mapping[str, int]
    cpu_ms: Mapping[str, float]

    @classmethod
    def load(cls) -> Self:
        """
        Return what was counted last.
        """
        told = json.loads(RECORD.read_text())
        counts = {name: counts_from(given) for name, given in told["counts"].items()}
        return cls(date.fromisoformat(told["countedOn"]), told["machine"], counts, told["storedBytes"], told["cpuMs"])

    def save(self) -> None:
        """
        Write the file.
        """
        told = {
            "countedOn": self.counted_on.isoformat(),
            "machine": self.machine,
            "counts": {name: counts_to_fields(counts) for name, counts in self.counts.items()},
            "storedBytes": dict(self.stored_bytes),
            "cpuMs": dict(self.cpu_ms),
        }
        RECORD.write_text(json.dumps(told, indent=1) + "\n")


def counts_to_fields(counts: Counts) -> dict[str, Any]:
    """
    Return counts as JSON. Pure.
    """
    fields = {name: usage.to_fields() for name, usage in sorted(counts.items())}
    return {name: found for name, found in fields.items() if found}


def counts_from(fields: Mapping[str, Mapping[str, float]]) -> Counts:
    """
    Return the counts that `counts_to_fields` returned. Pure.
    """
    return {name: Usage.from_fields(given) for name, given in fields.items()}


def count_month(name: str) -> tuple[Counts, int]:
    """
    Count a month of a school at rest.

    Returns:
        The usage, and about how many bytes its documents take.
    """
    return idle.month(MONTHS[name]) if name.startswith("idle") else (naive.month(MONTHS[name]), 0)


def count_all(say: Callable[[str], None]) -> Record:
    """
    Count everything.

    Args:
        say: Is told what is counted next.
    """
    counts: dict[str, Counts] = {}
    stored: dict[str, int] = {}
    cpu_s: CpuSeconds = {}
    for name, counted in _scenarios(cpu_s):
        say(name)
        counts[name] = counted()
    say("naive_uploads")
    counts["naive_uploads"] = naive.uploads()
    for name in MONTHS:
        say(name)
        counts[name], stored_bytes = count_month(name)
        if stored_bytes:
            stored[name] = stored_bytes
    cpu_ms = {name: round(median(seconds) * 1000, 1) for name, seconds in sorted(cpu_s.items())}
    return Record(datetime.now(UTC).date(), machine(), counts, stored, cpu_ms)


def _scenarios(cpu_s: CpuSeconds) -> Iterator[tuple[str, Callable[[], Counts]]]:
    with ExitStack() as stack:
        places: dict[str, Any] = {}
        for name, scenario in REGISTRY.scenarios.items():
            if scenario.place not in places:
                places[scenario.place] = stack.enter_context(opened(scenario.place))
            place = places[scenario.place]
            yield name, lambda one=scenario, place=place: one.count(place, cpu_s)  # type: ignore[misc]


def machine() -> str:
    """
    Return the machine, for the page.
    """
    models = [line.partition(":")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    model = " ".join(models[0].split()) if models else platform.machine()
    return f"{cpu_count()} cores of {model}, Python {platform.python_version()}"
