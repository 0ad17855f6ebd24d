"""The functions' servers as the processes that they are, so that a story can have them die.

Called by `stack.py`. Linux only. `fork_server.py` starts the servers. Each has a client, which firebase-tools takes for
the server itself. How firebase-tools 15.34.2 takes a death:

| killed                     | the request under way               | afterwards                                    |
|----------------------------|-------------------------------------|-----------------------------------------------|
| a worker that answers one  | 500, the socket's error as JSON     | the server is forgotten, but its master lives |
| a worker that waits        | there is none                       | the master forks another; nobody notices      |
| a whole server             | 500, likewise                       | the next request starts another               |
| a server that still starts | never answered: given up after 30 s | the next request starts another               |

So nothing has to be reloaded. The cloud answers the last request, too, with 500 or 503. Here its caller waits until
their own deadline, which for a task is its dispatch deadline. A trigger's event is lost each time: it is sent once.
Source: firebase-tools, lib/emulator/functionsRuntimeWorker.js and functionsEmulator.js, `handleHttpsTrigger`.
"""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from emulator_tests.testbed.fork_server import SERVER_NAME
from emulator_tests.testbed.keeper import children
from emulator_tests.testbed.places import FORK_CLIENT

ESTABLISHED = "01"
"""`TCP_ESTABLISHED` in /proc/net/tcp, include/net/tcp_states.h."""


@dataclass(frozen=True, slots=True)
class Server:
    """
    One instance: functions-framework's master, which listens, and the workers below it, which answer.

    Args:
        master: its process.
        workers: theirs; none while it starts.
        is_busy: whether somebody waits for its answer.
        is_forgotten: whether firebase-tools asks it nothing any more, because its last request failed.
    """

    master: int
    workers: tuple[int, ...]
    is_busy: bool
    is_forgotten: bool

    def kill(self) -> None:
        """
        End all of it at once. The master comes first, or it would fork another worker.
        """
        kill(self.master, *self.workers)


def kill(*processes: int) -> None:
    """
    End processes at once; one that has ended already is no matter.
    """
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def servers_of(fork_server: int, firebase: int) -> list[Server]:
    """
    Args:
        fork_server: the process that keeps the fork server, whose children the servers are.
        firebase: the process that keeps firebase-tools, and adopts the clients of the servers that it forgets.

    Returns:
        The servers of this stack, and no others of this machine.
    """
    known, busy = children(), _busy_ports()
    forgotten = {_port_of_client(process) for process in known.get(firebase, [])}
    return [
        Server(process, tuple(known.get(process, [])), port in busy, port in forgotten)
        for parent in known.get(fork_server, [])
        for process in known.get(parent, [])
        if (port := _port_of(process)) is not None
    ]


def _port_of(process: int) -> int | None:
    """
    Returns:
        Where a server listens, None for any other process.
    """
    try:
        name = Path(f"/proc/{process}/comm").read_text().rstrip()
    except OSError:
        return None
    return int(name.removeprefix(SERVER_NAME)) if name.startswith(SERVER_NAME) else None


def _port_of_client(process: int) -> int | None:
    """
    Returns:
        Where the server of a client listens, None for any other process.
    """
    try:
        arguments = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
        variables = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    if os.fsencode(FORK_CLIENT) not in arguments:
        return None
    return next((int(one.removeprefix(b"PORT=")) for one in variables if one.startswith(b"PORT=")), None)


def _busy_ports() -> set[int]:
    """
    Returns:
        The ports of this machine to which somebody is connected: firebase-tools connects anew for each request.
    """
    connections = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return {int(one[1].rpartition(":")[2], 16) for one in connections if one[3] == ESTABLISHED}
