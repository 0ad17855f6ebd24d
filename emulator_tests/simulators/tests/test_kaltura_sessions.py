"""Who may do what: sessions, roles, restrictions and ownership, by the vendor's Python client."""

from __future__ import annotations

import base64
import hashlib
import io
from typing import Any

import pytest
from KalturaClient import KalturaClient
from KalturaClient.exceptions import KalturaException
from KalturaClient.Plugins.Core import (
    KalturaAppToken,
    KalturaAppTokenHashType,
    KalturaBaseEntryFilter,
    KalturaCategory,
    KalturaCategoryUser,
    KalturaFilterPager,
    KalturaLiveStreamEntry,
    KalturaMediaEntry,
    KalturaMediaEntryFilter,
    KalturaMediaType,
    KalturaPermission,
    KalturaPrivacyType,
    KalturaSessionType,
    KalturaUploadToken,
    KalturaUser,
    KalturaUserRole,
    KalturaUserStatus,
)
from KalturaClient.Plugins.Schedule import KalturaRecordScheduleEvent

from emulator_tests.simulators.tests.kaltura_server import ADMIN_SECRET, PARTNER_ID, USER_SECRET, KalturaServer, mint


def entry(**fields: Any) -> Any:
    return KalturaMediaEntry(name="a lesson", mediaType=KalturaMediaType.VIDEO, **fields)


def refusal(call: Any, *arguments: Any, **named: Any) -> KalturaException:
    with pytest.raises(KalturaException) as caught:
        call(*arguments, **named)
    return caught.value


def code(call: Any, *arguments: Any, **named: Any) -> str:
    return str(refusal(call, *arguments, **named).code)


def test_sessions_of_both_formats_open_the_account(kaltura: KalturaServer) -> None:
    old = KalturaClient.generateSession(ADMIN_SECRET, "ann", KalturaSessionType.ADMIN, PARTNER_ID, 60, "list:*")
    for ks in (old, mint("ann", KalturaSessionType.ADMIN, "list:*")):
        shown = kaltura.client(ks).session.get()
        assert (shown.userId, shown.sessionType.getValue(), shown.privileges) == ("ann", 2, "list:*")


def test_session_start_needs_the_right_secret(kaltura: KalturaServer) -> None:
    session = kaltura.client().session
    ks = session.start(USER_SECRET, "ann", KalturaSessionType.USER, PARTNER_ID)
    assert kaltura.client(ks).media.add(entry()).userId == "ann"
    assert code(session.start, USER_SECRET, "ann", KalturaSessionType.ADMIN, PARTNER_ID) == "START_SESSION_ERROR"
    assert code(session.start, "wrong", "ann", KalturaSessionType.USER, PARTNER_ID) == "START_SESSION_ERROR"
    wanted = (ADMIN_SECRET, "ann", KalturaSessionType.USER, PARTNER_ID, 60, "setrole:NOBODY")
    assert code(session.start, *wanted) == "UNKNOWN_ROLE_ID"


def tampered(ks: str) -> str:
    """A KS with one bit changed where only its random bytes and its hash can show it."""
    sealed = bytearray(base64.urlsafe_b64decode(ks))
    sealed[len(f"v2|{PARTNER_ID}|") + 8] ^= 1
    return base64.urlsafe_b64encode(sealed).decode()


def forged() -> str:
    """A KS of the old format that names the account but was signed with another secret."""
    ks = KalturaClient.generateSession("not-the-secret", "ann", KalturaSessionType.ADMIN, PARTNER_ID)
    return str(ks, "ascii")


@pytest.mark.parametrize(
    "ks",
    ["rubbish", tampered(mint("ann", KalturaSessionType.ADMIN)), forged()],
    ids=["garbled", "tampered with", "forged"],
)
def test_a_broken_session_is_refused(kaltura: KalturaServer, ks: str) -> None:
    refused = refusal(kaltura.client(ks).media.list)
    assert (refused.code, refused.message) == ("INVALID_KS", f"Invalid KS [{ks}]. Error [-1,INVALID_STR]")


def test_a_session_ends_in_the_second_it_expires(kaltura: KalturaServer) -> None:
    client = kaltura.user("ann", expiry_s=100)
    assert client.media.list().totalCount == 0
    kaltura.control("POST", "clock", advance_s=101)
    refused = refusal(client.media.list)
    assert (refused.code, refused.message) == ("INVALID_KS", "Invalid KS [EXPIRED]. Error [-1,INVALID_STR]")


def test_ending_a_session_ends_all_with_its_sessionid(kaltura: KalturaServer) -> None:
    first, twin = kaltura.user("ann", "sessionid:u1"), kaltura.user("ann", "sessionid:u1")
    other = kaltura.user("ann", "sessionid:u2")
    assert twin.media.list().totalCount == 0
    first.session.end()
    assert "LOGOUT" in refusal(first.media.list).message
    assert "LOGOUT" in refusal(twin.media.list).message
    assert other.media.list().totalCount == 0


def test_without_a_session_only_open_actions_answer(kaltura: KalturaServer) -> None:
    nobody = kaltura.client()
    assert nobody.system.ping() is True
    assert code(nobody.media.list) == "MISSING_KS"


def test_what_a_plain_user_session_may_do(kaltura: KalturaServer) -> None:
    ann, bob, operator = kaltura.user("ann"), kaltura.user("bob"), kaltura.admin()
    hers, his = ann.media.add(entry()), bob.media.add(entry(referenceId="r1"))
    every = "2,7"
    assert [each.id for each in ann.media.list(KalturaMediaEntryFilter(statusIn=every)).objects] == [hers.id]
    lifted = KalturaMediaEntryFilter(statusIn=every, referenceIdEqual="r1")
    assert [each.id for each in ann.media.list(lifted).objects] == [his.id]
    wide = kaltura.user("ann", "list:*").media.list(KalturaMediaEntryFilter(statusIn=every))
    assert wide.totalCount == 2
    assert ann.media.get(his.id).id == his.id
    assert ann.media.update(hers.id, KalturaMediaEntry(name="better")).name == "better"
    ann.media.delete(hers.id)
    assert code(operator.media.get, hers.id) == "ENTRY_ID_NOT_FOUND"


def test_what_a_plain_user_session_may_not_do(kaltura: KalturaServer) -> None:
    ann, operator = kaltura.user("ann"), kaltura.admin()
    his = kaltura.user("bob").media.add(entry())
    owner = refusal(ann.media.update, his.id, KalturaMediaEntry(name="mine"))
    assert (owner.code, owner.message) == ("INVALID_KS", "Invalid KS []. Error [-4,INVALID_TYPE]")
    assert code(ann.media.delete, his.id) == "INVALID_KS"
    forbidden = refusal(ann.media.approve, his.id)
    assert forbidden.code == "SERVICE_FORBIDDEN"
    assert forbidden.message == "The access to service [media->approve] is forbidden"
    for call, arguments in (
        (ann.user.list, ()),
        (ann.user.add, (KalturaUser(id="eve"),)),
        (ann.appToken.list, ()),
        (ann.session.get, ()),
        (ann.flavorAsset.delete, ("0_nothing0",)),
        (ann.accessControlProfile.list, ()),
        (ann.schedule.scheduleEvent.add, (KalturaRecordScheduleEvent(),)),
        (ann.liveStream.add, (KalturaLiveStreamEntry(),)),
    ):
        assert code(call, *arguments) == "SERVICE_FORBIDDEN"
    another = "CANNOT_RETRIEVE_ANOTHER_USER_USING_NON_ADMIN_SESSION"
    assert code(ann.user.get, "bob") == another
    for field in ({"adminTags": "x"}, {"startDate": 5}, {"endDate": 5}):
        assert code(ann.media.add, entry(**field)) == "PROPERTY_VALIDATION_ADMIN_PROPERTY"
    assert code(ann.media.add, entry(userId="bob")) == "INVALID_KS"
    assert operator.media.add(entry(userId="bob", adminTags="x")).adminTags == "x"


def test_an_edit_privilege_opens_one_entry_of_another(kaltura: KalturaServer) -> None:
    his, other = (kaltura.user("bob").media.add(entry()) for _ in range(2))
    editor = kaltura.user("ann", f"edit:{his.id}")
    assert editor.media.update(his.id, KalturaMediaEntry(name="edited")).name == "edited"
    assert code(editor.media.update, other.id, KalturaMediaEntry(name="edited")) == "INVALID_KS"
    editor.media.delete(his.id)


def test_the_upload_role_uploads_and_nothing_else(kaltura: KalturaServer) -> None:
    client = kaltura.user("ann", "setrole:UPLOAD_BASE_ROLE")
    token = client.uploadToken.add(KalturaUploadToken())
    client.uploadToken.upload(token.id, ("a.mp4", io.BytesIO(b"x"), "video/mp4"))
    for call, arguments in ((client.media.add, (entry(),)), (client.media.list, ()), (client.media.get, ("0_x",))):
        assert code(call, *arguments) == "SERVICE_FORBIDDEN"


def test_the_playback_role_reads_and_writes_nothing(kaltura: KalturaServer) -> None:
    his = kaltura.admin().media.add(entry())
    viewer = kaltura.user("ann", "setrole:PLAYBACK_BASE_ROLE")
    assert viewer.baseEntry.get(his.id).id == his.id
    assert code(viewer.media.add, entry()) == "SERVICE_FORBIDDEN"


def test_an_unknown_role_is_refused_when_it_is_used(kaltura: KalturaServer) -> None:
    assert code(kaltura.user("ann", "setrole:NOBODY").media.list) == "INVALID_OBJECT_ID"


def upload_only_role(kaltura: KalturaServer) -> int:
    operator = kaltura.admin()
    items = operator.permissionItem.list(pager=KalturaFilterPager(pageSize=500)).objects
    upload = next(each for each in items if (each.service, each.action) == ("uploadtoken", "upload"))
    operator.permission.add(KalturaPermission(name="UPLOAD_ONLY", permissionItemsIds=str(upload.id)))
    role = operator.userRole.add(KalturaUserRole(name="upload only", permissionNames="UPLOAD_ONLY"))
    return int(role.id)


def test_a_custom_role_of_one_item_holds_that_item_alone(kaltura: KalturaServer) -> None:
    role = upload_only_role(kaltura)
    token = kaltura.user("u1").uploadToken.add(KalturaUploadToken())
    confined = kaltura.user("u1", f"setrole:{role}")
    confined.uploadToken.upload(token.id, ("a.mp4", io.BytesIO(b"x"), "video/mp4"))
    for call, arguments in (
        (confined.uploadToken.add, (KalturaUploadToken(),)),
        (confined.uploadToken.get, (token.id,)),
        (confined.media.add, (entry(),)),
        (confined.media.list, ()),
        (confined.baseEntry.list, (KalturaBaseEntryFilter(),)),
    ):
        assert code(call, *arguments) == "SERVICE_FORBIDDEN"


def test_a_users_own_roles_apply_without_setrole(kaltura: KalturaServer) -> None:
    role = upload_only_role(kaltura)
    kaltura.admin().user.add(KalturaUser(id="ann", roleIds=str(role)))
    assert code(kaltura.user("ann").media.list) == "SERVICE_FORBIDDEN"


def test_an_app_token_hands_out_sessions_within_its_bounds(kaltura: KalturaServer) -> None:
    operator = kaltura.admin()
    token = operator.appToken.add(
        KalturaAppToken(
            sessionType=KalturaSessionType.USER,
            sessionDuration=600,
            sessionPrivileges="setrole:PLAYBACK_BASE_ROLE",
            hashType=KalturaAppTokenHashType.SHA256,
        )
    )
    widget = kaltura.client().session.startWidgetSession(f"_{PARTNER_ID}").ks
    digest = hashlib.sha256((widget + token.token).encode()).hexdigest()
    caller = kaltura.client(widget)
    started = caller.appToken.startSession(
        token.id, digest, "ann", sessionPrivileges="setrole:Publisher Administrator,role:viewer"
    )
    assert started.userId == "ann"
    assert "setrole:PLAYBACK_BASE_ROLE" in started.privileges
    assert "Publisher" not in started.privileges
    assert "role:viewer" in started.privileges
    assert code(kaltura.client(started.ks).media.add, entry()) == "SERVICE_FORBIDDEN"
    assert code(caller.appToken.startSession, token.id, "0" * 64) == "INVALID_APP_TOKEN_HASH"
    operator.appToken.delete(token.id)
    assert code(kaltura.client(started.ks).baseEntry.list) == "INVALID_KS"
    assert code(caller.appToken.startSession, token.id, digest) == "APP_TOKEN_ID_NOT_FOUND"


def test_a_user_record_appears_with_the_first_token_or_entry(kaltura: KalturaServer) -> None:
    kaltura.user("ann").uploadToken.add(KalturaUploadToken())
    kaltura.user("bob").media.add(entry())
    assert sorted(each["id"] for each in kaltura.things("users")) == ["ann", "bob"]


def test_enforced_entitlement_hides_entries_even_from_admins(kaltura: KalturaServer) -> None:
    operator = kaltura.admin()
    members = operator.category.add(KalturaCategory(name="members", privacy=KalturaPrivacyType.MEMBERS_ONLY))
    open_entry = operator.media.add(entry(userId="bob"))
    hidden = operator.media.add(entry(userId="bob", categoriesIds=str(members.id)))
    operator.categoryUser.add(KalturaCategoryUser(categoryId=members.id, userId="ann"))
    kaltura.control("POST", "settings", entitlement=True)
    everything = KalturaMediaEntryFilter(statusEqual="7")
    bare_admin = kaltura.admin("")
    assert code(bare_admin.media.get, hidden.id) == "ENTRY_ID_NOT_FOUND"
    assert [each.id for each in bare_admin.media.list(everything).objects] == [open_entry.id]
    school = kaltura.user("eve", "privacycontext:school,list:*")
    # What is in no category stays readable by its id, but a context lists only what is published in it.
    assert school.media.get(open_entry.id).id == open_entry.id
    assert school.media.list(everything).totalCount == 0
    assert kaltura.user("eve").media.get(open_entry.id).id == open_entry.id
    for client in (
        operator,
        kaltura.user("bob"),
        kaltura.user("ann"),
        kaltura.user("eve", f"disableentitlementforentry:{hidden.id}"),
    ):
        assert client.media.get(hidden.id).id == hidden.id


def test_a_blocked_user_is_refused(kaltura: KalturaServer) -> None:
    kaltura.admin().user.add(KalturaUser(id="eve", status=KalturaUserStatus.BLOCKED))
    assert code(kaltura.user("eve").media.list) == "USER_BLOCKED"
