"""The filters of lists, by the vendor's Python client: categories, tags, advanced search, people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from KalturaClient.exceptions import KalturaException
from KalturaClient.Plugins.Core import (
    KalturaBaseEntryFilter,
    KalturaCategory,
    KalturaCategoryFilter,
    KalturaCategoryUser,
    KalturaCategoryUserPermissionLevel,
    KalturaLiveStreamEntry,
    KalturaLiveStreamEntryFilter,
    KalturaMediaEntryCompareAttributeCondition,
    KalturaMediaEntryFilter,
    KalturaMediaEntryMatchAttributeCondition,
    KalturaMediaType,
    KalturaSearchConditionComparison,
    KalturaSearchOperator,
    KalturaSearchOperatorType,
    KalturaUser,
    KalturaUserFilter,
)

from emulator_tests.simulators.tests.kaltura_calls import EVERY_STATUS, error_of, video_entry
from emulator_tests.simulators.tests.kaltura_server import KalturaServer

PLAYED_AT = 1_000_000_000
LESS_THAN, EQUAL = KalturaSearchConditionComparison.LESS_THAN, KalturaSearchConditionComparison.EQUAL
MANAGER, MODERATOR = KalturaCategoryUserPermissionLevel.MANAGER, KalturaCategoryUserPermissionLevel.MODERATOR


def matches(attribute: str, value: str, **more: Any) -> Any:
    return KalturaMediaEntryMatchAttributeCondition(attribute=attribute, value=value, **more)


def compares(attribute: str, value: int, comparison: str) -> Any:
    return KalturaMediaEntryCompareAttributeCondition(attribute=attribute, value=str(value), comparison=comparison)


def all_of(*items: Any) -> Any:
    return KalturaSearchOperator(type=KalturaSearchOperatorType.SEARCH_AND, items=list(items))


def any_of(*items: Any) -> Any:
    return KalturaSearchOperator(type=KalturaSearchOperatorType.SEARCH_OR, items=list(items))


NOT_OLD = matches("tags", "old", not_=True)


@pytest.fixture
def courses(kaltura: KalturaServer) -> KalturaServer:
    """Four lessons: three in categories one below the other, and one of them played; one in none."""
    client = kaltura.admin()
    root = client.category.add(KalturaCategory(name="courses"))
    maths = client.category.add(KalturaCategory(name="maths", parentId=root.id))
    algebra = client.category.add(KalturaCategory(name="algebra", parentId=maths.id))
    assert (root.id, maths.id, algebra.id) == (1, 2, 3)
    for name, category, tags, admin_tags in (
        ("root", "1", "math", "yes"),
        ("maths", "2", "math, old", None),
        ("algebra", "3", "art", "keep"),
        ("loose", None, "old", None),
    ):
        added = client.media.add(video_entry(name=name, categoriesIds=category, tags=tags, adminTags=admin_tags))
        if name == "maths":
            played = {"lastPlayedAt": PLAYED_AT, "duration": 90, "msDuration": 90_000}
            kaltura.control("POST", "change", kind="entries", id=added.id, fields=played)
    return kaltura


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"categoryAncestorIdIn": "2"}, "maths algebra"),
        ({"categoriesIdsMatchOr": "2"}, "maths"),
        ({"categoriesMatchOr": "courses>maths"}, "maths algebra"),
        ({"categoriesMatchOr": "courses>"}, "maths algebra"),
        ({"categoriesMatchAnd": "courses,courses>maths"}, "maths algebra"),
        ({"categoriesFullNameIn": "courses>maths>algebra"}, "algebra"),
        ({"categoriesFullNameIn": "nothing"}, ""),
        ({"categoriesIdsEmpty": 1}, "loose"),
        ({"categoriesIdsNotContains": "2"}, "root loose"),
        ({"categoriesNotContains": "courses"}, "loose"),
        ({"tagsNameMultiLikeOr": "loo,mat"}, "root maths loose"),
        ({"tagsNameMultiLikeAnd": "mat,old"}, "maths"),
        ({"tagsAdminTagsMultiLikeOr": "keep,old"}, "maths algebra loose"),
        ({"tagsAdminTagsMultiLikeAnd": "art,keep"}, "algebra"),
        ({"tagsAdminTagsNameMultiLikeAnd": "alg,keep"}, "algebra"),
        ({"searchTextMatchOr": "loose,art"}, "algebra loose"),
        ({"searchTextMatchAnd": "maths,old"}, "maths"),
        ({"durationGreaterThan": 89}, "maths"),
        ({"durationGreaterThan": 90}, ""),
        ({"durationLessThan": 90}, "root algebra loose"),
        ({"durationLessThanOrEqual": 90}, "root maths algebra loose"),
        ({"isRoot": 1}, "root maths algebra loose"),
        ({"isRoot": 0}, ""),
        ({"lastPlayedAtGreaterThanOrEqual": PLAYED_AT}, "maths"),
    ],
    ids=lambda value: "-".join(f"{name}-{given}" for name, given in value.items()) if isinstance(value, dict) else "",
)
def test_entries_are_found_by_every_property(courses: KalturaServer, wanted: dict[str, Any], names: str) -> None:
    """S2."""
    asked = KalturaMediaEntryFilter(statusIn=EVERY_STATUS, **wanted)
    assert {each.name for each in courses.admin().media.list(asked).objects} == set(names.split())


@pytest.mark.parametrize(
    ("search", "names"),
    [
        (matches("tags", "nosuchtag", not_=False), ""),
        (NOT_OLD, "root algebra"),
        (matches("tags", "old"), "maths loose"),
        (compares("lastPlayedAt", PLAYED_AT + 1, LESS_THAN), "root maths algebra loose"),
        (compares("lastPlayedAt", PLAYED_AT, LESS_THAN), "root algebra loose"),
        (compares("duration", 90, EQUAL), "maths"),
        (all_of(matches("tags", "old"), matches("name", "maths")), "maths"),
        (any_of(matches("name", "loose"), all_of(matches("tags", "art"), matches("name", "alg"))), "algebra loose"),
        (all_of(any_of(matches("tags", "math"), matches("tags", "art")), NOT_OLD), "root algebra"),
    ],
    ids=[
        "no such tag", "not", "match", "never played is zero", "less", "equal", "and", "nested in or", "nested in and",
    ],
)  # fmt: skip
def test_an_advanced_search_combines_and_negates(courses: KalturaServer, search: Any, names: str) -> None:
    """S2."""
    asked = KalturaMediaEntryFilter(statusIn=EVERY_STATUS, advancedSearch=search)
    assert {each.name for each in courses.admin().media.list(asked).objects} == set(names.split())


@pytest.mark.parametrize(
    ("ask", "named"),
    [
        (
            lambda client: client.liveStream.list(KalturaLiveStreamEntryFilter(hasMediaServerHostname="here")),
            "hasMediaServerHostname",
        ),
        (
            lambda client: client.media.list(KalturaMediaEntryFilter(advancedSearch=matches("nothing", "1"))),
            "advancedSearch::KalturaMediaEntryMatchAttributeCondition::nothing",
        ),
        (
            lambda client: client.user.list(KalturaUserFilter(permissionNamesMultiLikeOr="1")),
            "permissionNamesMultiLikeOr",
        ),
    ],
    ids=["entries", "advanced search", "users"],
)
def test_a_property_that_is_known_but_not_simulated_is_an_error(
    kaltura: KalturaServer, ask: Callable[[Any], Any], named: str
) -> None:
    """S2: never "no demand", which would answer with everything."""
    with pytest.raises(KalturaException, match=named) as caught:
        ask(kaltura.admin())
    assert caught.value.code == "FILTER_PROPERTY_NOT_SIMULATED"


def test_categories_and_people_are_found_by_every_property(courses: KalturaServer) -> None:
    """S2."""
    client = courses.admin()
    client.category.add(KalturaCategory(name="science", referenceId="cou-1"))
    for category_id, user_id, level in ((4, "bob", MANAGER), (2, "ann", MODERATOR)):
        added = KalturaCategoryUser(categoryId=category_id, userId=user_id, permissionLevel=level)
        client.categoryUser.add(added)
    for wanted, names in (
        ({"ancestorIdIn": "1"}, "maths algebra"),
        ({"nameOrReferenceIdStartsWith": "cou"}, "courses science"),
        ({"fullNameStartsWithIn": "courses>m,sci"}, "maths algebra science"),
        ({"managerEqual": "bob"}, "science"),
        ({"memberEqual": "ann"}, "maths"),
        ({"membersIn": "ann,nobody"}, "maths"),
    ):
        found = client.category.list(KalturaCategoryFilter(**wanted)).objects
        assert {each.name for each in found} == set(names.split()), wanted
    client.user.add(KalturaUser(id="u1", screenName="Zoe", firstName="Ann", lastName="Bee"))
    client.user.add(KalturaUser(id="zed", firstName="Carl", lastName="Anders"))
    for wanted, ids in (
        ({"idOrScreenNameStartsWith": "z"}, "u1 zed"),
        ({"firstNameOrLastNameStartsWith": "an"}, "u1 zed"),
        ({"roleIdEqual": "999"}, ""),
    ):
        found = client.user.list(KalturaUserFilter(**wanted)).objects
        assert {each.id for each in found} == set(ids.split()), wanted


def test_a_player_is_redirected_once_the_other_entry_is_ready(kaltura: KalturaServer) -> None:
    """S5: the filter of Kaltura's player; it lifts the owner limit and asks for one entry."""
    client = kaltura.admin()
    live, film = client.liveStream.add(live_entry()), client.media.add(video_entry())
    client.media.add(video_entry())
    asked = KalturaBaseEntryFilter(redirectFromEntryId=live.id)
    viewer = kaltura.user("ann")
    assert [each.id for each in viewer.baseEntry.list(asked).objects] == [live.id]
    client.liveStream.update(live.id, KalturaLiveStreamEntry(redirectEntryId=film.id))
    assert [each.id for each in viewer.baseEntry.list(asked).objects] == [live.id]
    kaltura.control("POST", "change", kind="entries", id=film.id, fields={"status": 2})
    assert [each.id for each in viewer.baseEntry.list(asked).objects] == [film.id]
    assert (
        error_of(viewer.baseEntry.list, KalturaBaseEntryFilter(redirectFromEntryId="0_nothere1")) == "INVALID_ENTRY_ID"
    )


def live_entry() -> Any:
    return KalturaLiveStreamEntry(name="a talk", mediaType=KalturaMediaType.LIVE_STREAM_FLASH)


def test_media_knows_live_entries(kaltura: KalturaServer) -> None:
    """S6."""
    client = kaltura.admin()
    live, film = client.liveStream.add(live_entry()), client.media.add(video_entry())
    both = KalturaMediaEntryFilter(idIn=f"{live.id},{film.id}", statusIn=EVERY_STATUS)
    assert {each.id for each in client.media.list(both).objects} == {live.id, film.id}
    assert type(client.media.get(live.id)).__name__ == "KalturaLiveStreamAdminEntry"
    assert type(kaltura.user("ann").media.get(live.id)).__name__ == "KalturaLiveStreamEntry"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Foo,a , foo,bar", "foo, bar"),
        ("a", ""),
        ("ÄÖ, äö", "äö"),
        (f"{'x' * 120},yy", f"{'x' * 100}, yy"),
    ],
    ids=["cases and duplicates", "too short", "beyond ASCII", "too long"],
)
def test_tags_are_tidied(kaltura: KalturaServer, sent: str, kept: str) -> None:
    """S3."""
    client = kaltura.admin()
    added = client.media.add(video_entry(tags=sent))
    assert added.tags == kept
    assert client.media.update(added.id, client_tags("Again,again")).tags == "again"


def client_tags(tags: str) -> Any:
    return type(video_entry())(tags=tags)


def test_admin_tags_are_tidied_otherwise(kaltura: KalturaServer) -> None:
    """S3."""
    assert kaltura.admin().media.add(video_entry(adminTags="A , a,Bee")).adminTags == "a,bee"
