"""Shows at the end of a run how long the tests of each folder took, so that a slow folder is seen before it hurts.

Registered by `conftest.py`.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

import pytest

CPU_FIELD: Final = "folder_times_cpu_s"
"""An attribute of a report: what is set on it reaches the controller."""


@dataclass(slots=True)
class Sum:
    """
    What the tests of one folder took, their fixtures included.

    Attributes:
        tests: How many there were.
        wall_s: By the clock.
        cpu_s: Computed in the process that ran them; emulators, simulators and functions compute in others.
    """

    tests: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0


@dataclass(slots=True, eq=False)
class FolderTimes:
    """
    The plugin: one sum per folder.
    """

    _sums: dict[str, Sum] = field(default_factory=lambda: defaultdict(Sum))
    _began_s: float = field(default_factory=time.monotonic)
    _computed_s: float = field(default_factory=time.process_time)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """
        Note on each report what was computed since the last one.
        """
        report = yield
        now_s = time.process_time()
        setattr(report, CPU_FIELD, now_s - self._computed_s)
        self._computed_s = now_s
        return report

    def pytest_collection_finish(self) -> None:
        """
        Begin to measure after the collection, which is nobody's.
        """
        self._computed_s = time.process_time()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """
        Add a report of set-up, call or tear-down to its folder.
        """
        of_folder = self._sums[str(PurePosixPath(report.nodeid.partition("::")[0]).parent)]
        of_folder.tests += report.when == "setup"
        of_folder.wall_s += report.duration
        of_folder.cpu_s += getattr(report, CPU_FIELD, 0.0)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """
        Show the sums, the slowest folder first, and what the whole run took with everything it started.
        """
        if not self._sums:
            return
        terminalreporter.section("time per folder")
        width = max(map(len, (*self._sums, "the whole run")))
        terminalreporter.write_line(f"{'':{width}}  {'tests':>6}  {'wall':>7}  {'CPU':>7}")
        for folder, one in sorted(self._sums.items(), key=lambda item: -item[1].wall_s):
            terminalreporter.write_line(
                f"{folder:{width}}  {one.tests:>6}  {one.wall_s:>6.1f}s  {one.cpu_s:>6.1f}s",
            )
        whole = Sum(sum(one.tests for one in self._sums.values()), time.monotonic() - self._began_s, _cpu_s())
        terminalreporter.write_line(
            f"{'the whole run':{width}}  {whole.tests:>6}  {whole.wall_s:>6.1f}s  {whole.cpu_s:>6.1f}s"
            " (CPU: with every process that it started and that has ended)"
        )


def _cpu_s() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system
