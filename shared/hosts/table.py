"""The table of hosts: what each costs, what it can send, how it stands; and from which one a video is played.

Called by `shared/videos/grant.py` and `health.py`. Leaves to `health` whether a host can be reached.

Of what a host with a limit has promised to send, `hosts/{host}` keeps a sum for each minute in which something ends. An
instance reads it every `KNOWN_S` seconds and adds its own promises to it then, so that a grant costs no call of its
own; an instance that dies in between takes the promises of so many seconds with it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final, Self

from shared.errors import Conflict
from shared.paths import host_path
from shared.ports import Clock, Create, Document, Documents, Update, Version

KNOWN_S: Final = 10
"""For so long an instance goes by what it has read."""

TOLD_SHARE: Final = 0.05
"""What an instance has promised beyond this part of a host's limit it tells the others at once."""

USUAL_KBPS: Final = 5000
"""What a film is taken for whose size or length is not known."""


@dataclass(frozen=True, slots=True)
class Terms:
    """
    One row of the table.

    Attributes:
        price_per_gb: What it costs that the host sends a gigabyte, in whatever currency; what has no price comes last.
        mbps_max: What it can send at once, in megabits per second; `None` is no limit.
    """

    price_per_gb: float = math.inf
    mbps_max: float | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """
    What is known of a host: the document `hosts/{host}`.

    Attributes:
        is_healthy: Whether something played from it when it was last tried.
        since: Since when that is so.
        checked_at: When it was last tried.
        promised: What has been promised, in kilobits per second, by the minute since 1970 in which it ends.
    """

    is_healthy: bool = True
    since: datetime | None = None
    checked_at: datetime | None = None
    promised: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def from_document(cls, document: Document | None) -> Self:
        """
        Read what the two that write it have written, each its own fields. Pure.
        """
        fields = {} if document is None else document.fields
        promised = fields.get("promised") or {}
        return cls(
            is_healthy=fields.get("isHealthy", True),
            since=fields.get("since"),
            checked_at=fields.get("checkedAt"),
            promised={int(minute): kbps for minute, kbps in promised.items()},
        )


def sends_kbps(promised: Mapping[int, int], now: datetime) -> int:
    """
    What of all that was promised has not ended yet. Pure.
    """
    minute = _minute(now)
    return sum(kbps for ends, kbps in promised.items() if ends >= minute)


def needs_kbps(size_bytes: int | None, duration_s: float | None) -> int:
    """
    What it takes to play a film of that size and length. Pure.
    """
    if not size_bytes or not duration_s:
        return USUAL_KBPS
    return max(1, round(size_bytes * 8 / duration_s / 1000))


@dataclass(slots=True)
class _Known:
    """
    What an instance has read, and what it has promised since.
    """

    read_at: datetime | None = None
    standings: dict[str, Standing] = field(default_factory=dict)
    versions: dict[str, Version | None] = field(default_factory=dict)
    promised: dict[str, dict[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HostTable:
    """
    The table, as one instance knows it; safe to share between threads.

    Attributes:
        documents: Where it is recorded how hosts stand.
        clock: Now, in UTC.
        terms: The rows, by the names of hosts and providers; empty where there are no hosts but providers.
    """

    documents: Documents
    clock: Clock
    terms: Mapping[str, Terms]
    _known: _Known = field(default_factory=_Known, repr=False, compare=False)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def rows(self) -> list[tuple[str, Terms, Standing]]:
        """
        Every row with how it stands, as it is recorded now, the cheapest first.

        Raises:
            Transient: The documents could not be reached (again).
        """
        names = sorted(self.terms, key=lambda name: (self._terms(name).price_per_gb, name))
        read = self.documents.read(*map(host_path, names)) if names else ()
        return [
            (name, self.terms[name], Standing.from_document(document))
            for name, document in zip(names, read, strict=True)
        ]

    def ranked(self, names: Sequence[str], kbps: int, failed: str | None = None) -> list[str]:
        """
        Those of several hosts that can play a film now, the cheapest first.

        Args:
            names: Who has it.
            kbps: What it takes.
            failed: Who was just seen to fail.

        Raises:
            Transient: The documents could not be reached (again).
        """
        if len(names) == 1:
            return [name for name in names if name != failed]
        with self._lock:
            self._refresh()
            fit = [name for name in names if name != failed and self._can_play(name, kbps)]
        return sorted(fit, key=lambda name: (self._terms(name).price_per_gb, name))

    def promise(self, name: str, kbps: int, duration_s: float | None) -> None:
        """
        Note that a host will send so much, for as long as the film lasts. Only one that has a limit is noted.
        """
        if self._terms(name).mbps_max is None:
            return
        ends = _minute(self.clock() + timedelta(seconds=duration_s or 0.0))
        with self._lock:
            promised = self._known.promised.setdefault(name, {})
            promised[ends] = promised.get(ends, 0) + kbps

    def _terms(self, name: str) -> Terms:
        return self.terms.get(name, Terms())

    def _can_play(self, name: str, kbps: int) -> bool:
        standing, most = self._known.standings.get(name, Standing()), self._terms(name).mbps_max
        if not standing.is_healthy or most is None:
            return standing.is_healthy
        now = self.clock()
        sends = sends_kbps(standing.promised, now) + sends_kbps(self._known.promised.get(name, {}), now)
        return sends + kbps <= most * 1000

    def _refresh(self) -> None:
        """
        Read how the hosts stand, and add what was promised here, where either is due.
        """
        known, now = self._known, self.clock()
        if known.read_at is not None and now - known.read_at < timedelta(seconds=KNOWN_S) and not self._must_tell(now):
            return
        names = list(self.terms)
        for name, document in zip(names, self.documents.read(*map(host_path, names)), strict=True):
            known.standings[name] = Standing.from_document(document)
            known.versions[name] = None if document is None else document.version
        known.read_at = now
        for name in [name for name, promised in known.promised.items() if promised]:
            self._tell(name, now)

    def _must_tell(self, now: datetime) -> bool:
        return any(
            sends_kbps(promised, now) > TOLD_SHARE * 1000 * (self._terms(name).mbps_max or math.inf)
            for name, promised in self._known.promised.items()
        )

    def _tell(self, name: str, now: datetime) -> None:
        """
        Add what this instance has promised to what all have; where another was faster, it is added the next time.
        """
        known, standing = self._known, self._known.standings[name]
        sums: dict[int, int] = {}
        for promised in (standing.promised, known.promised[name]):
            for ends, kbps in promised.items():
                if ends >= _minute(now):
                    sums[ends] = sums.get(ends, 0) + kbps
        fields: dict[str, Any] = {"promised": {str(ends): kbps for ends, kbps in sums.items()}}
        version, path = known.versions[name], host_path(name)
        try:
            self.documents.commit(Create(path, fields) if version is None else Update(path, fields, if_version=version))
        except Conflict:
            return
        known.standings[name] = Standing(standing.is_healthy, standing.since, standing.checked_at, sums)
        known.promised[name] = {}


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // 60
