"""The settings of a bucket of a store with an S3 API: as a host, the fields of its row of `HOSTS`; and as the archive.

Registered in `shared/providers/registry.py`. The adapters are imported when they are opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from shared.core import reading
from shared.ports import ColdStore, Host, Terms
from shared.providers.s3.classes import CLASSES
from shared.providers.settings import (
    ColdStoreSettings,
    Context,
    HostSettings,
    Use,
    archive_prefix,
    optional,
    prefix_of,
    required,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(HostSettings):
    """
    The settings of a bucket.
    """

    title: ClassVar[str] = "Your own servers, or any S3 store"

    url: str = required("url", reading.url, "Address of the store, for the functions and for viewers.")
    bucket: str = required("bucket", reading.line, "Name of the bucket.")
    access_key: str = required("accessKey", reading.line, "Key that may read, write, list and delete in that bucket.")
    secret_key: str = required("secretKey", reading.line, "Secret of that key.", is_secret=True)
    region: str = optional("region", reading.line, "Region that requests are signed for.", "us-east-1")

    def open(self, name: str, context: Context) -> Host:
        from shared.providers.s3.host import S3Host, S3Store

        store = S3Store(
            name=name,
            url=self.url,
            bucket=self.bucket,
            region=self.region,
            access_key=self.access_key,
            secret_key=self.secret_key,
            namespace=context.namespace,
            clock=context.clock,
            source_domains=context.delivery_domains,
        )
        return S3Host(store)


_class: Final = reading.matching("|".join(CLASSES), f"one of {', '.join(CLASSES)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSettings(ColdStoreSettings):
    """
    The settings of a bucket that originals are archived in.
    """

    title: ClassVar[str] = "Archive in Amazon S3, or any S3 store"
    classes: ClassVar[Mapping[str, Terms]] = CLASSES

    bucket: str = required(
        "ARCHIVE_S3_BUCKET",
        reading.line,
        "Bucket that originals are archived in; without it none are.",
        is_account=True,
    )
    region: str = optional("ARCHIVE_S3_REGION", reading.line, "Region of that bucket.", "us-east-1")
    storage_class: str = optional(
        "ARCHIVE_S3_CLASS",
        _class,
        "Class in which originals are kept; STANDARD for a store without classes.",
        "GLACIER",
    )
    url: str = optional("ARCHIVE_S3_URL", reading.url, "Address of the store; empty for Amazon's.", "")
    access_key: str = required(
        "ARCHIVE_S3_ACCESS_KEY", reading.line, "Key that may read, write, list, delete and restore in that bucket."
    )
    secret_key: str = required(
        "ARCHIVE_S3_SECRET_KEY", reading.line, "Secret of that key.", is_secret=True, use=Use.ARCHIVE
    )
    kms_key: str = optional(
        "ARCHIVE_S3_KMS_KEY",
        reading.line,
        "Id of the key of Amazon's key service that originals are encrypted with; empty for the bucket's own way.",
        "",
    )
    prefix: str = archive_prefix("ARCHIVE_S3_PREFIX")

    def open(self, context: Context) -> ColdStore:
        from shared.providers.s3.cold_store import Bucket, S3ColdStore

        bucket = Bucket(
            name=self.bucket,
            url=self.url,
            region=self.region,
            storage_class=self.storage_class,
            access_key=self.access_key,
            secret_key=self.secret_key,
            prefix=prefix_of(self.prefix, context.namespace),
            kms_key=self.kms_key,
            source_domains=context.delivery_domains,
        )
        return S3ColdStore(bucket, context.clock)
