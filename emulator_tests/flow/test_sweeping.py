"""The sweep, as the schedule runs it: what nobody noticed is done, what nobody recorded is deleted."""

from __future__ import annotations

import uuid

from KalturaClient.Plugins.Core import KalturaMediaEntry, KalturaMediaType

from emulator_tests.flow.provider import NAMESPACE, AtKaltura, Provider
from emulator_tests.flow.school import Person, School
from emulator_tests.rules.callers import SERVER
from emulator_tests.rules.firestore import delete


def test_a_session_whose_record_was_lost_has_one_event_again(school: School, teacher: Person) -> None:
    session_id = teacher.write_live_session(status="public")
    first = school.await_event(session_id)
    # No trigger watches this collection: only the sweep can see that the session has nothing recorded.
    school.firestore.commit(SERVER, delete(f"kalturaSession/{session_id}"))

    school.sweep()

    # The event made before is found by its reference, or it is an orphan beside a new one. Either way one is left.
    record = school.await_document(
        f"kalturaSession/{session_id}", lambda fields: fields is not None and fields["state"] == "ready"
    )
    assert set(record["parts"]) > set(first) - {"state", "broadcast"}
    school.sweep_until(
        "the other event's going",
        lambda: {number for _, number in school.made_for(session_id)} == _recorded(school, session_id),
    )


def test_unrecorded_objects_are_deleted_and_foreign_ones_kept(school: School, provider: Provider) -> None:
    item = provider.make_by_hand(NAMESPACE, f"video:{uuid.uuid4().hex[:20]}:1")
    other = provider.make_by_hand("another", f"video:{uuid.uuid4().hex}:1")

    school.sweep_until("the stray's going", lambda: item not in provider.everything())

    assert other in provider.everything()


def test_an_entry_without_our_tag_is_not_ours_whatever_its_reference_says(school: School) -> None:
    kaltura, reference = AtKaltura(school), f"video:{uuid.uuid4().hex[:20]}:1"
    untagged = KalturaMediaEntry(
        name="A stray", mediaType=KalturaMediaType(1), referenceId=f"{NAMESPACE}:{reference}", adminTags=""
    )
    untagged_id = str(school.administrator().media.add(untagged).id)
    item = kaltura.make_by_hand(NAMESPACE, reference)

    school.sweep_until("the stray's going", lambda: item not in kaltura.everything())

    assert untagged_id in kaltura.everything()


def _recorded(school: School, session_id: str) -> set[str]:
    record = school.document(f"kalturaSession/{session_id}")
    return set() if record is None else set(record["parts"].values())
