"""The storage of files: uploads of teachers and the pictures made from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

NO_SUCH_OBJECT: Final = "NOT_FOUND"
"""The `code` of the `Permanent` error if an object, or this generation of it, does not exist."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """
    One object of the storage.

    Attributes:
        name: Its name.
        size_bytes: The size of its content as it is stored.
        content_type: The MIME type that it was written with. Nobody has compared it with the content.
        generation: The number of this content. A later object of the same name has a larger one.
        created_at: When this content was complete.
    """

    name: str
    size_bytes: int
    content_type: str
    generation: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class UploadAddress:
    """
    A permission to upload one object, for clients.

    Attributes:
        url: The address; it contains the secret too.
        method: The method of the request that begins the upload.
        headers: The headers of that request. All of them must be sent as they are.
        expires_at: The upload can begin until then, and no longer.
    """

    url: str = field(repr=False)
    method: str
    headers: Mapping[str, str]
    expires_at: datetime


class Storage(Protocol):
    """
    The objects of one bucket. An object is never changed: there is one content for a name until it is deleted.

    A name is 1 to 1024 bytes in UTF-8, without control characters, and each of its segments between slashes has a
    name: none is empty, `.` or `..`. Every method refuses other names, and other arguments that cannot be right, with
    a `ValueError` before anything is done (never).

    Raises:
        Transient: It was not done (again).
        Doubtful: It may have been done (again: every method can be repeated).
        Permanent: The storage refuses it; `code` is `NO_SUCH_OBJECT` if there is no such object (never).
        Misconfigured: The bucket does not exist, or this service may not use it (never, until the operator changes it).
    """

    def upload_address(self, name: str, content_type: str, size_bytes: int, lifetime_s: int) -> UploadAddress:
        """
        Let a client upload one object of exactly this name, type and size, if there is no object of that name.

        An upload that has begun may be finished up to a week later, whatever happens to the address. So a deleted
        object may come back until then, with another generation.

        Args:
            name: The name of the object.
            content_type: Its MIME type.
            size_bytes: Its size, at least 1.
            lifetime_s: How long the upload can begin, at most seven days.
        """
        ...

    def read_address(
        self, name: str, lifetime_s: int, file_name: str | None = None, generation: int | None = None
    ) -> str:
        """
        Return an address, a secret, from which anybody can read one object for a while. The object need not exist.

        Args:
            name: The name of the object.
            lifetime_s: How long it can be read, at most seven days.
            file_name: The name of the file that browsers save instead of showing it. Any text: what a file name cannot
                have is left out, and a long one is cut.
            generation: Read this generation only; `None` for the present one.
        """
        ...

    def find(self, name: str) -> StoredObject | None:
        """
        Return an object as it is now; `None` if it does not exist.
        """
        ...

    def list_objects(self, prefix: str, limit: int, after: str = "") -> Sequence[StoredObject]:
        """
        Return the objects whose names begin with a prefix, in the order of their names.

        Args:
            prefix: The beginning of their names; empty for all objects.
            limit: The most objects, 1 to 1000. If there are fewer, these are all.
            after: Only objects whose names come later than this one.
        """
        ...

    def read(self, name: str, generation: int, first: int, count: int) -> bytes:
        """
        Return a part of an object, of this generation only; what is beyond its end is left out.

        Args:
            name: The name of the object.
            generation: The generation.
            first: The number of the first byte, from 0.
            count: The most bytes, 1 to 16 MiB.
        """
        ...

    def write(self, name: str, content: bytes, content_type: str) -> StoredObject:
        """
        Create an object that no shared cache keeps. The same content again is no error and changes nothing.

        Raises:
            Conflict: There is an object of this name with other content or another type. Nothing was changed.
        """
        ...

    def delete(self, name: str) -> None:
        """
        Delete an object. What is gone already counts as deleted.
        """
        ...

    def cors_problem(self) -> str:
        """
        Return why web apps cannot upload to the bucket, and what to do, as a sentence for the operator. Empty if apps
        of some origin can.

        Raises:
            Misconfigured: The bucket does not exist, or its CORS may not be read, which takes a role that the rest of
                this port does not need (never, until the operator changes it).
        """
        ...
