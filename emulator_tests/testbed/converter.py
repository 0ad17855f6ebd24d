"""The command that runs the service of `convert/` on this machine, as its container runs it."""

from __future__ import annotations

import sys

from emulator_tests.testbed.network import HOST


def converter_command(port: int, arguments: str = "") -> list[str]:
    """
    Return the command.

    Args:
        port: The port on which it serves.
        arguments: Arguments of `convert.service.service`, as Python.
    """
    served = ("--bind", f"{HOST}:{port}", "--threads", "8", "--timeout", "0", "--no-control-socket")
    return [sys.executable, "-m", "gunicorn", *served, f"convert.service:service({arguments})"]
