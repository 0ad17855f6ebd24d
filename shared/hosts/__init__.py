"""Copies of ready videos at other hosts: `copies/{videoId}-{host}` is recorded; wished is what plays of the video, and
that it is to be at that host.

Called by `functions/` (worker). Leaves to `decide` what is next, to `table` from which host a video is played, to
`health` whether a host can be, and to `shared/deletions/` the copies that nobody names any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar

from shared.deletions.model import Reason, deletion_id, given_up
from shared.epoch import Holds, nothing_is_held
from shared.errors import Transient
from shared.hosts import decide as decisions
from shared.hosts.decide import CopyWish, Film
from shared.hosts.model import Copy, CopyState, shown, shown_in
from shared.identity import SessionIdentity
from shared.paths import COPIES, VISIT_COPY, VISIT_DELETION, copy_path, video_path
from shared.ports import (
    REMOVE,
    Condition,
    Create,
    Delete,
    Document,
    Documents,
    Holders,
    Hosts,
    Observation,
    Operator,
    Parts,
    Query,
    Source,
    Task,
    Update,
    Version,
    Write,
    holder_of,
)
from shared.reconcile import Decision, Look, Step, Subject, await_late_commit

SOURCE_LIFETIME_S = 6 * 3600
"""For so long a host that fetches by itself may fetch."""


@dataclass(frozen=True, slots=True)
class Copies(Subject[CopyWish, Copy, Parts | Observation]):
    """
    The Controller of copies: a `Subject` of the visit.

    Attributes:
        documents: Where the documents are.
        holders: The providers that have the videos.
        hosts: The hosts that get copies.
        late_commit_s: Seconds after which a lost creation is certain not to come.
        holds: Whether deletions are held.
    """

    queue: ClassVar[str] = VISIT_COPY

    documents: Documents
    holders: Holders
    hosts: Hosts
    late_commit_s: int
    holds: Holds = nothing_is_held

    def look(self, key: str) -> Look[CopyWish, Copy]:
        """
        Read the copy and its video: two documents.
        """
        document, video = self.documents.read(copy_path(key), video_path(_video_in(key)))
        if video is None:
            wish = CopyWish(None, has_video=False, is_waiting=document is not None and self.holds())
        else:
            wish = self._wish(video, decisions.host_in(key))
        if document is None:
            return Look(key, wish, None, None)
        return Look(key, wish, Copy.from_document(document), document.version)

    def decide(self, look: Look[CopyWish, Copy], now: datetime, *, observed: bool) -> Decision[Copy]:
        """
        The next step. Pure.
        """
        return decisions.decide(look, now, observed=observed)

    def act(self, look: Look[CopyWish, Copy], step: Step[Copy], now: datetime) -> Parts | Observation:
        """
        The one call of a step at the host, and the provider's answer where the film is, if the step needs it.

        Raises:
            Transient: This deployment has no such host at the moment, or the film cannot be had yet (again).
        """
        record = step.record
        host = holder_of(self.hosts, decisions.host_in(look.key))
        match step.name:
            case decisions.MAKE:
                return host.begin_copy(record.reference or "", self._source(look))
            case decisions.FIND:
                parts = host.find_copy(record.reference or "")
                if not parts and record.tried_at is not None:
                    await_late_commit(record.tried_at, now, self.late_commit_s)
                return parts
            case decisions.SEND:
                return host.send_more(record.parts, self._source(look))
        return host.observe_copy(record.parts)

    def settle(self, look: Look[CopyWish, Copy], step: Step[Copy], outcome: Parts | Observation, now: datetime) -> Copy:
        """
        What is recorded after a step that succeeded. Pure.
        """
        if isinstance(outcome, Observation):
            return decisions.observed(step.record, outcome, now)
        return decisions.copying(step.record, outcome) if outcome else decisions.not_made(step.record)

    def after(self, look: Look[CopyWish, Copy], record: Copy) -> Look[CopyWish, Copy]:
        """
        The look as it will be once `record` is written. Pure.
        """
        return replace(look, record=record, wish=replace(look.wish, shown=shown(record)))

    def record_writes(
        self, look: Look[CopyWish, Copy], record: Copy, version: Version | None, now: datetime
    ) -> tuple[Write, ...]:
        """
        The write of the copy's document, which goes with what it names, and of a pending deletion for that. Pure.
        """
        path = copy_path(look.key)
        host = decisions.host_in(look.key)
        dropped = tuple(
            given_up(host, reference, parts, _reason(record), now, _session_of(look))
            for reference, parts in _dropped(look, record).items()
        )
        if record.state is CopyState.GONE:
            return () if version is None else (Delete(path, if_version=version), *dropped)
        if version is None:
            return (Create(path, record.to_fields()),)
        return (Update(path, record.to_fields(), if_version=version), *dropped)

    def follow_ups(self, look: Look[CopyWish, Copy], record: Copy) -> tuple[Task, ...]:
        """
        What is named no more is deleted. Pure.
        """
        return tuple(
            Task(VISIT_DELETION, deletion_id(reference, parts)) for reference, parts in _dropped(look, record).items()
        )

    def view_writes(self, look: Look[CopyWish, Copy], record: Copy) -> tuple[Write, ...]:
        """
        The write of what the video's document shows of the copy. Pure.
        """
        told = shown(record)
        if not look.wish.has_video or told == look.wish.shown:
            return ()
        view: Mapping[tuple[str, ...], Any] = {
            ("hosts", decisions.host_in(look.key)): REMOVE if told is None else told.to_fields()
        }
        return (Update(video_path(_video_in(look.key)), view),)

    def count(self, host: str, state: CopyState) -> int:
        """
        How many copies at a host are in a state.

        Raises:
            Transient: The documents could not be reached (again).
        """
        conditions = (Condition("host", Operator.EQUAL, host), Condition("state", Operator.EQUAL, state.value))
        return self.documents.total(Query(COPIES, conditions), "generation").count

    def _wish(self, video: Document, host: str) -> CopyWish:
        seen = shown_in(video).get(host)
        return CopyWish(film_of(video) if host in self.hosts else None, shown=seen)

    def _source(self, look: Look[CopyWish, Copy]) -> Source:
        """
        Raises:
            Transient: There is nothing any more of which to make a copy; the next look sees that (again).
        """
        film = look.wish.film
        if film is None:
            raise Transient("The video was deleted meanwhile.", provider="", operation="source", code="NO_FILM")
        return holder_of(self.holders, film.provider).media.source(film.parts, SOURCE_LIFETIME_S)


def film_of(video: Document) -> Film | None:
    """
    What plays of a video, `None` where nothing does. Pure.
    """
    playable = video.fields["playable"]
    if playable is None or video.fields["gone"]:
        return None
    fields = video.fields
    session = SessionIdentity.from_fields(fields["sessionId"], fields)
    return Film(session, fields["provider"], playable["reference"], dict(playable["parts"]))


def _video_in(key: str) -> str:
    return key.partition("-")[0]


def _session_of(look: Look[CopyWish, Copy]) -> SessionIdentity | None:
    return None if look.record is None else look.record.session


def _dropped(look: Look[CopyWish, Copy], record: Copy) -> dict[str, Parts]:
    """
    What the record named and, once this is written, names no more.
    """
    before = look.record
    if before is None or not before.parts or before.reference is None or before.reference == record.reference:
        return {}
    return {before.reference: before.parts}


def _reason(record: Copy) -> Reason:
    """
    Why a copy is named no more.
    """
    if record.state is CopyState.GONE:
        return Reason.DELETED
    return Reason.FAILED if record.state is CopyState.FAILED else Reason.REPLACED
