"""The common interface of the accounts that the suites run against."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from emulator_tests.contract.accounts.files import Film
from shared.ports import Audience, Events, ExternalIds, Inventory, Media, Source


class Account(Protocol):
    """
    One provider account.

    Attributes:
        main_part: Name of a video's own id in `ExternalIds`.
        film_type: Media type that is reported for a video, `None` if there is none.
        has_events: Whether there are live events.
        look_calls_max: The most calls to observe many videos once.
        protocol: Protocol of uploads.
    """

    main_part: str
    film_type: str | None
    has_events: bool
    look_calls_max: int
    protocol: str

    def progress_calls(self, uploads: int) -> int:
        """
        Return the most calls to ask for changes and for the progress of this many uploads.
        """
        ...

    @property
    def events(self) -> Events:
        """
        The events port under test.
        """
        ...

    @property
    def audience(self) -> Audience:
        """
        The audience port under test.
        """
        ...

    @property
    def media(self) -> Media:
        """
        The media port under test.
        """
        ...

    @property
    def inventory(self) -> Inventory:
        """
        The inventory port under test.
        """
        ...

    def clock(self) -> datetime:
        """
        Return the current time, for us and for the provider.
        """
        ...

    def neighbour(self) -> Account:
        """
        Return another deployment on the same account.
        """
        ...

    def alive(self) -> set[tuple[str, str]]:
        """
        Return name and id of every part that exists in the account, from any deployment.
        """
        ...

    def everything(self) -> set[tuple[str, str]]:
        """
        Return the same as `alive`, with parts that no document names because they are deleted with another part.
        """
        ...

    def title(self, external_ids: ExternalIds) -> str:
        """
        Return the title that viewers see.
        """
        ...

    def moderators(self, external_ids: ExternalIds) -> set[str]:
        """
        Return the uids of an event's moderators.
        """
        ...

    def people(self) -> set[str]:
        """
        Return the uids of the users that the provider knows.
        """
        ...

    def welcome(self, uid: str) -> None:
        """
        Create a user there, as if from outside this project.
        """
        ...

    def broadcast(self, external_ids: ExternalIds, film: Film | None, *, is_live: bool) -> None:
        """
        Let an encoder begin to send to an event, or stop. When it stops, `film` is the recording.
        """
        ...

    def vanish(self, part: str, part_id: str) -> None:
        """
        Delete one part, as if from outside this project, given its name in `ExternalIds` and its id.
        """
        ...

    def later(self) -> None:
        """
        Let enough time pass for later changes to get another timestamp.
        """
        ...

    def prepare_many(self, count: int, film: Film | None = None) -> None:
        """
        Create videos with the references `video:v0:1`, `video:v1:1`, and so on. If there is a file, upload it to each.
        """
        ...

    def upload(self, external_ids: ExternalIds, film: Film) -> None:
        """
        Upload a file, and wait for the end of its processing, if it ends.
        """
        ...

    def send_some(self, external_ids: ExternalIds, size_bytes: int) -> None:
        """
        Upload some bytes of a file, and no more yet.
        """
        ...

    def read(self, source: Source) -> bytes | None:
        """
        Return the bytes of a source; `None` if there are none.
        """
        ...

    def calls(self) -> int:
        """
        Return the number of calls to the provider so far.
        """
        ...

    def lose_call(self, operation: str) -> None:
        """
        Lose the next call of this method of a port before it reaches the provider.
        """
        ...

    def lose_answer(self, operation: str) -> None:
        """
        Lose the answer to the next call of this method.
        """
        ...
