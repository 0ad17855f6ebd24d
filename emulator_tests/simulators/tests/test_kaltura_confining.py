"""Sessions handed to viewers: what they can still read and play, and what confines them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from KalturaClient.Plugins.Annotation import KalturaAnnotation, KalturaAnnotationFilter
from KalturaClient.Plugins.Caption import KalturaCaptionAsset
from KalturaClient.Plugins.CaptionSearch import KalturaCaptionAssetItemFilter
from KalturaClient.Plugins.CodeCuePoint import KalturaCodeCuePoint
from KalturaClient.Plugins.Core import (
    KalturaBaseEntryFilter,
    KalturaCategory,
    KalturaFlavorAssetFilter,
    KalturaMediaEntryFilter,
    KalturaModerationFlag,
    KalturaModerationFlagType,
    KalturaPlaybackContextOptions,
    KalturaPrivacyType,
    KalturaStringResource,
    KalturaUserFilter,
    KalturaUserRole,
    KalturaWidget,
)
from KalturaClient.Plugins.CuePoint import KalturaCuePointFilter
from KalturaClient.Plugins.Metadata import (
    KalturaMetadataFilter,
    KalturaMetadataObjectType,
    KalturaMetadataProfile,
)

from emulator_tests.simulators.tests.kaltura_calls import EVERY_STATUS, error_of, video_entry
from emulator_tests.simulators.tests.kaltura_content import (
    PLAYER_CALLS,
    assert_refused,
    get,
    private_profile,
    ready_entry,
    role,
)
from emulator_tests.simulators.tests.kaltura_server import PARTNER_ID, KalturaServer, mint

SRT = "1\n00:00:01,000 --> 00:00:02,000\n{}\n"

#: Reads of somebody else's entry: by its id, its reference, or by a word that is said in it.
READS: dict[str, Callable[[Any, str], Any]] = {
    "baseEntry.get": lambda client, entry_id: client.baseEntry.get(entry_id),
    "media.get": lambda client, entry_id: client.media.get(entry_id),
    "baseEntry.getByIds": lambda client, entry_id: client.baseEntry.getByIds(entry_id),
    "media.list by id": lambda client, entry_id: client.media.list(asked(idIn=entry_id)),
    "media.list by reference": lambda client, _id: client.media.list(asked(referenceIdEqual="draft-1")),
    "baseEntry.listByReferenceId": lambda client, _id: client.baseEntry.listByReferenceId("draft-1"),
    "flavorAsset.list": lambda client, entry_id: client.flavorAsset.list(
        KalturaFlavorAssetFilter(entryIdEqual=entry_id)
    ),
    "captionAssetItem.searchEntries": lambda client, _id: client.captionSearch.captionAssetItem.searchEntries(
        KalturaBaseEntryFilter(), KalturaCaptionAssetItemFilter(contentLike="secret")
    ),
    "cuePoint.list": lambda client, entry_id: client.cuePoint.cuePoint.list(
        KalturaCuePointFilter(entryIdEqual=entry_id)
    ),
}

#: What a plain session may do to somebody else's entry.
WRITES: dict[str, Callable[[Any, str], Any]] = {
    "annotation.add": lambda client, entry_id: client.annotation.annotation.add(
        KalturaAnnotation(entryId=entry_id, text="mine", startTime=0)
    ),
    "cuePoint.add": lambda client, entry_id: client.cuePoint.cuePoint.add(
        KalturaCodeCuePoint(entryId=entry_id, code="mine", startTime=0)
    ),
    "widget.add": lambda client, entry_id: client.widget.add(KalturaWidget(uiConfId=1, entryId=entry_id)),
}


def asked(**wanted: Any) -> Any:
    return KalturaMediaEntryFilter(statusIn=EVERY_STATUS, **wanted)


@pytest.fixture
def draft(kaltura: KalturaServer, video: Path) -> Any:
    """An entry of a teacher's, with captions and a public note, under a profile that asks for a KS."""
    client = kaltura.admin()
    fields = {"userId": "teacher", "referenceId": "draft-1", "accessControlId": private_profile(kaltura)}
    added = ready_entry(kaltura, video, **fields)
    captions = client.caption.captionAsset.add(added.id, KalturaCaptionAsset())
    client.caption.captionAsset.setContent(captions.id, KalturaStringResource(content=SRT.format("a secret word")))
    client.annotation.annotation.add(KalturaAnnotation(entryId=added.id, text="to all", startTime=0, isPublic=1))
    return added


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_plain_session_and_a_widgets_read_any_entry_that_they_can_name(
    kaltura: KalturaServer, draft: Any, read: Callable[[Any, str], Any]
) -> None:
    """A7: deployment/permissions gives these to BASE_USER_SESSION_PERMISSION and WIDGET_SESSION_PERMISSION."""
    widget = kaltura.client(kaltura.client().session.startWidgetSession(f"_{PARTNER_ID}").ks)
    for client in (kaltura.user("student", f"sview:{draft.id}"), widget):
        found = read(client, draft.id)
        rows = found if isinstance(found, list) else getattr(found, "objects", [found])
        assert {each.entryId if hasattr(each, "entryId") else each.id for each in rows} == {draft.id}


@pytest.mark.parametrize("read", (READS | WRITES).values(), ids=READS | WRITES)
def test_a_role_for_the_player_alone_holds_none_of_them(
    kaltura: KalturaServer, draft: Any, read: Callable[[Any, str], Any]
) -> None:
    """A7."""
    viewer = kaltura.user("student", f"sview:{draft.id},setrole:{role(kaltura, *PLAYER_CALLS)}")
    assert error_of(read, viewer, draft.id) == "SERVICE_FORBIDDEN"


def test_a_role_for_the_player_reads_by_id_what_the_player_reads(kaltura: KalturaServer, draft: Any) -> None:
    """A7: which no role narrows to one entry."""
    viewer = kaltura.user("student", f"sview:0_zzzzzzzz,setrole:{role(kaltura, *PLAYER_CALLS)}")
    [shown] = viewer.baseEntry.list(KalturaBaseEntryFilter(redirectFromEntryId=draft.id)).objects
    assert shown.referenceId == "draft-1"
    context = viewer.baseEntry.getPlaybackContext(draft.id, KalturaPlaybackContextOptions())
    assert (len(context.actions), context.sources) == (1, [])
    by_object = KalturaMetadataFilter(objectIdEqual=draft.id)
    assert viewer.metadata.metadata.list(by_object).totalCount == 0
    assert viewer.baseEntry.list(KalturaBaseEntryFilter()).totalCount == 0


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_plain_session_adds_to_any_entry(
    kaltura: KalturaServer, draft: Any, write: Callable[[Any, str], Any]
) -> None:
    """A7."""
    write(kaltura.user("student"), draft.id)
    made = [*kaltura.things("cuePoints"), *kaltura.things("widgets")]
    assert [each["entryId"] for each in made if each.get("userId") != "operator"] == [draft.id]


def test_metadata_is_added_by_the_owner_and_who_may_edit_only(kaltura: KalturaServer, draft: Any) -> None:
    """A7: MetadataEntryPeer::validateMetadataObjectAccess keeps strangers out."""
    profile = KalturaMetadataProfile(name="facts", metadataObjectType=KalturaMetadataObjectType.ENTRY)
    number = kaltura.admin().metadata.metadataProfile.add(profile, "<xsd/>").id

    def add(client: Any) -> Any:
        return client.metadata.metadata.add(number, KalturaMetadataObjectType.ENTRY, draft.id, "<facts/>")

    assert error_of(add, kaltura.user("student")) == "METADATA_OBJECT_ID_NOT_FOUND"
    made = add(kaltura.user("teacher"))
    strangers = kaltura.user("student").metadata.metadata
    assert error_of(strangers.update, made.id, "<changed/>") == "METADATA_OBJECT_ID_NOT_FOUND"
    assert strangers.get(made.id).xml == "<facts/>"
    assert error_of(strangers.list) == "MUST_FILTER_ON_OBJECT_ID"


def test_anybody_may_flag_any_entry(kaltura: KalturaServer, draft: Any) -> None:
    """A7: ALWAYS_ALLOWED_ACTIONS; a flagged entry is still listed."""
    role_number = role(kaltura, "baseEntry.list")
    flag = KalturaModerationFlag(flaggedEntryId=draft.id, flagType=KalturaModerationFlagType.SPAM_COMMERCIALS)
    for client in (kaltura.client(), kaltura.user("student", f"setrole:{role_number}")):
        client.baseEntry.flag(flag)
    admin = kaltura.admin()
    assert admin.media.get(draft.id).moderationStatus.getValue() == 5
    assert admin.media.list(asked()).totalCount == 1
    assert [each.userId for each in admin.media.listFlags(draft.id).objects] == ["", "student"]
    admin.media.approve(draft.id)
    assert admin.media.listFlags(draft.id).totalCount == 0


def test_what_is_always_allowed_can_be_taken_away_too(kaltura: KalturaServer, draft: Any) -> None:
    """A7: kPermissionManager::removeLimitedPermissions."""
    own = role(kaltura, "baseEntry.list")
    nothing = kaltura.admin().userRole.add(KalturaUserRole(name="always", permissionNames="ALWAYS_ALLOWED_ACTIONS"))
    confined = kaltura.user("student", f"setrole:{own},restrictingrole:{nothing.id}")
    flag = KalturaModerationFlag(flaggedEntryId=draft.id, flagType=KalturaModerationFlagType.SPAM_COMMERCIALS)
    assert error_of(confined.baseEntry.flag, flag) == "SERVICE_FORBIDDEN"
    assert confined.baseEntry.list(KalturaBaseEntryFilter(idEqual=draft.id)).totalCount == 1


@pytest.mark.parametrize("where", ["user", "user.get", "user.list"])
def test_a_viewer_reads_no_user(kaltura: KalturaServer, where: str) -> None:
    """A7."""
    viewer = kaltura.user("student", f"setrole:{role(kaltura, *PLAYER_CALLS)}")
    call = viewer.user.list if where == "user.list" else viewer.user.get
    assert error_of(call, KalturaUserFilter() if where == "user.list" else "teacher") == "SERVICE_FORBIDDEN"


def test_a_thumbnail_asks_for_a_session_only_where_its_profile_does(kaltura: KalturaServer, video: Path) -> None:
    """A7: thumbnailAction looks at a KS only if a rule blocks thumbnails."""
    open_entry = ready_entry(kaltura, video)
    guarded = ready_entry(kaltura, video, accessControlId=private_profile(kaltura))
    assert get(f"{open_entry.thumbnailUrl}/ks/rubbish").content
    assert_refused(get(f"{guarded.thumbnailUrl}/ks/rubbish"), 4)
    assert_refused(get(guarded.thumbnailUrl), 3)
    assert get(f"{guarded.thumbnailUrl}/ks/{mint('ann', 0, f'sview:{guarded.id}')}").content


def test_ending_by_sessionid_ends_every_session_that_carries_it_on_every_service(
    kaltura: KalturaServer, video: Path
) -> None:
    """A8: kSessionUtils and invalidSessionPeer."""
    shown = ready_entry(kaltura, video, accessControlId=private_profile(kaltura))
    privileges = ("sessionid:e1-ann", f"sview:{shown.id},sessionid:e1-ann", "list:*,sessionid:e1-ann")
    ended = [kaltura.user("ann", each) for each in privileges]
    ended.append(kaltura.client(mint("bob", 2, "sessionid:e1-ann")))
    going_on = kaltura.user("ann", "sessionid:e2-ann")
    kaltura.client(mint("operator", 2, "sessionid:e1-ann")).session.end()
    for client in ended:
        for call, arguments in (
            (client.media.get, (shown.id,)),
            (client.baseEntry.getPlaybackContext, (shown.id, KalturaPlaybackContextOptions())),
            (client.metadata.metadata.list, (KalturaMetadataFilter(objectIdEqual=shown.id),)),
            (client.cuePoint.cuePoint.list, (KalturaCuePointFilter(entryIdEqual=shown.id),)),
            (client.annotation.annotation.list, (KalturaAnnotationFilter(entryIdEqual=shown.id),)),
            (client.widget.get, (f"_{PARTNER_ID}",)),
            (client.session.get, ()),
        ):
            with pytest.raises(Exception, match="LOGOUT"):
                call(*arguments)
    assert going_on.media.get(shown.id).id == shown.id


def test_an_account_that_restricts_metadata_shows_private_entries_to_their_viewers_alone(
    kaltura: KalturaServer, draft: Any
) -> None:
    """A7: entryPeer::filterSelectResults with restrictEntryByMetadata."""
    kaltura.control("POST", "settings", metadata_access_control=True)
    widget = kaltura.client(kaltura.client().session.startWidgetSession(f"_{PARTNER_ID}").ks)
    for client in (kaltura.user("student"), kaltura.user("teacher"), widget, kaltura.user("x", "sview:0_zzzzzzzz")):
        assert error_of(client.media.get, draft.id) == "ENTRY_ID_NOT_FOUND"
        assert client.baseEntry.list(KalturaBaseEntryFilter(idIn=draft.id, statusIn=EVERY_STATUS)).totalCount == 0
        assert error_of(client.baseEntry.getPlaybackContext, draft.id, KalturaPlaybackContextOptions())
    for client in (kaltura.user("student", f"sview:{draft.id}"), kaltura.admin()):
        assert client.media.get(draft.id).id == draft.id


def test_entitlement_hides_what_is_in_a_category_for_members_only(kaltura: KalturaServer, draft: Any) -> None:
    """A7: kEntitlementUtils; what is in no category stays open to whoever can name it."""
    admin = kaltura.admin()
    members = admin.category.add(KalturaCategory(name="all", privacy=KalturaPrivacyType.MEMBERS_ONLY))
    kept = admin.media.add(video_entry(userId="teacher", categoriesIds=str(members.id)))
    widget = kaltura.client(kaltura.client().session.startWidgetSession(f"_{PARTNER_ID}").ks)
    assert widget.media.get(kept.id).id == kept.id, "an account without the feature enforces nothing"
    kaltura.control("POST", "settings", entitlement=True)
    for client in (widget, kaltura.user("student", f"sview:{kept.id}")):
        assert error_of(client.media.get, kept.id) == "ENTRY_ID_NOT_FOUND"
        assert client.media.get(draft.id).id == draft.id
    for client in (kaltura.user("student", f"disableentitlementforentry:{kept.id}"), kaltura.user("teacher"), admin):
        assert client.media.get(kept.id).id == kept.id
    kaltura.control("POST", "settings", entitlement_by_default=False)
    assert widget.media.get(kept.id).id == kept.id
    assert error_of(kaltura.user("student", "enableentitlement").media.get, kept.id) == "ENTRY_ID_NOT_FOUND"


def test_a_widget_can_be_given_a_role_and_one_entry(kaltura: KalturaServer, draft: Any) -> None:
    """A7: SessionService::startWidgetSession."""
    admin = kaltura.admin()
    number = role(kaltura, *PLAYER_CALLS)
    admin.widget.update(f"_{PARTNER_ID}", KalturaWidget(roles=str(number)))
    session = kaltura.client(kaltura.client().session.startWidgetSession(f"_{PARTNER_ID}").ks)
    assert error_of(session.media.get, draft.id) == "SERVICE_FORBIDDEN"
    of_entry = admin.widget.add(KalturaWidget(uiConfId=1, entryId=draft.id))
    privileges = kaltura.client().session.startWidgetSession(of_entry.id).ks
    assert f"limitentry:{draft.id}" in admin.session.get(privileges).privileges
    assert error_of(kaltura.client().session.startWidgetSession, "_1") == "INVALID_WIDGET_ID"
