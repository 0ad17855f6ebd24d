"""The reads, commits and provider calls of publishing a session."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from emulator_tests.pure.deployment import Deployment
from shared.core.paths import RECONCILE_SESSION, session_path
from shared.ports import Task, Update

T = TypeVar("T")


def test_publishing_a_session_reads_twice_commits_twice_and_calls_its_provider_once() -> None:
    deployment, tried = Deployment(), []

    def counting(operation: str, do: Callable[[], T]) -> T:
        tried.append(operation)
        return do()

    deployment.write_session("s1", format="liveStreaming", status="draft")
    deployment.documents.commit(Update(session_path("s1"), {"status": "public"}))
    deployment.queue.put(Task(RECONCILE_SESSION, "s1"))
    deployment.disturb = counting

    deployment.run(1)

    assert tried == ["read", "commit", "create_event", "commit", "read"]
