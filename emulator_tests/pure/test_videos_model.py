"""The document form of a video, and what its session shows of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from emulator_tests.fakes import MemoryDocuments
from shared.history import Moment
from shared.ports import Create, UploadWish
from shared.reconcile import Claim, Failure, Progress
from shared.sessions.model import Session
from shared.videos import wish_of
from shared.videos.model import Ending, Video, VideoState, VideoWish, shown

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)

PASSING = Failure("HTTP_503", "Busy.", True, "prepare", "", 2, NOW)
ENDING = Ending("TOO_LONG", "The video is too long.")
REQUESTED = Video("s1", "memory", UploadWish("Algebra", "algebra.mp4", 500, "teacher"), "digest", NOW)
READY = replace(
    REQUESTED,
    state=VideoState.READY,
    generation=1,
    reference="video:v1:1",
    tried_at=NOW + timedelta(seconds=1),
    parts={"entryId": "0_video1", "uploadTokenId": "token1"},
    percent=100,
    duration_s=12.5,
    size_bytes=499,
    deadline_at=NOW + timedelta(seconds=2),
    ended=ENDING,
    history=(Moment("uploading", NOW), Moment("ready", LATER)),
    progress=Progress(Claim("delete", NOW + timedelta(seconds=3)), PASSING, NOW + timedelta(seconds=4)),
)


def read_back(video: Video) -> Video:
    documents = MemoryDocuments()
    documents.commit(Create("videos/v1", video.to_fields()))
    (document,) = documents.read("videos/v1")
    assert document is not None
    return Video.from_document(document)


@pytest.mark.parametrize("video", [REQUESTED, READY], ids=["new", "everything there is"])
def test_a_video_is_read_back_as_it_was_written(video: Video) -> None:
    assert read_back(video) == video


@pytest.mark.parametrize(
    ("state", "pending", "gone"),
    [
        (VideoState.REQUESTED, False, False),
        (VideoState.PREPARING, False, False),
        (VideoState.UPLOADING, True, False),
        (VideoState.PROCESSING, True, False),
        (VideoState.READY, False, False),
        (VideoState.FAILED, False, False),
        (VideoState.DELETING, False, False),
        (VideoState.GONE, False, True),
    ],
    ids=str,
)
def test_every_state_is_read_back_and_stands_in_the_words_of_queries_too(
    state: VideoState, pending: bool, gone: bool
) -> None:
    video = replace(REQUESTED, state=state)
    fields = video.to_fields()
    assert (fields["pending"], fields["gone"], fields["ownerUid"]) == (pending, gone, "teacher")
    assert read_back(video).state is state


def test_what_ended_a_video_is_told_rather_than_what_went_wrong_on_the_way() -> None:
    assert REQUESTED.failure() is None
    assert replace(REQUESTED, progress=Progress(failure=PASSING)).failure() == PASSING.shown()
    assert READY.failure() == {"code": "TOO_LONG", "message": "The video is too long.", "retryable": False}


@pytest.mark.parametrize("state", VideoState)
def test_a_session_shows_its_videos_until_they_are_on_their_way_out(state: VideoState) -> None:
    told = shown(replace(READY, state=state, ended=None, progress=Progress()))
    if state in (VideoState.DELETING, VideoState.GONE):
        assert told is None
    else:
        assert told == {
            "provider": "memory",
            "title": "Algebra",
            "state": state.value,
            "percent": 100,
            "durationS": 12.5,
        }


def test_a_session_shows_why_a_video_failed() -> None:
    told = shown(replace(READY, state=VideoState.FAILED))
    assert told is not None
    assert told["failure"] == ENDING.shown()


def test_a_session_shows_no_id_of_a_provider() -> None:
    assert not {"0_video1", "token1", "video:v1:1"} & set(map(str, (shown(READY) or {}).values()))


def test_a_session_wishes_each_of_its_videos_as_long_as_it_is_there() -> None:
    session = Session.from_fields("s1", {"videos": {"v1": {"state": "ready"}, "v2": 7}})
    assert wish_of("v1", session) == VideoWish(wanted=True, shown={"state": "ready"})
    assert wish_of("v3", session) == VideoWish(wanted=True)
    assert wish_of("v1", None) == VideoWish(wanted=False)
