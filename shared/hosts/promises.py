"""What hosts have promised to send: to which viewer, of which video, until when. A viewer counts once for each video.

Called by `table`, which shares it among instances, and by `health`. Nobody tells how much a server sends at this
moment; what was granted is known. A grant that is asked for again, renewed, or given from another host takes the place
of the one before, and whoever asks for many videos holds the promises of the last few: so however often somebody asks,
they take no more of a host than somebody who watches.

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
Promises that one viewer can hold. A person watches one video; a second plays on another device, and the third is the
one that they have just left, for nobody tells when somebody stops. A further one takes the place of the oldest.
"""

PROMISES_MAX: Final = 40_000
"""Promises that one host can have: 0.7 MiB of the 1 MiB of its document. A host with so many viewers is full."""

Watching = bytes
"""
A viewer and a video, as hashes: the viewer's first. Among 10,000 viewers two are taken for one in one school of 20,000.
"""

_VIEWER_BYTES: Final = 5
_VIDEO_BYTES: Final = 3
_FORM: Final = struct.Struct(f">{_VIEWER_BYTES + _VIDEO_BYTES}sIHI")
_MINUTES_MAX: Final = 2**16 - 1
_KBPS_MAX: Final = 2**32 - 1


class Promise(NamedTuple):
    """
    That so much is sent to somebody. A tuple, for an instance reads thousands of them every few seconds.

    Attributes:
        watching: Who watches what.
        made_s: When it was promised, in seconds since 1970.
        minutes: For how long.
        kbps: How much, in kilobits per second.
    """

    watching: Watching
    made_s: int
    minutes: int
    kbps: int

    @property
    def ends_s(self) -> int:
        """
        When it ends, in seconds since 1970.
        """
        return self.made_s + self.minutes * 60


def watching_of(viewer_uid: str, video_id: str) -> Watching:
    """
    The viewer of a video. Pure.
    """
    return _hash("viewer", viewer_uid)[:_VIEWER_BYTES] + _hash("video", video_id)[:_VIDEO_BYTES]


def promise_of(watching: Watching, now: datetime, kbps: int, duration_s: float) -> Promise:
    """
    What is promised from now on, for as long as a video lasts. Pure.
    """
    minutes = max(1, min(math.ceil(duration_s / 60), _MINUTES_MAX))
    return Promise(watching, int(now.timestamp()), minutes, min(kbps, _KBPS_MAX))


def encoded(promises: Iterable[Promise]) -> bytes:
    """
    The document form, as many of the newest as one has room for. Pure.
    """
    newest = sorted(promises, key=attrgetter("made_s"))[-PROMISES_MAX:]
    return b"".join(_FORM.pack(*one) for one in newest)


def decoded(told: object) -> tuple[Promise, ...]:
    """
    Read back what `encoded` wrote; anything else is none. Pure.
    """
    if not isinstance(told, bytes) or len(told) % _FORM.size:
        return ()
    return tuple(map(Promise._make, _FORM.iter_unpack(told)))


def unended(promises: Iterable[Promise], now: datetime) -> tuple[Promise, ...]:
    """
    Those of several promises that have not ended. Pure.
    """
    now_s = now.timestamp()
    return tuple(one for one in promises if one.made_s + one.minutes * 60 > now_s)


def sends_kbps(promises: Iterable[Promise], now: datetime) -> int:
    """
    What of all that was promised has not ended yet. Pure.
    """
    return sum(one.kbps for one in unended(promises, now))


class Ledger:
    """
    The promises of all hosts, as one instance knows them. What it says of a host costs as many steps as films have
    different minutes to end in, not as there are viewers.
    """

    def __init__(self) -> None:
        self._held: dict[Watching, tuple[str, Promise]] = {}
        self._of_viewer: dict[bytes, list[Watching]] = {}
        self._ends: dict[str, defaultdict[int, int]] = {}
        self._counts: Counter[str] = Counter()

    def add(self, host: str, promise: Promise) -> set[str]:
        """
        Task a promise, in the place of what it takes the place of.

        Returns:
            The hosts whose promises are others now; none where a newer one is known already.
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
        Whether anything is promised to somebody for a video.
        """
        return watching in self._held

    def kbps(self, host: str, now: datetime) -> int:
        """
        What a host has promised in all that has not ended.
        """
        minute = int(now.timestamp()) // 60
        return sum(kbps for ends, kbps in self._ends.get(host, {}).items() if ends >= minute)

    def kbps_to(self, host: str, watching: Watching, now: datetime) -> int:
        """
        What of that is promised to somebody for a video.
        """
        held = self._held.get(watching)
        if held is None or held[0] != host or held[1].ends_s // 60 < int(now.timestamp()) // 60:
            return 0
        return held[1].kbps

    def count(self, host: str) -> int:
        """
        How many promises of a host there are.
        """
        return self._counts[host]

    def promises(self, host: str) -> Sequence[Promise]:
        """
        The promises of a host.
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
