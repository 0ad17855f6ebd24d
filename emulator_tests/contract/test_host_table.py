"""The bandwidth that hosts have promised, on the documents port: in memory, and the Firestore emulator behind
hidane."""

from __future__ import annotations

import secrets
from typing import Final

import pytest

from emulator_tests.contract.test_documents import firestore_at
from emulator_tests.memory import ManualClock, MemoryDocuments
from emulator_tests.testbed import Testbed
from shared.core.paths import host_path
from shared.hosts.promises import PROMISES_MAX, encoded, promise_of, watching_of
from shared.hosts.table import KNOWN_S, HostTable, Standing, Terms
from shared.ports import Create, Documents

HOUR_S: Final = 3600.0


@pytest.fixture(params=["memory", "firestore"])
def documents(request: pytest.FixtureRequest) -> Documents:
    if request.param == "memory":
        return MemoryDocuments()
    testbed: Testbed = request.getfixturevalue("testbed")
    return firestore_at(testbed.firestore_host, testbed.project_id)


def test_instances_share_reserved_bandwidth(documents: Documents) -> None:
    own, clock = f"own{secrets.token_hex(8)}", ManualClock()
    terms = {own: Terms(0.0, 10.0), "dearest": Terms(5.0)}
    one, other = HostTable(documents, clock, terms), HostTable(documents, clock, terms)
    for uid in ("a", "b", "a", "a"):
        one.promise(own, 4000, HOUR_S, watching_of(uid, "v1"))
    clock.advance(KNOWN_S)
    one.ranked([own, "dearest"], 1, watching_of("a", "v1"))
    other.ranked([own, "dearest"], 1, watching_of("a", "v1"))

    assert other.ranked([own, "dearest"], 4000, watching_of("c", "v1"))[0] == "dearest"
    assert other.ranked([own, "dearest"], 4000, watching_of("a", "v1"))[0] == own
    (document,) = documents.read(host_path(own))
    assert sorted(promise.kbps for promise in Standing.from_document(document).promised) == [4000, 4000]


def test_host_document_has_room_for_all_reservations(documents: Documents) -> None:
    own, clock = f"own{secrets.token_hex(8)}", ManualClock()
    made = tuple(promise_of(watching_of(f"u{number}", "v1"), clock(), 5000, HOUR_S) for number in range(PROMISES_MAX))

    documents.commit(Create(host_path(own), {"promised": encoded(made)}))

    assert Standing.from_document(documents.read(host_path(own))[0]).promised == made
