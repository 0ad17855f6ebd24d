"""The KS out of a teacher's browser, in the hands of somebody who means harm: it uploads to its own token, no more.

Every action that the simulator has is tried with it, by Kaltura's own client; then the tricks with addresses that get
past a restriction which is compared as text; then other people's tokens.
"""

from __future__ import annotations

import http.client
import io
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from KalturaClient.Client import KalturaParams
from KalturaClient.exceptions import KalturaException
from KalturaClient.Plugins.Core import KalturaMediaEntry, KalturaMediaType

from emulator_tests.flow.school import Person, School
from emulator_tests.simulators.kaltura.models.schema import SCHEMA
from emulator_tests.simulators.kaltura.responses import services
from emulator_tests.simulators.kaltura.responses.actions import ACTIONS, IGNORES_KS, Action

UPLOAD = "/api_v3/service/uploadtoken/action/upload"


@pytest.fixture
def upload(teacher: Person) -> dict[str, Any]:
    """
    What the callable gave to a browser to send bytes with.
    """
    upload: dict[str, Any] = teacher.ask_to_upload(teacher.write_session(), 1000)["upload"]
    return upload


@pytest.fixture(scope="module")
def victim(_school: School, video_bytes: bytes) -> str:
    """
    The entry of another teacher's ready video, which nothing here may touch.
    """
    other = _school.teacher()
    session_id = other.write_session()
    token = other.ask_to_upload(session_id, len(video_bytes))
    _school.upload(token, video_bytes)
    _school.await_video(session_id, token["videoId"], "ready")
    video = _school.document(f"videos/{token['videoId']}")
    assert video is not None
    entry_id: str = video["playable"]["parts"]["entryId"]
    return entry_id


NAMED: dict[str, Callable[[Any, str], Any]] = {
    "62 media.delete": lambda client, victim: client.media.delete(victim),
    "63 media.add": lambda client, _: client.media.add(KalturaMediaEntry(name="Mine", mediaType=KalturaMediaType(1))),
    "64 media.addFromUrl": lambda client, _: client.media.addFromUrl(
        KalturaMediaEntry(name="Mine", mediaType=KalturaMediaType(1)), "http://127.0.0.1/film.mp4"
    ),
    "65 media.list": lambda client, _: client.media.list(),
    "65 media.get": lambda client, victim: client.media.get(victim),
    "65 uploadToken.list": lambda client, _: client.uploadToken.list(),
}


@pytest.mark.parametrize("call", NAMED.values(), ids=NAMED.keys())
def test_upload_ks_cannot_call_plain_user_actions(
    school: School, upload: dict[str, Any], victim: str, call: Callable[[Any, str], Any]
) -> None:
    before = _reachable(school, upload, victim)

    with pytest.raises(KalturaException, match="Invalid KS") as refused:
        call(school.kaltura(upload["ks"]), victim)

    assert refused.value.code == "INVALID_KS"
    assert _reachable(school, upload, victim) == before


@pytest.mark.parametrize("address", ["/api_v3/service/session/action/{}", UPLOAD + "?service=session&action={}"])
@pytest.mark.parametrize("action", ["impersonateByKs", "impersonate", "start"], ids="67 session.{}".format)
def test_upload_ks_cannot_start_another_session(
    school: School, upload: dict[str, Any], action: str, address: str
) -> None:
    # The simulator knows no impersonation, so that its refusal proves little here; that the KS is bound to one address,
    # which is not this one, is what the other tests prove.
    wanted = {"session": upload["ks"], "impersonatedPartnerId": str(school.testbed.kaltura_partner_id), "type": "2"}
    wanted |= {"userId": "somebody", "expiry": "86400", "privileges": "disableentitlement", "secret": ""}

    answer = _answer(school, address.format(action), urlencode({**wanted, "ks": upload["ks"], "format": "1"}))

    assert json.loads(answer)["objectType"] == "KalturaAPIException"
    assert "djJ8" not in answer


def test_upload_ks_calls_no_other_action(school: School, upload: dict[str, Any], victim: str) -> None:
    assert services.__name__, "the table of actions is filled by the services"
    before = _reachable(school, upload, victim)
    client = school.kaltura(upload["ks"])
    others = sorted(set(ACTIONS) - {("uploadtoken", "upload")})
    assert len(others) > 100

    codes = {}
    for service, action in others:
        params, files = _arguments(ACTIONS[service, action], victim)
        client.queueServiceActionCall(service, action, "KalturaObjectBase", params, files)
        try:
            client.doQueue()
            codes[service, action] = "done"
        except KalturaException as refused:
            codes[service, action] = refused.code

    # What needs no KS at all, anybody can call: it looks at none, and gives none of ours.
    open_to_all = {name for name in others if IGNORES_KS in ACTIONS[name].roles}
    assert {name for name, code in codes.items() if code != "INVALID_KS"} <= open_to_all
    assert _reachable(school, upload, victim) == before


@pytest.mark.parametrize("first", ["media.get", "uploadToken.upload"], ids="66 a multirequest, {} first".format)
def test_several_calls_in_one_request_are_refused_too(
    school: School, upload: dict[str, Any], victim: str, first: str
) -> None:
    client = school.kaltura(upload["ks"])
    client.startMultiRequest()
    if first == "media.get":
        client.media.get(victim)
    else:
        client.uploadToken.upload(upload["uploadTokenId"], ("film.mp4", io.BytesIO(b"x"), "video/mp4"))
    client.media.delete(victim)

    with pytest.raises(KalturaException, match="Invalid KS"):
        _raise_first(client.doMultiRequest())

    assert any(entry["id"] == victim for entry in school.things("entries"))


@pytest.mark.parametrize("where", ["body", "query"])
@pytest.mark.parametrize(
    "address",
    [
        f"{UPLOAD}/../../../media/action/delete",
        f"{UPLOAD}/%2e%2e/%2e%2e/%2e%2e/media/action/delete",
        f"{UPLOAD}/../../../../service/media/action/delete",
        f"{UPLOAD}/service/media/action/delete",
        f"{UPLOAD}?service=media&action=delete",
        f"{UPLOAD}?service=multirequest",
        f"{UPLOAD}?/../../../../service/media/action/delete",
        f"{UPLOAD}#/../media",
        f"{UPLOAD.upper()}/../media",
        "/api_v3/index.php?service=media&action=delete",
        f"/api_v3/index.php?service=media&action=delete&x={UPLOAD}?",
        "/api_v3/service/multirequest",
        "//api_v3/service/uploadtoken/action/upload/../../../media/action/delete",
    ],
    ids=lambda address: f"{69 if '?service=' in address or 'index.php' in address else 68} {address}",
)
def test_upload_ks_resists_path_tricks(
    school: School, upload: dict[str, Any], victim: str, address: str, where: str
) -> None:
    fields = {"ks": upload["ks"], "entryId": victim, "service": "media", "action": "delete", "format": "1"}
    fields |= {"1:service": "media", "1:action": "delete", "1:entryId": victim}
    target = address if where == "body" else f"{address}{'&' if '?' in address else '?'}{urlencode(fields)}"

    _post(school, target, urlencode(fields) if where == "body" else "")

    assert any(entry["id"] == victim for entry in school.things("entries"))


@pytest.mark.parametrize("own", [False, True], ids=["61 another teacher's token", "61 their own other token"])
def test_upload_ks_cannot_send_to_another_upload_token(
    school: School, teacher: Person, upload: dict[str, Any], own: bool
) -> None:
    owner = teacher if own else school.teacher()
    target = owner.ask_to_upload(owner.write_session(), 1000)

    answer = _send(school, {**upload, "uploadTokenId": target["upload"]["uploadTokenId"]}, b"x" * 1000)

    assert answer["code"] == "UPLOAD_TOKEN_NOT_FOUND"
    assert owner.call("renewUploadToken", {"videoId": target["videoId"]})["receivedBytes"] == 0


@pytest.mark.parametrize("left_s", [2], ids="60 after {} s".format)
def test_upload_ks_expires_to_the_second(school: School, teacher: Person, left_s: int) -> None:
    token = teacher.ask_to_upload(teacher.write_session(), 1000)
    # No token outlasts its upload, which has little time left; and a little more once it was given.
    path = f"videos/{token['videoId']}"
    deadline_at = (school.document(path) or {})["deadlineAt"]
    school.write(path, deadlineAt=datetime.now(UTC) + timedelta(seconds=left_s + 1))
    short = teacher.call("renewUploadToken", {"videoId": token["videoId"]})
    school.write(path, deadlineAt=deadline_at)
    expires_at = datetime.fromisoformat(short["expiresAt"])
    assert (expires_at - datetime.now(UTC)).total_seconds() <= left_s + 1
    assert _send(school, short["upload"], b"x" * 10, final="false").get("code") is None

    time.sleep((expires_at - datetime.now(UTC)).total_seconds() + 0.1)

    assert _send(school, short["upload"], b"x" * 1000)["code"] == "INVALID_KS"
    # It was the KS that ended, not the upload.
    longer = teacher.call("renewUploadToken", {"videoId": token["videoId"]})
    assert (longer["upload"]["uploadTokenId"], longer["receivedBytes"]) == (token["upload"]["uploadTokenId"], 10)


def test_upload_ks_is_limited_in_requests(school: School, teacher: Person) -> None:
    token = teacher.ask_to_upload(teacher.write_session(), 1000)
    codes = [_send(school, token["upload"], b"", final="false").get("code") for _ in range(40)]

    assert codes[0] != "INVALID_KS"
    assert codes[-1] == "INVALID_KS"


@pytest.mark.parametrize("ended", ["its session goes", "its video goes", "it is cancelled"], ids="70 {}".format)
def test_upload_ks_ends_with_its_upload(school: School, teacher: Person, ended: str) -> None:
    session_id = teacher.write_session()
    token = teacher.ask_to_upload(session_id, 1000)
    if ended == "its session goes":
        teacher.delete_session(session_id)
    else:
        teacher.call("deleteVideo" if ended == "its video goes" else "cancelUpload", {"videoId": token["videoId"]})
    school.await_provider("the upload's going", lambda: not school.made_for(token["videoId"]))

    assert _send(school, token["upload"], b"x" * 1000)["code"] == "INVALID_KS"
    assert not school.made_for(token["videoId"])


def _arguments(row: Action, victim: str) -> tuple[Any, Any]:
    """
    Something for each mandatory argument of an action, so that nothing but the KS can be what is refused.
    """
    params, files = KalturaParams(), {}
    for parameter in row.parameters:
        if not parameter.required:
            continue
        if parameter.kind == "file":
            files[parameter.name] = ("film.mp4", io.BytesIO(b"x"), "video/mp4")
        elif parameter.kind in SCHEMA.types:
            params.add(parameter.name, {"objectType": _concrete(parameter.kind)})
        elif parameter.kind in SCHEMA.enumerations:
            params.put(parameter.name, min(SCHEMA.enumerations[parameter.kind].values))
        else:
            params.put(parameter.name, 1 if parameter.kind == "int" else victim)
    return params, files


def _concrete(kind: str) -> str:
    return next(name for name, found in SCHEMA.types.items() if SCHEMA.is_a(name, kind) and not found.abstract)


def _send(school: School, upload: dict[str, Any], content: bytes, final: str = "true") -> dict[str, Any]:
    fields = {"ks": upload["ks"], "uploadTokenId": upload["uploadTokenId"], "finalChunk": final, "format": "1"}
    files = {"fileData": ("film.mp4", content)}
    answer: dict[str, Any] = school.http.post(upload["url"], fields, files=files, timeout=10).json()
    return answer


def _post(school: School, target: str, body: str) -> None:
    _answer(school, target, body)


def _answer(school: School, target: str, body: str) -> str:
    """
    What is said to a request whose address nothing on the way tidies up.
    """
    where = urlsplit(school.testbed.kaltura_url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port or 0, timeout=10)
    try:
        connection.request("POST", target, body, {"Content-Type": "application/x-www-form-urlencoded"})
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def _raise_first(answers: list[Any]) -> None:
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer


def _reachable(school: School, upload: dict[str, Any], victim: str) -> dict[str, list[Any]]:
    """
    Return what is at Kaltura of the KS's user and of the victim. Anything else, earlier stories may still change.
    """
    things: dict[str, list[Any]] = school.simulator("GET", "things")
    (own,) = (token for token in things["uploadTokens"] if token["id"] == upload["uploadTokenId"])
    names = own["id"], own["userId"], victim
    return {
        kind: [thing for thing in found if any(name in json.dumps(thing) for name in names)]
        for kind, found in things.items()
    }
