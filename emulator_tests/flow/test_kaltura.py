"""The stories of videos that only Kaltura tells: a KS that is given again, and processing anew."""

from __future__ import annotations

from typing import Any

from emulator_tests.flow.school import CHUNK_BYTES, Person, School


def test_a_long_upload_goes_on_with_the_token_it_has_and_no_new_entry(
    school: School, teacher: Person, video_bytes: bytes
) -> None:
    session_id = teacher.write_session()
    token = teacher.ask_to_upload(session_id, len(video_bytes))
    _send(school, token, video_bytes[:CHUNK_BYTES], at=0)

    renewed = teacher.call("renewUploadToken", {"videoId": token["videoId"]})

    assert renewed["upload"]["uploadTokenId"] == token["upload"]["uploadTokenId"]
    # A token that is still good is given again, and its requests are counted on.
    assert renewed["upload"]["ks"] == token["upload"]["ks"]
    assert renewed["receivedBytes"] == CHUNK_BYTES
    _send(school, renewed, video_bytes[CHUNK_BYTES:], at=CHUNK_BYTES, final=True)
    school.await_video(session_id, token["videoId"], "ready")
    assert len([kind for kind, _ in school.made_for(token["videoId"]) if kind == "entries"]) == 1


def test_a_conversion_that_failed_is_tried_again_with_the_bytes_that_are_there(
    school: School, teacher: Person, video_bytes: bytes
) -> None:
    school.simulator("POST", "clock", {"ready": "failed"})
    session_id = teacher.write_session()
    token = teacher.ask_to_upload(session_id, len(video_bytes))
    school.upload(token, video_bytes)
    shown = school.await_video(session_id, token["videoId"], "failed")
    assert shown["failure"]["retryable"] is True

    for entry in [number for kind, number in school.made_for(token["videoId"]) if kind == "entries"]:
        school.simulator("POST", "clock", {"ready": "at_once", "entryId": entry})
    teacher.call("retryVideo", {"videoId": token["videoId"]})

    ready = school.await_video(session_id, token["videoId"], "ready")
    assert "failure" not in ready
    video = school.document(f"videos/{token['videoId']}")
    assert video is not None
    states = [moment["state"] for moment in video["history"]]
    assert [states[0], states[-1]] == ["preparing", "ready"]
    assert states.index("failed") < states.index("retrying")
    moments = [moment["at"] for moment in video["history"]]
    assert moments == sorted(moments)


def _send(school: School, token: dict[str, Any], chunk: bytes, *, at: int, final: bool = False) -> None:
    """
    One chunk of an upload, at its place.
    """
    upload = token["upload"]
    fields = {
        "ks": upload["ks"],
        "uploadTokenId": upload["uploadTokenId"],
        "resume": str(at > 0).lower(),
        "resumeAt": str(at if at else -1),
        "finalChunk": str(final).lower(),
        "format": "1",
    }
    answer = school.http.post(upload["url"], fields, files={"fileData": ("film.mp4", chunk)}, timeout=10).json()
    assert "code" not in answer, answer
