"""Users, groups and categories at the Kaltura simulator."""

from __future__ import annotations

from KalturaClient.Plugins.Core import (
    KalturaCategory,
    KalturaCategoryEntry,
    KalturaCategoryEntryFilter,
    KalturaCategoryUser,
    KalturaGroupUser,
    KalturaGroupUserFilter,
    KalturaGroupUserRole,
    KalturaMediaEntryFilter,
    KalturaUser,
    KalturaUserFilter,
)
from KalturaClient.Plugins.Group import KalturaGroup

from emulator_tests.simulators.tests.kaltura_calls import error_of, video_entry
from emulator_tests.simulators.tests.kaltura_server import KalturaServer


def test_users_and_groups(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    ann = client.user.add(KalturaUser(id="ann@example.org", firstName="Ann", lastName="Bee", email="ann@example.org"))
    assert (ann.fullName, ann.type.getValue()) == ("Ann Bee", 0)
    assert error_of(client.user.add, KalturaUser(id="ann@example.org")) == "DUPLICATE_USER_BY_ID"
    assert error_of(client.user.add, KalturaUser(id="no spaces")) == "INVALID_FIELD_VALUE"
    assert error_of(client.user.get, "nobody") == "INVALID_USER_ID"
    assert [each.id for each in client.user.list(KalturaUserFilter(firstNameStartsWith="an")).objects] == [ann.id]
    group = client.group.group.add(KalturaGroup(id="0_abcdefgh_moderators"))
    assert error_of(client.group.group.add, KalturaGroup(id=group.id)) == "DUPLICATE_USER_BY_ID"
    member = KalturaGroupUser(userId=ann.id, groupId=group.id, userRole=KalturaGroupUserRole.MEMBER)
    client.groupUser.add(member)
    assert error_of(client.groupUser.add, member) == "GROUP_USER_ALREADY_EXISTS"
    assert error_of(client.groupUser.add, KalturaGroupUser(userId="nobody", groupId=group.id)) == "USER_NOT_FOUND"
    assert error_of(client.groupUser.add, KalturaGroupUser(userId=ann.id, groupId="none")) == "GROUP_NOT_FOUND"
    assert client.group.group.get(group.id).membersCount == 1
    asked = KalturaGroupUserFilter(groupIdEqual=group.id, userIdIn="ann@example.org,bob")
    assert [each.userId for each in client.groupUser.list(asked).objects] == [ann.id]
    client.groupUser.delete(ann.id, group.id)
    assert error_of(client.groupUser.delete, ann.id, group.id) == "GROUP_USER_DOES_NOT_EXISTS"
    assert client.user.delete(ann.id).status.getValue() == 2
    assert client.user.list(KalturaUserFilter(firstNameStartsWith="ann")).totalCount == 0
    client.group.group.delete(group.id)
    assert error_of(client.group.group.get, group.id) == "INVALID_GROUP_ID"


def test_a_group_manager_and_nobody_else_adds_members(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    client.group.group.add(KalturaGroup(id="club"))
    for name in ("ann", "bob"):
        client.user.add(KalturaUser(id=name))
    added = KalturaGroupUser(userId="bob", groupId="club")
    assert error_of(kaltura.user("ann").groupUser.add, added) == "SERVICE_FORBIDDEN"
    client.groupUser.add(KalturaGroupUser(userId="ann", groupId="club", userRole=KalturaGroupUserRole.MANAGER))
    assert kaltura.user("ann").groupUser.add(added).userId == "bob"


def test_categories(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    root = client.category.add(KalturaCategory(name="courses"))
    child = client.category.add(KalturaCategory(name="maths", parentId=root.id))
    assert (child.fullName, child.depth) == ("courses>maths", 1)
    duplicate = KalturaCategory(name="maths", parentId=root.id)
    assert error_of(client.category.add, duplicate) == "DUPLICATE_CATEGORY"
    assert error_of(client.category.add, KalturaCategory(name="x", parentId=999)) == "PARENT_CATEGORY_NOT_FOUND"
    lesson = client.media.add(video_entry(categories="courses>maths"))
    assert lesson.categoriesIds == str(child.id)
    assigned = KalturaCategoryEntry(categoryId=child.id, entryId=lesson.id)
    assert error_of(client.categoryEntry.add, assigned) == "CATEGORY_ENTRY_ALREADY_EXISTS"
    assert error_of(client.categoryEntry.list) == "MUST_FILTER_ON_ENTRY_OR_CATEGORY"
    asked = KalturaCategoryEntryFilter(entryIdEqual=lesson.id)
    assert [each.categoryId for each in client.categoryEntry.list(asked).objects] == [child.id]
    in_category = KalturaMediaEntryFilter(statusEqual="7", categoriesIdsMatchOr=str(child.id))
    assert client.media.list(in_category).totalCount == 1
    client.categoryEntry.delete(lesson.id, child.id)
    assert error_of(client.categoryEntry.delete, lesson.id, child.id) == "ENTRY_IS_NOT_ASSIGNED_TO_CATEGORY"
    client.categoryUser.add(KalturaCategoryUser(categoryId=child.id, userId="ann"))
    member = KalturaCategoryUser(categoryId=child.id, userId="ann")
    assert error_of(client.categoryUser.add, member) == "CATEGORY_USER_ALREADY_EXISTS"
    assert client.categoryUser.get(child.id, "ann").permissionLevel.getValue() == 3
    client.categoryUser.delete(child.id, "ann")
    assert error_of(client.categoryUser.get, child.id, "ann") == "INVALID_CATEGORY_USER_ID"
    client.category.delete(root.id)
    assert kaltura.things("categories") == []


def test_the_members_of_a_group_are_those_that_were_added(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    for name in ("one_moderators", "two_moderators"):
        client.group.group.add(KalturaGroup(id=name, description=f"of {name}"))
    for user_id in ("ann", "bob"):
        client.user.add(KalturaUser(id=user_id))
        client.groupUser.add(KalturaGroupUser(userId=user_id, groupId="one_moderators"))
    client.groupUser.add(KalturaGroupUser(userId="bob", groupId="two_moderators"))
    assert error_of(client.user.add, KalturaUser(id="ann")) == "DUPLICATE_USER_BY_ID"
    shown = client.group.group.get("one_moderators")
    assert (shown.id, shown.membersCount, shown.description) == ("one_moderators", 2, "of one_moderators")
    for group_id, members in (("one_moderators", ["ann", "bob"]), ("two_moderators", ["bob"]), ("none", [])):
        listed = client.groupUser.list(KalturaGroupUserFilter(groupIdEqual=group_id)).objects
        assert sorted(each.userId for each in listed) == members
