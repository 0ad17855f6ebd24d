"""The document form of a video, and what its session shows of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from emulator_tests.memory import MemoryDocuments
from shared.core.history import Moment
from shared.core.identity import SessionIdentity
from shared.ports import Create, Document, Stage, UploadSpec
from shared.reconcile import Claim, Failure, Progress
from shared.sessions.session import Session
from shared.videos.controller import snapshot_of, watched
from shared.videos.model import Ending, Playable, Video, VideoState, named
from shared.videos.spec import Asked, Spec, VideoSpec
from shared.videos.view import shown

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)

PASSING = Failure("HTTP_503", "Busy.", True, "prepare", "", 2, NOW, NOW)
ENDING = Ending("TOO_LONG", "The video is too long.")
UPLOAD = UploadSpec("Algebra", "algebra.mp4", 500)
REQUESTED = Video(SessionIdentity("s1", "teacher", NOW), "memory", NOW, 3, UPLOAD, NOW)
PLAYABLE = Playable("video:v1:1", {"entryId": "0_old"}, "Old algebra", 12.5, 499, "video/mp4", NOW)
WHOLE = replace(
    REQUESTED,
    serving=2,
    state=VideoState.PROCESSING,
    generation=2,
    reference="video:v1:2",
    tried_at=NOW + timedelta(seconds=1),
    external_ids={"entryId": "0_video1", "uploadTokenId": "token1"},
    percent=40,
    stage=Stage.CONVERTING,
    received_bytes=17,
    looks=5,
    looked_at=LATER,
    deadline_at=NOW + timedelta(seconds=2),
    ended=ENDING,
    failures=1,
    playable=replace(PLAYABLE, trouble=ENDING),
    history=(Moment("uploading", NOW), Moment("ready", LATER)),
    progress=Progress(Claim("delete", NOW + timedelta(seconds=3)), PASSING, NOW + timedelta(seconds=4)),
)
WISH = Spec(UPLOAD, NOW, 2, (Asked("k1", "d1", 1), Asked("k2", "d2", 2)), cancelled=1, retry=3, deleted=True)


def kept(video: Video, spec: Spec = WISH) -> Document:
    documents = MemoryDocuments()
    documents.commit(Create("videos/v1", {**video.to_fields(), "wish": spec.to_fields()}))
    (document,) = documents.read("videos/v1")
    assert document is not None
    return document


@pytest.mark.parametrize("video", [REQUESTED, WHOLE], ids=["new", "everything there is"])
def test_a_video_is_read_back_as_it_was_written(video: Video) -> None:
    assert Video.from_document(kept(video)) == video


def test_spec_round_trips() -> None:
    assert Spec.from_document(kept(REQUESTED)) == WISH
    assert Spec.from_document(kept(REQUESTED, Spec(UPLOAD, NOW))) == Spec(UPLOAD, NOW)


def test_spec_and_status_share_no_field() -> None:
    assert "wish" not in WHOLE.to_fields()


@pytest.mark.parametrize("state", VideoState)
def test_every_state_round_trips_and_can_be_queried(state: VideoState) -> None:
    video = replace(REQUESTED, state=state)
    fields = video.to_fields()
    assert fields["pending"] is (state in (VideoState.UPLOADING, VideoState.PROCESSING))
    assert fields["gone"] is (state is VideoState.GONE)
    assert fields["ownerUid"] == "teacher"
    assert Video.from_document(kept(video)).state is state


@pytest.mark.parametrize(
    ("video", "taken_bytes"),
    [
        pytest.param(REQUESTED, 500, id="asked for"),
        pytest.param(replace(WHOLE, playable=None), 500, id="at the provider"),
        pytest.param(WHOLE, 500 + 499, id="beside what plays"),
        pytest.param(replace(REQUESTED, state=VideoState.READY, playable=PLAYABLE), 499, id="plays"),
        pytest.param(replace(REQUESTED, state=VideoState.FAILED), 0, id="failed, nothing kept"),
        pytest.param(replace(WHOLE, state=VideoState.FAILED, playable=None), 500, id="failed, bytes kept"),
        pytest.param(replace(REQUESTED, state=VideoState.GONE), 0, id="gone"),
    ],
)
def test_a_video_takes_of_its_teacher_s_room_what_it_holds_or_will_hold(video: Video, taken_bytes: int) -> None:
    assert video.to_fields()["bytes"] == taken_bytes


def test_everything_at_the_provider_is_named_by_its_reference() -> None:
    assert named(REQUESTED) == {}
    assert named(WHOLE) == {"video:v1:1": PLAYABLE.external_ids, "video:v1:2": WHOLE.external_ids}


@pytest.mark.parametrize(
    ("video", "external_ids"),
    [
        (REQUESTED, None),
        (WHOLE, WHOLE.external_ids),
        (replace(WHOLE, state=VideoState.RETRYING), WHOLE.external_ids),
        (replace(WHOLE, state=VideoState.FAILED), WHOLE.external_ids),
        (replace(REQUESTED, state=VideoState.FAILED), None),
        (replace(WHOLE, state=VideoState.READY, external_ids={}), PLAYABLE.external_ids),
        (replace(REQUESTED, state=VideoState.GONE), None),
    ],
)
def test_observation_covers_what_may_still_change(video: Video, external_ids: object) -> None:
    assert watched(video) == external_ids


def test_final_failure_is_shown_before_transient_errors() -> None:
    assert REQUESTED.failure() is None
    assert replace(REQUESTED, progress=Progress(failure=PASSING)).failure() == PASSING.shown()
    assert WHOLE.failure() == {"code": "TOO_LONG", "message": "The video is too long.", "retryable": False}


# --- what a session shows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", VideoState)
def test_a_session_shows_the_first_upload_of_a_video_until_it_is_gone(state: VideoState) -> None:
    told = shown(replace(WHOLE, state=state, playable=None, ended=None, progress=Progress()))
    if state is VideoState.GONE:
        assert told is None
    else:
        assert told == {
            "provider": "memory",
            "order": 3,
            "title": "Algebra",
            "state": state.value,
            "percent": 40,
            "stage": "converting",
            "durationS": None,
        }


READY_TOLD = {
    "provider": "memory",
    "order": 3,
    "title": "Old algebra",
    "state": "ready",
    "percent": 100,
    "stage": None,
    "durationS": 12.5,
}


def test_a_session_shows_what_plays() -> None:
    assert shown(replace(REQUESTED, state=VideoState.READY, playable=PLAYABLE)) == READY_TOLD


def test_a_session_shows_what_plays_and_beside_it_what_is_to_replace_it() -> None:
    told = shown(replace(WHOLE, playable=PLAYABLE))
    replacement = {
        "title": "Algebra",
        "state": "processing",
        "percent": 40,
        "stage": "converting",
        "failure": ENDING.to_fields(),
    }
    assert told == {**READY_TOLD, "replacement": replacement}


def test_a_session_shows_why_a_video_failed() -> None:
    told = shown(replace(REQUESTED, state=VideoState.FAILED, ended=ENDING))
    assert told is not None
    assert told["failure"] == ENDING.to_fields()


def test_a_session_shows_no_id_of_a_provider() -> None:
    told = repr([shown(WHOLE), shown(replace(WHOLE, playable=PLAYABLE)), shown(replace(WHOLE, playable=None))])
    assert not [secret for secret in ("0_video1", "token1", "video:v1:2", "0_old", "video:v1:1") if secret in told]


# --- what is wished ----------------------------------------------------------------------------------------------


def test_a_video_is_wanted_while_its_session_is_there_and_nobody_has_deleted_it() -> None:
    fields = {"ownerUid": "teacher", "createdAt": NOW, "videos": {"v1": {"state": "ready"}, "v2": 7}}
    session = Session.from_fields("s1", fields)
    wanted = replace(WISH, deleted=False)
    look = snapshot_of(kept(WHOLE, wanted), session)
    assert look.spec == VideoSpec(wanted, has_session=True, shown={"state": "ready"}, identity=WHOLE.session)
    assert look.record == WHOLE
    assert look.spec.wanted
    assert not snapshot_of(kept(WHOLE, WISH), session).spec.wanted
    assert not snapshot_of(kept(WHOLE, wanted), None).spec.wanted
