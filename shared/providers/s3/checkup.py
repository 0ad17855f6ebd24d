"""Check the bucket of an archive, for `doctor`: whether it can be used, and what protects what is in it.

Called by `cold_store.py`. Writes one small object of the usual class, which is deleted again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from shared.core.errors import BackendError, Misconfigured, ProviderError
from shared.ports import Finding, Health
from shared.providers.s3.archive_client import CLOCK_SENTENCE, ArchiveClient
from shared.providers.s3.classes import terms_of

if TYPE_CHECKING:
    from shared.providers.s3.cold_store import Bucket

_PERMISSIONS: Final = {
    "getBucketVersioning": "s3:GetBucketVersioning",
    "getBucketEncryption": "s3:GetEncryptionConfiguration",
    "getBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "getObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
}
"""The permission that each operation needs, by Amazon's name of it."""

_NOT_ON: Final = frozenset(
    {
        "ServerSideEncryptionConfigurationNotFoundError",
        "ObjectLockConfigurationNotFoundError",
        "NoSuchLifecycleConfiguration",
        "HTTP_501",
        "NotImplemented",
        "MethodNotAllowed",
        "NOT_FOUND",
    }
)
"""The codes by which a store says that something is not turned on, or that it does not know it."""


def findings(client: ArchiveClient, bucket: Bucket) -> Iterator[Finding]:
    """
    Yield what was found. Raises as `ArchiveClient.ask` if the store does not answer.
    """
    at = {"Bucket": bucket.name}
    try:
        client.ask("listObjects", lambda s3: s3.list_objects_v2(**at, Prefix=bucket.prefix, MaxKeys=1))
    except Misconfigured as error:
        what = "clock" if str(error) == CLOCK_SENTENCE else f"bucket {bucket.name}"
        yield Finding(what, Health.MISSING, str(error))
        return
    yield Finding(f"bucket {bucket.name}", Health.OK)
    yield _region(client, bucket)
    answer = _answer_of(client, "getObjectLockConfiguration", lambda s3: s3.get_object_lock_configuration(**at))
    lock = {} if answer is None or isinstance(answer, str) else answer.get("ObjectLockConfiguration", {})
    if lock.get("Rule"):
        yield Finding("permissions", Health.ABSENT, "Not tried: the bucket would keep what is written for it.")
    else:
        yield from _permissions(client, bucket)
    yield _versions(client, at)
    yield _encryption(client, at)
    yield Finding("object lock of the bucket", Health.ABSENT, answer) if isinstance(answer, str) else _lock(lock)
    yield _lifecycle(client, bucket)


def _region(client: ArchiveClient, bucket: Bucket) -> Finding:
    head = client.ask("headBucket", lambda s3: dict(s3.head_bucket(Bucket=bucket.name)))
    region = str(head.get("BucketRegion") or bucket.region)
    if region == bucket.region:
        return Finding("region of the bucket", Health.OK)
    return Finding(
        "region of the bucket",
        Health.MISSING,
        f"The bucket is in {region}, and ARCHIVE_S3_REGION is {bucket.region}. Set it to {region}.",
    )


def _permissions(client: ArchiveClient, bucket: Bucket) -> Iterator[Finding]:
    """
    Yield a finding for each permission, tried with a small object.
    """
    at = {"Bucket": bucket.name, "Key": f"{bucket.prefix}probe-{secrets.token_hex(8)}"}
    made: dict[str, Any] = {}
    yield _tried(
        "s3:PutObject", lambda: made.update(client.ask("putObject", lambda s3: s3.put_object(**at, Body=b"x")))
    )
    if not made:
        return
    version = {"VersionId": made["VersionId"]} if made.get("VersionId") else {}
    yield _tried(
        "s3:GetObjectVersion" if version else "s3:GetObject",
        lambda: client.ask("headObject", lambda s3: s3.head_object(**at, **version)),
    )
    yield _tried(
        "s3:ListBucketVersions",
        lambda: client.ask(
            "listObjectVersions", lambda s3: s3.list_object_versions(Bucket=bucket.name, Prefix=at["Key"], MaxKeys=1)
        ),
    )
    yield _tried(
        "s3:ListBucketMultipartUploads",
        lambda: client.ask(
            "listMultipartUploads", lambda s3: s3.list_multipart_uploads(Bucket=bucket.name, Prefix=bucket.prefix)
        ),
    )
    if terms_of(bucket.storage_class).is_cold:
        yield _tried("s3:RestoreObject", lambda: _restore(client, {**at, **version}))
    yield _tried(
        "s3:DeleteObjectVersion" if version else "s3:DeleteObject",
        lambda: client.ask("deleteObject", lambda s3: s3.delete_object(**at, **version)),
    )


def _restore(client: ArchiveClient, at: Mapping[str, str]) -> None:
    """
    Ask for an object that is not cold, which the store refuses by its class to whoever may ask for it.
    """
    asked = {"Days": 1, "GlacierJobParameters": {"Tier": "Bulk"}}
    # A missing permission is raised as `Misconfigured`; other refusals do not matter here.
    with suppress(ProviderError):
        client.ask("restoreObject", lambda s3: s3.restore_object(**at, RestoreRequest=asked))


def _tried(permission: str, do: Callable[[], object]) -> Finding:
    what = f"permission {permission}"
    try:
        do()
    except (Misconfigured, ProviderError) as error:
        return Finding(what, Health.MISSING, f"{error} It needs {permission}.")
    return Finding(what, Health.OK)


def _versions(client: ArchiveClient, at: Mapping[str, str]) -> Finding:
    what = "versioning of the bucket"
    answer = _answer_of(client, "getBucketVersioning", lambda s3: s3.get_bucket_versioning(**at))
    if isinstance(answer, str):
        return Finding(what, Health.MISSING, answer)
    if answer is not None and answer.get("Status") == "Enabled":
        return Finding(what, Health.OK)
    return Finding(
        what,
        Health.MISSING,
        "The bucket keeps no versions, so whatever overwrites an object destroys the only original. Turn versioning "
        "on.",
    )


def _encryption(client: ArchiveClient, at: Mapping[str, str]) -> Finding:
    what = "default encryption of the bucket"
    answer = _answer_of(client, "getBucketEncryption", lambda s3: s3.get_bucket_encryption(**at))
    if isinstance(answer, str):
        return Finding(what, Health.ABSENT, answer)
    if answer:
        return Finding(what, Health.OK)
    return Finding(
        what,
        Health.ABSENT,
        "The bucket has no default encryption. Amazon encrypts each object with its own keys all the same; another "
        "store may not.",
    )


def _lock(configuration: Mapping[str, Any]) -> Finding:
    what = "object lock of the bucket"
    if configuration.get("ObjectLockEnabled") != "Enabled":
        return Finding(what, Health.ABSENT, "Everybody with the key can delete archived originals at any time.")
    rule = configuration.get("Rule", {}).get("DefaultRetention", {})
    if not rule:
        return Finding(what, Health.OK, "It locks nothing by itself: originals can be deleted at any time.")
    span = f"{rule['Days']} days" if "Days" in rule else f"{rule['Years']} years"
    return Finding(
        what,
        Health.OK,
        f"Nobody can delete an original within {span} of its archiving, also when its owner asks for erasure.",
    )


def _lifecycle(client: ArchiveClient, bucket: Bucket) -> Finding:
    what = "removal of uploads that never ended"
    asked = {"Bucket": bucket.name}
    answer = _answer_of(
        client, "getBucketLifecycleConfiguration", lambda s3: s3.get_bucket_lifecycle_configuration(**asked)
    )
    if isinstance(answer, str):
        return Finding(what, Health.ABSENT, answer)
    for rule in (answer or {}).get("Rules", ()):
        covered = rule.get("Filter", {}).get("Prefix", rule.get("Prefix", ""))
        is_ours = set(rule.get("Filter", {})) <= {"Prefix"} and bucket.prefix.startswith(covered)
        if rule.get("Status") == "Enabled" and "AbortIncompleteMultipartUpload" in rule and is_ours:
            return Finding(what, Health.OK)
    return Finding(
        what,
        Health.ABSENT,
        "No lifecycle rule of the bucket aborts incomplete multipart uploads. Greenroom removes its own; add a rule "
        "that removes them also when Greenroom does not run.",
    )


def _answer_of(
    client: ArchiveClient, operation: str, ask: Callable[[Any], Mapping[str, Any]]
) -> Mapping[str, Any] | str | None:
    """
    Return a configuration of the bucket; `None` if there is none, and a sentence if it cannot be read.
    """
    try:
        return client.ask(operation, lambda s3: dict(ask(s3)))
    except ProviderError as error:
        if error.code not in _NOT_ON:
            raise
        return None
    except BackendError:
        return f"It cannot be read: the key has no permission {_PERMISSIONS[operation]}."
