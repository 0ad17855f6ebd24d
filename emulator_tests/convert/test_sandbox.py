"""The sandbox: what a tool cannot do inside, and can outside; what it leaves behind; what happens beyond the limits."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pypdfium2
import pytest
from PIL import Image

from convert.drawer import Drawer
from convert.events import Lines
from convert.limits import MIB
from convert.office import Office
from convert.pages import Pages
from convert.pool import Pool
from convert.refusals import Reason
from convert.requests import Form, Way
from convert.sandbox import Ended, Overrun, Tool, filled_bytes
from convert.sniffing import Kind
from emulator_tests.convert.documents import (
    PdfPage,
    Slide,
    open_document,
    open_picture,
    pdf,
    picture,
    pptx,
)
from emulator_tests.convert.likeness import has_colour, likeness
from emulator_tests.convert.program import WITHIN_S, convert, convert_without_sandbox, start
from emulator_tests.testbed.keeper import descendants
from emulator_tests.testbed.places import ROOT

pytestmark = pytest.mark.long

SOON_S: Final = 30.0
MAGENTA: Final = (255, 0, 255)
FAILURE: Final = "except OSError as error: print(error.errno)"


def inside(program: str, *arguments: str) -> str:
    """Return what a Python program prints in the sandbox."""
    with Tool([*python_command(program), *arguments]) as tool:
        return b"".join(tool.read_all(SOON_S)).decode().strip()


def python_command(program: str) -> list[str]:
    return [str(Path(sys.prefix).resolve() / "bin" / "python3"), "-c", program]


def outside(program: str, *arguments: str) -> str:
    """Return what the same program prints without the sandbox."""
    done = subprocess.run([*python_command(program), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@contextmanager
def server() -> Iterator[int]:
    """Run a server on this machine, and yield its port."""
    running = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    try:
        yield running.server_port
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


def test_tool_connects_to_nothing() -> None:
    program = f"""
import socket, sys
try: socket.create_connection((sys.argv[1], int(sys.argv[2])), 5); print("connected")
{FAILURE}"""
    with server() as port:
        assert outside(program, "127.0.0.1", str(port)) == "connected"
        # Its own loopback, where nobody listens.
        assert inside(program, "127.0.0.1", str(port)) == str(errno.ECONNREFUSED)
        # The metadata server of the clouds: there is no route to anywhere.
        assert inside(program, "169.254.169.254", "80") == str(errno.ENETUNREACH)


def test_tool_reads_nothing_of_ours(tmp_path: Path) -> None:
    program = f"""
import sys
try: print(open(sys.argv[1]).read())
{FAILURE}"""
    secret = tmp_path / "secret"
    secret.write_text("secret")

    assert outside(program, str(secret)) == "secret"
    assert inside(program, str(secret)) == str(errno.ENOENT)
    for path in ("/etc/passwd", "/etc/hostname", "/root/.bashrc", str(ROOT / "pyproject.toml"), "/sys/kernel"):
        assert inside(program, path) == str(errno.ENOENT)


@pytest.mark.parametrize("path", ["/usr/x", "/x", "/in/x", "/greenroom/x", "/etc/x"])
def test_tool_writes_nothing_but_scratch(path: str) -> None:
    program = f"""
import sys
try: open(sys.argv[1], "w"); print("written")
{FAILURE}"""

    assert inside(program, path) in (str(errno.EROFS), str(errno.ENOENT), str(errno.EACCES))
    assert inside(program, "/tmp/x") == "written"


def test_tool_sees_no_process_and_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KALTURA_ADMIN_SECRET", "secret")
    program = "import os; print(sum(name.isdigit() for name in os.listdir('/proc')), sorted(os.environ))"
    # What bubblewrap was started with stays readable there.
    of_first_process = "print(open('/proc/1/environ').read())"

    assert "KALTURA_ADMIN_SECRET" in outside(program)
    assert "KALTURA_ADMIN_SECRET" not in inside(of_first_process)
    # bubblewrap's first process and Python.
    count, names = inside(program).split(" ", 1)
    assert int(count) == 2
    assert set(names.strip("[]").replace("'", "").split(", ")) <= {
        "HOME",
        "LANG",
        "PATH",
        "PYTHONPATH",
        "OPENBLAS_NUM_THREADS",
        "PWD",
        "LC_CTYPE",
    }


def test_tool_has_no_privileges() -> None:
    status = dict(
        line.split(":\t", 1) for line in inside("print(open('/proc/self/status').read())").splitlines() if "\t" in line
    )

    assert {status[f"Cap{which}"] for which in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    assert status["Uid"].split() == ["1000"] * 4
    with pytest.raises(Ended), Tool(["unshare", "--user", "true"]) as tool:
        tool.finish(SOON_S)


def test_libreoffice_outside_shows_what_the_sandbox_keeps(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(picture("PNG", (400, 400), "magenta"))
    content = open_document("text", open_picture((tmp_path / "secret.png").as_uri()))
    (tmp_path / "document.odt").write_bytes(content)
    unprotected = convert_without_sandbox(tmp_path / "document.odt")
    document = pypdfium2.PdfDocument(unprotected)
    drawn = document[0].render(scale=1).to_pil().convert("RGB")
    document.close()

    assert has_colour(drawn, MAGENTA)
    assert not has_colour(convert(content, "odt", tmp_path / "sandbox").image(), MAGENTA)


def processes_with(mark: str) -> list[int]:
    """Return the processes on this machine that have a word in their command."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if mark.encode() in words:
                found.append(int(entry.name))
    return found


def until(mark: str, *, are_there: bool) -> list[int]:
    """Return the processes with a mark once there are some, or none."""
    deadline = time.monotonic() + SOON_S
    while bool(found := processes_with(mark)) is not are_there and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def test_hanging_tool_is_killed_with_all_that_it_started() -> None:
    mark = f"4711.{os.getpid()}"
    script = f"trap '' TERM HUP INT; sleep {mark} & setsid sh -c 'sleep {mark} & sleep {mark}' & echo; sleep {mark}"

    with Tool(["sh", "-c", script]) as tool:
        tool.read_line(9, SOON_S)
        assert len(until(f"sleep\0{mark}", are_there=True)) >= 1
        with pytest.raises(Overrun) as overrun:
            tool.read_line(9, 0.2)

    assert overrun.value.reason is Reason.TOO_SLOW
    assert until(mark, are_there=False) == []


def test_tools_end_with_a_killed_converter(tmp_path: Path) -> None:
    source = tmp_path / "document"
    source.write_bytes(pdf([SLOW]))
    process = start(source, "pdf", tmp_path / "pages")
    # Before it draws, the tool would end by itself when nobody asks it for a page any more.
    deadline = time.monotonic() + SOON_S
    while max(map(spent_s, below(process.pid, "convert.drawing")), default=0) < 1 and time.monotonic() < deadline:
        time.sleep(0.02)
    tools = below(process.pid, "convert.drawing")
    assert max(map(spent_s, tools), default=0) >= 1

    process.kill()
    process.communicate()

    until_gone(tools)


def below(process_id: int, mark: str) -> list[int]:
    """Return the descendants of a process that have a word in their command."""
    marked = set(processes_with(mark))
    return [one for one in descendants(process_id) if one in marked]


def until_some(process_id: int, mark: str) -> list[int]:
    """Return the descendants of a process that have a word in their command, once there are some."""
    deadline = time.monotonic() + SOON_S
    while not (found := below(process_id, mark)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert found
    return found


def until_gone(processes: list[int]) -> None:
    """Wait until processes have ended."""
    deadline = time.monotonic() + SOON_S
    while (left := [one for one in processes if is_running(one)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert left == []


def is_running(process_id: int) -> bool:
    """Tell whether a process runs; one that has ended may not have been waited for yet."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def spent_s(process_id: int) -> float:
    """Return the processor time of a process."""
    try:
        return int(Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[11]) / os.sysconf(
            "SC_CLK_TCK"
        )
    except OSError:
        return 0.0


def test_tool_that_fills_memory_is_killed() -> None:
    program = "import time; filled = b'x' * (300 * 1024 * 1024); print(flush=True); time.sleep(600)"

    with Tool(python_command(program), memory_bytes=200 * MIB) as tool:
        with pytest.raises(Overrun) as overrun:
            tool.finish(SOON_S)
        assert overrun.value.reason is Reason.TOO_MUCH_MEMORY
    with Tool(python_command(program), memory_bytes=400 * MIB) as tool:
        tool.read_line(9, SOON_S)
        assert 300 * MIB < filled_bytes(tool.process_id) < 400 * MIB


def test_tool_that_nobody_reads_from_is_killed_too() -> None:
    program = "import time; print(flush=True); filled = b'x' * (300 * 1024 * 1024); time.sleep(600)"

    with Tool(python_command(program), memory_bytes=200 * MIB) as tool:
        tool.read_line(9, SOON_S)
        until_gone([tool.process_id])
        with pytest.raises(Overrun) as overrun:
            tool.read_line(9, SOON_S)

    assert overrun.value.reason is Reason.TOO_MUCH_MEMORY


def test_tool_reserves_no_more_than_its_address_space() -> None:
    program = "bytearray(300 * 1024 * 1024)"

    with (
        Tool(python_command(program), address_space_bytes=200 * MIB) as tool,
        pytest.raises(Ended, match="MemoryError"),
    ):
        tool.finish(SOON_S)


def test_scratch_is_bounded() -> None:
    script = "for part in 1 2 3; do head -c 200M /dev/zero > /tmp/$part || exit 1; done"

    with Tool(["sh", "-c", script]) as tool, pytest.raises(Ended, match="No space left"):
        tool.finish(SOON_S)


@pytest.mark.parametrize("path", ["/dev/shm/x", "/dev/x"])
def test_no_other_memory_can_be_written_to_without_bounds(path: str) -> None:
    with (
        Tool(["sh", "-c", f"head -c 20M /dev/zero > {path}"]) as tool,
        pytest.raises(Ended, match=r"No space left|Read-only"),
    ):
        tool.finish(SOON_S)


def test_nothing_is_run_where_nothing_can_be_isolated(tmp_path: Path) -> None:
    (tmp_path / "document").write_bytes(pdf([PdfPage()]))
    command = [sys.executable, "-m", "convert", str(tmp_path / "document"), str(tmp_path / "pages"), "--type", "pdf"]
    without = ["bwrap", "--unshare-user", "--disable-userns", "--dev-bind", "/", "/", "--"]

    done = subprocess.run([*without, *command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=WITHIN_S)

    assert (done.returncode, done.stdout) == (2, "")
    assert "Allow user namespaces" in done.stderr


LINES: Final = b"".join(b"%d 0 m %d 405 l S " % (at % 720, (at * 7) % 720) for at in range(3000))
SLOW: Final = PdfPage(LINES * 300)
"""A page that takes minutes."""


def test_slow_page_becomes_a_marked_one_and_the_others_are_drawn(tmp_path: Path) -> None:
    (tmp_path / "document").write_bytes(pdf([PdfPage(), SLOW, PdfPage()]))

    folder = tmp_path / "pages"
    folder.mkdir()
    lines: list[bytes] = []
    events = Lines(lines.append, folder)

    with Pool(2) as pool:
        pages = Pages(tmp_path / "document", Kind.PDF, tmp_path, events, pool, 2, seconds_per_page=4)
        assert pages.draw() == 3
    told = [json.loads(line) for line in lines]
    assert {one["number"] for one in told if one.get("isBlank")} == {2}
    assert [one["code"] for one in told if one["event"] == "warning"] == ["PAGE_NOT_DRAWN"]
    assert len({(folder / f"{number}.png").read_bytes() for number in (1, 3)}) == 1
    assert (folder / "2.png").read_bytes() != (folder / "1.png").read_bytes()


class FirstDies(Pool):
    """
    A pool whose first drawer is killed as soon as it is taken, as the system does when it lacks memory.
    """

    is_first = True

    def drawer(self) -> Drawer:
        drawer = super().drawer()
        if self.is_first:
            self.is_first = False
            os.kill(drawer.process_id, signal.SIGKILL)
        return drawer


def test_document_is_not_to_blame_for_a_program_that_was_killed(tmp_path: Path) -> None:
    (tmp_path / "document").write_bytes(pdf([PdfPage()]))
    pool = FirstDies(1)
    with pool:
        assert Pages(tmp_path / "document", Kind.PDF, tmp_path, Lines(lambda _: None, tmp_path), pool, 1).draw() == 1
    assert not pool.is_first


def test_page_is_drawn_another_way(tmp_path: Path) -> None:
    (tmp_path / "document.pptx").write_bytes(pptx([Slide("one"), Slide("two")]))
    office = Office()
    try:
        office.to_pdf(tmp_path / "document.pptx", Kind.PPTX, tmp_path / "document.pdf")
    finally:
        office.close()
    drawer = Drawer()
    try:
        drawer.open(tmp_path / "document.pdf", Form.PDF)
        drawn = {way: drawer.draw(2, way) for way in Way}
    finally:
        drawer.close()

    usual, other = (_image(tmp_path / way, drawn[way].file) for way in Way)
    assert usual.tobytes() != other.tobytes()
    assert likeness(usual, other) >= 0.98


def _image(path: Path, content: bytes) -> Image.Image:
    path.write_bytes(content)
    with Image.open(path) as image:
        return image.convert("RGB")


def test_slow_libreoffice_is_killed(tmp_path: Path) -> None:
    source = tmp_path / "document"
    source.write_bytes(pptx([Slide("one")]))
    office = Office()
    tools = until_some(os.getpid(), "convert.exporting")

    with pytest.raises(Overrun) as overrun:
        office.to_pdf(source, Kind.PPTX, tmp_path / "document.pdf", seconds=0.01)

    assert overrun.value.reason is Reason.TOO_SLOW
    until_gone(tools)
    office.close()


def test_program_that_died_while_it_waited_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "document.pdf").write_bytes(pdf([PdfPage()]))
    with Pool(1) as pool:
        pool.refill()
        # The second one is started, if the first one waits.
        pool.drawer().close()
        pool.refill()
        pool.office().close()
        waiting = until_some(os.getpid(), "convert.drawing")
        for process in waiting:
            os.kill(process, signal.SIGKILL)
        until_gone(waiting)

        drawer = pool.drawer()
        assert drawer.open(tmp_path / "document.pdf", Form.PDF) == 1
        drawer.close()
