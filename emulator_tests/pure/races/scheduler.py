"""The stage: many workers, of which exactly one moves at a time, until it hands the baton back at one of its effects.

Called by `play`, which chooses who moves, and by `weather`, which calls `pause` in every effect. A worker is a thread,
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


class Visitor:
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


class Stage:
    """
    Lets workers move one at a time. Created once and used again and again, because it keeps its threads.

    Attributes:
        current: The worker that moves now; `None` while the play itself does.
    """

    def __init__(self) -> None:
        self.current: Visitor | None = None
        self._idle: list[_Hand] = []
        self._back = _taken()

    def resume(self, visitor: Visitor) -> Visitor:
        """
        Let a worker move until the baton comes back.

        Returns:
            The worker that brought it back: this one, or one to which it was passed on.
        """
        self._pass_to(visitor)
        self._back.acquire()
        last, self.current = self.current, None
        assert last is not None
        assert last.hand is not None
        if last.ended:
            self._idle.append(last.hand)
        return last

    def pause(self, follower: Visitor | None = None) -> None:
        """
        Pass the baton to another worker, or back, and wait for it. Called by the worker that moves.

        Raises:
            Killed: The worker was doomed meanwhile.
        """
        visitor = self.current
        assert visitor is not None
        assert visitor.hand is not None
        if follower is None:
            self._back.release()
        else:
            self._pass_to(follower)
        visitor.hand.go.acquire()
        if visitor.doomed:
            raise Killed

    def _pass_to(self, visitor: Visitor) -> None:
        if visitor.hand is None:
            visitor.hand = self._idle.pop() if self._idle else _Hand(self._back)
            visitor.hand.visitor = visitor
        self.current = visitor
        visitor.hand.go.release()

    def kill(self, visitor: Visitor) -> None:
        """
        Let a worker die at its current effect.
        """
        if visitor.hand is None:
            visitor.ended, visitor.error = True, Killed()
            return
        visitor.doomed = True
        self.resume(visitor)


class _Hand(threading.Thread):
    """
    A thread that runs one worker after the other.
    """

    def __init__(self, back: threading.Lock) -> None:
        super().__init__(daemon=True)
        self.visitor: Visitor | None = None
        self.go = _taken()
        self._back = back
        self.start()

    def run(self) -> None:
        while True:
            self.go.acquire()
            visitor = self.visitor
            assert visitor is not None
            try:
                visitor.job()
            except BaseException as error:
                # The play handles every exception.
                visitor.error = error
            visitor.ended = True
            self._back.release()


def _taken() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock
