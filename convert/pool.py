"""Keeps programs that convert running, so that a document need not wait for them to start.

Each is used for one document and then killed: what a document does to its LibreOffice, no other document meets.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Generic, TypeVar

from convert.drawer import Drawer
from convert.office import Office
from convert.program import Program

P = TypeVar("P", bound=Program)


class _Shelf(Generic[P]):
    """
    Programs of one kind that wait for a document.
    """

    def __init__(self, start: Callable[[], P]) -> None:
        self.start = start
        self.waiting: deque[P] = deque()


class Pool:
    """
    Programs that wait for a document. Leaving the context closes it.

    Args:
        kept: How many of each kind `refill` keeps.
        is_warm: Whether a LibreOffice is prepared before it is needed, see `Office`.
    """

    def __init__(self, kept: int, *, is_warm: bool = False) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        # A program is killed with the thread that starts it, so one thread that stays starts all.
        self._starter = ThreadPoolExecutor(1, "starter")
        self._offices = _Shelf(partial(Office, is_warm=is_warm))
        self._drawers = _Shelf(Drawer)

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """
        Kill the programs that nobody has taken.
        """
        self._starter.shutdown()
        for shelf in (self._offices, self._drawers):
            for program in shelf.waiting:
                program.close()

    def refill(self) -> None:
        """
        Have programs started until as many wait as are kept.
        """
        self._starter.submit(self._fill, self._offices)
        self._starter.submit(self._fill, self._drawers)

    def office(self) -> Office:
        """
        Take a LibreOffice; start one if none waits. Close it after use.
        """
        return self._take(self._offices)

    def drawer(self) -> Drawer:
        """
        Take a process that draws, likewise.
        """
        return self._take(self._drawers)

    def _take(self, shelf: _Shelf[P]) -> P:
        with self._lock:
            while shelf.waiting:
                program = shelf.waiting.popleft()
                if program.is_alive:
                    return program
                program.close()
        return self._starter.submit(shelf.start).result()

    def _fill(self, shelf: _Shelf[P]) -> None:
        while True:
            with self._lock:
                if len(shelf.waiting) >= self._kept:
                    return
            program = shelf.start()
            with self._lock:
                shelf.waiting.append(program)
