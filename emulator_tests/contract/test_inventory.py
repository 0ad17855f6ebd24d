"""The inventory port: in memory, and Kaltura and Cloudflare as their simulators serve them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from emulator_tests.contract.accounts import Film, KalturaServer, KalturaSite, Site
from shared.core.errors import Transient
from shared.core.identity import SessionIdentity
from shared.ports import EventSpec, ExternalIds, InventoryItem, MediaState, UploadSpec

SESSION, VIDEO = "session:s1:1", "video:v1:1"
UPLOAD = UploadSpec("My lecture", "lecture.mp4", 1_000_000)


def _make_event(site: Site, reference: str) -> ExternalIds:
    """Create a live event, if the account has events."""
    return site.events.create_event(reference, _event_wish(site)).external_ids if site.has_events else {}


def _event_wish(site: Site) -> EventSpec:
    return EventSpec("Opening lecture", site.clock() + timedelta(days=1), site.clock() + timedelta(days=1, hours=2))


def _all(site: Site, since: datetime) -> list[InventoryItem]:
    return list(site.inventory.list_items(since - timedelta(seconds=1), site.clock() + timedelta(hours=1)))


def test_inventory_lists_our_objects_oldest_first_with_references(site: Site) -> None:
    begun_at = site.clock()
    site.media.prepare_upload(VIDEO, UPLOAD)
    site.later()
    _make_event(site, SESSION)
    site.later()
    site.media.prepare_upload("video:v2:1", UPLOAD)

    inventory = _all(site, begun_at)

    assert list(dict.fromkeys(item.reference for item in inventory)) == [
        VIDEO,
        *([SESSION] if site.has_events else ()),
        "video:v2:1",
    ]
    assert [item.created_at for item in inventory] == sorted(item.created_at for item in inventory)
    assert {part for item in inventory for part in item.external_ids.items()} <= site.alive()


def test_inventory_span_excludes_older_objects_and_its_end(site: Site) -> None:
    begun_at = site.clock()
    site.media.prepare_upload(VIDEO, UPLOAD)
    item, *external_ids = _all(site, begun_at)
    made_at, second = item.created_at, timedelta(seconds=1)

    assert [one.reference for one in site.inventory.list_items(made_at, made_at + second)] == [VIDEO] * (
        1 + len(external_ids)
    )
    assert list(site.inventory.list_items(made_at - second, made_at)) == []
    assert list(site.inventory.list_items(made_at + second, made_at + 2 * second)) == []


def test_inventory_excludes_deleted_and_foreign_objects(site: Site) -> None:
    begun_at = site.clock()
    site.neighbour().media.prepare_upload("video:v9:1", UPLOAD)
    _make_event(site.neighbour(), "session:s9:1")
    site.media.delete_media(site.media.prepare_upload(VIDEO, UPLOAD))
    if event := _make_event(site, SESSION):
        site.events.delete_event(event)

    assert _all(site, begun_at) == []


@pytest.mark.parametrize("film", [None, Film.VIDEO], ids=["nothing arrived", "a video arrived"])
def test_once_all_items_are_deleted_nothing_is_left_and_deleting_them_again_is_no_error(
    site: Site, film: Film | None
) -> None:
    begun_at, alive = site.clock(), site.alive()
    _make_event(site, SESSION)
    external_ids = site.media.prepare_upload(VIDEO, UPLOAD)
    if film is not None:
        site.upload(external_ids, film)
    inventory = _all(site, begun_at)

    for _ in range(2):
        for item in inventory:
            assert site.inventory.delete_item(item) == {}
        assert _all(site, begun_at) == []
        assert site.alive() == alive


def test_of_two_videos_under_one_reference_the_other_can_still_be_uploaded(site: Site) -> None:
    begun_at = site.clock()
    kept = site.media.prepare_upload(VIDEO, UPLOAD)
    site.later()
    twin = site.media.prepare_upload(VIDEO, UPLOAD)

    for item in _all(site, begun_at):
        if item.external_ids.get(site.main_part) == twin[site.main_part]:
            site.inventory.delete_item(item)

    assert site.media.observe([twin])[0].state is MediaState.GONE
    site.upload(kept, Film.VIDEO)
    assert site.media.observe([kept])[0].state is MediaState.READY


# --- content -------------------------------------------------------------------------------------------------------


def _whole(site: Site, since: datetime) -> InventoryItem:
    (item,) = (one for one in _all(site, since) if not one.is_part)
    return item


def _hold(site: Site, inventory: list[InventoryItem]) -> list[bool]:
    """Tell for each item whether it has content. A list may say so too, but must agree."""
    found = [site.inventory.has_content(one) for one in inventory]
    assert all(one.has_content in (None, seen) for one, seen in zip(inventory, found, strict=True))
    return found


def test_an_upload_without_bytes_has_no_content_and_neither_has_what_belongs_to_it(site: Site) -> None:
    begun_at = site.clock()
    site.media.prepare_upload(VIDEO, UPLOAD)
    assert not any(_hold(site, _all(site, begun_at)))


@pytest.mark.parametrize("film", [Film.VIDEO, Film.SLOW, Film.GARBAGE], ids=["ready", "processed", "refused"])
def test_an_upload_whose_bytes_have_arrived_has_content_with_all_that_belongs_to_it(site: Site, film: Film) -> None:
    begun_at = site.clock()
    site.upload(site.media.prepare_upload(VIDEO, UPLOAD), film)

    assert all(_hold(site, _all(site, begun_at)))
    assert _whole(site, begun_at).has_content is True


def test_an_upload_that_has_arrived_in_part_has_content_where_that_can_be_told(lasting_site: Site) -> None:
    site, begun_at = lasting_site, lasting_site.clock()
    site.send_some(site.media.prepare_upload(VIDEO, UPLOAD), 1000)
    assert all(_hold(site, _all(site, begun_at)))


def test_duplicate_of_an_upload_with_content_has_none(lasting_site: Site) -> None:
    site, begun_at = lasting_site, lasting_site.clock()
    kept = site.media.prepare_upload(VIDEO, UPLOAD)
    site.later()
    twin = site.media.prepare_upload(VIDEO, UPLOAD)
    site.upload(kept, Film.VIDEO)

    by_id = {one.external_ids[site.main_part]: one for one in _all(site, begun_at) if not one.is_part}

    assert _hold(site, [by_id[kept[site.main_part]], by_id[twin[site.main_part]]]) == [True, False]


def test_deleted_object_has_no_content(site: Site) -> None:
    begun_at = site.clock()
    external_ids = site.media.prepare_upload(VIDEO, UPLOAD)
    site.upload(external_ids, Film.VIDEO)
    inventory = _all(site, begun_at)
    site.media.delete_media(external_ids)
    assert [site.inventory.has_content(one) for one in inventory] == [False] * len(inventory)


def test_an_event_has_content_once_something_was_sent_to_it_and_its_parts_have_it_too(event_site: Site) -> None:
    site, begun_at = event_site, event_site.clock()
    event = _make_event(site, SESSION)
    assert not any(_hold(site, _all(site, begun_at)))

    site.broadcast(event, None, is_live=True)
    assert all(_hold(site, _all(site, begun_at)))
    site.broadcast(event, None, is_live=False)
    assert all(_hold(site, _all(site, begun_at)))


def test_parts_of_an_event_without_an_entry_have_no_content(event_site: Site) -> None:
    site, begun_at = event_site, event_site.clock()
    event = _make_event(site, SESSION)
    site.vanish("entryId", event["entryId"])
    assert not any(_hold(site, _all(site, begun_at)))


# --- owners --------------------------------------------------------------------------------------------------------


def test_object_names_its_session_and_title(site: Site) -> None:
    begun_at = site.clock()
    stamp = SessionIdentity("s1", "teacher", site.clock()).stamp()
    title = "Brackets: {1:result:id}"
    site.media.prepare_upload(VIDEO, replace(UPLOAD, title=title, stamp=stamp))
    if site.has_events:
        site.events.create_event(SESSION, replace(_event_wish(site), title=title, stamp=stamp))

    whole = [one for one in _all(site, begun_at) if not one.is_part]

    assert {(one.stamp, one.title) for one in whole} == {(stamp, title)}
    assert len(whole) == 1 + site.has_events


def test_renamed_video_names_its_session(site: Site) -> None:
    begun_at = site.clock()
    stamped = replace(UPLOAD, stamp=SessionIdentity("s1", "teacher", begun_at).stamp())
    external_ids = site.media.prepare_upload(VIDEO, stamped)
    site.media.rename(VIDEO, external_ids, replace(stamped, title="Corrected"))
    item = _whole(site, begun_at)
    assert (item.stamp, item.title) == (stamped.stamp, "Corrected")


def test_object_without_a_stamp_names_no_session(site: Site) -> None:
    begun_at = site.clock()
    site.media.prepare_upload(VIDEO, UPLOAD)
    assert _whole(site, begun_at).stamp == ""


def test_an_orphan_becomes_a_video_again_and_goes_with_it(site: Site) -> None:
    begun_at, alive = site.clock(), site.alive()
    site.upload(site.media.prepare_upload(VIDEO, UPLOAD), Film.VIDEO)
    inventory = _all(site, begun_at)
    external_ids = {name: id_ for one in inventory for name, id_ in one.external_ids.items()}

    for _ in range(2):
        whole = site.media.adopt_recording(VIDEO, UploadSpec("My lecture", "", 0, external_ids))

    (seen,) = site.media.observe([whole])
    assert seen.state is MediaState.READY
    assert all(one.external_ids.items() <= whole.items() for one in inventory)
    assert site.media.delete_media(whole) == {}
    assert site.alive() == alive


def test_an_orphan_that_was_given_back_in_part_goes_whole(site: Site) -> None:
    begun_at, alive = site.clock(), site.alive()
    site.upload(site.media.prepare_upload(VIDEO, UPLOAD), Film.VIDEO)
    external_ids = {name: id_ for one in _all(site, begun_at) for name, id_ in one.external_ids.items()}
    for _ in range(2):
        assert site.media.delete_media(external_ids) == {}
    assert site.alive() == alive


# --- every kind of thing ------------------------------------------------------------------------------------------


def test_every_kind_of_object_is_listed_and_deleted(event_site: Site) -> None:
    site, begun_at, before = event_site, event_site.clock(), event_site.everything()
    moderators = ("anna", "bert")
    event = site.events.create_event(SESSION, replace(_event_wish(site), moderators=moderators)).external_ids
    site.upload(site.media.prepare_upload(VIDEO, UPLOAD), Film.VIDEO)
    site.media.prepare_upload("video:v2:1", UPLOAD)
    site.broadcast(event, None, is_live=True)
    site.broadcast(event, Film.VIDEO, is_live=False)

    for item in _all(site, begun_at):
        assert site.inventory.delete_item(item) == {}

    assert _all(site, begun_at) == []
    assert site.everything() == before


@pytest.mark.parametrize(("gone", "left"), [("eventId", "resourceId"), ("resourceId", "eventId")])
def test_pairing_with_a_missing_end_is_listed_and_deleted(rooms: Site, gone: str, left: str) -> None:
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
    with closing(KalturaSite(kaltura)) as site:
        begun_at, before = site.clock(), site.everything()
        event = _make_event(site, SESSION)
        site.broadcast(event, None, is_live=True)
        site.broadcast(event, Film.VIDEO, is_live=False)
        (recording,) = site.events.observe_broadcast(event).recordings  # type: ignore[union-attr]  # it is there
        if moderation == "rejected":
            site.administrator().media.reject(recording["entryId"])
        if status is not None:
            fields = {"kind": "entries", "id": recording["entryId"], "fields": {"status": status}}
            kaltura.control("POST", "change", fields)

        for item in _all(site, begun_at):
            assert site.inventory.delete_item(item) == {}

        assert site.everything() == before


def test_complete_and_foreign_pairings_are_not_listed(rooms: Site) -> None:
    begun_at = rooms.clock()
    rooms.events.create_event(SESSION, _event_wish(rooms))
    other = rooms.neighbour().events.create_event("session:s9:1", _event_wish(rooms)).external_ids
    rooms.vanish("eventId", other["eventId"])
    assert [one for one in _all(rooms, begun_at) if {"eventId", "resourceId"} <= one.external_ids.keys()] == []


def test_the_user_of_an_upload_whose_entry_is_gone_is_found_and_goes_with_its_token(lasting_site: Site) -> None:
    site, begun_at, alive = lasting_site, lasting_site.clock(), lasting_site.alive()
    external_ids = site.media.prepare_upload(VIDEO, UPLOAD)
    site.vanish("entryId", external_ids["entryId"])

    for item in _all(site, begun_at):
        assert (item.reference, site.inventory.has_content(item)) == (VIDEO, False)
        assert site.inventory.delete_item(item) == {}

    assert site.alive() == alive


def test_handwritten_references_are_listed_unchanged(site: Site) -> None:
    begun_at = site.clock()
    for reference in ("video", "video:v1", "session:a:b:c", "x" * 40):
        site.media.prepare_upload(reference, UPLOAD)
    told = {one.reference for one in _all(site, begun_at) if not one.is_part}
    assert told == {"video", "video:v1", "session:a:b:c", "x" * 40}


# --- failures ------------------------------------------------------------------------------------------------------


def test_unanswered_deletion_can_be_repeated(site: Site) -> None:
    begun_at, alive = site.clock(), site.alive()
    site.media.prepare_upload(VIDEO, UPLOAD)
    (item,) = (one for one in _all(site, begun_at) if not one.is_part)
    site.lose_answer("delete_stray")

    with pytest.raises(Transient):
        site.inventory.delete_item(item)

    site.inventory.delete_item(item)
    assert site.alive() == alive
