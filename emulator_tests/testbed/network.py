"""Ports and HTTP requests on this machine. Called by the stack and by tests that start programs of their own."""

from __future__ import annotations

import json
import os
import random
import socket
import urllib.error
import urllib.request
from collections.abc import Iterable
from contextlib import ExitStack

from emulator_tests.testbed.part import TestbedError

HOST = "127.0.0.1"

ANSWER_WITHIN_S = 60.0

PORTS = range(20_000, 32_768)[int(os.environ.get("TESTBED_LANE", "0")) :: 8]
"""Below the ports the system gives to outgoing connections, one of which could take a port before its program does.
TESTBED_LANE, 0 to 7, keeps stacks that start at the same time from choosing the same."""


def free_ports(names: str | Iterable[str]) -> dict[str, int]:
    """
    Return a free port for each of the names; those of a text are separated by spaces.
    """
    wanted = names.split() if isinstance(names, str) else list(names)
    with ExitStack() as held:
        found: list[int] = []
        for port in random.sample(PORTS, len(PORTS)):
            candidate = held.enter_context(socket.socket())
            try:
                candidate.bind((HOST, port))
            except OSError:
                continue
            found.append(port)
            if len(found) == len(wanted):
                return dict(zip(wanted, found, strict=True))
    raise TestbedError(f"No {len(wanted)} ports are free between {PORTS[0]} and {PORTS[-1]}.")


def ask(url: str, body: object = None, token: str | None = None, method: str | None = None) -> tuple[int, bytes]:
    """
    Send one request, JSON if there is a body: POST, or GET without one, unless a method is given.

    Returns:
        The status and the answer, whatever the status.

    Raises:
        OSError: nobody answers.
    """
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), method=method)
    request.add_header("content-type", "application/json")
    if token is not None:
        request.add_header("authorization", f"Bearer {token}")
    # A proxy of the surrounding environment has no business between programs of one machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=ANSWER_WITHIN_S) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
