"""The sweep, as the schedule runs it: what nobody noticed is done, what nobody recorded is deleted."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from KalturaClient.Plugins.Core import KalturaMediaEntry, KalturaMediaType

from emulator_tests.flow.school import Person, School
from emulator_tests.rules.callers import SERVER
from emulator_tests.rules.firestore import delete


def test_a_session_whose_record_was_lost_has_one_event_again(school: School, teacher: Person) -> None:
    session_id = teacher.write_live_session(status="public")
    first = school.await_event(session_id)
    # No trigger watches this collection: only the sweep can see that the session has nothing recorded.
    school.firestore.commit(SERVER, delete(f"kalturaSession/{session_id}"))

    school.sweep()

    # The event made before is found by its reference, or it is a stray beside a new one. Either way one is left.
    record = school.await_document(
        f"kalturaSession/{session_id}", lambda fields: fields is not None and fields["state"] == "ready"
    )
    assert set(record["parts"]) == set(first) - {"state", "broadcast"}
    school.await_provider(
        "the other event's going",
        lambda: _left_after_sweep(school, session_id) == _shown(school, session_id, record["parts"]),
    )


def test_what_nobody_recorded_is_deleted_and_what_others_made_is_not(school: School) -> None:
    stray_key, foreign = uuid.uuid4().hex[:20], uuid.uuid4().hex
    client = school.administrator()
    stray = _entry(client, f"demo-greenroom:video:{stray_key}:1", "greenroomdemogreenroom")
    other = _entry(client, f"another:video:{foreign}:1", "greenroomanother")
    untagged = _entry(client, f"demo-greenroom:video:{foreign}:1", "")

    school.await_provider("the stray's going", lambda: not _swept(school, stray))

    alive = {entry["id"] for entry in school.things("entries")}
    assert {other, untagged} <= alive


def _swept(school: School, entry_id: str) -> bool:
    school.sweep()
    return any(entry["id"] == entry_id for entry in school.things("entries"))


def _left_after_sweep(school: School, session_id: str) -> set[str]:
    school.sweep()
    return {number for _, number in school.made_for(session_id)}


def _shown(school: School, session_id: str, parts: Iterable[str]) -> set[str]:
    shown = school.await_event(session_id)
    return {shown[part] for part in parts}


def _entry(client: Any, reference_id: str, admin_tags: str) -> str:
    entry = KalturaMediaEntry(
        name="A stray", mediaType=KalturaMediaType(1), referenceId=reference_id, adminTags=admin_tags
    )
    return str(client.media.add(entry).id)
