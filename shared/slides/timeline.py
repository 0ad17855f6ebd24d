"""The timeline of a session: which page of which media it showed from which instant on.

Called by `showing.py` and `controller.py`, which write each change of what is shown, and by `reading.py`. The changes
are in chunks below the session, `sessions/{sessionId}/slideTimelines/{chunk}`, so that those who may watch the session
can read them. A change is written in the commit that changes the session, into the chunk that the session names in its
field `slideTimeline`. That needs no further read. A change begins a new chunk, and reads the record of the timeline
(`timelines/`) for it, only if the last chunk has `ENTRIES_MAX` entries. Two hours of a lesson are one chunk or two.

A chunk has the fields of its session's identity, as a view has, and a part of its id is a digest of that identity. An
entry has some 90 bytes, so a chunk has 20 KB at most, and a session `CHUNKS_MAX` of them.

The instant of a change is the time of the instance that makes it, but never earlier than the instant of the previous
change. So instants have the order of revisions, even if the clocks of two instances differ.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from shared.core.identity import SessionIdentity
from shared.core.paths import slide_timeline_path, timeline_path
from shared.ports import Create, Delete, Document, Fields, Update, Write
from shared.slides.timelines.model import CHUNKS_MAX, Timeline, timeline_key

ENTRIES_MAX: Final = 200
"""The entries after which another chunk begins."""

TAIL: Final = "slideTimeline"
"""The field of a session that says where its timeline ends."""


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One change of what a session shows.

    Attributes:
        revision: The revision that the change made.
        at: Its instant.
        media_id: The media that is shown since; `None` if none is.
        page: Its page; `None` if none is shown.
    """

    revision: int
    at: datetime
    media_id: str | None
    page: int | None

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form, without the revision, which is its key. Pure.
        """
        return {"at": self.at, "media": self.media_id, "page": self.page}

    @classmethod
    def from_fields(cls, revision: str, fields: Fields) -> Self:
        """
        Read back what `to_fields` wrote. Pure.
        """
        return cls(int(revision), fields["at"], fields["media"], fields["page"])


@dataclass(frozen=True, slots=True)
class Moment:
    """
    What a session showed at one instant.

    Attributes:
        media_id: The media; `None` if nothing was shown.
        page: Its page; `None` if nothing was shown.
        is_gap: Whether the media was deleted since, so that its page cannot be shown any more.
    """

    media_id: str | None = None
    page: int | None = None
    is_gap: bool = False


NOTHING: Final = Moment()


def page_at(timeline: Iterable[Entry], instant: datetime, deleted: Collection[str] = ()) -> Moment:
    """
    Return what a session showed at an instant: what the last change until then made. Pure.

    Args:
        timeline: The changes, in any order.
        instant: The instant. In a recording, the instant of its beginning plus the position in it.
        deleted: The ids of the media that were deleted since.
    """
    until = [entry for entry in timeline if entry.at <= instant]
    if not until:
        return NOTHING
    last = max(until, key=_order)
    if last.media_id is None:
        return NOTHING
    return Moment(last.media_id, last.page, last.media_id in deleted)


@dataclass(frozen=True, slots=True)
class Tail:
    """
    The end of a session's timeline: the field `slideTimeline` of its document.

    Attributes:
        chunk: The id of the last chunk.
        entries: The number of entries in it.
        at: The instant of the last one.
    """

    chunk: str
    entries: int
    at: datetime

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form. Pure.
        """
        return {"chunk": self.chunk, "entries": self.entries, "at": self.at}

    @classmethod
    def in_session(cls, session: Document) -> Self | None:
        """
        Return the end of a session's timeline; `None` if it has none, or if the field has been overwritten. Pure.
        """
        match session.fields.get(TAIL):
            case {"chunk": str(chunk), "entries": int(entries), "at": datetime() as at} if chunk and "/" not in chunk:
                return cls(chunk, entries, at)
        return None

    @property
    def is_full(self) -> bool:
        """
        Tell whether the next entry begins another chunk.
        """
        return self.entries >= ENTRIES_MAX


@dataclass(frozen=True, slots=True)
class Recorded:
    """
    The writes that record a change.

    Attributes:
        tail: The end of the timeline after it, for the session's document.
        writes: The writes for the commit that changes the session.
    """

    tail: Tail
    writes: tuple[Write, ...]


def not_before(tail: Tail | None, now: datetime) -> datetime:
    """
    Return the instant of a change: now, but not earlier than the previous change. Pure.
    """
    return now if tail is None else max(tail.at, now)


def appended(session_id: str, tail: Tail, entry: Entry) -> Recorded:
    """
    Return the writes that add an entry to the last chunk. Pure.
    """
    changes: dict[tuple[str, ...], Any] = {("entries", str(entry.revision)): entry.to_fields()}
    write = Update(slide_timeline_path(session_id, tail.chunk), changes)
    return Recorded(Tail(tail.chunk, tail.entries + 1, entry.at), (write,))


def begun(session: SessionIdentity, known: Document | None, entry: Entry) -> Recorded:
    """
    Return the writes that begin another chunk with an entry. Pure.

    Args:
        session: The session.
        known: The record of its timeline; `None` if this is its first chunk.
        entry: The entry.
    """
    key = timeline_key(session)
    path, chunk = timeline_path(key), f"{key.partition('-')[0]}-{entry.revision}-{entry.at.timestamp() * 1000:.0f}"
    content = {**session.to_fields(), "entries": {str(entry.revision): entry.to_fields()}}
    created = Create(slide_timeline_path(session.session_id, chunk), content)
    tail = Tail(chunk, 1, entry.at)
    if known is None:
        record = {**Timeline(session, (chunk,)).to_fields(), "wish": {"deleted": False}}
        return Recorded(tail, (Create(path, record), created))
    chunks = (*Timeline.from_document(known).chunks, chunk)
    dropped = [Delete(slide_timeline_path(session.session_id, old)) for old in chunks[:-CHUNKS_MAX]]
    update = Update(path, {"chunks": list(chunks[-CHUNKS_MAX:])}, if_version=known.version)
    return Recorded(tail, (update, created, *dropped))


def entries_in(chunks: Iterable[Fields]) -> list[Entry]:
    """
    Return the entries of chunks, in their order. Pure.
    """
    found: list[Entry] = []
    for chunk in chunks:
        entries: Mapping[str, Fields] = chunk["entries"]
        found += [Entry.from_fields(revision, fields) for revision, fields in entries.items()]
    return sorted(found, key=_order)


def _order(entry: Entry) -> tuple[datetime, int]:
    return entry.at, entry.revision
