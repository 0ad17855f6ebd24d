"""Start the servers of functions by forking, so that none of them imports the libraries anew.

firebase-tools starts a server, `functions-framework`, for each function and for each call at the same time. One start
takes 0.9 s of CPU, nearly all of it for imports, and on a busy machine more than the 30 s that firebase-tools waits. A
fork of a process that has done these imports takes 0.1 s.

Started by `stack.py` as `python -P fork_server.py FOLDER`, in the stack's folder. Asked by `fork_client.py`, which
firebase-tools starts in place of a server. A server ends with its client, and a client with its server.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

ADDRESS: Final = "fork-server.socket"
"""Relative to the stack's folder: the path of a Unix socket has at most 107 bytes."""

READY: Final = "ready to fork"

SERVER_NAME: Final = "port "
"""The beginning of the name of a server's processes in /proc/<pid>/comm. The port follows."""

LIBRARIES: Final = (
    "functions_framework._cli",
    "functions_framework._http.gunicorn",
    "gunicorn.workers.gthread",
    "firebase_functions.firestore_fn",
    "firebase_functions.https_fn",
    "firebase_functions.scheduler_fn",
    "firebase_functions.storage_fn",
    "firebase_functions.tasks_fn",
    "google.cloud.firestore",
    "google.cloud.storage",
    "google.cloud.tasks_v2",
    "KalturaClient.Plugins.Core",
    "cloudflare",
)
"""The libraries that servers import at their start or with their first request."""

OURS: Final = "shared"
"""The package of the source that is imported, too. `functions` is not, because it reads the settings when imported."""

REQUEST_BYTES_MAX: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Forked:
    """
    A running server.

    Args:
        process: Its master, which leads a process group with its workers.
        ending: A descriptor that is readable as soon as the master has ended.
        client: The connection, which is readable as soon as the client has ended.
    """

    process: int
    ending: int
    client: socket.socket

    @property
    def descriptors(self) -> tuple[int, int]:
        """
        Those to wait for.
        """
        return self.ending, self.client.fileno()

    def end(self) -> None:
        """
        End what is left of it, and tell the client the exit code.
        """
        # Until it is waited for, no other process can have its id.
        os.killpg(self.process, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        with contextlib.suppress(OSError):
            self.client.send(str(code if code >= 0 else 128 - code).encode())
        self.close()

    def close(self) -> None:
        """
        Close both descriptors.
        """
        os.close(self.ending)
        self.client.close()


def preload(folder: Path) -> None:
    """
    Import what no environment variable of a server changes.

    Args:
        folder: Where all servers run. It becomes the working directory, in which functions-framework looks for the
            source when it is imported.
    """
    os.chdir(folder)
    for library in LIBRARIES:
        import_module(library)
    # As functions-framework does, which follows links. First, because the operator's command is installed from a
    # checkout that has the same packages.
    source = Path("main.py").resolve().parent
    sys.path.insert(0, str(source))
    for file in sorted((source / OURS).rglob("*.py")):
        import_module(".".join(file.relative_to(source).with_suffix("").parts).removesuffix(".__init__"))


def fork_servers(listener: socket.socket) -> dict[str, Any]:
    """
    Fork a server for each client, for as long as this process lives.

    Returns:
        In each server, and only there: what its client sent.
    """
    running: list[Forked] = []
    while True:
        poll = select.poll()
        for descriptor in (listener.fileno(), *(number for one in running for number in one.descriptors)):
            poll.register(descriptor, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll()}
        for one in [one for one in running if not ready.isdisjoint(one.descriptors)]:
            running.remove(one)
            one.end()
        if listener.fileno() not in ready:
            continue
        client, _ = listener.accept()
        request, streams, _, _ = socket.recv_fds(client, REQUEST_BYTES_MAX, 3)
        if not request:
            # It was killed before it could ask.
            client.close()
            continue
        process = os.fork()
        if process == 0:
            for one in running:
                one.close()
            listener.close()
            client.close()
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
                os.close(stream)
            os.setpgid(0, 0)
            asked: dict[str, Any] = json.loads(request)
            return asked
        # Here, too: whichever of the two comes first, the group exists before anybody kills it.
        os.setpgid(process, process)
        running.append(Forked(process, os.pidfd_open(process), client))
        for stream in streams:
            os.close(stream)


def forget_changed(loaded_at: float) -> None:
    """
    Have our modules imported anew if one of them was changed after it was imported.
    """
    ours = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == OURS}
    # A package without a file has no path.
    files = [Path(module.__file__) for module in ours.values() if module.__file__ is not None]
    if any(not file.exists() or file.stat().st_mtime > loaded_at for file in files):
        for name in ours:
            del sys.modules[name]


def main() -> None:
    """
    Import, fork, and in each fork be functions-framework.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        # Who asks during the imports waits.
        listener.bind(ADDRESS)
        listener.listen()
        loaded_at = time.time()
        preload(Path(sys.argv[1]))
        print(READY, flush=True)
        asked = fork_servers(listener)
    os.chdir(asked["directory"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    Path("/proc/self/comm").write_text(f"{SERVER_NAME}{os.environ.get('PORT', '')}")
    forget_changed(loaded_at)
    from functions_framework._cli import _cli

    sys.argv = ["functions-framework"]
    _cli()


if __name__ == "__main__":
    main()
