"""A provider in virtual time: videos become ready by themselves, and the list of changes lags.

Used by `feed_simulation.py`. The simulators' own clockwork decides when a video is ready. Every call counts as one HTTP
request, as the real port sends it (`shared/providers/kaltura/media.py`: `observe` asks for all its videos, and
`changes` for all its pages, in one multirequest). Methods that play no part in waiting for a video are left out.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Final, TypeVar

from emulator_tests.memory import Effect
from emulator_tests.simulators.clock import Mode, Readiness
from shared.ports import (
    OBSERVED_MAX,
    Allowance,
    Change,
    Changes,
    Clock,
    ExternalIds,
    Grant,
    InventoryItem,
    MediaState,
    Observation,
    Source,
    UploadGrant,
    UploadSpec,
)
from shared.providers.kaltura import mapping

T = TypeVar("T")

NAME: Final = "kaltura"
DURATION_S: Final = 600.0
SIZE_BYTES: Final = 100_000_000
NEVER: Final = Readiness(Mode.NEVER)

_Z99: Final = 2.3263


@dataclass(frozen=True, slots=True)
class Spread:
    """
    A lognormal distribution of seconds, by its median and 99th percentile.
    """

    median_s: float
    p99_s: float

    @property
    def sigma(self) -> float:
        """
        Return the standard deviation of the logarithm. Pure.
        """
        return math.log(self.p99_s / self.median_s) / _Z99

    @property
    def mean_s(self) -> float:
        """
        Return the mean. Pure.
        """
        return self.median_s * math.exp(self.sigma**2 / 2)

    def draw(self, chance: Random) -> float:
        """
        Return a random duration, in whole milliseconds.
        """
        return round(chance.lognormvariate(math.log(self.median_s), self.sigma), 3)

    def draw_under_way(self, chance: Random) -> tuple[float, float]:
        """
        Return the duration of something that is in process at a random moment, and for how long it has been.

        Long durations are overrepresented in such a sample.
        """
        lasts_s = round(chance.lognormvariate(math.log(self.median_s) + self.sigma**2, self.sigma), 3)
        return lasts_s, round(chance.uniform(0, lasts_s), 3)


@dataclass(slots=True)
class Made:
    """
    A video at the provider.

    Attributes:
        reference: The reference with which it was created.
        external_ids: Its ids at the provider.
        prepared_at: When it was created.
        begun_at: When the provider began to process it.
        readiness: The clockwork's rule for when it is ready.
    """

    reference: str
    external_ids: ExternalIds
    prepared_at: datetime
    begun_at: datetime | None = None
    readiness: Readiness = NEVER

    @property
    def video_id(self) -> str:
        """
        Our id of the video.
        """
        return self.reference.split(":")[1]

    @property
    def ready_at(self) -> datetime:
        """
        When the video is ready. It must have been begun.
        """
        assert self.begun_at is not None, f"{self.reference} was not begun."
        return self.begun_at + timedelta(seconds=self.readiness.amount)

    def state(self, now: datetime) -> MediaState:
        """
        Return the video's state.
        """
        if self.begun_at is None:
            return MediaState.AWAITING_UPLOAD
        waited_s = (now - self.begun_at).total_seconds()
        return MediaState.READY if self.readiness.is_due(1, 1, waited_s, 0) else MediaState.PROCESSING


@dataclass(frozen=True, slots=True, order=True)
class _Entered:
    """
    A change, as the provider's index will hold it.
    """

    at: datetime
    number: int
    seen_from: datetime
    made: Made = field(compare=False)
    state: MediaState = field(compare=False)


class TimedMedia:
    """
    The media port on videos that become ready by themselves. Its list of changes lags like a search index.
    """

    name = NAME

    def __init__(
        self, clock: Clock, effect: Effect, lag_s: Callable[[], float], asked: Callable[[str, int], None]
    ) -> None:
        self.made: dict[str, Made] = {}
        self._clock = clock
        self._effect = effect
        self._lag_s = lag_s
        self._asked = asked
        self._index: list[_Entered] = []
        self._numbers = itertools.count(1)

    def begin(self, made: Made, lasts_s: float, since_s: float = 0.0) -> None:
        """
        Let the provider begin to process a video for `lasts_s`, as if its bytes had arrived `since_s` ago.
        """
        made.begun_at = self._clock() - timedelta(seconds=since_s)
        made.readiness = Readiness(Mode.AFTER_S, lasts_s)
        self._enter(made, made.begun_at, MediaState.PROCESSING)
        self._enter(made, made.ready_at, MediaState.READY)

    def prepare_upload(self, reference: str, spec: UploadSpec) -> ExternalIds:
        number = next(self._numbers)
        made = Made(reference, {"entryId": f"0_{number}", "uploadTokenId": f"t{number}"}, self._clock())
        self.made[made.external_ids["entryId"]] = made
        self._enter(made, made.prepared_at, MediaState.AWAITING_UPLOAD)
        return made.external_ids

    def find_upload(self, reference: str, spec: UploadSpec) -> ExternalIds:
        return next((made.external_ids for made in self.made.values() if made.reference == reference), {})

    def adopt_recording(self, reference: str, spec: UploadSpec) -> ExternalIds:
        """
        Not supported: nothing is recorded here.

        Raises:
            NotImplementedError: Always (never).
        """
        raise NotImplementedError

    def observe(self, external_ids: Sequence[ExternalIds]) -> Sequence[Observation]:
        def do() -> Sequence[Observation]:
            assert len(external_ids) <= OBSERVED_MAX, "The port takes no more at once."
            # Entries, sources, flavors and tokens.
            self._asked("observe", 4)
            return [_observation(self.made[one["entryId"]].state(self._clock())) for one in external_ids]

        return self._effect("observe", do) if external_ids else []

    def changes(self, since: datetime, page: int, pages: int = 1, uploads: Sequence[ExternalIds] = ()) -> Changes:
        def do() -> Changes:
            # Entries, sources and flavors for each page; for uploads their tokens too.
            self._asked("changes", 3 * pages + (4 if uploads else 0))
            seen = tuple(_observation(self.made[one["entryId"]].state(self._clock())) for one in uploads)
            changed = self._changed(since)
            begin, end = (page - 1) * mapping.PAGE, (page - 1 + pages) * mapping.PAGE
            # A list cannot tell a full last page from a page before the last.
            return Changes(tuple(changed[begin:end]), len(changed) >= end, seen)

        return self._effect("changes", do)

    def rename(self, reference: str, external_ids: ExternalIds, spec: UploadSpec) -> None:
        """
        Not supported: no title is changed here.
        """
        raise NotImplementedError

    def reprocess(self, external_ids: ExternalIds) -> None:
        """
        Not supported: nothing fails here.
        """
        raise NotImplementedError

    def delete_media(self, external_ids: ExternalIds) -> ExternalIds:
        """
        Not supported: nothing is deleted here.
        """
        raise NotImplementedError

    def requests_for(self, size_bytes: int) -> int:
        """
        Return 0: uploads are not counted here.
        """
        return 0

    def upload_grant(self, external_ids: ExternalIds, spec: UploadSpec, allowance: Allowance) -> UploadGrant:
        """
        Not supported: no bytes are sent here.
        """
        raise NotImplementedError

    def playback_grant(
        self, external_ids: ExternalIds, viewer_uid: str, lifetime_s: int, revocation_id: str | None = None
    ) -> Grant:
        """
        Not supported: nothing is played here.
        """
        raise NotImplementedError

    def source(self, external_ids: ExternalIds, lifetime_s: int) -> Source:
        """
        Not supported: nothing is copied here.
        """
        raise NotImplementedError

    def list_items(self, since: datetime, until: datetime) -> Sequence[InventoryItem]:
        """
        Fill the inventory port: nothing here is an orphan.
        """
        self._asked("strays", 1)
        return []

    def has_content(self, item: InventoryItem) -> bool:
        """
        Not supported: there are no items.
        """
        raise NotImplementedError

    def delete_item(self, item: InventoryItem) -> ExternalIds:
        """
        Not supported: there are no items.
        """
        raise NotImplementedError

    def _enter(self, made: Made, at: datetime, state: MediaState) -> None:
        lag = timedelta(seconds=self._lag_s())
        insort(self._index, _Entered(at, next(self._numbers), at + lag, made, state))

    def _changed(self, since: datetime) -> list[Change]:
        """
        Return what the index shows: the latest visible change of each video with bytes, its time in whole seconds.
        """
        now = self._clock()
        first = bisect_left(self._index, since.replace(microsecond=0), key=lambda one: one.at)
        last = bisect_right(self._index, now, key=lambda one: one.at)
        found: dict[str, _Entered] = {}
        for one in reversed(self._index[first:last]):
            if one.seen_from <= now and one.made.reference not in found:
                found[one.made.reference] = one
        return [
            Change(one.made.reference, one.made.external_ids, one.at.replace(microsecond=0), _observation(one.state))
            for one in found.values()
            if one.state is not MediaState.AWAITING_UPLOAD
        ]


def _observation(state: MediaState) -> Observation:
    if state is MediaState.READY:
        return Observation(state, 100, duration_s=DURATION_S, size_bytes=SIZE_BYTES, media_type="video/mp4")
    return Observation(state, 0, received_bytes=0)
