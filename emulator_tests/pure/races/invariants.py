"""The invariants, each a check with its number. Some are checked at every write and at every change at the provider,
the others once nothing is left to do.

Called by `faults` and `play`. The checks that share a number define what it means. They look at documents and at the
provider, never at how the code got there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from emulator_tests.memory import MadeEvent, MadeMedia, MemoryDocuments, MemoryEvents, MemoryMedia, MemoryViewerKeys
from emulator_tests.pure.races.scheduler import Scheduler, Worker
from shared.core.identity import Belonging, SessionIdentity
from shared.core.paths import (
    DELETIONS,
    ENROLMENTS,
    PAIRINGS,
    SESSIONS,
    TRANSFERS,
    VIDEOS,
    deletion_path,
    enrolment_path,
    pairing_path,
    session_path,
    video_path,
)
from shared.deletions.model import deletion_id
from shared.ports import NOT_AVAILABLE, Clock, Create, Document, ExternalIds, Fields, MediaState, Update, Write
from shared.sessions.admissions.model import RECORDED_AHEAD
from shared.sessions.model import Pairing, PairingState
from shared.sessions.session import Session, wanted
from shared.sessions.spec import SessionSpec
from shared.sessions.view import shown
from shared.videos.decide import reference_of
from shared.videos.model import Video, VideoState, named
from shared.videos.spec import Spec
from shared.videos.view import shown as video_shown

REFUSED_TITLE: Final = "refused for good"
"""The in-memory provider refuses events and videos with this title."""

PARTLY_REFUSED_TITLE: Final = "refused in part"
"""The in-memory provider refuses the second part of an event with this title."""


class Broken(AssertionError):
    """
    An invariant does not hold.

    Attributes:
        number: Number of the invariant.
    """

    def __init__(self, number: int, rule: str, seen: str) -> None:
        super().__init__(f"Invariant {number}: {rule}; but {seen}")
        self.number = number


@dataclass(frozen=True, slots=True)
class Given:
    """
    A key that was given to a viewer: its session, its revocation id, when it was given, and when it ends by itself.
    """

    session: SessionIdentity
    revocation_id: str
    given_at: datetime
    expires_at: datetime


@dataclass(slots=True)
class Known:
    """
    The acts of users on a session.

    Attributes:
        fields: As the user left them; `None` while there is no such document.
        existed_from: The step at which the document was last created.
        wished_from: The step since which it has asked for an event without a break; `None` while it does not.
        ever_asked: Whether it ever asked for anything at all.
        deleted: Whether it was ever deleted.
    """

    fields: Fields | None = None
    existed_from: int = 0
    wished_from: int | None = None
    ever_asked: bool = False
    deleted: bool = False


@dataclass(slots=True)
class Ledger:
    """
    The history that the checks need: what was written before, and what users did when.

    Attributes:
        kept: The current documents.
        events: The provider's events.
        media: The provider's videos.
        scheduler: Tells which worker is writing.
        clock: Returns the current time.
        grace_s: How long an unpublished event is kept.
        beyond: Whether things may exist twice for a while.
        steps: Counts effects and acts of users.
        sessions: What users did, by session id.
        recorded: The fields last written, by path.
        intents: Every reference that was ever recorded.
        claimers: The worker that last wrote a record, by path.
        retired_at: When an event was retired, by session id.
        ready_in_time: When each upload that the provider finished before its deadline was asked for, by its reference.
        lost: References of ready videos whose document was lost, by its path.
        given: The keys that a student was given.
        changed_at: When users last changed who may watch, by session id.
    """

    kept: MemoryDocuments
    events: MemoryEvents
    media: MemoryMedia
    scheduler: Scheduler
    clock: Clock
    grace_s: int
    beyond: bool
    steps: int = 0
    sessions: dict[str, Known] = field(default_factory=dict)
    recorded: dict[str, Fields] = field(default_factory=dict)
    intents: set[str] = field(default_factory=set)
    claimers: dict[str, Worker | None] = field(default_factory=dict)
    retired_at: dict[str, datetime] = field(default_factory=dict)
    ready_in_time: dict[str, datetime] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)
    given: list[Given] = field(default_factory=list)
    changed_at: dict[str, datetime] = field(default_factory=dict)
    _alive: dict[str, MadeEvent | MadeMedia] = field(default_factory=dict)

    def user_wrote(self, session_id: str, fields: Fields | None) -> None:
        """
        Record that a user created, changed or deleted a session.
        """
        self.steps += 1
        self.changed_at[session_id] = self.clock()
        known = self.sessions.setdefault(session_id, Known())
        if fields is not None and known.fields is None:
            known.existed_from = self.steps
        known.deleted = known.deleted or fields is None
        wished = fields is not None and wanted(Session.from_fields(session_id, fields)) is not None
        if not wished:
            known.wished_from = None
        elif known.wished_from is None:
            known.wished_from = self.steps
        known.ever_asked = known.ever_asked or wished
        known.fields = fields

    def lose(self, path: str) -> None:
        """
        Record that the document of a ready video was lost, as after a restore.
        """
        self.lost[path] = self.recorded.pop(path)["playable"]["reference"]

    def present(self, session_id: str) -> SessionIdentity | None:
        """
        Return the session that has this id now.
        """
        (document,) = self.kept.read(session_path(session_id))
        return None if document is None else Session.from_document(document).identity

    def read_step(self) -> float:
        """
        Return the step of the current worker's last read. Without a worker, infinity: the last read is now.
        """
        worker = self.scheduler.current
        return float("inf") if worker is None else worker.read_step

    def read_at(self) -> datetime:
        """
        Return the time of the current worker's last read.
        """
        worker = self.scheduler.current
        return self.clock() if worker is None else worker.read_at

    def wrote(self, writes: Sequence[Write]) -> None:
        """
        Check the writes of the code under test.

        Raises:
            Broken: An invariant does not hold.
        """
        given_up = {write.path for write in writes if write.path.startswith(DELETIONS) and isinstance(write, Create)}
        for write in writes:
            collection, _, id_ = write.path.partition("/")
            if collection == SESSIONS:
                a_deleted_session_stays_deleted(self, id_)
                self._transferred(id_, write)
                continue
            checks = AT_A_WRITE.get(collection)
            if checks is None:
                continue
            # A status is always written whole. A write without `state` is only a spec.
            after: Fields | None = getattr(write, "fields", None) or getattr(write, "changes", None)
            before = self.recorded.get(write.path)
            if after is not None and "state" not in after:
                continue
            if after is None and collection != DELETIONS:
                raise Broken(9, "a record is never deleted", f"{write.path} was")
            self._judge_claim(write.path, before)
            for check in checks:
                check(Recording(self, id_, before or {}, after or {}, given_up))
            if after is None:
                del self.recorded[write.path]
                continue
            if collection == VIDEOS:
                no_place_is_given_twice(self, id_, before or {}, after)
            self.recorded[write.path] = after
            if after["reference"]:
                self.intents.add(after["reference"])

    def _transferred(self, session_id: str, write: Write) -> None:
        """
        Record the new owner that the code under test has written.
        """
        known = self.sessions[session_id]
        owner_uid = write.changes.get("ownerUid") if isinstance(write, Update) else None  # type: ignore[call-overload]
        if owner_uid is not None and known.fields is not None:
            known.fields = {**known.fields, "ownerUid": owner_uid}

    def _judge_claim(self, path: str, before: Fields | None) -> None:
        """
        Check invariant 8: while a claim lasts, only its worker writes the record.
        """
        claim = None if before is None else before.get("claim")
        if claim is not None and claim["until"] > self.clock() and self.claimers[path] is not self.scheduler.current:
            raise Broken(8, "a claim is its worker's alone", f"another one wrote {path}")
        self.claimers[path] = self.scheduler.current

    def provider_changed(self) -> None:
        """
        Check the changes of the code under test at the provider.

        Raises:
            Broken: An invariant does not hold.
        """
        made: list[MadeEvent | MadeMedia] = [*self.events.alive(), *self.media.alive()]
        alive = {one.external_ids["entryId"]: one for one in made}
        for entry_id in alive.keys() - self._alive.keys():
            nothing_is_made_before_it_is_recorded(self, alive[entry_id])
            nothing_exists_twice(self, alive[entry_id], made)
        for entry_id in self._alive.keys() - alive.keys():
            what_nobody_names_and_has_content_stays(self, self._alive[entry_id].reference)
            nothing_in_use_is_deleted(self, entry_id, self._alive[entry_id].reference)
        self._alive = alive

    def made_at(self, external_ids: ExternalIds) -> datetime | None:
        """
        Return when something was created at the provider.
        """
        made = self._alive.get(external_ids.get("entryId", ""))
        return None if made is None else made.created_at

    def is_alive(self, external_ids: ExternalIds) -> bool:
        """
        Tell whether something exists at the provider.
        """
        return external_ids.get("entryId") in self._alive


# --- at a write --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Recording:
    """
    One write of a record.

    Attributes:
        ledger: The history.
        key: Id of the document.
        before: The fields before, empty if there was no record.
        after: The fields now, empty if the record is deleted.
        given_up: The pending deletions that were created in the same commit.
    """

    ledger: Ledger
    key: str
    before: Fields
    after: Fields
    given_up: Set[str] = frozenset()


def generations_only_grow(write: Recording) -> None:
    """
    Check invariant 8: generations grow by one.
    """
    last, this = write.before.get("generation", 0), write.after["generation"]
    if this not in (last, last + 1) and (write.before or video_path(write.key) not in write.ledger.lost):
        raise Broken(8, "generations grow by one", f"{write.key} went from {last} to {this}")


def whatever_is_not_at_rest_is_due(write: Recording) -> None:
    """
    Check invariant 13: a record that must be reconciled again has a due time, so that a lost task does not lose it.
    """
    resting = (
        write.after["state"] in AT_REST
        and write.after["claim"] is None
        and not (write.after["state"] == VideoState.FAILED and write.after["parts"])
    )
    if not resting and write.after["dueAt"] is None:
        raise Broken(13, "what is not at rest has a due time", f"{write.key} {write.after['state']} has none")


def only_the_gone_expire(write: Recording) -> None:
    """
    Check invariant 9: a record that Firestore may delete by TTL is a tombstone.
    """
    if write.after["expiresAt"] is not None and write.after["state"] != PairingState.GONE:
        raise Broken(9, "only a tombstone expires", f"{write.key} does and is {write.after['state']}")


def nothing_is_recorded_of_who_needs_nothing(write: Recording) -> None:
    """
    Check invariant 5: a session that never asked for anything has no record.
    """
    if not write.ledger.sessions[write.key].ever_asked:
        raise Broken(5, "a session that needs nothing has no record", f"{write.key} has one")


def a_change_of_mind_is_seen_before_anything_goes(write: Recording) -> None:
    """
    Check invariants 6 and 7: an event is deleted only if its session was not public when the worker read it, and after
    the grace. A ready event is deleted only if the session itself was gone.
    """
    if write.after["state"] == PairingState.RETIRING and write.before["state"] != PairingState.RETIRING:
        write.ledger.retired_at[write.key] = write.ledger.read_at()
    if write.after["state"] != PairingState.DELETING or write.before["state"] == PairingState.DELETING:
        return
    known, present = write.ledger.sessions[write.key], write.ledger.present(write.key)
    if known.fields is None or present is None or known.existed_from > write.ledger.read_step():
        return
    if SessionIdentity.from_fields(write.key, write.before).belonging(present) is Belonging.OTHER:
        # The event is of a session that was deleted; another session has its id now.
        return
    if write.before["state"] != PairingState.RETIRING:
        raise Broken(6, "an event is retired before it is deleted", f"{write.key} was {write.before['state']}")
    if known.wished_from is not None and known.wished_from <= write.ledger.read_step():
        raise Broken(7, "no event goes while its session stays public", f"{write.key} was public all the time")
    kept_s = (write.ledger.clock() - write.ledger.retired_at[write.key]).total_seconds()
    if not known.deleted and kept_s < write.ledger.grace_s:
        raise Broken(7, "an unpublished event is kept for its grace", f"{write.key} was deleted before it was over")


def what_is_named_no_more_is_given_up(write: Recording) -> None:
    """
    Check invariants 2 and 10: no commit releases an external id without a pending deletion for it.
    """
    left = named_by(write.after)
    for reference, external_ids in named_by(write.before).items():
        if reference not in left and deletion_path(deletion_id(reference, external_ids)) not in write.given_up:
            raise Broken(10, "what is named no more is given up", f"{write.key} let go of {external_ids}")


def what_plays_plays_on(write: Recording) -> None:
    """
    Check invariant 6: a video that plays keeps something that plays until it is gone, whatever happens to replacements.
    """
    if write.before.get("playable") and not write.after["playable"] and write.after["state"] != VideoState.GONE:
        raise Broken(6, "what plays plays on", f"{write.key} plays no more and is {write.after['state']}")


def no_place_is_given_twice(ledger: Ledger, video_id: str, before: Fields, after: Fields) -> None:
    """
    Check invariant 22: no two videos of a session were given the same place, unless a user chose it.
    """
    if before.get("order") == after["order"] or after["order"] is None or after["gone"]:
        return
    mine = SessionIdentity.from_fields(after["sessionId"], after)
    for path, other in ledger.recorded.items():
        if not path.startswith(VIDEOS) or path == video_path(video_id) or other["gone"]:
            continue
        its = SessionIdentity.from_fields(other["sessionId"], other)
        chosen = [ledger.kept.read(one)[0] for one in (path, video_path(video_id))]
        if any(one is not None and one.fields["wish"]["newOrder"] is not None for one in chosen):
            continue
        if its == mine and other["order"] == after["order"]:
            raise Broken(22, "no place is given twice", f"{path} and {video_id} are both {after['order']}")


def a_deletion_ends_with_its_thing(write: Recording) -> None:
    """
    Check invariant 6: the document of a deletion is deleted after its thing.
    """
    if not write.after and write.ledger.is_alive(write.before["parts"]):
        raise Broken(6, "what is recorded as gone is gone", f"{write.key} has {write.before['parts']}")


def gone_is_said_of_the_gone(write: Recording) -> None:
    """
    Check invariant 6: GONE is recorded only after everything recorded is gone.
    """
    left = {**write.before.get("parts", {}), **write.after["parts"]}
    if write.after["state"] == PairingState.GONE and write.ledger.is_alive(left):
        raise Broken(6, "what is recorded as gone is gone", f"{write.key} has {left}")


def ready_is_said_of_the_ready(write: Recording) -> None:
    """
    Check invariant 20: a video is recorded as playing only if it plays at the provider.
    """
    before, plays = write.before.get("playable"), write.after["playable"]
    if plays is None or (before is not None and before["reference"] == plays["reference"]):
        return
    mine = [one for one in write.ledger.media.alive() if one.external_ids == plays["parts"]]
    if [one.observation.state for one in mine] != [MediaState.READY]:
        raise Broken(20, "what is recorded as ready is ready", f"{write.key} is not")


def a_deleted_session_stays_deleted(ledger: Ledger, session_id: str) -> None:
    """
    Check invariant 15: no write brings a deleted session back.
    """
    if ledger.sessions[session_id].fields is None:
        raise Broken(15, "no write brings a deleted session back", f"{session_id} was written")


AT_REST: Final = frozenset(
    {
        PairingState.NONE.value,
        PairingState.READY.value,
        PairingState.GONE.value,
        VideoState.FAILED.value,
    }
)

AT_A_WRITE: Final[Mapping[str, tuple[Callable[[Recording], None], ...]]] = {
    PAIRINGS: (
        nothing_is_recorded_of_who_needs_nothing,
        generations_only_grow,
        only_the_gone_expire,
        a_change_of_mind_is_seen_before_anything_goes,
        gone_is_said_of_the_gone,
        whatever_is_not_at_rest_is_due,
    ),
    VIDEOS: (
        generations_only_grow,
        what_is_named_no_more_is_given_up,
        what_plays_plays_on,
        ready_is_said_of_the_ready,
        whatever_is_not_at_rest_is_due,
    ),
    DELETIONS: (a_deletion_ends_with_its_thing,),
}


# --- at a change at the provider -----------------------------------------------------------------------------------


def nothing_is_made_before_it_is_recorded(ledger: Ledger, made: MadeEvent | MadeMedia) -> None:
    """
    Check invariant 1: nothing is created before its reference is recorded.
    """
    if made.reference not in ledger.intents:
        raise Broken(1, "nothing is made before it is recorded", f"{made.reference} was never written down")


def nothing_exists_twice(ledger: Ledger, new: MadeEvent | MadeMedia, made: Sequence[MadeEvent | MadeMedia]) -> None:
    """
    Check invariant 4: if the provider commits in time, nothing ever exists twice, not even in two generations.
    """
    key = new.reference.rpartition(":")[0]
    if ledger.beyond:
        return
    # Released things are about to be deleted. Content that plays stays until its replacement plays.
    parting = [fields["parts"] for path, fields in ledger.recorded.items() if path.startswith(DELETIONS)]
    video = ledger.recorded.get(video_path(key.partition(":")[2]), {})
    parting += [video["playable"]["parts"]] if video.get("playable") else []
    mine = [one for one in made if one.reference.rpartition(":")[0] == key and one.external_ids not in parting]
    if len(mine) > 1:
        raise Broken(4, "nothing exists twice", f"there are two of {key}")


def what_nobody_names_and_has_content_stays(ledger: Ledger, reference: str) -> None:
    """
    Check invariant 28: a video that was ready and whose document is lost is deleted only by a person.
    """
    lost = [path for path, one in ledger.lost.items() if one == reference and path not in ledger.recorded]
    if lost:
        raise Broken(28, "what has content is not deleted for want of a document", f"{lost} was, at its provider")


def nothing_in_use_is_deleted(ledger: Ledger, entry_id: str, reference: str) -> None:
    """
    Check invariant 6: things that are recorded as existing, or as begun, are never deleted.
    """
    for path, fields in ledger.recorded.items():
        if path.startswith(DELETIONS):
            continue
        mine = any(external_ids.get("entryId") == entry_id for external_ids in named_by(fields).values())
        begun = fields["state"] in BEGUN and fields["reference"] == reference
        if begun or (mine and fields["state"] in IN_USE):
            raise Broken(6, "what is in use is not deleted", f"{path} is {fields['state']} and lost {entry_id}")


def named_by(fields: Fields) -> dict[str, ExternalIds]:
    """
    Return the external ids that a record names, by reference, given its fields.
    """
    plays = fields.get("playable")
    found: dict[str, ExternalIds] = {} if not plays else {plays["reference"]: plays["parts"]}
    if fields.get("parts") and fields.get("reference"):
        found[fields["reference"]] = fields["parts"]
    return found


BEGUN: Final = frozenset({PairingState.CREATING.value, VideoState.PREPARING.value})
IN_USE: Final = frozenset({PairingState.READY.value, PairingState.RETIRING.value, *map(str, VideoState)}) - {
    VideoState.GONE.value
}


# --- at rest -------------------------------------------------------------------------------------------------------


def check_rest(ledger: Ledger) -> None:
    """
    Check the end state, once nothing is left to do.

    Raises:
        Broken: An invariant does not hold.
    """
    documents = _read_all(ledger.kept)
    pairings = {path: Pairing.from_document(one) for path, one in documents.items() if path.startswith(PAIRINGS)}
    videos = {path: Video.from_document(one) for path, one in documents.items() if path.startswith(VIDEOS)}
    for session_id, known in ledger.sessions.items():
        document = documents.get(session_path(session_id))
        pairing = pairings.get(pairing_path(session_id))
        users_fields_are_the_users(known, session_id, document)
        public_is_one_event_and_all_else_is_none(ledger, known, session_id, pairing)
        a_record_is_that_of_the_session_that_is_there(ledger, session_id, pairing)
        the_session_shows_what_is_recorded(ledger, session_id, document, pairing, _of(session_id, videos))
        records_outlive_their_sessions(ledger, session_id, pairing)
        nothing_is_left_of_a_deleted_session(known, session_id, pairing, _of(session_id, videos))
    every_transfer_has_ended(documents)
    enrolments_are_the_owners(ledger, documents)
    for path in videos:
        a_video_has_come_to_its_end(ledger, path, documents[path])
    nothing_is_left_to_be_deleted(documents)
    nothing_is_there_that_nobody_recorded(ledger, pairings.values(), videos.values())


def users_fields_are_the_users(known: Known, session_id: str, document: Document | None) -> None:
    """
    Check invariants 12 and 15: users' fields are unchanged, and sessions that users deleted are gone.
    """
    there = None if document is None else {key: document.fields.get(key) for key in known.fields or {}}
    if there != known.fields:
        raise Broken(15, "a session is as its user left it", f"{session_id} is {there}, not {known.fields}")


def every_transfer_has_ended(documents: Mapping[str, Document]) -> None:
    """
    Check invariant 13: every transfer has ended, and sessions name no former owner.
    """
    left = [path for path in documents if path.startswith(TRANSFERS)]
    left += [path for path, one in documents.items() if one.fields.get("formerOwnerUids")]
    if left:
        raise Broken(13, "a transfer comes to its end", f"{left} is left")


def enrolments_are_the_owners(ledger: Ledger, documents: Mapping[str, Document]) -> None:
    """
    Check invariant 12: an enrolment follows its session to another owner, and is deleted with it.
    """
    for path, one in documents.items():
        if not path.startswith(ENROLMENTS):
            continue
        fields, session_id = one.fields, one.fields["sessionId"]
        present = ledger.present(session_id)
        if present is None:
            if pairing_path(session_id) in ledger.recorded:
                raise Broken(10, "a deleted session's enrolments go with it", f"{path} is left")
            continue
        # Documents and users have different clocks. They can be compared only if the user wrote `createdAt`.
        created_at = (ledger.sessions[session_id].fields or {}).get("createdAt")
        if created_at is not None and fields["createdAt"] >= created_at and fields["ownerUid"] != present.owner_uid:
            raise Broken(12, "an enrolment opens its session", f"{path} names {fields['ownerUid']}")


def public_is_one_event_and_all_else_is_none(
    ledger: Ledger, known: Known, session_id: str, pairing: Pairing | None
) -> None:
    """
    Check invariants 3 and 12: a public live session has exactly one event, and all other sessions have none.

    The event is recorded as READY in its current generation, and matches the spec.
    """
    mine = [one for one in ledger.events.alive() if one.reference.split(":")[1] == session_id]
    spec = None if known.fields is None else wanted(Session.from_fields(session_id, known.fields))
    if spec is None or (spec.title == REFUSED_TITLE and not mine):
        if mine or (pairing is not None and pairing.state not in (PairingState.GONE, PairingState.NONE)):
            state = None if pairing is None else pairing.state.value
            raise Broken(3, "who asks for no event has none", f"{session_id} is {state} and has {mine}")
        return
    if pairing is None or pairing.state is not PairingState.READY or len(mine) != 1:
        state = None if pairing is None else pairing.state.value
        raise Broken(3, "who asks for an event has one", f"{session_id} is {state} and has {mine}")
    (event,) = mine
    external_ids = {part: id_ for part, id_ in pairing.external_ids.items() if id_ != NOT_AVAILABLE}
    if (event.reference, event.external_ids) != (pairing.reference, external_ids):
        raise Broken(3, "the recorded event is the one there is", f"{session_id} records {pairing}, there is {event}")
    # A worker that sleeps past its lease may overwrite a newer update with its own.
    fulfils = event.spec == spec
    is_judged = spec.title != REFUSED_TITLE and not ledger.beyond
    if is_judged and (spec.title == PARTLY_REFUSED_TITLE) != bool(pairing.refused):
        raise Broken(3, "what is refused is recorded, and nothing else", f"{session_id} records {pairing.refused}")
    if len(external_ids) < len(pairing.external_ids):
        # Whatever depends on a part that the account does not offer is not there either.
        fulfils = event.spec.title == spec.title
    if not fulfils and is_judged:
        raise Broken(12, "the event is as it was last wished", f"{session_id} wishes {spec}, it is {event.spec}")


def a_record_is_that_of_the_session_that_is_there(ledger: Ledger, session_id: str, pairing: Pairing | None) -> None:
    """
    Check invariant 12: a session does not inherit the pairing of an earlier session with the same id.
    """
    present = ledger.present(session_id)
    if present is not None and pairing is not None and pairing.identity.belonging(present) is not Belonging.SAME:
        raise Broken(12, "a record is its session's", f"{session_id} is {present}, recorded is {pairing.identity}")


def the_session_shows_what_is_recorded(
    ledger: Ledger, session_id: str, document: Document | None, pairing: Pairing | None, videos: Mapping[str, Video]
) -> None:
    """
    Check invariants 3 and 20: a session shows exactly the event and videos that are recorded.

    Videos whose document was lost may stay until the next full check.
    """
    if document is None:
        return
    session = Session.from_document(document)
    told = shown(SessionSpec(exists=True, event=wanted(session)), pairing)
    if session.shown != told:
        raise Broken(3, "a session shows its event", f"{session_id} shows {session.shown}, recorded is {told}")
    refs = {id_: ref for id_, video in videos.items() if (ref := video_shown(video)) is not None}
    lost = {id_ for id_ in session.videos if video_path(id_) in ledger.lost and id_ not in videos}
    if {id_: ref for id_, ref in session.videos.items() if id_ not in lost} != refs:
        raise Broken(20, "a session shows its videos", f"{session_id} shows {session.videos}, recorded is {refs}")


def records_outlive_their_sessions(ledger: Ledger, session_id: str, pairing: Pairing | None) -> None:
    """
    Check invariant 9: a pairing outlives its session.
    """
    if pairing is None and pairing_path(session_id) in ledger.recorded:
        raise Broken(9, "a record outlives its session", f"that of {session_id} is not there")


def nothing_is_left_of_a_deleted_session(
    known: Known, session_id: str, pairing: Pairing | None, videos: Mapping[str, Video]
) -> None:
    """
    Check invariants 3 and 10: everything of a deleted session is gone.
    """
    if known.fields is not None:
        return
    if pairing is not None and (pairing.state is not PairingState.GONE or pairing.expires_at is None):
        raise Broken(3, "a deleted session leaves a tombstone", f"{session_id} leaves {pairing}")
    for video_id, video in videos.items():
        if video.state is not VideoState.GONE:
            raise Broken(10, "a deleted session's videos go with it", f"{video_id} is {video.state.value}")


def a_video_has_come_to_its_end(ledger: Ledger, path: str, document: Document) -> None:
    """
    Check invariants 12, 13, 20 and 21: a video has reached its end.

    The latest upload in its spec plays, has failed permanently, or is cancelled. If it does not play, earlier content
    still does. An upload that the provider finished in time plays.
    """
    video, spec = Video.from_document(document), Spec.from_document(document)
    present = ledger.present(video.session.session_id)
    # A session that was created again has none of the videos of the deleted one, even with the same owner.
    has_session = present is not None and video.session.belonging(present) is Belonging.SAME
    if video.state is VideoState.GONE:
        # A call that outlived its timeout may have been written for a former owner. Nothing was created for it.
        was_too_late = ledger.beyond and video.generation == 0
        if has_session and not (spec.deleted or spec.cancelled == spec.number or was_too_late):
            raise Broken(12, "a video that is wanted is there", f"{path} is gone")
        return
    if not has_session:
        raise Broken(10, "a deleted session's videos go with it", f"{path} is {video.state.value}")
    if video.state not in (VideoState.READY, VideoState.FAILED):
        raise Broken(13, "everything comes to an end", f"{path} is {video.state.value}")
    if spec.deleted or video.serving != spec.number:
        raise Broken(12, "a video is as it was last wished", f"{path} wishes {spec} and is {video}")
    if spec.cancelled == spec.number and video.state is not VideoState.READY:
        raise Broken(12, "a cancelled upload is withdrawn", f"{path} is {video.state.value}")
    mine = [one for one in ledger.media.alive() if one.reference.split(":")[1] == path.partition("/")[2]]
    playing = [one for one in mine if one.observation.state is MediaState.READY]
    if video.playable is None:
        if video.state is VideoState.READY or mine or video.external_ids:
            raise Broken(21, "of a failed video nothing is left", f"{path} has {mine}, records {video}")
    elif (
        [one.external_ids for one in playing] != [video.playable.external_ids]
        or len(mine) != 1
        or video.playable.trouble
    ):
        raise Broken(20, "what a video records as playing plays, and nothing else is there", f"{path} has {mine}")
    if (video.corrections, video.order) != (spec.corrections, spec.new_order or video.order):
        raise Broken(12, "a video is as it was last corrected", f"{path} wishes {spec} and is {video}")
    if video.playable is not None and video.playable.title != REFUSED_TITLE and not ledger.beyond:
        titles = {one.spec.title for one in playing}
        if video.rename_at is not None or titles != {video.playable.title}:
            raise Broken(12, "its provider knows its title", f"{path} is called {video.playable.title}, not {titles}")
    reference = reference_of(path.partition("/")[2], video.generation)
    # A replacement for which nothing was created yet keeps the generation of the upload before it.
    if video.state is VideoState.FAILED and ledger.ready_in_time.get(reference) == video.asked_at:
        raise Broken(20, "what the provider finished in time plays", f"{path} failed: {video.ended}")


def nobody_keeps_what_they_may_not_have(ledger: Ledger, keys: MemoryViewerKeys, uid: str, until: datetime) -> None:
    """
    Check invariant 29: keys of a viewer who may not watch any more are ended at the provider.

    Args:
        ledger: The history, with all keys that were given.
        keys: The keys at the provider.
        uid: The viewer.
        until: Keys given, or changes made, up to then must have been noticed.
    """
    for given in ledger.given:
        if max(given.given_at, ledger.changed_at[given.session.session_id]) > until:
            continue
        known, present = ledger.sessions[given.session.session_id], ledger.present(given.session.session_id)
        fields = known.fields
        (enrolment,) = ledger.kept.read(enrolment_path(given.session.session_id, uid))
        is_same = present is not None and given.session.created_at == present.created_at
        is_let_in = fields is not None and (fields["visibility"] == "open" or enrolment is not None)
        if fields is not None and is_same and is_let_in and fields["status"] == "public":
            continue
        # A key stays ended for as long as it is recorded, which is longer than it lasts.
        if given.revocation_id not in keys.ended and ledger.clock() < given.expires_at + RECORDED_AHEAD:
            raise Broken(29, "nobody keeps what they may not have", f"{given} is not ended")


def nothing_is_left_to_be_deleted(documents: Mapping[str, Document]) -> None:
    """
    Check invariant 10: no deletion is pending.
    """
    left = [path for path in documents if path.startswith(DELETIONS)]
    if left:
        raise Broken(10, "what is given up is deleted in the end", f"{left} is not")


def nothing_is_there_that_nobody_recorded(ledger: Ledger, pairings: Iterable[Pairing], videos: Iterable[Video]) -> None:
    """
    Check invariant 2: everything that exists is recorded.
    """
    recorded = {pairing.external_ids.get("entryId") for pairing in pairings}
    recorded |= {external_ids.get("entryId") for video in videos for external_ids in named(video).values()}
    alive: list[MadeEvent | MadeMedia] = [*ledger.events.alive(), *ledger.media.alive()]
    # Things that could not be adopted wait for an operator's decision.
    waiting = {reference for path, reference in ledger.lost.items() if path not in ledger.recorded}
    extra = [one for one in alive if one.external_ids["entryId"] not in recorded and one.reference not in waiting]
    if extra:
        raise Broken(2, "whatever exists is recorded", f"there is {extra}")


def _of(session_id: str, videos: Mapping[str, Video]) -> dict[str, Video]:
    return {path.partition("/")[2]: video for path, video in videos.items() if video.session.session_id == session_id}


def _read_all(kept: MemoryDocuments) -> dict[str, Document]:
    def found() -> Iterator[tuple[str, Document]]:
        paths = kept.paths()
        for path, document in zip(paths, kept.read(*paths), strict=True):
            assert document is not None
            yield path, document

    return dict(found())
