"""The cold store port in memory."""

from __future__ import annotations

import base64
import hashlib
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import google_crc32c

from emulator_tests.memory.effect import Effect, undisturbed
from shared.core.errors import Permanent, ProviderError, Transient
from shared.ports import (
    OTHER_BYTES,
    SOURCE_GONE,
    Availability,
    Clock,
    ColdObject,
    Digest,
    Finding,
    Health,
    Source,
    Stored,
    Terms,
    Tier,
)
from shared.providers.s3.classes import CLASSES, terms_of

COLD_SCHEME: Final = "memory://cold/"
LISTED_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class _Kept:
    item: ColdObject
    content: bytes
    readable_at: datetime | None = None
    readable_until: datetime | None = None


class MemoryColdStore:
    """
    The cold store port in memory; it keeps versions. Two effects make a `store`: `begin_store` begins the upload, and
    `store` ends it and keeps the object.

    Args:
        clock: By which copies become available and expire.
        source: Returns the bytes of a source's URL; `None` if there is no such file. `dict.get` is one.
        effect: Wraps every call.
        storage_class: The class of new objects; one of `shared/providers/s3/classes.py`.
        part_bytes: After how many bytes `reached` is called.

    Attributes:
        arrives: Returns what arrives of the bytes that are sent; a test sets it to damage them.
        findings: What `check` tells.
    """

    name = "memory"

    def __init__(
        self,
        clock: Clock,
        source: Callable[[str], bytes | None],
        effect: Effect = undisturbed,
        *,
        storage_class: str = "GLACIER",
        part_bytes: int = 8 * 1024 * 1024,
    ) -> None:
        self.terms: Terms = CLASSES[storage_class]
        self.arrives: Callable[[bytes], bytes] = lambda content: content
        self.findings: list[Finding] = [Finding("bucket", Health.OK)]
        self._clock = clock
        self._source = source
        self._effect = effect
        self._part_bytes = part_bytes
        self._lock = threading.Lock()
        self._kept: dict[str, list[_Kept]] = {}
        self._uploads: dict[int, datetime] = {}
        self._locked: set[str] = set()
        self._addresses: dict[str, tuple[ColdObject, datetime]] = {}
        self._numbers = itertools.count(1)

    def alive(self) -> dict[str, bytes]:
        """
        Return the newest bytes of every key, in the order of the keys.
        """
        with self._lock:
            return {key: versions[-1].content for key, versions in sorted(self._kept.items())}

    def contents(self) -> set[bytes]:
        """
        Return the bytes of every version of every object.
        """
        with self._lock:
            return {one.content for versions in self._kept.values() for one in versions}

    def content(self, key: str, version: str = "") -> bytes | None:
        """
        Return the bytes of an object; `None` if there is none.
        """
        with self._lock:
            kept = self._find(key, version)
            return None if kept is None else kept.content

    def versions(self, key: str) -> tuple[ColdObject, ...]:
        """
        Return all versions of an object, oldest first.
        """
        with self._lock:
            return tuple(one.item for one in self._kept.get(key, ()))

    def unfinished(self) -> int:
        """
        Return how many uploads were begun and did not end.
        """
        with self._lock:
            return len(self._uploads)

    def overwrite(self, key: str, content: bytes) -> ColdObject:
        """
        Put a new version of an object, as if from outside this project.
        """
        with self._lock:
            return self._keep(key, content)

    def damage(self, key: str, content: bytes) -> None:
        """
        Give the newest version of an object other bytes, under the version and the times that it has.
        """
        with self._lock:
            kept = self._kept[key][-1]
            item = replace(kept.item, size_bytes=len(content), checksum=checksum(content))
            self._kept[key][-1] = replace(kept, item=item, content=content)

    def vanish(self, key: str) -> None:
        """
        Delete all versions of an object, as if from outside this project.
        """
        with self._lock:
            self._kept.pop(key, None)

    def lock(self, key: str) -> None:
        """
        Refuse the deletion of an object from now on.
        """
        with self._lock:
            self._locked.add(key)

    def open(self, url: str) -> bytes:
        """
        Read an object from its address, as a client without credentials does.

        Raises:
            KeyError: There is no such address, or it has expired, or the object cannot be read.
        """
        with self._lock:
            item, expires_at = self._addresses[url]
            kept = self._find(item.key, item.version)
            if self._clock() > expires_at or kept is None:
                raise KeyError(url)
            if self._seen(kept).availability is not Availability.READY:
                raise KeyError(url)
            return kept.content

    def store(self, key: str, source: Source, size_bytes: int | None, reached: Callable[[int], None]) -> Stored:
        def begin() -> int:
            with self._lock:
                upload = next(self._numbers)
                self._uploads[upload] = self._clock()
                return upload

        content = self._source(source.url)
        if content is None:
            raise _refused(Permanent, "store", SOURCE_GONE, "The file to store does not exist any more.")
        if size_bytes is not None and size_bytes != len(content):
            raise _refused(Permanent, "store", OTHER_BYTES, "The file to store has another size than it should have.")
        upload = self._effect("begin_store", begin)
        for sent in range(self._part_bytes, len(content) + self._part_bytes, self._part_bytes):
            reached(min(sent, len(content)))

        def end() -> Stored:
            arrived = self.arrives(content)
            with self._lock:
                self._uploads.pop(upload, None)
                if arrived != content:
                    raise _refused(Permanent, "store", OTHER_BYTES, "The store has other bytes than were sent.")
                digest = Digest(hashlib.sha256(content).hexdigest(), len(content))
                return Stored(self._keep(key, content), digest)

        return self._effect("store", end)

    def find(self, key: str, version: str = "") -> ColdObject | None:
        def do() -> ColdObject | None:
            with self._lock:
                kept = self._find(key, version)
                return None if kept is None else self._seen(kept)

        return self._effect("find", do)

    def ask(self, item: ColdObject, tier: Tier, days: int) -> timedelta:
        terms = terms_of(item.storage_class)
        if not terms.is_cold:
            return timedelta()
        if tier not in terms.waits:
            raise _refused(Permanent, "ask", "NO_SUCH_TIER", f"Class {terms.storage_class} has no tier {tier}.")

        def do() -> timedelta:
            with self._lock:
                kept = self._present("ask", item)
                now, availability = self._clock(), self._seen(kept).availability
                if availability is Availability.COMING:
                    return terms.waits[tier]
                wait = timedelta() if availability is Availability.READY else terms.waits[tier]
                asked = replace(kept, readable_at=now + wait, readable_until=now + wait + timedelta(days=days))
                versions = self._kept[item.key]
                versions[versions.index(kept)] = asked
                return wait

        return self._effect("ask", do)

    def address(self, item: ColdObject, lifetime_s: int) -> Source:
        def do() -> Source:
            with self._lock:
                url = f"{COLD_SCHEME}{next(self._numbers)}"
                self._addresses[url] = item, self._clock() + timedelta(seconds=lifetime_s)
                return Source(url)

        return self._effect("address", do)

    @contextmanager
    def read(self, item: ColdObject) -> Iterator[Iterator[bytes]]:
        def do() -> bytes:
            with self._lock:
                kept = self._present("read", item)
                if self._seen(kept).availability is not Availability.READY:
                    raise _refused(Transient, "read", "COLD", "The object has to be asked for before it can be read.")
                return kept.content

        content = self._effect("read", do)
        yield (content[at : at + self._part_bytes] for at in range(0, len(content), self._part_bytes))

    def delete(self, item: ColdObject) -> None:
        def do() -> None:
            with self._lock:
                kept = self._find(item.key, item.version)
                if kept is None:
                    return
                if item.key in self._locked:
                    raise _refused(Permanent, "delete", "LOCKED", "The bucket keeps this object under a lock.")
                self._kept[item.key].remove(kept)
                if not self._kept[item.key]:
                    del self._kept[item.key]

        self._effect("delete", do)

    def listed(self, after: str = "") -> tuple[tuple[ColdObject, ...], str | None]:
        def do() -> tuple[tuple[ColdObject, ...], str | None]:
            with self._lock:
                keys = sorted(key for key in self._kept if key > after)
                items = tuple(self._seen(self._kept[key][-1]) for key in keys[:LISTED_AT_ONCE])
                return items, keys[LISTED_AT_ONCE - 1] if len(keys) > LISTED_AT_ONCE else None

        return self._effect("listed", do)

    def tidy(self, before: datetime) -> int:
        def do() -> int:
            with self._lock:
                old = [upload for upload, begun_at in self._uploads.items() if begun_at < before]
                for upload in old:
                    del self._uploads[upload]
                return len(old)

        return self._effect("tidy", do)

    def check(self) -> Iterable[Finding]:
        return self._effect("check", lambda: list(self.findings))

    def _keep(self, key: str, content: bytes) -> ColdObject:
        item = ColdObject(
            key,
            f"v{next(self._numbers)}",
            len(content),
            self.terms.storage_class,
            self._clock(),
            checksum=checksum(content),
        )
        kept = _Kept(item, content)
        self._kept.setdefault(key, []).append(kept)
        return self._seen(kept)

    def _find(self, key: str, version: str) -> _Kept | None:
        versions = self._kept.get(key, [])
        return next((one for one in reversed(versions) if version in ("", one.item.version)), None)

    def _present(self, operation: str, item: ColdObject) -> _Kept:
        kept = self._find(item.key, item.version)
        if kept is None:
            raise _refused(Permanent, operation, "NOT_FOUND", "The store has no such object.")
        return kept

    def _seen(self, kept: _Kept) -> ColdObject:
        """
        Return an object as the store reports it now.
        """
        now = self._clock()
        if not terms_of(kept.item.storage_class).is_cold:
            return kept.item
        if kept.readable_at is None or kept.readable_until is None or now >= kept.readable_until:
            return replace(kept.item, availability=Availability.COLD)
        if now < kept.readable_at:
            return replace(kept.item, availability=Availability.COMING)
        return replace(kept.item, available_until=kept.readable_until)


def checksum(content: bytes) -> str:
    """
    Return the CRC32C of bytes in the form of `ColdObject.checksum`.
    """
    return "crc32c:" + base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode()


def _refused(kind: type[ProviderError], operation: str, code: str, message: str) -> ProviderError:
    return kind(message, provider="memory", operation=operation, code=code)
