"""Live events at Kaltura: parts of another generation, and remembered facts about the account that are wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from emulator_tests.contract.accounts import Film, KalturaServer, KalturaTestAccount
from shared.core.errors import Doubtful, Permanent, ProviderError, Transient
from shared.ports import EventIds, EventSpec, ExternalIds, MediaState, Refusal, UploadSpec
from shared.providers.kaltura.events import KalturaEvents

BEGINS_AT = datetime(2030, 3, 1, 18, 0, tzinfo=UTC)
REFERENCE = "session:s1:1"
WISH = EventSpec("Opening lecture", BEGINS_AT, BEGINS_AT + timedelta(hours=2), ("teacher1",))

Make = Callable[[KalturaTestAccount, int], ExternalIds]


def make_event(account: KalturaTestAccount, number: int) -> ExternalIds:
    return account.events.create_event(f"session:s{number}:1", WISH).external_ids


def make_upload(account: KalturaTestAccount, number: int) -> ExternalIds:
    return account.media.prepare_upload(f"video:v{number}:1", UploadSpec("A film", "lecture.mp4", 1))


@pytest.fixture
def account(kaltura: KalturaServer) -> Iterator[KalturaTestAccount]:
    """
    An empty account.
    """
    kaltura.control("POST", "reset")
    with closing(KalturaTestAccount(kaltura)) as account:
        yield account


def test_a_schedule_event_found_again_points_at_the_entry_it_was_found_with(account: KalturaTestAccount) -> None:
    older = account.events.create_event(REFERENCE, WISH).external_ids
    account.later()
    younger = account.events.create_event(REFERENCE, WISH).external_ids
    account.vanish("eventId", older["eventId"])

    found = account.events.find_event(REFERENCE)
    assert (found["entryId"], found["eventId"]) == (older["entryId"], younger["eventId"])
    account.events.update_event(REFERENCE, found, WISH)

    event = account.administrator().schedule.scheduleEvent.get(int(found["eventId"]))
    assert event.templateEntryId == older["entryId"]


def refusal(make: Make, account: KalturaTestAccount, number: int) -> ProviderError:
    with pytest.raises(ProviderError) as told:
        make(account, number)
    return told.value


def delete_profile(account: KalturaTestAccount, entry_id: str) -> int:
    client = account.administrator()
    profile_id = int(client.baseEntry.get(entry_id).accessControlId)
    client.accessControlProfile.delete(profile_id)
    return profile_id


@pytest.mark.parametrize("make", [make_event, make_upload], ids=["event", "upload"])
def test_an_access_control_profile_that_was_deleted_is_noticed_and_made_again(
    account: KalturaTestAccount, make: Make
) -> None:
    old = delete_profile(account, make(account, 1)["entryId"])
    alive = account.alive()
    account.go_ahead(120)

    error = refusal(make, account, 2)

    assert (type(error), error.code) == (Transient, "ACCESS_CONTROL_ID_NOT_FOUND")
    assert account.alive() == alive, "what was asked for beside it does not stay behind alone"
    new = account.administrator().baseEntry.get(make(account, 2)["entryId"]).accessControlId
    assert new != old


def test_a_recording_is_adopted_once_the_profile_that_was_deleted_is_made_again(account: KalturaTestAccount) -> None:
    external_ids = make_event(account, 1)
    for is_live in (True, False):
        account.broadcast(external_ids, Film.VIDEO, is_live=is_live)
    seen = account.events.observe_broadcast(external_ids)
    assert seen is not None
    spec = UploadSpec("A film", "", 0, recording=seen.recordings[0])
    delete_profile(account, external_ids["entryId"])
    account.go_ahead(120)

    with pytest.raises(Transient, match="set up"):
        account.media.adopt_recording("video:r1:1", spec)
    adopted = account.media.adopt_recording("video:r1:1", spec)

    profiles = account.administrator().accessControlProfile
    assert profiles.get(account.administrator().baseEntry.get(adopted["entryId"]).accessControlId).systemName


def test_recording_says_when_it_began_also_after_the_encoder_came_back(account: KalturaTestAccount) -> None:
    """
    The position in a recording is counted from there.
    """
    external_ids = make_event(account, 1)
    before = datetime.now(UTC)
    account.broadcast(external_ids, None, is_live=True)
    after = datetime.now(UTC)
    account.broadcast(external_ids, Film.VIDEO, is_live=False)
    seen = account.events.observe_broadcast(external_ids)
    assert seen is not None
    (recording,) = seen.recordings
    (first,) = account.media.observe([recording])
    assert first.began_at is not None
    assert before - timedelta(seconds=0.5) <= first.began_at <= after + timedelta(seconds=0.5)

    account.later()
    for is_live in (True, False):
        account.broadcast(external_ids, Film.VIDEO, is_live=is_live)
    adopted = account.media.adopt_recording("video:r1:1", UploadSpec("A film", "", 0, recording=recording))
    (again,) = account.media.observe([adopted])
    assert again.began_at == first.began_at


def test_upload_has_no_beginning(account: KalturaTestAccount) -> None:
    uploaded = make_upload(account, 1)
    account.upload(uploaded, Film.VIDEO)
    (seen,) = account.media.observe([uploaded])
    assert (seen.state, seen.began_at) == (MediaState.READY, None)


@pytest.mark.parametrize(
    ("make", "service"), [(make_event, "livestream"), (make_upload, "media")], ids=["event", "upload"]
)
def test_a_profile_that_is_refused_although_it_was_just_made_is_not_made_over_and_over(
    account: KalturaTestAccount, kaltura: KalturaServer, make: Make, service: str
) -> None:
    fault = {
        "kind": "error",
        "code": "ACCESS_CONTROL_ID_NOT_FOUND",
        "match": {"service": service, "action": "add", "times": 0},
    }
    kaltura.control("POST", "faults", fault)

    assert type(refusal(make, account, 1)) is Permanent
    account.go_ahead(120)
    assert type(refusal(make, account, 1)) is Transient
    assert type(refusal(make, account, 1)) is Permanent


def test_another_instance_goes_on_with_the_new_profile_before_it_is_refused_the_old_one(
    account: KalturaTestAccount,
) -> None:
    """A profile that one instance has found again is used by the others a minute later."""
    first = make_event(account, 1)
    other = KalturaEvents(replace(account.audience.account, _built={}))
    with closing(other.account.client):
        other.create_event("session:s2:1", WISH)
        delete_profile(account, first["entryId"])
        account.go_ahead(120)
        refusal(make_event, account, 3)
        new = account.administrator().baseEntry.get(make_event(account, 3)["entryId"]).accessControlId
        made = other.create_event("session:s4:1", WISH).external_ids
        assert account.administrator().baseEntry.get(made["entryId"]).accessControlId == new


# --- permanently refused parts -----------------------------------------------------------------------------------

TOO_LONG = replace(WISH, ends_at=BEGINS_AT + timedelta(days=2))
"""Longer than the maximum that Kaltura lets an event be scheduled for."""

ALL = {"entryId", "virtualEventId", "groupId", "eventId"}


@pytest.fixture
def account_with_rooms(kaltura: KalturaServer) -> Iterator[KalturaTestAccount]:
    """
    An empty account that has rooms.
    """
    kaltura.control("POST", "reset")
    with closing(KalturaTestAccount(kaltura, room_url="https://1234567.kaf.kaltura.com")) as account:
        yield account


def test_an_event_that_is_too_long_to_be_scheduled_is_there_without_that_and_says_what_to_change(
    account: KalturaTestAccount,
) -> None:
    made = account.events.create_event(REFERENCE, TOO_LONG)

    assert made.external_ids.keys() == ALL - {"eventId"}
    assert set(made.external_ids.items()) == account.alive()
    assert made.refused == {
        "eventId": Refusal(
            "MAX_SCHEDULE_DURATION_REACHED",
            "The session lasts longer than the video account lets an event be scheduled. Let it end earlier.",
        )
    }
    assert account.moderators(made.external_ids) == {"teacher1"}
    account.broadcast(made.external_ids, None, is_live=True)
    seen = account.events.observe_broadcast(made.external_ids)
    assert seen is not None
    assert seen.is_live


def test_refused_part_is_created_after_the_spec_changes(account: KalturaTestAccount) -> None:
    external_ids = account.events.create_event(REFERENCE, TOO_LONG).external_ids
    again = account.events.update_event(REFERENCE, external_ids, TOO_LONG)
    assert (again.external_ids, [*again.refused]) == (external_ids, ["eventId"])

    whole = account.events.update_event(REFERENCE, external_ids, WISH)

    assert (set(whole.external_ids), dict(whole.refused)) == (ALL, {})
    assert account.events.find_event(REFERENCE) == whole.external_ids


def test_an_event_that_becomes_too_long_keeps_its_parts_and_says_so(account: KalturaTestAccount) -> None:
    """
    A schedule event that cannot be moved stays as it is, and is deleted with the event.
    """
    external_ids = account.events.create_event(REFERENCE, WISH).external_ids

    longer = account.events.update_event(REFERENCE, external_ids, replace(TOO_LONG, title="Longer"))

    assert (longer.external_ids, [*longer.refused]) == (external_ids, ["eventId"])
    assert account.title(external_ids) == "Longer"
    account.events.delete_event(longer.external_ids)
    assert account.alive() == set()


REFUSABLE = {
    "virtualEventId": "virtualevent_virtualevent",
    "groupId": "group_group",
    "eventId": "schedule_scheduleevent",
    "resourceId": "schedule_scheduleresource",
}
"""The service of each part, except the entry."""


@pytest.mark.parametrize("part", REFUSABLE)
def test_permanent_refusal_of_a_part_does_not_affect_others(
    account_with_rooms: KalturaTestAccount, kaltura: KalturaServer, part: str
) -> None:
    """
    Neither the reason nor what depends on that part makes a difference.
    """
    account, whole = account_with_rooms, {*ALL, "resourceId"}
    match = {"service": REFUSABLE[part], "action": "add", "times": 0}
    kaltura.control("POST", "faults", {"kind": "error", "code": "PROPERTY_VALIDATION_MAX_LENGTH", "match": match})

    made = account.events.create_event(REFERENCE, WISH)

    assert made.external_ids.keys() == whole - {part}
    assert made.refused.keys() == {part}
    assert made.refused[part].code == "PROPERTY_VALIDATION_MAX_LENGTH"
    assert made.refused[part].message.endswith(" The event works without this part until the session is changed.")
    assert set(made.external_ids.items()) == account.alive()
    kaltura.control("DELETE", "faults")
    repaired = account.events.update_event(REFERENCE, made.external_ids, WISH)
    assert (set(repaired.external_ids), dict(repaired.refused)) == (whole, {})


@pytest.mark.parametrize(
    ("part", "service"),
    [("resourceId", "schedule_scheduleeventresource"), ("groupId", "groupuser"), ("groupId", "user")],
    ids=["the pair of event and resource", "a member of the group", "somebody who is to be one"],
)
def test_refused_dependent_part_is_created_once_accepted(
    account_with_rooms: KalturaTestAccount, kaltura: KalturaServer, part: str, service: str
) -> None:
    account = account_with_rooms
    match = {"service": service, "action": "add", "times": 0}
    kaltura.control("POST", "faults", {"kind": "error", "code": "PROPERTY_VALIDATION_MAX_LENGTH", "match": match})

    made = account.events.create_event(REFERENCE, WISH)

    assert made.external_ids.keys() == {*ALL, "resourceId"}
    assert made.refused.keys() == {part}
    again = account.events.update_event(REFERENCE, made.external_ids, WISH)
    assert (again.external_ids, [*again.refused]) == (made.external_ids, [part])
    kaltura.control("DELETE", "faults")
    repaired = account.events.update_event(REFERENCE, made.external_ids, WISH)
    assert (repaired.external_ids, dict(repaired.refused)) == (made.external_ids, {})
    assert account.moderators(made.external_ids) == {"teacher1"}
    assert len(_pairs(account)) == 1


def _pairs(account: KalturaTestAccount) -> set[tuple[str, str]]:
    return {part for part in account.everything() if part[0] == "pair"}


def test_deleted_pairing_is_recreated(account_with_rooms: KalturaTestAccount) -> None:
    """
    Parts may be deleted in Kaltura's console.
    """
    account = account_with_rooms
    external_ids = account.events.create_event(REFERENCE, WISH).external_ids
    whole = account.everything()
    service = account.administrator().schedule.scheduleEventResource
    service.delete(int(external_ids["eventId"]), int(external_ids["resourceId"]))
    assert len(account.everything()) == len(whole) - 1

    for _ in range(2):
        assert account.events.update_event(REFERENCE, external_ids, WISH) == EventIds(external_ids)
        assert (len(_pairs(account)), len(account.everything())) == (1, len(whole))


@pytest.mark.parametrize("part", ["entryId", *REFUSABLE])
def test_permanent_refusal_of_an_update_does_not_affect_other_parts(
    account_with_rooms: KalturaTestAccount, kaltura: KalturaServer, part: str
) -> None:
    account = account_with_rooms
    external_ids = account.events.create_event(REFERENCE, WISH).external_ids
    service, action = {
        "entryId": ("livestream", "update"),
        "groupId": ("groupuser", "add"),
        **{name: (service, "update") for name, service in REFUSABLE.items() if name != "groupId"},
    }[part]
    match = {"service": service, "action": action, "times": 0}
    kaltura.control("POST", "faults", {"kind": "error", "code": "PROPERTY_VALIDATION_MAX_LENGTH", "match": match})
    changed = replace(WISH, title="Moved", moderators=("teacher1", "teacher2"))

    made = account.events.update_event(REFERENCE, external_ids, changed)

    assert (made.external_ids, [*made.refused]) == (external_ids, [part])
    kaltura.control("DELETE", "faults")
    assert account.events.update_event(REFERENCE, external_ids, changed).refused == {}
    assert account.title(external_ids) == "Moved"
    assert account.moderators(external_ids) == {"teacher1", "teacher2"}


def test_a_part_that_cannot_be_made_at_the_moment_is_tried_again(
    account: KalturaTestAccount, kaltura: KalturaServer
) -> None:
    """
    An event is made without a part only if that part is refused permanently.
    """
    match = {"service": "schedule_scheduleevent", "action": "add", "times": 0}
    kaltura.control("POST", "faults", {"kind": "error", "code": "INTERNAL_SERVER_ERROR", "match": match})

    with pytest.raises(Doubtful):
        account.events.create_event(REFERENCE, WISH)


def test_recording_pending_moderation_is_reported(account: KalturaTestAccount, kaltura: KalturaServer) -> None:
    """
    Recordings of an event are found too, whatever a moderator decided about the event.
    """
    kaltura.control("POST", "settings", {"moderation": True})
    external_ids = make_event(account, 1)
    account.administrator().baseEntry.reject(external_ids["entryId"])
    assert account.events.find_event("session:s1:1") == external_ids
    account.broadcast(external_ids, None, is_live=True)
    account.broadcast(external_ids, Film.VIDEO, is_live=False)

    for decide in (None, "reject"):
        seen = account.events.observe_broadcast(external_ids)
        assert seen is not None
        (recording,) = seen.recordings
        if decide is not None:
            account.administrator().media.reject(recording["entryId"])
    assert len(account.events.delete_event(external_ids).recordings) == 1
