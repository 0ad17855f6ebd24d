"""The peer: what people script to learn when a video is ready.

A function per video asks the provider every 30 s until the video is ready, and a schedule lists all videos every
minute, to find polls that were lost. It is counted by the same counters as ours. It uses neither our adapters nor our
documents, so its requests to the provider are only counted.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from emulator_tests.cost.metered import Instance, Metered
from emulator_tests.cost.places import PROCESSED_IN_S, MemoryPlace
from emulator_tests.cost.scenario import EVERY_S, PER
from emulator_tests.cost.usage import Counts, Usage, minus
from shared.core.paths import VIDEOS, video_path
from shared.ports import Create, Query, Task, Update

POLL_S: Final = 30
LIST_S: Final = 60
UPLOADS: Final = 25
UPLOAD, POLL, LIST = "naiveUpload", "naivePoll", "naiveList"


class Naive:
    """
    The peer.

    Args:
        videos: Number of videos that are there already.
    """

    def __init__(self, videos: int = 0) -> None:
        self.metered = Metered(MemoryPlace())
        for number in range(videos):
            self.metered.kept.commit(Create(video_path(f"old{number}"), {"state": "ready"}))

    def upload(self, video_id: str) -> None:
        """
        Upload a video, and poll until it is ready.
        """
        metered, path = self.metered, video_path(video_id)
        ready_at = metered.clock() + timedelta(seconds=PROCESSED_IN_S)

        def create(instance: Instance) -> None:
            instance.app.documents.commit(Create(path, {"state": "processing"}))
            instance.app.queue.put(Task(POLL, video_id))

        def poll(instance: Instance) -> None:
            instance.app.documents.read(path)
            if metered.clock() >= ready_at:
                instance.app.documents.commit(Update(path, {"state": "ready"}))
            else:
                instance.app.queue.put(Task(POLL, video_id))

        metered.call(UPLOAD, create, asks=1)
        while metered.queue.waiting():
            metered.queue.take()
            metered.clock.advance(POLL_S)
            metered.count(POLL, Usage(tasks=1))
            metered.call(POLL, poll, asks=1)

    def list_all(self) -> None:
        """
        Read all videos, page by page.
        """

        def read_pages(instance: Instance) -> None:
            after_id: str | None = None
            while page := instance.app.documents.select(Query(VIDEOS, after_id=after_id)):
                after_id = page[-1].id

        self.metered.call(LIST, read_pages)


def uploads() -> Counts:
    """
    Return the usage of 1,000 videos until they are ready, one after another, without the lists.
    """
    naive = Naive()
    for number in range(UPLOADS):
        naive.upload(f"v{number}")
        naive.metered.clock.advance(EVERY_S - PROCESSED_IN_S)
    return {name: usage * (PER / UPLOADS) for name, usage in naive.metered.counts.items()}


def month(videos: int) -> Counts:
    """
    Return the usage of a month in which nothing happens: the lists.

    Args:
        videos: Number of videos.
    """
    naive = Naive(videos)
    naive.list_all()
    first = dict(naive.metered.counts)
    naive.list_all()
    warm = minus(naive.metered.counts, first)
    return {name: usage * (30 * 24 * 3600 / LIST_S) for name, usage in warm.items()}
