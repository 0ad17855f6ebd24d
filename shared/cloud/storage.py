"""Fill the storage port with Cloud Storage.

Built by `functions/wiring.py`. Leaves to `storage_arguments` what it may be asked for, and to the domain what is stored
under which name.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from shared.cloud.calls import TIMEOUT_S, requesting
from shared.cloud.storage_arguments import (
    CORS_ADVICE,
    CorsRule,
    check_address,
    check_list,
    check_object,
    check_read,
    check_type,
    cors_problem,
    disposition,
    upload_headers,
)
from shared.core.errors import Conflict, Misconfigured, Permanent, Transient
from shared.ports import NO_SUCH_OBJECT, Clock, StoredObject, UploadAddress

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.auth.credentials import Signing
    from google.cloud.storage import Blob, Client

PROVIDER: Final = "cloudstorage"
SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"

DOWNLOAD_TYPE: Final = "application/octet-stream"
PRIVATE: Final = "private, max-age=3600"

FIELDS: Final = "items(name,size,contentType,generation,timeCreated),nextPageToken"

OF_BUCKET: Final = frozenset({"objects.list", "objects.insert"})
"""The operations that find nothing only if there is no bucket."""


@dataclass(frozen=True, slots=True)
class Connection:
    """
    What calls Cloud Storage.

    Attributes:
        client: Google's client; threads may share it.
        account: The account in whose name addresses are signed.
        is_emulator: Whether it is the emulator, which takes what it needs from elsewhere in an address.
    """

    client: Client
    account: Signing
    is_emulator: bool = False


def connect_storage(project: str, own: Callable[[], str], emulator_url: str | None = None) -> Connection:
    """
    Return a connection. Call it once per process and after the process has forked.

    Args:
        project: The project's id.
        own: Returns the e-mail address of the account that this code runs as. Asked only if it has to sign.
        emulator_url: The address of an emulator, called without credentials; `None` in the cloud.

    Raises:
        Transient: The account is not known at the moment (again).
        Misconfigured: There are no credentials (never, until there are).
    """
    # Otherwise the library asks for the bucket's own description beside our calls, in a thread that outlives them.
    os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    import google.auth
    from google.auth.credentials import AnonymousCredentials
    from google.auth.transport.requests import Request
    from google.cloud.storage import Client

    from shared.cloud.signing import emulator_account, signing_account

    if emulator_url is not None:
        anonymous = AnonymousCredentials()  # type: ignore[no-untyped-call]  # the library has no types for it
        client = Client(project=project, credentials=anonymous, client_options={"api_endpoint": emulator_url})
        return Connection(client, emulator_account(), is_emulator=True)
    with requesting(PROVIDER, "token", "Cloud Storage is called without credentials: set up an account."):
        credentials, _ = google.auth.default(scopes=[SCOPE])
        request = Request()
        account = signing_account(credentials, own, request)
    return Connection(Client(project=project, credentials=credentials), account)


@dataclass(frozen=True, slots=True)
class CloudStorage:
    """
    The storage port on one bucket.

    Attributes:
        connect: Returns the connection, from `connect_storage`. Called for each call, and not before the first one: a
            function without slides need not load Google's package.
        bucket: The name of the bucket.
        clock: Now, in UTC. Google's library dates signatures by the time of the machine.
        timeout_s: The time for one call with its repetitions, and for each silence of a transfer.
    """

    connect: Callable[[], Connection]
    bucket: str
    clock: Clock
    timeout_s: float = TIMEOUT_S

    def upload_address(self, name: str, content_type: str, size_bytes: int, lifetime_s: int) -> UploadAddress:
        """
        See `ports.Storage`.
        """
        check_address(name, lifetime_s)
        headers = upload_headers(content_type, size_bytes)
        # The signature counts from a later second than this one.
        signed_at = self.clock().replace(microsecond=0)
        # fake-gcs-server takes both from the query alone.
        query = {"name": name, "ifGenerationMatch": "0"} if self.connect().is_emulator else None
        url = self._signed(name, lifetime_s, method="POST", headers=dict(headers), query_parameters=query)
        return UploadAddress(url, "POST", headers, signed_at + timedelta(seconds=lifetime_s))

    def read_address(
        self, name: str, lifetime_s: int, file_name: str | None = None, generation: int | None = None
    ) -> str:
        """
        See `ports.Storage`.
        """
        check_address(name, lifetime_s)
        signed: dict[str, Any] = {"generation": generation}
        if file_name is not None:
            signed |= {"response_disposition": disposition(file_name), "response_type": DOWNLOAD_TYPE}
        return self._signed(name, lifetime_s, method="GET", **signed)

    def find(self, name: str) -> StoredObject | None:
        """
        See `ports.Storage`.
        """
        check_object(name)
        found = self._loaded(name)
        return None if found is None else _stored(found)

    def list_objects(self, prefix: str, limit: int, after: str = "") -> Sequence[StoredObject]:
        """
        See `ports.Storage`.
        """
        check_list(prefix, limit, after)
        client = self.connect().client
        # The service begins with the object of that name, if there is one.
        asked = {"prefix": prefix, "start_offset": after or None, "max_results": limit + 1, "fields": FIELDS}
        with self._asking("objects.list"):
            blobs = list(client.list_blobs(self.bucket, **asked, **self._patience()))
        return [_stored(blob) for blob in blobs if blob.name > after][:limit]

    def read(self, name: str, generation: int, first: int, count: int) -> bytes:
        """
        See `ports.Storage`.
        """
        check_read(name, generation, first, count)
        content = io.BytesIO()
        try:
            with self._asking("objects.get"):
                # Without `raw_download` the service decompresses what an uploader has declared to be compressed.
                self._blob(name, generation).download_to_file(
                    content, start=first, end=first + count - 1, raw_download=True, **self._patience()
                )
        except Permanent as error:
            if error.code != "HTTP_416":
                raise
            return b""
        if content.tell() > count:
            raise _malformed("objects.get")
        return content.getvalue()

    def write(self, name: str, content: bytes, content_type: str) -> StoredObject:
        """
        See `ports.Storage`.
        """
        check_object(name)
        check_type(content_type)
        blob = self._blob(name)
        blob.cache_control = PRIVATE
        try:
            with self._asking("objects.insert", changes=True):
                blob.upload_from_string(
                    content, content_type=content_type, if_generation_match=0, checksum="md5", **self._patience()
                )
        except Permanent as error:
            if error.code != "HTTP_412":
                raise
            return self._same(name, content, content_type)
        return _stored(blob)

    def delete(self, name: str) -> None:
        """
        See `ports.Storage`.
        """
        check_object(name)
        try:
            with self._asking("objects.delete", changes=True):
                self._blob(name).delete(**self._patience())
        except Permanent as error:
            if error.code != NO_SUCH_OBJECT:
                raise

    def cors_problem(self) -> str:
        """
        See `ports.Storage`.
        """
        mistake = (
            f"The CORS of the bucket {self.bucket} cannot be read, which takes the role roles/storage.admin. "
            f"Grant it, or check yourself that web apps may upload. {CORS_ADVICE}"
        )
        with requesting(PROVIDER, "buckets.get", mistake):
            rules = self.connect().client.get_bucket(self.bucket, **self._patience()).cors
        names = ("origin", "method", "responseHeader")
        return cors_problem(CorsRule(*(tuple(rule.get(name, ())) for name in names)) for rule in rules)

    def _same(self, name: str, content: bytes, content_type: str) -> StoredObject:
        """
        Return the object that exists already, if an earlier try has written it.
        """
        blob = self._loaded(name)
        if blob is None:
            raise Conflict(f"The object {name} was deleted at the same time. Try again.")
        digest = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
        if (blob.md5_hash, blob.size, blob.content_type) != (digest, len(content), content_type):
            raise Conflict(f"There is another object {name}. Delete it first, or take another name.")
        return _stored(blob)

    def _loaded(self, name: str) -> Blob | None:
        blob = self._blob(name)
        try:
            with self._asking("objects.get"):
                blob.reload(**self._patience())
        except Permanent as error:
            if error.code != NO_SUCH_OBJECT:
                raise
            return None
        return blob

    def _blob(self, name: str, generation: int | None = None) -> Blob:
        return self.connect().client.bucket(self.bucket).blob(name, generation=generation)

    def _signed(self, name: str, lifetime_s: int, **signed: Any) -> str:
        account = self.connect().account
        with self._asking("signBlob"):
            url: str = self._blob(name).generate_signed_url(
                version="v4", expiration=timedelta(seconds=lifetime_s), credentials=account, **signed
            )
        return url

    @contextmanager
    def _asking(self, operation: str, *, changes: bool = False) -> Iterator[None]:
        mistake = (
            f"The bucket {self.bucket} does not exist, or this service's account may not use it: it needs the role "
            "roles/storage.objectUser there."
        )
        try:
            with requesting(PROVIDER, operation, mistake, changes=changes):
                yield
        except Permanent as error:
            if error.code == NO_SUCH_OBJECT and operation in OF_BUCKET:
                raise Misconfigured(mistake) from None
            raise

    def _patience(self) -> dict[str, Any]:
        """
        Return the time of a call. Each can be repeated, whatever the library knows of it.
        """
        from google.cloud.storage.retry import DEFAULT_RETRY

        retry: Retry = DEFAULT_RETRY.with_timeout(self.timeout_s).with_delay(initial=0.1, maximum=2.0)
        return {"timeout": self.timeout_s, "retry": retry}


def _stored(blob: Blob) -> StoredObject:
    facts = (blob.generation, blob.time_created)
    if blob.size is None or None in facts:
        raise _malformed("objects.get")
    # An object that others have put there may have no type.
    return StoredObject(blob.name, blob.size, blob.content_type or DOWNLOAD_TYPE, *facts)


def _malformed(operation: str) -> Transient:
    return Transient(
        "The answer of Cloud Storage cannot be understood. Try again.",
        provider=PROVIDER,
        operation=operation,
        code="MALFORMED",
    )
