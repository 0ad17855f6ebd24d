"""The stack starts whole or not at all, says why, and is gone when it is stopped, whoever stops it.

Called by pytest. One stack with small functions of its own serves the tests that need a running one.
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
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from google.cloud import tasks_v2
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

from emulator_tests.testbed import Testbed, TestbedError
from emulator_tests.testbed.cloud_tasks.queues import duration
from emulator_tests.testbed.firebase import dotenv
from emulator_tests.testbed.network import ask, free_ports
from emulator_tests.testbed.part import Part
from emulator_tests.testbed.places import FAKE_GCS_SERVER, NODE, ROOT, VENV

ODD = 'a "quoted" \\ word # with\n$everything'

FUNCTIONS = textwrap.dedent('''
    """Small functions: one tells what it sees, one is called by its queue."""

    import os

    from firebase_functions import https_fn, tasks_fn
    from firebase_functions.options import RateLimits, RetryConfig
    from firebase_functions.params import SecretParam, StringParam

    ODD = StringParam("ODD")
    SECRET = SecretParam("KALTURA_ADMIN_SECRET")


    @https_fn.on_call(secrets=[SECRET])
    def look(request):
        return {"odd": ODD.value, "secret": SECRET.value, "environment": dict(os.environ)}


    @tasks_fn.on_task_dispatched(
        rate_limits=RateLimits(max_concurrent_dispatches=1, max_dispatches_per_second=7),
        retry_config=RetryConfig(max_attempts=2, min_backoff_seconds=3, max_backoff_seconds=9, max_doublings=1),
    )
    def work(request):
        """Nothing to do."""
''')


def wait_until(what: str, holds: Callable[[], bool], within_s: float = 30.0) -> None:
    """
    Wait for something, and fail when it does not come.
    """
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s, f"not within {within_s} s: {what}"
        time.sleep(0.02)


def processes_in(folder: Path) -> dict[int, str]:
    """
    Every living process that works in the folder, with its command: the parts of a stack and all they started.
    """
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            directory = (process / "cwd").readlink()
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if directory.is_relative_to(folder) and command:
            found[int(process.name)] = command
    return found


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """
    A stack with the functions above.
    """
    source = tmp_path_factory.mktemp("source")
    (source / "main.py").write_text(FUNCTIONS)
    with Testbed(tmp_path_factory.mktemp("state"), {"ODD": ODD}, source=source) as testbed:
        yield testbed


def test_functions_see_their_settings_and_secrets_and_nothing_of_the_shell_that_started_them(
    own: Testbed,
) -> None:
    status, body = ask(f"{own.functions_url}/look", {"data": None})
    seen = json.loads(body)["result"]
    assert status == 200
    assert seen["odd"] == ODD
    assert seen["secret"] == own.kaltura_admin_secret
    expected = {name: value for name, value in own.environment.items() if name != "ODD"}
    assert {name: seen["environment"].get(name) for name in expected} == expected
    assert "PYTEST_CURRENT_TEST" in os.environ
    assert not [name for name in seen["environment"] if name.startswith(("PYTEST", "GOOGLE_APPLICATION"))]


def test_a_task_queue_function_has_a_queue_with_the_limits_it_declares(own: Testbed) -> None:
    with grpc.insecure_channel(own.tasks_host) as channel:
        client = tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
        (queue,) = client.list_queues(parent=f"projects/{own.project_id}/locations/{own.region}")
        assert queue.name.endswith("/queues/work")
        assert (queue.rate_limits.max_concurrent_dispatches, queue.rate_limits.max_dispatches_per_second) == (1, 7)
        assert (queue.retry_config.max_attempts, queue.retry_config.max_doublings) == (2, 1)
        assert duration(queue.retry_config.min_backoff) == timedelta(seconds=3)
        assert duration(queue.retry_config.max_backoff) == timedelta(seconds=9)
        request = tasks_v2.HttpRequest(
            url=f"{own.functions_url}/work", headers={"Content-Type": "application/json"}, body=b'{"data": {}}'
        )
        name = client.create_task(parent=queue.name, task=tasks_v2.Task(http_request=request)).name
        wait_until(
            "the task has ended", lambda: name not in [task.name for task in client.list_tasks(parent=queue.name)]
        )
    assert "attempt 1: HTTP status code 200" in (own.logs / "tasks.log").read_text()


def test_cloud_tasks_alone_creates_the_queues_of_a_functions_emulator(own: Testbed, tmp_path: Path) -> None:
    port = free_ports("tasks")["tasks"]
    options = ["--port", str(port), "--functions", own.functions_host, "--project", "demo-school"]
    part = Part(
        name="tasks",
        command=[str(VENV / "bin" / "python"), "-m", "emulator_tests.testbed.cloud_tasks", *options],
        environment={"PYTHONPATH": str(ROOT)},
        directory=tmp_path,
        log=tmp_path / "tasks.log",
        grace_s=3,
    )
    part.start()
    try:
        part.wait_until("create", lambda: part.has_said("created the queues work"), time.monotonic() + 60)
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            client = tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
            (queue,) = client.list_queues(parent=f"projects/demo-school/locations/{own.region}")
        assert queue.rate_limits.max_dispatches_per_second == 7
    finally:
        part.let_go()
        part.wait()


def test_second_stack_in_a_folder_names_the_first(own: Testbed) -> None:
    with pytest.raises(TestbedError, match=rf"running already in {own.logs.parent} \(process {os.getpid()}\)"):
        Testbed(own.logs.parent).__enter__()
    assert own.failure is None


def test_a_part_that_ends_ends_the_stack_with_its_name_and_its_log(own: Testbed) -> None:
    """Stands last among the tests of this stack: it ends it."""
    running = processes_in(own.logs.parent)
    (server,) = [process for process, command in running.items() if command.startswith(f"{FAKE_GCS_SERVER}")]
    os.kill(server, signal.SIGKILL)
    with pytest.raises(TestbedError, match=rf"^storage ended with exit code 137\. The end of its log, {own.logs}"):
        own.wait()
    wait_until("every process is gone", lambda: not processes_in(own.logs.parent))


@pytest.mark.parametrize(
    ("stop_with", "returncode"),
    [(signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)],
    ids=["Ctrl-C", "asked to end", "killed"],
)
def test_a_launcher_that_is_stopped_leaves_nothing_behind(
    tmp_path: Path, stop_with: signal.Signals, returncode: int
) -> None:
    state = tmp_path / "state"
    launcher = subprocess.Popen(
        [sys.executable, "-m", "emulator_tests.testbed", "--ports", "free", "--state", str(state)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until("all ten parts run", lambda: sum("keeper.py" in line for line in processes_in(state).values()) == 10)
        wait_until(
            "the emulators start", lambda: any("emulators:start" in line for line in processes_in(state).values())
        )
        launcher.send_signal(stop_with)
        launcher.wait(timeout=30)
    finally:
        launcher.kill()
        launcher.communicate()
    assert launcher.returncode == returncode
    wait_until("every process is gone", lambda: not processes_in(state))


def test_a_stack_without_functions_says_so_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(TestbedError, match=r"There are no functions to run: .*main\.py does not exist"):
        Testbed(tmp_path / "state", source=tmp_path).__enter__()
    assert processes_in(tmp_path) == {}


def test_a_folder_whose_stack_was_killed_is_free_again(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "lock").write_text("1")
    # It fails for what comes after the lock, so the lock of a process that has ended (or never had it) does not hold.
    with pytest.raises(TestbedError, match="There are no functions to run"):
        Testbed(tmp_path / "state", source=tmp_path).__enter__()


def test_firebase_tools_takes_the_project_for_python() -> None:
    """
    As it does when it deploys: in a folder with a package.json it refuses Python's runtime.
    """
    program = f"""
        const runtimes = require({str(NODE / "node_modules/firebase-tools/lib/deploy/functions/runtimes")!r});
        const root = {str(ROOT)!r};
        const context = {{projectId: "demo", projectDir: root, sourceDir: root, runtime: "python311"}};
        runtimes.getRuntimeDelegate(context).then((delegate) => process.stdout.write(delegate.language));
    """
    found = subprocess.run(["node", "-e", program], capture_output=True, text=True, check=False)
    assert found.stdout == "python", found.stderr


def test_settings_are_written_as_firebase_tools_reads_them() -> None:
    program = f"""
        const env = require({str(NODE / "node_modules/firebase-tools/lib/functions/env.js")!r});
        process.stdout.write(JSON.stringify(env.parseStrict(require("fs").readFileSync(0, "utf8"))));
    """
    settings = {"ODD": ODD, "EMPTY": "", "PLAIN": "http://127.0.0.1:1/x?y=z", "TAIL": "ends in \\", "FOLDER": r"C:\new"}
    read = subprocess.run(["node", "-e", program], input=dotenv(settings), capture_output=True, text=True, check=True)
    assert json.loads(read.stdout) == settings
