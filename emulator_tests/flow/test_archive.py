"""The life of a teacher's video in the archive, through the functions: Kaltura's simulator, and Cloud Storage."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from KalturaClient.Plugins.Core import KalturaMediaEntryFilter

from emulator_tests.conftest import SETTINGS
from emulator_tests.flow.school import Person, Refused, School, school_of
from emulator_tests.memory import ManualClock, MemoryQueue
from emulator_tests.testbed import Testbed
from emulator_tests.testbed.places import ROOT, state_folder
from shared.archive.commands import Commands, Request
from shared.archive.model import By, Target
from shared.archive.placeholder import placeholder_in
from shared.cloud.firestore import FirestoreDocuments, connect_firestore
from shared.core.paths import ARCHIVE, archive_path, session_path, video_path
from shared.ports import Entry, MediaState

BUCKET: Final = "originals"
ENDS_WITHIN_S: Final = 90.0
SLOW_S: Final = 10.0


@pytest.fixture(scope="module")
def archiving() -> Iterator[School]:
    """A school with an archive."""
    shared_state = state_folder("test")
    state = shared_state.with_name(f"{shared_state.name}-archive")
    with (
        Testbed(state, SETTINGS | {"ARCHIVE_GCS_BUCKET": BUCKET, "STRAY_AGE_S": "1"}) as testbed,
        school_of(testbed) as school,
    ):
        yield school


@pytest.fixture
def teacher(archiving: School) -> Person:
    return archiving.teacher()


def stored(school: School) -> dict[str, int]:
    """The sizes of the objects in the cold store, by the last part of their names."""
    url = f"{school.testbed.storage_url}/storage/v1/b/{BUCKET}/o"
    found = school.http.get(url, timeout=10).json().get("items", [])
    return {one["name"].rpartition("/")[2]: int(one["size"]) for one in found}


def content(school: School, entry_id: str) -> bytes:
    """The bytes of an entry's original, as Kaltura gives them."""
    kaltura = school.administrator()
    (original,) = (one for one in kaltura.flavorAsset.getByEntryId(entry_id) if one.isOriginal)
    return bytes(school.http.get(kaltura.flavorAsset.getUrl(original.id), timeout=10).content)


def archived(school: School, video_id: str) -> str:
    """Have a placeholder take the place of a video, and return its entry."""
    entry_id = asked(school, video_id, Target.PLACE_HOLDER)
    school.sweep()
    await_state(school, entry_id, "place_holder")
    return entry_id


def asked(school: School, video_id: str, target: Target) -> str:
    """Record what is wanted of a video's entry, and return that."""
    entry_id = str((school.document(video_path(video_id)) or {})["playable"]["parts"]["entryId"])
    documents = FirestoreDocuments(connect_firestore(school.testbed.project_id, school.testbed.database))
    made_for = f"video:{video_id}:1"
    entry = Entry(entry_id, "", made_for, MediaState.READY, frozenset(), now(), None, 0, None, None)
    commands = Commands(documents, MemoryQueue(ManualClock()), now)
    commands.ask("kaltura", entry, Request(target, By.OPERATOR), has_task=False)
    return entry_id


def await_state(school: School, entry_id: str, state: str) -> Any:
    """Wait until an entry's record has this state."""
    path = archive_path(entry_id)
    return school.await_document(path, lambda record: (record or {}).get("state") == state, ENDS_WITHIN_S)


def now() -> datetime:
    return datetime.now(UTC)


def test_video_is_archived_its_placeholder_plays_and_a_viewer_brings_it_back(
    archiving: School, teacher: Person, video_bytes: bytes
) -> None:
    session_id = teacher.write_session(status="public")
    video_id = teacher.upload_video(session_id, video_bytes)
    entry_id = archived(archiving, video_id)
    record = archiving.document(archive_path(entry_id)) or {}
    assert record["original"]["sha256"] == hashlib.sha256(video_bytes).hexdigest()
    assert record["sessionId"] == session_id
    assert stored(archiving) == {entry_id: len(video_bytes)}
    assert content(archiving, entry_id) == placeholder_in("").content
    (listed,) = archiving.administrator().media.list(KalturaMediaEntryFilter(idIn=entry_id)).objects
    assert set(listed.tags.split(", ")) == {"archived_to_s3", "flavors_deleted"}

    def shows(state: str) -> Any:
        return archiving.await_document(
            session_path(session_id),
            lambda session: (session or {})["videos"][video_id].get("archive", {}).get("state") == state,
            ENDS_WITHIN_S,
        )

    shows("place_holder")
    student = archiving.person()
    student.call("issuePlayback", {"videoId": video_id})
    await_state(archiving, entry_id, "archived")
    shows("archived")
    assert content(archiving, entry_id) == video_bytes
    (listed,) = archiving.administrator().media.list(KalturaMediaEntryFilter(idIn=entry_id)).objects
    assert listed.tags == "archived_to_s3"


def test_deleted_video_leaves_nothing_in_the_cold_store(archiving: School, teacher: Person, video_bytes: bytes) -> None:
    session_id = teacher.write_session()
    video_id = teacher.upload_video(session_id, video_bytes)
    entry_id = archived(archiving, video_id)
    teacher.delete_session(session_id)
    archiving.await_provider("its object is deleted", lambda: entry_id not in stored(archiving), ENDS_WITHIN_S)
    archiving.await_document(archive_path(entry_id), lambda record: record is None, ENDS_WITHIN_S)


def test_owner_alone_keeps_a_video(archiving: School, teacher: Person, video_bytes: bytes) -> None:
    session_id = teacher.write_session()
    video_id = teacher.upload_video(session_id, video_bytes)
    for somebody in (archiving.teacher(), archiving.person()):
        with pytest.raises(Refused):
            somebody.call("keepVideo", {"videoId": video_id, "keep": True})
    teacher.call("keepVideo", {"videoId": video_id, "keep": True})
    archiving.await_document(
        session_path(session_id), lambda session: (session or {})["videos"][video_id].get("keep") is True
    )
    teacher.call("keepVideo", {"videoId": video_id, "keep": False})
    archiving.await_document(
        session_path(session_id), lambda session: "keep" not in (session or {})["videos"][video_id]
    )


def test_nobody_but_administrators_reads_the_record(archiving: School, teacher: Person, video_bytes: bytes) -> None:
    entry_id = archived(archiving, teacher.upload_video(teacher.write_session(), video_bytes))
    url = f"http://{archiving.testbed.firestore_host}/v1/projects/{archiving.testbed.project_id}/databases/(default)"
    for somebody, status in ((teacher, 403), (archiving.person(), 403), (archiving.person(admin=True), 200)):
        headers = {"Authorization": f"Bearer {somebody.id_token}"}
        answer = archiving.http.get(f"{url}/documents/{archive_path(entry_id)}", headers=headers, timeout=10)
        assert answer.status_code == status


def test_job_copies_an_original_by_itself(archiving: School, teacher: Person, video_bytes: bytes) -> None:
    entry_id = asked(archiving, teacher.upload_video(teacher.write_session(), video_bytes), Target.ARCHIVED)
    testbed = archiving.testbed
    job = subprocess.run(
        [sys.executable, "-m", "functions.archive_job", entry_id],
        env=os.environ | testbed.environment | testbed.secret_settings,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )
    assert job.returncode == 0, job.stderr
    assert (archiving.document(archive_path(entry_id)) or {})["state"] == "archived"
    assert stored(archiving)[entry_id] == len(video_bytes)


@pytest.mark.parametrize(
    ("service", "action", "state", "is_stored"),
    [
        ("flavorasset", "geturl", "storing", False),
        ("baseentry", "getbyids", "storing", True),
        ("media", "updatecontent", "replacing", True),
        ("media", "updatethumbnailjpeg", "replaced", True),
    ],
    ids=["before its copy", "after its copy", "while it replaces", "between replacement and tag"],
)
def test_worker_that_is_killed_leaves_an_entry_that_ends_healthy(
    archiving: School,
    teacher: Person,
    video_bytes: bytes,
    service: str,
    action: str,
    state: str,
    is_stored: bool,
) -> None:
    """Kaltura answers one kind of request slowly, and the worker that waits dies. Its claim ends; a sweep goes on."""
    video_id = teacher.upload_video(teacher.write_session(), video_bytes)
    entry_id = asked(archiving, video_id, Target.PLACE_HOLDER)
    slow = {"service": service, "action": action, "times": 0}
    archiving.simulator("POST", "faults", {"kind": "delay", "after_s": SLOW_S, "match": slow})
    archiving.sweep()
    record = archiving.await_document(
        archive_path(entry_id),
        lambda record: bool(record and record["state"] == state and record["claim"]),
        ENDS_WITHIN_S,
    )
    assert record["claim"] is not None
    if is_stored:
        archiving.await_provider("its object is stored", lambda: entry_id in stored(archiving), 3 * SLOW_S)
    busy = [server for server in archiving.testbed.functions_servers if server.is_busy]
    assert busy
    for server in busy:
        server.kill()
    archiving.simulator("DELETE", "faults")
    left = archiving.document(archive_path(entry_id)) or {}
    assert (left["state"], left["claim"]) == (state, record["claim"]), "It was killed too late."

    end_claims(archiving)
    archiving.sweep()
    await_state(archiving, entry_id, "place_holder")
    archiving.await_document(
        archive_path(entry_id),
        lambda record: bool(record and record["claim"] is record["dueAt"] is None),
        ENDS_WITHIN_S,
    )
    record = archiving.document(archive_path(entry_id)) or {}
    assert (record["claim"], record["original"]["sha256"]) == (None, hashlib.sha256(video_bytes).hexdigest())
    assert stored(archiving)[entry_id] == len(video_bytes)
    assert content(archiving, entry_id) == placeholder_in("").content
    (listed,) = archiving.administrator().media.list(KalturaMediaEntryFilter(idIn=entry_id)).objects
    assert set(listed.tags.split(", ")) == {"archived_to_s3", "flavors_deleted"}


def end_claims(school: School) -> None:
    """Let the time of every claim pass, as half an hour would."""
    at = now()
    for document in school.documents_of(ARCHIVE):
        if document.to_dict()["claim"] is not None:
            document.reference.update({"claim.until": at, "dueAt": at})
