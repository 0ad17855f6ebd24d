"""The settings of an archive in Google Cloud Storage. Registered in `shared/providers/registry.py`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from shared.core import reading
from shared.ports import ColdStore, Terms
from shared.providers.gcs.classes import CLASSES
from shared.providers.settings import ColdStoreSettings, Context, archive_prefix, optional, prefix_of, required

_class: Final = reading.matching("|".join(CLASSES), f"one of {', '.join(CLASSES)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSettings(ColdStoreSettings):
    """
    The settings of a bucket that originals are archived in. The functions' own account uses it, so there is no secret.
    """

    title: ClassVar[str] = "Archive in Google Cloud Storage"
    classes: ClassVar[Mapping[str, Terms]] = CLASSES

    bucket: str = required(
        "ARCHIVE_GCS_BUCKET",
        reading.line,
        "Bucket that originals are archived in; without it none are.",
        is_account=True,
    )
    storage_class: str = optional("ARCHIVE_GCS_CLASS", _class, "Class in which originals are kept.", "ARCHIVE")
    prefix: str = archive_prefix("ARCHIVE_GCS_PREFIX")

    def open(self, context: Context) -> ColdStore:
        from shared.providers.gcs.cold_store import Bucket, GcsColdStore

        bucket = Bucket(
            name=self.bucket,
            storage_class=self.storage_class,
            prefix=prefix_of(self.prefix, context.namespace),
            source_domains=context.delivery_domains,
            # The library's own variable, set by the platform.
            emulator_url=os.environ.get("STORAGE_EMULATOR_HOST", ""),
        )
        return GcsColdStore(bucket, context.clock)
