"""The storage port in memory."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from emulator_tests.memory.effect import Effect, undisturbed
from shared.cloud.storage_arguments import (
    CorsRule,
    check_address,
    check_list,
    check_object,
    check_read,
    check_type,
    cors_problem,
    upload_headers,
)
from shared.core.errors import Conflict, Permanent
from shared.ports import NO_SUCH_OBJECT, Clock, StoredObject, UploadAddress

SCHEME: Final = "memory://storage/"


class AddressRefused(Exception):
    """
    The storage refuses a request to an address that it gave.
    """


@dataclass(frozen=True, slots=True)
class _Kept:
    stored: StoredObject
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Permission:
    name: str
    expires_at: datetime
    content_type: str = ""
    size_bytes: int = 0
    generation: int | None = None


class MemoryStorage:
    """
    The storage port in memory. A test uses its addresses with `upload` and `open`.

    Attributes:
        rules: The CORS rules of the bucket.
    """

    def __init__(self, clock: Clock, effect: Effect = undisturbed) -> None:
        self.rules: list[CorsRule] = []
        self._clock = clock
        self._effect = effect
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}
        self._uploads: dict[str, _Permission] = {}
        self._reads: dict[str, _Permission] = {}
        self._numbers = itertools.count(1)

    def alive(self) -> list[str]:
        """
        Return the names of all objects, in their order.
        """
        with self._lock:
            return sorted(self._kept)

    def upload(self, address: UploadAddress, content: bytes, content_type: str) -> StoredObject:
        """
        Upload an object to its address, as a client does.

        Raises:
            AddressRefused: There is no such address, or it has expired; type or size are not exact; or there is an
                object of that name. An address works again once its object is deleted, as it does in the cloud.
        """
        with self._lock:
            permission = self._permitted(self._uploads, address.url)
            if content_type != permission.content_type or len(content) != permission.size_bytes:
                raise AddressRefused("The address is for an object of another type or size.")
            if permission.name in self._kept:
                raise AddressRefused("There is such an object already.")
            return self._keep(permission.name, content, content_type)

    def open(self, url: str) -> bytes:
        """
        Read an object from its address, as a client does.

        Raises:
            AddressRefused: There is no such address, it has expired, or the object does not exist.
        """
        with self._lock:
            permission = self._permitted(self._reads, url)
            kept = self._kept.get(permission.name)
            if kept is None or permission.generation not in (None, kept.stored.generation):
                raise AddressRefused("The object does not exist.")
            return kept.content

    def upload_address(self, name: str, content_type: str, size_bytes: int, lifetime_s: int) -> UploadAddress:
        check_address(name, lifetime_s)
        headers = upload_headers(content_type, size_bytes)

        def do() -> UploadAddress:
            with self._lock:
                expires_at = self._clock().replace(microsecond=0) + timedelta(seconds=lifetime_s)
                url = self._new_url("upload")
                self._uploads[url] = _Permission(name, expires_at, content_type, size_bytes)
                return UploadAddress(url, "POST", headers, expires_at)

        return self._effect("upload_address", do)

    def read_address(
        self, name: str, lifetime_s: int, file_name: str | None = None, generation: int | None = None
    ) -> str:
        check_address(name, lifetime_s)

        def do() -> str:
            with self._lock:
                url = self._new_url("read")
                expires_at = self._clock() + timedelta(seconds=lifetime_s)
                self._reads[url] = _Permission(name, expires_at, generation=generation)
                return url

        return self._effect("read_address", do)

    def find(self, name: str) -> StoredObject | None:
        check_object(name)

        def do() -> StoredObject | None:
            with self._lock:
                kept = self._kept.get(name)
                return None if kept is None else kept.stored

        return self._effect("find", do)

    def list_objects(self, prefix: str, limit: int, after: str = "") -> Sequence[StoredObject]:
        check_list(prefix, limit, after)

        def do() -> Sequence[StoredObject]:
            with self._lock:
                names = sorted(name for name in self._kept if name.startswith(prefix) and name > after)
                return [self._kept[name].stored for name in names[:limit]]

        return self._effect("list_objects", do)

    def read(self, name: str, generation: int, first: int, count: int) -> bytes:
        check_read(name, generation, first, count)

        def do() -> bytes:
            return self._content(name, generation)[first : first + count]

        return self._effect("read", do)

    def write(self, name: str, content: bytes, content_type: str) -> StoredObject:
        check_object(name)
        check_type(content_type)

        def do() -> StoredObject:
            with self._lock:
                kept = self._kept.get(name)
                if kept is None:
                    return self._keep(name, content, content_type)
                if (kept.content, kept.stored.content_type) != (content, content_type):
                    raise Conflict(f"There is another object {name}. Delete it first, or take another name.")
                return kept.stored

        return self._effect("write", do)

    def delete(self, name: str) -> None:
        check_object(name)

        def do() -> None:
            with self._lock:
                self._kept.pop(name, None)

        self._effect("delete", do)

    def cors_problem(self) -> str:
        return self._effect("cors_problem", lambda: cors_problem(self.rules))

    def _new_url(self, kind: str) -> str:
        return f"{SCHEME}{kind}/{next(self._numbers)}"

    def _permitted(self, given: dict[str, _Permission], url: str) -> _Permission:
        permission = given.get(url)
        if permission is None or self._clock() > permission.expires_at:
            raise AddressRefused("There is no such address, or it has expired.")
        return permission

    def _keep(self, name: str, content: bytes, content_type: str) -> StoredObject:
        stored = StoredObject(name, len(content), content_type, next(self._numbers), self._clock())
        self._kept[name] = _Kept(stored, content)
        return stored

    def _content(self, name: str, generation: int) -> bytes:
        with self._lock:
            kept = self._kept.get(name)
        if kept is None or kept.stored.generation != generation:
            raise Permanent("The storage has no such object.", provider="memory", operation="read", code=NO_SUCH_OBJECT)
        return kept.content
