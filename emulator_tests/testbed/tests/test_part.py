"""A part leaves no process behind, however it ends: these are the promises of part.py and keeper.py.

Called by pytest. The processes are real ones; each writes its id to a file, and a test waits until the ids are gone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator_tests.testbed.part import Part, PartFailed
from emulator_tests.testbed.places import ROOT

FAMILY = textwrap.dedent("""
    # A child, a grandchild whose parent ends at once, and one in a session of its own that ignores being asked to end.
    sleep 1000 & echo $! >> ids
    sh -c 'sleep 1000 & echo $! >> ids'
    setsid sh -c 'trap "" TERM; echo $$ >> ids; while true; do sleep 1000; done' &
    echo $$ >> ids
""")
FAMILY_SIZE = 4


def is_alive(process: int) -> bool:
    """
    Whether the process runs; one that only waits to be collected does not.
    """
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until(what: str, holds: Callable[[], bool], within_s: float = 20.0) -> None:
    """
    Wait for something, and fail when it does not come.
    """
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s, f"not within {within_s} s: {what}"
        time.sleep(0.01)


def ids(folder: Path) -> list[int]:
    """
    The processes that told their ids, as soon as all have.
    """
    file = folder / "ids"
    wait_until("the family has started", lambda: file.exists() and file.read_text().count("\n") == FAMILY_SIZE)
    return [int(line) for line in file.read_text().split()]


def family(folder: Path, then: str, grace_s: float = 3.0) -> Part:
    """
    A part with children and grandchildren, whose program goes on with `then`.
    """
    return Part(
        name="family",
        command=["sh", "-c", FAMILY + then],
        environment={"PATH": os.environ["PATH"]},
        directory=folder,
        log=folder / "family.log",
        grace_s=grace_s,
    )


@pytest.mark.parametrize(
    ("then", "grace_s"),
    [
        pytest.param("exec sleep 1000", 3.0, id="a program that ends when asked to"),
        pytest.param("trap '' TERM; while true; do sleep 1000; done", 0.1, id="a program that does not"),
        pytest.param("exec sleep 1000", 0.0, id="a program that is not asked"),
    ],
)
def test_stopping_a_part_ends_all_its_descendants(tmp_path: Path, then: str, grace_s: float) -> None:
    part = family(tmp_path, then, grace_s)
    part.start()
    members = ids(tmp_path)
    assert all(map(is_alive, members))
    part.let_go()
    part.wait()
    assert not any(map(is_alive, members))
    assert part.returncode() == 0


def test_a_program_that_ends_takes_its_descendants_with_it_and_leaves_its_exit_code(tmp_path: Path) -> None:
    part = family(tmp_path, f"until [ $(wc -l < ids) = {FAMILY_SIZE} ]; do :; done; exit 7")
    part.start()
    members = ids(tmp_path)
    part.wait()
    assert not any(map(is_alive, members))
    assert part.returncode() == 7


def test_a_launcher_that_is_killed_leaves_nothing_behind(tmp_path: Path) -> None:
    program = f"""
        import sys, time
        from pathlib import Path
        from emulator_tests.testbed.tests.test_part import family
        family(Path({str(tmp_path)!r}), "exec sleep 1000").start()
        time.sleep(1000)
    """
    launcher = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT)
    members = ids(tmp_path)
    assert all(map(is_alive, members))
    os.kill(launcher.pid, signal.SIGKILL)
    launcher.wait()
    wait_until("every process is gone", lambda: not any(map(is_alive, members)))


def test_a_part_that_ends_before_it_is_ready_says_so_with_the_end_of_its_log(tmp_path: Path) -> None:
    part = family(tmp_path, "echo 'no such flag' >&2; exit 2")
    part.start()
    with pytest.raises(PartFailed) as failure:
        part.wait_until("answer", lambda: False, time.monotonic() + 20)
    part.wait()
    assert str(failure.value).startswith("family ended with exit code 2 before it could answer.")
    assert str(part.log) in str(failure.value)
    assert "no such flag" in str(failure.value)


def test_part_that_never_answers_is_stopped(tmp_path: Path) -> None:
    part = family(tmp_path, "exec sleep 1000")
    part.start()
    with pytest.raises(PartFailed, match="did not answer in time"):
        part.wait_until("answer", lambda: False, time.monotonic() + 0.2)
    part.let_go()
    part.wait()
