"""Queue workers: one visit each, or that of many videos together, one tick each.

Called by Cloud Tasks alone. Leave to `shared/` what a visit does; a worker that fails is called again by its queue,
and what the queue gives up the sweep finds.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from firebase_functions.https_fn import CallableRequest
from firebase_functions.options import MemoryOption, RateLimits, RetryConfig
from firebase_functions.tasks_fn import on_task_dispatched

from functions import config, edge, wiring
from shared.ports import Note
from shared.reconcile import WORKER_TIMEOUT_S, Each

VISITED_AT_ONCE: Final = 8
"""Videos, or admissions, of one note or tick that are visited at the same time: each mostly waits for the documents."""

RETRY: Final = RetryConfig(max_attempts=5, min_backoff_seconds=2, max_backoff_seconds=60, max_doublings=5)
RATE: Final = RateLimits(max_concurrent_dispatches=50, max_dispatches_per_second=100)
COPYING_MEMORY: Final = MemoryOption.MB_512
"""One visit holds a piece of a film that it carries to a host."""

ONE_AT_A_TIME: Final = RateLimits(max_concurrent_dispatches=2, max_dispatches_per_second=5)


@on_task_dispatched(
    retry_config=RETRY, rate_limits=RATE, timeout_sec=WORKER_TIMEOUT_S, secrets=config.provider_secrets()
)
def visitSession(request: CallableRequest[Any]) -> None:
    """
    Bring one session's event as far as it can be brought now.
    """
    _work("visitSession", request)


@on_task_dispatched(
    retry_config=RETRY, rate_limits=RATE, timeout_sec=WORKER_TIMEOUT_S, secrets=config.provider_secrets()
)
def visitVideo(request: CallableRequest[Any]) -> None:
    """
    Bring one video, or many, as far as they can be brought now; the key is `{videoId}[,{videoId}…]`.
    """
    _work_together("visitVideo", request)


@on_task_dispatched(
    retry_config=RETRY, rate_limits=RATE, timeout_sec=WORKER_TIMEOUT_S, secrets=config.provider_secrets()
)
def visitDeletion(request: CallableRequest[Any]) -> None:
    """
    Delete one thing at its provider that nobody wants any more.
    """
    _work("visitDeletion", request)


@on_task_dispatched(
    retry_config=RETRY,
    rate_limits=ONE_AT_A_TIME,
    timeout_sec=WORKER_TIMEOUT_S,
    secrets=config.provider_secrets(),
)
def tickFeed(request: CallableRequest[Any]) -> None:
    """
    One tick of the feed, and the visits that it finds to be due; the key is `{provider}:{tick}`.
    """
    _work_together("tickFeed", request)


@on_task_dispatched(
    retry_config=RETRY,
    rate_limits=RateLimits(max_concurrent_dispatches=10, max_dispatches_per_second=20),
    timeout_sec=WORKER_TIMEOUT_S,
    memory=COPYING_MEMORY,
    secrets=config.provider_secrets(),
)
def visitCopy(request: CallableRequest[Any]) -> None:
    """
    Bring one copy of a video at another host as far as it can be brought now; the key is `{videoId}-{host}`.
    """
    _work("visitCopy", request)


@on_task_dispatched(
    retry_config=RETRY, rate_limits=ONE_AT_A_TIME, timeout_sec=WORKER_TIMEOUT_S, secrets=config.provider_secrets()
)
def checkHost(request: CallableRequest[Any]) -> None:
    """
    Try whether something plays from one host or provider; the key is its name.
    """
    _work("checkHost", request)


@on_task_dispatched(retry_config=RETRY, rate_limits=ONE_AT_A_TIME, timeout_sec=WORKER_TIMEOUT_S)
def visitRemoval(request: CallableRequest[Any]) -> None:
    """
    Mark the next page of what a teacher, or an administrator, wants gone, or count what is left of it.
    """
    _work("visitRemoval", request)


@on_task_dispatched(
    retry_config=RETRY,
    rate_limits=RateLimits(max_concurrent_dispatches=10, max_dispatches_per_second=20),
    timeout_sec=WORKER_TIMEOUT_S,
    secrets=config.provider_secrets(),
)
def reconcileAdmission(request: CallableRequest[Any]) -> None:
    """
    End what somebody was given in a session and may not keep; the key is `{sessionId}_{uid}`, or `session:{sessionId}`
    for everybody there.
    """
    _work_together("reconcileAdmission", request)


def _work_together(function: str, request: CallableRequest[Any]) -> None:
    with ThreadPoolExecutor(VISITED_AT_ONCE) as pool:
        _work(function, request, pool.map)


def _work(function: str, request: CallableRequest[Any], each: Each = map) -> None:
    def admits(note: Note) -> bool:
        return wiring.guard().admits(note)

    edge.work(function, request, admits, lambda key: wiring.app().work(Note(function, key), each))
