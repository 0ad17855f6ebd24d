"""Handle tasks: verify the sender, check the key, and tell the queue whether to retry.

Called by `work.py`, which says what a worker does for a key.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, cast

from firebase_functions.options import MemoryOption, RateLimits, RetryConfig
from firebase_functions.tasks_fn import on_task_dispatched
from flask import Request, Response

from functions import config, wiring
from functions.edge import answers, tokens
from functions.edge.request import CALL_MAX_BYTES, data_of, discard_body, read_body
from shared.core import log
from shared.core.errors import BackendError, BadRequest, Misconfigured, NotAllowed, Transient
from shared.ports import Task

RETRY: Final = RetryConfig(max_attempts=5, min_backoff_seconds=2, max_backoff_seconds=60, max_doublings=5)
WORKER_MEMORY: Final = MemoryOption.MB_512
"""
With everything loaded a process has used 125 MiB. A task may name hundreds of videos, for which a provider answers in
pages of 500 items, eight at a time. A copy holds one piece of the upload that it sends to a host.
"""

Use = Callable[[str], None]
"""The work to do for the key of a task."""


def worker(*, key: re.Pattern[str], rate: RateLimits, timeout_s: int, archives: bool = False) -> Callable[[Use], Any]:
    """
    Declare a queue's worker. The SDK only declares how it is deployed. Its own handler is not used: it reads and parses
    any body before the sender is verified.

    Args:
        key: The form of the keys of its tasks.
        rate: The rate limits of its queue.
        timeout_s: Seconds after which it is stopped.
        archives: Whether it needs the cold store.
    """
    declaration = on_task_dispatched(
        retry_config=RETRY,
        rate_limits=rate,
        timeout_sec=timeout_s,
        memory=WORKER_MEMORY,
        secrets=[*config.provider_secrets(), *(config.archive_secrets() if archives else [])],
    )

    def declare(use_case: Use) -> Callable[[Request], Response]:
        function = use_case.__name__

        # The SDK reads only the name of the function that it is given.
        @wraps(declaration(cast(Any, use_case)))
        def handle(request: Request) -> Response:
            response = _answered(function, request, key, use_case)
            discard_body(request)
            return response

        return handle

    return declare


def _answered(function: str, request: Request, key: re.Pattern[str], use_case: Use) -> Response:
    try:
        _require_sender(function, request)
        data = data_of(read_body(request, CALL_MAX_BYTES))
    except NotAllowed as error:
        # The code in this answer lets `doctor` tell it from a refusal of Cloud Run's.
        return answers.failure(function, None, error)
    except BadRequest as error:
        # An invalid task stays invalid, so the queue must not retry it.
        log.refused(function, None, error)
        return _told(200)
    except Transient as error:
        log.unavailable(function, None, error)
        return _told(503)
    except Exception as error:
        log.broken(function, None, error)
        return _told(500)
    return respond(function, data, key, lambda task: wiring.kill_switch().admits(task), use_case)


def _require_sender(function: str, request: Request) -> None:
    """
    Require that the request comes from our queue.

    Raises:
        NotAllowed: It does not come from our queue (never).
        Transient: The token could not be verified (again).
    """
    account = wiring.tasks_account()
    # In the emulator tasks are not signed, and anybody may call.
    if account is not None:
        tokens.require_cloud_tasks(request, config.function_url(function), account)


def respond(
    function: str, data: object, key: re.Pattern[str], admits: Callable[[Task], bool], use_case: Use
) -> Response:
    """
    Do a task whose sender is verified. The queue retries it if the answer is an error.

    Args:
        function: Its public name, which is that of its queue.
        data: The task's data, `{"key": …}`, as `shared/cloud/tasks.py` sends it.
        key: The form of a key.
        admits: Tells whether work may be done. If not, it has enqueued the task for later.
        use_case: The work to do for the key.
    """
    try:
        task = Task(function, _key(data, key))
        if admits(task):
            use_case(task.key)
        else:
            log.stopped(function)
    except BadRequest as error:
        # The refusal is permanent: the same task would be refused again.
        log.refused(function, None, error)
    except Misconfigured as error:
        log.misconfigured(function, error)
        return _told(500)
    except BackendError as error:
        log.unavailable(function, None, error)
        return _told(503)
    except Exception as error:
        log.broken(function, None, error)
        return _told(500)
    return _told(200)


def _key(data: object, key: re.Pattern[str]) -> str:
    """
    Return the key of a task's data.

    Raises:
        BadRequest: It is not a key of this queue's tasks (never).
    """
    named = data.get("key") if isinstance(data, dict) and data.keys() == {"key"} else None
    if not isinstance(named, str) or not key.fullmatch(named):
        raise BadRequest("The task has no valid key.", reason="TASK_KEY_INVALID")
    return named


def _told(status: int) -> Response:
    """
    Answer Cloud Tasks, which reads the status alone. The empty body is an iterator, so that functions-framework does
    not read the rest of the request into memory.
    """
    return Response(iter(()), status, {"Content-Length": "0"})
