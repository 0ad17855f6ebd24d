"""Tasks: which keys a worker works on, what is refused for good, and what comes again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from emulator_tests.texts import UIDS
from functions import work
from functions.edge import tasks
from main import FUNCTIONS
from shared.cloud.tasks import STARTING_S
from shared.core.errors import (
    BackendError,
    BadRequest,
    Conflict,
    Doubtful,
    Misconfigured,
    NotFound,
    Permanent,
    Transient,
)
from shared.core.paths import DOCUMENT_ID
from shared.ports import Task
from shared.registry import WORKERS

KS = "djJ8MTAyfA" + "x" * 80
VIDEO = "0123456789abcdef0123"
FUNCTIONS_OF_WORKERS = tuple(getattr(work, name) for name in WORKERS)

KEYS: dict[str, list[str]] = {
    "reconcileSession": ["s1", "Zq3Yk0vT8bJc1mWnXe7R", "a_b", "a" * 1500],
    "reconcileVideo": [VIDEO, f"{VIDEO},{VIDEO}", ",".join([VIDEO] * 950)],
    "reconcileDeletion": [f"video:{VIDEO}:12:0123456789ab"],
    "reconcileErasure": [VIDEO],
    "reconcileTransfer": ["s1"],
    "reconcileArchive": ["0_ab12cd34", "1a2b3c4d5e"],
    "reconcileCopy": [f"{VIDEO}-bunny"],
    "checkHost": ["kaltura", "own2"],
    "reconcileAdmission": [
        *["s1_ada", "a-b_c_d", "s1_" + "é" * 128, "session:s1", "session:s1:s1_ada", "session:s1:s1_a:b"],
        *[f"s1_{uid}" for uid in UIDS.values()],
    ],
    "broadcastSlides": [
        "s1:open:0::0",
        "s1:start_sharing:3:3d6a179c-cf18-47d5-9e8e-a1368a243c2d:1",
        "s1:end_sharing:4::0",
    ],
    "reconcileSlides": ["3d6a179c-cf18-47d5-9e8e-a1368a243c2d"],
    "reconcileTimeline": ["0123456789abcdef-s1"],
    "publishEvent": [
        f"greenroom.video.v1.ready:s1:{VIDEO}:1767603600000000",
        f"greenroom.session.v1.live:{'a' * 64}::1767603600000000",
    ],
    "pollReadiness": ["kaltura:17", "cloudflare:0"],
}


@pytest.mark.parametrize("worker", FUNCTIONS_OF_WORKERS, ids=lambda worker: worker.__name__)
def test_a_task_outlives_its_worker_by_little_and_ends_before_a_claim(worker: Any) -> None:
    """
    B21: Cloud Tasks takes deadlines of 15 s to 30 min, and calls again who may still be at work if it is too short.
    """
    declared = WORKERS[worker.__name__]
    deadline_s = declared.timeout_s + STARTING_S
    assert worker.__firebase_endpoint__.timeoutSeconds == declared.timeout_s
    assert 15 <= deadline_s <= 30 * 60
    assert declared.timeout_s < deadline_s
    assert deadline_s < declared.lease_s or declared.beats


def worked(
    data: object, use_case: Callable[[str], None], key: re.Pattern[str] = DOCUMENT_ID, *, admits: bool = True
) -> int:
    """
    The status that a task is answered with.
    """
    answer = tasks.respond("reconcileSession", data, key, lambda _: admits, use_case)
    assert answer.get_data() == b""
    return answer.status_code


def test_the_table_has_every_worker() -> None:
    assert set(KEYS) == {name for name, module in FUNCTIONS.items() if module == "functions.work"}


@pytest.mark.parametrize(
    ("key", "pattern"),
    [
        pytest.param(key, WORKERS[worker].key, id=f"{worker} {key[:30]}")
        for worker, keys in KEYS.items()
        for key in keys
    ],
)
def test_a_task_is_done_for_its_key(key: str, pattern: re.Pattern[str]) -> None:
    done: list[str] = []
    asked: list[Task] = []

    def admits(task: Task) -> bool:
        asked.append(task)
        return True

    answer = tasks.respond("reconcileSession", {"key": key}, pattern, admits, done.append)
    assert (answer.status_code, asked, done) == (200, [Task("reconcileSession", key)], [key])


BAD_KEYS: dict[str, object] = {
    "a dot": ".",
    "two dots": "..",
    "a reserved name": "__x__",
    "four underscores": "____",
    "20,000 letters": "x" * 20_000,
    "1,501 letters": "x" * 1501,
    "a slash": "a/b",
    "a path that climbs": "../videos/a",
    "nothing": "",
    "a line break at its end": "s1\n",
    "a space": "a b",
    "NUL": "a\0b",
    "another script": "\u4f60",
    "null": None,
    "a number": 7,
    "a list": ["s1"],
    "an object": {"a": 1},
}


@pytest.mark.parametrize("pattern", [WORKERS[worker].key for worker in KEYS], ids=KEYS.keys())
@pytest.mark.parametrize("key", BAD_KEYS.values(), ids=BAD_KEYS.keys())
def test_a_key_that_can_be_no_document_is_told_and_never_tried_again(
    pattern: re.Pattern[str], key: object, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[str] = []
    # What is answered with 200 is done with; whatever else comes again.
    assert worked({"key": key}, done.append, pattern) == 200
    assert done == []
    told = json.loads(capsys.readouterr().out)
    assert (told["message"], told["reason"]) == ("call refused", "TASK_KEY_INVALID")


@pytest.mark.parametrize(
    "data", [None, [], "s1", {}, {"key": "s1", "at": 1}, {"id": "s1"}, {"key": "s1", "key2": "s1"}], ids=repr
)
def test_a_task_that_cannot_be_read_is_told_and_never_tried_again(
    data: object, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[str] = []
    assert (worked(data, done.append), done) == (200, [])
    assert json.loads(capsys.readouterr().out)["message"] == "call refused"


@pytest.mark.parametrize(
    "worker", FUNCTIONS_OF_WORKERS, ids=lambda worker: f"40 41 wrong audience or account, {worker.__name__}"
)
def test_a_worker_is_deployed_for_its_queue_and_open_to_nobody_else(worker: Any) -> None:
    # IAM asks for the OIDC token of an account that may call, before a request comes to any code of ours; it lets
    # everybody call only what is deployed as a callable, as an HTTP function, or with invokers named. The code asks
    # once more: see `test_task_tokens.py`.
    endpoint = worker.__firebase_endpoint__
    assert endpoint.taskQueueTrigger is not None
    assert "invoker" not in endpoint.taskQueueTrigger
    assert (endpoint.httpsTrigger, endpoint.callableTrigger) == (None, None)
    assert endpoint.availableMemoryMb == 512


def test_a_task_that_is_not_admitted_is_told_and_not_done(capsys: pytest.CaptureFixture[str]) -> None:
    done: list[str] = []
    assert (worked({"key": "s1"}, done.append, admits=False), done) == (200, [])
    told = json.loads(capsys.readouterr().out)
    assert (told["message"], told["function"]) == ("work is stopped", "reconcileSession")


FAILURES: list[tuple[Exception, int, str]] = [
    (Transient("Busy.", provider="kaltura", operation="media.add", code="HTTP_503"), 503, "call failed temporarily"),
    (Doubtful("No answer.", provider="kaltura", operation="media.add", code="TIMEOUT"), 503, "call failed temporarily"),
    (
        Permanent("Refused.", provider="kaltura", operation="media.add", code="INVALID_TITLE"),
        503,
        "call failed temporarily",
    ),
    (Conflict("videos/v1 was changed."), 503, "call failed temporarily"),
    (NotFound("No such session.", reason="SESSION_NOT_FOUND"), 503, "call failed temporarily"),
    (Misconfigured("Set KALTURA_PARTNER_ID."), 500, "misconfigured"),
    (ValueError(f"KS {KS}"), 500, "unexpected error"),
]


@pytest.mark.parametrize(("error", "status", "message"), FAILURES, ids=[type(error).__name__ for error, *_ in FAILURES])
def test_a_task_that_fails_comes_again_and_tells_nothing(
    error: BackendError, status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def use_case(_key: str) -> None:
        raise error

    assert worked({"key": "s1"}, use_case) == status
    logged = capsys.readouterr()
    assert KS not in logged.out + logged.err
    told = json.loads(logged.out or logged.err)
    assert (told["function"], told["message"]) == ("reconcileSession", message)


def test_malformed_key_is_refused_permanently(capsys: pytest.CaptureFixture[str]) -> None:
    def use_case(_key: str) -> None:
        raise BadRequest("No.", reason="TASK_KEY_INVALID")

    assert worked({"key": "s1"}, use_case) == 200
    assert json.loads(capsys.readouterr().out)["message"] == "call refused"
