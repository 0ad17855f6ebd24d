"""Leases of steps, and how those of long steps are extended."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pytest

from emulator_tests.pure.deployment import Killed
from emulator_tests.pure.lamps import KEY, House, Lamp, LampSpec, State, after
from shared.core.errors import Conflict
from shared.reconcile import LEASE_S, WORKER_TIMEOUT_S, Claim, Progress, Reconciler
from shared.reconcile.heartbeat import Heartbeat


def house_with_claim(lease_s: int = LEASE_S) -> House:
    """A house whose worker has claimed a step, and does it."""
    house = House(lit=True)
    house.lamps.lease_s = lease_s

    def die(_step: str) -> None:
        raise Killed

    house.lamps.provide = die
    with pytest.raises(Killed):
        house.reconcile()
    house.lamps.provide = lambda _: None
    return house


def heartbeat(house: House) -> Heartbeat[LampSpec, Lamp]:
    return Heartbeat(house.reconciler, house.lamps, house.lamps.read(KEY))


@pytest.mark.parametrize("lease_s", [WORKER_TIMEOUT_S + 1, LEASE_S, 3600])
def test_claim_lasts_as_long_as_the_lease_of_its_step(lease_s: int) -> None:
    house = house_with_claim(lease_s)
    claim = house.lamp.progress.claim
    assert claim is not None
    assert claim.until == after(lease_s)
    assert house.lamp.progress.due_at == after(lease_s), "The sweep finds it if the worker dies."


@pytest.mark.parametrize(("lease_s", "timeout_s"), [(60, 60), (90, 90), (90, 1800)])
def test_refuses_a_lease_that_is_not_longer_than_the_worker_runs(lease_s: int, timeout_s: int) -> None:
    house = House(lit=True)
    house.lamps.lease_s = lease_s
    with pytest.raises(
        ValueError, match=f"is {lease_s} s. Make it longer than the timeout of its worker, {timeout_s} s"
    ):
        Reconciler(house.documents, house.queue, house.clock, timeout_s).reconcile(house.lamps, KEY)
    assert house.lamps.asked == [], "The provider is not called."


def test_claim_stays_while_its_lease_is_extended() -> None:
    house = house_with_claim()
    beating = heartbeat(house)
    for _ in range(20):
        house.clock.advance(LEASE_S / 2)
        beating.beat(LEASE_S)
        house.reconcile()
    assert house.lamps.asked == ["light"]


def test_next_worker_looks_up_the_outcome_of_a_dead_worker() -> None:
    house = house_with_claim()
    heartbeat(house).beat(LEASE_S)
    house.clock.advance(LEASE_S + 1)
    house.reconcile()
    assert house.lamps.asked == ["light", "find"]
    assert house.lamp.state is State.LIT


def test_late_worker_is_refused_and_writes_nothing() -> None:
    house = house_with_claim()
    beating = heartbeat(house)
    house.clock.advance(LEASE_S + 1)
    house.reconcile()
    before = house.lamp
    with pytest.raises(Conflict, match="Write nothing"):
        beating.beat(LEASE_S)
    assert house.lamp == before


def test_worker_is_refused_as_soon_as_its_lease_has_ended() -> None:
    house = house_with_claim()
    beating = heartbeat(house)
    house.clock.advance(LEASE_S)
    with pytest.raises(Conflict, match="has ended"):
        beating.beat(LEASE_S)


def test_worker_goes_on_when_the_spec_changes_meanwhile() -> None:
    house = house_with_claim()
    beating = heartbeat(house)
    house.spec(name="Hall")
    beating.beat(LEASE_S)
    house.clock.advance(LEASE_S + 1)
    house.reconcile()
    assert (house.lamp.state, house.lamp.name) == (State.LIT, "Hall")


def test_only_one_of_two_workers_at_the_same_step_goes_on() -> None:
    house = house_with_claim()
    first, second = heartbeat(house), heartbeat(house)
    house.clock.advance(1)
    first.beat(LEASE_S)
    with pytest.raises(Conflict, match="Another worker does the step"):
        second.beat(LEASE_S)
    first.beat(LEASE_S)


def test_beat_moves_the_claim_and_the_due_time() -> None:
    house = house_with_claim()
    beating = heartbeat(house)
    house.clock.advance(30)
    beating.beat(600)
    assert house.lamp.progress == Progress(Claim("light", after(630)), due_at=after(630))
    assert beating.claimed == house.lamps.read(KEY)


BEATEN_WITHIN_S = 20.0


def test_lease_is_extended_while_a_step_that_beats_is_done() -> None:
    house = House(lit=True)
    house.lamps.lease_s, house.lamps.beats = 1, True

    def take_long(_step: str) -> None:
        for _ in range(3):
            house.clock.advance(0.6)
            deadline = time.monotonic() + BEATEN_WITHIN_S
            while (claim := house.lamp.progress.claim) is None or claim.until < after_lease(house):
                assert time.monotonic() < deadline, "The claim is not extended."
                time.sleep(0.01)

    house.lamps.provide = take_long
    house.reconcile()
    assert house.lamps.asked == ["light"]
    assert (house.lamp.state, house.lamp.progress.claim) == (State.LIT, None)


def after_lease(house: House) -> datetime:
    return house.clock() + timedelta(seconds=house.lamps.lease_s)


def test_step_that_lost_its_claim_writes_no_outcome() -> None:
    house = House(lit=True)
    house.lamps.beats = True
    others: list[Lamp] = []

    def lose_it(step: str) -> None:
        if step == "light":
            house.clock.advance(LEASE_S + 1)
            house.lamps.provide = lambda _: None
            house.reconcile()
            others.append(house.lamp)

    house.lamps.provide = lose_it
    house.reconcile()
    assert house.lamps.asked == ["light", "find"]
    assert [house.lamp] == others
