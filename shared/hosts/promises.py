"""The bandwidth that hosts have promised: to which viewer, for which video, until when.

Called by `table`, which shares the promises among instances, by `shared/operations/host_checks.py`, and by the
operator's commands. No host tells how much it sends at a moment, but it is known what was granted. A viewer counts once
for each video: a grant that is asked for again, renewed, or given from another host replaces the one before. A viewer
who asks for many videos holds promises for the last few only. So however often a viewer asks, they take no more of a
host than one who watches.

A document holds the promises of one host in one field of bytes, with hashes in the place of viewers and videos.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Final, NamedTuple

VIDEOS_AT_ONCE: Final = 3
"""
Promises that one viewer can hold. A person watches one video, a second may play on another device, and a third may be
one that they have just left, because players do not tell when they stop. A further promise replaces the oldest.
"""

PROMISES_MAX: Final = 40_000
"""Promises that one host can have: 0.7 MiB of the 1 MiB of its document. A host with so many viewers counts as full."""

Watching = bytes
"""
A viewer and a video, as hashes, the viewer's first. In a school of 10,000 viewers, the chance that two of them have the
same hash is 1 in 20,000.
"""

_VIEWER_BYTES: Final = 5
_VIDEO_BYTES: Final = 3
_FORM: Final = struct.Struct(f">{_VIEWER_BYTES + _VIDEO_BYTES}sIHI")
_MINUTES_MAX: Final = 2**16 - 1
_KBPS_MAX: Final = 2**32 - 1


class Promise(NamedTuple):
    """
    One promise of bandwidth to a viewer. It is a tuple, because an instance reads thousands of them every few seconds.

    Attributes:
        watching: The viewer and the video.
        made_s: When it was made, in seconds since 1970.
        minutes: How long it lasts.
        kbps: The bandwidth, in kilobits per second.
    """

    watching: Watching
    made_s: int
    minutes: int
    kbps: int

    @property
    def ends_s(self) -> int:
        """
        The end of the promise, in seconds since 1970.
        """
        return self.made_s + self.minutes * 60


def watching_of(viewer_uid: str, video_id: str) -> Watching:
    """
    Return the key of a viewer and a video. Pure.
    """
    return _hash("viewer", viewer_uid)[:_VIEWER_BYTES] + _hash("video", video_id)[:_VIDEO_BYTES]


def promise_of(watching: Watching, now: datetime, kbps: int, duration_s: float) -> Promise:
    """
    Return a promise that begins now and lasts as long as the video. Pure.
    """
    minutes = max(1, min(math.ceil(duration_s / 60), _MINUTES_MAX))
    return Promise(watching, int(now.timestamp()), minutes, min(kbps, _KBPS_MAX))


def encoded(promises: Iterable[Promise]) -> bytes:
    """
    Return the document form, with as many of the newest promises as a document has room for. Pure.
    """
    newest = sorted(promises, key=attrgetter("made_s"))[-PROMISES_MAX:]
    return b"".join(_FORM.pack(*one) for one in newest)


def decoded(told: object) -> tuple[Promise, ...]:
    """
    Read back what `encoded` wrote; any other value is read as no promises. Pure.
    """
    if not isinstance(told, bytes) or len(told) % _FORM.size:
        return ()
    return tuple(map(Promise._make, _FORM.iter_unpack(told)))


def unended(promises: Iterable[Promise], now: datetime) -> tuple[Promise, ...]:
    """
    Return the promises that have not ended. Pure.
    """
    now_s = now.timestamp()
    return tuple(one for one in promises if one.made_s + one.minutes * 60 > now_s)


def sends_kbps(promises: Iterable[Promise], now: datetime) -> int:
    """
    Return the total bandwidth of the promises that have not ended. Pure.
    """
    return sum(one.kbps for one in unended(promises, now))


class Ledger:
    """
    The promises of all hosts, as one instance knows them. Adding up a host's bandwidth takes as many steps as there are
    different minutes in which promises end, however many viewers there are.
    """

    def __init__(self) -> None:
        self._held: dict[Watching, tuple[str, Promise]] = {}
        self._of_viewer: dict[bytes, list[Watching]] = {}
        self._ends: dict[str, defaultdict[int, int]] = {}
        self._counts: Counter[str] = Counter()

    def add(self, host: str, promise: Promise) -> set[str]:
        """
        Record a promise, and drop the promises that it replaces.

        Returns:
            The hosts whose promises have changed; none if a newer promise is known already.
        """
        watching, held = promise.watching, self._held.get(promise.watching)
        if held == (host, promise) or (held is not None and held[1].made_s > promise.made_s):
            return set()
        changed = {host}
        if held is not None:
            changed.add(self._drop(watching))
        others = self._of_viewer.setdefault(watching[:_VIEWER_BYTES], [])
        if len(others) >= VIDEOS_AT_ONCE:
            oldest = min(others, key=lambda one: self._held[one][1].made_s)
            if self._held[oldest][1].made_s > promise.made_s:
                return set()
            changed.add(self._drop(oldest))
        self._held[watching] = (host, promise)
        others.append(watching)
        ends = self._ends.setdefault(host, defaultdict(int))
        ends[promise.ends_s // 60] += promise.kbps
        self._counts[host] += 1
        return changed

    def holds(self, watching: Watching) -> bool:
        """
        Tell whether anything is promised to a viewer for a video.
        """
        return watching in self._held

    def kbps(self, host: str, now: datetime) -> int:
        """
        Return the total bandwidth of a host's promises that have not ended.
        """
        minute = int(now.timestamp()) // 60
        return sum(kbps for ends, kbps in self._ends.get(host, {}).items() if ends >= minute)

    def kbps_to(self, host: str, watching: Watching, now: datetime) -> int:
        """
        Return how much of that is promised to a viewer for a video.
        """
        held = self._held.get(watching)
        if held is None or held[0] != host or held[1].ends_s // 60 < int(now.timestamp()) // 60:
            return 0
        return held[1].kbps

    def count(self, host: str) -> int:
        """
        Return how many promises of a host there are.
        """
        return self._counts[host]

    def promises(self, host: str) -> Sequence[Promise]:
        """
        Return the promises of a host.
        """
        return [promise for at, promise in self._held.values() if at == host]

    def _drop(self, watching: Watching) -> str:
        host, promise = self._held.pop(watching)
        self._of_viewer[watching[:_VIEWER_BYTES]].remove(watching)
        self._ends[host][promise.ends_s // 60] -= promise.kbps
        self._counts[host] -= 1
        return host


def _hash(kind: str, value: str) -> bytes:
    return hashlib.sha256(f"{kind}\0{value}".encode()).digest()
