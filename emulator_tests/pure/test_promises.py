"""A10: whatever one viewer asks for, and however often, takes no more of a host than somebody who watches."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Final, TypeVar

import pytest

from emulator_tests.memory import ManualClock, MemoryDocuments
from emulator_tests.pure.deployment import Deployment
from emulator_tests.pure.test_copies import copied, finish, upload
from shared.core.callers import Caller
from shared.core.paths import host_path
from shared.hosts.promises import (
    PROMISES_MAX,
    VIDEOS_AT_ONCE,
    Ledger,
    Promise,
    decoded,
    encoded,
    promise_of,
    sends_kbps,
    unended,
    watching_of,
)
from shared.hosts.table import KNOWN_S, HostTable, Standing, Terms
from shared.ports import Create, Documents, Update
from shared.videos.resource import host_checks

pytestmark = pytest.mark.long

T = TypeVar("T")

OWN: Final = "own"
DEAREST: Final = "dearest"
BOTH: Final = [OWN, DEAREST]
MBPS_MAX: Final = 800.0
KBPS: Final = 5000
HOUR_S: Final = 3600.0
DOCUMENT_MAX_BYTES: Final = 1024 * 1024


def table(documents: Documents, clock: ManualClock, mbps_max: float = MBPS_MAX, **terms: Terms) -> HostTable:
    """The table as one instance has it: an own host with a limit, and one that costs."""
    return HostTable(documents, clock, {OWN: Terms(0.0, mbps_max), DEAREST: Terms(5.0)} | terms)


def grant(one: HostTable, uid: str, video_id: str = "v1", failed: str | None = None, kbps: int = KBPS) -> str:
    """Let somebody play, as a grant does; from where."""
    watching = watching_of(uid, video_id)
    (host, *_) = one.ranked(BOTH, kbps, watching, failed)
    one.promise(host, kbps, HOUR_S, watching)
    return host


def held(documents: Documents, host: str = OWN) -> tuple[Promise, ...]:
    """What a host has promised, by its document."""
    return Standing.from_document(documents.read(host_path(host))[0]).promised


def settled(*instances: HostTable, clock: ManualClock) -> None:
    """Let every instance tell, and then know, what it can."""
    for _ in range(2 * len(instances)):
        clock.advance(KNOWN_S)
        for one in instances:
            one.ranked(BOTH, 1, watching_of("nobody", "none"))


# --- one viewer ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "video_ids", [["v1"], [f"v{number}" for number in range(161)]], ids=["one video", "161 videos"]
)
def test_161_grants_of_one_student_leave_the_host_to_others(video_ids: list[str]) -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    instances = [table(documents, clock) for _ in range(4)]
    for number in range(161):
        assert grant(instances[number % 4], "greedy", video_ids[number % len(video_ids)]) == OWN
        clock.advance(1)
    settled(*instances, clock=clock)

    most = min(VIDEOS_AT_ONCE, len(video_ids)) * KBPS
    assert sends_kbps(held(documents), clock()) <= most
    others = [grant(instances[number % 4], f"student{number}") for number in range(150)]
    assert others == [OWN] * 150


def test_161_students_who_watch_fill_the_host() -> None:
    one = table(MemoryDocuments(), ManualClock())

    assert Counter(grant(one, f"student{number}") for number in range(161)) == {OWN: 160, DEAREST: 1}


def test_a_renewal_takes_the_place_of_the_promise_before_also_at_another_instance() -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    instances = [table(documents, clock) for _ in range(3)]
    for number in range(12):
        grant(instances[number % 3], "student")
        clock.advance(600)
    settled(*instances, clock=clock)

    (promise,) = held(documents)
    assert promise.kbps == KBPS
    assert promise.ends_s > clock().timestamp() + HOUR_S - 1200


def test_viewer_renews_on_a_host_that_their_reservation_fills() -> None:
    one = table(MemoryDocuments(), ManualClock(), mbps_max=10.0)
    assert [grant(one, uid) for uid in ("a", "b", "c")] == [OWN, OWN, DEAREST]

    assert grant(one, "a") == OWN
    assert grant(one, "a", "v2") == DEAREST


def test_viewer_changing_hosts_releases_the_first() -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    one, other = table(documents, clock), table(documents, clock)
    for number in range(20):
        assert grant(one, f"student{number}") == OWN
    settled(one, other, clock=clock)
    assert len(held(documents)) == 20

    for number in range(20):
        assert grant(other, f"student{number}", failed=OWN) == DEAREST
    settled(one, other, clock=clock)
    assert held(documents) == ()


def test_the_promises_of_a_viewer_on_all_hosts_are_few() -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    second = Terms(1.0, MBPS_MAX)
    one, other = table(documents, clock, second=second), table(documents, clock, second=second)
    for number in range(40):
        watching = watching_of("greedy", f"v{number}")
        chosen = (one, other)[number % 2]
        chosen.promise((OWN, "second")[number // 2 % 2], KBPS, HOUR_S, watching)
        clock.advance(1)
    settled(one, other, clock=clock)

    for instance in (one, other):
        sent = sum(instance._known.ledger.kbps(host, clock()) for host in (OWN, "second"))
        assert sent <= VIDEOS_AT_ONCE * KBPS


# --- what it costs ------------------------------------------------------------------------------------------------


class Counted:
    """Counts what is asked of the documents."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def __call__(self, operation: str, do: Callable[[], T]) -> T:
        self.counts[operation] += 1
        return do()


def test_a_document_holds_10_000_viewers_and_a_grant_costs_no_write() -> None:
    counted, clock = Counted(), ManualClock()
    documents = MemoryDocuments(counted)
    instances = [table(documents, clock, mbps_max=100_000.0) for _ in range(2)]
    for number in range(10_000):
        assert grant(instances[number % 2], f"student{number}") == OWN
        if number % 100 == 0:
            clock.advance(1)
    settled(*instances, clock=clock)

    (document,) = documents.read(host_path(OWN))
    assert document is not None
    assert len(held(documents)) == 10_000
    assert len(document.fields["promised"]) <= DOCUMENT_MAX_BYTES / 4
    # In 100 seconds: each of two instances writes once in ten, or when what it promised is a lot.
    assert counted.counts["commit"] <= 2 * 100 / KNOWN_S + 8
    assert not any(f"student{number}".encode() in document.fields["promised"] for number in range(0, 10_000, 100))


@pytest.mark.long
def test_a_document_never_grows_beyond_what_fits() -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    made = [promise_of(watching_of(f"student{n}", "v1"), clock(), 1, HOUR_S) for n in range(PROMISES_MAX + 10)]
    documents.commit(Create(host_path(OWN), {"promised": encoded(made)}))
    one = table(documents, clock, mbps_max=100_000.0)

    assert len(encoded(made)) < DOCUMENT_MAX_BYTES * 3 / 4
    assert grant(one, "one more", kbps=1) == DEAREST
    # Who has a promise is asked for no room.
    assert grant(one, f"student{PROMISES_MAX}", kbps=1) == OWN
    one.promise(OWN, 1, HOUR_S, watching_of("one more", "v1"))
    settled(one, clock=clock)
    assert len(held(documents)) == PROMISES_MAX


def test_who_changes_hosts_all_the_time_costs_a_write_in_ten_seconds_and_not_one_each_time() -> None:
    counted, clock = Counted(), ManualClock()
    one = table(MemoryDocuments(counted), clock, mbps_max=100.0)
    for number in range(1000):
        grant(one, "restless", failed=OWN if number % 2 else None)
        clock.advance(0.1)

    assert counted.counts["commit"] <= 100 / KNOWN_S + 2


# --- what is kept of whom -----------------------------------------------------------------------------------------


def test_reservation_expires_without_viewers() -> None:
    deployment, video_id = copied({"memory": Terms(5.0), "fetching": Terms(1.0, mbps_max=100.0)})
    deployment.playbacks.issue_playback(Caller("student", is_teacher=False), video_id)
    deployment.run(KNOWN_S)
    deployment.playbacks.issue_playback(Caller("other", is_teacher=False), video_id)
    assert held(deployment.documents, "fetching")

    deployment.run(3 * HOUR_S)
    deployment.app.get(host_checks).check("fetching")

    assert held(deployment.documents, "fetching") == ()
    (document,) = deployment.documents.read(host_path("fetching"))
    assert document is not None
    assert document.fields["promised"] == b""


def test_grants_of_one_student_by_the_callable_leave_the_host_to_others() -> None:
    deployment, video_id = copied({"memory": Terms(5.0), "fetching": Terms(1.0, mbps_max=0.5)})
    upload(deployment, "r2")
    finish(deployment)

    hosts = {
        deployment.playbacks.issue_playback(Caller("greedy", is_teacher=False), video_id).host for _ in range(1000)
    }
    assert hosts == {"fetching"}
    assert deployment.playbacks.issue_playback(Caller("other", is_teacher=False), video_id).host == "fetching"
    assert _uids(deployment) == set()


def _uids(deployment: Deployment) -> set[str]:
    """Which of the viewers' uids stand in a document of a host."""
    documents = deployment.documents.read(*(path for path in deployment.documents.paths() if path.startswith("hosts/")))
    text = repr([one.fields for one in documents if one is not None])
    return {uid for uid in ("greedy", "other", "student") if uid in text}


# --- the ledger ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_the_sums_are_those_of_what_is_held_whatever_comes(seed: int) -> None:
    chance, clock = random.Random(seed), ManualClock()
    ledger = Ledger()
    for _ in range(500):
        watching = watching_of(f"u{chance.randrange(9)}", f"v{chance.randrange(9)}")
        at = clock() + timedelta(seconds=chance.randrange(-300, 300))
        host = chance.choice(BOTH)
        before = {one: set(ledger.promises(one)) for one in BOTH}
        changed = ledger.add(host, promise_of(watching, at, chance.randrange(1, 9000), chance.choice([60.0, HOUR_S])))
        assert changed == {one for one in BOTH if set(ledger.promises(one)) != before[one]}
        clock.advance(1)
        for one in BOTH:
            promises = ledger.promises(one)
            minute = clock().timestamp() // 60
            assert ledger.count(one) == len(promises)
            assert ledger.kbps(one, clock()) == sum(each.kbps for each in promises if each.ends_s // 60 >= minute)
        of_viewers = Counter(each.watching[:5] for one in BOTH for each in ledger.promises(one))
        assert max(of_viewers.values()) <= VIDEOS_AT_ONCE


def test_the_order_in_which_news_arrives_does_not_matter() -> None:
    clock = ManualClock()
    news = [
        (host, promise_of(watching_of("u", video), clock() + timedelta(seconds=10 * number), KBPS, HOUR_S))
        for number, (host, video) in enumerate([(OWN, "a"), (DEAREST, "a"), (OWN, "b"), (OWN, "c"), (DEAREST, "d")])
    ]
    results = set()
    for order in itertools.permutations(news):
        ledger = Ledger()
        for host, promise in order:
            ledger.add(host, promise)
        results.add(tuple(frozenset(ledger.promises(host)) for host in BOTH))

    assert results == {(frozenset({news[2][1], news[3][1]}), frozenset({news[4][1]}))}


def test_an_older_promise_takes_the_place_of_no_newer_one() -> None:
    clock = ManualClock()
    ledger, watching = Ledger(), watching_of("u", "v")
    newer = promise_of(watching, clock() + timedelta(seconds=10), KBPS, HOUR_S)
    ledger.add(OWN, newer)

    assert ledger.add(DEAREST, promise_of(watching, clock(), KBPS, HOUR_S)) == set()
    assert (ledger.promises(OWN), ledger.promises(DEAREST)) == ([newer], [])


def test_promises_are_read_back_as_they_were_written_and_anything_else_is_none() -> None:
    clock = ManualClock()
    made = tuple(promise_of(watching_of(f"u{n}", "v"), clock() + timedelta(n), 10**n, 10.0**n) for n in range(12))
    assert decoded(encoded(made)) == made

    for spoilt in (None, {}, {"29000000": 5000}, "text", b"x", encoded(made)[:-1], 5):
        assert decoded(spoilt) == ()


def test_expired_reservation_no_longer_counts() -> None:
    clock = ManualClock()
    made = [promise_of(watching_of(f"u{n}", "v"), clock(), KBPS, 60.0 * n) for n in range(4)]

    assert sends_kbps(made, clock()) == 4 * KBPS
    clock.advance(60)
    assert unended(made, clock()) == tuple(made[2:])
    assert sends_kbps(made, clock()) == 2 * KBPS


def test_document_of_an_earlier_form_is_ignored_and_rewritten() -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    documents.commit(Create(host_path(OWN), {"isHealthy": True, "promised": {"29000000": 800_000}}))
    one = table(documents, clock)
    assert grant(one, "student") == OWN
    settled(one, clock=clock)

    assert [promise.kbps for promise in held(documents)] == [KBPS]
    documents.commit(Update(host_path(OWN), {"isHealthy": False}))
    settled(one, clock=clock)
    assert grant(one, "student") == DEAREST
