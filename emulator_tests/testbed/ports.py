"""The ports of a stack: their names, the fixed ones of `make up`, and who has one that is taken. Linux only."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

from emulator_tests.testbed.network import HOST
from emulator_tests.testbed.part import TestbedError

FIXED_PORTS = {
    "hosting": 5000,
    "functions": 5001,
    "xmpp": 5222,
    "chat": 5280,
    "firestore": 8080,
    "auth": 9099,
    "websocket": 9150,
    "storage": 9199,
    "hub": 4400,
    "logging": 4500,
    "eventarc": 9299,
    "queues": 9499,
    "tasks": 9600,
    "kaltura": 9601,
    "cloudflare": 9602,
    "bunny": 9603,
    "s3": 9604,
    "converter": 9605,
}
"""Those that firebase-tools and Prosody have by default, and a row of others. "queues" is firebase-tools' own emulator
of Cloud Tasks, to which nothing is sent; "tasks" is ours. "websocket" and "chat" are the WebSockets of Firestore and of
the chat server."""

LISTENING = "0A"
"""`TCP_LISTEN` in /proc/net/tcp, include/net/tcp_states.h."""


def fixed_ports() -> dict[str, int]:
    """
    Return the fixed ports by name.

    Raises:
        TestbedError: Some are taken; says which, and by what.
    """
    return check_free(FIXED_PORTS)


def check_free(ports: Mapping[str, int]) -> dict[str, int]:
    """
    Return the ports, if all of them can be listened on.

    Raises:
        TestbedError: Some are taken; says which, and by what.
    """
    taken = {port: name for name, port in sorted(ports.items(), key=lambda one: one[1]) if not _is_free(port)}
    if taken:
        lines = "\n".join(f"  {port} ({name}) by {holder_of(port)}" for port, name in taken.items())
        raise TestbedError(
            f"Ports are taken:\n{lines}\nStop these programs, or run the stack on free ports: `make up PORTS=free`."
        )
    return dict(ports)


def _is_free(port: int) -> bool:
    with socket.socket() as candidate:
        # Connections of a stack that has just been stopped keep nobody from listening.
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((HOST, port))
        except OSError:
            return False
    return True


def holder_of(port: int) -> str:
    """
    Return who listens on a port, for people.
    """
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(one.readlink()) in sockets for one in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()}, process {process.name}"
        except OSError:
            # It has ended, or belongs to another user.
            continue
    return "a program of another user"


def _listening(port: int) -> set[str]:
    """
    Return the inodes of the sockets that listen on a port, on any address.
    """
    found = set()
    for table in ("tcp", "tcp6"):
        path = Path("/proc/net") / table
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            fields = line.split()
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(fields[9])
    return found
