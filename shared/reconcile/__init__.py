"""The way in which every long-lived thing is brought to its spec: read, decide, claim, act, settle, requeue.

Called by the workers and callables of `functions/`, with one `Controller` for each resource. `reconciler` is the loop,
`controller` the protocol that a resource fills, `model` the values, `backoff` the handling of failures, `heartbeat` the
claim of a step that runs for long. `resource` is what a resource registers, and `deployment` what it is built on:
`owned`, `traces` and `checks` are parts of that. `slots` merges tasks, `bulk` paces bulk work, `epoch` tells whether
this is still the database that was swept last, and `edited` reads fields that people may have edited by hand.
"""

from shared.reconcile.backoff import (
    ALARM_AFTER_S,
    RETRY_AFTER_MAX_S,
    apply_backoff,
    await_late_commit,
    backoff_s,
    failure_of,
)
from shared.reconcile.controller import Controller
from shared.reconcile.model import (
    AT_ONCE,
    BACKOFF_MAX_S,
    LEASE_S,
    SCHEMA_VERSION,
    Claim,
    Decision,
    Done,
    Effect,
    Failure,
    Progress,
    Record,
    RequeueAt,
    Snapshot,
    Step,
    with_progress,
)
from shared.reconcile.reconciler import (
    RECONCILE_BUDGET_S,
    STEPS_MAX,
    TASK_AHEAD_MAX_S,
    WORKER_TIMEOUT_S,
    Mapper,
    Reconciler,
)

__all__ = [
    "ALARM_AFTER_S",
    "AT_ONCE",
    "BACKOFF_MAX_S",
    "LEASE_S",
    "RECONCILE_BUDGET_S",
    "RETRY_AFTER_MAX_S",
    "SCHEMA_VERSION",
    "STEPS_MAX",
    "TASK_AHEAD_MAX_S",
    "WORKER_TIMEOUT_S",
    "Claim",
    "Controller",
    "Decision",
    "Done",
    "Effect",
    "Failure",
    "Mapper",
    "Progress",
    "Reconciler",
    "Record",
    "RequeueAt",
    "Snapshot",
    "Step",
    "apply_backoff",
    "await_late_commit",
    "backoff_s",
    "failure_of",
    "with_progress",
]
