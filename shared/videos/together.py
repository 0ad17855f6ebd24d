"""Many videos visited together, with one call to the provider for all of them.

Called by the worker `visitVideo`, whose note names one video or many. Leaves to the visit what is done with each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from shared import log
from shared.errors import Conflict, Transient
from shared.paths import VISIT_VIDEO, video_path
from shared.ports import Clock, Documents, Note, Queue
from shared.reconcile import visit
from shared.videos import Seen, Videos, watched
from shared.videos.model import Video

KEYS_SEPARATOR: Final = ","
"""Between the ids of videos in the key of one note."""

BUDGET_S: Final = 30.0
"""After so many seconds no further video is begun; with the slowest visit that stays under `WORKER_TIMEOUT_S`."""

AGAIN_S: Final = 5.0

Each = Callable[[Callable[[str], None], Sequence[str]], Iterable[None]]
"""Does the same for each of several: `map`, or that of an executor, which has several of them done at once."""


def visit_videos(videos: Videos, key: str, documents: Documents, queue: Queue, clock: Clock, each: Each = map) -> None:
    """
    Bring one video, or many, as far as they can be brought now.

    Args:
        videos: Their Controller.
        key: The id of one, or the ids of many.
        documents: Where their documents are.
        queue: Where notes are left.
        clock: Now, in UTC.
        each: How many are visited one after the other, or at once.

    Raises:
        Transient, Conflict: As `visit` of one; of many, whoever is hindered is noted again alone. Where the provider
            cannot be asked about all of them, none is visited (again).
    """
    keys = list(dict.fromkeys(key.split(KEYS_SEPARATOR)))
    if len(keys) == 1:
        visit(videos, key, documents, queue, clock)
        return
    ends_at = clock() + timedelta(seconds=BUDGET_S)
    videos = replace(videos, seen=_see(videos, keys))

    def visit_one(video_id: str) -> None:
        now = clock()
        if now > ends_at:
            queue.put(Note(VISIT_VIDEO, video_id))
            return
        try:
            visit(videos, video_id, documents, queue, clock)
        except (Transient, Conflict) as error:
            log.unavailable(VISIT_VIDEO, None, error)
            queue.put(Note(VISIT_VIDEO, video_id, now + timedelta(seconds=AGAIN_S)))

    for _ in each(visit_one, keys):
        pass


def _see(videos: Videos, keys: Sequence[str]) -> dict[str, Seen]:
    """
    How all those stand that there is something to see of.
    """
    documents = videos.documents.read(*map(video_path, keys))
    found = ((document.id, watched(Video.from_document(document))) for document in documents if document is not None)
    parts = {video_id: one for video_id, one in found if one}
    if not parts:
        return {}
    observations = videos.media.observe(list(parts.values()))
    return {
        video_id: Seen(one, observation)
        for (video_id, one), observation in zip(parts.items(), observations, strict=True)
    }
