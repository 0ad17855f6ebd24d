"""The media port: in memory, and Kaltura and Cloudflare as their simulators serve them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from emulator_tests.contract.accounts import FILM_S, Account, Film
from shared.core.errors import Doubtful, Permanent, Transient
from shared.ports import (
    CHANGES_MAX,
    OBSERVED_MAX,
    PROGRESS_TOLD,
    Allowance,
    Change,
    ExternalIds,
    MediaState,
    Observation,
    Source,
    Stage,
    UploadSpec,
)

SECOND = timedelta(seconds=1)
REFERENCE = "video:v1:1"
WISH = UploadSpec("My lecture", "lecture.mp4", 1_000_000)
CORRECTED = replace(WISH, title="Corrected")

REFERENCES = ["video:aZ09_-:1", "video:" + "x" * 100 + ":12"]


def _seen(account: Account, external_ids: ExternalIds) -> Observation:
    """Observe one video."""
    (seen,) = account.media.observe([external_ids])
    return seen


def _videos(account: Account) -> set[str]:
    """Return the ids of all videos."""
    return {part_id for part, part_id in account.alive() if part == account.main_part}


def _unknown(external_ids: ExternalIds) -> ExternalIds:
    """Return external ids of something that never existed."""
    return {name: part_id + "9" for name, part_id in external_ids.items()}


# --- preparing and finding ---------------------------------------------------------------------------------------


def test_a_prepared_upload_is_found_by_its_reference_and_waits_for_bytes(account: Account) -> None:
    external_ids = account.media.prepare_upload(REFERENCE, WISH)
    assert account.title(external_ids) == WISH.title

    found = account.media.find_upload(REFERENCE, WISH)

    assert account.title(found) == WISH.title
    assert _videos(account) == {found[account.main_part]}
    seen = _seen(account, found)
    assert (seen.state, seen.percent, seen.reason) == (MediaState.AWAITING_UPLOAD, 0, None)
    assert (seen.stage, seen.received_bytes) == (Stage.AWAITING_BYTES, 0)


def test_find_returns_nothing_without_an_upload(account: Account) -> None:
    account.media.prepare_upload(REFERENCE, WISH)
    alive = account.alive()

    assert account.media.find_upload("video:v1:2", WISH) == {}
    assert account.alive() == alive


@pytest.mark.parametrize("reference", REFERENCES)
def test_references_may_have_any_characters(account: Account, reference: str) -> None:
    account.media.prepare_upload(reference, WISH)

    found = account.media.find_upload(reference, WISH)

    assert _videos(account) == {found[account.main_part]}


@pytest.mark.parametrize("other", ["video:v1:11", "video:v1", "xvideo:v1:1", "VIDEO:V1:1", "video:v2:1"])
def test_an_upload_of_another_reference_is_not_found(account: Account, other: str) -> None:
    account.media.prepare_upload(other, WISH)

    assert account.media.find_upload(REFERENCE, WISH) == {}


def test_upload_of_another_deployment_is_not_found(account: Account) -> None:
    account.neighbour().media.prepare_upload(REFERENCE, WISH)

    assert account.media.find_upload(REFERENCE, WISH) == {}


def test_finding_again_makes_nothing(account: Account) -> None:
    account.media.prepare_upload(REFERENCE, WISH)
    alive = account.alive()

    for _ in range(2):
        assert account.media.find_upload(REFERENCE, WISH)
        assert len(account.alive()) == len(alive)


def test_prepared_upload_is_found_unchanged(lasting_account: Account) -> None:
    external_ids = lasting_account.media.prepare_upload(REFERENCE, WISH)
    alive = lasting_account.alive()

    assert lasting_account.media.find_upload(REFERENCE, WISH) == external_ids
    assert lasting_account.alive() == alive


def test_of_two_uploads_of_one_reference_the_older_is_found(lasting_account: Account) -> None:
    account = lasting_account
    older = account.media.prepare_upload(REFERENCE, WISH)
    account.later()
    younger = account.media.prepare_upload(REFERENCE, WISH)

    found = account.media.find_upload(REFERENCE, WISH)

    assert found["entryId"] == older["entryId"] != younger["entryId"]


def test_a_preparation_that_was_cut_short_is_completed_when_it_is_found(lasting_account: Account) -> None:
    account = lasting_account
    external_ids = account.media.prepare_upload(REFERENCE, WISH)
    account.vanish("uploadTokenId", external_ids["uploadTokenId"])

    found = account.media.find_upload(REFERENCE, WISH)

    assert found["entryId"] == external_ids["entryId"]
    assert ("uploadTokenId", found["uploadTokenId"]) in account.alive()
    account.upload(found, Film.VIDEO)
    assert _seen(account, found).state is MediaState.READY


def test_upload_with_unanswered_preparation_is_found_by_reference(account: Account) -> None:
    account.media.prepare_upload("video:v0:1", WISH)
    alive = account.alive()
    account.lose_answer("prepare_upload")

    with pytest.raises(Doubtful):
        account.media.prepare_upload(REFERENCE, WISH)

    made = len(account.alive() - alive)
    assert made > 0
    found = account.media.find_upload(REFERENCE, WISH)
    assert (account.main_part, found[account.main_part]) in account.alive() - alive
    assert len(account.alive() - alive) == made


def test_upload_with_undelivered_preparation_does_not_exist(account: Account) -> None:
    account.media.prepare_upload("video:v0:1", WISH)
    alive = account.alive()
    account.lose_call("prepare_upload")

    with pytest.raises(Transient):
        account.media.prepare_upload(REFERENCE, WISH)

    assert account.media.find_upload(REFERENCE, WISH) == {}
    assert account.alive() == alive


# --- observing ---------------------------------------------------------------------------------------------------


def test_a_video_that_arrived_becomes_ready_with_its_length_and_size(account: Account) -> None:
    external_ids = account.media.prepare_upload(REFERENCE, WISH)

    account.upload(external_ids, Film.VIDEO)

    seen = _seen(account, external_ids)
    assert (seen.state, seen.percent, seen.is_video, seen.reason) == (MediaState.READY, 100, True, None)
    assert seen.duration_s == pytest.approx(FILM_S, abs=0.5)
    assert seen.size_bytes is not None
    assert 10_000 < seen.size_bytes <= 1_000_000
    assert seen.media_type == account.film_type


def test_upload_in_progress_reports_received_bytes(account: Account) -> None:
    external_ids = account.media.prepare_upload(REFERENCE, WISH)

    account.send_some(external_ids, 300_000)

    seen = _seen(account, external_ids)
    assert (seen.state, seen.percent) == (MediaState.AWAITING_UPLOAD, 30)
    assert (seen.stage, seen.received_bytes) == (Stage.RECEIVING, 300_000)


def test_audio_file_is_refused_as_video(account: Account) -> None:
    external_ids = account.media.prepare_upload(REFERENCE, WISH)

    account.upload(external_ids, Film.SOUND)

    seen = _seen(account, external_ids)
    # Some providers accept the file, and report what it is. Others accept only videos.
    assert (seen.state, seen.is_video) == (MediaState.READY, False) or seen.state is MediaState.ERROR


def test_file_without_media_fails_with_a_reason(account: Account) -> None:
    external_ids = account.media.prepare_upload(REFERENCE, WISH)

    account.upload(external_ids, Film.GARBAGE)

    seen = _seen(account, external_ids)
    assert seen.state is MediaState.ERROR
    assert seen.reason
    assert not seen.retryable


def test_unconverted_video_may_be_reprocessed_from_its_bytes(
    lasting_account: Account,
) -> None:
    account = lasting_account
    external_ids = account.media.prepare_upload(REFERENCE, WISH)
    account.upload(external_ids, Film.STUBBORN)
    seen = _seen(account, external_ids)
    assert (seen.state, seen.retryable, seen.media_type) == (MediaState.ERROR, True, "video/mp4")
    assert seen.reason
    alive = account.alive()

    account.media.reprocess(external_ids)

    assert _seen(account, external_ids).state in (MediaState.PROCESSING, MediaState.READY)
    assert account.alive() == alive


def test_missing_video_cannot_be_reprocessed(account: Account) -> None:
    external_ids = account.media.prepare_upload(REFERENCE, WISH)
    account.media.delete_media(external_ids)

    with pytest.raises(Permanent):
        account.media.reprocess(external_ids)


def test_video_deleted_by_others_is_gone(account: Account) -> None:
    ours, theirs, never = (account.media.prepare_upload(f"video:v{number}:1", WISH) for number in range(3))
    account.media.delete_media(ours)
    account.vanish(account.main_part, theirs[account.main_part])

    for external_ids in (ours, theirs, _unknown(never)):
        assert _seen(account, external_ids).state is MediaState.GONE


def test_many_are_observed_in_the_order_asked(account: Account) -> None:
    waiting, ready, broken, gone = (account.media.prepare_upload(f"video:v{number}:1", WISH) for number in range(4))
    account.upload(ready, Film.VIDEO)
    account.upload(broken, Film.GARBAGE)
    account.media.delete_media(gone)
    calls = account.calls()

    seen = account.media.observe([gone, ready, waiting, _unknown(ready), broken, ready])

    assert [one.state for one in seen] == [
        MediaState.GONE,
        MediaState.READY,
        MediaState.AWAITING_UPLOAD,
        MediaState.GONE,
        MediaState.ERROR,
        MediaState.READY,
    ]
    assert [one.duration_s is not None for one in seen] == [False, True, False, False, False, True]
    assert 1 <= account.calls() - calls <= account.look_calls_max


def test_observing_no_videos_makes_no_call(account: Account) -> None:
    calls = account.calls()
    assert list(account.media.observe([])) == []
    assert account.calls() == calls


def test_as_many_as_may_be_are_observed_in_one_call(account: Account) -> None:
    begun_at = account.clock()
    account.prepare_many(OBSERVED_MAX)
    since, until = begun_at - timedelta(seconds=1), begun_at + timedelta(hours=1)
    first = account.inventory.list_items(since, until)
    # An upload has a user of its own, so there are more items than fit on one page.
    found = [*first, *account.inventory.list_items(first[-1].created_at, until)]
    external_ids = list({str(one.external_ids): one.external_ids for one in found if not one.is_part}.values())[
        :OBSERVED_MAX
    ]
    assert len(external_ids) == OBSERVED_MAX
    account.media.delete_media({**external_ids[7], "uploadTokenId": "none", "uploaderId": "nobody"})
    calls = account.calls()

    seen = account.media.observe(external_ids)

    assert 1 <= account.calls() - calls <= account.look_calls_max
    waiting, gone = MediaState.AWAITING_UPLOAD, MediaState.GONE
    assert [one.state for one in seen] == [*[waiting] * 7, gone, *[waiting] * (OBSERVED_MAX - 8)]


# --- deleting ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("film", [None, Film.VIDEO, Film.GARBAGE], ids=["nothing", "a video", "garbage"])
def test_deleted_video_leaves_nothing_and_can_be_deleted_again(account: Account, film: Film | None) -> None:
    account.media.prepare_upload("video:v2:1", WISH)
    alive = account.alive()
    external_ids = account.media.prepare_upload(REFERENCE, WISH)
    if film is not None:
        account.upload(external_ids, film)

    for _ in range(2):
        assert account.media.delete_media(external_ids) == {}
        assert account.alive() == alive
        assert account.media.find_upload(REFERENCE, WISH) == {}


@pytest.mark.parametrize("part", ["entryId", "uploadTokenId"])
def test_video_with_missing_parts_is_deleted(lasting_account: Account, part: str) -> None:
    account = lasting_account
    account.media.prepare_upload("video:v2:1", WISH)
    alive = account.alive()
    external_ids = account.media.prepare_upload(REFERENCE, WISH)
    account.vanish(part, external_ids[part])

    assert account.media.delete_media(external_ids) == {}
    assert account.alive() == alive


def test_unanswered_deletion_can_be_repeated(account: Account) -> None:
    account.media.prepare_upload("video:v2:1", WISH)
    alive = account.alive()
    external_ids = account.media.prepare_upload(REFERENCE, WISH)
    account.lose_answer("delete_media")

    with pytest.raises(Transient):
        account.media.delete_media(external_ids)

    account.media.delete_media(external_ids)
    assert account.alive() == alive


# --- changes -----------------------------------------------------------------------------------------------------


def _changed(account: Account, *references: str, film: Film = Film.GARBAGE) -> ExternalIds:
    """
    Upload a file for each of these references, one after the other.

    Returns:
        The external ids of the last.
    """
    external_ids: ExternalIds = {}
    for reference in references:
        external_ids = account.media.prepare_upload(reference, WISH)
        account.upload(external_ids, film)
        account.later()
    return external_ids


def _change(account: Account, since: datetime) -> Change:
    """
    Return the only change since an instant.
    """
    (change,) = account.media.changes(since, 1).items
    return change


def test_changes_come_newest_first_and_begin_with_the_instant_asked_for(account: Account) -> None:
    begun_at = account.clock()
    _changed(account, "video:v1:1", "video:v2:1", "video:v3:1")

    changes = account.media.changes(begun_at - timedelta(seconds=1), 1)

    assert [change.reference for change in changes.items] == ["video:v3:1", "video:v2:1", "video:v1:1"]
    assert not changes.more
    since = changes.items[1].changed_at
    assert [change.reference for change in account.media.changes(since, 1).items] == ["video:v3:1", "video:v2:1"]


def test_video_with_progress_is_listed_as_changed_again(lasting_account: Account) -> None:
    account = lasting_account
    begun_at = account.clock()
    external_ids = _changed(account, REFERENCE, film=Film.STUBBORN)
    _changed(account, "video:v2:1")
    (newest, oldest) = account.media.changes(begun_at - timedelta(seconds=1), 1).items
    assert oldest.reference == REFERENCE
    account.later()

    account.media.reprocess(external_ids)

    assert _change(account, newest.changed_at + timedelta(seconds=1)).reference == REFERENCE


@pytest.mark.parametrize("film", Film)
def test_change_equals_an_observation(account: Account, film: Film) -> None:
    begun_at = account.clock()
    _changed(account, "video:v2:1")
    external_ids = _changed(account, REFERENCE, film=film)

    change, _ = account.media.changes(begun_at - timedelta(seconds=1), 1).items

    assert change.external_ids
    assert change.external_ids.items() <= external_ids.items()
    assert change.observation == _seen(account, external_ids)


def test_change_of_a_processing_video_has_its_percentage(account: Account) -> None:
    begun_at = account.clock()
    _changed(account, REFERENCE, film=Film.SLOW)

    seen = _change(account, begun_at - timedelta(seconds=1)).observation

    assert (seen.state, seen.percent) == (MediaState.PROCESSING, 25)


def test_upload_without_bytes_is_no_change(account: Account) -> None:
    begun_at = account.clock()
    account.media.prepare_upload("video:v2:1", WISH)
    account.send_some(account.media.prepare_upload(REFERENCE, WISH), 300_000)

    assert account.media.changes(begun_at - timedelta(seconds=1), 1).items == ()


def test_nothing_changed_is_an_empty_page(account: Account) -> None:
    _changed(account, REFERENCE)

    changes = account.media.changes(account.clock() + timedelta(minutes=1), 1)

    assert (changes.items, changes.more) == ((), False)


def test_changes_exclude_other_deployments_and_events(account: Account) -> None:
    begun_at = account.clock()
    _changed(account.neighbour(), "video:v9:1")
    _changed(account, REFERENCE)

    assert _change(account, begun_at - timedelta(seconds=1)).reference == REFERENCE


def test_many_changes_come_in_pages_that_leave_none_out_also_several_in_one_call(account: Account) -> None:
    begun_at = account.clock()
    account.prepare_many(CHANGES_MAX + 1, Film.VIDEO)

    first, second = (account.media.changes(begun_at - timedelta(seconds=1), page) for page in (1, 2))

    assert (len(first.items), first.more) == (CHANGES_MAX, True)
    assert (len(second.items), second.more) == (1, False)
    references = {change.reference for change in (*first.items, *second.items)}
    assert references == {f"video:v{number}:1" for number in range(CHANGES_MAX + 1)}
    assert {change.observation.media_type for change in (*first.items, *second.items)} == {account.film_type}
    calls = account.calls()

    both = account.media.changes(begun_at - timedelta(seconds=1), 1, pages=2)

    assert account.calls() == calls + 1
    assert (both.items, both.more) == ((*first.items, *second.items), False)


def test_a_page_beyond_the_last_is_empty(account: Account) -> None:
    begun_at = account.clock()
    _changed(account, REFERENCE)

    changes = account.media.changes(begun_at - timedelta(seconds=1), 2)

    assert (changes.items, changes.more) == ((), False)


def test_upload_progress_comes_with_changes_in_one_call(account: Account) -> None:
    begun_at = account.clock()
    _changed(account, "video:v9:1")
    uploads = [account.media.prepare_upload(f"video:v{number}:1", WISH) for number in range(3)]
    account.send_some(uploads[1], 300_000)
    calls = account.calls()

    told = account.media.changes(begun_at - timedelta(seconds=1), 1, uploads=uploads)

    assert account.calls() - calls <= account.progress_calls(len(uploads))
    assert [change.reference for change in told.items] == ["video:v9:1"]
    assert [(one.state, one.percent, one.received_bytes) for one in told.uploads] == [
        (MediaState.AWAITING_UPLOAD, 0, 0),
        (MediaState.AWAITING_UPLOAD, 30, 300_000),
        (MediaState.AWAITING_UPLOAD, 0, 0),
    ]


def test_progress_reports_complete_and_missing_uploads(account: Account) -> None:
    begun_at = account.clock()
    complete, waiting, gone = (account.media.prepare_upload(f"video:v{number}:1", WISH) for number in range(3))
    account.upload(complete, Film.VIDEO)
    account.media.delete_media(gone)

    told = account.media.changes(begun_at - timedelta(seconds=1), 1, uploads=[gone, complete, waiting]).uploads

    assert [one.state for one in told[1:]] == [MediaState.READY, MediaState.AWAITING_UPLOAD]
    # A list may lag. If the list is all there is to ask, a missing video may be about to appear in it.
    assert told[0].state is MediaState.GONE or told[0] == Observation(MediaState.AWAITING_UPLOAD)


def test_progress_covers_the_first_of_many_uploads(account: Account) -> None:
    """
    The cost is bounded.
    """
    begun_at = account.clock()
    uploads = [account.media.prepare_upload(f"video:v{number}:1", WISH) for number in range(PROGRESS_TOLD + 4)]
    calls = account.calls()

    told = account.media.changes(begun_at, 1, uploads=uploads).uploads

    assert account.calls() - calls <= account.progress_calls(len(uploads))
    assert {one.state for one in told} == {MediaState.AWAITING_UPLOAD}
    assert [one.received_bytes for one in told[:PROGRESS_TOLD]] == [0] * PROGRESS_TOLD


# --- titles ------------------------------------------------------------------------------------------------------


def test_a_video_has_the_title_that_it_was_last_given_and_stays_what_it_is(account: Account) -> None:
    begun_at = account.clock()
    external_ids = _changed(account, REFERENCE, film=Film.VIDEO)
    before = _seen(account, external_ids)

    for title in ("Corrected", "Grüße 😀", "Grüße 😀"):
        account.media.rename(REFERENCE, external_ids, replace(WISH, title=title))
        assert account.title(external_ids) == title

    assert _seen(account, external_ids) == before
    assert REFERENCE in {one.reference for one in account.media.changes(begun_at - timedelta(seconds=1), 1).items}
    assert REFERENCE in {
        one.reference for one in account.inventory.list_items(begun_at - timedelta(seconds=1), account.clock())
    }


def test_an_upload_under_way_may_be_renamed(account: Account) -> None:
    external_ids = account.media.prepare_upload(REFERENCE, WISH)
    account.send_some(external_ids, 300_000)

    account.media.rename(REFERENCE, external_ids, CORRECTED)

    assert account.title(external_ids) == "Corrected"
    assert _seen(account, external_ids).received_bytes == 300_000


def test_renaming_a_missing_video_is_no_error(account: Account) -> None:
    external_ids = account.media.prepare_upload(REFERENCE, WISH)
    account.media.delete_media(external_ids)
    alive = account.alive()

    account.media.rename(REFERENCE, external_ids, CORRECTED)

    assert account.alive() == alive


def test_a_title_whose_answer_is_lost_is_given_again(account: Account) -> None:
    external_ids = account.media.prepare_upload(REFERENCE, WISH)
    account.lose_answer("rename")
    with pytest.raises(Transient):
        account.media.rename(REFERENCE, external_ids, CORRECTED)

    account.media.rename(REFERENCE, external_ids, CORRECTED)

    assert account.title(external_ids) == "Corrected"


# --- grants ------------------------------------------------------------------------------------------------------


def test_upload_token_expires_as_stated_and_hides_its_secret(account: Account) -> None:
    external_ids = account.media.prepare_upload(REFERENCE, WISH)
    asked_at = account.clock()

    for grant in (
        account.media.upload_grant(external_ids, WISH, Allowance(20, asked_at + timedelta(seconds=600))),
        account.media.playback_grant(external_ids, "student1", lifetime_s=600),
    ):
        assert timedelta(0) <= grant.expires_at - asked_at - timedelta(seconds=600) < timedelta(seconds=5)
        assert len(grant.token) > 20
        assert grant.token not in repr(grant)


def test_a_grant_to_upload_names_its_protocol_and_holds_all_that_it_takes(account: Account) -> None:
    external_ids = account.media.prepare_upload(REFERENCE, WISH)

    grant = account.media.upload_grant(external_ids, WISH, Allowance(20, account.clock() + timedelta(seconds=600)))

    assert grant.protocol == account.protocol
    assert any(grant.token in str(told) for told in (grant.url, *grant.values.values()))
    # Clients get all values in one object, in which none may replace these two.
    assert not {"protocol", "url"} & grant.values.keys()


def test_every_grant_has_a_token_of_its_own(lasting_account: Account) -> None:
    account = lasting_account
    first, second = (account.media.prepare_upload(f"video:v{number}:1", WISH) for number in range(2))
    allowance = Allowance(20, account.clock() + timedelta(seconds=600))

    tokens = [
        account.media.upload_grant(first, WISH, allowance).token,
        account.media.upload_grant(second, WISH, allowance).token,
        account.media.playback_grant(first, "student1", 600).token,
        account.media.playback_grant(first, "student2", 600).token,
        account.media.playback_grant(second, "student1", 600).token,
    ]

    assert len(set(tokens)) == len(tokens)


def test_the_same_allowance_gives_the_same_token_where_requests_are_counted(lasting_account: Account) -> None:
    """
    Otherwise each renewal would allow the same number of requests again.
    """
    account = lasting_account
    first, second = (account.media.prepare_upload(f"video:v{number}:1", WISH) for number in range(2))
    allowance = Allowance(20, account.clock() + timedelta(seconds=600))
    tokens = [account.media.upload_grant(first, WISH, allowance).token]
    account.later()

    tokens.append(account.media.upload_grant(first, WISH, allowance).token)
    others = [
        account.media.upload_grant(first, WISH, replace(allowance, requests=21)).token,
        account.media.upload_grant(first, WISH, replace(allowance, expires_at=allowance.expires_at + SECOND)).token,
        account.media.upload_grant(second, WISH, allowance).token,
    ]

    assert tokens[0] == tokens[1]
    assert len({*tokens, *others}) == 4


def test_larger_files_may_take_more_requests(account: Account) -> None:
    counts = [account.media.requests_for(size_bytes) for size_bytes in (0, 1, 10**9, 10**10)]
    assert counts == sorted(counts)
    assert counts[0] > 0 or counts == [0] * 4


def test_grants_are_made_without_a_call(account: Account) -> None:
    external_ids = account.media.prepare_upload(REFERENCE, WISH)
    calls = account.calls()

    account.media.upload_grant(external_ids, WISH, Allowance(20, account.clock() + timedelta(seconds=600)))
    account.media.playback_grant(external_ids, "student1", 600)

    assert account.calls() == calls


# --- sources -----------------------------------------------------------------------------------------------------


def _source(account: Account, external_ids: ExternalIds) -> Source:
    """Return the source of a ready video, once its provider has made it."""
    for _ in range(10):
        try:
            return account.media.source(external_ids, 600)
        except Transient:
            account.later()
    raise AssertionError("It is never made.")


def test_source_of_a_ready_video_is_readable_until_deletion(account: Account) -> None:
    first, second = (account.media.prepare_upload(f"video:v{number}:1", WISH) for number in range(2))
    for external_ids in (first, second):
        account.upload(external_ids, Film.VIDEO)

    source, other = _source(account, first), _source(account, second)

    assert account.read(source)
    assert source.media_type == "video/mp4"
    assert source.url != other.url
    assert source.url not in repr(source)
    account.media.delete_media(first)
    assert account.read(source) is None
    assert account.read(other)


def test_a_source_is_asked_for_as_often_as_one_likes(account: Account) -> None:
    external_ids = account.media.prepare_upload(REFERENCE, WISH)
    account.upload(external_ids, Film.VIDEO)
    _source(account, external_ids)
    alive = account.alive()

    assert account.read(_source(account, external_ids))
    assert account.alive() == alive
