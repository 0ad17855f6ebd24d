"""The settings of a bucket of a store with an S3 API: the fields of its row of `HOSTS`.

Registered in `shared/providers/registry.py`. The adapter is imported when a host is opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from shared.core import reading
from shared.ports import Host
from shared.providers.settings import Context, HostSettings, optional, required


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
