"""Content that waits for approval: in lists, in players, and in what becomes of a replacement or a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from KalturaClient.Plugins.Core import (
    KalturaBaseEntryFilter,
    KalturaLiveStreamEntry,
    KalturaMediaEntryFilter,
    KalturaMediaType,
    KalturaPlaybackContextOptions,
    KalturaRecordStatus,
    KalturaUploadedFileTokenResource,
    KalturaUploadToken,
)

from emulator_tests.simulators.tests.kaltura_calls import EVERY_STATUS, error_of, video_entry
from emulator_tests.simulators.tests.kaltura_content import assert_refused, get, manifest, ready_entry
from emulator_tests.simulators.tests.kaltura_server import KalturaServer, mint

PENDING, APPROVED, REJECTED, AUTO_APPROVED = 1, 2, 3, 6
EVERY_MODERATION = "1,2,3,4,5,6"


def moderation(shown: Any) -> int:
    return int(shown.moderationStatus.getValue())


@pytest.fixture
def moderated(kaltura: KalturaServer) -> KalturaServer:
    """An account in which what is new waits for approval."""
    kaltura.control("POST", "settings", moderation=True)
    return kaltura


def test_new_entry_waits_for_approval(moderated: KalturaServer) -> None:
    """B2: entry::setDefaultModerationStatus."""
    client = moderated.admin()
    live = KalturaLiveStreamEntry(name="a talk", mediaType=KalturaMediaType.LIVE_STREAM_FLASH)
    for added in (client.media.add(video_entry()), client.liveStream.add(live), client.baseEntry.add(video_entry())):
        assert (moderation(added), added.moderationCount) == (PENDING, 1)
    moderated.control("POST", "settings", moderation=False)
    assert moderation(client.media.add(video_entry())) == AUTO_APPROVED


@pytest.mark.parametrize("status", [PENDING, REJECTED], ids=["pending", "rejected"])
def test_lists_exclude_pending_entries_unless_filtered(moderated: KalturaServer, status: int) -> None:
    """B2: KalturaBaseEntryFilter::setDefaultModerationStatus."""
    client = moderated.admin()
    added = client.media.add(video_entry(referenceId="r1", tags="lesson"))
    if status == REJECTED:
        client.media.reject(added.id)
    named = {"statusIn": EVERY_STATUS}
    for hiding in (
        {},
        {"referenceIdEqual": "r1"},
        {"tagsLike": "lesson"},
        {"idIn": added.id},
        {"moderationStatusNotEqual": status},
        {"moderationStatusIn": f"{APPROVED},{AUTO_APPROVED}"},
    ):
        assert client.media.list(KalturaMediaEntryFilter(**named, **hiding)).totalCount == 0, hiding
    for showing in (
        {"moderationStatusIn": EVERY_MODERATION},
        {"moderationStatusEqual": status},
        {"moderationStatusNotEqual": APPROVED},
        {"idEqual": added.id},
    ):
        for service, kind in ((client.media, KalturaMediaEntryFilter), (client.baseEntry, KalturaBaseEntryFilter)):
            assert [each.id for each in service.list(kind(**named, **showing)).objects] == [added.id], showing
    # Entries that are got are not asked; and a count goes by the same rules as a list.
    assert client.media.get(added.id).id == added.id
    assert client.media.count(KalturaMediaEntryFilter(**named)) == 0


def test_only_moderators_approve_and_reject(moderated: KalturaServer) -> None:
    """B2: only who moderates may, so no USER session."""
    client = moderated.admin()
    added = client.media.add(video_entry(userId="ann"))
    for call in (moderated.user("ann").media.approve, moderated.user("ann").baseEntry.reject):
        assert error_of(call, added.id) == "SERVICE_FORBIDDEN"
    client.baseEntry.approve(added.id)
    assert (moderation(client.media.get(added.id)), client.media.get(added.id).moderationCount) == (APPROVED, 0)
    client.media.reject(added.id)
    assert moderation(client.media.get(added.id)) == REJECTED
    assert error_of(client.media.approve, "0_nothing") == "ENTRY_ID_NOT_FOUND"


@pytest.mark.parametrize("rejected", [False, True], ids=["pending", "rejected"])
def test_pending_entry_plays_for_its_owner_and_named_viewers_only(
    moderated: KalturaServer, video: Path, rejected: bool
) -> None:
    """B2: KSecureEntryHelper::validateModeration."""
    shown = ready_entry(moderated, video, userId="ann")
    if rejected:
        moderated.admin().media.reject(shown.id)
    assert_refused(get(manifest(moderated, shown.id)), 13, 404)
    assert_refused(get(manifest(moderated, shown.id, ks=mint("bob", 0))), 13, 404)
    for session in (mint("ann", 0), mint("bob", 0, f"sview:{shown.id}"), mint("operator", 2)):
        assert get(manifest(moderated, shown.id, ks=session)).content == video.read_bytes()
    moderated.admin().media.approve(shown.id)
    assert get(manifest(moderated, shown.id)).content == video.read_bytes()


def test_moderated_entry_is_reported_to_players(moderated: KalturaServer, video: Path) -> None:
    """B2: getPlaybackContext knows nothing of moderation."""
    shown = ready_entry(moderated, video)
    context = moderated.user("bob").baseEntry.getPlaybackContext(shown.id, KalturaPlaybackContextOptions())
    assert (len(context.sources), context.messages) == (2, [])


def test_a_replacement_waits_and_leaves_the_decision_on_what_it_replaces(kaltura: KalturaServer, video: Path) -> None:
    """B2."""
    client = kaltura.admin()
    shown = ready_entry(kaltura, video)
    kaltura.control("POST", "settings", moderation=True)
    kaltura.control("POST", "clock", ready="never")
    token = client.uploadToken.add(KalturaUploadToken())
    client.media.updateContent(shown.id, KalturaUploadedFileTokenResource(token=token.id))
    replacing = client.media.get(client.media.get(shown.id).replacingEntryId)
    assert (moderation(replacing), moderation(client.media.get(shown.id))) == (PENDING, AUTO_APPROVED)


def test_a_recording_is_moderated_as_what_was_broadcast(moderated: KalturaServer) -> None:
    """B2: KalturaLiveEntryService copies the live entry's moderation."""
    client = moderated.admin()
    wanted = KalturaLiveStreamEntry(
        name="a talk", mediaType=KalturaMediaType.LIVE_STREAM_FLASH, recordStatus=KalturaRecordStatus.APPENDED
    )
    pending, approved = client.liveStream.add(wanted), client.liveStream.add(wanted)
    client.baseEntry.approve(approved.id)
    for live, expected in ((pending, PENDING), (approved, APPROVED)):
        moderated.control("POST", "broadcast", entryId=live.id, live=True)
        recorded = client.media.get(client.liveStream.get(live.id).recordedEntryId)
        assert moderation(recorded) == expected
