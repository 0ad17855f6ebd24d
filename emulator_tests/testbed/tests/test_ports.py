"""Fixed ports that are taken are named, with their holders; those of a stack that has just ended are free."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from emulator_tests.testbed import TestbedError
from emulator_tests.testbed.network import HOST, free_ports
from emulator_tests.testbed.places import ROOT
from emulator_tests.testbed.ports import FIXED_PORTS, check_free


def test_the_container_publishes_every_fixed_port_for_this_machine_only() -> None:
    compose = (ROOT / "emulator_tests" / "container" / "compose.yaml").read_text()
    published = re.findall(r'^ +- "(.*)" # (.*)$', compose, re.MULTILINE)
    assert published == [(f"{HOST}:{port}:{port}", name) for name, port in FIXED_PORTS.items()]


def listener(port: int, host: str = HOST, family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    return socket.create_server((host, port), family=family)


def test_free_ports_are_returned() -> None:
    ports = free_ports("one two")
    assert check_free(ports) == ports


@pytest.mark.parametrize("host", [HOST, "0.0.0.0"], ids=["this machine", "every address"])
def test_every_taken_port_is_named_with_its_holder(host: str) -> None:
    ports = free_ports("auth firestore hosting")
    with listener(ports["auth"], host), listener(ports["hosting"], host), pytest.raises(TestbedError) as refused:
        check_free(ports)
    comm = Path("/proc/self/comm").read_text().strip()
    lines = str(refused.value).splitlines()
    assert lines[0] == "Ports are taken:"
    assert sorted(lines[1:-1]) == sorted(
        f"  {ports[name]} ({name}) by {comm}, process {os.getpid()}" for name in ("auth", "hosting")
    )
    assert lines[-1] == "Stop these programs, or run the stack on free ports: `make up PORTS=free`."


def test_port_with_connections_of_a_server_that_has_ended_is_free() -> None:
    ports = free_ports("auth")
    with listener(ports["auth"]) as server, socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        # Who closes first keeps the port for a while, in TIME_WAIT.
        accepted.close()
        assert client.recv(1) == b""
    assert check_free(ports) == ports


def test_make_up_refuses_taken_ports_before_it_starts_anything(tmp_path: Path) -> None:
    port = FIXED_PORTS["hosting"]
    try:
        held = listener(port)
    except OSError:
        held = socket.socket()  # A stack of somebody else has it: the same case.
    with held:
        refused = subprocess.run(
            [sys.executable, "-m", "emulator_tests.testbed", "--state", str(tmp_path / "state")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert refused.returncode == 1
    assert re.search(rf"^  {port} \(hosting\) by .+, process \d+$", refused.stderr, re.MULTILINE)
    assert not (tmp_path / "state").exists()


def test_fixed_ports_are_those_of_the_table_and_no_two_are_the_same() -> None:
    page = (ROOT / "docs" / "getting-started.md").read_text()
    told = {int(port) for port in re.findall(r"^\| .* \| (\d+) \|$", page, re.MULTILINE)}
    assert told == set(FIXED_PORTS.values())
    assert len(told) == len(FIXED_PORTS)


def test_fixed_ports_of_the_emulators_are_those_of_firebase_json() -> None:
    emulators = json.loads((ROOT / "firebase.json").read_text())["emulators"]
    given = {name: one["port"] for name, one in emulators.items() if isinstance(one, dict) and "port" in one}
    assert given == {name: FIXED_PORTS[name] for name in given}
    assert {"auth", "functions", "firestore", "hosting"} == set(given)
