"""Orphans: what exists at a provider and no document names, and what documents name and no provider has.

Called by the sweep for what is new, by the schedule and by the command for all there is. What nobody names is given up
(`shared/deletions/`), never deleted here; nothing is touched that is younger than any creation can still be under way,
nor anything that this deployment did not make. Leaves to the visits what a document does without its thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from shared import log
from shared.deletions.model import Reason, deletion_id, given_up
from shared.errors import Conflict, ProviderError
from shared.history import History
from shared.hosts.model import Copy, CopyState
from shared.paths import (
    COPIES,
    DELETIONS,
    ORPHANS_REPORT,
    PAIRINGS,
    VIDEOS,
    VISIT_COPY,
    VISIT_DELETION,
    VISIT_VIDEO,
    copy_path,
    pairing_path,
    video_path,
)
from shared.ports import (
    OBSERVED_MAX,
    Clock,
    Condition,
    Create,
    Document,
    Documents,
    Events,
    Holders,
    Hosts,
    MediaState,
    Note,
    Operator,
    Parts,
    Places,
    Query,
    Queue,
    Stray,
    Update,
    holder_of,
)
from shared.sessions.model import Pairing, PairingState
from shared.sessions.pairing import have_verified
from shared.videos import watched
from shared.videos.model import Video, VideoState, named

PAGE: Final = 500
BEGINNING: Final = datetime(2020, 1, 1, tzinfo=UTC)

REPORTED_MAX: Final = 100
"""Orphans of each kind that a report names; it counts them all."""

Told = Callable[[int, int], None]
"""Is told how many things and how many documents have been looked at so far."""


def _silently(_things: int, _documents: int) -> None:
    """
    Tell nobody.
    """


@dataclass(frozen=True, slots=True)
class Missing:
    """
    A document that names something that its provider does not have.

    Attributes:
        path: Of the document.
        parts: The provider's ids of what is not there.
    """

    path: str
    parts: Parts


@dataclass(frozen=True, slots=True)
class Report:
    """
    What one search found; kept as `reports/orphans`.

    Attributes:
        at: When it began.
        things: How many things at the provider were looked at.
        documents: How many documents.
        strays: What no document names.
        missing: What documents name and is not there.
        cleaned_up: Whether strays were given up and documents noted.
    """

    at: datetime
    things: int
    documents: int
    strays: tuple[Stray, ...]
    missing: tuple[Missing, ...]
    cleaned_up: bool

    def to_fields(self) -> dict[str, Any]:
        """
        The document form. Pure.
        """
        return {
            "at": self.at,
            "things": self.things,
            "documents": self.documents,
            "cleanedUp": self.cleaned_up,
            "strayCount": len(self.strays),
            "strays": [
                {
                    "provider": one.provider,
                    "reference": one.reference,
                    "parts": dict(one.parts),
                    "createdAt": one.created_at,
                }
                for one in self.strays[:REPORTED_MAX]
            ],
            "missingCount": len(self.missing),
            "missing": [{"path": one.path, "parts": dict(one.parts)} for one in self.missing[:REPORTED_MAX]],
        }


_Part = tuple[str, str, str]
"""Of a thing: its provider, the name of the part, the provider's id."""


@dataclass(slots=True)
class _Search:
    """
    What a search has come to so far.
    """

    things: int = 0
    documents: int = 0
    there: set[_Part] = field(default_factory=set)
    strays: list[Stray] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Orphans:
    """
    Where to look for them.

    Attributes:
        documents: Where everything is recorded.
        queue: For notes.
        events: The provider of live events.
        holders: The providers.
        hosts: The hosts that get copies.
        places: Both, with everything of ours there.
        clock: Now, in UTC.
        age_s: Nothing younger is touched.
    """

    documents: Documents
    queue: Queue
    events: Events
    holders: Holders
    hosts: Hosts
    places: Places
    clock: Clock
    age_s: int

    def give_up_new(self, provider: str, since: datetime) -> tuple[datetime, int]:
        """
        Give up what was made at a provider since then, is old enough, and is named by nobody.

        Returns:
            Up to when everything is named or given up, and how many things were given up. Where the provider does not
            let us look on, that is where the next search goes on.
        """
        until = self.clock() - timedelta(seconds=self.age_s)
        reached_at, left_at, count = since, until, 0
        try:
            for page in self._made(provider, since, until):
                for stray, claim in self._claims(page):
                    if claim == _UNDER_WAY:
                        left_at = min(left_at, stray.created_at)
                    elif claim == _NOBODY:
                        self._give_up(stray)
                        count += 1
                reached_at = max([reached_at, *(one.created_at for one in page)])
        except ProviderError as error:
            log.sweep_hindered(error)
            return min(reached_at, left_at), count
        return max(left_at, since), count

    def find(self, *, clean_up: bool, tell: Told = _silently) -> Report:
        """
        Look at everything there is, report what is orphaned, and keep the report.

        Args:
            clean_up: Give up what nobody names, and have the documents visited whose things are not there.
            tell: Is told how far it has come.

        Raises:
            Transient: Provider, documents or queue could not be reached (again).
        """
        now = self.clock()
        search = _Search()
        old_enough = now - timedelta(seconds=self.age_s)
        for provider in self.places:
            for page in self._made(provider, BEGINNING, now + timedelta(days=1)):
                search.things += len(page)
                search.there |= {part for one in page for part in _parts(provider, one.parts)}
                old = [one for one in page if one.created_at < old_enough]
                search.strays += [one for one, claim in self._claims(old) if claim == _NOBODY]
                tell(search.things, search.documents)
        self._look_through(VIDEOS, search, self._missing_videos, old_enough, tell)
        self._look_through(COPIES, search, self._missing_copies, old_enough, tell)
        self._look_through(PAIRINGS, search, self._missing_events, old_enough, tell)
        report = Report(
            now, search.things, search.documents, tuple(search.strays), tuple(search.missing), cleaned_up=clean_up
        )
        if clean_up:
            self._clean_up(report)
        self._keep(report)
        log.orphans_found(len(report.strays), len(report.missing), report.things, report.documents, cleaned_up=clean_up)
        return report

    # --- at the provider ------------------------------------------------------------------------------------------

    def _made(self, provider: str, since: datetime, until: datetime) -> Iterator[Sequence[Stray]]:
        """
        Everything that was made at a provider in a span, page by page, the oldest first.
        """
        strays = holder_of(self.places, provider).strays
        known: set[tuple[str, str]] = set()
        while since < until:
            page = strays.strays(since, until)
            new = [one for one in page if _identity(one) not in known]
            known = {_identity(one) for one in page}
            yield new
            if len(page) < PAGE:
                return
            since = max(page[-1].created_at, since + timedelta(seconds=1))

    def _claims(self, strays: Sequence[Stray]) -> Iterator[tuple[Stray, str]]:
        """
        Of each thing, whether somebody names it, may yet come to name it, or neither.
        """
        paths = sorted({_recorded_at(stray) for stray in strays})
        read = dict(zip(paths, self.documents.read(*paths), strict=True)) if paths else {}
        for stray in strays:
            claim = _claim(stray, read[_recorded_at(stray)])
            yield stray, _NAMED if claim == _NOBODY and self._is_given_up(stray) else claim

    def _is_given_up(self, stray: Stray) -> bool:
        of_it = Query(DELETIONS, (Condition("reference", Operator.EQUAL, stray.reference),))
        return any(stray.parts.items() <= one.fields["parts"].items() for one in self.documents.select(of_it))

    def _give_up(self, stray: Stray) -> None:
        write = given_up(stray.provider, stray.reference, stray.parts, Reason.STRAY, self.clock())
        try:
            self.documents.commit(write)
        except Conflict:
            # Somebody else has just given it up.
            return
        log.stray_given_up(stray.provider, stray.reference)
        self.queue.put(Note(VISIT_DELETION, deletion_id(stray.reference, stray.parts)))

    # --- in the documents -----------------------------------------------------------------------------------------

    def _look_through(
        self,
        collection: str,
        search: _Search,
        missing: Callable[[Sequence[Document], set[_Part], datetime], list[Missing]],
        old_enough: datetime,
        tell: Told,
    ) -> None:
        after_id: str | None = None
        while True:
            page = self.documents.select(Query(collection, after_id=after_id, limit=PAGE))
            search.documents += len(page)
            search.missing += missing(page, search.there, old_enough)
            tell(search.things, search.documents)
            if len(page) < PAGE:
                return
            after_id = page[-1].id

    def _missing_videos(self, page: Sequence[Document], there: set[_Part], old_enough: datetime) -> list[Missing]:
        """
        Videos whose thing was not among all there are, and of which the provider says so when asked by its id.
        """
        suspected: dict[str, list[Missing]] = {}
        for document in page:
            video = Video.from_document(document)
            parts = watched(video)
            if parts and _is_old(video.history, old_enough) and not there & _parts(video.provider, parts):
                suspected.setdefault(video.provider, []).append(Missing(document.path, parts))
        found = []
        for provider, videos in suspected.items():
            for first in range(0, len(videos), OBSERVED_MAX):
                batch = videos[first : first + OBSERVED_MAX]
                seen = holder_of(self.holders, provider).media.observe([one.parts for one in batch])
                found += [one for one, seen_as in zip(batch, seen, strict=True) if seen_as.state is MediaState.GONE]
        return found

    def _missing_copies(self, page: Sequence[Document], there: set[_Part], old_enough: datetime) -> list[Missing]:
        """
        Copies that are ready, were not among all there are, and are gone when their host is asked.
        """
        found = []
        for document in page:
            copy = Copy.from_document(document)
            host, is_old = self.hosts.get(copy.host), copy.begun_at < old_enough
            if host is None or copy.state is not CopyState.READY or not is_old or there & _parts(copy.host, copy.parts):
                continue
            if host.observe_copy(copy.parts).state is MediaState.GONE:
                found.append(Missing(document.path, copy.parts))
        return found

    def _missing_events(self, page: Sequence[Document], there: set[_Part], old_enough: datetime) -> list[Missing]:
        """
        Sessions whose event was not among all there are, and is not found by its reference either.
        """
        found = []
        for document in page:
            pairing = Pairing.from_document(document)
            gone = pairing.state is PairingState.READY and not there & _parts(self.events.name, pairing.parts)
            if gone and _is_old(pairing.history, old_enough) and not self.events.find_event(pairing.reference or ""):
                found.append(Missing(document.path, pairing.parts))
        return found

    def _clean_up(self, report: Report) -> None:
        for stray in report.strays:
            self._give_up(stray)
        for one in report.missing:
            collection, _, key = one.path.partition("/")
            if collection in (VIDEOS, COPIES):
                self.queue.put(Note(VISIT_VIDEO if collection == VIDEOS else VISIT_COPY, key))
                continue
            # Brought into form once more, an event is found missing, and made anew.
            (document,) = self.documents.read(one.path)
            if document is not None:
                # Where somebody is at work on it, the next search will see what has come of that.
                have_verified(self.documents, self.queue, document, self.clock())

    def _keep(self, report: Report) -> None:
        (kept,) = self.documents.read(ORPHANS_REPORT)
        fields = report.to_fields()
        try:
            self.documents.commit(Create(ORPHANS_REPORT, fields) if kept is None else Update(ORPHANS_REPORT, fields))
        except Conflict:
            # Another search was done at the same time: its report is as good as ours.
            return


_NAMED: Final = "named"
_UNDER_WAY: Final = "under way"
_NOBODY: Final = "nobody"


def _parts(provider: str, parts: Parts) -> set[_Part]:
    return {(provider, name, part_id) for name, part_id in parts.items()}


def _identity(stray: Stray) -> tuple[str, str]:
    return stray.reference, str(sorted(stray.parts.items()))


def _recorded_at(stray: Stray) -> str:
    """
    The document that would name a thing, going by its reference.
    """
    kind, key, _ = stray.reference.split(":")
    recorded_at = {"session": pairing_path, "copy": copy_path}
    return recorded_at.get(kind, video_path)(key)


def _claim(stray: Stray, document: Document | None) -> str:
    """
    Whether a document names a thing, may yet come to name it, or neither. Pure.
    """
    if document is None:
        return _NOBODY
    if document.path.startswith(VIDEOS):
        video = Video.from_document(document)
        names: list[Parts] = [*named(video).values()]
        trying, reference = video.state is VideoState.PREPARING, video.reference
    elif document.path.startswith(COPIES):
        copy = Copy.from_document(document)
        names = [copy.parts]
        trying, reference = copy.state is CopyState.MAKING, copy.reference
    else:
        pairing = Pairing.from_document(document)
        names = [pairing.parts]
        trying, reference = pairing.state is PairingState.CREATING, pairing.reference
    if any(stray.parts.items() <= parts.items() for parts in names):
        return _NAMED
    return _UNDER_WAY if trying and reference == stray.reference else _NOBODY


def _is_old(history: History, old_enough: datetime) -> bool:
    """
    Whether a document has been as it is for long enough. Pure.
    """
    return not history or history[-1].at < old_enough
