"""The KS out of a teacher's browser, in the hands of somebody who means harm: it uploads to its own token, no more.

Every action that the simulator has is tried with it, by Kaltura's own client; then the tricks with addresses that get
past a restriction which is compared as text; then other people's tokens.
"""

from __future__ import annotations

import http.client
import io
import json
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from KalturaClient.Client import KalturaParams
from KalturaClient.exceptions import KalturaException

from emulator_tests.flow.school import Person, School
from emulator_tests.simulators.kaltura import services
from emulator_tests.simulators.kaltura.actions import ACTIONS, IGNORES_KS, Action
from emulator_tests.simulators.kaltura.schema import SCHEMA

UPLOAD = "/api_v3/service/uploadtoken/action/upload"


@pytest.fixture
def token(teacher: Person) -> dict[str, Any]:
    """
    What the callable gave to a browser.
    """
    return teacher.ask_to_upload(teacher.write_session(), 1000)


@pytest.fixture(scope="module")
def victim(_school: School, film: bytes) -> str:
    """
    The entry of another teacher's ready film, which nothing here may touch.
    """
    other = _school.teacher()
    session_id = other.write_session()
    token = other.ask_to_upload(session_id, len(film))
    _school.upload(token, film)
    _school.await_video(session_id, token["videoId"], "ready")
    video = _school.document(f"videos/{token['videoId']}")
    assert video is not None
    entry_id: str = video["playable"]["parts"]["entryId"]
    return entry_id


def test_no_other_action_can_be_called_with_it(school: School, token: dict[str, Any], victim: str) -> None:
    assert services.__name__, "the table of actions is filled by the services"
    before = _world(school)
    client = school.kaltura(token["ks"])
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
    assert _world(school) == before


def test_several_calls_in_one_request_are_refused_too(school: School, token: dict[str, Any], victim: str) -> None:
    client = school.kaltura(token["ks"])
    client.startMultiRequest()
    client.media.get(victim)
    client.media.delete(victim)

    with pytest.raises(KalturaException, match="Invalid KS"):
        _raise_first(client.doMultiRequest())

    assert any(entry["id"] == victim for entry in school.things("entries"))


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
)
@pytest.mark.parametrize("where", ["body", "query"])
def test_no_trick_with_the_address_leads_elsewhere(
    school: School, token: dict[str, Any], victim: str, address: str, where: str
) -> None:
    fields = {"ks": token["ks"], "entryId": victim, "service": "media", "action": "delete", "format": "1"}
    fields |= {"1:service": "media", "1:action": "delete", "1:entryId": victim}
    target = address if where == "body" else f"{address}{'&' if '?' in address else '?'}{urlencode(fields)}"

    _post(school, target, urlencode(fields) if where == "body" else "")

    assert any(entry["id"] == victim for entry in school.things("entries"))


def test_it_cannot_send_bytes_to_another_token(school: School, teacher: Person, token: dict[str, Any]) -> None:
    others = [
        school.teacher(),
        teacher,
    ]
    for owner in others:
        target = owner.ask_to_upload(owner.write_session(), 1000)
        answer = _send(school, {**token, "uploadTokenId": target["uploadTokenId"]}, b"x" * 1000)
        assert answer["code"] == "UPLOAD_TOKEN_NOT_FOUND"


def test_it_wears_out(school: School, teacher: Person) -> None:
    token = teacher.ask_to_upload(teacher.write_session(), 1000)
    codes = [_send(school, token, b"", final="false").get("code") for _ in range(40)]

    assert codes[0] != "INVALID_KS"
    assert codes[-1] == "INVALID_KS"


def test_it_ends_with_its_session(school: School, teacher: Person) -> None:
    session_id = teacher.write_session()
    token = teacher.ask_to_upload(session_id, 1000)
    teacher.delete_session(session_id)
    school.await_kaltura("the upload's going", lambda: not school.made_for(token["videoId"]))

    assert _send(school, token, b"x" * 1000)["code"] == "INVALID_KS"
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


def _send(school: School, token: dict[str, Any], content: bytes, final: str = "true") -> dict[str, Any]:
    fields = {"ks": token["ks"], "uploadTokenId": token["uploadTokenId"], "finalChunk": final, "format": "1"}
    files = {"fileData": ("film.mp4", content)}
    answer: dict[str, Any] = school.http.post(token["uploadUrl"], fields, files=files, timeout=10).json()
    return answer


def _post(school: School, target: str, body: str) -> None:
    """
    A request whose address nothing on the way tidies up.
    """
    where = urlsplit(school.testbed.kaltura_url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port or 0, timeout=10)
    try:
        connection.request("POST", target, body, {"Content-Type": "application/x-www-form-urlencoded"})
        connection.getresponse().read()
    finally:
        connection.close()


def _raise_first(answers: list[Any]) -> None:
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer


def _world(school: School) -> str:
    return json.dumps(school.simulator("GET", "things"), sort_keys=True)
