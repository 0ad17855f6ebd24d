"""An archive in a bucket of Amazon S3, or of another store with an S3 API.

Fills `ports.ColdStore`. An object in one of Amazon's colder classes has to be asked for before it can be read; other
stores mostly have no classes. Whatever is stored is verified by the checksum of the whole object that the store
calculates; a store that calculates none is read once more.

Source: Amazon S3 API reference, HeadObject, RestoreObject, ListObjectVersions, CreateMultipartUpload.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from shared.core.errors import BackendError, Misconfigured, Permanent, ProviderError, Transient
from shared.ports import (
    OTHER_BYTES,
    Availability,
    Clock,
    ColdObject,
    Finding,
    Source,
    Stored,
    Terms,
    Tier,
)
from shared.providers.codes import NOT_FOUND
from shared.providers.downloads import Download, pieces_of
from shared.providers.s3.classes import terms_of

if TYPE_CHECKING:
    from shared.providers.s3.archive_client import ArchiveClient
    from shared.providers.s3.upload import Sent

NAME: Final = "s3"
LIST_MAX: Final = 1000
LIFETIME_MAX_S: Final = 7 * 24 * 3600
"""The longest lifetime of a signed address."""

READ_LIFETIME_S: Final = 24 * 3600
PART_BYTES: Final = 64 * 1024 * 1024
USUAL_CLASS: Final = "STANDARD"

_RESTORE: Final = re.compile(r'ongoing-request="(true|false)"(?:, *expiry-date="([^"]*)")?')


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """
    A bucket, and how it is used.

    Attributes:
        name: The name of the bucket.
        url: The address of the store; empty for Amazon's.
        region: The region of the bucket.
        storage_class: The class of new objects; `STANDARD` leaves it to the store.
        access_key: A key with permission to use the bucket.
        secret_key: The secret of that key.
        prefix: The beginning of all our names.
        kms_key: The key of Amazon's key service that new objects are encrypted with; empty for the bucket's own way.
        source_domains: Further domains that the addresses of originals may redirect to.
        part_bytes: The size of a part, at least 5 MiB.
        ca_file: Certificates that the store's is signed by; empty for the usual ones.
        pause_s: The pause before a failed request is made again.
    """

    name: str
    url: str = ""
    region: str
    storage_class: str
    access_key: str
    secret_key: str = field(repr=False)
    prefix: str
    kms_key: str = ""
    source_domains: tuple[str, ...] = ()
    part_bytes: int = PART_BYTES
    ca_file: str = ""
    pause_s: float = 1.0

    @property
    def attributes(self) -> Mapping[str, str]:
        """
        Return the arguments of the library for new objects.
        """
        found = {} if self.storage_class == USUAL_CLASS else {"StorageClass": self.storage_class}
        return {**found, "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key} if self.kms_key else found


class S3ColdStore:
    """
    Fills `ports.ColdStore`.

    Args:
        bucket: The bucket.
        clock: Now, in UTC.
    """

    def __init__(self, bucket: Bucket, clock: Clock) -> None:
        from shared.providers.s3.archive_client import ArchiveClient

        self._bucket = bucket
        self._clock = clock
        self._client: ArchiveClient = ArchiveClient(
            bucket.name, bucket.url, bucket.region, bucket.access_key, bucket.secret_key, bucket.ca_file
        )

    @property
    def name(self) -> str:
        return f"s3://{self._bucket.name}/{self._bucket.prefix}"

    @property
    def terms(self) -> Terms:
        return terms_of(self._bucket.storage_class)

    def close(self) -> None:
        """
        Close the connections.
        """
        self._client.close()

    def store(self, key: str, source: Source, size_bytes: int | None, reached: Callable[[int], None]) -> Stored:
        from shared.providers.s3.upload import Target, Upload

        with closing(Download(source, self._bucket.source_domains, self._bucket.pause_s)) as download:
            if size_bytes not in (None, download.size_bytes):
                raise _other_bytes("The file to store has another size than it should have.")
            target = Target(
                client=self._client,
                bucket=self._bucket.name,
                key=self._key(key),
                attributes={**self._bucket.attributes, "ContentType": source.media_type},
                part_bytes=self._bucket.part_bytes,
                is_amazon=not self._bucket.url,
                ca_file=self._bucket.ca_file,
                pause_s=self._bucket.pause_s,
            )
            sent = Upload(target, download, reached).run()
        return Stored(self._verified(key, sent), sent.digest)

    def find(self, key: str, version: str = "") -> ColdObject | None:
        head = self._head(key, version)
        return None if head is None else self._object(key, head)

    def ask(self, item: ColdObject, tier: Tier, days: int) -> timedelta:
        terms = terms_of(item.storage_class)
        if not terms.is_cold:
            return timedelta()
        if tier not in terms.waits:
            raise _permanent(
                "restoreObject", "NO_SUCH_TIER", f"Class {terms.storage_class} has no tier {tier}. Choose another."
            )
        asked = {"Days": days, "GlacierJobParameters": {"Tier": tier.value.capitalize()}}
        try:
            answer = self._client.ask(
                "restoreObject", lambda s3: dict(s3.restore_object(**self._at(item), RestoreRequest=asked))
            )
        except ProviderError as error:
            if error.code != "RestoreAlreadyInProgress":
                raise
            return terms.waits[tier]
        # 200 means that it is available, and stays so for longer now; 202 that it was asked for.
        return timedelta() if answer["ResponseMetadata"]["HTTPStatusCode"] == 200 else terms.waits[tier]

    def address(self, item: ColdObject, lifetime_s: int) -> Source:
        lifetime_s = min(lifetime_s, LIFETIME_MAX_S)
        return Source(self._client.signed_url(self._bucket.name, self._key(item.key), lifetime_s, item.version))

    @contextmanager
    def read(self, item: ColdObject) -> Iterator[Iterator[bytes]]:
        self._require_readable(item)
        with closing(Download(self.address(item, READ_LIFETIME_S), (), self._bucket.pause_s)) as download:
            yield self._pieces(item, download)

    def delete(self, item: ColdObject) -> None:
        try:
            self._client.find("deleteObject", lambda s3: s3.delete_object(**self._at(item)))
        except (Misconfigured, Permanent):
            if not self._is_locked(item):
                raise
            raise _permanent(
                "deleteObject", "LOCKED", "The bucket keeps this object under a lock. It can be deleted when that ends."
            ) from None

    def listed(self, after: str = "") -> tuple[tuple[ColdObject, ...], str | None]:
        prefix = self._bucket.prefix
        asked = {"Bucket": self._bucket.name, "Prefix": prefix, "MaxKeys": LIST_MAX}
        asked |= {"KeyMarker": prefix + after} if after else {}
        asked |= {} if self._bucket.url else {"OptionalObjectAttributes": ["RestoreStatus"]}
        page = self._client.ask("listObjectVersions", lambda s3: dict(s3.list_object_versions(**asked)))
        items = tuple(
            self._listed(one) for one in page.get("Versions", ()) if one["IsLatest"] and one["Key"] > prefix + after
        )
        is_cut = bool(page.get("IsTruncated"))
        return items, str(page["NextKeyMarker"]).removeprefix(prefix) if is_cut else None

    def tidy(self, before: datetime) -> int:
        asked = {"Bucket": self._bucket.name, "Prefix": self._bucket.prefix}
        old = [
            upload
            for page in self._client.pages("listMultipartUploads", "list_multipart_uploads", **asked)
            for upload in page.get("Uploads", ())
            if upload["Initiated"] < before
        ]
        for upload in old:
            self._abort(str(upload["Key"]), str(upload["UploadId"]))
        return len(old)

    def check(self) -> Iterable[Finding]:
        from shared.providers.s3.checkup import findings

        return findings(self._client, self._bucket)

    def _abort(self, key: str, upload_id: str) -> None:
        at = {"Bucket": self._bucket.name, "Key": key, "UploadId": upload_id}
        self._client.find("abortMultipartUpload", lambda s3: s3.abort_multipart_upload(**at))

    def _key(self, key: str) -> str:
        return self._bucket.prefix + key

    def _at(self, item: ColdObject) -> dict[str, str]:
        at = {"Bucket": self._bucket.name, "Key": self._key(item.key)}
        return {**at, "VersionId": item.version} if item.version else at

    def _head(self, key: str, version: str) -> Mapping[str, Any] | None:
        at = {"Bucket": self._bucket.name, "Key": self._key(key)} | ({"VersionId": version} if version else {})
        try:
            found = self._client.find("headObject", lambda s3: dict(s3.head_object(**at, ChecksumMode="ENABLED")))
        except (Misconfigured, Permanent) as error:
            self._explain()
            if isinstance(error, Permanent) and error.code == "400" and version:
                # Amazon's answer for an id of a version that it never gave.
                return None
            raise
        if found is None:
            self._explain()
        return found

    def _explain(self) -> None:
        """
        Raise what is wrong with the bucket, if anything is: an answer without a body cannot tell.
        """
        asked = {"Bucket": self._bucket.name, "Prefix": self._bucket.prefix, "MaxKeys": 1}
        self._client.ask("listObjects", lambda s3: s3.list_objects_v2(**asked))

    def _object(self, key: str, head: Mapping[str, Any]) -> ColdObject:
        item = ColdObject(
            key,
            str(head.get("VersionId") or ""),
            int(head["ContentLength"]),
            str(head.get("StorageClass") or USUAL_CLASS),
            head["LastModified"].astimezone(UTC),
            checksum=_checksum(head),
        )
        found = _RESTORE.search(str(head.get("Restore") or ""))
        if found is None:
            return self._available(item, is_coming=False, until=None)
        until = parsedate_to_datetime(found[2]).astimezone(UTC) if found[2] else None
        return self._available(item, is_coming=found[1] == "true", until=until)

    def _listed(self, one: Mapping[str, Any]) -> ColdObject:
        item = ColdObject(
            str(one["Key"]).removeprefix(self._bucket.prefix),
            str(one.get("VersionId") or ""),
            int(one["Size"]),
            str(one.get("StorageClass") or USUAL_CLASS),
            one["LastModified"].astimezone(UTC),
        )
        status = one.get("RestoreStatus", {})
        until = status.get("RestoreExpiryDate")
        return self._available(item, is_coming=bool(status.get("IsRestoreInProgress")), until=until)

    def _available(self, item: ColdObject, *, is_coming: bool, until: datetime | None) -> ColdObject:
        """
        Return an object with its availability.

        Args:
            item: The object.
            is_coming: Whether it was asked for, and is not there yet.
            until: Until when a copy can be read; `None` if there is none.
        """
        if not terms_of(item.storage_class).is_cold:
            return item
        if is_coming:
            return replace(item, availability=Availability.COMING)
        if until is None or until <= self._clock():
            return replace(item, availability=Availability.COLD)
        return replace(item, available_until=until.astimezone(UTC))

    def _verified(self, key: str, sent: Sent) -> ColdObject:
        """
        Return the object that was just stored.

        Raises:
            Permanent: It is not what was sent, and is deleted (`OTHER_BYTES`).
        """
        head = self._head(key, sent.version)
        if head is None:
            raise _other_bytes("The store does not have the object that was stored.")
        item = self._object(key, head)
        if item.size_bytes == sent.digest.size_bytes and self._is_same(item, sent):
            return item
        with suppress(BackendError):
            self.delete(item)
        raise _other_bytes("The store has other bytes than were sent. The object was deleted.")

    def _is_same(self, item: ColdObject, sent: Sent) -> bool:
        if item.checksum:
            return item.checksum == f"crc32c:{sent.crc32c}"
        if item.availability is not Availability.READY:
            raise Misconfigured(
                "The store calculates no checksums, and objects of its class cannot be read at once, so nothing can "
                "be verified. Set ARCHIVE_S3_CLASS to STANDARD."
            )
        sha256 = hashlib.sha256()
        with self.read(item) as pieces:
            for piece in pieces:
                sha256.update(piece)
        return sha256.hexdigest() == sent.digest.sha256

    def _require_readable(self, item: ColdObject) -> None:
        found = self.find(item.key, item.version)
        if found is None:
            raise _permanent("getObject", NOT_FOUND, "The store has no such object.")
        if found.availability is not Availability.READY:
            raise Transient(
                "The object has to be asked for before it can be read.",
                provider=NAME,
                operation="getObject",
                code="COLD",
            )

    def _pieces(self, item: ColdObject, download: Download) -> Iterator[bytes]:
        try:
            yield from pieces_of(download)
        except ProviderError:
            # A copy that ends while it is read is an error of its own.
            self._require_readable(item)
            raise

    def _is_locked(self, item: ColdObject) -> bool:
        try:
            head = self._head(item.key, item.version)
        except BackendError:
            return False
        until = None if head is None else head.get("ObjectLockRetainUntilDate")
        return head is not None and (
            head.get("ObjectLockLegalHoldStatus") == "ON" or (until is not None and until > self._clock())
        )


def _checksum(head: Mapping[str, Any]) -> str:
    """
    Return the store's checksum of the whole object; empty if it has none, or only one of the parts' checksums.
    """
    crc32c = str(head.get("ChecksumCRC32C") or "")
    return f"crc32c:{crc32c}" if crc32c and "-" not in crc32c else ""


def _other_bytes(message: str) -> Permanent:
    return _permanent("store", OTHER_BYTES, message)


def _permanent(operation: str, code: str, message: str) -> Permanent:
    return Permanent(message, provider=NAME, operation=operation, code=code)
