"""Copies in a store with an S3 API: the server sends them there, piece by piece, and viewers play them by a signed
address.

Called by the reconciler of copies and by the grants, through `ports.Host`. The store itself knows what was sent so far:
a multipart upload lists its pieces, and an interrupted reconcile continues after the last one. One file plays as it is,
by ranges; there is no manifest and no thumbnail here.

Source: Amazon S3 API reference, CreateMultipartUpload, UploadPart, ListParts, CompleteMultipartUpload.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from shared.core.errors import Permanent
from shared.ports import (
    PROGRESSIVE_URL,
    Clock,
    ExternalIds,
    Grant,
    InventoryItem,
    MediaState,
    Observation,
    Source,
    Stage,
)
from shared.providers.codes import NOT_FOUND

if TYPE_CHECKING:
    from shared.providers.s3.client import Client

KEY: Final = "key"
UPLOAD: Final = "uploadId"
"""The external ids of a copy: the object's key, and the multipart upload that sends it."""

PIECE_BYTES: Final = 16 * 1024 * 1024
"""
The size of the piece that one step sends. Twice as much fits in a worker's memory; a store accepts 10,000 pieces, 160
GB.
"""

LIFETIME_MAX_S: Final = 7 * 24 * 3600
"""The longest lifetime of a signed address."""

PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class S3Store:
    """
    A bucket of a store.

    Attributes:
        name: Our name of the host.
        url: The address of the store.
        bucket: The name of the bucket.
        region: The region that requests are signed for.
        access_key: A key with permission to read, write, list and delete there.
        secret_key: The secret of that key.
        namespace: Marks what this deployment creates.
        clock: Now, in UTC.
        piece_bytes: The size of the piece that one step sends; a store accepts no less than 5 MiB, except for the last.
        source_domains: Further domains that the addresses of copied videos may redirect to.
    """

    name: str
    url: str
    bucket: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    namespace: str
    clock: Clock
    piece_bytes: int = PIECE_BYTES
    source_domains: tuple[str, ...] = ()
    _built: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def client(self) -> Client:
        """
        Return the client. The library behind it is imported when it is first needed.
        """
        if "client" not in self._built:
            from shared.providers.s3.client import Client

            self._built["client"] = Client(self.name, self.url, self.region, self.access_key, self.secret_key)
        client: Client = self._built["client"]
        return client

    def key_of(self, reference: str) -> str:
        """
        Return the key of our copy.
        """
        return f"{self.prefix}{reference.replace(':', '/')}"

    @property
    def prefix(self) -> str:
        """
        Return the prefix of all our keys.
        """
        return f"greenroom/{self.namespace}/"

    def ours(self, key: str) -> str:
        """
        Return our reference of a key that begins with `prefix`.
        """
        return key.removeprefix(self.prefix).replace("/", ":")


@dataclass(frozen=True, slots=True)
class S3Host:
    """
    Fills `ports.Host`.
    """

    store: S3Store

    @property
    def name(self) -> str:
        """
        See `ports.Host`.
        """
        return self.store.name

    def begin_copy(self, reference: str, source: Source) -> ExternalIds:
        """
        See `ports.Host`.
        """
        bucket, key = self.store.bucket, self.store.key_of(reference)
        asked = {"Bucket": bucket, "Key": key, "ContentType": source.media_type}
        upload_id = self.store.client.ask(
            "createMultipartUpload", lambda s3: str(s3.create_multipart_upload(**asked)["UploadId"])
        )
        return {KEY: key, UPLOAD: upload_id}

    def find_copy(self, reference: str) -> ExternalIds:
        """
        See `ports.Host`.
        """
        key = self.store.key_of(reference)
        begun = [upload for upload in self._uploads(key) if upload["Key"] == key]
        if begun:
            oldest = min(begun, key=lambda upload: upload["Initiated"])
            return {KEY: key, UPLOAD: str(oldest["UploadId"])}
        return {} if self._size_bytes(key) is None else {KEY: key}

    def observe_copy(self, external_ids: ExternalIds) -> Observation:
        """
        See `ports.Host`.
        """
        size_bytes = self._size_bytes(external_ids[KEY])
        if size_bytes is not None:
            return Observation(MediaState.READY, 100, size_bytes=size_bytes)
        carried = self._carried(external_ids)
        return Observation(MediaState.GONE) if carried is None else _receiving(sum(one["Size"] for one in carried))

    def send_more(self, external_ids: ExternalIds, source: Source) -> Observation:
        """
        See `ports.Host`. The object appears with the last piece, and is as long as its source.
        """
        carried = self._carried(external_ids)
        if carried is None:
            return self.observe_copy(external_ids)
        from shared.providers.addresses import read_range

        begin = sum(one["Size"] for one in carried)
        piece, size_bytes = read_range(source, begin, self.store.piece_bytes, self.store.source_domains)
        number = len(carried) + 1
        asked = {"Bucket": self.store.bucket, "Key": external_ids[KEY], "UploadId": external_ids[UPLOAD]}
        if piece:
            tag = self.store.client.find(
                "uploadPart", lambda s3: str(s3.upload_part(**asked, PartNumber=number, Body=piece)["ETag"])
            )
            if tag is None:
                return self.observe_copy(external_ids)
            carried = [*carried, {"PartNumber": number, "ETag": tag, "Size": len(piece)}]
        if begin + len(piece) < size_bytes:
            received = begin + len(piece)
            return Observation(
                MediaState.AWAITING_UPLOAD, 100 * received // size_bytes, Stage.RECEIVING, received_bytes=received
            )
        whole = {"Parts": [{"PartNumber": one["PartNumber"], "ETag": one["ETag"]} for one in carried]}
        self.store.client.find(
            "completeMultipartUpload", lambda s3: s3.complete_multipart_upload(**asked, MultipartUpload=whole)
        )
        return self.observe_copy(external_ids)

    def delete_media(self, external_ids: ExternalIds) -> ExternalIds:
        """
        See `ports.Host`. An unfinished upload takes space too, so it is aborted.
        """
        client, key = self.store.client, external_ids[KEY]
        at = {"Bucket": self.store.bucket, "Key": key}
        for upload in self._uploads(key):
            if upload["Key"] == key:
                self._abort(key, str(upload["UploadId"]))
        client.find("deleteObject", lambda s3: s3.delete_object(**at))
        return {} if self.observe_copy(external_ids).state is MediaState.GONE else {KEY: key}

    def playback_grant(self, external_ids: ExternalIds, lifetime_s: int) -> Grant:
        """
        See `ports.Host`.
        """
        now, lifetime_s = self.store.clock(), min(lifetime_s, LIFETIME_MAX_S)
        url = self.store.client.signed_url(self.store.bucket, external_ids[KEY], lifetime_s)
        return Grant(
            url=url,
            token=url,
            expires_at=now + timedelta(seconds=lifetime_s),
            values={PROGRESSIVE_URL: url},
            bare_url=url.partition("?")[0],
        )

    def list_items(self, since: datetime, until: datetime) -> Sequence[InventoryItem]:
        """
        See `ports.Inventory`. A store lists by key, so all objects of ours are read.
        """
        asked = {"Bucket": self.store.bucket, "Prefix": self.store.prefix}
        found = [
            InventoryItem(
                self.name,
                self.store.ours(one["Key"]),
                {KEY: one["Key"]},
                one["LastModified"].astimezone(UTC),
                has_content=True,
            )
            for page in self.store.client.pages("listObjects", "list_objects_v2", **asked)
            for one in page.get("Contents", ())
        ]
        found += [
            InventoryItem(
                self.name,
                self.store.ours(one["Key"]),
                {KEY: one["Key"], UPLOAD: str(one["UploadId"])},
                one["Initiated"].astimezone(UTC),
            )
            for one in self._uploads(self.store.prefix)
        ]
        within = (item for item in found if since <= item.created_at < until)
        return sorted(within, key=lambda item: item.created_at)[:PAGE]

    def has_content(self, item: InventoryItem) -> bool:
        """
        See `ports.Inventory`. An upload has the pieces that were sent so far.
        """
        return (
            bool(self._carried(item.external_ids))
            if UPLOAD in item.external_ids
            else self._size_bytes(item.external_ids[KEY]) is not None
        )

    def delete_item(self, item: InventoryItem) -> ExternalIds:
        """
        See `ports.Inventory`. If a document names the key, a second upload to it is deleted alone.
        """
        if UPLOAD not in item.external_ids:
            return self.delete_media(item.external_ids)
        self._abort(item.external_ids[KEY], item.external_ids[UPLOAD])
        left = [
            one for one in self._uploads(item.external_ids[KEY]) if str(one["UploadId"]) == item.external_ids[UPLOAD]
        ]
        return item.external_ids if left else {}

    def _abort(self, key: str, upload_id: str) -> None:
        asked = {"Bucket": self.store.bucket, "Key": key, "UploadId": upload_id}
        self.store.client.find("abortMultipartUpload", lambda s3: s3.abort_multipart_upload(**asked))

    def _uploads(self, prefix: str) -> Iterator[Any]:
        """
        Yield the unfinished uploads to keys with this prefix.
        """
        asked = {"Bucket": self.store.bucket, "Prefix": prefix}
        for page in self.store.client.pages("listMultipartUploads", "list_multipart_uploads", **asked):
            yield from page.get("Uploads", ())

    def _size_bytes(self, key: str) -> int | None:
        asked = {"Bucket": self.store.bucket, "Key": key}
        return self.store.client.find("headObject", lambda s3: int(s3.head_object(**asked)["ContentLength"]))

    def _carried(self, external_ids: ExternalIds) -> list[Any] | None:
        """
        Return the pieces that have arrived, without a gap; `None` if there is no such upload any more.
        """
        if UPLOAD not in external_ids:
            return None
        asked = {"Bucket": self.store.bucket, "Key": external_ids[KEY], "UploadId": external_ids[UPLOAD]}
        found: list[Any] = []
        try:
            for page in self.store.client.pages("listParts", "list_parts", **asked):
                found += page.get("Parts", ())
        except Permanent as error:
            if error.code != NOT_FOUND:
                raise
            return None
        in_order = sorted(found, key=lambda part: part["PartNumber"])
        return [part for number, part in enumerate(in_order, 1) if part["PartNumber"] == number]


def _receiving(received_bytes: int) -> Observation:
    return Observation(MediaState.AWAITING_UPLOAD, None, Stage.RECEIVING, received_bytes=received_bytes)
