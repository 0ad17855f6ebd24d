"""Leases of steps, and the heartbeat of a job that outlives the worker that began it."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from emulator_tests.pure.lamps import KEY, House, Lamp, Lamps, LampSnapshot, LampSpec, State, after
from shared.core.errors import Conflict
from shared.reconcile import LEASE_S, WORKER_TIMEOUT_S, Claim, Progress, Reconciler
from shared.reconcile.heartbeat import Heartbeat


def house_with_job() -> House:
    house = House(lit=True)
    house.lamps.hands_over = True
    house.reconcile()
    return house


def resumed(house: House) -> Heartbeat[LampSpec, Lamp]:
    return Heartbeat.resume(house.reconciler, house.lamps, KEY, "light")


def lit(job: Heartbeat[LampSpec, Lamp]) -> Lamp:
    assert job.claimed.record is not None
    return replace(job.claimed.record, state=State.LIT)


@pytest.mark.parametrize("lease_s", [WORKER_TIMEOUT_S + 1, LEASE_S, 3600])
def test_claim_lasts_as_long_as_the_lease_of_its_step(lease_s: int) -> None:
    house = House(lit=True)
    house.lamps.lease_s, house.lamps.hands_over = lease_s, True
    house.reconcile()
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


def test_claim_stays_while_the_job_beats() -> None:
    house = house_with_job()
    job = resumed(house)
    for _ in range(20):
        house.clock.advance(LEASE_S / 2)
        job.beat(LEASE_S)
        house.reconcile()
    assert house.lamps.asked == ["light"]
    job.settle(lit(job))
    assert (house.lamp.state, house.lamp.progress.claim) == (State.LIT, None)


def test_next_worker_looks_up_the_outcome_of_a_dead_job() -> None:
    house = house_with_job()
    resumed(house).beat(LEASE_S)
    house.run_until(house.clock() + timedelta(seconds=LEASE_S + 1))
    assert house.lamps.asked == ["light", "find"]
    assert house.lamp.state is State.LIT


def test_late_job_is_refused_and_writes_nothing() -> None:
    house = house_with_job()
    job = resumed(house)
    house.run_until(house.clock() + timedelta(seconds=LEASE_S + 1))
    before = house.lamp
    with pytest.raises(Conflict, match="Stop this job"):
        job.beat(LEASE_S)
    with pytest.raises(Conflict, match="Stop this job"):
        job.settle(replace(lit(job), name="another"))
    assert house.lamp == before


def test_job_is_refused_as_soon_as_its_lease_has_ended() -> None:
    house = house_with_job()
    job = resumed(house)
    house.clock.advance(LEASE_S)
    with pytest.raises(Conflict, match="has ended"):
        job.beat(LEASE_S)
    with pytest.raises(Conflict, match="not claimed any more"):
        resumed(house)


def test_job_resumes_only_the_step_that_began_it() -> None:
    house = house_with_job()
    with pytest.raises(Conflict, match="not claimed any more"):
        Heartbeat.resume(house.reconciler, house.lamps, KEY, "watch")


def test_job_goes_on_when_the_spec_changes_meanwhile() -> None:
    house = house_with_job()
    job = resumed(house)
    house.spec(name="Hall")
    job.beat(LEASE_S)
    job.settle(lit(job))
    house.lamps.hands_over = False
    house.reconcile()
    assert (house.lamp.state, house.lamp.name) == (State.LIT, "Hall")


def test_only_one_of_two_jobs_of_the_same_step_goes_on() -> None:
    house = house_with_job()
    first, second = resumed(house), resumed(house)
    house.clock.advance(1)
    first.beat(LEASE_S)
    with pytest.raises(Conflict, match="Another worker does the step"):
        second.beat(LEASE_S)
    with pytest.raises(Conflict, match="Another worker does the step"):
        second.settle(lit(second))
    first.beat(LEASE_S)


def test_beat_moves_the_claim_and_the_due_time() -> None:
    house = house_with_job()
    job = resumed(house)
    house.clock.advance(30)
    job.beat(600)
    assert house.lamp.progress == Progress(Claim("light", after(630)), due_at=after(630))
    assert job.claimed == house.lamps.read(KEY)


def test_settle_says_when_the_thing_is_due_again() -> None:
    house = house_with_job()
    job = resumed(house)
    house.spec(not_before=after(5000))
    house.clock.advance(30)
    job.beat(LEASE_S)
    job.settle(lit(job))
    assert house.lamp.progress == Progress(due_at=after(5000))


def test_settle_knows_nothing_of_the_thing_at_its_provider() -> None:
    house = house_with_job()
    job = resumed(house)
    house.spec(watched=True)
    house.clock.advance(30)
    job.beat(LEASE_S)
    job.settle(lit(job))
    assert house.lamp.progress == Progress(due_at=after(30)), "It is to be observed at once."


def test_job_reads_its_own_thing() -> None:
    class OfKey(Lamps):
        def read(self, key: str) -> LampSnapshot:
            assert key == KEY
            return super().read(key)

    house = house_with_job()
    house.lamps = OfKey(house.documents)
    job = resumed(house)
    job.beat(LEASE_S)
    job.settle(lit(job))


def test_job_is_refused_for_a_thing_without_a_record() -> None:
    with pytest.raises(Conflict, match="not claimed any more"):
        resumed(House(lit=True))


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
