"""Many workers at the same instant, in threads, each with its own connection: all read before the first one writes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, local
from typing import Any, TypeVar

import pytest

from emulator_tests.crashes.account import assemble
from emulator_tests.crashes.acts import FILM, S1
from emulator_tests.crashes.settings import QUEUE_RETRY_S, REAP_GRACE_S, TEACHER
from emulator_tests.crashes.simulator import NAMESPACE, PARTNER_ID, SimulatorProcess, Things
from emulator_tests.memory import ManualClock, MemoryDocuments, MemoryQueue
from emulator_tests.pure.races.defects import DEFECTS, SOUND, Build
from shared.app import App
from shared.core.errors import BackendError
from shared.core.paths import PAIRINGS, RECONCILE_SESSION, VIDEOS, pairing_path, session_path
from shared.ports import Create, Delete, Document, Query, Total, Update, Version, Write
from shared.providers.kaltura.account import KalturaAccount
from shared.reconcile import LEASE_S
from shared.sessions.model import Pairing, PairingState
from shared.videos.resource import upload_tokens
from shared.videos.upload_tokens import UploadRequest, UploadToken

T = TypeVar("T")

MANY = 50
TIMEOUT_S = 30
REQUEST = UploadRequest(S1, "request-1", "lecture.mp4", len(FILM), "A lecture")


class GatheringDocuments:
    """
    Documents at which each thread waits for all others after its first read.
    """

    def __init__(self, kept: MemoryDocuments) -> None:
        self._kept = kept
        self._gate = Barrier(1)
        self._at = ""
        self._passed = local()

    def gather(self, collection: str) -> None:
        """
        From now on, gather the threads after their first read of a document in this collection. Empty: gather nowhere.
        """
        self._gate, self._at, self._passed = Barrier(MANY, timeout=TIMEOUT_S), collection, local()

    def read(self, *paths: str) -> tuple[Document | None, ...]:
        found = self._kept.read(*paths)
        here = self._at and any(path.startswith(f"{self._at}/") for path in paths)
        if here and not hasattr(self._passed, "gate"):
            self._passed.gate = True
            self._gate.wait()
        return found

    def select(self, query: Query) -> Sequence[Document]:
        return self._kept.select(query)

    def count(self, query: Query) -> int:
        return self._kept.count(query)

    def total(self, query: Query, field: str) -> Total:
        return self._kept.total(query, field)

    def commit(self, *writes: Write) -> tuple[Version, ...]:
        return self._kept.commit(*writes)


class Crowd:
    """
    The real code with nothing around its effects, so that many threads may run it at once.
    """

    def __init__(self, simulator: SimulatorProcess, build: Build = SOUND) -> None:
        self._simulator = simulator
        self._clock = ManualClock(self._simulator.reset())
        self._kept = MemoryDocuments()
        self._documents = GatheringDocuments(self._kept)
        self._queue = MemoryQueue(self._clock, retry_s=QUEUE_RETRY_S)
        self._account = KalturaAccount(
            url=self._simulator.url,
            partner_id=PARTNER_ID,
            admin_secret=self._simulator.admin_secret,
            namespace=NAMESPACE,
            upload_role=None,
            documents=self._kept,
            clock=self._clock,
        )
        self.app: App = assemble(build, self._account, self._documents, self._queue, self._clock)
        # One thread first creates everything that an account needs once. The crowds of these tests are for something
        # else.
        self._account.access_control_id()
        self._account.upload_role_name()

    def close(self) -> None:
        """
        Close the connections.
        """
        self._account.client.close()

    def write(self, **fields: Any) -> None:
        """
        Let the owner create the session.
        """
        begins_at = self._clock() + timedelta(days=1)
        new = {
            "ownerUid": TEACHER.uid,
            "createdAt": self._clock(),
            "updatedAt": self._clock(),
            "title": "Algebra",
            "status": "public",
            "format": "liveStreaming",
            "startsAt": begins_at,
            "endsAt": begins_at + timedelta(hours=1),
        }
        self._kept.commit(Create(session_path(S1), {**new, **fields}))

    def delete(self) -> None:
        """
        Let the owner delete the session.
        """
        self._kept.commit(Delete(session_path(S1)))

    def edit(self, **fields: Any) -> None:
        """
        Let the owner change the session.
        """
        self._kept.commit(Update(session_path(S1), fields))

    def reconcile(self) -> None:
        """
        Let a worker reconcile the session.
        """
        self.app.work(RECONCILE_SESSION, S1)

    def ask_to_upload(self) -> UploadToken:
        """
        Let the owner ask for the same upload.
        """
        return self.app.get(upload_tokens).issue_upload_token(TEACHER, REQUEST)

    def all_at_once(self, job: Callable[[], T], collection: str) -> list[T | BackendError]:
        """
        Run a job in many threads, all of which read a document of this collection before the first one goes on.

        Returns:
            The result of each, or the error of ours that it ended with.
        """

        def begin() -> T | BackendError:
            try:
                return job()
            except BackendError as error:
                return error

        self._documents.gather(collection)
        with ThreadPoolExecutor(MANY) as threads:
            answers = [one.result() for one in [threads.submit(begin) for _ in range(MANY)]]
        self._documents.gather("")
        return answers

    def go_on(self, seconds: float = 2 * LEASE_S) -> None:
        """
        Deliver the enqueued tasks, until no claim can be left.
        """
        self._queue.deliver_until(
            self._clock() + timedelta(seconds=seconds), lambda task: self.app.work(task.queue, task.key)
        )
        self._simulator.move_to(self._clock())

    def pairing(self) -> Pairing:
        """
        Return the session's pairing.
        """
        (document,) = self._kept.read(pairing_path(S1))
        assert document is not None
        return Pairing.from_document(document)

    def there(self) -> Things:
        """
        Return what exists at Kaltura.
        """
        return self._simulator.things()


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    """
    A simulator that answers many connections at once.
    """
    simulator = SimulatorProcess()
    yield simulator
    simulator.stop()


@pytest.fixture
def crowd(simulator: SimulatorProcess, request: pytest.FixtureRequest) -> Iterator[Crowd]:
    """
    A crowd on an empty account.
    """
    with contextlib.closing(Crowd(simulator, getattr(request, "param", SOUND))) as crowd:
        yield crowd


def test_fifty_reconciles_at_once_make_one_event(crowd: Crowd) -> None:
    crowd.write()
    crowd.all_at_once(crowd.reconcile, PAIRINGS)
    crowd.go_on()
    (event,) = crowd.there().events()
    pairing = crowd.pairing()
    assert (pairing.state, pairing.generation, pairing.external_ids) == (PairingState.READY, 1, event.external_ids)


def test_fifty_reconciles_at_once_make_one_event_after_one_that_has_gone(crowd: Crowd) -> None:
    crowd.write()
    crowd.reconcile()
    crowd.delete()
    crowd.reconcile()
    crowd.write()
    crowd.all_at_once(crowd.reconcile, PAIRINGS)
    crowd.go_on()
    (event,) = crowd.there().events()
    pairing = crowd.pairing()
    assert (pairing.state, pairing.generation, pairing.external_ids) == (PairingState.READY, 2, event.external_ids)


def test_fifty_reconciles_at_once_take_one_event_away(crowd: Crowd) -> None:
    crowd.write()
    crowd.reconcile()
    assert len(crowd.there().events()) == 1
    crowd.delete()
    crowd.all_at_once(crowd.reconcile, PAIRINGS)
    crowd.go_on()
    assert crowd.there().external_ids() == ()
    assert crowd.pairing().state is PairingState.GONE


def test_fifty_requests_at_once_make_one_video(crowd: Crowd) -> None:
    crowd.write(format="onDemand")
    answers = crowd.all_at_once(crowd.ask_to_upload, VIDEOS)
    crowd.go_on()
    answers.append(crowd.ask_to_upload())
    assert len({answer.video_id for answer in answers if not isinstance(answer, BackendError)}) == 1
    (video,) = crowd.there().media()
    assert {part.id for part in crowd.there().external_ids()} == set(video.external_ids.values())


@pytest.mark.parametrize("crowd", [DEFECTS["the claim is unconditional"]], indirect=True, ids=["defect"])
def test_fifty_reconciles_whose_claim_is_unconditional_are_noticed(crowd: Crowd) -> None:
    # There was an event before, which is gone. So the claim changes an existing document instead of creating it. The
    # session is the same one, so the claim is the first write.
    crowd.write()
    crowd.reconcile()
    crowd.edit(status="draft")
    crowd.reconcile()
    crowd.go_on(seconds=REAP_GRACE_S + LEASE_S)
    assert crowd.there().events() == ()
    crowd.edit(status="public")
    crowd.all_at_once(crowd.reconcile, PAIRINGS)
    crowd.go_on()
    assert len(crowd.there().events()) > 1
