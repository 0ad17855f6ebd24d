"""Accounts, names and times as people really have them, through the whole stack: each is taken, or refused in words."""

from __future__ import annotations

import base64
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulator_tests.flow.provider import NAMESPACE
from emulator_tests.flow.refusing import unsigned
from emulator_tests.flow.school import DEADLINE_S, PASSWORD, Person, Refused, School
from emulator_tests.rules.callers import SERVER
from emulator_tests.rules.firestore import SERVER_TIME, create
from emulator_tests.texts import NOT_FIELDS, NOT_UIDS, TITLES, UIDS

FAMILY_FILM = f'{TITLES["an emoji that is joined"]} 10:30 "one"?.mp4'


def account(school: School, uid: str, **claims: object) -> Person:
    """
    A new user with an id of one's own choice, as an import or a custom sign-in makes one.
    """
    base = f"http://{school.testbed.auth_host}/identitytoolkit.googleapis.com/v1"
    owner = {"Authorization": "Bearer owner"}
    user = {"localId": uid, "email": f"{uuid.uuid4().hex}@example.com", "password": PASSWORD}
    accounts = f"{base}/projects/{school.testbed.project_id}/accounts"
    made = school.http.post(accounts, json=user, headers=owner, timeout=DEADLINE_S)
    made.raise_for_status()
    attributes = {"localId": uid, "customAttributes": json.dumps(claims)}
    school.http.post(f"{accounts}:update", json=attributes, headers=owner, timeout=DEADLINE_S).raise_for_status()
    signed_in = school.http.post(f"{base}/accounts:signInWithPassword?key=demo", json=user, timeout=DEADLINE_S).json()
    assert made.json()["localId"] == uid
    return Person(school, uid, signed_in["idToken"])


@pytest.mark.parametrize("uid", UIDS.values(), ids=UIDS)
def test_users_with_any_uid_teach_and_learn(school: School, teacher: Person, video_bytes: bytes, uid: str) -> None:
    """B5"""
    person = account(school, uid, teacher=True)
    now = datetime.now(UTC).replace(microsecond=0)
    times = {"startsAt": now, "endsAt": now + timedelta(hours=1)}

    own = person.write_live_session(status="public", visibility="enrolled", **times)
    token = person.ask_to_upload(own, len(video_bytes))
    renewed = person.call("renewUploadToken", {"videoId": token["videoId"]})
    assert renewed["upload"]["uploadTokenId"] == token["upload"]["uploadTokenId"]
    assert person.call("uploadFinished", {"videoId": token["videoId"]})
    school.await_event(own)
    joined = person.call("joinSession", {"sessionId": own})
    assert joined["isModerator"] is True
    assert person.call("issuePlayback", {"sessionId": own})["manifestUrl"]
    assert person.call("getKalturaSession", {"sessionId": own})["state"]
    assert person.call("getStreamIngest", {"sessionId": own})["streamKey"]
    assert person.call("cancelUpload", {"videoId": token["videoId"]})

    session_id = teacher.write_live_session(status="public", visibility="enrolled", **times)
    school.await_event(session_id)
    teacher.enrol(session_id, person)
    assert person.call("joinSession", {"sessionId": session_id})["isModerator"] is False
    naming = {"sessionId": session_id, "uid": uid}
    if uid in NOT_FIELDS:
        with pytest.raises(Refused, match=r"INVALID_ARGUMENT [A-Z_]+: An account whose id begins and ends with two"):
            teacher.call("setModerator", {**naming, "isModerator": True})
    else:
        assert teacher.call("setModerator", {**naming, "isModerator": True})["isModerator"] is True
        assert person.call("joinSession", {"sessionId": session_id})["isModerator"] is True
    assert teacher.call("setModerator", {**naming, "isModerator": False})["isModerator"] is False
    teacher.unenrol(session_id, person)
    with pytest.raises(Refused, match="NOT_FOUND"):
        person.call("joinSession", {"sessionId": session_id})

    erasure = person.call("eraseContent", {"requestId": uuid.uuid4().hex, "uid": uid})
    assert person.call("getErasure", {"erasureId": erasure["erasureId"]})["state"]
    school.await_document(f"sessions/{own}", lambda fields: fields is None)


@pytest.mark.parametrize("uid", NOT_UIDS.values(), ids=NOT_UIDS)
def test_uid_invalid_in_document_ids_is_refused(school: School, teacher: Person, uid: str) -> None:
    """B5"""
    payload = str(teacher.id_token).split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    person = unsigned(school, {**claims, "sub": uid, "user_id": uid})
    session_id = teacher.write_session(status="public")
    for function, data in (
        ("joinSession", {"sessionId": session_id}),
        ("issuePlayback", {"sessionId": session_id}),
        ("getKalturaSession", {"sessionId": session_id}),
    ):
        with pytest.raises(Refused) as refused:
            person.call(function, data)
        assert refused.value.code in ("PERMISSION_DENIED", "UNAUTHENTICATED"), function
        assert refused.value.message, function


@pytest.mark.parametrize("provider", ["kaltura", "cloudflare"])
@pytest.mark.parametrize(
    "names",
    [
        pytest.param({"fileName": FAMILY_FILM}, id="a file of macOS"),
        pytest.param({"fileName": "课" * 251 + ".mp4", "title": "\U0001faea" * 200}, id="as long as may be"),
        pytest.param({"fileName": "..lesson.mp4. ", "title": "{1:result:id}\t%0d%0a \u200fא"}, id="code"),
    ],
)
def test_video_with_an_international_name_is_uploaded_and_plays(
    school: School, teacher: Person, video_bytes: bytes, provider: str, names: dict[str, str]
) -> None:
    """B6, B22: the Upload-Metadata of Cloudflare, the file name of Kaltura's token and the entry's name."""
    school.simulator("POST", "clock", {"ready": "after_s:1"})
    session_id = teacher.write_session(status="public", videoProvider=provider)
    video_id = teacher.upload_video(session_id, video_bytes, **names)
    shown = (school.document(f"sessions/{session_id}") or {})["videos"][video_id]
    title = names.get("title", names["fileName"])
    assert shown["title"] == title.replace("\t", " ")
    grant = school.person().call("issuePlayback", {"videoId": video_id})
    assert school.http.get(grant["manifestUrl"], timeout=DEADLINE_S).text.startswith("#EXTM3U")
    if provider == "cloudflare":
        (made,) = school.cloudflare_videos(f"{NAMESPACE}:video:{video_id}")
        assert made["meta"]["name"] == shown["title"]
    else:
        (name,) = (one["name"] for one in school.things("entries") if video_id in json.dumps(one))
        assert len(name.encode()) <= 256
        assert name.replace("\u2060", "") in shown["title"]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ({"fileName": "film\u202e4pm.mp4"}, "The file name has characters that are not allowed in it"),
        ({"fileName": "film\u2028.mp4"}, "The file name has characters that are not allowed in it"),
        ({"fileName": "a/film.mp4"}, "The file name has characters that are not allowed in it: slashes"),
        ({"title": "Op\u2029tics"}, "The title has characters that cannot be shown"),
        ({"title": "\u200b\u200d"}, "Give the video a title"),
        ({"title": "Op\x85tics"}, "The title has characters that cannot be shown"),
    ],
    ids=ascii,
)
def test_deceptive_name_is_refused(school: School, teacher: Person, names: dict[str, str], sentence: str) -> None:
    """B6"""
    session_id = teacher.write_session()
    with pytest.raises(Refused, match=f"INVALID_ARGUMENT [A-Z_]+: {sentence}"):
        teacher.ask_to_upload(session_id, 1000, **names)
    assert school.document(f"kalturaSession/{session_id}") is None


FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
SESSIONS: dict[str, dict[str, Any]] = {
    "B4 all ages": {"startsAt": FIRST, "endsAt": LAST},
    "B4 an end before the start": {
        "startsAt": datetime(2031, 1, 2, tzinfo=UTC),
        "endsAt": datetime(2031, 1, 1, tzinfo=UTC),
    },
    "B4 the first instant alone": {"startsAt": FIRST},
    "B4 the last instant alone": {"endsAt": LAST},
    "B14 null": {"startsAt": None, "endsAt": None},
    "B22 a title with control characters": {"title": "A\x00\x01\x1f\u202eB"},
    "B22 a title of 200,000 bytes": {"title": "课" * 66_000},
    "B22 no title": {"title": ""},
}


def is_answered(person: Person, function: str, session_id: str) -> bool:
    """
    Tell whether a callable gives what it should, or says in which state the session would have to be.
    """
    try:
        return bool(person.call(function, {"sessionId": session_id})["sessionId"] == session_id)
    except Refused as refused:
        return refused.code == "FAILED_PRECONDITION"


@pytest.mark.parametrize("fields", SESSIONS.values(), ids=SESSIONS)
def test_session_written_by_a_back_end_gets_its_event(school: School, teacher: Person, fields: dict[str, Any]) -> None:
    """B4, B22: no rules bind a back end."""
    session_id = f"s-{uuid.uuid4().hex[:20]}"
    usual = {"ownerUid": teacher.uid, "title": "A", "status": "public", "format": "liveStreaming", "visibility": "open"}
    whole = {**usual, "createdAt": SERVER_TIME, "updatedAt": SERVER_TIME, **fields}
    school.firestore.commit(SERVER, create(f"sessions/{session_id}", whole))
    event = school.await_event(session_id)
    assert event["virtualEventId"]
    assert "failure" not in event
    assert teacher.call("joinSession", {"sessionId": session_id})["player"]["manifestUrl"]
    for person in (teacher, school.person()):
        for function in ("joinSession", "issuePlayback"):
            assert is_answered(person, function, session_id)
    assert (school.document(f"sessions/{session_id}") or {})["title"] == whole["title"], "it stays as written"
    school.write(f"sessions/{session_id}", status="draft")
    school.await_document(f"sessions/{session_id}", lambda told: "kaltura" not in (told or {}))
