"""The events port: in memory, and Kaltura as its simulator serves it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from emulator_tests.contract.accounts import Account, Film
from shared.core.errors import Doubtful, Permanent, Transient
from shared.ports import Broadcast, EventSpec


@pytest.fixture
def account(event_account: Account) -> Account:
    """
    An empty account, with and without rooms.
    """
    return event_account


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


def test_a_new_event_is_found_by_its_reference(account: Account) -> None:
    external_ids = account.events.create_event(REFERENCE, WISH).external_ids

    assert external_ids
    assert set(external_ids.items()) <= account.alive()
    assert account.events.find_event(REFERENCE) == external_ids
    assert account.title(external_ids) == WISH.title


def test_an_event_without_times_is_found_by_its_reference(account: Account) -> None:
    external_ids = account.events.create_event(REFERENCE, EventSpec("Some day", None, None)).external_ids

    assert account.events.find_event(REFERENCE) == external_ids


def test_find_returns_nothing_without_an_event(account: Account) -> None:
    account.events.create_event(REFERENCE, WISH)

    assert account.events.find_event("session:s1:2") == {}


@pytest.mark.parametrize("reference", REFERENCES)
def test_references_may_have_any_characters(account: Account, reference: str) -> None:
    external_ids = account.events.create_event(reference, WISH).external_ids

    assert account.events.find_event(reference) == external_ids


@pytest.mark.parametrize("other", ["session:s1:11", "session:s1", "xsession:s1:1", "SESSION:S1:1", "session:s2:1"])
def test_an_event_of_another_reference_is_not_found(account: Account, other: str) -> None:
    account.events.create_event(other, WISH)

    assert account.events.find_event(REFERENCE) == {}


def test_event_of_another_deployment_is_not_found(account: Account) -> None:
    account.neighbour().events.create_event(REFERENCE, WISH)

    assert account.events.find_event(REFERENCE) == {}


def test_older_of_two_events_of_one_reference_is_found(account: Account) -> None:
    older = account.events.create_event(REFERENCE, WISH).external_ids
    account.later()
    # The provider may notice that there is one already.
    with suppress(Doubtful):
        account.events.create_event(REFERENCE, WISH)

    assert account.events.find_event(REFERENCE) == older
    account.events.delete_event(older)
    younger = account.events.find_event(REFERENCE)
    assert younger["entryId"] != older["entryId"]
    assert account.events.update_event(REFERENCE, younger, WISH).external_ids.keys() == older.keys()


@pytest.mark.parametrize("title", TITLES)
def test_a_title_is_shown_as_it_was_written(account: Account, title: str) -> None:
    external_ids = account.events.create_event(REFERENCE, replace(WISH, title=title)).external_ids
    assert account.title(external_ids) == title

    account.events.update_event(REFERENCE, external_ids, replace(WISH, title=title[::-1]))
    assert account.title(external_ids) == title[::-1]


def test_an_update_repeated_changes_nothing_more(account: Account) -> None:
    external_ids = account.events.create_event(REFERENCE, WISH).external_ids
    spec = EventSpec("Moved", BEGINS_AT + timedelta(days=1), BEGINS_AT + timedelta(days=1, hours=1))

    updated = account.events.update_event(REFERENCE, external_ids, spec).external_ids
    alive = account.alive()

    assert account.events.update_event(REFERENCE, updated, spec).external_ids == updated
    assert account.alive() == alive
    assert account.events.find_event(REFERENCE) == updated
    assert account.title(updated) == "Moved"


@pytest.mark.parametrize(
    ("before", "after"),
    [(WISH, EventSpec("No times", None, None)), (EventSpec("No times", None, None), WISH)],
    ids=["times go", "times come"],
)
def test_an_event_may_gain_and_lose_its_times(account: Account, before: EventSpec, after: EventSpec) -> None:
    external_ids = account.events.create_event(REFERENCE, before).external_ids

    updated = account.events.update_event(REFERENCE, external_ids, after).external_ids

    assert account.events.find_event(REFERENCE) == updated
    assert set(updated.items()) == account.alive()


@pytest.mark.parametrize("forgotten", [True, False], ids=["not recorded", "recorded"])
def test_update_recreates_each_missing_part(account: Account, forgotten: bool) -> None:
    external_ids = account.events.create_event(REFERENCE, WISH).external_ids
    for part in external_ids.keys() - {"entryId"}:
        account.vanish(part, external_ids[part])
        known = {name: id_ for name, id_ in external_ids.items() if not forgotten or name != part}

        whole = account.events.update_event(REFERENCE, known, WISH).external_ids

        assert whole.keys() == external_ids.keys()
        assert set(whole.items()) == account.alive()
        assert account.events.find_event(REFERENCE) == whole
        external_ids = whole


@pytest.mark.parametrize("forgotten", [True, False], ids=["not recorded", "recorded"])
@pytest.mark.parametrize("vanished", [("eventId",), ("resourceId",), ("eventId", "resourceId"), ("groupId",)])
def test_repair_deletes_what_it_replaces(account: Account, vanished: tuple[str, ...], forgotten: bool) -> None:
    """Pairs of events and resources were once left over."""
    spec = replace(WISH, moderators=("anna", "bert"))
    external_ids = account.events.create_event(REFERENCE, spec).external_ids
    of_whole = len(account.everything())
    for _ in range(2):
        for part in vanished:
            if part in external_ids:
                account.vanish(part, external_ids[part])
        known = {name: id_ for name, id_ in external_ids.items() if not (forgotten and name == vanished[0])}
        external_ids = account.events.update_event(REFERENCE, known, spec).external_ids
        assert len(account.everything()) == of_whole

    account.events.delete_event(external_ids)

    assert account.everything() == set()


def test_event_without_times_has_no_scheduled_parts(account: Account) -> None:
    """Parts that came with the times were once left over."""
    external_ids = account.events.create_event(REFERENCE, WISH).external_ids
    external_ids = account.events.update_event(REFERENCE, external_ids, EventSpec("No times", None, None)).external_ids
    account.events.delete_event(external_ids)
    assert account.everything() == set()


def test_update_finds_each_unrecorded_part(account: Account) -> None:
    external_ids = account.events.create_event(REFERENCE, WISH).external_ids

    assert (
        account.events.update_event(REFERENCE, {"entryId": external_ids["entryId"]}, WISH).external_ids == external_ids
    )
    assert account.alive() == set(external_ids.items())


def test_update_sets_the_moderators_of_the_spec(account: Account) -> None:
    external_ids = account.events.create_event(REFERENCE, replace(WISH, moderators=("anna", "teacher"))).external_ids
    assert account.moderators(external_ids) == {"anna", "teacher"}

    for moderators in (("teacher", "zoe"), (), ("anna",), ("anna",)):
        assert (
            account.events.update_event(REFERENCE, external_ids, replace(WISH, moderators=moderators)).external_ids
            == external_ids
        )
        assert account.moderators(external_ids) == set(moderators)


def test_moderators_come_back_with_their_group(account: Account) -> None:
    spec = replace(WISH, moderators=("anna", "teacher"))
    external_ids = account.events.create_event(REFERENCE, spec).external_ids
    if "groupId" in external_ids:
        account.vanish("groupId", external_ids["groupId"])

    assert account.moderators(account.events.update_event(REFERENCE, external_ids, spec).external_ids) == {
        "anna",
        "teacher",
    }


def test_event_is_live_while_a_stream_is_sent(account: Account) -> None:
    external_ids = account.events.create_event(REFERENCE, WISH).external_ids
    assert account.events.observe_broadcast(external_ids) == Broadcast(is_live=False)

    account.broadcast(external_ids, None, is_live=True)
    seen = account.events.observe_broadcast(external_ids)
    assert seen is not None
    assert seen.is_live

    account.broadcast(external_ids, Film.VIDEO, is_live=False)
    seen = account.events.observe_broadcast(external_ids)
    assert seen is not None
    assert (seen.is_live, len(seen.recordings)) == (False, 1)


def test_deleted_event_is_not_live(account: Account) -> None:
    external_ids = account.events.create_event(REFERENCE, WISH).external_ids
    account.events.delete_event(external_ids)

    assert account.events.observe_broadcast(external_ids) is None


def test_live_event_is_deleted_after_its_end_with_its_recording_reported(account: Account) -> None:
    external_ids = account.events.create_event(REFERENCE, WISH).external_ids
    account.broadcast(external_ids, None, is_live=True)
    with pytest.raises(Transient):
        account.events.delete_event(external_ids)
    assert ("entryId", external_ids["entryId"]) in account.alive()

    account.broadcast(external_ids, Film.VIDEO, is_live=False)
    left = account.events.delete_event(external_ids)
    assert len(left.recordings) == 1
    assert account.events.delete_event(external_ids) == left
    assert not account.alive() & set(external_ids.items())


def test_an_event_broadcast_twice_has_one_recording(account: Account) -> None:
    external_ids = account.events.create_event(REFERENCE, WISH).external_ids
    for _ in range(2):
        account.broadcast(external_ids, None, is_live=True)
        account.broadcast(external_ids, Film.VIDEO, is_live=False)

    seen = account.events.observe_broadcast(external_ids)
    assert seen is not None
    assert len(seen.recordings) == 1


def test_stream_key_can_be_rotated(account: Account) -> None:
    external_ids = account.events.create_event(REFERENCE, WISH).external_ids
    told = account.events.ingest(external_ids)
    assert told.stream_key in told.url
    assert account.events.ingest(external_ids) == told

    new = account.events.rotate_stream_key(external_ids)

    assert new.stream_key != told.stream_key
    assert told.stream_key not in new.url
    assert account.events.ingest(external_ids) == new
    assert new.stream_key not in repr(new)


@pytest.mark.parametrize("ask", ["ingest", "rotate_stream_key"])
def test_deleted_event_has_no_ingest(account: Account, ask: str) -> None:
    external_ids = account.events.create_event(REFERENCE, WISH).external_ids
    account.events.delete_event(external_ids)

    with pytest.raises(Permanent):
        getattr(account.events, ask)(external_ids)


@pytest.mark.parametrize(
    "vanished",
    [["entryId"], ["entryId", "eventId", "virtualEventId"]],
    ids=["the entry", "most of it"],
)
def test_an_update_of_an_event_that_was_deleted_leaves_nothing_of_it(account: Account, vanished: list[str]) -> None:
    external_ids = account.events.create_event(REFERENCE, WISH).external_ids
    for part in vanished:
        if part in external_ids:
            account.vanish(part, external_ids[part])

    assert account.events.update_event(REFERENCE, external_ids, WISH).external_ids == {}
    assert account.alive() == set()


def test_deleted_event_leaves_nothing_and_can_be_deleted_again(account: Account) -> None:
    others = account.events.create_event("session:s2:1", WISH).external_ids
    external_ids = account.events.create_event(REFERENCE, WISH).external_ids

    for _ in range(2):
        account.events.delete_event(external_ids)
        assert account.alive() == set(others.items())
        assert account.events.find_event(REFERENCE) == {}


def test_event_with_missing_parts_is_deleted(account: Account) -> None:
    for part in account.events.create_event(REFERENCE, WISH).external_ids:
        external_ids = account.events.find_event(REFERENCE) or account.events.create_event(REFERENCE, WISH).external_ids
        account.vanish(part, external_ids[part])

        account.events.delete_event(external_ids)

        assert account.alive() == set()


def test_deleting_nothing_is_no_error(account: Account) -> None:
    account.events.delete_event({})


def test_event_with_unanswered_creation_is_found_by_reference(account: Account) -> None:
    account.lose_answer("create_event")

    with pytest.raises(Doubtful):
        account.events.create_event(REFERENCE, WISH)

    external_ids = account.events.find_event(REFERENCE)
    assert set(external_ids.items()) == account.alive()
    assert account.title(external_ids) == WISH.title


def test_event_with_undelivered_creation_does_not_exist(account: Account) -> None:
    account.lose_call("create_event")

    with pytest.raises(Transient):
        account.events.create_event(REFERENCE, WISH)

    assert account.events.find_event(REFERENCE) == {}
    assert account.alive() == set()


def test_unanswered_update_can_be_repeated(account: Account) -> None:
    external_ids = account.events.create_event(REFERENCE, WISH).external_ids
    moved = replace(WISH, title="Moved")
    account.lose_answer("update_event")

    with pytest.raises(Transient):
        account.events.update_event(REFERENCE, external_ids, moved)

    assert account.events.update_event(REFERENCE, external_ids, moved).external_ids == external_ids
    assert account.title(external_ids) == "Moved"
    assert account.alive() == set(external_ids.items())


def test_unanswered_deletion_can_be_repeated(account: Account) -> None:
    external_ids = account.events.create_event(REFERENCE, WISH).external_ids
    account.lose_answer("delete_event")

    with pytest.raises(Transient):
        account.events.delete_event(external_ids)

    account.events.delete_event(external_ids)
    assert account.alive() == set()
