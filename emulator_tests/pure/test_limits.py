"""Budgets that instances share: what passes, what it costs, and what happens when clocks, instances or writes fail."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final, TypeVar

import pytest

from emulator_tests.memory import ManualClock, MemoryDocuments
from emulator_tests.pure.interleaving import Order, play_every_order
from shared.core.errors import Conflict, Transient
from shared.core.paths import limit_path
from shared.limits.buckets import PAUSE_MAX_S, SKEW_S, Budget, Priority
from shared.limits.limiter import KNOWN_S, PORTION_S, PURSES_MAX, Limiter
from shared.ports import Clock, Create, Documents, Update

pytestmark = pytest.mark.long

T = TypeVar("T")

PATH: Final = limit_path("test")
PROVIDER: Final = Budget(burst=200, per_minute=180, portion=10)
CALLER: Final = Budget(burst=6, per_minute=12, portion=2)


class Effects:
    """
    Counts what is asked of the documents, and does what a test wants to it.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.disturb: Callable[[str], None] = lambda _: None

    def __call__(self, operation: str, do: Callable[[], T]) -> T:
        self.counts[operation] += 1
        self.disturb(operation)
        return do()


def taken(limiter: Limiter, budget: Budget, most: int, priority: Priority = Priority.INTERACTIVE) -> int:
    """How many of so many calls at one instant pass."""
    return sum(limiter.take(PATH, budget, priority) == 0.0 for _ in range(most))


def skewed(clock: Clock, seconds: float) -> Clock:
    """A clock that is wrong."""
    return lambda: clock() + timedelta(seconds=seconds)


def in_some_window(passed: list[datetime], seconds: float) -> int:
    """The most that passed within any time of that length."""
    most, begin = 0, 0
    for end, at in enumerate(passed):
        while (at - passed[begin]).total_seconds() >= seconds:
            begin += 1
        most = max(most, end - begin + 1)
    return most


# --- one bucket ---------------------------------------------------------------------------------------------------


def test_a_full_bucket_gives_its_burst_and_then_what_comes_back() -> None:
    clock = ManualClock()
    one = Limiter(MemoryDocuments(), clock)

    assert taken(one, CALLER, 20) == 6
    clock.advance(10)
    assert taken(one, CALLER, 20) == 2
    clock.advance(24 * 3600)
    assert taken(one, CALLER, 20) == 6


def test_instances_share_it() -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    instances = [Limiter(documents, clock) for _ in range(5)]

    assert sum(taken(one, CALLER, 4) for one in instances) == 6
    clock.advance(3600)
    assert sum(taken(one, PROVIDER, 100) for one in instances) == 200


def test_buckets_of_different_paths_have_nothing_in_common() -> None:
    one = Limiter(MemoryDocuments(), ManualClock())

    passed = Counter(path for path in [limit_path("a"), limit_path("b")] * 10 if one.take(path, CALLER) == 0.0)

    assert passed == {limit_path("a"): 6, limit_path("b"): 6}


def test_refused_call_passes_after_its_retry_time() -> None:
    effects, clock = Effects(), ManualClock()
    one = Limiter(MemoryDocuments(effects), clock)
    taken(one, CALLER, 6)
    wait_s = one.take(PATH, CALLER)
    assert 0 < wait_s <= CALLER.refilled_in(CALLER.portion).total_seconds()

    effects.counts.clear()
    assert taken(one, CALLER, 1000) == 0
    clock.advance(wait_s / 2)
    assert one.take(PATH, CALLER) == pytest.approx(wait_s / 2)
    assert not effects.counts
    clock.advance(wait_s / 2)
    assert one.take(PATH, CALLER) == 0.0


@pytest.mark.parametrize("per_minute", [0.7, 7, 13, 1001, 59_999])
@pytest.mark.parametrize("priority", Priority)
def test_the_time_that_was_said_is_enough_at_any_rate(per_minute: float, priority: Priority) -> None:
    clock = ManualClock()
    one, budget = Limiter(MemoryDocuments(), clock), Budget(burst=30, per_minute=per_minute, portion=7)
    for _ in range(20):
        taken(one, budget, 40, priority)
        wait_s = one.take(PATH, budget, priority)
        assert wait_s > 0
        clock.advance(wait_s)
        assert one.take(PATH, budget, priority) == 0.0


def test_a_call_costs_no_write_of_its_own() -> None:
    effects, clock = Effects(), ManualClock()
    one = Limiter(MemoryDocuments(effects), clock)

    assert taken(one, PROVIDER, 200) == 200

    assert effects.counts == {"read": 20, "commit": 20}


def test_rare_calls_cost_nothing() -> None:
    effects, clock = Effects(), ManualClock()
    budget = Budget(burst=6, per_minute=12, portion=2, unasked=2)
    instances = [Limiter(MemoryDocuments(effects), clock) for _ in range(3)]
    for _ in range(10):
        assert all(taken(one, budget, 2) == 2 for one in instances)
        clock.advance(budget.filled_in.total_seconds())
    assert not effects.counts

    documents = MemoryDocuments()
    assert sum(taken(Limiter(documents, clock), budget, 100) for _ in range(3)) == 6 + 3 * 2


def test_tokens_that_are_not_spent_are_handed_back() -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    budget = Budget(burst=100, per_minute=6, portion=20)
    slow, other = Limiter(documents, clock), Limiter(documents, clock)
    for _ in range(10):
        assert slow.take(PATH, budget) == 0.0
        clock.advance(PORTION_S)

    # Ten were spent and came back; of the last portion, 19 are still held.
    assert taken(other, budget, 200) == 80 + 3


@pytest.mark.parametrize(
    ("burst", "per_minute", "portion", "unasked"),
    [(0, 1, 0, 0), (5, 0, 1, 0), (5, 60_001, 1, 0), (5, 1, 6, 0), (5, 1, 0, 0), (5, 1, 1, -1)],
)
def test_a_budget_that_gives_nothing_cannot_be_made(burst: int, per_minute: float, portion: int, unasked: int) -> None:
    with pytest.raises(ValueError, match="positive rate"):
        Budget(burst, per_minute, portion, unasked)


def test_an_instance_remembers_only_so_many_buckets() -> None:
    effects, clock = Effects(), ManualClock()
    one = Limiter(MemoryDocuments(effects), clock)
    taken(one, CALLER, 7)
    first, *others = [limit_path(f"caller-{number}") for number in range(PURSES_MAX)]
    one.take(first, CALLER)
    one.take(PATH, CALLER)
    for other in others:
        one.take(other, Budget(1, 1, unasked=1))
    effects.counts.clear()

    assert one.take(PATH, CALLER) > 0
    assert not effects.counts
    assert one.take(first, CALLER) == 0.0
    assert effects.counts == {"read": 1, "commit": 1}


# --- priorities ---------------------------------------------------------------------------------------------------


def test_bulk_work_leaves_a_share_to_urgent_work() -> None:
    one = Limiter(MemoryDocuments(), ManualClock())

    assert taken(one, PROVIDER, 500, Priority.BULK) == 100
    assert taken(one, PROVIDER, 500, Priority.ROUTINE) == 50
    assert taken(one, PROVIDER, 500) == 50


def test_a_bucket_of_one_token_gives_it_to_bulk_too() -> None:
    assert taken(Limiter(MemoryDocuments(), ManualClock()), Budget(1, 1), 5, Priority.BULK) == 1


def test_uploads_go_on_while_bulk_takes_all_that_there_is() -> None:
    """A11: ten instances delete without end for ten minutes; uploads, one each two seconds, are never refused."""
    documents, clock = MemoryDocuments(), ManualClock()
    instances = [Limiter(documents, clock) for _ in range(10)]
    bulk, refused = 0, 0

    for second in range(600):
        for one in instances:
            bulk += one.take(PATH, PROVIDER, Priority.BULK) == 0.0
        if second % 2 == 0:
            refused += instances[second % 10].take(PATH, PROVIDER) > 0
        clock.advance(1)

    assert refused == 0
    assert bulk >= 0.9 * (100 + 600 * (3 - 0.5))


# --- all together -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
def test_no_window_exceeds_the_budget(seed: int) -> None:
    """A11: 1,200 requests in five minutes, of ten instances, with loads that come and go."""
    chance, effects = random.Random(seed), Effects()
    documents, clock = MemoryDocuments(effects), ManualClock()
    instances = [Limiter(documents, clock) for _ in range(10)]
    passed: list[datetime] = []
    loads = [0.0] * 10

    for second in range(1200):
        if second % 60 == 0:
            loads = [chance.choice([0.0, 0.02, 0.5, 5.0]) for _ in instances]
        for one, load in zip(instances, loads, strict=True):
            for _ in range(int(load + chance.random())):
                if one.take(PATH, PROVIDER, chance.choice(list(Priority))) == 0.0:
                    passed.append(clock())
        clock.advance(1)

    assert in_some_window(passed, 300) <= 200 + 180 * (5 + PORTION_S / 60) < 1200
    assert effects.counts["commit"] < len(passed) / 2


def test_a_load_that_is_too_high_gets_all_that_the_budget_has() -> None:
    effects = Effects()
    documents, clock = MemoryDocuments(effects), ManualClock()
    instances = [Limiter(documents, clock) for _ in range(10)]
    passed = 0

    for _ in range(300):
        for one in instances:
            passed += taken(one, PROVIDER, 3, Priority.BULK)
        clock.advance(1)

    assert 0.95 * (100 + 300 * 3) <= passed <= 100 + 300 * 3
    assert effects.counts["commit"] <= passed / PROVIDER.portion * 1.1


def test_threads_of_one_instance_get_no_token_twice() -> None:
    one = Limiter(MemoryDocuments(), ManualClock())

    with ThreadPoolExecutor(16) as pool:
        waits = list(pool.map(lambda _: one.take(PATH, PROVIDER), range(400)))

    assert waits.count(0.0) == 200


# --- a pause ------------------------------------------------------------------------------------------------------


def test_after_a_pause_was_announced_no_instance_asks_until_it_is_over() -> None:
    """A11: the others know within seconds, also those that hold tokens."""
    documents, clock = MemoryDocuments(), ManualClock()
    one, other, new = (Limiter(documents, clock) for _ in range(3))
    assert taken(one, PROVIDER, 5) == taken(other, PROVIDER, 5) == 5

    one.pause(PATH, PROVIDER, 120)

    assert one.take(PATH, PROVIDER) == one.take(PATH, PROVIDER, Priority.BULK) == 120
    assert new.take(PATH, PROVIDER) == 120
    clock.advance(KNOWN_S)
    assert other.take(PATH, PROVIDER) == 120 - KNOWN_S
    clock.advance(120 - KNOWN_S - 1)
    assert [each.take(PATH, PROVIDER) for each in (one, other, new)] == [1, 1, 1]
    clock.advance(1)
    assert [each.take(PATH, PROVIDER) for each in (one, other, new)] == [0, 0, 0]


def test_a_shorter_pause_ends_no_longer_one_and_none_lasts_longer_than_an_hour() -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    one, other = Limiter(documents, clock), Limiter(documents, clock)

    one.pause(PATH, PROVIDER, 10 * PAUSE_MAX_S)
    one.pause(PATH, PROVIDER, 10)
    other.pause(PATH, PROVIDER, 10)

    assert one.take(PATH, PROVIDER) == PAUSE_MAX_S
    clock.advance(10)
    assert other.take(PATH, PROVIDER) == PAUSE_MAX_S - 10


def test_a_pause_that_cannot_be_written_is_kept_by_this_instance() -> None:
    effects, clock = Effects(), ManualClock()
    one = Limiter(MemoryDocuments(effects), clock)

    def down(_: str) -> None:
        raise Transient("Down.", provider="memory", operation="any", code="DOWN")

    effects.disturb = down
    with pytest.raises(Transient):
        one.pause(PATH, PROVIDER, 60)

    assert one.take(PATH, PROVIDER) == 60


# --- what goes wrong ----------------------------------------------------------------------------------------------


def test_two_instances_draw_no_token_twice_in_whatever_order_they_move() -> None:
    def play(order: Order) -> None:
        documents, clock = MemoryDocuments(order.effect), ManualClock()
        budget = Budget(burst=3, per_minute=1, portion=2)
        instances = [Limiter(documents, clock) for _ in range(2)]
        counts: list[int] = []
        order.play(*(lambda one=one: counts.append(taken(one, budget, 2)) for one in instances))
        assert sum(counts) == 3

    assert play_every_order(play) > 1


def test_an_instance_for_which_others_are_faster_each_time_is_refused_for_a_moment() -> None:
    effects, clock = Effects(), ManualClock()
    documents = MemoryDocuments(effects)
    one = Limiter(documents, clock)

    def faster(operation: str) -> None:
        if operation == "commit":
            raise Conflict("Somebody was faster.")

    effects.disturb = faster
    assert one.take(PATH, PROVIDER) == 1.0
    effects.disturb = lambda _: None
    clock.advance(1)
    assert one.take(PATH, PROVIDER) == 0.0


def test_a_draw_that_is_tried_again_hands_back_the_rest_of_the_last_portion() -> None:
    effects, clock = Effects(), ManualClock()
    documents, budget = MemoryDocuments(effects), Budget(burst=100, per_minute=6, portion=20)
    one = Limiter(documents, clock)
    assert one.take(PATH, budget) == 0.0
    clock.advance(60)

    def faster_once(operation: str) -> None:
        if operation == "commit":
            effects.disturb = lambda _: None
            raise Conflict("Somebody was faster.")

    effects.disturb = faster_once
    assert one.take(PATH, budget) == 0.0
    # With the 19 that were handed back the bucket was full, and one portion was drawn.
    assert taken(Limiter(documents, clock), budget, 200) == 80


@pytest.mark.parametrize("is_written", [False, True], ids=["the call", "the answer"])
def test_lost_draw_costs_at_most_its_portion(is_written: bool) -> None:
    clock = ManualClock()
    documents = MemoryDocuments()
    lost = [True]

    class Losing(MemoryDocuments):
        def read(self, *paths: str):  # type: ignore[no-untyped-def]  # as of the documents behind it
            return documents.read(*paths)

        def commit(self, *writes):  # type: ignore[no-untyped-def]  # likewise
            written = documents.commit(*writes) if is_written or not lost else ()
            if lost:
                lost.pop()
                raise Transient("Lost.", provider="memory", operation="commit", code="TIMEOUT")
            return written

    one = Limiter(Losing(), clock)
    with pytest.raises(Transient):
        one.take(PATH, CALLER)

    assert taken(one, CALLER, 20) == (4 if is_written else 6)


def test_tokens_whose_return_was_lost_are_not_returned_twice() -> None:
    clock, effects = ManualClock(), Effects()
    documents = MemoryDocuments()
    one = Limiter(documents, clock)
    budget = Budget(burst=10, per_minute=1, portion=10)
    assert taken(one, budget, 2) == 2
    clock.advance(PORTION_S)
    broken = Limiter(MemoryDocuments(effects), clock)
    assert broken.take(PATH, budget) == 0.0

    def lost(operation: str) -> None:
        if operation == "commit":
            raise Transient("Lost.", provider="memory", operation="commit", code="TIMEOUT")

    effects.disturb = lost
    clock.advance(PORTION_S)
    with pytest.raises(Transient):
        broken.take(PATH, budget)
    effects.disturb = lambda _: None
    # Nothing was written, so nine of ten are gone with the portion until they come back by themselves.
    assert broken.take(PATH, budget) > 0
    clock.advance(3600)
    assert taken(broken, budget, 20) == 10


def test_an_instance_that_dies_takes_its_portion_with_it_and_it_comes_back() -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    assert Limiter(documents, clock).take(PATH, CALLER) == 0.0

    assert taken(Limiter(documents, clock), CALLER, 20) == 4
    clock.advance(30)
    assert taken(Limiter(documents, clock), CALLER, 20) == 6


@pytest.mark.parametrize("skew_s", [-SKEW_S / 2, SKEW_S / 2])
def test_a_clock_that_is_some_seconds_wrong_is_worth_what_refills_in_them_once(skew_s: float) -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    instances = [Limiter(documents, clock), Limiter(documents, skewed(clock, skew_s))]
    passed = 0

    for _ in range(600):
        passed += sum(taken(one, CALLER, 3) for one in instances)
        clock.advance(1)

    right = 6 + 600 / 60 * 12
    assert 0.9 * right <= passed <= right + abs(skew_s) / 60 * 12 + 1


def test_a_clock_that_is_a_year_ahead_stops_nobody_for_long() -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    ahead, one = Limiter(documents, skewed(clock, 365 * 24 * 3600)), Limiter(documents, clock)
    assert ahead.take(PATH, CALLER) == 0.0
    ahead.pause(PATH, CALLER, 60)

    wait_s = one.take(PATH, CALLER)
    assert 0 < wait_s <= CALLER.filled_in.total_seconds()
    clock.advance(wait_s)
    assert one.take(PATH, CALLER) == 0.0


def test_a_clock_that_is_set_back_refuses_nobody_until_it_has_caught_up() -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    moved = [0.0]
    one = Limiter(documents, lambda: clock() + timedelta(seconds=moved[0]))
    taken(one, CALLER, 7)

    moved[0] = -3600.0
    wait_s = one.take(PATH, CALLER)
    assert wait_s <= CALLER.filled_in.total_seconds()
    clock.advance(wait_s)
    assert one.take(PATH, CALLER) == 0.0


def test_a_document_that_somebody_has_deleted_or_spoilt_is_a_full_bucket() -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    documents.commit(Create(PATH, {"fullAt": "soon", "pausedUntil": None}))

    assert taken(Limiter(documents, clock), CALLER, 20) == 6


def test_limit_refuses_while_documents_are_unavailable() -> None:
    effects, clock = Effects(), ManualClock()
    one = Limiter(MemoryDocuments(effects), clock)

    def down(_: str) -> None:
        raise Transient("Down.", provider="memory", operation="any", code="DOWN")

    effects.disturb = down
    with pytest.raises(Transient):
        one.take(PATH, CALLER)
    effects.disturb = lambda _: None
    assert taken(one, CALLER, 20) == 6


def test_the_document_names_when_nothing_is_lost_with_it() -> None:
    documents: Documents = MemoryDocuments()
    clock = ManualClock()
    one = Limiter(documents, clock)
    taken(one, CALLER, 6)
    one.pause(PATH, CALLER, 60)

    (document,) = documents.read(PATH)

    assert document is not None
    assert document.fields == {
        "fullAt": clock() + CALLER.filled_in,
        "pausedUntil": clock() + timedelta(seconds=60),
        "expiresAt": clock() + timedelta(seconds=60),
    }
    documents.commit(Update(PATH, {"pausedUntil": clock()}))
