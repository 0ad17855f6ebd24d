"""The examples of docs/events.md, deployed beside Greenroom as codebases of an app: by a trigger, and by an event."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any, Final

import pytest
from google.cloud.firestore import Client
from google.cloud.firestore_v1._helpers import encode_dict
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.firestore_v1.types import Document
from google.events.cloud.firestore import Document as EventDocument
from google.events.cloud.firestore import DocumentEventData

from emulator_tests.conftest import SETTINGS
from emulator_tests.flow.school import DEADLINE_S, Person, School, await_any, school_of
from emulator_tests.rules.firestore import Fields
from emulator_tests.testbed import Testbed
from emulator_tests.testbed.places import ROOT, state_folder

EXAMPLES: Final = [ROOT / "examples" / "notify", ROOT / "examples" / "subscribe"]
CHANNEL: Final = "projects/demo-greenroom/locations/us-central1/channels/firebase"


@pytest.fixture(scope="module")
def school() -> Iterator[School]:
    """
    A school whose app has a function of its own. Greenroom has its own database, so the two have none in common.
    """
    shared_state = state_folder("test")
    state = shared_state.with_name(f"{shared_state.name}-app-events")
    with (
        Testbed(
            state,
            SETTINGS | {"EVENTARC_CHANNEL": CHANNEL},
            has_s3=False,
            prefix="gr",
            database="greenroom",
            apps=EXAMPLES,
        ) as testbed,
        school_of(testbed) as school,
    ):
        school.simulator("POST", "clock", {"ready": "after_s:1"})
        yield school


@pytest.fixture
def app(school: School) -> Iterator[Client]:
    """
    The app's own database.
    """
    client = Client(project=school.testbed.project_id, database="(default)")
    yield client
    client.close()  # type: ignore[no-untyped-call]


@pytest.fixture
def teacher(school: School) -> Person:
    return school.teacher()


def as_document(name: str, fields: Fields) -> EventDocument:
    """
    A document as an event has it.
    """
    stored = Document(name=name, fields=encode_dict(fields))
    return EventDocument.deserialize(Document.serialize(stored))


def deliver(school: School, event_id: str, session_id: str, before: Fields, after: Fields) -> None:
    """
    Deliver the event of a change to the app's function, as Eventarc does, and wait until it is handled.
    """
    database = f"projects/{school.testbed.project_id}/databases/greenroom"
    name = f"{database}/documents/sessions/{session_id}"
    data = DocumentEventData(old_value=as_document(name, before), value=as_document(name, after))
    attributes = {
        "specversion": "1.0",
        "id": event_id,
        "source": f"//firestore.googleapis.com/{database}",
        "type": "google.cloud.firestore.document.v1.updated",
        "time": "2026-01-05T09:00:00.000000Z",
        "subject": f"documents/sessions/{session_id}",
        "document": f"sessions/{session_id}",
        "project": school.testbed.project_id,
        "location": "eur3",
        "database": "greenroom",
        "namespace": "(default)",
    }
    function = f"{school.testbed.region}-notify_when_ready-0"
    answer = school.http.post(
        f"http://{school.testbed.functions_host}/functions/projects/{school.testbed.project_id}/triggers/{function}",
        # The emulator takes it in base64 only.
        data=b64encode(DocumentEventData.serialize(data)),
        headers={
            "Content-Type": "application/protobuf",
            **{f"ce-{key}": value for key, value in attributes.items()},
        },
        timeout=DEADLINE_S,
    )
    assert answer.status_code == 200, answer.text


def session_of(owner_uid: str, video_id: str, state: str) -> Fields:
    """
    The fields of a session that its event has, as far as the example reads them.
    """
    return {
        "ownerUid": owner_uid,
        "title": "Optics",
        "videos": {video_id: {"state": state, "title": "Lenses", "percent": 0}},
    }


def mails_about(app: Client, video_id: str) -> Any:
    """
    The query for the e-mails about a video.
    """
    return app.collection("mail").where(filter=FieldFilter("videoId", "==", video_id))


def test_ready_video_queues_one_mail_to_its_teacher(app: Client, teacher: Person, video_bytes: bytes) -> None:
    session_id = teacher.write_session(title="Optics")
    video_id = teacher.upload_video(session_id, video_bytes, title="Lenses")
    (mail,) = await_any(mails_about(app, video_id))
    told = mail.to_dict()
    assert told["to"] == [teacher.email]
    assert told["message"] == {"subject": "Your video is ready", "text": "“Lenses” of “Optics” can be watched now."}
    assert (told["sessionId"], told["videoId"]) == (session_id, video_id)


def test_event_that_is_delivered_twice_queues_one_mail(school: School, app: Client, teacher: Person) -> None:
    before, after = session_of(teacher.uid, "v2", "processing"), session_of(teacher.uid, "v2", "ready")
    for _ in range(2):
        deliver(school, "event-2", "s2", before, after)
    (mail,) = mails_about(app, "v2").stream()
    assert mail.id == "event-2-v2"


def test_change_of_a_video_that_is_ready_already_queues_nothing(school: School, app: Client, teacher: Person) -> None:
    ready = session_of(teacher.uid, "v3", "ready")
    deliver(school, "event-3", "s3", ready, {**ready, "title": "Optics"})
    deliver(school, "event-4", "s3", ready, {"ownerUid": teacher.uid})
    deliver(school, "event-5", "s3", {"ownerUid": teacher.uid}, session_of(teacher.uid, "v3", "failed"))
    assert list(mails_about(app, "v3").stream()) == []


def test_video_of_a_deleted_account_queues_nothing(school: School, app: Client) -> None:
    before, after = session_of("nobody", "v4", "processing"), session_of("nobody", "v4", "ready")
    deliver(school, "event-6", "s4", before, after)
    assert list(mails_about(app, "v4").stream()) == []


def test_subscriber_of_the_channel_hears_of_a_ready_video(app: Client, teacher: Person, video_bytes: bytes) -> None:
    session_id = teacher.write_session()
    video_id = teacher.upload_video(session_id, video_bytes)
    (listed,) = await_any(app.collection("readyVideos").where(filter=FieldFilter("sessionId", "==", session_id)))
    assert listed.id == video_id
    record = teacher.school.document(f"videos/{video_id}")
    assert record is not None
    told = listed.to_dict()
    assert told["readyAt"] == record["playable"]["readyAt"]
    assert told["eventId"].startswith(f"greenroom.video.v1.ready:{session_id}:{video_id}:")
