"""Queues of HTTP tasks: what is due, its attempts, and the waits between them. Called by `service`."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import grpc
import httpx
from google.cloud.tasks_v2 import types
from google.protobuf import duration_pb2, timestamp_pb2
from google.rpc import status_pb2

from emulator_tests.testbed.cloud_tasks.errors import refuse

NAME_KEPT_FOR = timedelta(hours=24)
"""A task's name cannot be used again for up to a day after the task ended."""

GRPC_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    409: grpc.StatusCode.ABORTED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    501: grpc.StatusCode.UNIMPLEMENTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
"""What a task's record calls an HTTP status that is not a success; every other one is UNKNOWN."""


def now() -> datetime:
    """
    Returns:
        The present instant.
    """
    return datetime.now(UTC)


def instant(value: timestamp_pb2.Timestamp) -> datetime | None:
    """
    What a message's field holds: these messages hand out datetimes where their annotations say Timestamp. Pure.
    """
    held: object = value
    return held if isinstance(held, datetime) else None


def duration(value: duration_pb2.Duration) -> timedelta | None:
    """
    What a message's field holds: these messages hand out timedeltas where their annotations say Duration. Pure.
    """
    held: object = value
    return held if isinstance(held, timedelta) else None


@dataclass(frozen=True, slots=True)
class Retry:
    """
    How a queue tries again what failed.
    """

    max_attempts: int
    max_retry_duration: timedelta
    min_backoff: timedelta
    max_backoff: timedelta
    max_doublings: int

    @classmethod
    def asked(cls, config: types.RetryConfig) -> Retry:
        """
        What is asked for, with the cloud's defaults where nothing is.
        """
        return cls(
            max_attempts=config.max_attempts or 100,
            max_retry_duration=duration(config.max_retry_duration) or timedelta(0),
            min_backoff=duration(config.min_backoff) or timedelta(milliseconds=100),
            max_backoff=duration(config.max_backoff) or timedelta(hours=1),
            max_doublings=config.max_doublings or 16,
        )

    def backoff(self, attempts: int) -> timedelta:
        """
        How long a task waits after its `attempts`-th failure: doubled `max_doublings` times, then growing by the same
        amount each time, never beyond `max_backoff`. Pure.

        Source: RetryConfig.max_doublings in the reference, with its example 10, 20, 40, 80, 160, 240, 300, 300 s.
        """
        doublings = min(attempts - 1, self.max_doublings)
        linear_steps = max(0, attempts - 1 - self.max_doublings)
        return min(self.max_backoff, self.min_backoff * (1 << doublings) * (1 + linear_steps))

    def allows_another(self, attempts: int, since_first: timedelta) -> bool:
        """
        Whether a failed task is tried again: it is given up when both limits are used up. Pure.

        Source: RetryConfig: a retry duration of zero leaves the attempts to decide; -1 attempts are no limit.
        """
        return self.max_attempts == -1 or attempts < self.max_attempts or since_first < self.max_retry_duration


@dataclass(slots=True)
class Job:
    """
    A task, as it was asked for, and what became of it so far.
    """

    name: str
    request: types.HttpRequest
    created_at: datetime
    scheduled_at: datetime
    deadline: timedelta
    dispatches: int = 0
    responses: int = 0
    first_dispatched_at: datetime | None = None
    last_http_status: int | None = None
    last_attempt: types.Attempt | None = None

    def shown(self, view: types.Task.View) -> types.Task:
        """
        The task as a client sees it: without its payload unless the full view is asked for.
        """
        full = view == types.Task.View.FULL
        request = types.HttpRequest(self.request)
        if not full:
            request.body = b""
        return types.Task(
            name=self.name,
            http_request=request,
            create_time=self.created_at,
            schedule_time=self.scheduled_at,
            dispatch_deadline=self.deadline,
            dispatch_count=self.dispatches,
            response_count=self.responses,
            first_attempt=types.Attempt(dispatch_time=self.first_dispatched_at) if self.first_dispatched_at else None,
            last_attempt=self.last_attempt,
            view=types.Task.View.FULL if full else types.Task.View.BASIC,
        )

    def headers(self) -> dict[str, str]:
        """
        The headers of the next attempt: those asked for, then those that only the service sets.
        """
        queue, _, task_id = self.name.rpartition("/tasks/")
        headers = {"user-agent": "Google-Cloud-Tasks", "content-type": "application/octet-stream"}
        headers |= {name.lower(): value for name, value in self.request.headers.items()}
        headers |= {
            "x-cloudtasks-queuename": queue.rpartition("/")[2],
            "x-cloudtasks-taskname": task_id,
            "x-cloudtasks-taskretrycount": str(self.dispatches),
            "x-cloudtasks-taskexecutioncount": str(self.responses),
            "x-cloudtasks-tasketa": f"{self.scheduled_at.timestamp():.6f}",
        }
        if self.last_http_status is not None:
            headers["x-cloudtasks-taskpreviousresponse"] = str(self.last_http_status)
        return headers


class Queue:
    """
    One queue: its jobs, the order they come due in, and those being dispatched.

    Args:
        asked: the queue as its creator wants it.
        http: what every task is sent with.
    """

    def __init__(self, asked: types.Queue, http: httpx.AsyncClient) -> None:
        limits = asked.rate_limits
        self.name = asked.name
        self.paused = False
        self.purged_at: datetime | None = None
        self.jobs: dict[str, Job] = {}
        self.retry = Retry.asked(asked.retry_config)
        self._http = http
        self._dispatches_per_s = limits.max_dispatches_per_second or 500.0
        self._concurrent = limits.max_concurrent_dispatches or 1000
        self._burst = max(1, min(100, int(self._dispatches_per_s)))
        self._earned, self._earned_at = float(self._burst), now()
        self._order = itertools.count()
        self._due: list[tuple[datetime, int, str]] = []
        self._names_kept_until: dict[str, datetime] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._dispatcher = asyncio.create_task(self._dispatch())

    def shown(self) -> types.Queue:
        """
        The queue as a client sees it.
        """
        return types.Queue(
            name=self.name,
            rate_limits=types.RateLimits(
                max_dispatches_per_second=self._dispatches_per_s,
                max_burst_size=self._burst,
                max_concurrent_dispatches=self._concurrent,
            ),
            retry_config=types.RetryConfig(
                max_attempts=self.retry.max_attempts,
                max_retry_duration=self.retry.max_retry_duration,
                min_backoff=self.retry.min_backoff,
                max_backoff=self.retry.max_backoff,
                max_doublings=self.retry.max_doublings,
            ),
            state=types.Queue.State.PAUSED if self.paused else types.Queue.State.RUNNING,
            purge_time=self.purged_at,
        )

    def job(self, name: str) -> Job:
        """
        Raises:
            Refusal: there is no such task, or no longer.
        """
        if name not in self.jobs:
            refuse(grpc.StatusCode.NOT_FOUND, "The task no longer exists, or never did.")
        return self.jobs[name]

    def add(self, job: Job) -> None:
        """
        Take a new job in; it comes due at its own instant.

        Raises:
            Refusal: its name is in use, or was until less than a day ago.
        """
        if job.name in self.jobs:
            refuse(grpc.StatusCode.ALREADY_EXISTS, "Requested entity already exists")
        if job.created_at < self._names_kept_until.get(job.name, job.created_at):
            refuse(
                grpc.StatusCode.ALREADY_EXISTS,
                "The task cannot be created because a task with this name existed too recently.",
            )
        self.jobs[job.name] = job
        self._put(job)

    def end(self, name: str) -> None:
        """
        Forget a job, unless that was done meanwhile, and keep its name from being used again.
        """
        self.jobs.pop(name, None)
        self._names_kept_until[name] = now() + NAME_KEPT_FOR

    def start(self, job: Job) -> None:
        """
        Dispatch the job now.
        """
        attempt = asyncio.create_task(self._attempt(job))
        self._running.add(attempt)
        attempt.add_done_callback(self._finished)

    def pause(self, paused: bool) -> None:
        """
        Stop dispatching, or go on with what came due meanwhile.
        """
        self.paused = paused
        self._changed.set()

    def close(self) -> None:
        """
        Dispatch nothing more; what is being dispatched is not interrupted.
        """
        self._dispatcher.cancel()
        self.jobs.clear()

    def _put(self, job: Job) -> None:
        heapq.heappush(self._due, (job.scheduled_at, next(self._order), job.name))
        self._changed.set()

    def _finished(self, attempt: asyncio.Task[None]) -> None:
        self._running.discard(attempt)
        self._changed.set()

    async def _dispatch(self) -> None:
        while True:
            self._changed.clear()
            wait_s = self._start_due()
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _start_due(self) -> float | None:
        """
        Start what is due, within the queue's limits.

        Returns:
            After how many seconds to look again; None when only a change can bring something to do.
        """
        while self._due and not self.paused and len(self._running) < self._concurrent:
            scheduled_at, _, name = self._due[0]
            job = self.jobs.get(name)
            # A job that ended leaves its place behind, and so does one that was run or put off by hand.
            if job is None or job.scheduled_at != scheduled_at:
                heapq.heappop(self._due)
                continue
            at = now()
            if scheduled_at > at:
                return (scheduled_at - at).total_seconds()
            since_earned_s = (at - self._earned_at).total_seconds()
            self._earned = min(float(self._burst), self._earned + since_earned_s * self._dispatches_per_s)
            self._earned_at = at
            if self._earned < 1:
                return (1 - self._earned) / self._dispatches_per_s
            self._earned -= 1
            heapq.heappop(self._due)
            self.start(job)
        return None

    async def _attempt(self, job: Job) -> None:
        """
        Send the job once; end it on success or when its attempts are used up, else let it come due again.
        """
        dispatched_at, scheduled_at, headers = now(), job.scheduled_at, job.headers()
        job.dispatches += 1
        job.first_dispatched_at = job.first_dispatched_at or dispatched_at
        http_status: int | None = None
        try:
            async with asyncio.timeout(job.deadline.total_seconds()):
                answer = await self._http.request(
                    job.request.http_method.name, job.request.url, content=job.request.body, headers=headers
                )
            http_status, outcome = answer.status_code, f"HTTP status code {answer.status_code}"
        except TimeoutError:
            outcome = "no answer before the deadline"
        except httpx.HTTPError as error:
            outcome = type(error).__name__
        answered_at = now()
        if http_status is not None:
            job.responses += 1
        job.last_http_status = http_status
        job.last_attempt = types.Attempt(
            schedule_time=scheduled_at,
            dispatch_time=dispatched_at,
            response_time=answered_at if http_status is not None else None,
            response_status=verdict(http_status, outcome),
        )
        print(f"{job.name.rpartition('/queues/')[2]} attempt {job.dispatches}: {outcome}", flush=True)
        succeeded = http_status is not None and 200 <= http_status < 300
        if succeeded or not self.retry.allows_another(job.dispatches, answered_at - job.first_dispatched_at):
            self.end(job.name)
            return
        job.scheduled_at = answered_at + self.retry.backoff(job.dispatches)
        self._put(job)


def verdict(http_status: int | None, outcome: str) -> status_pb2.Status:
    """
    What an attempt's end is called in the task's record. Pure.
    """
    if http_status is None:
        code = grpc.StatusCode.UNAVAILABLE
    elif 200 <= http_status < 300:
        code = grpc.StatusCode.OK
    else:
        code = GRPC_CODES.get(http_status, grpc.StatusCode.UNKNOWN)
    number = code.value[0]
    return status_pb2.Status(code=number, message=f"{code.name}({number}): {outcome}")
