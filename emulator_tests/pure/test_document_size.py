"""How large a session's document can get: within what Firestore keeps, however many videos it may show.

Source of the sizes: https://cloud.google.com/firestore/docs/storage-size
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from emulator_tests.memory import BEGIN_AT
from emulator_tests.pure.deployment import SESSION
from emulator_tests.testbed.places import ROOT
from functions import config
from shared.core.errors import Misconfigured
from shared.core.text import TITLE_MAX
from shared.ports import EventSpec, Stage, UploadSpec
from shared.providers.cloudflare.account import NAME as LONGEST_PROVIDER
from shared.reconcile import Failure, Progress
from shared.sessions.model import Airing, BroadcastState, Pairing, PairingState
from shared.sessions.moderation import MODERATORS_MAX
from shared.sessions.spec import SessionSpec
from shared.sessions.view import shown as event_shown
from shared.videos.model import Ending, Playable, Video, VideoState
from shared.videos.policy import ORDER_MAX
from shared.videos.settings import SESSION_VIDEOS_MOST
from shared.videos.view import shown as video_shown

DOCUMENT_MAX_BYTES = 1_048_576
INDEX_ENTRIES_MAX = 40_000
NAME_BYTES = len("sessions") + 1 + 64 + 1 + 16
DOCUMENT_BYTES = 32

TITLE = "\U0001f393" * TITLE_MAX
UID = "\U0001f393" * 126
CODE = "C" * 100
"""The longest code that is read out of an answer (providers/kaltura/client/)."""

MESSAGE = "m" * 400
"""Longer than any sentence about a failure: Kaltura's names an operation, a code and a property of 100 letters each."""

APP_VALUES_MAX = 10
"""With all names and values as long as the rules allow."""

DURATION_MAX_S = 7 * 24 * 3600.0


def stored_bytes(value: Any) -> int:
    match value:
        case None | bool():
            return 1
        case int() | float() | datetime():
            return 8
        case str():
            return len(value.encode()) + 1
        case Mapping():
            return sum(stored_bytes(name) + stored_bytes(inner) for name, inner in value.items())
        case _:
            raise TypeError(value)


def longest(names: Any) -> str:
    return max((str(name.value) for name in names), key=len)


def largest_video() -> dict[str, Any]:
    """
    What a session shows of a video of the longest title that does not play, and whose replacement has failed.
    """
    ending = Ending(CODE, MESSAGE)
    playable = Playable("video:v1:1", {}, TITLE, DURATION_MAX_S, 1, "video/mp4", BEGIN_AT, trouble=ending)
    video = Video(
        SESSION,
        LONGEST_PROVIDER,
        BEGIN_AT,
        ORDER_MAX,
        UploadSpec(TITLE, "film.mp4", 1),
        asked_at=BEGIN_AT,
        state=VideoState(longest(VideoState)),
        stage=Stage(longest(Stage)),
        percent=100,
        ended=ending,
        playable=playable,
    )
    shown = video_shown(video)
    assert shown is not None
    return shown


def largest_event() -> dict[str, Any]:
    """
    What it shows of its event, with all its parts and a failure.
    """
    external_ids = dict.fromkeys(("entryId", "eventId", "virtualEventId", "groupId", "resourceId"), "9" * 30)
    failure = Failure(CODE, MESSAGE, True, "update", "w", 1, BEGIN_AT, BEGIN_AT)
    pairing = Pairing(
        SESSION,
        state=PairingState.READY,
        external_ids=external_ids,
        airing=Airing(BroadcastState.OFFLINE),
        progress=Progress(failure=failure),
    )
    event = EventSpec(TITLE, BEGIN_AT, BEGIN_AT + timedelta(hours=1))
    shown = event_shown(SessionSpec(exists=True, event=event), pairing)
    assert shown is not None
    return shown


def largest_session(videos: int) -> dict[str, Any]:
    return {
        "ownerUid": UID,
        "title": TITLE,
        "status": "public",
        "format": "liveStreaming",
        "visibility": "enrolled",
        "videoProvider": "cloudflare",
        "app": {"\U0001f393" * 49 + str(number): "\U0001f393" * 500 for number in range(APP_VALUES_MAX)},
        "startsAt": BEGIN_AT,
        "endsAt": BEGIN_AT,
        "createdAt": BEGIN_AT,
        "updatedAt": BEGIN_AT,
        "kalturaSession": True,
        "kaltura": largest_event(),
        "moderators": {f"{number:02}{UID}": True for number in range(MODERATORS_MAX)},
        "videos": {f"{number:020}": largest_video() for number in range(videos)},
    }


def size_bytes(fields: Mapping[str, Any]) -> int:
    return NAME_BYTES + DOCUMENT_BYTES + stored_bytes(fields)


def test_a_session_with_as_many_videos_as_it_may_have_can_be_stored() -> None:
    """B13: a fifth of the room is left for recordings, which no limit counts."""
    assert size_bytes(largest_session(SESSION_VIDEOS_MOST)) <= 0.8 * DOCUMENT_MAX_BYTES


def test_session_with_600_videos_cannot_be_stored() -> None:
    """B13"""
    assert size_bytes(largest_session(600)) > DOCUMENT_MAX_BYTES


@pytest.mark.parametrize("videos", ["600", "251", "0", "-1", "1000000", "many"])
def test_larger_video_limit_is_refused_with_its_reason(monkeypatch: pytest.MonkeyPatch, videos: str) -> None:
    """B13"""
    monkeypatch.setitem(os.environ, "SESSION_VIDEOS_MAX", videos)
    with pytest.raises(Misconfigured, match=r"from 1 to 250, because all of them are in one session document"):
        _ = config.SETTINGS["SESSION_VIDEOS_MAX"].value


@pytest.mark.parametrize("videos", ["1", "100", "250"])
def test_fitting_video_limit_is_accepted(monkeypatch: pytest.MonkeyPatch, videos: str) -> None:
    """B13"""
    monkeypatch.setitem(os.environ, "SESSION_VIDEOS_MAX", videos)
    assert int(videos) == config.SETTINGS["SESSION_VIDEOS_MAX"].value


def exempted() -> set[str]:
    spec = json.loads((ROOT / "firestore.indexes.json").read_text())
    return {
        one["fieldPath"]
        for one in spec["fieldOverrides"]
        if one["collectionGroup"] == "sessions" and one["indexes"] == []
    }


def test_fields_that_grow_are_in_no_index() -> None:
    """
    B13: an exemption holds for all that is in a map; what is left has two entries for each field. An erasure asks which
    sessions somebody moderates, and of moderators there are few. An app may ask for its own values, of which there are
    few too.
    """
    fields = largest_session(SESSION_VIDEOS_MOST)
    assert exempted() == {name for name, value in fields.items() if isinstance(value, Mapping)} - {"moderators", "app"}
    left = [name for name in fields if name not in exempted()]
    assert 2 * (len(left) + MODERATORS_MAX + APP_VALUES_MAX) < INDEX_ENTRIES_MAX // 100
