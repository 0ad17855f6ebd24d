"""The schema: what the system writes and answers is what it says, and anything else is found."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

import pytest

import main
from emulator_tests.deployment_settings import archive_settings
from emulator_tests.documentation.schema import add, definitions, forms_of
from emulator_tests.documentation.validation import (
    faults,
    faults_of_answer,
    faults_of_document,
    faults_of_request,
    schema_of,
)
from emulator_tests.memory import BEGIN_AT, undisturbed
from emulator_tests.pure.deployment import HOUR, TEACHER, Deployment, T, refusal
from emulator_tests.testbed.places import ROOT
from functions import kaltura_session, live, operations, playback, uploads
from functions.edge.answers import encoded, error_codes
from functions.edge.callables import CALLABLES
from functions.edge.fields import Name, kinds_of, message, read
from schema.callables import COMMON, DESCRIBED
from schema.documents import DOCUMENTS, STATES, StateOfSession
from shared.archive.commands import Request
from shared.archive.model import By, Target
from shared.archive.resource import commands as archive_commands
from shared.core.callers import Caller
from shared.core.errors import BadRequest
from shared.core.paths import CHECK_HOST, RECONCILE_SESSION
from shared.erasure.commands import ask_erasure, erasure_of
from shared.erasure.export import export_content
from shared.hosts.table import Terms
from shared.ports import ENTRY_PART, Ingest, MediaState, Observation, Task, UploadGrant
from shared.registry import TRACES
from shared.sessions.kaltura_session import get_kaltura_session
from shared.sessions.moderation import set_moderator, stream_ingest
from shared.videos.commands import delete_video
from shared.videos.model import VideoState
from shared.videos.pace import Pace
from shared.videos.upload_tokens import UploadToken

NOW: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
READY: Final = Observation(MediaState.READY, 100, duration_s=10.0, size_bytes=1000, media_type="video/mp4")
STUDENT: Final = Caller("student", is_teacher=False)
TERMS: Final = {"memory": Terms(5.0), "fetching": Terms(1.0)}

BY_OPERATORS: Final = {"reports/archive", "reports/archiveSavings"}
"""What only an operator's command writes; `test_cli_archive.py` compares it with its schema."""

PATHS: Final = {path.partition("/")[0]: path for path in DOCUMENTS if "{" in path}
"""The path of each document's schema, by its collection."""


def school() -> Deployment:
    """A deployment in which there is, or was, a document of every kind."""
    deployment = Deployment(terms=TERMS, archive=archive_settings())
    for uid in (TEACHER.uid, "bert"):
        deployment.accounts.write(uid, teacher=True)
    times = {"startsAt": deployment.clock(), "endsAt": deployment.clock() + HOUR}
    deployment.write_session("live", format="liveStreaming", visibility="enrolled", **times)
    deployment.write_session("s1")
    deployment.write_session("s2")
    deployment.enrol("student", "live")
    ports = deployment.sessions, deployment.queue, deployment.clock
    deployment.deliver(Task(RECONCILE_SESSION, "live"))
    set_moderator(TEACHER, "live", "student", *ports, is_moderator=True)
    return deployment


def keeps_videos(operation: str, do: Callable[[], T]) -> T:
    """Delete no video, as if its provider could not be reached."""
    if operation == "delete_media":
        raise refusal(operation)
    return do()


def upload(deployment: Deployment, request_id: str, session_id: str = "s1") -> str:
    return deployment.ask_upload(request_id, session_id=session_id).video_id


def archive(deployment: Deployment, video_id: str) -> None:
    """Put a placeholder in the place of a video."""
    playable = deployment.video(video_id).playable
    assert playable is not None
    entry = deployment.originals.add(b"film", entry_id=playable.external_ids[ENTRY_PART], reference=playable.reference)
    request = Request(Target.PLACE_HOLDER, By.OPERATOR)
    deployment.app.get(archive_commands).ask(deployment.media.name, entry, request)
    deployment.run()
    deployment.originals.finish(entry.id)
    deployment.run(60)


def written(deployment: Deployment) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each document that the schema describes, by its path there."""
    for path in deployment.documents.paths():
        (document,) = deployment.documents.read(path)
        if document is None:
            continue
        if path in DOCUMENTS:
            yield path, document.fields
        elif path.partition("/")[0] in PATHS:
            yield PATHS[path.partition("/")[0]], document.fields


def check(deployment: Deployment, seen: dict[str, int]) -> None:
    for path, told in written(deployment):
        assert faults_of_document(path, told) == [], path
        seen[path] = seen.get(path, 0) + 1


@pytest.mark.long
def test_written_documents_match_the_schema() -> None:
    deployment, seen = school(), dict[str, int]()
    check(deployment, seen)
    video_id = upload(deployment, "r1")
    check(deployment, seen)
    deployment.show(video_id, READY)
    deployment.run(60)
    archive(deployment, video_id)
    check(deployment, seen)
    deployment.ask_replacement(video_id)
    failed_id, moved_id = upload(deployment, "r2"), upload(deployment, "r3", "s2")
    check(deployment, seen)
    deployment.show(failed_id, Observation(MediaState.ERROR))
    deployment.show(moved_id, READY)
    deployment.run(60)
    check(deployment, seen)
    deployment.deliver(Task(CHECK_HOST, "fetching"))
    deployment.orphans.find(clean_up=False)
    deployment.transfer("bert", session_id="s2")
    check(deployment, seen)
    deployment.disturb = keeps_videos
    delete_video(TEACHER, failed_id, deployment.documents, deployment.queue, deployment.clock)
    ask_erasure(TEACHER, "r1", TEACHER.uid, deployment.documents, deployment.queue, deployment.clock)
    for _ in range(20):
        deployment.run(5)
        check(deployment, seen)
    deployment.disturb = undisturbed
    deployment.run(3600)
    check(deployment, seen)
    assert set(seen) == set(DOCUMENTS) - BY_OPERATORS


SESSION: Final[Mapping[str, Any]] = {
    "ownerUid": "teacher",
    "title": "Algebra",
    "status": "draft",
    "format": "onDemand",
    "visibility": "open",
    "createdAt": BEGIN_AT,
    "updatedAt": BEGIN_AT,
    "startsAt": None,
}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"createdAt": "2026-01-05T09:00:00Z"}, ".createdAt: not of the type object"),
        ({"title": 7}, ".title: not of the type string"),
        ({"status": "hidden"}, ".status: not one of the values"),
        ({"ownerUid": "a/b"}, ".ownerUid: not of the form"),
        ({"startsAt": "soon"}, ".startsAt: none of the types"),
        ({"videoProvider": None}, ".videoProvider: not of the type string"),
        ({"kalturaSession": False}, ".kalturaSession: not one of the values"),
        ({"lamp": 1}, ".lamp: not known"),
        ({"videos": {"x": {}}}, ".videos.x: not known"),
        ({"moderators": {"anna": "yes"}}, ".moderators.anna: not of the type boolean"),
        ({"formerOwnerUids": ["a", 1]}, ".formerOwnerUids[1]: not of the type string"),
    ],
    ids=str,
)
def test_a_document_that_differs_is_found(changes: Mapping[str, Any], fault: str) -> None:
    assert faults_of_document(PATHS["sessions"], SESSION) == []
    assert fault in faults_of_document(PATHS["sessions"], {**SESSION, **changes})


@pytest.mark.parametrize("field", [name for name in SESSION if name != "startsAt"])
def test_a_document_without_a_field_is_found(field: str) -> None:
    left = {name: value for name, value in SESSION.items() if name != field}
    assert faults_of_document(PATHS["sessions"], left) == [f".{field}: missing"]


def test_a_number_out_of_range_is_found() -> None:
    assert list(faults(101, {"type": "integer", "minimum": 0, "maximum": 100}, {})) == [": out of range"]


def test_a_keyword_that_is_not_checked_is_refused() -> None:
    with pytest.raises(ValueError, match="not checked: \\['multipleOf'\\]"):
        list(faults(7, {"multipleOf": 2}, {}))


# --- answers -------------------------------------------------------------------------------------------------------


def answers() -> Iterator[tuple[str, Any]]:
    """Answers of callables, each built from the result of its use case."""
    deployment = school()
    now = deployment.clock()
    video_id = upload(deployment, "r1")
    deployment.show(video_id, READY)
    deployment.run(60)
    for key in (False, True):
        told = deployment.playbacks.issue_playback(TEACHER, video_id, needs_player_key=key)
        yield "issuePlayback", playback.video_response(video_id, told, now)
        watching = deployment.joining.issue_playback(STUDENT, "live", needs_player_key=key)
        yield "issuePlayback", playback.event_response("live", watching, now)
        joined = deployment.joining.join(STUDENT, "live", force_refresh=key, needs_player_key=key)
        yield "joinSession", live.to_response("live", joined, now)
    yield "getStreamIngest", live.ingest_response("live", stream_ingest(TEACHER, "live", deployment.sessions))
    yield "getStreamIngest", live.ingest_response("live", Ingest("u", None, "n", "k", {"srtPass": "p"}))
    ports = deployment.sessions, deployment.documents, deployment.queue, deployment.clock
    for caller, session_id in ((TEACHER, "live"), (STUDENT, "live"), (TEACHER, "s1")):
        told_of = get_kaltura_session(caller, session_id, *ports)
        yield "getKalturaSession", kaltura_session.KalturaSessionAnswer(**told_of)
    page = export_content(TEACHER, TEACHER.uid, None, deployment.documents, TRACES)
    yield "exportContent", operations.export_response(TEACHER.uid, page)
    key_of, erasure = ask_erasure(TEACHER, "r", TEACHER.uid, deployment.documents, deployment.queue, deployment.clock)
    yield "eraseContent", operations.to_response(key_of, erasure)
    deployment.run(3600)
    yield "getErasure", operations.to_response(key_of, erasure_of(TEACHER, key_of, deployment.documents))
    for protocol, values in (("tus", {}), ("kaltura", {"ks": "k", "uploadTokenId": "0_a"})):
        grant = UploadGrant(protocol, "https://x.org", "t", now, {**values, "chunkSizeBytes": 5})
        token = UploadToken(video_id, "kaltura", grant, 0, Pace(now, 1))
        yield "issueUploadToken", uploads.to_response(token, now)


def test_callable_answers_match_the_schema() -> None:
    seen = set()
    for name, answer in answers():
        assert isinstance(answer, forms_of(name)[1])
        assert faults_of_answer(name, encoded(answer)) == [], name
        seen.add(name)
    assert len(seen) == 8


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"expiresAt": "soon"}, ".expiresAt: not an instant in UTC"),
        ({"expiresAt": "2026-01-05T09:00:00"}, ".expiresAt: not an instant in UTC"),
        ({"ks": None}, ".ks: not of the type string"),
        ({"entryId": "0_a"}, ".entryId: not known"),
    ],
    ids=str,
)
def test_an_answer_that_differs_is_found(changes: Mapping[str, Any], fault: str) -> None:
    instants = {"issuedAt": "2026-01-05T08:00:00Z", "expiresAt": "2026-01-05T09:00:00Z"}
    answer = {**instants, "renewAt": "2026-01-05T09:00:00.000250Z"}
    assert faults_of_answer("issuePlayback", answer) == []
    assert faults_of_answer("issuePlayback", {**answer, **changes}) == [fault]


# --- requests ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DESCRIBED)
def test_the_example_of_a_callable_is_read_and_is_what_the_schema_says(name: str) -> None:
    described = DESCRIBED[name]
    assert faults_of_request(name, dict(described.request)) == []
    assert faults_of_answer(name, dict(described.answer)) == []
    read(dict(described.request), forms_of(name)[0])


@pytest.mark.parametrize("name", DESCRIBED)
def test_the_edge_and_the_schema_ask_for_the_same_fields(name: str) -> None:
    form: Any = forms_of(name)[0]
    definition = schema_of("callables.json")["$defs"][form.__name__]
    assert set(definition["properties"]) == set(kinds_of(form))
    assert set(definition.get("required", ())) == {field for field, (_, must) in kinds_of(form).items() if must}
    assert definition["additionalProperties"] is False


@pytest.mark.parametrize(
    "value", ["s1", "a_b", "a/b", "", "a" * 65, "a\n", 7, True, None, "..", "é", "0123456789abcdef0123"], ids=ascii
)
@pytest.mark.parametrize("name", ["getErasure", "getKalturaSession", "exportContent", "requeueDeletion"])
def test_the_edge_refuses_what_the_schema_refuses(name: str, value: object) -> None:
    form = forms_of(name)[0]
    field = fields(form)[0].name
    try:
        read({field: value}, form)
        is_read = True
    except BadRequest:
        is_read = False
    assert is_read is (faults_of_request(name, {field: value}) == [])


@message
class Lamp:
    """A request with a field that no request can have."""

    brightness: float


def test_a_request_with_a_field_of_another_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="The field brightness of a request must be a whole number"):
        read({"brightness": 1}, Lamp)


# --- the files -----------------------------------------------------------------------------------------------------


def test_every_callable_is_described() -> None:
    for name in main.FUNCTIONS:
        # It is imported, and so declared, when it is asked for.
        getattr(main, name)
    assert set(DESCRIBED) == set(CALLABLES)


def test_every_code_is_one_of_the_table() -> None:
    named = {code for one in DESCRIBED.values() for code in one.errors}
    assert (named | set(COMMON)) - set(error_codes()) == set()
    assert named & set(COMMON) == set()
    assert all(len(one.errors) == len(set(one.errors)) for one in DESCRIBED.values())


def test_every_state_of_a_video_has_a_meaning() -> None:
    assert set(STATES) == set(VideoState)
    assert {one.value for one in STATES} - {"gone"} == set(get_args(StateOfSession))


def test_two_classes_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="Two classes of the schema are called Lamp"):
        add({"Lamp": {"type": "object"}}, "Lamp", {"type": "string"})


@message
class Sign:
    """A class with optional fields."""

    text: Name | None = None
    colour: Literal["red"] | None = None


def test_null_is_for_requests() -> None:
    (request,) = definitions([Sign], is_request=True).values()
    (answer,) = definitions([Sign], is_request=False).values()
    assert {"type": "null"} in request["properties"]["text"]["anyOf"]
    assert answer["properties"]["text"]["type"] == "string"
    assert answer["properties"]["colour"] == {"const": "red", "type": "string"}


@pytest.mark.long
@pytest.mark.parametrize("name", ["issueUploadToken", "issuePlayback", "joinSession", "eraseContent"])
def test_a_callable_reads_its_request_without_pydantic(name: str) -> None:
    code = (
        f"import json, sys, main; main.{name}; from functions.edge import callables, fields; "
        f"form = callables.CALLABLES[{name!r}].form; fields.read(json.loads(sys.argv[1]), form); "
        "sys.exit('pydantic' in sys.modules)"
    )
    example = json.dumps(DESCRIBED[name].request)
    assert subprocess.run([sys.executable, "-c", code, example], cwd=ROOT, check=False).returncode == 0
