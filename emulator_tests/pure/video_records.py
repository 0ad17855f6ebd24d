"""Records of videos, and looks at them, for the tests of their table and of their transitions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from emulator_tests.pure.deployment import LATE_COMMIT_S, POLICY
from shared.core.history import Moment
from shared.core.identity import SessionIdentity
from shared.ports import MediaState, Observation, UploadSpec
from shared.reconcile import Failure, Snapshot, Step
from shared.videos.decide import decide
from shared.videos.model import Ending, Playable, Video, VideoState
from shared.videos.spec import Spec, VideoSpec
from shared.videos.view import shown

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SESSION = SessionIdentity("s1", "teacher", NOW - timedelta(days=1))
CREATED_AT = NOW - timedelta(hours=1)
DEADLINE_AT = NOW + timedelta(hours=1)
INSTANT = timedelta(microseconds=1)

UPLOAD = UploadSpec("Algebra", "algebra.mp4", 500)
PARTS = {"entryId": "0_video1", "uploadTokenId": "token1"}
OLD_PARTS = {"entryId": "0_video0", "uploadTokenId": "token0"}
ENDING = Ending("TOO_LONG", "The video is too long.")
PASSING_ENDING = Ending("REFUSED_BY_PROVIDER", "It could not be converted.", retryable=True)
PLAYABLE = Playable("video:v1:1", OLD_PARTS, "Algebra", 12.5, 499, "video/mp4", CREATED_AT)

FINAL = Failure("INVALID_TITLE", "The provider does not like it.", False, "prepare", "0", 1, NOW, None)
PASSING = Failure("HTTP_503", "The provider is busy.", True, "prepare", "0", 1, NOW, NOW + timedelta(seconds=2))
NOT_ANEW = Failure("NO_SOURCE", "Its source is gone.", False, "reprocess", "1", 1, NOW, None)
SOON = NOW + timedelta(minutes=5)
UNHEARD = Failure("HTTP_503", "The provider is busy.", True, "observe", "", 3, NOW, SOON)
UNCHECKED = Failure("HTTP_503", "The provider is busy.", True, "check", "", 3, NOW, SOON)
NOT_RENAMED = Failure("INVALID_NAME", "The provider does not like it.", False, "rename", "0", 1, NOW, None)
NOT_RENAMED_YET = Failure("HTTP_503", "The provider is busy.", True, "rename", "0", 1, NOW, SOON)

HAS_PARTS = (VideoState.UPLOADING, VideoState.PROCESSING, VideoState.RETRYING)
HAS_DEADLINE = (VideoState.UPLOADING, VideoState.PROCESSING)


def recorded_as(state: VideoState, **changes: object) -> Video:
    """
    A record in a state that has been reached before now.
    """
    is_tried = state in (VideoState.PREPARING, VideoState.RETRYING)
    record = Video(
        session=SESSION,
        provider="memory",
        created_at=CREATED_AT,
        order=1,
        upload=UPLOAD,
        asked_at=CREATED_AT,
        state=state,
        generation=0 if state is VideoState.REQUESTED else 2,
        reference="video:v1:2" if state in (*HAS_PARTS, VideoState.PREPARING) else None,
        tried_at=CREATED_AT if is_tried else None,
        external_ids=PARTS if state in HAS_PARTS else {},
        deadline_at=DEADLINE_AT if state in HAS_DEADLINE else None,
        ended=ENDING if state is VideoState.FAILED else None,
        failures=1 if state in (VideoState.FAILED, VideoState.RETRYING) else 0,
        playable=PLAYABLE if state is VideoState.READY else None,
        history=(Moment(state, CREATED_AT),),
    )
    return replace(record, **changes)  # type: ignore[arg-type]  # named by the rows below


KEPT = {"external_ids": PARTS, "reference": "video:v1:2", "deadline_at": DEADLINE_AT, "ended": PASSING_ENDING}

READY = Observation(MediaState.READY, 100, duration_s=9.0, size_bytes=500, media_type="video/mp4")


def looked(record: Video | None, *, has_session: bool = True, **wished: Any) -> Snapshot[VideoSpec, Video]:
    """
    A look at a video that its session shows as it should.
    """
    told = None if record is None or not has_session else shown(record)
    spec = None if record is None else replace(Spec(UPLOAD, CREATED_AT), **wished)
    return Snapshot("v1", VideoSpec(spec, has_session, told), record, None if record is None else 1)


def step_for(record: Video, *, seen: bool = False, **wished: Any) -> Step[Video]:
    decision = decide(looked(record, **wished), NOW, POLICY, LATE_COMMIT_S, observed=seen)
    assert isinstance(decision, Step)
    return decision
