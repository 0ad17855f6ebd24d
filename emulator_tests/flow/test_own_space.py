"""Greenroom beside another app in one project: its functions have a prefix, its documents a database of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from google.cloud.firestore import Client

from emulator_tests.conftest import SETTINGS
from emulator_tests.flow.school import Person, School, school_of
from emulator_tests.rules.firestore import Denied
from emulator_tests.testbed import Testbed
from emulator_tests.testbed.places import state_folder
from main import FUNCTIONS

PREFIX: Final = "gr"
DATABASE: Final = "greenroom"


@pytest.fixture(scope="module")
def school() -> Iterator[School]:
    """
    A school of its own, in its own space.
    """
    shared_state = state_folder("test")
    state = shared_state.with_name(f"{shared_state.name}-own-space")
    with (
        Testbed(state, SETTINGS, has_s3=False, prefix=PREFIX, database=DATABASE) as testbed,
        school_of(testbed) as school,
    ):
        school.simulator("POST", "clock", {"ready": "after_s:1"})
        yield school


@pytest.fixture(scope="module")
def teacher(school: School) -> Person:
    return school.teacher()


def test_published_session_has_an_event_and_its_video_becomes_ready(
    school: School, teacher: Person, video_bytes: bytes
) -> None:
    session_id = teacher.write_live_session()
    teacher.change_session(session_id, status="public")
    school.await_event(session_id)
    video_id = teacher.upload_video(session_id, video_bytes)

    assert school.document(f"videos/{video_id}") is not None
    assert school.document(f"kalturaSession/{session_id}") is not None
    with pytest.raises(Denied):
        school.firestore.get(teacher.caller, f"kalturaSession/{session_id}")
    # Nothing is in the database of the app.
    app = Client(project=school.testbed.project_id, database="(default)")
    assert list(app.collections()) == []
    app.close()  # type: ignore[no-untyped-call]


def test_sweep_enqueues_in_its_own_queues(school: School, teacher: Person) -> None:
    session_id = teacher.write_live_session(status="public")
    school.await_event(session_id)
    teacher.delete_session(session_id)
    school.sweep()
    gone = school.await_document(
        f"kalturaSession/{session_id}", lambda fields: fields is None or fields["state"] == "gone"
    )
    assert gone is None or gone["state"] == "gone"


def test_operator_reaches_functions_and_queues_by_their_deployed_names(school: School) -> None:
    checked = school.testbed.command("doctor")
    assert "does not exist" not in checked.stdout
    installed = school.testbed.command("install-hook")
    assert installed.returncode == 0, installed.stderr
    assert f"{school.testbed.functions_url}/{PREFIX}-kalturaHook" in installed.stdout
    for command, is_stopped in (["stop", "--why", "a test"], True), (["start"], False):
        done = school.testbed.command(*command)
        assert done.returncode == 0, done.stderr
        switch = school.document("operations/switch")
        assert switch is not None
        assert switch["stopped"] is is_stopped


def test_no_function_answers_by_its_name_without_the_prefix(school: School) -> None:
    assert "issuePlayback" in FUNCTIONS
    address = f"{school.testbed.functions_url}/issuePlayback"
    assert school.http.post(address, json={"data": {}}, timeout=60).status_code == 404
