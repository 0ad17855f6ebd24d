"""A7: the KSs that browsers hold, in the hands of somebody who wants to read what others have.

Every reading action that the simulator has is tried with each of them, by both of Kaltura's clients, singly and in one
request with another; only the entry that a KS was given for answers, and only to Kaltura's own player.
"""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import pytest
from KalturaClient.Client import KalturaParams
from KalturaClient.exceptions import KalturaException

from emulator_tests.flow.provider import ks_of
from emulator_tests.flow.school import Person, School
from emulator_tests.flow.test_joining import join, live_now
from emulator_tests.simulators.kaltura.models.schema import SCHEMA
from emulator_tests.simulators.kaltura.responses import services
from emulator_tests.simulators.kaltura.responses.actions import ACTIONS, IGNORES_KS, Action

SCRIPT: Final = Path(__file__).parents[1] / "simulators" / "tests" / "node" / "calling_client.cjs"
TIMEOUT_S: Final = 300

OWN_TITLE: Final = "What everybody may see"
SECRET_TITLE: Final = "Questions of the examination"

PLAYER_CALLS: Final = {("baseentry", "list"), ("baseentry", "getplaybackcontext"), ("metadata_metadata", "list")}
NAMING: Final = ("idEqual", "idIn", "referenceIdEqual", "referenceIdIn", "entryIdEqual", "entryIdIn", "objectIdEqual")
"""Properties of filters that name an entry; where a filter has no such one, it is refused for that."""


@dataclass(frozen=True, slots=True)
class Call:
    """
    One call of one action.

    Attributes:
        row: The action.
        data: Its arguments.
        about: The entry that they name; empty where they name none.
        batched: Whether it comes in one request with another.
    """

    row: Action
    data: dict[str, Any]
    about: str
    batched: bool

    @property
    def name(self) -> tuple[str, str]:
        return self.row.service, self.row.name


@dataclass(frozen=True, slots=True)
class Given:
    """
    What somebody was given, and what there is that they were not.

    Attributes:
        keys: KSs by what they are for.
        own_id: The entry that the KSs for watching are for.
        others: Ids, references and names of another teacher's draft.
    """

    keys: dict[str, str]
    own_id: str
    others: dict[str, str]


@pytest.fixture(scope="module")
def given(_school: School, video_bytes: bytes) -> Iterator[Given]:
    """
    Everything that can be had of a public session, and an upload, on an account that guards what it tells of entries.
    """
    teacher, other, student = _school.teacher(), _school.teacher(), _school.person()
    session_id = teacher.write_session(status="public")
    own = teacher.upload_video(session_id, video_bytes, title=OWN_TITLE)
    others = other.upload_video(other.write_session(), video_bytes, title=SECRET_TITLE)
    live_id, _ = live_now(_school, teacher)
    grant = student.call("issuePlayback", {"videoId": own, "playerKs": True})
    room = join(student, live_id)["room"]
    upload = teacher.ask_to_upload(session_id, 1000)["upload"]
    keys = {
        "playback": ks_of(grant),
        "player": grant["ks"],
        "room": room["url"].rpartition("ks=")[2],
        "upload": upload["ks"],
    }
    _school.simulator("POST", "settings", {"metadata_access_control": True})
    try:
        yield Given(keys, _entry(_school, own)["id"], _entry(_school, others))
    finally:
        _school.simulator("POST", "settings", {"metadata_access_control": False})


def _entry(school: School, video_id: str) -> dict[str, str]:
    video = school.document(f"videos/{video_id}") or {}
    (entry,) = [one for one in school.things("entries") if one["id"] == video["playable"]["parts"]["entryId"]]
    return {name: entry[name] for name in ("id", "referenceId", "name")}


def calls(given: Given) -> list[Call]:
    """
    Every reading action of the others' entry, by each way of naming one; what the player asks, of its own entry too.
    """
    assert services.__name__, "the table of actions is filled by the services"
    found = []
    for row in ACTIONS.values():
        if not row.reads:
            continue
        is_players = (row.service, row.name) in PLAYER_CALLS
        abouts = (given.own_id, given.others["id"]) if is_players else (given.others["id"],)
        for about, batched in itertools.product(abouts, (False, True)):
            reference = given.others["referenceId"] if about == given.others["id"] else "none"
            found += [Call(row, data, about, batched) for data in _arguments(row, about, reference)]
    return found


def _arguments(row: Action, entry_id: str, reference: str) -> Iterator[dict[str, Any]]:
    plain: dict[str, Any] = {}
    for parameter in row.parameters:
        if parameter.kind == "str":
            plain[parameter.name] = entry_id
        elif parameter.kind == "int" and parameter.required:
            plain[parameter.name] = 1
        elif parameter.kind in SCHEMA.types and parameter.required:
            plain[parameter.name] = {"objectType": parameter.kind}
        elif parameter.kind in SCHEMA.enumerations and parameter.required:
            plain[parameter.name] = min(SCHEMA.enumerations[parameter.kind].values)
    yield plain
    for parameter in row.parameters:
        if not parameter.kind.endswith("Filter"):
            continue
        for naming in _naming(parameter.kind):
            named = reference if naming.startswith("reference") else entry_id
            # Of metadata it must be said whose.
            kind_of_thing = {"metadataObjectTypeEqual": "1"} if row.service == "metadata_metadata" else {}
            yield {**plain, parameter.name: {"objectType": parameter.kind, naming: named, **kind_of_thing}}


def _naming(kind: str) -> list[str]:
    known = SCHEMA.properties(kind) if kind in SCHEMA.types else NAMING
    return [naming for naming in NAMING if naming in known]


def by_python(school: School, ks: str, asked: list[Call]) -> list[str]:
    """
    What KalturaApiClient is told of each call: the answer as text, or the code of the error.
    """
    told = []
    # One for all: with each, the library loads all its plugins again, which takes ten times as long as a call. What
    # has sent calls together once sends every later call so, too.
    clients = {is_batched: school.kaltura(ks) for is_batched in (False, True)}
    for call in asked:
        client = clients[call.batched]
        params = KalturaParams()
        for name, value in call.data.items():
            params.add(name, value) if isinstance(value, dict) else params.put(name, value)
        if call.batched:
            client.startMultiRequest()
            client.queueServiceActionCall("system", "ping", "KalturaObjectBase", KalturaParams(), {})
        client.queueServiceActionCall(*call.name, "KalturaObjectBase", params, {})
        try:
            answer = client.doQueue()
        except KalturaException as refused:
            told.append(f"error {refused.code}")
            continue
        if call.batched:
            answer = answer[1]
        code = answer.find("error/code")
        text = ElementTree.tostring(answer, encoding="unicode")
        told.append(text if code is None else f"error {code.text}")
    return told


def by_javascript(school: School, ks: str, asked: list[Call]) -> list[str]:
    """
    What kaltura-client is told, likewise.
    """
    sent = [
        {"ks": ks, "service": call.row.service, "action": call.row.name, "data": call.data, "batched": call.batched}
        for call in asked
    ]
    done = subprocess.run(
        ["node", str(SCRIPT), school.testbed.kaltura_url],
        input=json.dumps(sent),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    return [f"error {one['error']}" if "error" in one else json.dumps(one.get("answer")) for one in seen]


@pytest.mark.parametrize("client", [by_python, by_javascript], ids=["KalturaApiClient", "kaltura-client"])
@pytest.mark.parametrize("key", ["playback", "player", "room", "upload"], ids="A7 the {} KS".format)
def test_player_ks_reads_only_its_entry(school: School, given: Given, key: str, client: Any) -> None:
    asked = calls(given)
    assert len({call.name for call in asked}) > 80

    told = client(school, given.keys[key], asked)

    open_to_all = {call.name for call in asked if IGNORES_KS in call.row.roles}
    answered = set()
    for call, text in zip(asked, told, strict=True):
        about_others = [given.others["name"], given.others["referenceId"]]
        assert not any(secret in text for secret in about_others), (call.row.label, call.data, call.batched)
        if not text.startswith("error ") and call.name not in open_to_all:
            assert call.batched, (call.row.label, "it answers at its own address")
            answered.add(call.name)
    assert answered == (PLAYER_CALLS if key == "player" else set())


@pytest.mark.parametrize("client", [by_python, by_javascript], ids=["KalturaApiClient", "kaltura-client"])
def test_player_ks_reads_its_own_entry(school: School, given: Given, client: Any) -> None:
    """A7: by what its list is asked for, the others are not there, and give nothing to play."""
    asked = [call for call in calls(given) if call.name in PLAYER_CALLS and call.batched]

    told = list(zip(asked, client(school, given.keys["player"], asked), strict=True))

    named = {
        call.about
        for call, text in told
        if call.name == ("baseentry", "list") and "idEqual" in str(call.data) and OWN_TITLE in text
    }
    assert named == {given.own_id}
    played = [text for call, text in told if call.name[1] == "getplaybackcontext" and call.about == given.own_id]
    assert "playManifest" in played[0]
    refused = [text for call, text in told if call.name[1] == "getplaybackcontext" and call.about != given.own_id]
    assert refused
    assert "playManifest" not in "".join(refused)


def test_a_player_key_is_given_only_where_it_is_asked_for(school: School, teacher: Person, video_bytes: bytes) -> None:
    """A7."""
    session_id = teacher.write_session(status="public")
    video_id = teacher.upload_video(session_id, video_bytes)
    assert "ks" not in school.person().call("issuePlayback", {"videoId": video_id})
    live_id, _ = live_now(school, teacher)
    assert "ks" not in join(school.person(), live_id)["player"]
