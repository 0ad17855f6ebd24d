"""Queue workers: one visit each, one tick each.

Called by Cloud Tasks alone. Leave to `shared/` what a visit does; a worker that fails is called again by its queue,
and what the queue gives up the sweep finds.
"""

from __future__ import annotations

from typing import Any, Final

from firebase_functions.https_fn import CallableRequest
from firebase_functions.options import RateLimits, RetryConfig
from firebase_functions.tasks_fn import on_task_dispatched

from functions import config, edge, wiring
from shared.reconcile import WORKER_TIMEOUT_S, visit

RETRY: Final = RetryConfig(max_attempts=5, min_backoff_seconds=2, max_backoff_seconds=60, max_doublings=5)
RATE: Final = RateLimits(max_concurrent_dispatches=50, max_dispatches_per_second=100)
ONE_AT_A_TIME: Final = RateLimits(max_concurrent_dispatches=2, max_dispatches_per_second=5)


@on_task_dispatched(
    retry_config=RETRY, rate_limits=RATE, timeout_sec=WORKER_TIMEOUT_S, secrets=[config.KALTURA_ADMIN_SECRET]
)
def visitSession(request: CallableRequest[Any]) -> None:
    """
    Bring one session's event as far as it can be brought now.
    """

    def use_case(session_id: str) -> None:
        app = wiring.app()
        visit(app.sessions, session_id, app.documents, app.queue, wiring.now)

    edge.work("visitSession", request, use_case)


@on_task_dispatched(
    retry_config=RETRY, rate_limits=RATE, timeout_sec=WORKER_TIMEOUT_S, secrets=[config.KALTURA_ADMIN_SECRET]
)
def visitVideo(request: CallableRequest[Any]) -> None:
    """
    Bring one video as far as it can be brought now.
    """

    def use_case(video_id: str) -> None:
        app = wiring.app()
        visit(app.videos, video_id, app.documents, app.queue, wiring.now)

    edge.work("visitVideo", request, use_case)


@on_task_dispatched(
    retry_config=RETRY,
    rate_limits=ONE_AT_A_TIME,
    timeout_sec=WORKER_TIMEOUT_S,
    secrets=[config.KALTURA_ADMIN_SECRET],
)
def tickFeed(request: CallableRequest[Any]) -> None:
    """
    One tick of the feed; the key is `{provider}:{tick}`.
    """

    def use_case(key: str) -> None:
        wiring.app().feed.tick(int(key.rpartition(":")[2]))

    edge.work("tickFeed", request, use_case)
