"""The adoption of orphans: giving them back to their sessions. A video's document is created, or its playable version
restored; an event's record names the event again. Ordinary reconciliations do the rest.

Called by the operator's command. The thing itself tells which session it belonged to: by the record that its reference
leads to, or by the stamp that was stored with it (`SessionIdentity.stamp`). For things that an earlier release made,
the operator has to say it. Copies at hosts are not given back: another copy of the video is made.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from shared.core import log
from shared.core.errors import Conflict, NotFound, Refused, WrongState
from shared.core.identity import Belonging, SessionIdentity, stamped_session_id
from shared.core.paths import RECONCILE_SESSION, RECONCILE_VIDEO, pairing_path, session_path
from shared.core.references import Kind, Reference
from shared.operations.orphans.claims import Claimed
from shared.ports import Clock, Create, Documents, Events, ExternalIds, InventoryItem, Queue, Task, Update, Write
from shared.sessions import adopting as events_adopting
from shared.sessions.model import Pairing
from shared.sessions.pairing import identity_under, retrieve_or_create
from shared.sessions.session import Session, noting
from shared.videos import adopting as videos_adopting
from shared.videos.model import Video

WRITES_MAX: Final = 5
"""The number of times that an adoption is written if others write the same documents."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """
    The result for one orphan.

    Attributes:
        item: The orphan.
        path: The document that names it now; `None` if it was not given back.
        sentence: Why it was not given back; empty if it was.
    """

    item: InventoryItem
    path: str | None
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Adoption:
    """
    The adoption of orphans by their sessions.

    Attributes:
        documents: The store of all documents.
        queue: Gets the tasks.
        events: The provider of live events.
        clock: Now, in UTC.
    """

    documents: Documents
    queue: Queue
    events: Events
    clock: Clock

    def adopt(
        self, orphans: Sequence[Claimed], wanted: Collection[str] = (), session_id: str | None = None
    ) -> list[Adopted]:
        """
        Give back the orphans that have content. Repeatable: an adopted orphan is no longer one.

        Args:
            orphans: All orphans.
            wanted: Only these references; empty is all.
            session_id: The session to give them to, if they do not name it themselves.

        Raises:
            Transient: Documents, queue or provider could not be reached; the rest are still orphans (again).
        """
        told: list[Adopted] = []
        for one in orphans:
            if not one.item.has_content or one.item.is_part or (wanted and str(one.reference) not in wanted):
                continue
            try:
                path = self._adopt(one, _whole(one, orphans), session_id)
            except (Refused, Conflict) as error:
                told.append(Adopted(one.item, None, str(error)))
                continue
            log.orphan_adopted(one.item.provider, str(one.reference), path)
            told.append(Adopted(one.item, path))
        return told

    def _adopt(self, one: Claimed, external_ids: ExternalIds, session_id: str | None) -> str:
        """
        Give back one orphan.

        Args:
            one: The orphan.
            external_ids: The ids of all its parts.
            session_id: The session that the operator has named.

        Returns:
            The document that names the orphan now.

        Raises:
            Refused: It cannot be given back (never, or later: the message says which).
            Conflict: Others wrote the same documents every time (again).
        """
        for _ in range(WRITES_MAX):
            try:
                match one.reference.kind:
                    case Kind.VIDEO:
                        self._adopt_video(one.item, one.reference, external_ids, session_id)
                    case Kind.SESSION:
                        self._adopt_event(one.item, one.reference, session_id)
                    case Kind.COPY:
                        raise WrongState(
                            "It is a copy. Give its video back: another copy is made then.",
                            reason="ORPHAN_NOT_ADOPTABLE",
                        )
                return one.reference.path
            except Conflict:
                continue
        raise Conflict("Others write its documents all the time. Try again.")

    # --- videos ---------------------------------------------------------------------------------------------------

    def _adopt_video(
        self, item: InventoryItem, reference: Reference, external_ids: ExternalIds, session_id: str | None
    ) -> None:
        (document,) = self.documents.read(reference.path)
        now = self.clock()
        if document is None:
            session = self._session_of(item, session_id)
            identity = retrieve_or_create(self.documents, session)
            self.documents.commit(
                videos_adopting.new_video(identity, session.title, item, reference, external_ids, now)
            )
            self.queue.put(Task(RECONCILE_VIDEO, reference.key))
            return
        identity = Video.from_document(document).session
        self._require_present(identity)
        if session_id is not None and session_id != identity.session_id:
            raise WrongState(f"This video belongs to the session {identity.session_id}.", reason="ORPHAN_NOT_ADOPTABLE")
        writes, tasks = videos_adopting.taken_back(document, item, reference, external_ids, now)
        self.documents.commit(*writes)
        for task in tasks:
            self.queue.put(task)

    # --- events ---------------------------------------------------------------------------------------------------

    def _adopt_event(self, item: InventoryItem, reference: Reference, session_id: str | None) -> None:
        if session_id is not None and session_id != reference.key:
            raise WrongState(f"This event was made for the session {reference.key}.", reason="ORPHAN_NOT_ADOPTABLE")
        session = self._session_of(item, session_id)
        if session.id != reference.key:
            raise WrongState(f"This event was made for the session {reference.key}.", reason="ORPHAN_NOT_ADOPTABLE")
        (document,) = self.documents.read(pairing_path(session.id))
        record = None if document is None else Pairing.from_document(document)
        names_one = events_adopting.awaits(record, session)
        if names_one and record is not None and self.events.observe_broadcast(record.external_ids) is not None:
            raise WrongState(
                "The session has an event already. Unpublish it first, or delete this: --delete-content.",
                reason="ORPHAN_NOT_ADOPTABLE",
            )
        taken_back = events_adopting.taken_back(record, session, reference, self.clock())
        path, fields = pairing_path(session.id), taken_back.to_fields()
        write: Write = Create(path, fields) if document is None else Update(path, fields, if_version=document.version)
        self.documents.commit(write, noting(taken_back.identity, session.version))
        self.queue.put(Task(RECONCILE_SESSION, session.id))

    def _session_of(self, item: InventoryItem, session_id: str | None) -> Session:
        """
        Return the session that an orphan belongs to, as its stamp proves or the operator says.

        Raises:
            NotFound: It does not exist, or is another session of the same id (never).
            WrongState: Neither the stamp nor the operator names it (never), or its owner was changed without a transfer
                (once it is transferred).
        """
        stamped = stamped_session_id(item.stamp)
        wanted = session_id or stamped
        if wanted is None:
            raise WrongState(
                "It does not say whose it was. Name the session: --session ID.", reason="ORPHAN_NOT_ADOPTABLE"
            )
        document, pairing = self.documents.read(session_path(wanted), pairing_path(wanted))
        if document is None:
            raise NotFound(
                f"There is no session {wanted}. Restore it, or name another: --session ID.", reason="SESSION_NOT_FOUND"
            )
        session = Session.from_document(document)
        record = Pairing(session.identity) if pairing is None else Pairing.from_document(pairing)
        if session_id is None and item.stamp != identity_under(record, session).stamp():
            raise NotFound(
                f"There is a session {wanted}, but it is not the one that this was made for. If it is to have it all "
                "the same, name it: --session ID.",
                reason="SESSION_NOT_FOUND",
            )
        if record.identity.belonging(session.identity) is Belonging.OWNER_CHANGED:
            raise _not_transferred(wanted)
        return session

    def _require_present(self, identity: SessionIdentity) -> None:
        """
        Check that a session still exists.

        Raises:
            NotFound: The session with this identity does not exist (never).
            WrongState: Its owner was changed without a transfer (once it is transferred).
        """
        (document,) = self.documents.read(session_path(identity.session_id))
        if document is None:
            raise NotFound("The session of this video is gone.", reason="SESSION_NOT_FOUND")
        match identity.belonging(Session.from_document(document).identity):
            case Belonging.OTHER:
                raise NotFound(
                    "The session of this video is gone, and another one has its id.", reason="SESSION_NOT_FOUND"
                )
            case Belonging.OWNER_CHANGED:
                raise _not_transferred(identity.session_id)
            case Belonging.SAME:
                return


def _not_transferred(session_id: str) -> WrongState:
    return WrongState(
        f"The owner of the session {session_id} was changed without a transfer. Transfer it first, with its present "
        "owner: transferSession.",
        reason="ORPHAN_NOT_ADOPTABLE",
    )


def _whole(one: Claimed, orphans: Sequence[Claimed]) -> ExternalIds:
    """
    Return the ids of all parts of an orphan: its own, and those of orphans that belong to it.
    """
    hanging = [
        other.item.external_ids
        for other in orphans
        if other.item.is_part and (other.item.provider, str(other.reference)) == (one.item.provider, str(one.reference))
    ]
    external_ids = dict(one.item.external_ids)
    for more in hanging:
        external_ids = {**more, **external_ids}
    return external_ids
