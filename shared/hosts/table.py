"""The table of hosts: price, bandwidth and health of each, and the choice of the host from which a video is played.

Called by `shared/videos/playback.py` and `shared/operations/host_checks.py`. Leaves to the latter whether a host can be
reached, and to `promises` the count of what was promised.

The promises of a host with a limit are stored in `hosts/{host}`. An instance reads them every `KNOWN_S` seconds and
adds its own promises then, so that a grant costs no call of its own. If an instance dies in between, its promises of
those seconds are lost.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Final, Self

from shared.core.errors import Conflict
from shared.core.paths import CHECK_HOST, host_path
from shared.hosts.promises import PROMISES_MAX, Ledger, Promise, Watching, decoded, encoded, promise_of, unended
from shared.ports import Clock, Create, Document, Documents, Task, Update, Version

KNOWN_S: Final = 10
"""Seconds for which an instance uses what it has read."""

TOLD_SHARE: Final = 0.05
"""If an instance has promised more than this share of a host's limit since it last read or wrote the host's document,
it writes its promises at once."""

USUAL_KBPS: Final = 5000
"""The bandwidth that is assumed for a video whose size or length is not known."""


@dataclass(frozen=True, slots=True)
class Terms:
    """
    One row of the table.

    Attributes:
        price_per_gb: The price of one gigabyte sent by the host, in any currency. A host without a price is ranked
            last.
        mbps_max: The bandwidth of the host, in megabits per second; `None` if it has no limit.
    """

    price_per_gb: float = math.inf
    mbps_max: float | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """
    The status of a host, as stored in `hosts/{host}`.

    Attributes:
        is_healthy: Whether something played from it when it was last checked.
        since: Since when that is so.
        checked_at: When it was last checked.
        promised: What it has promised to send.
    """

    is_healthy: bool = True
    since: datetime | None = None
    checked_at: datetime | None = None
    promised: tuple[Promise, ...] = ()

    @classmethod
    def from_document(cls, document: Document | None) -> Self:
        """
        Read the document. Two writers share it, each with its own fields: the host checks, and `HostTable`. Pure.
        """
        fields = {} if document is None else document.fields
        return cls(
            is_healthy=fields.get("isHealthy", True),
            since=fields.get("since"),
            checked_at=fields.get("checkedAt"),
            promised=decoded(fields.get("promised")),
        )


def needs_kbps(size_bytes: int | None, duration_s: float | None) -> int:
    """
    Return the bandwidth that playing a video of that size and length takes. Pure.
    """
    if not size_bytes or not duration_s:
        return USUAL_KBPS
    return max(1, round(size_bytes * 8 / duration_s / 1000))


@dataclass(slots=True)
class _Known:
    """
    The memory of one instance.

    Attributes:
        read_at: When it last read the documents of the hosts.
        standings: The status of each host, as read.
        versions: The versions of these documents.
        ledger: All promises: those that it read, and its own.
        untold: Its own promises that are not yet written to all documents, with the host of each.
        changed: The hosts whose documents still have to be written.
        told_kbps: The bandwidth that each host has promised according to its document.
    """

    read_at: datetime | None = None
    standings: dict[str, Standing] = field(default_factory=dict)
    versions: dict[str, Version | None] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    untold: dict[Watching, tuple[str, Promise]] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    told_kbps: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HostTable:
    """
    The table, as one instance knows it. It is safe to share between threads.

    Attributes:
        documents: Where the status of hosts is stored.
        clock: Returns the present time, in UTC.
        terms: The rows, by the names of hosts and providers; empty if only providers play videos.
    """

    documents: Documents
    clock: Clock
    terms: Mapping[str, Terms]
    _known: _Known = field(default_factory=_Known, repr=False, compare=False)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def rows(self) -> list[tuple[str, Terms, Standing]]:
        """
        Return every row with its status as stored now, the cheapest first.

        Raises:
            Transient: The documents could not be reached (again).
        """
        names = sorted(self.terms, key=lambda name: (self._terms(name).price_per_gb, name))
        read = self.documents.read(*map(host_path, names)) if names else ()
        return [
            (name, self.terms[name], Standing.from_document(document))
            for name, document in zip(names, read, strict=True)
        ]

    def ranked(self, names: Sequence[str], kbps: int, watching: Watching, failed: str | None = None) -> list[str]:
        """
        Return the hosts that can play a video now, the cheapest first.

        Args:
            names: The hosts and providers that have the video.
            kbps: The bandwidth that playing it takes.
            watching: The viewer and the video. An earlier promise to the viewer for this video does not count.
            failed: The host that has just failed for the viewer, if any.

        Raises:
            Transient: The documents could not be reached (again).
        """
        if len(names) == 1:
            return [name for name in names if name != failed]
        with self._lock:
            self._refresh()
            fit = [name for name in names if name != failed and self._can_play(name, kbps, watching)]
        return sorted(fit, key=lambda name: (self._terms(name).price_per_gb, name))

    def promise(self, name: str, kbps: int, duration_s: float | None, watching: Watching) -> None:
        """
        Record that a host will send this bandwidth to a viewer for as long as the video lasts. It replaces an earlier
        promise to the viewer for the video. Only promises of hosts with a limit are recorded.

        Raises:
            Transient: The documents could not be reached (again).
        """
        is_limited = self._terms(name).mbps_max is not None
        with self._lock:
            known = self._known
            if is_limited:
                self._refresh()
            is_renewed = known.ledger.holds(watching)
            if not is_renewed and (not is_limited or known.ledger.count(name) >= PROMISES_MAX):
                return
            promise = promise_of(watching, self.clock(), kbps, duration_s or 0.0)
            known.changed |= known.ledger.add(name, promise)
            known.untold[watching] = (name, promise)

    def _terms(self, name: str) -> Terms:
        return self.terms.get(name, Terms())

    def _can_play(self, name: str, kbps: int, watching: Watching) -> bool:
        standing, most = self._known.standings.get(name, Standing()), self._terms(name).mbps_max
        if not standing.is_healthy or most is None:
            return standing.is_healthy
        ledger, now = self._known.ledger, self.clock()
        sends = ledger.kbps(name, now) - ledger.kbps_to(name, watching, now)
        return sends + kbps <= most * 1000 and (ledger.count(name) < PROMISES_MAX or ledger.holds(watching))

    def _refresh(self) -> None:
        """
        Read the status of the hosts, and write this instance's promises, if either is due.
        """
        known, now = self._known, self.clock()
        if known.read_at is not None and now - known.read_at < timedelta(seconds=KNOWN_S) and not self._must_tell(now):
            return
        names = list(self.terms)
        for name, document in zip(names, self.documents.read(*map(host_path, names)), strict=True):
            known.standings[name] = Standing.from_document(document)
            known.versions[name] = None if document is None else document.version
        known.read_at = now
        known.ledger = Ledger()
        read = [(name, one) for name in names for one in unended(known.standings[name].promised, now)]
        for name, promise in sorted(read, key=lambda one: one[1].made_s):
            known.ledger.add(name, promise)
        known.told_kbps = {name: known.ledger.kbps(name, now) for name in names}
        for name, promise in known.untold.values():
            known.changed |= known.ledger.add(name, promise)
        for name in sorted(known.changed):
            self._tell(name, now)
        if not known.changed:
            known.untold.clear()

    def _must_tell(self, now: datetime) -> bool:
        known = self._known
        return any(
            known.ledger.kbps(name, now) - known.told_kbps[name] > TOLD_SHARE * 1000 * most
            for name, most in self._limits()
            if name in known.changed
        )

    def _limits(self) -> Iterator[tuple[str, float]]:
        return ((name, terms.mbps_max) for name, terms in self.terms.items() if terms.mbps_max is not None)

    def _tell(self, name: str, now: datetime) -> None:
        """
        Write what a host has promised. If another instance wrote first, it is tried again at the next refresh.
        """
        known = self._known
        if self._terms(name).mbps_max is not None:
            fields = {"promised": encoded(unended(known.ledger.promises(name), now))}
            version, path = known.versions[name], host_path(name)
            try:
                self.documents.commit(
                    Create(path, fields) if version is None else Update(path, fields, if_version=version)
                )
            except Conflict:
                return
            known.told_kbps[name] = known.ledger.kbps(name, now)
        known.changed.discard(name)


def next_check(name: str, clock: Clock, pause_s: float = 0.0) -> Task:
    """
    Return the task that checks a host; several within one minute are merged. Pure, apart from the clock.
    """
    at = clock() + timedelta(seconds=pause_s)
    return Task(CHECK_HOST, name, at if pause_s else None, once=f"{at:%Y%m%d%H%M}")
