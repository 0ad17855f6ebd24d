"""Copies of this process, in which a run takes another course, while the run itself goes on as it was.

A crash at the last effect of a flow has the same beginning as a crash at the first one. So a flow is run once, and at
each effect the process is copied (`os.fork`): the copy has the crash, recovers, is judged and ends. The copy shares
nothing that it changes, so it leaves no trace here. No thread may run when a process is copied.
"""

from __future__ import annotations

import gc
import os
import pkgutil
import socket
import sys
import traceback
from functools import cache
from importlib import import_module
from typing import NoReturn

import shared

_DIGEST_BYTES = 16


@cache
def _import_everything() -> None:
    """
    Import what functions of ours import only when they are called. Else each copy would import it anew, which takes
    longer than most copies.
    """
    for module in pkgutil.walk_packages(shared.__path__, "shared."):
        if not module.name.startswith(("shared.cloud", "shared.providers")):
            import_module(module.name)


class Forks:
    """
    Runs copies of this process, one after the other.

    Attributes:
        is_copy: Whether this process is such a copy.
        failures: The tracebacks of the copies that failed.
        judged: Digests of the states that a copy has been judged in. A copy in the same state would end the same way.
        skipped: The number of copies that ended in such a state.
    """

    def __init__(self) -> None:
        _import_everything()
        self.is_copy = False
        self.failures: list[str] = []
        self.judged: set[bytes] = set()
        self.skipped = 0
        self._parent: socket.socket | None = None

    def fork(self) -> bool:
        """
        Copy this process, and wait until the copy has ended.

        Returns:
            `True` in the copy, which must call `end`; `False` here.
        """
        sys.stdout.flush()
        sys.stderr.flush()
        here, there = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            # A collection would touch, and so copy, every page of memory. The copy ends soon.
            gc.disable()
            here.close()
            self.is_copy, self._parent = True, there
            return True
        there.close()
        with here:
            self._serve(here)
        os.waitpid(pid, 0)
        return False

    def is_new(self, digest: bytes) -> bool:
        """
        Tell whether no copy has been judged in this state. Only a copy may ask.
        """
        assert self._parent is not None
        assert len(digest) == _DIGEST_BYTES
        self._parent.sendall(b"?" + digest)
        return self._parent.recv(1) == b"y"

    def end(self, error: BaseException | None = None) -> NoReturn:
        """
        Report the error with which the copy failed, if any, and end the copy. It never goes on to other tests.
        """
        assert self._parent is not None
        report = b"+" if error is None else b"-" + "".join(traceback.format_exception(error)).encode()
        try:
            sys.stdout.flush()
            self._parent.sendall(report)
            self._parent.close()
        finally:
            os._exit(0)

    def raise_failure(self) -> None:
        """
        Raise the first failure of a copy, if there is one.

        Raises:
            AssertionError: A copy failed.
        """
        if self.failures:
            raise AssertionError(self.failures[0])

    def _serve(self, copy: socket.socket) -> None:
        while (kind := copy.recv(1)) == b"?":
            digest = copy.recv(_DIGEST_BYTES, socket.MSG_WAITALL)
            is_new = digest not in self.judged
            self.judged.add(digest)
            self.skipped += not is_new
            copy.sendall(b"y" if is_new else b"n")
        if kind == b"+":
            return
        with copy.makefile("rb") as report:
            self.failures.append(report.read().decode() or "A copy of the process ended without a report.")
