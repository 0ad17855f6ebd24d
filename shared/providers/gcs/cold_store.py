"""An archive in a bucket of Google Cloud Storage, in a class that costs little to keep.

Fills `ports.ColdStore`. What is kept there can be read at any time, at a price. Whatever is stored is verified by the
CRC32C that the service calculates.

Source: https://cloud.google.com/storage/docs/storage-classes and, in its JSON API, the resource Objects.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import google_crc32c

from shared.core.errors import BackendError, Misconfigured, Permanent
from shared.ports import (
    OTHER_BYTES,
    Clock,
    ColdObject,
    Digest,
    Finding,
    Source,
    Stored,
    Terms,
    Tier,
)
from shared.providers.codes import NOT_FOUND
from shared.providers.downloads import Download, pieces_of
from shared.providers.gcs.classes import terms_of
from shared.providers.gcs.client import NAME, GcsClient

if TYPE_CHECKING:
    from google.cloud.storage import Blob

LIST_MAX: Final = 1000
LIFETIME_MAX_S: Final = 7 * 24 * 3600
READ_LIFETIME_S: Final = 24 * 3600
CHUNK_BYTES: Final = 8 * 1024 * 1024
FIELDS: Final = "items(name,size,storageClass,generation,timeCreated,crc32c),nextPageToken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """
    A bucket, and how it is used.

    Attributes:
        name: The name of the bucket.
        storage_class: The class of new objects.
        prefix: The beginning of all our names.
        source_domains: Further domains that the addresses of originals may redirect to.
        emulator_url: The address of an emulator; empty in the cloud.
        chunk_bytes: The size of what is sent at once, and is in memory: a multiple of 256 KiB.
        pause_s: The pause before a source is asked again.
    """

    name: str
    storage_class: str
    prefix: str
    source_domains: tuple[str, ...] = ()
    emulator_url: str = ""
    chunk_bytes: int = CHUNK_BYTES
    pause_s: float = 1.0


class GcsColdStore:
    """
    Fills `ports.ColdStore`.

    Args:
        bucket: The bucket.
        clock: Now, in UTC.
    """

    def __init__(self, bucket: Bucket, clock: Clock) -> None:
        self._bucket = bucket
        self._clock = clock
        self._client = GcsClient(bucket.name, bucket.emulator_url)

    @property
    def name(self) -> str:
        return f"gs://{self._bucket.name}/{self._bucket.prefix}"

    @property
    def terms(self) -> Terms:
        return terms_of(self._bucket.storage_class)

    def close(self) -> None:
        """
        Close the connections.
        """
        self._client.google.close()

    def store(self, key: str, source: Source, size_bytes: int | None, reached: Callable[[int], None]) -> Stored:
        with closing(Download(source, self._bucket.source_domains, self._bucket.pause_s)) as download:
            if size_bytes not in (None, download.size_bytes):
                raise _permanent("store", OTHER_BYTES, "The file to store has another size than it should have.")
            reader = _Reader(download, reached, self._bucket.chunk_bytes)
            blob = self._client.blob(self._bucket.prefix + key, chunk_size=self._bucket.chunk_bytes)
            blob.storage_class = self._bucket.storage_class
            with self._client.failing("objects.insert"):
                blob.upload_from_file(
                    reader,
                    size=download.size_bytes,
                    content_type=source.media_type,
                    checksum="crc32c",
                    **self._client.patience(),
                )
        reached(reader.size_bytes)
        return Stored(self._verified(key, blob, reader), Digest(reader.sha256.hexdigest(), reader.size_bytes))

    def find(self, key: str, version: str = "") -> ColdObject | None:
        if version and not version.isdecimal():
            return None
        blob = self._client.blob(self._bucket.prefix + key, version)
        try:
            with self._client.failing("objects.get"):
                blob.reload(**self._client.patience())
        except Permanent as error:
            if error.code != NOT_FOUND:
                raise
            self._require_bucket()
            return None
        return self._object(blob)

    def ask(self, item: ColdObject, tier: Tier, days: int) -> timedelta:  # always readable
        return timedelta()

    def address(self, item: ColdObject, lifetime_s: int) -> Source:
        name = self._bucket.prefix + item.key
        if self._bucket.emulator_url:
            at = f"{self._bucket.emulator_url}/download/storage/v1/b/{self._bucket.name}/o/{quote(name, safe='')}"
            return Source(f"{at}?alt=media&generation={item.version}")
        with self._client.failing("signBlob"):
            return Source(
                self._client.blob(name, item.version).generate_signed_url(
                    version="v4",
                    expiration=timedelta(seconds=min(lifetime_s, LIFETIME_MAX_S)),
                    method="GET",
                    query_parameters={"generation": item.version},
                    **self._signer(),
                )
            )

    @contextmanager
    def read(self, item: ColdObject) -> Iterator[Iterator[bytes]]:
        if self.find(item.key, item.version) is None:
            raise _permanent("objects.get", NOT_FOUND, "The store has no such object.")
        with closing(Download(self.address(item, READ_LIFETIME_S), (), self._bucket.pause_s)) as download:
            yield pieces_of(download)

    def delete(self, item: ColdObject) -> None:
        try:
            with self._client.failing("objects.delete"):
                self._client.blob(self._bucket.prefix + item.key, item.version).delete(**self._client.patience())
        except Permanent as error:
            if error.code != NOT_FOUND:
                raise

    def listed(self, after: str = "") -> tuple[tuple[ColdObject, ...], str | None]:
        prefix = self._bucket.prefix
        asked: dict[str, Any] = {"prefix": prefix, "max_results": LIST_MAX + 2, "fields": FIELDS}
        # The service begins with the object of that name, if there is one.
        asked |= {"start_offset": prefix + after} if after else {}
        with self._client.failing("objects.list"):
            found = list(self._client.google.list_blobs(self._bucket.name, **asked, **self._client.patience()))
        items = [self._object(blob) for blob in found if blob.name > prefix + after]
        return tuple(items[:LIST_MAX]), items[LIST_MAX - 1].key if len(items) > LIST_MAX else None

    def tidy(self, before: datetime) -> int:  # the service forgets an upload after a week, at no price
        return 0

    def check(self) -> Iterable[Finding]:
        from shared.providers.gcs.checkup import findings

        return findings(self._client, self._bucket)

    def _require_bucket(self) -> None:
        with self._client.failing("objects.list"):
            list(
                self._client.google.list_blobs(
                    self._bucket.name, prefix=self._bucket.prefix, max_results=1, **self._client.patience()
                )
            )

    def _object(self, blob: Blob) -> ColdObject:
        return ColdObject(
            str(blob.name).removeprefix(self._bucket.prefix),
            str(blob.generation or ""),
            int(blob.size or 0),
            str(blob.storage_class or "STANDARD"),
            (blob.time_created or self._clock()).astimezone(UTC),
            checksum=f"crc32c:{blob.crc32c}" if blob.crc32c else "",
        )

    def _verified(self, key: str, blob: Blob, reader: _Reader) -> ColdObject:
        """
        Return the object that was just stored.

        Raises:
            Permanent: It is not what was sent, and is deleted (`OTHER_BYTES`).
        """
        item = self.find(key, str(blob.generation or ""))
        if item is None:
            raise _permanent("store", OTHER_BYTES, "The store does not have the object that was stored.")
        if (item.size_bytes, item.checksum) == (reader.size_bytes, f"crc32c:{reader.crc32c}"):
            return item
        with suppress(BackendError):
            self.delete(item)
        raise _permanent("store", OTHER_BYTES, "The store has other bytes than were sent. The object was deleted.")

    def _signer(self) -> dict[str, Any]:
        """
        Return what signs an address: the account's own key, or Google's service for an account without one.
        """
        from google.auth.credentials import Signing
        from google.auth.transport.requests import Request

        credentials = self._client.google._credentials
        if isinstance(credentials, Signing) and getattr(credentials, "signer", None) is not None:
            return {"credentials": credentials}
        address = getattr(credentials, "service_account_email", "")
        if not address:
            raise Misconfigured(
                "Addresses in Cloud Storage are signed by a service account, and these credentials are a person's. Act "
                "as one: gcloud auth application-default login --impersonate-service-account=ACCOUNT."
            )
        credentials.refresh(Request())
        return {"service_account_email": address, "access_token": credentials.token}


class _Reader:
    """
    A file from a source, as the library reads it: a chunk at a time, in its order.
    """

    def __init__(self, download: Download, reached: Callable[[int], None], chunk_bytes: int) -> None:
        self.size_bytes = download.size_bytes
        self.sha256 = hashlib.sha256()
        self._crc32c = 0
        self._download = download
        self._reached = reached
        self._chunk_bytes = chunk_bytes
        self._at = 0
        self._told = 0

    @property
    def crc32c(self) -> str:
        """
        Return the CRC32C of what was read, as Google writes it.
        """
        return base64.b64encode(self._crc32c.to_bytes(4, "big")).decode()

    def tell(self) -> int:
        return self._at

    def read(self, count: int = -1) -> bytes:
        """
        Read on. What was read before has been sent then, and is told.
        """
        if self._at > self._told:
            self._reached(self._at)
            self._told = self._at
        left = self.size_bytes - self._at
        memory = bytearray(left if count < 0 else min(count, left))
        self._download.fill(memoryview(memory))
        content = bytes(memory)
        self.sha256.update(content)
        self._crc32c = google_crc32c.extend(self._crc32c, content)
        self._at += len(content)
        return content


def _permanent(operation: str, code: str, message: str) -> Permanent:
    return Permanent(message, provider=NAME, operation=operation, code=code)
