"""The claim of a step that runs for long: a conversion, a copy.

Its step `beats`: the reconciler extends the lease while `act` runs. If the worker dies, the lease ends soon, and the
next reconciliation finds out what is there. What runs for longer than a function may is run by a job, which reconciles
as a worker does (`functions/archive_job.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Generic

from shared.core.errors import Conflict, Transient
from shared.reconcile.controller import Controller
from shared.reconcile.model import Claim, Progress, R, Snapshot, W, with_progress

if TYPE_CHECKING:
    from shared.reconcile.reconciler import Reconciler

BEATS: Final = 4
"""How often a lease is extended before it would end."""


@dataclass(slots=True)
class Heartbeat(Generic[W, R]):
    """
    The claim of a step while it runs.

    Attributes:
        reconciler: Has the documents and the clock.
        controller: The controller of the thing.
        claimed: The snapshot with the claim.
    """

    reconciler: Reconciler
    controller: Controller[W, R, Any]
    claimed: Snapshot[W, R]

    def beat(self, lease_s: int) -> None:
        """
        Extend the lease. Call it several times within each lease.

        Args:
            lease_s: Seconds from now for which others keep off.

        Raises:
            Conflict: The lease had ended, and another worker has begun: write nothing (never).
            Transient: The documents could not be reached (again, while the lease lasts).
        """
        now = self.reconciler.clock()
        until = now + timedelta(seconds=lease_s)
        snapshot = self._present()
        progress = replace(self._progress, claim=Claim(self._claim.step, until), due_at=until)
        record = with_progress(self._record, progress)
        writes = self.controller.record_writes(snapshot, record, snapshot.version, now)
        version, *_ = self.reconciler.documents.commit(*writes)
        self.claimed = self.controller.claimed(snapshot, record, version)

    @contextmanager
    def keeping(self, lease_s: int) -> Iterator[None]:
        """
        Extend the lease again and again, in a thread of its own, until the block ends.

        Args:
            lease_s: Seconds for which others keep off after each beat.
        """
        is_over = threading.Event()

        def run() -> None:
            while not is_over.wait(lease_s / BEATS):
                try:
                    self.beat(lease_s)
                except (Conflict, Transient):
                    # The lease lasts for more tries. If it is lost, the outcome is not written.
                    continue

        thread = threading.Thread(target=run, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def _present(self) -> Snapshot[W, R]:
        """
        Return the present snapshot if the claim is still this worker's. A spec may have been written into the same
        document meanwhile.
        """
        present = self.controller.read(self.claimed.key)
        if present.record is None or present.record.progress.claim != self._claim:
            raise Conflict(f"Another worker does the step {self._claim.step} of {self.claimed.key}. Write nothing.")
        if self._claim.until <= self.reconciler.clock():
            raise Conflict(f"The lease of the step {self._claim.step} of {self.claimed.key} has ended. Write nothing.")
        return present

    @property
    def _record(self) -> R:
        assert self.claimed.record is not None
        return self.claimed.record

    @property
    def _progress(self) -> Progress:
        return self._record.progress

    @property
    def _claim(self) -> Claim:
        claim = self._progress.claim
        assert claim is not None
        return claim
