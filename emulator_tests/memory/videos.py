"""The media port in memory."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from emulator_tests.memory.effect import Effect, undisturbed
from emulator_tests.memory.grants import playback_grant
from shared.core.errors import Permanent, Transient
from shared.ports import (
    MANIFEST_URL,
    PROGRESSIVE_URL,
    THUMBNAIL_URL,
    Allowance,
    Change,
    Changes,
    Clock,
    ExternalIds,
    Grant,
    MediaState,
    Observation,
    Source,
    Stage,
    UploadGrant,
    UploadSpec,
)

CHUNK_BYTES: Final = 100
REQUESTS_SPARE: Final = 4
"""Requests that the in-memory provider counts for an upload besides those of its chunks."""
PAGE_ITEMS_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class MadeMedia:
    """
    A video at the in-memory provider.
    """

    reference: str
    spec: UploadSpec
    external_ids: ExternalIds
    created_at: datetime
    changed_at: datetime
    observation: Observation


class MemoryMedia:
    """
    The media port in memory. A video has the external ids `entryId` and `uploadTokenId`.
    """

    def __init__(
        self,
        clock: Clock,
        effect: Effect = undisturbed,
        *,
        page_items_max: int = PAGE_ITEMS_MAX,
        name: str = "memory",
    ) -> None:
        self.name = name
        self._clock = clock
        self._effect = effect
        self._page_items_max = page_items_max
        self._lock = threading.Lock()
        self._made: dict[str, MadeMedia] = {}
        self._numbers = itertools.count(1)

    def alive(self) -> tuple[MadeMedia, ...]:
        """
        Return every video, oldest first.
        """
        with self._lock:
            return tuple(self._made.values())

    def vanish(self, part_id: str) -> None:
        """
        Delete a video, or its upload token, as if from outside this project.
        """
        with self._lock:
            self._made.pop(part_id, None)
            for entry_id, made in self._made.items():
                external_ids = {name: id_ for name, id_ in made.external_ids.items() if id_ != part_id}
                self._made[entry_id] = replace(made, external_ids=external_ids)

    def show(self, external_ids: ExternalIds, observation: Observation) -> None:
        """
        Set what a video is observed as from now on.
        """
        with self._lock:
            made = self._made[external_ids["entryId"]]
            self._made[external_ids["entryId"]] = replace(made, observation=observation, changed_at=self._clock())

    def prepare_upload(self, reference: str, spec: UploadSpec) -> ExternalIds:
        def do() -> ExternalIds:
            with self._lock:
                now, external_ids = self._clock(), self._new_parts()
                waiting = Observation(MediaState.AWAITING_UPLOAD, 0, Stage.AWAITING_BYTES, received_bytes=0)
                made = MadeMedia(reference, spec, external_ids, now, now, waiting)
                self._made[external_ids["entryId"]] = made
                return dict(external_ids)

        return self._effect("prepare_upload", do)

    def find_upload(self, reference: str, spec: UploadSpec) -> ExternalIds:  # Kaltura completes an upload from its spec
        def do() -> ExternalIds:
            with self._lock:
                for entry_id, made in self._made.items():
                    if made.reference == reference:
                        whole = {**self._new_parts(), **made.external_ids}
                        self._made[entry_id] = replace(made, external_ids=whole)
                        return dict(whole)
                return {}

        return self._effect("find_upload", do)

    def adopt_recording(self, reference: str, spec: UploadSpec) -> ExternalIds:
        """
        Fill `Media.adopt_recording`. An adopted recording is processing until the test sets something else.
        """
        recording = spec.recording or {}

        def do() -> ExternalIds:
            with self._lock:
                now, entry_id = self._clock(), recording["entryId"]
                begun = Observation(MediaState.PROCESSING, percent=0, stage=Stage.CONVERTING)
                made = self._made.get(entry_id) or MadeMedia(reference, spec, dict(recording), now, now, begun)
                self._made[entry_id] = replace(made, reference=reference)
                return dict(recording)

        return self._effect("adopt_recording", do)

    def observe(self, external_ids: Sequence[ExternalIds]) -> Sequence[Observation]:
        def do() -> Sequence[Observation]:
            with self._lock:
                return [self._observe(one) for one in external_ids]

        return self._effect("observe", do) if external_ids else []

    def rename(self, reference: str, external_ids: ExternalIds, spec: UploadSpec) -> None:
        def do() -> None:
            with self._lock:
                made = self._made.get(external_ids["entryId"])
                if made is not None:
                    self._made[external_ids["entryId"]] = replace(
                        made, spec=replace(made.spec, title=spec.title, stamp=spec.stamp)
                    )

        self._effect("rename", do)

    def reprocess(self, external_ids: ExternalIds) -> None:
        def do() -> None:
            with self._lock:
                made = self._made.get(external_ids["entryId"])
                if made is None:
                    raise Permanent(
                        "There is no such video.", provider="memory", operation="reprocess", code="ENTRY_ID_NOT_FOUND"
                    )
                if made.observation.state is not MediaState.READY:
                    begun = Observation(MediaState.PROCESSING, percent=0, stage=Stage.CONVERTING)
                    self._made[external_ids["entryId"]] = replace(made, observation=begun, changed_at=self._clock())
            self.reprocessing(external_ids)

        self._effect("reprocess", do)

    def reprocessing(self, external_ids: ExternalIds) -> None:
        """
        Do nothing. A subclass that simulates a provider overrides it to notice when a video is processed again.
        """

    def delete_media(self, external_ids: ExternalIds) -> ExternalIds:
        def do() -> ExternalIds:
            with self._lock:
                self._made.pop(external_ids.get("entryId", ""), None)
                return {}

        return self._effect("delete_media", do)

    def changes(self, since: datetime, page: int, pages: int = 1, uploads: Sequence[ExternalIds] = ()) -> Changes:
        def do() -> Changes:
            with self._lock:
                changed = [
                    Change(made.reference, dict(made.external_ids), made.changed_at, made.observation)
                    for made in self._made.values()
                    if made.changed_at >= since and made.observation.state is not MediaState.AWAITING_UPLOAD
                ]
                seen = tuple(self._observe(one) for one in uploads)
            changed.sort(key=lambda change: change.changed_at, reverse=True)
            begin, end = (page - 1) * self._page_items_max, (page - 1 + pages) * self._page_items_max
            return Changes(tuple(changed[begin:end]), len(changed) > end, seen)

        return self._effect("changes", do)

    def requests_for(self, size_bytes: int) -> int:
        return 2 * -(-size_bytes // CHUNK_BYTES) + REQUESTS_SPARE

    def upload_grant(self, external_ids: ExternalIds, spec: UploadSpec, allowance: Allowance) -> UploadGrant:
        token_id = external_ids["uploadTokenId"]
        token = hashlib.sha256(repr((token_id, allowance)).encode()).hexdigest()
        values: dict[str, str | int] = {"uploadTokenId": token_id, "requests": allowance.requests}
        return UploadGrant("memory", f"memory://media/{token}", token, allowance.expires_at, values)

    def playback_grant(
        self, external_ids: ExternalIds, viewer_uid: str, lifetime_s: int, revocation_id: str | None = None
    ) -> Grant:
        names = (MANIFEST_URL, PROGRESSIVE_URL, THUMBNAIL_URL)
        return playback_grant(self._clock(), lifetime_s, external_ids["entryId"], *names, revocation_id=revocation_id)

    def source(self, external_ids: ExternalIds, lifetime_s: int) -> Source:
        def do() -> Source:
            with self._lock:
                if self._observe(external_ids).state is not MediaState.READY:
                    raise Transient("Not yet.", provider=self.name, operation="source", code="SOURCE_NOT_READY")
                return Source(f"memory://{external_ids['entryId']}")

        return self._effect("source", do)

    def _new_parts(self) -> ExternalIds:
        number = next(self._numbers)
        mark = "" if self.name == "memory" else f"{self.name}-"
        return {"entryId": f"{mark}0_video{number}", "uploadTokenId": f"{mark}token{number}"}

    def _observe(self, external_ids: ExternalIds) -> Observation:
        made = self._made.get(external_ids.get("entryId", ""))
        return Observation(MediaState.GONE) if made is None else made.observation
