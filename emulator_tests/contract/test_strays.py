"""The strays port: in memory, and Kaltura and Cloudflare as their simulators serve them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from emulator_tests.contract.sites import Film, Site
from shared.errors import Transient
from shared.ports import EventWish, MediaState, Parts, Stray, UploadWish

SESSION, VIDEO = "session:s1:1", "video:v1:1"
UPLOAD = UploadWish("My lecture", "lecture.mp4", 1_000_000)


def _make_event(site: Site, reference: str) -> Parts:
    """A live event, where there are any."""
    return site.events.create_event(reference, _event_wish(site)).parts if site.has_events else {}


def _event_wish(site: Site) -> EventWish:
    return EventWish("Opening lecture", site.clock() + timedelta(days=1), site.clock() + timedelta(days=1, hours=2))


def _all(site: Site, since: datetime) -> list[Stray]:
    return list(site.strays.strays(since - timedelta(seconds=1), site.clock() + timedelta(hours=1)))


def test_everything_of_ours_is_a_stray_oldest_first_with_its_reference(site: Site) -> None:
    begun_at = site.clock()
    site.media.prepare_upload(VIDEO, UPLOAD)
    site.later()
    _make_event(site, SESSION)
    site.later()
    site.media.prepare_upload("video:v2:1", UPLOAD)

    strays = _all(site, begun_at)

    assert list(dict.fromkeys(stray.reference for stray in strays)) == [
        VIDEO,
        *([SESSION] if site.has_events else ()),
        "video:v2:1",
    ]
    assert [stray.created_at for stray in strays] == sorted(stray.created_at for stray in strays)
    assert {part for stray in strays for part in stray.parts.items()} <= site.alive()


def test_what_was_made_before_the_span_or_at_its_end_is_not_in_it(site: Site) -> None:
    begun_at = site.clock()
    site.media.prepare_upload(VIDEO, UPLOAD)
    (stray,) = _all(site, begun_at)
    made_at, second = stray.created_at, timedelta(seconds=1)

    assert [one.reference for one in site.strays.strays(made_at, made_at + second)] == [VIDEO]
    assert list(site.strays.strays(made_at - second, made_at)) == []
    assert list(site.strays.strays(made_at + second, made_at + 2 * second)) == []


def test_what_was_deleted_and_what_is_of_neighbours_is_no_stray(site: Site) -> None:
    begun_at = site.clock()
    site.neighbour().media.prepare_upload("video:v9:1", UPLOAD)
    _make_event(site.neighbour(), "session:s9:1")
    site.media.delete_media(site.media.prepare_upload(VIDEO, UPLOAD))
    if event := _make_event(site, SESSION):
        site.events.delete_event(event)

    assert _all(site, begun_at) == []


@pytest.mark.parametrize("film", [None, Film.VIDEO], ids=["nothing arrived", "a video arrived"])
def test_once_all_strays_are_deleted_nothing_is_left_and_deleting_them_again_is_no_error(
    site: Site, film: Film | None
) -> None:
    begun_at, alive = site.clock(), site.alive()
    _make_event(site, SESSION)
    parts = site.media.prepare_upload(VIDEO, UPLOAD)
    if film is not None:
        site.upload(parts, film)
    strays = _all(site, begun_at)

    for _ in range(2):
        for stray in strays:
            assert site.strays.delete_stray(stray) == {}
        assert _all(site, begun_at) == []
        assert site.alive() == alive


def test_of_two_videos_under_one_reference_the_other_can_still_be_uploaded(site: Site) -> None:
    begun_at = site.clock()
    kept = site.media.prepare_upload(VIDEO, UPLOAD)
    site.later()
    twin = site.media.prepare_upload(VIDEO, UPLOAD)

    for stray in _all(site, begun_at):
        if stray.parts[site.main_part] == twin[site.main_part]:
            site.strays.delete_stray(stray)

    assert site.media.observe([twin])[0].state is MediaState.GONE
    site.upload(kept, Film.VIDEO)
    assert site.media.observe([kept])[0].state is MediaState.READY


def test_a_deletion_that_is_not_answered_is_done_again(site: Site) -> None:
    begun_at, alive = site.clock(), site.alive()
    site.media.prepare_upload(VIDEO, UPLOAD)
    (stray,) = _all(site, begun_at)
    site.lose_answer("delete_stray")

    with pytest.raises(Transient):
        site.strays.delete_stray(stray)

    site.strays.delete_stray(stray)
    assert site.alive() == alive
