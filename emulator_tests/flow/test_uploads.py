"""The story of an upload, at each provider: a token, the bytes, percent, ready; and all that may come between."""

from __future__ import annotations

import subprocess
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from emulator_tests.flow.provider import Provider
from emulator_tests.flow.school import Person, Refused, School

FIELDS = {"videoId", "provider", "issuedAt", "expiresAt", "uploadUntil", "minKbps", "receivedBytes", "upload"}


@pytest.fixture
def session_id(teacher: Person, provider: Provider) -> str:
    """
    A draft whose videos are at the provider.
    """
    return teacher.write_session(videoProvider=provider.name)


def test_uploaded_video_becomes_ready_and_is_shown_in_the_session(
    school: School, teacher: Person, provider: Provider, session_id: str, video_bytes: bytes
) -> None:
    token = teacher.ask_to_upload(session_id, len(video_bytes), title="Halves")
    video_id = token["videoId"]
    assert school.await_video(session_id, video_id, "uploading")["title"] == "Halves"

    school.upload(token, video_bytes)
    shown = school.await_video(session_id, video_id, "ready")

    assert shown == {
        "provider": provider.name,
        "title": "Halves",
        "order": 1,
        "state": "ready",
        "stage": None,
        "percent": 100,
        "durationS": pytest.approx(12.0, abs=0.1),
    }
    video = school.document(f"videos/{video_id}")
    assert video is not None
    assert video["playable"]["sizeBytes"] == len(video_bytes)
    assert [moment["state"] for moment in video["history"]][-1] == "ready"
    assert school.document(f"kalturaSession/{session_id}") is not None
    assert len(provider.made_for(video_id)) == 1


def test_an_answer_has_everything_that_sends_bytes_in_upload(
    school: School, teacher: Person, provider: Provider, session_id: str, video_bytes: bytes
) -> None:
    """Show every name in the answers of the three callables by which bytes can be sent, and that there is no other."""
    issued = teacher.ask_to_upload(session_id, len(video_bytes))
    renewed = teacher.call("renewUploadToken", {"videoId": issued["videoId"]})
    school.upload(issued, video_bytes)
    school.await_video(session_id, issued["videoId"], "ready")
    replacing = teacher.ask_to_replace(issued["videoId"], len(video_bytes))

    for answer in (issued, renewed, replacing):
        assert answer.keys() == FIELDS
        assert (answer["videoId"], answer["provider"]) == (issued["videoId"], provider.name)
        assert answer["upload"].keys() == provider.upload_fields
        assert answer["upload"]["protocol"] == provider.protocol


def test_percent_grows_while_a_video_is_processed(
    school: School, teacher: Person, provider: Provider, session_id: str, video_bytes: bytes
) -> None:
    provider.set_readiness("after_s:60")
    token = teacher.ask_to_upload(session_id, len(video_bytes))
    school.upload(token, video_bytes)

    percents: set[int] = set()

    def ready(fields: dict[str, Any] | None) -> bool:
        video = ((fields or {}).get("videos") or {}).get(token["videoId"]) or {}
        if video.get("state") == "processing":
            assert video["percent"] >= max(percents, default=0)
            percents.add(video["percent"])
        return video.get("state") == "ready"

    path = f"sessions/{session_id}"
    school.await_document(path, lambda fields: ready(fields) or bool(percents & set(range(1, 100))))
    provider.set_readiness("at_once", of=provider.made_for(token["videoId"])[0])
    school.await_document(path, ready)

    assert percents & set(range(1, 100))


def test_the_same_request_gets_the_same_video_and_another_file_is_refused(
    teacher: Person, provider: Provider, session_id: str
) -> None:
    request = {"requestId": uuid.uuid4().hex}
    first = teacher.ask_to_upload(session_id, 1000, **request)
    again = teacher.ask_to_upload(session_id, 1000, **request)

    assert (again["videoId"], provider.address(again)) == (first["videoId"], provider.address(first))
    with pytest.raises(Refused) as refused:
        teacher.ask_to_upload(session_id, 2000, **request)
    assert refused.value.reason == "REQUEST_ID_USED"


def test_the_same_request_sent_many_times_at_once_makes_one_upload(
    teacher: Person, provider: Provider, session_id: str
) -> None:
    request = {"requestId": uuid.uuid4().hex}

    def ask(_: int) -> str:
        try:
            return provider.address(teacher.ask_to_upload(session_id, 1000, **request))
        except Refused as refused:
            return refused.code

    with ThreadPoolExecutor(6) as pool:
        # Whoever comes while another is at it is asked to come again.
        addresses = set(pool.map(ask, range(12))) - {"UNAVAILABLE", "ABORTED"}

    video_id = teacher.ask_to_upload(session_id, 1000, **request)["videoId"]
    assert len(addresses) <= 1
    assert len(provider.made_for(video_id)) == 1


def test_file_without_video_fails_and_is_deleted(
    school: School, teacher: Person, provider: Provider, session_id: str
) -> None:
    junk = b"this is not a film" * 100
    token = teacher.ask_to_upload(session_id, len(junk))
    school.upload(token, junk)

    shown = school.await_video(session_id, token["videoId"], "failed")

    assert shown["failure"] == {
        "code": "REFUSED_BY_PROVIDER",
        "message": provider.not_a_video,
        "retryable": False,
    }
    school.await_provider("its going", lambda: not provider.has_anything_of(token["videoId"]))


def test_audio_named_as_video_fails(
    school: School, teacher: Person, provider: Provider, session_id: str, tmp_path: Path
) -> None:
    sound = tmp_path / "sound.mp4"
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:duration=2", "-c:a", "aac", str(sound)]
    subprocess.run(["ffmpeg", "-loglevel", "error", "-y", *tone], check=True)
    token = teacher.ask_to_upload(session_id, sound.stat().st_size)
    school.upload(token, sound.read_bytes())

    shown = school.await_video(session_id, token["videoId"], "failed")

    assert shown["failure"]["code"] == provider.no_picture
    school.await_provider("its going", lambda: not provider.has_anything_of(token["videoId"]))


STILL = ("-frames:v", "1")
PICTURES = {"png": STILL, "jpg": STILL, "bmp": STILL, "webp": STILL, "gif": ()}


@pytest.mark.parametrize("ending", PICTURES, ids=lambda ending: f"B16 {ending}")
@pytest.mark.parametrize("replaces", [False, True], ids=["uploaded", "replacing a film"])
def test_picture_named_as_video_never_plays(
    school: School, teacher: Person, video_bytes: bytes, tmp_path: Path, ending: str, *, replaces: bool
) -> None:
    session_id = teacher.write_session(videoProvider="kaltura")
    drawing = ["-f", "lavfi", "-i", "testsrc=size=64x48:duration=1", *PICTURES[ending], str(tmp_path / f"f.{ending}")]
    subprocess.run(["ffmpeg", "-loglevel", "error", "-y", *drawing], check=True)
    picture = (tmp_path / f"f.{ending}").read_bytes()
    if replaces:
        playing = teacher.upload_video(session_id, video_bytes)
        token = teacher.ask_to_replace(playing, len(picture))
    else:
        token = teacher.ask_to_upload(session_id, len(picture))
    school.upload(token, picture)

    def ended(fields: dict[str, Any] | None) -> bool:
        video = (fields or {})["videos"][token["videoId"]]
        return bool((video.get("replacement") or video)["state"] == "failed")

    video = school.await_document(f"sessions/{session_id}", ended)["videos"][token["videoId"]]
    assert (video["state"], video["durationS"]) == (
        ("ready", pytest.approx(12.0, abs=0.1)) if replaces else ("failed", None)
    )


@pytest.mark.parametrize("sent", [0, 1, 3], ids=["before a byte", "after a chunk", "when all is there"])
def test_deleting_the_session_at_any_moment_of_an_upload_leaves_nothing(
    school: School, teacher: Person, provider: Provider, session_id: str, video_bytes: bytes, sent: int
) -> None:
    part = video_bytes[:60_000]
    token = teacher.ask_to_upload(session_id, len(part) if sent == 3 else len(video_bytes))
    assert provider.takes_bytes(token)
    if sent == 1:
        provider.send_first(token, video_bytes)
    if sent == 3:
        school.upload(token, part)

    teacher.delete_session(session_id)

    school.await_provider("the upload's going", lambda: not provider.has_anything_of(token["videoId"]))
    school.await_document(f"videos/{token['videoId']}", lambda fields: fields is not None and fields["state"] == "gone")
    assert not provider.takes_bytes(token)


def test_eleventh_open_upload_is_refused(teacher: Person, session_id: str) -> None:
    for _ in range(10):
        teacher.ask_to_upload(session_id, 1000)

    with pytest.raises(Refused) as refused:
        teacher.ask_to_upload(session_id, 1000)

    assert (refused.value.code, refused.value.reason) == ("RESOURCE_EXHAUSTED", "UPLOADS_OPEN_TOO_MANY")
    teacher.delete_session(session_id)
