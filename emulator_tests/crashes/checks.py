"""The requirements on a run that need a real account, beside the invariants of the race model.

`world` calls them: during a run, and when nothing is left to do.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from emulator_tests.crashes.simulator import Part, Simulator, Things
from emulator_tests.memory import ManualClock, MemoryDocuments, MemoryQueue
from emulator_tests.pure.races.invariants import Broken, Ledger, check_rest, named_by
from shared.core.paths import DELETIONS, PAIRINGS, SESSIONS, VIDEOS
from shared.ports import Document
from shared.providers.kaltura.observations import TOKEN
from shared.videos.upload_tokens import UploadToken
from shared.videos.uploadable import UPLOAD_GRANT_MAX_S


class Checks:
    """
    The requirements on one run.

    Args:
        documents: The database.
        queue: The tasks.
        clock: The clock of the run.
        ledger: What users did and what was recorded.
        simulator: Runs the account.
        there: Returns what existed at Kaltura when it was last read.
        outage: Whether so much goes wrong that the queue may drop tasks.
    """

    def __init__(
        self,
        documents: MemoryDocuments,
        queue: MemoryQueue,
        clock: ManualClock,
        ledger: Ledger,
        simulator: Simulator,
        there: Callable[[], Things],
        *,
        outage: bool,
    ) -> None:
        self._documents = documents
        self._queue = queue
        self._clock = clock
        self._ledger = ledger
        self._simulator = simulator
        self._there = there
        self._is_outage = outage

    def documents(self, collection: str) -> dict[str, Document]:
        """
        Return the documents of a collection, by id.
        """
        paths = [path for path in self._documents.paths() if path.startswith(f"{collection}/")]
        return {document.id: document for document in self._documents.read(*paths) if document is not None}

    def _records(self) -> list[Document]:
        return [
            document for collection in (PAIRINGS, VIDEOS, DELETIONS) for document in self.documents(collection).values()
        ]

    def _claimed(self) -> set[Part]:
        return {
            Part(kind, str(id_), reference)
            for record in self._records()
            for reference, external_ids in named_by(record.fields).items()
            for kind, id_ in external_ids.items()
        }

    def is_quiet(self, until: datetime) -> bool:
        """
        Tell whether sweeps until then can find nothing: no task waits, nothing is due, everything that exists is
        recorded, and the pairings know which sessions exist.
        """
        dues = [record.fields["dueAt"] for record in self._records()]
        sessions = self.documents(SESSIONS)
        pairings = self.documents(PAIRINGS)
        return (
            all(task.at is not None and task.at > until for task in self._queue.waiting())
            and all(due_at is None or due_at > until for due_at in dues)
            and all(record.fields["hasSession"] is (key in sessions) for key, record in pairings.items())
            and self._claimed().issuperset(self._there().external_ids())
        )

    def require_no_claims(self) -> None:
        """
        Require that no claim is left: if nothing went wrong, a claim ends with its worker, not with its lease.
        """
        claimed = [record.path for record in self._records() if record.fields["claim"] is not None]
        if claimed:
            raise Broken(13, "a claim ends with its worker", f"there is one on {claimed}")

    def require_sound_token(self, token: UploadToken) -> None:
        """
        Require that a grant is for the upload that is recorded, and lasts at most two hours.
        """
        record = self.documents(VIDEOS)[token.video_id].fields
        if record["parts"] and token.grant.values[TOKEN] != record["parts"][TOKEN]:
            raise Broken(18, "a grant is for its own upload", f"it is for another than {record['parts']}")
        if token.grant.expires_at > self._clock() + timedelta(seconds=UPLOAD_GRANT_MAX_S):
            raise Broken(16, "a grant lasts two hours at most", f"it ends at {token.grant.expires_at}")

    def require_recorded_upload(self, token: UploadToken) -> None:
        """
        Require that a grant ends with its upload.
        """
        token_id = str(token.grant.values[TOKEN])
        if token_id not in {part.id for part in self._claimed()}:
            raise Broken(17, "a grant ends with its upload", f"bytes were taken for {token_id}, which nobody names")

    def require_rest(self) -> None:
        """
        Require that nothing is left to do, and that exactly what is recorded exists.
        """
        left = self._queue.waiting()
        if left:
            raise Broken(13, "everything comes to an end", f"there is still {left}")
        if self._queue.dropped and not self._is_outage:
            raise Broken(14, "one fault is no reason to drop a task", f"{self._queue.dropped} were")
        check_rest(self._ledger)
        # A lost document that could not be restored by adoption waits for an operator.
        waiting = {reference for path, reference in self._ledger.lost.items() if path not in self._ledger.recorded}
        unclaimed = {part for part in self._there().external_ids() if part.reference not in waiting} - self._claimed()
        if unclaimed:
            raise Broken(2, "whatever exists is recorded", f"there is {unclaimed}")
        told = repr(self._documents.read(*self._documents.paths()))
        if self._simulator.admin_secret in told or "djJ8" in told:
            raise Broken(19, "no secret is in a document", "one is")
