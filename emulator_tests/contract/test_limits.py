"""Budgets on the documents port: in memory, and the Firestore emulator behind hidane."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

from emulator_tests.contract.test_documents import firestore_at
from emulator_tests.memory import ManualClock, MemoryDocuments
from emulator_tests.testbed import Testbed
from shared.core.paths import limit_path
from shared.limits.buckets import Budget, Priority
from shared.limits.limiter import DRAWS_MAX, KNOWN_S, Limiter
from shared.ports import Documents

BUDGET = Budget(burst=20, per_minute=60, portion=4)


@pytest.fixture(params=["memory", "firestore"])
def documents(request: pytest.FixtureRequest) -> Documents:
    if request.param == "memory":
        return MemoryDocuments()
    testbed: Testbed = request.getfixturevalue("testbed")
    return firestore_at(testbed.firestore_host, testbed.project_id)


@pytest.fixture
def path() -> str:
    """A bucket for this test only."""
    return limit_path(f"contract-{secrets.token_hex(8)}")


def test_instances_share_a_bucket_and_it_fills_with_time(documents: Documents, path: str) -> None:
    clock = ManualClock()
    instances = [Limiter(documents, clock) for _ in range(5)]

    assert sum(one.take(path, BUDGET) == 0.0 for one in instances for _ in range(12)) == 20
    clock.advance(8)
    assert sum(one.take(path, BUDGET) == 0.0 for one in instances for _ in range(4)) == 8


def test_concurrent_instances_take_no_token_twice(documents: Documents, path: str) -> None:
    clock = ManualClock()
    instances = [Limiter(documents, clock) for _ in range(DRAWS_MAX)]

    with ThreadPoolExecutor(len(instances)) as pool:
        passed = sum(pool.map(lambda one: sum(one.take(path, BUDGET) == 0.0 for _ in range(20)), instances))
    clock.advance(1)
    left = sum(one.take(path, BUDGET) == 0.0 for one in instances for _ in range(20))

    # An instance that loses a race waits for a second, in which one token comes back.
    assert passed <= 20 <= passed + left <= 21


def test_a_pause_reaches_the_others_and_ends(documents: Documents, path: str) -> None:
    clock = ManualClock()
    one, other = Limiter(documents, clock), Limiter(documents, clock)
    assert other.take(path, BUDGET, Priority.BULK) == 0.0

    one.pause(path, BUDGET, 60)

    clock.advance(KNOWN_S)
    assert other.take(path, BUDGET, Priority.BULK) == 60 - KNOWN_S
    clock.advance(60 - KNOWN_S)
    assert other.take(path, BUDGET, Priority.BULK) == one.take(path, BUDGET) == 0.0
