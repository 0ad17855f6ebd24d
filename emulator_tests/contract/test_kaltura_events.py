"""Live events at Kaltura: parts that belong to another making, and what we remember of the account being wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from emulator_tests.contract.sites import Film, KalturaServer, KalturaSite
from shared.errors import Permanent, ProviderError, Transient
from shared.ports import EventWish, Parts, UploadWish
from shared.providers.kaltura import KalturaEvents

BEGINS_AT = datetime(2030, 3, 1, 18, 0, tzinfo=UTC)
REFERENCE = "session:s1:1"
WISH = EventWish("Opening lecture", BEGINS_AT, BEGINS_AT + timedelta(hours=2), ("teacher1",))

Make = Callable[[KalturaSite, int], Parts]


def make_event(site: KalturaSite, number: int) -> Parts:
    return site.events.create_event(f"session:s{number}:1", WISH)


def make_upload(site: KalturaSite, number: int) -> Parts:
    return site.media.prepare_upload(f"video:v{number}:1", UploadWish("A film", "lecture.mp4", 1))


@pytest.fixture
def site(kaltura: KalturaServer) -> Iterator[KalturaSite]:
    """
    An empty account.
    """
    kaltura.control("POST", "reset")
    with closing(KalturaSite(kaltura)) as site:
        yield site


def test_a_schedule_event_found_again_points_at_the_entry_it_was_found_with(site: KalturaSite) -> None:
    older = site.events.create_event(REFERENCE, WISH)
    site.later()
    younger = site.events.create_event(REFERENCE, WISH)
    site.vanish("eventId", older["eventId"])

    found = site.events.find_event(REFERENCE)
    assert (found["entryId"], found["eventId"]) == (older["entryId"], younger["eventId"])
    site.events.update_event(REFERENCE, found, WISH)

    event = site.administrator().schedule.scheduleEvent.get(int(found["eventId"]))
    assert event.templateEntryId == older["entryId"]


def refusal(make: Make, site: KalturaSite, number: int) -> ProviderError:
    with pytest.raises(ProviderError) as told:
        make(site, number)
    return told.value


def delete_profile(site: KalturaSite, entry_id: str) -> int:
    client = site.administrator()
    profile_id = int(client.baseEntry.get(entry_id).accessControlId)
    client.accessControlProfile.delete(profile_id)
    return profile_id


@pytest.mark.parametrize("make", [make_event, make_upload], ids=["event", "upload"])
def test_an_access_control_profile_that_was_deleted_is_noticed_and_made_again(site: KalturaSite, make: Make) -> None:
    old = delete_profile(site, make(site, 1)["entryId"])
    alive = site.alive()
    site.go_ahead(120)

    error = refusal(make, site, 2)

    assert (type(error), error.code) == (Transient, "ACCESS_CONTROL_ID_NOT_FOUND")
    assert site.alive() == alive, "what was asked for beside it does not stay behind alone"
    new = site.administrator().baseEntry.get(make(site, 2)["entryId"]).accessControlId
    assert new != old


def test_a_recording_is_adopted_once_the_profile_that_was_deleted_is_made_again(site: KalturaSite) -> None:
    parts = make_event(site, 1)
    for is_live in (True, False):
        site.broadcast(parts, Film.VIDEO, is_live=is_live)
    seen = site.events.observe_broadcast(parts)
    assert seen is not None
    wish = UploadWish("A film", "", 0, recording=seen.recordings[0])
    delete_profile(site, parts["entryId"])
    site.go_ahead(120)

    with pytest.raises(Transient, match="set up"):
        site.media.adopt_recording("video:r1:1", wish)
    adopted = site.media.adopt_recording("video:r1:1", wish)

    profiles = site.administrator().accessControlProfile
    assert profiles.get(site.administrator().baseEntry.get(adopted["entryId"]).accessControlId).systemName


@pytest.mark.parametrize(
    ("make", "service"), [(make_event, "livestream"), (make_upload, "media")], ids=["event", "upload"]
)
def test_a_profile_that_is_refused_although_it_was_just_made_is_not_made_over_and_over(
    site: KalturaSite, kaltura: KalturaServer, make: Make, service: str
) -> None:
    fault = {
        "kind": "error",
        "code": "ACCESS_CONTROL_ID_NOT_FOUND",
        "match": {"service": service, "action": "add", "times": 0},
    }
    kaltura.control("POST", "faults", fault)

    assert type(refusal(make, site, 1)) is Permanent
    site.go_ahead(120)
    assert type(refusal(make, site, 1)) is Transient
    assert type(refusal(make, site, 1)) is Permanent


def test_another_instance_goes_on_with_the_new_profile_before_it_is_refused_the_old_one(site: KalturaSite) -> None:
    """B18: what one instance has found anew, the others use a minute later."""
    first = make_event(site, 1)
    other = KalturaEvents(replace(site.audience.account, _built={}))
    with closing(other.account.client):
        other.create_event("session:s2:1", WISH)
        delete_profile(site, first["entryId"])
        site.go_ahead(120)
        refusal(make_event, site, 3)
        new = site.administrator().baseEntry.get(make_event(site, 3)["entryId"]).accessControlId
        made = other.create_event("session:s4:1", WISH)
        assert site.administrator().baseEntry.get(made["entryId"]).accessControlId == new
