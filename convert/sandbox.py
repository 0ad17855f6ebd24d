"""Runs one tool on one document where it can do no harm: in bubblewrap.

A tool has namespaces of its own for users, processes, IPC, host name, cgroups and network, so no network at all; it
sees programs and fonts read-only, its input, and a private /tmp in memory. It has no capabilities, an empty environment
and limits. It writes nothing but its output, which arrives through a pipe and is bounded here. Its processes end with
it: they are in a process namespace whose first process dies when bubblewrap does, and that dies with us.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from convert import limits
from convert.refusals import Reason, Refused, SandboxUnavailable

CODE: Final = Path("/greenroom")
"""Where a tool finds this package."""

_NAMESPACES: Final = (
    *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net", "--unshare-cgroup-try"),
    *("--disable-userns", "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL", "--hostname", "greenroom"),
    *("--die-with-parent", "--new-session", "--clearenv"),
)
_READABLE: Final = ("/usr",)
_READABLE_IF_THERE: Final = ("/etc/fonts", "/etc/libreoffice", "/var/cache/fontconfig", "/etc/ld.so.cache")
_USR_LINKS: Final = ("bin", "lib", "lib64", "sbin")
_ENVIRONMENT: Final = {
    "PATH": "/usr/bin",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "PYTHONPATH": str(CODE),
    # numpy would start threads for mathematics that nobody asks for.
    "OPENBLAS_NUM_THREADS": "1",
}
_LOOK_EVERY_S: Final = 0.1
_WATCHER: Final = "memory of tools"
_CHUNK_BYTES: Final = 1024 * 1024
_LOG_BYTES: Final = 4096


class Overrun(Exception):
    """
    A tool went beyond a limit and was killed with everything that it started.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason

    def refused(self) -> Refused:
        """
        Return the refusal of a document that no tool can convert within the limits.
        """
        return Refused(self.reason)


class Ended(Exception):
    """
    A tool ended before it answered; `str(error)` is the end of its log.
    """


def python(module: str, *arguments: str) -> tuple[str, ...]:
    """
    Return the command that runs a module of this package inside the sandbox.
    """
    executable = Path(sys.prefix).resolve() / "bin" / "python3"
    return (str(executable), "-s", "-B", "-m", module, *arguments)


def command(tool: Sequence[str], files: Mapping[str, Path], address_space_bytes: int) -> list[str]:
    """
    Args:
        tool: The program and its arguments.
        files: What it may read, by the path where it finds it.
        address_space_bytes: The most that one process may reserve.

    Returns:
        The command that runs it in a sandbox.
    """
    bounds = {
        "as": address_space_bytes,
        "cpu": int(limits.CONVERSION_S),
        "fsize": limits.SCRATCH_BYTES,
        "nofile": limits.OPEN_FILES,
        "nproc": limits.PROCESSES,
        "core": 0,
    }
    # Python and its packages, where they are not a part of the system.
    prefixes = {Path(prefix).resolve() for prefix in (sys.prefix, sys.base_prefix)}
    readable: list[str] = []
    for path in (*_READABLE, *(str(prefix) for prefix in sorted(prefixes) if not prefix.is_relative_to("/usr"))):
        readable += ["--ro-bind", path, path]
    for path in _READABLE_IF_THERE:
        readable += ["--ro-bind-try", path, path]
    for inside, outside in {str(CODE / "convert"): Path(__file__).parent, **files}.items():
        readable += ["--ro-bind", str(outside.resolve()), inside]
    return [
        "prlimit",
        *(f"--{name}={bound}" for name, bound in bounds.items()),
        "bwrap",
        *_NAMESPACES,
        *(word for name, value in _ENVIRONMENT.items() for word in ("--setenv", name, value)),
        *("--proc", "/proc", "--dev", "/dev", "--size", str(limits.SHARED_MEMORY_BYTES), "--tmpfs", "/dev/shm"),
        *("--remount-ro", "/dev", "--size", str(limits.SCRATCH_BYTES), "--tmpfs", "/tmp"),
        *(word for name in _USR_LINKS for word in ("--symlink", f"usr/{name}", f"/{name}")),
        *readable,
        *("--remount-ro", "/", "--chdir", "/tmp", "--"),
        *tool,
    ]


def check() -> None:
    """
    Raises:
        SandboxUnavailable: A tool cannot be isolated on this machine (never).
    """
    try:
        with Tool(["true"]) as tool:
            tool.finish(limits.TOOL_S)
    except (Ended, Overrun, OSError) as error:
        raise SandboxUnavailable(f"Tools cannot be isolated here: {error}. Allow user namespaces.") from error


class Tool:
    """
    A running tool. Leaving the context kills it and all its descendants.

    Args:
        tool: The program and its arguments.
        files: What it may read, by the path where it finds it.
        memory_bytes: The most that its processes may fill together.
        address_space_bytes: The most that each of them may reserve.
        is_watched: Whether its memory is looked at from the start, or only after `watch`.
    """

    def __init__(
        self,
        tool: Sequence[str],
        files: Mapping[str, Path] | None = None,
        *,
        memory_bytes: int = limits.TOOL_MEMORY_BYTES,
        address_space_bytes: int = limits.DRAWING_ADDRESS_SPACE_BYTES,
        is_watched: bool = True,
    ) -> None:
        self._memory_bytes = memory_bytes
        # It dies with the thread that starts it, too: a thread keeps its tools to itself.
        self._process = subprocess.Popen(
            command(tool, files or {}, address_space_bytes),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Inside, /proc/1/environ shows what bubblewrap itself was given.
            env={"PATH": os.environ.get("PATH", os.defpath)},
            bufsize=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._input, self._output, self._errors = self._process.stdin, self._process.stdout, self._process.stderr
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._output, selectors.EVENT_READ)
        self._selector.register(self._errors, selectors.EVENT_READ)
        self._received = bytearray()
        self._is_over = False
        self._log = b""
        self._is_filled = False
        if is_watched:
            self.watch()

    def __enter__(self) -> Tool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """
        Kill it and all its descendants.
        """
        self._kill()
        self._selector.close()
        for pipe in (self._input, self._output, self._errors):
            pipe.close()

    @property
    def process_id(self) -> int:
        """
        The process of bubblewrap, outside.
        """
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """
        Whether it still runs.
        """
        return self._process.poll() is None

    def send(self, line: bytes) -> None:
        """
        Raises:
            Ended: It reads no more.
        """
        try:
            self._input.write(line)
        except BrokenPipeError:
            raise self._ended() from None

    def read_line(self, longest: int, seconds: float) -> bytes:
        """
        Returns:
            Its next line.

        Raises:
            Overrun: It took too long or too much.
            Ended: It ended, or wrote something else than a line.
        """
        deadline = time.monotonic() + seconds
        while (at := self._received.find(b"\n")) < 0:
            if len(self._received) > longest or not self._receive(deadline):
                raise self._ended()
        return self._take(at + 1)

    def read_chunks(self, count: int, seconds: float) -> Iterator[bytes]:
        """
        Yield so many bytes of its output.

        Raises:
            Overrun: It took too long or too much.
            Ended: It ended before.
        """
        deadline = time.monotonic() + seconds
        while count:
            if not self._received and not self._receive(deadline):
                raise self._ended()
            chunk = self._take(min(count, len(self._received)))
            count -= len(chunk)
            yield chunk

    def read_all(self, seconds: float) -> Iterator[bytes]:
        """
        Yield its output until it ends.

        Raises:
            Overrun: It took too long or too much.
            Ended: It ended with an exit code that says that it failed.
        """
        deadline = time.monotonic() + seconds
        self._input.close()
        while self._receive(deadline):
            yield self._take(len(self._received))
        self._wait(deadline)
        if self._process.returncode != 0:
            raise self._ended()

    def finish(self, seconds: float) -> None:
        """
        Wait for its end, whatever it writes.

        Raises:
            Overrun: It took too long or too much.
            Ended: It failed.
        """
        for _ in self.read_all(seconds):
            pass

    def watch(self) -> None:
        """
        Have its memory looked at from now on, until it is killed.
        """
        with _watching:
            if not any(thread.name == _WATCHER for thread in threading.enumerate()):
                threading.Thread(target=_look_around, name=_WATCHER, daemon=True).start()
            _watched.add(self)

    def check_memory(self) -> None:
        """
        Kill it if its processes fill too much. Called by a thread of its own, whether anybody reads or not.
        """
        if filled_bytes(self._process.pid) > self._memory_bytes:
            self._is_filled = True
            self._process.kill()

    def _take(self, count: int) -> bytes:
        taken = bytes(self._received[:count])
        del self._received[:count]
        return taken

    def _receive(self, deadline: float) -> bool:
        """
        Read something.

        Returns:
            Whether there may be more.
        """
        while not self._is_over:
            self._check(deadline)
            for key, _ in self._selector.select(_LOOK_EVERY_S):
                chunk = os.read(key.fd, _CHUNK_BYTES)
                if key.fileobj is self._errors:
                    self._log = (self._log + chunk)[-_LOG_BYTES:]
                    if not chunk:
                        self._selector.unregister(self._errors)
                elif chunk:
                    self._received += chunk
                    return True
                else:
                    self._is_over = True
        return False

    def _wait(self, deadline: float) -> None:
        while True:
            try:
                self._process.wait(_LOOK_EVERY_S)
            except subprocess.TimeoutExpired:
                self._check(deadline)
            else:
                return

    def _check(self, deadline: float) -> None:
        if self._is_filled:
            self._kill()
            raise Overrun(Reason.TOO_MUCH_MEMORY)
        if time.monotonic() > deadline:
            self._kill()
            raise Overrun(Reason.TOO_SLOW)

    def _ended(self) -> Overrun | Ended:
        self._kill()
        if self._is_filled:
            return Overrun(Reason.TOO_MUCH_MEMORY)
        return Ended(self._log.decode("utf-8", "replace").strip() or f"exit code {self._process.returncode}")

    def _kill(self) -> None:
        _watched.discard(self)
        self._process.kill()
        self._process.wait()


_watched: Final[set[Tool]] = set()
_watching: Final = threading.Lock()


def _look_around() -> None:
    while True:
        time.sleep(_LOOK_EVERY_S)
        for tool in tuple(_watched):
            tool.check_memory()


def filled_bytes(process_id: int) -> int:
    """
    Returns:
        The memory that a process and its descendants fill, without what the system can read again from files.
    """
    try:
        status = Path(f"/proc/{process_id}/status").read_text()
        children = [
            int(child)
            for task in Path(f"/proc/{process_id}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:
        # It has just ended.
        return 0
    own = sum(int(line.split()[1]) for line in status.splitlines() if line.startswith(("RssAnon:", "RssShmem:")))
    return own * 1024 + sum(filled_bytes(child) for child in children)
