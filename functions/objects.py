"""The trigger of the bucket of shared live media: it enqueues the reconciliation of a media whose document has arrived.

The event is only a hint: the reconciliation looks for the object itself. If an event is lost, the next look finds the
object, some seconds or minutes later. If an event is repeated or false, the object is looked for once more.
"""

from __future__ import annotations

from typing import Final

from firebase_functions.core import CloudEvent
from firebase_functions.storage_fn import StorageObjectData, on_object_finalized

from functions import config, wiring
from functions.sessions import TRIGGER_MEMORY
from shared.core.paths import RECONCILE_SLIDES
from shared.reconcile.slots import enqueue
from shared.slides.model import media_uploaded_as

NO_BUCKET: Final = "no-bucket-is-set"
"""The bucket of the trigger if none is set; the trigger is not deployed then (`listing.py`)."""


@on_object_finalized(bucket=config.SLIDES_BUCKET.value or NO_BUCKET, memory=TRIGGER_MEMORY)
def onSlidesUploaded(event: CloudEvent[StorageObjectData]) -> None:
    """
    Enqueue the reconciliation of the media whose document is complete. Pages that the server writes are ignored.
    """
    media_id = media_uploaded_as(event.data.name)
    if media_id is not None and event.data.bucket == config.SLIDES_BUCKET.value:
        enqueue(wiring.queue(), RECONCILE_SLIDES, media_id, wiring.now)
