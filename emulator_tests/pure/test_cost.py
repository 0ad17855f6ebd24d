"""docs/cost.md: its counts are those of today's code, its prices have dates, and its sums add up."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

import pytest

from emulator_tests.bench.idle_simulation import School
from emulator_tests.cost import idle, naive, prices
from emulator_tests.cost.metered import BILLED_S, CPU_S, billed, memory_mib
from emulator_tests.cost.page import (
    AT_REST,
    BACKUPS,
    MONTH,
    ROWS,
    amount,
    bill,
    in_named_database,
    money,
    usage_of,
    work_of,
)
from emulator_tests.cost.prices import ALL, DAYS, PRICES, SCHOOL_DAYS, Line, Price, Sure, dollars, lines, listed
from emulator_tests.cost.record import Record, counts_to_fields
from emulator_tests.cost.scenario import PER, REGISTRY, opened
from emulator_tests.cost.usage import Usage, minus, total
from emulator_tests.testbed.places import ROOT
from main import FUNCTIONS

CHEAP: Final = ("sessions", "documents", "turns", "archived", "restored", "videos_cloudflare")

MONTHLY: Final = Price("things", 2.0, 10, 100, False, date(2026, 1, 1), Sure.PAGE, "here")
DAILY: Final = replace(MONTHLY, is_daily=True)


@pytest.fixture(scope="module")
def record() -> Record:
    return Record.load()


# --- the counts -------------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("name", CHEAP)
def test_counts_of_page_are_those_of_todays_code(record: Record, name: str) -> None:
    scenario = REGISTRY.scenarios[name]
    with opened(scenario.place) as new_place:
        counted = scenario.count(new_place)
    assert counts_to_fields(counted) == counts_to_fields(record.counts[name]), "Run make cost."


@pytest.mark.long
def test_idle_month_of_page_is_that_of_todays_code(record: Record) -> None:
    counted, _ = idle.month(1_000)
    assert counts_to_fields(counted) == counts_to_fields(record.counts["idle_1000"]), "Run make cost."


@pytest.mark.long
def test_idle_month_reads_as_much_as_the_bench_counts() -> None:
    """Bench and page count the same, except for what only the archive or slides read."""
    counted, _ = idle.month(100)
    day = School(100).day()
    # The archive's two reads for each run, and the last of the bucket's.
    assert 0 <= counted["sweep"].reads / DAYS - day.reads <= 4 * len(day.runs)


def test_naive_counts_of_page_are_those_of_todays_code(record: Record) -> None:
    assert counts_to_fields(naive.uploads()) == counts_to_fields(record.counts["naive_uploads"]), "Run make cost."
    assert counts_to_fields(naive.month(100)) == counts_to_fields(record.counts["naive_100"]), "Run make cost."


def test_everything_was_counted(record: Record) -> None:
    months = {f"{kind}_{size}" for kind in ("idle", "naive") for size in idle.SIZES}
    assert set(record.counts) == {*REGISTRY.scenarios, "naive_uploads", *months}


def test_only_functions_that_are_deployed_are_called(record: Record) -> None:
    called = {name for counts in record.counts.values() for name, usage in counts.items() if usage.calls}
    assert {name for name in called if not name.startswith("naive")} <= set(FUNCTIONS)


def test_no_call_takes_more_cpu_than_it_is_billed_for(record: Record) -> None:
    assert {name: ms for name, ms in record.cpu_ms.items() if ms > CPU_S * 1000} == {}


@pytest.mark.parametrize(("seconds", "expected"), [(0.05, 0.1), (0.1, 0.1), (0.1001, 0.2), (0.3, 0.3), (2.0, 2.0)])
def test_time_is_rounded_up_to_a_tenth_of_a_second(seconds: float, expected: float) -> None:
    assert billed(seconds) == pytest.approx(expected)
    assert billed(seconds) >= seconds - BILLED_S / 1000


def test_memory_is_that_of_the_deployed_functions() -> None:
    expected = {"sweep": 512, "reconcileSession": 512, "joinSession": 256, "onSessionCreated": 256, "api": 256}
    assert {name: memory_mib(name) for name in expected} == expected


# --- the prices -------------------------------------------------------------------------------------------------------


def test_each_price_has_a_date_and_a_source() -> None:
    for price in ALL:
        assert date(2026, 1, 1) <= price.noted <= date(2027, 12, 31), price.what
        assert price.source, price.what
        assert price.dollars > 0, price.what
        assert price.per > 0, price.what


def test_each_count_that_is_billed_has_a_price() -> None:
    unbilled = {"starts", "waited_s", "provider_calls"}
    assert set(PRICES) == set(Usage.__dataclass_fields__) - unbilled


@pytest.mark.parametrize(
    ("used", "paid"), [(0, 0), (99, 0), (100, 0), (101, 1), (1_000, 900)], ids=["none", "less", "all", "one", "more"]
)
def test_free_tier_of_a_month_is_taken_off_once(used: float, paid: float) -> None:
    line = Line(MONTHLY, used / 2, used / 2)
    assert line.paid == paid
    assert line.dollars == pytest.approx(paid / 10 * 2.0)


@pytest.mark.parametrize(
    ("rest", "work", "paid"),
    [
        (0, 0, 0),
        (100 * DAYS, 0, 0),
        (100 * DAYS + DAYS, 0, DAYS),
        # What is free on holidays is of no use on school days.
        (0, 100 * SCHOOL_DAYS, 0),
        (0, 100 * DAYS, 100 * (DAYS - SCHOOL_DAYS)),
        (50 * DAYS, 51 * SCHOOL_DAYS, SCHOOL_DAYS),
        (101 * DAYS, 100 * SCHOOL_DAYS, DAYS + 100 * SCHOOL_DAYS),
    ],
)
def test_free_tier_of_a_day_is_taken_off_each_day(rest: float, work: float, paid: float) -> None:
    assert Line(DAILY, rest, work).paid == pytest.approx(paid)


def test_difference_that_is_negative_costs_nothing_and_is_no_credit() -> None:
    assert Line(MONTHLY, -50).dollars == 0
    assert MONTHLY.of(-50) == 0


# --- the sums ---------------------------------------------------------------------------------------------------------


def test_usage_adds_up_by_function() -> None:
    counts = {"a": Usage(reads=2, calls=1), "b": Usage(reads=3)}
    assert total(counts) == Usage(reads=5, calls=1)
    assert minus(counts, {"a": Usage(reads=2, calls=1)}) == {"b": Usage(reads=3)}
    assert total(counts) * 2 - total(counts) == total(counts)


def test_work_of_a_month_is_the_sum_of_its_parts(record: Record) -> None:
    parts = [usage_of(record, name) * (count / PER) for name, count in MONTH.items()]
    whole = work_of(record, MONTH)
    assert whole.reads == pytest.approx(sum(one.reads for one in parts))
    assert listed(whole) == pytest.approx(sum(map(listed, parts)))


def test_bill_is_the_sum_of_its_lines_and_never_more_than_without_free_tiers(record: Record) -> None:
    found = bill(record, MONTH, AT_REST)
    assert dollars(found) == pytest.approx(sum(line.dollars for line in found))
    rest, work = usage_of(record, f"idle_{AT_REST}"), work_of(record, MONTH)
    assert 0 < dollars(lines(rest, work)) < listed(rest + work)
    assert [line.price for line in found] == [*PRICES.values(), prices.SCHEDULES, prices.SECRETS, prices.STORED]


def test_school_that_does_nothing_pays_nothing_but_for_a_list_of_the_bucket_each_day(record: Record) -> None:
    assert dollars(bill(record, {}, 1_000)) == PRICES["stores"].of(DAYS)


def test_named_database_pays_for_all_of_firestore_and_nothing_else_more(record: Record) -> None:
    found = bill(record, MONTH, AT_REST)
    firestore = (*(PRICES[name] for name in ("reads", "writes", "deletes", "expired")), prices.STORED)
    more = [line.price.of(line.amount) - line.dollars for line in found if line.price in firestore]
    assert sum(more) > 0
    named = in_named_database(found)
    assert dollars(named) == pytest.approx(dollars(found) + sum(more))
    assert [line.amount for line in named] == [line.amount for line in found]


def test_backups_of_page_are_those_of_the_deployment() -> None:
    assert f"\nBACKUP_RETENTION={BACKUPS}d\n" in (ROOT / "deploy" / "provision.sh").read_text()


def test_page_has_every_scenario() -> None:
    assert sorted(ROWS) == sorted(REGISTRY.scenarios)


@pytest.mark.parametrize(
    ("value", "cell"), [(0, "$0.00"), (0.004, "under $0.01"), (0.005, "$0.01"), (1234.5, "$1,234.50")]
)
def test_small_amounts_are_not_shown_as_nothing(value: float, cell: str) -> None:
    assert money(value) == cell


@pytest.mark.parametrize(("value", "cell"), [(0, ""), (0.25, "0.25"), (9.94, "9.9"), (12_345.6, "12,346")])
def test_amounts_are_short(value: float, cell: str) -> None:
    assert amount(value) == cell
