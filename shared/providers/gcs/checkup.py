"""Check the bucket of an archive, for `doctor`: whether it can be used, and what protects what is in it.

Called by `cold_store.py`. Writes one small object of the usual class, which is deleted again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from shared.core.errors import Misconfigured, ProviderError
from shared.ports import Finding, Health
from shared.providers.gcs.client import GcsClient

if TYPE_CHECKING:
    from google.cloud.storage import Bucket as GoogleBucket

    from shared.providers.gcs.cold_store import Bucket


def findings(client: GcsClient, bucket: Bucket) -> Iterator[Finding]:
    """
    Yield what was found. Raises as `GcsClient.failing` if the service does not answer.
    """
    what = f"bucket {bucket.name}"
    try:
        with client.failing("objects.list"):
            list(client.google.list_blobs(bucket.name, prefix=bucket.prefix, max_results=1, **client.patience()))
    except Misconfigured as error:
        yield Finding(what, Health.MISSING, str(error))
        return
    yield Finding(what, Health.OK)
    try:
        with client.failing("buckets.get"):
            found = client.google.get_bucket(bucket.name, **client.patience())
    except Misconfigured:
        yield from _permissions(client, bucket)
        yield Finding(
            "protection of the bucket",
            Health.ABSENT,
            "It cannot be read, which takes the permission storage.buckets.get. Grant it, or check yourself that the "
            "bucket keeps versions.",
        )
        return
    if found.retention_period:
        yield Finding("permissions", Health.ABSENT, "Not tried: the bucket would keep what is written for it.")
    else:
        yield from _permissions(client, bucket)
    yield from _protection(found)


def _permissions(client: GcsClient, bucket: Bucket) -> Iterator[Finding]:
    blob = client.blob(f"{bucket.prefix}probe-{secrets.token_hex(8)}")

    def put() -> None:
        with client.failing("objects.insert"):
            blob.upload_from_string(b"x", **client.patience())

    def get() -> None:
        with client.failing("objects.get"):
            blob.reload(**client.patience())

    def delete() -> None:
        with client.failing("objects.delete"):
            blob.delete(**client.patience())

    written = _tried("storage.objects.create", put)
    yield written
    if written.health is Health.OK:
        yield _tried("storage.objects.get", get)
        yield _tried("storage.objects.delete", delete)


def _tried(permission: str, do: Callable[[], None]) -> Finding:
    what = f"permission {permission}"
    try:
        do()
    except (Misconfigured, ProviderError) as error:
        return Finding(what, Health.MISSING, f"{error} It needs {permission}.")
    return Finding(what, Health.OK)


def _protection(found: GoogleBucket) -> Iterator[Finding]:
    if found.versioning_enabled:
        yield Finding("versioning of the bucket", Health.OK)
    else:
        yield Finding(
            "versioning of the bucket",
            Health.MISSING,
            "The bucket keeps no versions, so whatever overwrites an object destroys the only original. Turn "
            "versioning on.",
        )
    key = "a key of your own" if found.default_kms_key_name else "Google's keys"
    yield Finding("default encryption of the bucket", Health.OK, f"It encrypts with {key}.")
    if found.retention_period:
        days = found.retention_period // 86400
        yield Finding(
            "retention of the bucket",
            Health.OK,
            f"Nobody can delete an original within {days} days of its archiving, also when its owner asks for erasure.",
        )
    else:
        yield Finding(
            "retention of the bucket",
            Health.ABSENT,
            "Everybody who may use the bucket can delete archived originals at any time.",
        )
