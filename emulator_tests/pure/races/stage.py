"""The stage: many workers, of whom exactly one moves at a time, until it hands the baton back at one of its effects.

Called by `play`, which chooses who moves, and by `weather`, which calls `pause` inside of every effect. A worker is a
thread, for the code that is played knows nothing of this and must not; as only one of them ever moves, whatever
happens follows from the order in which they are chosen.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime


class Killed(BaseException):
    """
    A worker dies here. No error of ours, so that nothing catches it: what it would have done next never happens.
    """


class Visitor:
    """
    One run of the code that is played.

    Attributes:
        name: For the chronicle.
        begun_at: On the world's clock.
        doomed: Dies as soon as it is resumed.
        read_step: At which effect it last read documents.
        read_at: The instant of that.
        ended: Whether it has returned, raised or died.
        error: What it raised.
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
    Where workers move one at a time. Made once and played on again and again: its threads are kept.

    Attributes:
        current: Who moves now; `None` while the play itself does.
    """

    def __init__(self) -> None:
        self.current: Visitor | None = None
        self._idle: list[_Hand] = []
        self._back = _taken()

    def resume(self, visitor: Visitor) -> Visitor:
        """
        Let a worker move until the baton comes back.

        Returns:
            Who brought it back: this one, or one to whom it was passed on.
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
        Called by the worker that moves: pass the baton on, or back, and go on when it comes again.

        Raises:
            Killed: This one was doomed meanwhile.
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
        End a worker where it stands.
        """
        if visitor.hand is None:
            visitor.ended, visitor.error = True, Killed()
            return
        visitor.doomed = True
        self.resume(visitor)


class _Hand(threading.Thread):
    """
    A thread that plays one worker after the other.
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
                # Whatever it is, the play judges it.
                visitor.error = error
            visitor.ended = True
            self._back.release()


def _taken() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock
