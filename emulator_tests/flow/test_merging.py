"""A6, B21: the tasks that many changes of one session make, through the deployed triggers and Cloud Tasks."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
from google.cloud.tasks_v2 import CloudTasksClient, Task

from emulator_tests.flow.school import Person, School
from emulator_tests.vendor_queue import connect_client
from shared.cloud.tasks import STARTING_S
from shared.core.paths import RECONCILE_SESSION
from shared.reconcile import WORKER_TIMEOUT_S
from shared.reconcile.slots import SLOT_S

CHANGES = 50


class Held:
    """
    The queue of sessions while nothing is sent from it, so that every task it was given is there to be seen.
    """

    def __init__(self, client: CloudTasksClient, name: str) -> None:
        self._client = client
        self._name = name
        client.pause_queue(name=name)

    def tasks_of(self, session_id: str) -> Sequence[Task]:
        """
        The tasks for a session.
        """
        tasks = self._client.list_tasks(request={"parent": self._name, "response_view": Task.View.FULL})
        return [task for task in tasks if json.loads(task.http_request.body) == {"data": {"key": session_id}}]

    def release(self) -> None:
        """
        Have them all sent.
        """
        self._client.resume_queue(name=self._name)


@pytest.fixture
def held(school: School) -> Iterator[Held]:
    """
    The queue of sessions, held until the test releases it or ends.
    """
    client = connect_client(school.testbed.tasks_host)
    held = Held(client, client.queue_path(school.testbed.project_id, school.testbed.region, RECONCILE_SESSION))
    yield held
    held.release()


def test_50_new_titles_of_a_session_are_a_few_tasks_and_the_last_title_arrives(
    school: School, teacher: Person, held: Held
) -> None:
    """
    A6, and B21 for the deadline of each task.
    """
    session_id = teacher.write_live_session(status="public", title="Title 0")
    began_at = time.monotonic()
    for number in range(1, CHANGES + 1):
        teacher.change_session(session_id, title=f"Title {number}")
    # Triggers come in order of their writes here: once a later session has its task, all changes have been noticed.
    later_id = teacher.write_live_session(status="public")
    school.await_provider("the task of a later session", lambda: len(held.tasks_of(later_id)) == 1)
    slots = math.ceil((time.monotonic() - began_at) / SLOT_S) + 1

    tasks = held.tasks_of(session_id)
    assert 2 <= len(tasks) <= 2 * slots
    assert len(tasks) < CHANGES / 2
    deadline = timedelta(seconds=WORKER_TIMEOUT_S + STARTING_S)
    assert {task.dispatch_deadline for task in tasks} == {deadline}

    held.release()
    school.await_document(
        f"kalturaSession/{session_id}",
        lambda fields: ((fields or {}).get("applied") or {}).get("title") == f"Title {CHANGES}",
    )
    entry_id = school.await_event(session_id)["entryId"]
    assert [entry["name"] for entry in school.things("entries") if entry["id"] == entry_id] == [f"Title {CHANGES}"]
