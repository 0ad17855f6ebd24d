"""Run many workers, one at a time. A worker hands control back at each of its effects.

Called by `play`, which chooses who moves, and by `faults`, which calls `pause` in every effect. A worker is a thread,
because the code under test knows nothing of this and must not. As only one thread moves at a time, everything follows
from the order in which workers are chosen.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime


class Killed(BaseException):
    """
    Simulates the death of a worker. Not an error of ours, so that nothing catches it, and nothing of the worker
    follows.
    """


class Worker:
    """
    One run of the code under test.

    Attributes:
        name: For the chronicle.
        begun_at: When it began, on the world's clock.
        doomed: Whether it dies as soon as it is resumed.
        read_step: The step at which it last read documents.
        read_at: The time of that read.
        ended: Whether it has returned, raised or died.
        error: The exception that it raised.
    """

    def __init__(self, name: str, job: Callable[[], None], begun_at: datetime) -> None:
        self.name = name
        self.job = job
        self.begun_at = begun_at
        self.doomed = False
        self.read_step = 0
        self.read_at = begun_at
        self.ended = False
        self.error: BaseException | None = None
        self.hand: _Hand | None = None


class Scheduler:
    """
    Lets workers move one at a time. Created once and used again and again, because it keeps its threads.

    Attributes:
        current: The worker that moves now; `None` outside of `resume`.
    """

    def __init__(self) -> None:
        self.current: Worker | None = None
        self._idle: list[_Hand] = []
        self._back = _taken()

    def resume(self, worker: Worker) -> Worker:
        """
        Let a worker run until it or another one hands control back.

        Returns:
            The worker that handed it back: this one, or one that it was passed on to.
        """
        self._pass_to(worker)
        self._back.acquire()
        last, self.current = self.current, None
        assert last is not None
        assert last.hand is not None
        if last.ended:
            self._idle.append(last.hand)
        return last

    def pause(self, follower: Worker | None = None) -> None:
        """
        Hand control to another worker, or back to `resume`, and wait for it. Called by the running worker.

        Raises:
            Killed: The worker was doomed meanwhile.
        """
        worker = self.current
        assert worker is not None
        assert worker.hand is not None
        if follower is None:
            self._back.release()
        else:
            self._pass_to(follower)
        worker.hand.go.acquire()
        if worker.doomed:
            raise Killed

    def _pass_to(self, worker: Worker) -> None:
        if worker.hand is None:
            worker.hand = self._idle.pop() if self._idle else _Hand(self._back)
            worker.hand.worker = worker
        self.current = worker
        worker.hand.go.release()

    def kill(self, worker: Worker) -> None:
        """
        Let a worker die at its current effect.
        """
        if worker.hand is None:
            worker.ended, worker.error = True, Killed()
            return
        worker.doomed = True
        self.resume(worker)


class _Hand(threading.Thread):
    """
    A thread that runs one worker after the other.
    """

    def __init__(self, back: threading.Lock) -> None:
        super().__init__(daemon=True)
        self.worker: Worker | None = None
        self.go = _taken()
        self._back = back
        self.start()

    def run(self) -> None:
        while True:
            self.go.acquire()
            worker = self.worker
            assert worker is not None
            try:
                worker.job()
            except BaseException as error:
                # The play handles every exception.
                worker.error = error
            worker.ended = True
            self._back.release()


def _taken() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock
