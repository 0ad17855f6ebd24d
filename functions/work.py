"""Queue workers. Each call makes one reconcile, the reconciles of many keys together, or one tick of a poller.

Called by Cloud Tasks alone. What a reconcile does is left to `shared/`. The queue retries a worker that fails, and the
sweep finds what the queue stops retrying.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from firebase_functions.options import RateLimits

from functions import wiring
from functions.edge import tasks
from shared.core.paths import (
    CHECK_HOST,
    HOST_NAME,
    POLL_READINESS,
    RECONCILE_ADMISSION,
    RECONCILE_COPY,
    RECONCILE_DELETION,
    RECONCILE_ERASURE,
    RECONCILE_SESSION,
    RECONCILE_TRANSFER,
    RECONCILE_VIDEO,
    SESSION_ID,
    UID,
    VIDEO_ID,
)
from shared.ports import Task

VISITED_AT_ONCE: Final = 8
"""
The number of a task's or tick's videos or admissions that are reconciled at the same time. Each mostly waits for the
documents.
"""

RATE: Final = RateLimits(max_concurrent_dispatches=50, max_dispatches_per_second=100)
COPIES_RATE: Final = RateLimits(max_concurrent_dispatches=10, max_dispatches_per_second=20)
ADMISSIONS_RATE: Final = RateLimits(max_concurrent_dispatches=10, max_dispatches_per_second=20)
ONE_AT_A_TIME: Final = RateLimits(max_concurrent_dispatches=2, max_dispatches_per_second=5)

ONE_VIDEO: Final = VIDEO_ID.pattern
ONE_HOST: Final = HOST_NAME.pattern
VIDEOS: Final = re.compile(f"(?:{ONE_VIDEO},){{0,949}}{ONE_VIDEO}")
ERASURE: Final = VIDEO_ID
COPY: Final = re.compile(f"{ONE_VIDEO}-{ONE_HOST}")
HOST: Final = HOST_NAME
ONE_SESSION: Final = SESSION_ID.pattern
ONE_ADMISSION: Final = f"{ONE_SESSION}_{UID.pattern}"
ADMISSION: Final = re.compile(f"{ONE_ADMISSION}|session:{ONE_SESSION}(?::{ONE_ADMISSION})?|due:[0-9]{{1,3}}")
TICK: Final = re.compile(f"{ONE_HOST}:[0-9]{{1,15}}")


@tasks.worker(key=tasks.DOCUMENT, rate=RATE)
def reconcileSession(key: str) -> None:
    """
    Reconcile one session's event.
    """
    wiring.app().work(Task(RECONCILE_SESSION, key))


@tasks.worker(key=VIDEOS, rate=RATE)
def reconcileVideo(key: str) -> None:
    """
    Reconcile one video, or many; the key is `{videoId}[,{videoId}…]`.
    """
    _work_together(Task(RECONCILE_VIDEO, key))


@tasks.worker(key=tasks.DOCUMENT, rate=RATE)
def reconcileDeletion(key: str) -> None:
    """
    Delete one thing at its provider that is no longer wanted.
    """
    wiring.app().work(Task(RECONCILE_DELETION, key))


@tasks.worker(key=TICK, rate=ONE_AT_A_TIME)
def pollReadiness(key: str) -> None:
    """
    Run one tick of the readiness poller, and the reconciles that it finds to be due; the key is `{provider}:{tick}`.
    """
    _work_together(Task(POLL_READINESS, key))


@tasks.worker(key=COPY, rate=COPIES_RATE)
def reconcileCopy(key: str) -> None:
    """
    Reconcile one copy of a video at another host; the key is `{videoId}-{host}`.
    """
    wiring.app().work(Task(RECONCILE_COPY, key))


@tasks.worker(key=HOST, rate=ONE_AT_A_TIME)
def checkHost(key: str) -> None:
    """
    Check whether playback works from one host or provider; the key is its name.
    """
    wiring.app().work(Task(CHECK_HOST, key))


@tasks.worker(key=ERASURE, rate=ONE_AT_A_TIME)
def reconcileErasure(key: str) -> None:
    """
    Mark the next page of content to erase, of one person or of all, or count what is left of it.
    """
    wiring.app().work(Task(RECONCILE_ERASURE, key))


@tasks.worker(key=tasks.DOCUMENT, rate=ONE_AT_A_TIME)
def reconcileTransfer(key: str) -> None:
    """
    Bring what a transferred session has to its new owner; the key is the session's id.
    """
    wiring.app().work(Task(RECONCILE_TRANSFER, key))


@tasks.worker(key=ADMISSION, rate=ADMISSIONS_RATE)
def reconcileAdmission(key: str) -> None:
    """
    End what people were given in sessions and may not keep. The key is `{sessionId}_{uid}` for one person,
    `session:{sessionId}` for everybody in a session, or `due:{page}` for a page of all admissions that are due.
    """
    _work_together(Task(RECONCILE_ADMISSION, key))


def _work_together(task: Task) -> None:
    with ThreadPoolExecutor(VISITED_AT_ONCE) as pool:
        wiring.app().work(task, pool.map)
