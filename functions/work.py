"""Queue workers. Each call makes one reconcile, the reconciles of many keys together, or one tick of a poller.

Called by Cloud Tasks alone. Which workers there are, the registry says (`shared/registry.py`), and `main.py` names
them; what a reconcile does is left to `shared/`. The queue retries a worker that fails, and the sweep finds what the
queue stops retrying.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Final

from firebase_functions.options import RateLimits

from functions import wiring
from functions.edge import tasks
from shared.reconcile.resource import Worker
from shared.registry import WORKERS

AT_ONCE: Final = 8
"""
The number of a task's or tick's videos or admissions that are reconciled at the same time. Each mostly waits for the
documents.
"""


def __getattr__(name: str) -> Any:
    """
    Return the function of a queue.
    """
    if name not in WORKERS:
        raise AttributeError(name)
    return _function(WORKERS[name])


@cache
def _function(worker: Worker) -> Any:
    """
    Declare the function of a worker.
    """

    def work(key: str) -> None:
        if worker.work is None:
            wiring.app().work(worker.queue, key)
            return
        with ThreadPoolExecutor(AT_ONCE) as pool:
            wiring.app().work(worker.queue, key, pool.map)

    work.__name__ = work.__qualname__ = worker.queue
    work.__doc__ = worker.summary
    rate = RateLimits(max_concurrent_dispatches=worker.at_once, max_dispatches_per_second=worker.per_second)
    declared = tasks.worker(key=worker.key, rate=rate, timeout_s=worker.timeout_s, archives=worker.archives)
    return declared(work)
