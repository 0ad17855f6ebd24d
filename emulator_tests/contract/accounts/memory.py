"""The in-memory provider as an account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from emulator_tests.contract.accounts.account import Account
from emulator_tests.contract.accounts.files import FILM_S, PARTLY_SENT_BYTES, Film
from emulator_tests.memory import ManualClock, MemoryAudience, MemoryEvents, MemoryInventory, MemoryMedia
from shared.core.errors import Doubtful, Transient
from shared.ports import ExternalIds, MediaState, Observation, Source, Stage, UploadSpec

T = TypeVar("T")


@dataclass(slots=True)
class Faults:
    """
    An effect that counts calls, and loses one call or one answer.
    """

    calls: int = 0
    lost_call: str = ""
    lost_answer: str = ""

    def __call__(self, operation: str, do: Callable[[], T]) -> T:
        self.calls += 1
        if operation == self.lost_call:
            self.lost_call = ""
            raise Transient("It does not answer.", provider="memory", operation=operation, code="UNREACHABLE")
        done = do()
        if operation == self.lost_answer:
            self.lost_answer = ""
            raise Doubtful("The answer was lost.", provider="memory", operation=operation, code="TIMEOUT")
        return done


class MemoryAccount:
    """
    The in-memory provider.
    """

    main_part = "entryId"
    film_type: str | None = "video/mp4"
    has_events = True
    look_calls_max = 1
    protocol = "memory"

    def __init__(self) -> None:
        self.clock = ManualClock()
        self._faults = Faults()
        self.events = MemoryEvents(self.clock, self._faults)
        self.audience = MemoryAudience(self.clock, self._faults)
        self.media = MemoryMedia(self.clock, self._faults)
        self.inventory = MemoryInventory(self.events, self.media, self._faults)

    def progress_calls(self, uploads: int) -> int:
        """
        Return 1: one call is enough.
        """
        return 1

    def neighbour(self) -> Account:
        """
        Return another in-memory provider, because nothing is shared in memory.
        """
        return MemoryAccount()

    def alive(self) -> set[tuple[str, str]]:
        """
        Return the parts of the in-memory events and videos.
        """
        made: list[Any] = [*self.events.alive(), *self.media.alive()]
        return {part for one in made for part in one.external_ids.items()}

    def everything(self) -> set[tuple[str, str]]:
        """
        Return the same as `alive`: every part is named by a document.
        """
        return self.alive()

    def title(self, external_ids: ExternalIds) -> str:
        """
        Return the title of the spec.
        """
        made: list[Any] = [*self.events.alive(), *self.media.alive()]
        (title,) = (one.spec.title for one in made if one.external_ids.get("entryId") == external_ids["entryId"])
        return str(title)

    def moderators(self, external_ids: ExternalIds) -> set[str]:
        """
        Return the moderators of the spec.
        """
        (made,) = (made for made in self.events.alive() if made.external_ids["entryId"] == external_ids["entryId"])
        return set(made.spec.moderators)

    def people(self) -> set[str]:
        """
        Return the users of the in-memory audience.
        """
        return set(self.audience.known())

    def welcome(self, uid: str) -> None:
        """
        Do nothing: for us a user is unknown until our first call, even if they exist.
        """

    def broadcast(self, external_ids: ExternalIds, film: Film | None, *, is_live: bool) -> None:
        """
        Let the in-memory events broadcast. A recording is processed at once.
        """
        self.events.broadcast(external_ids, is_live=is_live)

    def vanish(self, part: str, part_id: str) -> None:
        """
        Delete the part by its id, which is unique in memory.
        """
        self.events.vanish(part_id)
        self.media.vanish(part_id)

    def later(self) -> None:
        """
        Advance the clock by a second.
        """
        self.clock.advance(1)

    def prepare_many(self, count: int, film: Film | None = None) -> None:
        """
        Create the videos one by one.
        """
        for number in range(count):
            external_ids = self.media.prepare_upload(f"video:v{number}:1", UploadSpec("", "lecture.mp4", 1))
            if film is not None:
                self.upload(external_ids, film)

    def upload(self, external_ids: ExternalIds, film: Film) -> None:
        """
        Set what a provider would report about such a file.
        """
        seen = {
            Film.VIDEO: Observation(MediaState.READY, 100, None, None, FILM_S, 50_000, "video/mp4", is_video=True),
            Film.SOUND: Observation(MediaState.READY, 100, None, None, FILM_S, 20_000, "video/mp4", is_video=False),
            Film.GARBAGE: Observation(MediaState.ERROR, reason="It is no medium."),
            Film.STUBBORN: Observation(
                MediaState.ERROR, media_type="video/mp4", reason="It could not be converted.", retryable=True
            ),
            Film.SLOW: Observation(MediaState.PROCESSING, 25, Stage.CONVERTING),
        }
        self.media.show(external_ids, seen[film])

    def send_some(self, external_ids: ExternalIds, size_bytes: int) -> None:
        """
        Set what a provider would report about such an upload.
        """
        percent = 100 * size_bytes // PARTLY_SENT_BYTES
        seen = Observation(MediaState.AWAITING_UPLOAD, percent, Stage.RECEIVING, received_bytes=size_bytes)
        self.media.show(external_ids, seen)

    def read(self, source: Source) -> bytes | None:
        """
        Return the video's id instead of bytes, which do not exist in memory.
        """
        entry_id = source.url.removeprefix("memory://")
        return (
            entry_id.encode() if any(made.external_ids["entryId"] == entry_id for made in self.media.alive()) else None
        )

    def calls(self) -> int:
        """
        Return the calls that the effect counted.
        """
        return self._faults.calls

    def lose_call(self, operation: str) -> None:
        """
        Lose the call in the effect.
        """
        self._faults.lost_call = operation

    def lose_answer(self, operation: str) -> None:
        """
        Lose the answer in the effect.
        """
        self._faults.lost_answer = operation
