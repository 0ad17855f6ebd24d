"""The inventory port: in memory, and Kaltura and Cloudflare as their simulators serve them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from emulator_tests.contract.accounts import Account, Film, KalturaServer, KalturaTestAccount
from shared.core.errors import Transient
from shared.core.identity import SessionIdentity
from shared.ports import EventSpec, ExternalIds, InventoryItem, MediaState, UploadSpec

SESSION, VIDEO = "session:s1:1", "video:v1:1"
UPLOAD = UploadSpec("My lecture", "lecture.mp4", 1_000_000)


def _make_event(account: Account, reference: str) -> ExternalIds:
    """Create a live event, if the account has events."""
    return account.events.create_event(reference, _event_wish(account)).external_ids if account.has_events else {}


def _event_wish(account: Account) -> EventSpec:
    return EventSpec(
        "Opening lecture", account.clock() + timedelta(days=1), account.clock() + timedelta(days=1, hours=2)
    )


def _all(account: Account, since: datetime) -> list[InventoryItem]:
    return list(account.inventory.list_items(since - timedelta(seconds=1), account.clock() + timedelta(hours=1)))


def test_inventory_lists_our_objects_oldest_first_with_references(account: Account) -> None:
    begun_at = account.clock()
    account.media.prepare_upload(VIDEO, UPLOAD)
    account.later()
    _make_event(account, SESSION)
    account.later()
    account.media.prepare_upload("video:v2:1", UPLOAD)

    inventory = _all(account, begun_at)

    assert list(dict.fromkeys(item.reference for item in inventory)) == [
        VIDEO,
        *([SESSION] if account.has_events else ()),
        "video:v2:1",
    ]
    assert [item.created_at for item in inventory] == sorted(item.created_at for item in inventory)
    assert {part for item in inventory for part in item.external_ids.items()} <= account.alive()


def test_inventory_span_excludes_older_objects_and_its_end(account: Account) -> None:
    begun_at = account.clock()
    account.media.prepare_upload(VIDEO, UPLOAD)
    item, *external_ids = _all(account, begun_at)
    made_at, second = item.created_at, timedelta(seconds=1)

    assert [one.reference for one in account.inventory.list_items(made_at, made_at + second)] == [VIDEO] * (
        1 + len(external_ids)
    )
    assert list(account.inventory.list_items(made_at - second, made_at)) == []
    assert list(account.inventory.list_items(made_at + second, made_at + 2 * second)) == []


def test_inventory_excludes_deleted_and_foreign_objects(account: Account) -> None:
    begun_at = account.clock()
    account.neighbour().media.prepare_upload("video:v9:1", UPLOAD)
    _make_event(account.neighbour(), "session:s9:1")
    account.media.delete_media(account.media.prepare_upload(VIDEO, UPLOAD))
    if event := _make_event(account, SESSION):
        account.events.delete_event(event)

    assert _all(account, begun_at) == []


@pytest.mark.parametrize("film", [None, Film.VIDEO], ids=["nothing arrived", "a video arrived"])
def test_once_all_items_are_deleted_nothing_is_left_and_deleting_them_again_is_no_error(
    account: Account, film: Film | None
) -> None:
    begun_at, alive = account.clock(), account.alive()
    _make_event(account, SESSION)
    external_ids = account.media.prepare_upload(VIDEO, UPLOAD)
    if film is not None:
        account.upload(external_ids, film)
    inventory = _all(account, begun_at)

    for _ in range(2):
        for item in inventory:
            assert account.inventory.delete_item(item) == {}
        assert _all(account, begun_at) == []
        assert account.alive() == alive


def test_of_two_videos_under_one_reference_the_other_can_still_be_uploaded(account: Account) -> None:
    begun_at = account.clock()
    kept = account.media.prepare_upload(VIDEO, UPLOAD)
    account.later()
    twin = account.media.prepare_upload(VIDEO, UPLOAD)

    for item in _all(account, begun_at):
        if item.external_ids.get(account.main_part) == twin[account.main_part]:
            account.inventory.delete_item(item)

    assert account.media.observe([twin])[0].state is MediaState.GONE
    account.upload(kept, Film.VIDEO)
    assert account.media.observe([kept])[0].state is MediaState.READY


# --- content -------------------------------------------------------------------------------------------------------


def _whole(account: Account, since: datetime) -> InventoryItem:
    (item,) = (one for one in _all(account, since) if not one.is_part)
    return item


def _hold(account: Account, inventory: list[InventoryItem]) -> list[bool]:
    """Tell for each item whether it has content. A list may say so too, but must agree."""
    found = [account.inventory.has_content(one) for one in inventory]
    assert all(one.has_content in (None, seen) for one, seen in zip(inventory, found, strict=True))
    return found


def test_an_upload_without_bytes_has_no_content_and_neither_has_what_belongs_to_it(account: Account) -> None:
    begun_at = account.clock()
    account.media.prepare_upload(VIDEO, UPLOAD)
    assert not any(_hold(account, _all(account, begun_at)))


@pytest.mark.parametrize("film", [Film.VIDEO, Film.SLOW, Film.GARBAGE], ids=["ready", "processed", "refused"])
def test_an_upload_whose_bytes_have_arrived_has_content_with_all_that_belongs_to_it(
    account: Account, film: Film
) -> None:
    begun_at = account.clock()
    account.upload(account.media.prepare_upload(VIDEO, UPLOAD), film)

    assert all(_hold(account, _all(account, begun_at)))
    assert _whole(account, begun_at).has_content is True


def test_an_upload_that_has_arrived_in_part_has_content_where_that_can_be_told(lasting_account: Account) -> None:
    account, begun_at = lasting_account, lasting_account.clock()
    account.send_some(account.media.prepare_upload(VIDEO, UPLOAD), 1000)
    assert all(_hold(account, _all(account, begun_at)))


def test_duplicate_of_an_upload_with_content_has_none(lasting_account: Account) -> None:
    account, begun_at = lasting_account, lasting_account.clock()
    kept = account.media.prepare_upload(VIDEO, UPLOAD)
    account.later()
    twin = account.media.prepare_upload(VIDEO, UPLOAD)
    account.upload(kept, Film.VIDEO)

    by_id = {one.external_ids[account.main_part]: one for one in _all(account, begun_at) if not one.is_part}

    assert _hold(account, [by_id[kept[account.main_part]], by_id[twin[account.main_part]]]) == [True, False]


def test_deleted_object_has_no_content(account: Account) -> None:
    begun_at = account.clock()
    external_ids = account.media.prepare_upload(VIDEO, UPLOAD)
    account.upload(external_ids, Film.VIDEO)
    inventory = _all(account, begun_at)
    account.media.delete_media(external_ids)
    assert [account.inventory.has_content(one) for one in inventory] == [False] * len(inventory)


def test_an_event_has_content_once_something_was_sent_to_it_and_its_parts_have_it_too(event_account: Account) -> None:
    account, begun_at = event_account, event_account.clock()
    event = _make_event(account, SESSION)
    assert not any(_hold(account, _all(account, begun_at)))

    account.broadcast(event, None, is_live=True)
    assert all(_hold(account, _all(account, begun_at)))
    account.broadcast(event, None, is_live=False)
    assert all(_hold(account, _all(account, begun_at)))


def test_parts_of_an_event_without_an_entry_have_no_content(event_account: Account) -> None:
    account, begun_at = event_account, event_account.clock()
    event = _make_event(account, SESSION)
    account.vanish("entryId", event["entryId"])
    assert not any(_hold(account, _all(account, begun_at)))


# --- owners --------------------------------------------------------------------------------------------------------


def test_object_names_its_session_and_title(account: Account) -> None:
    begun_at = account.clock()
    stamp = SessionIdentity("s1", "teacher", account.clock()).stamp()
    title = "Brackets: {1:result:id}"
    account.media.prepare_upload(VIDEO, replace(UPLOAD, title=title, stamp=stamp))
    if account.has_events:
        account.events.create_event(SESSION, replace(_event_wish(account), title=title, stamp=stamp))

    whole = [one for one in _all(account, begun_at) if not one.is_part]

    assert {(one.stamp, one.title) for one in whole} == {(stamp, title)}
    assert len(whole) == 1 + account.has_events


def test_renamed_video_names_its_session(account: Account) -> None:
    begun_at = account.clock()
    stamped = replace(UPLOAD, stamp=SessionIdentity("s1", "teacher", begun_at).stamp())
    external_ids = account.media.prepare_upload(VIDEO, stamped)
    account.media.rename(VIDEO, external_ids, replace(stamped, title="Corrected"))
    item = _whole(account, begun_at)
    assert (item.stamp, item.title) == (stamped.stamp, "Corrected")


def test_object_without_a_stamp_names_no_session(account: Account) -> None:
    begun_at = account.clock()
    account.media.prepare_upload(VIDEO, UPLOAD)
    assert _whole(account, begun_at).stamp == ""


def test_an_orphan_becomes_a_video_again_and_goes_with_it(account: Account) -> None:
    begun_at, alive = account.clock(), account.alive()
    account.upload(account.media.prepare_upload(VIDEO, UPLOAD), Film.VIDEO)
    inventory = _all(account, begun_at)
    external_ids = {name: id_ for one in inventory for name, id_ in one.external_ids.items()}

    for _ in range(2):
        whole = account.media.adopt_recording(VIDEO, UploadSpec("My lecture", "", 0, external_ids))

    (seen,) = account.media.observe([whole])
    assert seen.state is MediaState.READY
    assert all(one.external_ids.items() <= whole.items() for one in inventory)
    assert account.media.delete_media(whole) == {}
    assert account.alive() == alive


def test_an_orphan_that_was_given_back_in_part_goes_whole(account: Account) -> None:
    begun_at, alive = account.clock(), account.alive()
    account.upload(account.media.prepare_upload(VIDEO, UPLOAD), Film.VIDEO)
    external_ids = {name: id_ for one in _all(account, begun_at) for name, id_ in one.external_ids.items()}
    for _ in range(2):
        assert account.media.delete_media(external_ids) == {}
    assert account.alive() == alive


# --- every kind of thing ------------------------------------------------------------------------------------------


def test_every_kind_of_object_is_listed_and_deleted(event_account: Account) -> None:
    account, begun_at, before = event_account, event_account.clock(), event_account.everything()
    moderators = ("anna", "bert")
    event = account.events.create_event(SESSION, replace(_event_wish(account), moderators=moderators)).external_ids
    account.upload(account.media.prepare_upload(VIDEO, UPLOAD), Film.VIDEO)
    account.media.prepare_upload("video:v2:1", UPLOAD)
    account.broadcast(event, None, is_live=True)
    account.broadcast(event, Film.VIDEO, is_live=False)

    for item in _all(account, begun_at):
        assert account.inventory.delete_item(item) == {}

    assert _all(account, begun_at) == []
    assert account.everything() == before


@pytest.mark.parametrize(("gone", "left"), [("eventId", "resourceId"), ("resourceId", "eventId")])
def test_pairing_with_a_missing_end_is_listed_and_deleted(rooms: Account, gone: str, left: str) -> None:
    begun_at = rooms.clock()
    event = rooms.events.create_event(SESSION, _event_wish(rooms)).external_ids
    rooms.vanish(gone, event[gone])

    (pair,) = (one for one in _all(rooms, begun_at) if {"eventId", "resourceId"} <= one.external_ids.keys())

    assert (pair.reference, pair.is_part) == (SESSION, True)
    assert not rooms.inventory.has_content(pair)
    for _ in range(2):
        assert rooms.inventory.delete_item(pair) == {}
    assert {part for part in rooms.everything() if part[0] == "pair"} == set()
    assert (left, event[left]) in rooms.alive()


@pytest.mark.parametrize(
    ("moderation", "status"),
    [("approved", None), ("pending", None), ("rejected", None), ("approved", 1), ("approved", -1)],
    ids=["B19 ready", "B2 pending", "B2 rejected", "B2 still processed", "B2 not converted"],
)
def test_recording_is_deleted_with_its_event_in_every_state(
    kaltura: KalturaServer, moderation: str, status: int | None
) -> None:
    """Every list request names all statuses and all moderation statuses."""
    kaltura.control("POST", "reset")
    kaltura.control("POST", "settings", {"moderation": moderation != "approved"})
    with closing(KalturaTestAccount(kaltura)) as account:
        begun_at, before = account.clock(), account.everything()
        event = _make_event(account, SESSION)
        account.broadcast(event, None, is_live=True)
        account.broadcast(event, Film.VIDEO, is_live=False)
        (recording,) = account.events.observe_broadcast(event).recordings  # type: ignore[union-attr]  # it is there
        if moderation == "rejected":
            account.administrator().media.reject(recording["entryId"])
        if status is not None:
            fields = {"kind": "entries", "id": recording["entryId"], "fields": {"status": status}}
            kaltura.control("POST", "change", fields)

        for item in _all(account, begun_at):
            assert account.inventory.delete_item(item) == {}

        assert account.everything() == before


def test_complete_and_foreign_pairings_are_not_listed(rooms: Account) -> None:
    begun_at = rooms.clock()
    rooms.events.create_event(SESSION, _event_wish(rooms))
    other = rooms.neighbour().events.create_event("session:s9:1", _event_wish(rooms)).external_ids
    rooms.vanish("eventId", other["eventId"])
    assert [one for one in _all(rooms, begun_at) if {"eventId", "resourceId"} <= one.external_ids.keys()] == []


def test_the_user_of_an_upload_whose_entry_is_gone_is_found_and_goes_with_its_token(lasting_account: Account) -> None:
    account, begun_at, alive = lasting_account, lasting_account.clock(), lasting_account.alive()
    external_ids = account.media.prepare_upload(VIDEO, UPLOAD)
    account.vanish("entryId", external_ids["entryId"])

    for item in _all(account, begun_at):
        assert (item.reference, account.inventory.has_content(item)) == (VIDEO, False)
        assert account.inventory.delete_item(item) == {}

    assert account.alive() == alive


def test_handwritten_references_are_listed_unchanged(account: Account) -> None:
    begun_at = account.clock()
    for reference in ("video", "video:v1", "session:a:b:c", "x" * 40):
        account.media.prepare_upload(reference, UPLOAD)
    told = {one.reference for one in _all(account, begun_at) if not one.is_part}
    assert told == {"video", "video:v1", "session:a:b:c", "x" * 40}


# --- failures ------------------------------------------------------------------------------------------------------


def test_unanswered_deletion_can_be_repeated(account: Account) -> None:
    begun_at, alive = account.clock(), account.alive()
    account.media.prepare_upload(VIDEO, UPLOAD)
    (item,) = (one for one in _all(account, begun_at) if not one.is_part)
    account.lose_answer("delete_stray")

    with pytest.raises(Transient):
        account.inventory.delete_item(item)

    account.inventory.delete_item(item)
    assert account.alive() == alive
