"""The events port: in memory, and Kaltura as its simulator serves it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from emulator_tests.contract.accounts import Film, Site
from shared.core.errors import Doubtful, Permanent, Transient
from shared.ports import Broadcast, EventSpec


@pytest.fixture
def site(event_site: Site) -> Site:
    """
    An empty account, with and without rooms.
    """
    return event_site


BEGINS_AT = datetime(2030, 3, 1, 18, 0, tzinfo=UTC)
REFERENCE = "session:s1:1"
WISH = EventSpec("Opening lecture", BEGINS_AT, BEGINS_AT + timedelta(hours=2))

TITLES = [
    "Grüße 😀 и до встречи",
    """<b>"Q&A" 'live'</b> ]]> %s \\n""",
    "{1:result:id} and {0:result:objects:0:id}",
    "x" * 250,
]

REFERENCES = [
    "session:a,b:1",
    "session:a b|c;d:1",
    "session:äöü😀:1",
    "session:%_*?:1",
    """session:"'<&>:1""",
    "session:" + "x" * 200 + ":1",
]


def test_a_new_event_is_found_by_its_reference(site: Site) -> None:
    external_ids = site.events.create_event(REFERENCE, WISH).external_ids

    assert external_ids
    assert set(external_ids.items()) <= site.alive()
    assert site.events.find_event(REFERENCE) == external_ids
    assert site.title(external_ids) == WISH.title


def test_an_event_without_times_is_found_by_its_reference(site: Site) -> None:
    external_ids = site.events.create_event(REFERENCE, EventSpec("Some day", None, None)).external_ids

    assert site.events.find_event(REFERENCE) == external_ids


def test_find_returns_nothing_without_an_event(site: Site) -> None:
    site.events.create_event(REFERENCE, WISH)

    assert site.events.find_event("session:s1:2") == {}


@pytest.mark.parametrize("reference", REFERENCES)
def test_references_may_have_any_characters(site: Site, reference: str) -> None:
    external_ids = site.events.create_event(reference, WISH).external_ids

    assert site.events.find_event(reference) == external_ids


@pytest.mark.parametrize("other", ["session:s1:11", "session:s1", "xsession:s1:1", "SESSION:S1:1", "session:s2:1"])
def test_an_event_of_another_reference_is_not_found(site: Site, other: str) -> None:
    site.events.create_event(other, WISH)

    assert site.events.find_event(REFERENCE) == {}


def test_event_of_another_deployment_is_not_found(site: Site) -> None:
    site.neighbour().events.create_event(REFERENCE, WISH)

    assert site.events.find_event(REFERENCE) == {}


def test_older_of_two_events_of_one_reference_is_found(site: Site) -> None:
    older = site.events.create_event(REFERENCE, WISH).external_ids
    site.later()
    # The provider may notice that there is one already.
    with suppress(Doubtful):
        site.events.create_event(REFERENCE, WISH)

    assert site.events.find_event(REFERENCE) == older
    site.events.delete_event(older)
    younger = site.events.find_event(REFERENCE)
    assert younger["entryId"] != older["entryId"]
    assert site.events.update_event(REFERENCE, younger, WISH).external_ids.keys() == older.keys()


@pytest.mark.parametrize("title", TITLES)
def test_a_title_is_shown_as_it_was_written(site: Site, title: str) -> None:
    external_ids = site.events.create_event(REFERENCE, replace(WISH, title=title)).external_ids
    assert site.title(external_ids) == title

    site.events.update_event(REFERENCE, external_ids, replace(WISH, title=title[::-1]))
    assert site.title(external_ids) == title[::-1]


def test_an_update_repeated_changes_nothing_more(site: Site) -> None:
    external_ids = site.events.create_event(REFERENCE, WISH).external_ids
    spec = EventSpec("Moved", BEGINS_AT + timedelta(days=1), BEGINS_AT + timedelta(days=1, hours=1))

    updated = site.events.update_event(REFERENCE, external_ids, spec).external_ids
    alive = site.alive()

    assert site.events.update_event(REFERENCE, updated, spec).external_ids == updated
    assert site.alive() == alive
    assert site.events.find_event(REFERENCE) == updated
    assert site.title(updated) == "Moved"


@pytest.mark.parametrize(
    ("before", "after"),
    [(WISH, EventSpec("No times", None, None)), (EventSpec("No times", None, None), WISH)],
    ids=["times go", "times come"],
)
def test_an_event_may_gain_and_lose_its_times(site: Site, before: EventSpec, after: EventSpec) -> None:
    external_ids = site.events.create_event(REFERENCE, before).external_ids

    updated = site.events.update_event(REFERENCE, external_ids, after).external_ids

    assert site.events.find_event(REFERENCE) == updated
    assert set(updated.items()) == site.alive()


@pytest.mark.parametrize("forgotten", [True, False], ids=["not recorded", "recorded"])
def test_update_recreates_each_missing_part(site: Site, forgotten: bool) -> None:
    external_ids = site.events.create_event(REFERENCE, WISH).external_ids
    for part in external_ids.keys() - {"entryId"}:
        site.vanish(part, external_ids[part])
        known = {name: id_ for name, id_ in external_ids.items() if not forgotten or name != part}

        whole = site.events.update_event(REFERENCE, known, WISH).external_ids

        assert whole.keys() == external_ids.keys()
        assert set(whole.items()) == site.alive()
        assert site.events.find_event(REFERENCE) == whole
        external_ids = whole


@pytest.mark.parametrize("forgotten", [True, False], ids=["not recorded", "recorded"])
@pytest.mark.parametrize("vanished", [("eventId",), ("resourceId",), ("eventId", "resourceId"), ("groupId",)])
def test_repair_deletes_what_it_replaces(site: Site, vanished: tuple[str, ...], forgotten: bool) -> None:
    """Pairs of events and resources were once left over."""
    spec = replace(WISH, moderators=("anna", "bert"))
    external_ids = site.events.create_event(REFERENCE, spec).external_ids
    of_whole = len(site.everything())
    for _ in range(2):
        for part in vanished:
            if part in external_ids:
                site.vanish(part, external_ids[part])
        known = {name: id_ for name, id_ in external_ids.items() if not (forgotten and name == vanished[0])}
        external_ids = site.events.update_event(REFERENCE, known, spec).external_ids
        assert len(site.everything()) == of_whole

    site.events.delete_event(external_ids)

    assert site.everything() == set()


def test_event_without_times_has_no_scheduled_parts(site: Site) -> None:
    """Parts that came with the times were once left over."""
    external_ids = site.events.create_event(REFERENCE, WISH).external_ids
    external_ids = site.events.update_event(REFERENCE, external_ids, EventSpec("No times", None, None)).external_ids
    site.events.delete_event(external_ids)
    assert site.everything() == set()


def test_update_finds_each_unrecorded_part(site: Site) -> None:
    external_ids = site.events.create_event(REFERENCE, WISH).external_ids

    assert site.events.update_event(REFERENCE, {"entryId": external_ids["entryId"]}, WISH).external_ids == external_ids
    assert site.alive() == set(external_ids.items())


def test_update_sets_the_moderators_of_the_spec(site: Site) -> None:
    external_ids = site.events.create_event(REFERENCE, replace(WISH, moderators=("anna", "teacher"))).external_ids
    assert site.moderators(external_ids) == {"anna", "teacher"}

    for moderators in (("teacher", "zoe"), (), ("anna",), ("anna",)):
        assert (
            site.events.update_event(REFERENCE, external_ids, replace(WISH, moderators=moderators)).external_ids
            == external_ids
        )
        assert site.moderators(external_ids) == set(moderators)


def test_moderators_come_back_with_their_group(site: Site) -> None:
    spec = replace(WISH, moderators=("anna", "teacher"))
    external_ids = site.events.create_event(REFERENCE, spec).external_ids
    if "groupId" in external_ids:
        site.vanish("groupId", external_ids["groupId"])

    assert site.moderators(site.events.update_event(REFERENCE, external_ids, spec).external_ids) == {"anna", "teacher"}


def test_event_is_live_while_a_stream_is_sent(site: Site) -> None:
    external_ids = site.events.create_event(REFERENCE, WISH).external_ids
    assert site.events.observe_broadcast(external_ids) == Broadcast(is_live=False)

    site.broadcast(external_ids, None, is_live=True)
    seen = site.events.observe_broadcast(external_ids)
    assert seen is not None
    assert seen.is_live

    site.broadcast(external_ids, Film.VIDEO, is_live=False)
    seen = site.events.observe_broadcast(external_ids)
    assert seen is not None
    assert (seen.is_live, len(seen.recordings)) == (False, 1)


def test_deleted_event_is_not_live(site: Site) -> None:
    external_ids = site.events.create_event(REFERENCE, WISH).external_ids
    site.events.delete_event(external_ids)

    assert site.events.observe_broadcast(external_ids) is None


def test_live_event_is_deleted_after_its_end_with_its_recording_reported(site: Site) -> None:
    external_ids = site.events.create_event(REFERENCE, WISH).external_ids
    site.broadcast(external_ids, None, is_live=True)
    with pytest.raises(Transient):
        site.events.delete_event(external_ids)
    assert ("entryId", external_ids["entryId"]) in site.alive()

    site.broadcast(external_ids, Film.VIDEO, is_live=False)
    left = site.events.delete_event(external_ids)
    assert len(left.recordings) == 1
    assert site.events.delete_event(external_ids) == left
    assert not site.alive() & set(external_ids.items())


def test_an_event_broadcast_twice_has_one_recording(site: Site) -> None:
    external_ids = site.events.create_event(REFERENCE, WISH).external_ids
    for _ in range(2):
        site.broadcast(external_ids, None, is_live=True)
        site.broadcast(external_ids, Film.VIDEO, is_live=False)

    seen = site.events.observe_broadcast(external_ids)
    assert seen is not None
    assert len(seen.recordings) == 1


def test_stream_key_can_be_rotated(site: Site) -> None:
    external_ids = site.events.create_event(REFERENCE, WISH).external_ids
    told = site.events.ingest(external_ids)
    assert told.stream_key in told.url
    assert site.events.ingest(external_ids) == told

    new = site.events.rotate_stream_key(external_ids)

    assert new.stream_key != told.stream_key
    assert told.stream_key not in new.url
    assert site.events.ingest(external_ids) == new
    assert new.stream_key not in repr(new)


@pytest.mark.parametrize("ask", ["ingest", "rotate_stream_key"])
def test_deleted_event_has_no_ingest(site: Site, ask: str) -> None:
    external_ids = site.events.create_event(REFERENCE, WISH).external_ids
    site.events.delete_event(external_ids)

    with pytest.raises(Permanent):
        getattr(site.events, ask)(external_ids)


@pytest.mark.parametrize(
    "vanished",
    [["entryId"], ["entryId", "eventId", "virtualEventId"]],
    ids=["the entry", "most of it"],
)
def test_an_update_of_an_event_that_was_deleted_leaves_nothing_of_it(site: Site, vanished: list[str]) -> None:
    external_ids = site.events.create_event(REFERENCE, WISH).external_ids
    for part in vanished:
        if part in external_ids:
            site.vanish(part, external_ids[part])

    assert site.events.update_event(REFERENCE, external_ids, WISH).external_ids == {}
    assert site.alive() == set()


def test_deleted_event_leaves_nothing_and_can_be_deleted_again(site: Site) -> None:
    others = site.events.create_event("session:s2:1", WISH).external_ids
    external_ids = site.events.create_event(REFERENCE, WISH).external_ids

    for _ in range(2):
        site.events.delete_event(external_ids)
        assert site.alive() == set(others.items())
        assert site.events.find_event(REFERENCE) == {}


def test_event_with_missing_parts_is_deleted(site: Site) -> None:
    for part in site.events.create_event(REFERENCE, WISH).external_ids:
        external_ids = site.events.find_event(REFERENCE) or site.events.create_event(REFERENCE, WISH).external_ids
        site.vanish(part, external_ids[part])

        site.events.delete_event(external_ids)

        assert site.alive() == set()


def test_deleting_nothing_is_no_error(site: Site) -> None:
    site.events.delete_event({})


def test_event_with_unanswered_creation_is_found_by_reference(site: Site) -> None:
    site.lose_answer("create_event")

    with pytest.raises(Doubtful):
        site.events.create_event(REFERENCE, WISH)

    external_ids = site.events.find_event(REFERENCE)
    assert set(external_ids.items()) == site.alive()
    assert site.title(external_ids) == WISH.title


def test_event_with_undelivered_creation_does_not_exist(site: Site) -> None:
    site.lose_call("create_event")

    with pytest.raises(Transient):
        site.events.create_event(REFERENCE, WISH)

    assert site.events.find_event(REFERENCE) == {}
    assert site.alive() == set()


def test_unanswered_update_can_be_repeated(site: Site) -> None:
    external_ids = site.events.create_event(REFERENCE, WISH).external_ids
    moved = replace(WISH, title="Moved")
    site.lose_answer("update_event")

    with pytest.raises(Transient):
        site.events.update_event(REFERENCE, external_ids, moved)

    assert site.events.update_event(REFERENCE, external_ids, moved).external_ids == external_ids
    assert site.title(external_ids) == "Moved"
    assert site.alive() == set(external_ids.items())


def test_unanswered_deletion_can_be_repeated(site: Site) -> None:
    external_ids = site.events.create_event(REFERENCE, WISH).external_ids
    site.lose_answer("delete_event")

    with pytest.raises(Transient):
        site.events.delete_event(external_ids)

    site.events.delete_event(external_ids)
    assert site.alive() == set()
