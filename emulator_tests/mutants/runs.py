"""Run the tests of one module on each of its mutants: pytest collects them once, and each mutant is a fork.

Called by `__main__`. mutmut's own runner starts a session of pytest for each mutant, which takes several times as long,
and takes a session that cannot find its tests for a killed mutant.
"""

from __future__ import annotations

import gc
import os
import resource
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from mmap import mmap
from time import process_time
from types import CodeType, ModuleType
from typing import Final

import pytest

from emulator_tests.testbed.places import ROOT

CHOSEN: Final = "MUTANT_UNDER_TEST"
"""The environment variable by which mutmut's code chooses a mutant; it raises an error for `fail`."""

QUICK: Final = ("--capture=sys", *(f"-pno:{name}" for name in ("cacheprovider", "logging", "threadexception")))

SURVIVED, KILLED, BROKEN = 0, 1, 2


class MutatedModule(SourceFileLoader):
    """
    The finder and loader of the mutated module.
    """

    def __init__(self, module: str, code: str) -> None:
        super().__init__(module.removesuffix(".py").replace("/", "."), str(ROOT / module))
        self._code = code

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        return spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._code, self.path, "exec", dont_inherit=True)


class Runs:
    """
    The pytest plugin that runs all tests once for each mutant, until one fails: first the one that killed the last
    mutant, then the fastest.
    """

    def __init__(self, module: str, names: Sequence[str], to: int) -> None:
        self.survivors: list[str] = []
        self._module, self._names, self._to = module, names, to
        self._has_failed = False
        self._killer = mmap(-1, 4)
        """The number of the test that killed a mutant; its fork writes it."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._has_failed = self._has_failed or report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        begun, lasted = process_time(), {}
        for item in session.items:
            before = process_time()
            self._run([item])
            lasted[item] = process_time() - before
        items = sorted(session.items, key=lasted.__getitem__)
        limit_s = 3 * int(process_time() - begun) + 5
        if self._has_failed or self._ended(*os.waitpid(self._fork(items, "", limit_s), 0)) != SURVIVED:
            raise RuntimeError(f"The tests of {self._module} fail without a mutant.")
        if self._ended(*os.waitpid(self._fork(items, "fail", limit_s), 0)) != KILLED:
            raise RuntimeError(f"The tests of {self._module} do not reach it.")
        prefix = self._module.removesuffix(".py").replace("/", ".")
        running: dict[int, str] = {}
        # Forks then share the memory that they do not change.
        gc.collect()
        gc.freeze()
        for number, name in enumerate(self._names):
            if len(running) == (os.cpu_count() or 1):
                self._await_one(running)
            items.insert(0, items.pop(items.index(session.items[int.from_bytes(self._killer[:])])))
            running[self._fork(items, f"{prefix}.{name}", limit_s)] = name
            self._tell(number)
        while running:
            self._await_one(running)
        self._tell(len(self._names))
        return True

    def _run(self, items: Sequence[pytest.Item]) -> None:
        for item, following in zip(items, (*items[1:], None), strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self._has_failed:
                self._killer[:] = item.session.items.index(item).to_bytes(4)
                return

    def _fork(self, items: Sequence[pytest.Item], chosen: str, limit_s: int) -> int:
        pid = os.fork()
        if pid:
            return pid
        code = BROKEN
        try:
            # A mutant may loop for ever.
            resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s))
            os.environ[CHOSEN] = chosen
            self._run(items)
            code = KILLED if self._has_failed else SURVIVED
        finally:
            os._exit(code)

    def _ended(self, pid: int, status: int) -> int:
        code = KILLED if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)
        if code == BROKEN:
            raise RuntimeError(f"pytest itself failed on a mutant of {self._module}.")
        return code

    def _await_one(self, running: dict[int, str]) -> None:
        pid, status = os.wait()
        name = running.pop(pid)
        if self._ended(pid, status) == SURVIVED:
            self.survivors.append(name)

    def _tell(self, number: int) -> None:
        line = f"\r{self._module}: {number} of {len(self._names)}, {len(self.survivors)} survive "
        os.write(self._to, (line + "\n" * (number == len(self._names))).encode())


def survivors(module: str, code: str, names: Sequence[str], tests: Sequence[str]) -> list[str]:
    """
    Return the names of the mutants on which no test fails. Call it in a process that has not imported the module.
    """
    sys.meta_path.insert(0, MutatedModule(module, code))
    to, null = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.environ[CHOSEN] = ""
    runs = Runs(module, names, to)
    os.chdir(ROOT)
    ended = pytest.main(["-q", *QUICK, *tests], plugins=[runs])
    if ended != pytest.ExitCode.OK:
        raise RuntimeError(f"pytest ended with {ended!r}.")
    return sorted(runs.survivors, key=list(names).index)
