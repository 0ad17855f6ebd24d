"""Titles and places of videos, at each provider: five files chosen at once (B9), and corrections (B10)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from emulator_tests.flow.provider import Provider
from emulator_tests.flow.school import Person, Refused, School


@pytest.fixture
def session_id(teacher: Person, provider: Provider) -> str:
    """
    A draft whose videos are at the provider.
    """
    return teacher.write_session(videoProvider=provider.name)


def shown(fields: dict[str, Any] | None, video_id: str) -> tuple[str, int] | None:
    video = ((fields or {}).get("videos") or {}).get(video_id)
    return None if video is None else (video["title"], video["order"])


def titles_at(school: School, provider: Provider, video_id: str) -> list[str]:
    """
    What the provider calls what was made for a video.
    """
    if provider.name == "cloudflare":
        return [video["meta"]["name"] for video in school.cloudflare_videos(video_id)]
    return [one["name"] for one in school.things("entries") if one["id"] in provider.made_for(video_id)]


def test_five_files_chosen_at_once_have_five_places(school: School, teacher: Person, session_id: str) -> None:
    """
    B9: the requests are on their way at the same time.
    """

    def ask(number: int) -> str:
        while True:
            try:
                token = teacher.ask_to_upload(session_id, 1000, requestId=f"r{number}", title=f"File {number}")
                return str(token["videoId"])
            except Refused as refused:
                if not refused.is_retryable:
                    raise

    with ThreadPoolExecutor(5) as pool:
        video_ids = list(pool.map(ask, range(5)))

    videos = school.await_document(
        f"sessions/{session_id}", lambda fields: len((fields or {}).get("videos") or {}) == 5
    )["videos"]
    assert videos.keys() == set(video_ids)
    assert sorted(video["order"] for video in videos.values()) == [1, 2, 3, 4, 5]


def test_title_and_place_are_corrected_without_the_file(
    school: School, teacher: Person, provider: Provider, session_id: str, video_bytes: bytes
) -> None:
    """
    B10: while it plays, and of an upload that is under way.
    """
    playing = teacher.upload_video(session_id, video_bytes, title="Algbera")
    token = teacher.ask_to_upload(session_id, len(video_bytes), title="Geomtry")
    uploading = token["videoId"]

    assert teacher.call("updateVideo", {"videoId": playing, "title": " Algebra "}) == {"videoId": playing}
    teacher.call("updateVideo", {"videoId": playing, "order": 7})
    teacher.call("updateVideo", {"videoId": uploading, "title": "Geometry", "order": 3})

    def corrected(fields: dict[str, Any] | None) -> bool:
        return (shown(fields, playing), shown(fields, uploading)) == (("Algebra", 7), ("Geometry", 3))

    school.await_document(f"sessions/{session_id}", corrected)
    school.await_provider("the playing one's title", lambda: titles_at(school, provider, playing) == ["Algebra"])
    school.await_provider("the other's title", lambda: titles_at(school, provider, uploading) == ["Geometry"])
    assert provider.plays(teacher.call("issuePlayback", {"videoId": playing}), video_bytes)
    school.upload(token, video_bytes)
    school.await_video(session_id, uploading, "ready")
    assert corrected(school.document(f"sessions/{session_id}"))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        pytest.param({}, "NOTHING_TO_CHANGE", id="B10 nothing to change"),
        pytest.param({"title": None, "order": None}, "NOTHING_TO_CHANGE", id="B10 nothing, in words"),
        pytest.param({"title": "x" * 1000}, "TITLE_INVALID", id="B10 too long a title"),
        pytest.param({"title": "x" * 1001}, "FIELD_INVALID", id="B10 far too long a title"),
        pytest.param({"title": " "}, "TITLE_INVALID", id="B10 an empty title"),
        pytest.param({"order": -1}, "ORDER_INVALID", id="B10 a place before the first"),
        pytest.param({"title": "Fine", "order": 2**62}, "ORDER_INVALID", id="B10 a place far off"),
        pytest.param({"title": 5}, "FIELD_INVALID", id="B10 a number for a title"),
        pytest.param({"title": "Fine", "state": "ready"}, "FIELD_UNKNOWN", id="B10 something else as well"),
    ],
)
def test_invalid_update_is_refused(school: School, teacher: Person, fields: dict[str, Any], reason: str) -> None:
    session_id = teacher.write_session()
    video_id = teacher.ask_to_upload(session_id, 1000, title="Algebra")["videoId"]
    before = school.document(f"videos/{video_id}")

    with pytest.raises(Refused) as refused:
        teacher.call("updateVideo", {"videoId": video_id, **fields})

    assert refused.value.reason == reason
    assert school.document(f"videos/{video_id}") == before


def test_a_flood_of_corrections_ends_with_the_last(school: School, teacher: Person, session_id: str) -> None:
    """
    B10, A6.
    """
    video_id = teacher.ask_to_upload(session_id, 1000)["videoId"]

    for number in range(40):
        teacher.call("updateVideo", {"videoId": video_id, "title": f"Title {number}"})

    school.await_document(f"sessions/{session_id}", lambda fields: shown(fields, video_id) == ("Title 39", 1))
