"""A forked server is as separate as one that firebase-tools starts itself, and nobody outlives the other.

Called by pytest. A real fork server with a small source is asked by real clients.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from emulator_tests.testbed.fork_server import ADDRESS, OURS, READY
from emulator_tests.testbed.keeper import children
from emulator_tests.testbed.network import HOST, ask, free_ports
from emulator_tests.testbed.part import Part, PartFailed
from emulator_tests.testbed.places import FORK_CLIENT, FORK_SERVER, ROOT, VENV
from emulator_tests.testbed.servers import Server, servers_of
from emulator_tests.testbed.stack import Testbed

MAIN = textwrap.dedent("""
    import json
    import os
    import random
    import sys

    from shared import word

    print("listening", flush=True)
    print("loaded", file=sys.stderr, flush=True)


    def look(request):
        seen = {"environment": dict(os.environ), "directory": os.getcwd(), "random": random.random(), "word": word.WORD}
        return json.dumps(seen)
""")

PYTHON = str(VENV / "bin" / "python")


def wait_until(what: str, holds: Callable[[], object], within_s: float = 60.0) -> None:
    """
    Wait for something, and fail when it does not come.
    """
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s, f"not within {within_s} s: {what}"
        time.sleep(0.01)


def is_gone(process: int) -> bool:
    """
    Tell whether the process has ended; perhaps it waits to be collected.
    """
    return not any(process in of_one for of_one in children().values())


@dataclass(frozen=True, slots=True)
class Forking:
    """
    A fork server.

    Args:
        part: Its process.
        source: Of its functions.
    """

    part: Part
    source: Path

    @contextmanager
    def client(self, **environment: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
        """
        Start a client, wait until its server answers, and yield it with the port. Nothing of it remains.
        """
        port = free_ports("server")["server"]
        own = {"FUNCTION_TARGET": "look", "HOST": HOST, "PORT": str(port), **environment}
        with self.log(port).open("wb") as log:
            client = subprocess.Popen(
                [PYTHON, "-I", "-S", FORK_CLIENT, f"../{ADDRESS}"],
                cwd=self.source,
                env=own,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until("the server answers", lambda: answers(port))
            yield client, port
        finally:
            client.kill()
            client.wait()
            wait_until("the server is gone", lambda: not answers(port))

    def log(self, port: int) -> Path:
        """
        Return the file that the client of the server at the port was given for its output.
        """
        return self.part.directory / f"{port}.log"

    def server(self) -> Server:
        """
        Return the only one there is, with its worker.
        """
        wait_until("there is one server", lambda: any(one.workers for one in self._servers()))
        (server,) = self._servers()
        return server

    def _servers(self) -> list[Server]:
        return servers_of(self.part.keeper_id, os.getpid())


def answers(port: int) -> bool:
    """
    Tell whether the server at the port answers.
    """
    try:
        return ask(f"http://{HOST}:{port}/")[0] == 200
    except OSError:
        return False


def seen_at(port: int) -> dict[str, Any]:
    """
    Return what the server at the port sees.
    """
    seen: dict[str, Any] = json.loads(ask(f"http://{HOST}:{port}/")[1])
    return seen


def write_source(folder: Path, word: str) -> Path:
    """
    Write a source with a package of ours, and return its folder.
    """
    source = folder / "source"
    (source / OURS).mkdir(parents=True)
    (source / "main.py").write_text(MAIN)
    (source / OURS / "__init__.py").touch()
    (source / OURS / "word.py").write_text(word)
    return source


def start(folder: Path, source: Path) -> Part:
    """
    Start a fork server as the stack does, except for its environment.
    """
    command = [PYTHON, "-P", str(FORK_SERVER), str(source)]
    part = Part("fork-server", command, {"OF_FORK_SERVER": "1"}, folder, folder / "fork-server.log", 0)
    part.start()
    return part


@pytest.fixture(scope="module")
def forking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forking]:
    """
    A fork server with the source above.
    """
    folder = tmp_path_factory.mktemp("forking")
    source = write_source(folder, 'WORD = "first"\n')
    part = start(folder, source)
    part.wait_until("import the libraries", lambda: part.has_said(READY), time.monotonic() + 120)
    yield Forking(part, source)
    part.let_go()
    part.wait()


def test_nothing_that_a_fork_would_share_exists_before_it(forking: Forking) -> None:
    (process,) = children()[forking.part.keeper_id]
    assert len(list(Path(f"/proc/{process}/task").iterdir())) == 1
    opened = [str(file.readlink()) for file in Path(f"/proc/{process}/fd").iterdir()]
    # Its standard streams, and the one socket that listens.
    assert len(opened) == 4, opened
    assert len([name for name in opened if name.startswith("socket:")]) == 1, opened


def test_a_server_has_its_own_environment_directory_streams_and_random_numbers(forking: Forking) -> None:
    with forking.client(ODD="one") as (_, port), forking.client(ODD="two") as (_, other_port):
        seen, other = seen_at(port), seen_at(other_port)
        for one, odd, at in ((seen, "one", port), (other, "two", other_port)):
            assert {name: one["environment"].get(name) for name in ("ODD", "PORT")} == {"ODD": odd, "PORT": str(at)}
            assert "OF_FORK_SERVER" not in one["environment"]
            assert one["directory"] == str(forking.source)
        assert seen["random"] != other["random"]
        for at in (port, other_port):
            assert forking.log(at).read_text().split() == ["listening", "loaded"]
        assert "listening" not in forking.part.log.read_text()


def test_a_server_ends_with_its_client(forking: Forking) -> None:
    with forking.client() as (client, _):
        server = forking.server()
        client.kill()
        client.wait()
        for process in (server.master, *server.workers):
            wait_until("the server is gone", partial(is_gone, process))


def test_a_client_ends_with_its_server_and_so_do_the_workers(forking: Forking) -> None:
    with forking.client() as (client, _):
        server = forking.server()
        os.kill(server.master, signal.SIGKILL)
        assert client.wait(timeout=30) == 128 + signal.SIGKILL
        assert all(map(is_gone, server.workers))


def test_a_server_outlives_its_worker(forking: Forking) -> None:
    with forking.client() as (client, port):
        server = forking.server()
        os.kill(server.workers[0], signal.SIGKILL)
        wait_until("another worker", lambda: forking.server().workers != server.workers and answers(port))
        assert (forking.server().master, client.poll()) == (server.master, None)


def test_a_server_is_forgotten_if_its_client_was_adopted(forking: Forking) -> None:
    with forking.client():
        # This process is the parent of the client, as the keeper of firebase-tools is of one whose shell was killed.
        assert forking.server().is_forgotten
        (server,) = servers_of(forking.part.keeper_id, forking.part.keeper_id)
        assert not server.is_forgotten


def test_a_client_that_asks_nothing_is_no_matter(forking: Forking) -> None:
    program = f"import socket; socket.socket(1, 5).connect({f'../{ADDRESS}'!r})"
    subprocess.run([PYTHON, "-c", program], cwd=forking.source, check=True)
    with forking.client() as (_, port):
        assert seen_at(port)["word"] == "first"


def test_a_server_that_cannot_start_ends_its_client_with_the_reason(forking: Forking) -> None:
    asked = subprocess.run(
        [PYTHON, "-I", "-S", FORK_CLIENT, f"../{ADDRESS}"],
        cwd=forking.source,
        env={"FUNCTION_TARGET": "missing"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert asked.returncode == 1
    assert "missing" in asked.stderr


def test_a_source_that_changed_is_loaded_anew(forking: Forking) -> None:
    """Stands last among the tests of this fork server: it changes the source."""
    (forking.source / OURS / "word.py").write_text('WORD = "second one"\n')
    with forking.client() as (_, port):
        assert seen_at(port)["word"] == "second one"


def test_a_fork_server_that_cannot_import_its_source_ends_with_the_reason(tmp_path: Path) -> None:
    part = start(tmp_path, write_source(tmp_path, "import nothing_of_this_name\n"))
    with pytest.raises(PartFailed, match=r"(?s)fork-server ended with exit code 1 before.*nothing_of_this_name"):
        part.wait_until("import the libraries", lambda: part.has_said(READY), time.monotonic() + 120)
    part.wait()


def test_what_is_imported_before_the_fork_reads_no_setting(tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        import os, sys

        reads = set()
        read = type(os.environ).__getitem__

        def record(environment, name):
            reads.add(name)
            return read(environment, name)

        type(os.environ).__getitem__ = record
        sys.path[:0] = [{str(ROOT)!r}]
        from pathlib import Path
        from emulator_tests.testbed import fork_server
        reads.clear()
        fork_server.preload(Path({str(ROOT)!r}))
        print(*reads)
        print(*(name for name in sys.modules if name.partition(".")[0] in ("main", "functions")), "none")
    """)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    reads, production = (set(line.split()) for line in run.stdout.splitlines())
    stack = Testbed(tmp_path)
    settings = {*stack.environment, *stack.secret_settings, "FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE", "K_SERVICE"}
    assert "HOME" in reads
    assert reads & {*settings, "FIREBASE_CONFIG", "GOOGLE_CLOUD_PROJECT", "HOST"} == set()
    assert production == {"none"}
