"""eSearch at the Kaltura simulator, by Kaltura's Python client, asked as PrincetonUniversity/kaltura_archiver asks."""

from __future__ import annotations

from typing import Any

import pytest
from KalturaClient.Plugins.Core import KalturaMediaType, KalturaPager
from KalturaClient.Plugins.ElasticSearch import (
    KalturaESearchAggregation,
    KalturaESearchEntryFieldName,
    KalturaESearchEntryItem,
    KalturaESearchEntryOperator,
    KalturaESearchEntryOrderByFieldName,
    KalturaESearchEntryOrderByItem,
    KalturaESearchEntryParams,
    KalturaESearchItemType,
    KalturaESearchOperatorType,
    KalturaESearchOrderBy,
    KalturaESearchRange,
    KalturaESearchSortOrder,
    KalturaESearchUnifiedItem,
)

from emulator_tests.simulators.tests.kaltura_calls import error_of, video_entry
from emulator_tests.simulators.tests.kaltura_server import KalturaServer

YEAR_S = 365 * 86_400
NOW = 1_796_112_000
FIELD, KIND, OPERATOR = KalturaESearchEntryFieldName, KalturaESearchItemType, KalturaESearchOperatorType
#: Name, tags, and what only the server writes.
ENTRIES = (
    ("old", "archived_to_s3, flavors_deleted", {"lastPlayedAt": NOW - 3 * YEAR_S, "plays": 7}),
    ("new", "math", {"lastPlayedAt": NOW - 100, "plays": 2}),
    ("never", None, {"createdAt": NOW - 4 * YEAR_S}),
    ("empty", "math", {"status": 7}),
    ("sound", "math", {"mediaType": KalturaMediaType.AUDIO}),
)


def item(field: str, kind: int, term: object = None, **bounds: int) -> Any:
    found = KalturaESearchEntryItem(fieldName=field, itemType=kind)
    if bounds:
        found.range = KalturaESearchRange(**bounds)
    elif term is not None:
        found.searchTerm = term
    return found


def operator(kind: int, *items: Any) -> Any:
    return KalturaESearchEntryOperator(operator=kind, searchItems=list(items))


def partly(term: str) -> Any:
    return item(FIELD.TAGS, KIND.PARTIAL, term)


def params(*items: Any, **more: Any) -> Any:
    """The parameters of the original program: every video that meets all items."""
    wanted = item(FIELD.MEDIA_TYPE, KIND.EXACT_MATCH, KalturaMediaType.VIDEO)
    found = KalturaESearchEntryParams(searchOperator=operator(OPERATOR.AND_OP, wanted, *items), **more)
    found.aggregations = KalturaESearchAggregation()
    return found


def search(client: Any, asked: Any, *, page: int = 1, size: int = 500) -> Any:
    return client.elasticSearch.eSearch.searchEntry(asked, KalturaPager(pageSize=size, pageIndex=page))


def names(answer: Any) -> set[str]:
    return {each.object.name for each in answer.objects}


@pytest.fixture
def library(kaltura: KalturaServer) -> KalturaServer:
    """The entries of this file, ready unless they say otherwise."""
    client = kaltura.admin()
    for name, tags, fields in ENTRIES:
        entry = client.media.add(video_entry(name=name, tags=tags, referenceId=f"ref-{name}"))
        written = {"status": 2, "createdAt": NOW - 100, **fields}
        kaltura.control("POST", "change", kind="entries", id=entry.id, fields=written)
    return kaltura


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ([], "old new never"),
        ([partly("archived_to_s3")], "old"),
        ([operator(OPERATOR.NOT_OP, partly("archived_to_s3"))], "new never"),
        # Most of the three-letter parts of one word are enough, whatever their order.
        ([partly("deleted_flavors")], "old"),
        ([partly("flavors_kept")], "old"),
        ([partly("flavors_expired")], ""),
        ([partly("mat")], "new"),
        ([partly("ma")], ""),
        ([item(FIELD.TAGS, KIND.EXACT_MATCH, "Math")], "new"),
        ([item(FIELD.TAGS, KIND.EXACT_MATCH, "flavors")], ""),
        ([item(FIELD.TAGS, KIND.STARTS_WITH, "flav")], "old"),
        ([item(FIELD.TAGS, KIND.EXISTS)], "old new"),
        ([item(FIELD.REFERENCE_ID, KIND.EXACT_MATCH, "REF-new")], "new"),
        ([item(FIELD.LAST_PLAYED_AT, KIND.RANGE, lessThanOrEqual=NOW - 2 * YEAR_S)], "old"),
        ([item(FIELD.LAST_PLAYED_AT, KIND.RANGE, greaterThan=NOW - 2 * YEAR_S)], "new"),
        ([operator(OPERATOR.NOT_OP, item(FIELD.LAST_PLAYED_AT, KIND.EXISTS))], "never"),
        ([item(FIELD.CREATED_AT, KIND.RANGE, lessThanOrEqual=NOW - YEAR_S)], "never"),
        ([item(FIELD.PLAYS, KIND.RANGE, lessThan=7)], "new never"),
        ([item(FIELD.PLAYS, KIND.RANGE)], "old new never"),
        ([operator(OPERATOR.OR_OP, partly("math"), partly("archived_to_s3"))], "old new"),
    ],
)
def test_entries_are_found_by_what_the_archiver_asks(library: KalturaServer, wanted: list[Any], found: str) -> None:
    answer = search(library.admin(), params(*wanted))
    assert names(answer) == set(found.split())
    assert answer.totalCount == len(found.split())


def test_statuses_are_named_or_ready_is_meant(library: KalturaServer) -> None:
    client = library.admin()
    assert names(search(client, params(objectStatuses="7"))) == {"empty"}
    assert names(search(client, params(objectStatuses="7,2"))) == {"empty", "old", "new", "never"}


def test_results_come_in_pages_and_in_an_order(library: KalturaServer) -> None:
    client = library.admin()
    field = KalturaESearchEntryOrderByFieldName.LAST_PLAYED_AT
    for direction, expected in (
        (KalturaESearchSortOrder.ORDER_BY_ASC, ["old", "new", "never"]),
        (KalturaESearchSortOrder.ORDER_BY_DESC, ["new", "old", "never"]),
    ):
        order = KalturaESearchOrderBy(orderItems=[KalturaESearchEntryOrderByItem(sortField=field, sortOrder=direction)])
        pages = [search(client, params(orderBy=order), page=page, size=1) for page in (1, 2, 3, 4)]
        assert [each.object.name for page in pages for each in page.objects] == expected
        assert {page.totalCount for page in pages} == {3}


def test_search_without_a_pager_answers_ten(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    for _ in range(11):
        client.media.add(video_entry())
    asked = params(objectStatuses="7")
    answer = client.elasticSearch.eSearch.searchEntry(asked)
    assert (len(answer.objects), answer.totalCount) == (10, 11)
    assert len(search(client, asked).objects) == 11


def test_search_ends_at_ten_thousand(library: KalturaServer) -> None:
    client = library.admin()
    assert search(client, params(), page=20).objects == []
    assert error_of(search, client, params(), page=21) == "CRITERIA EXCEEDED MAX MATCHES ALLOWED"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (params(item(FIELD.MEDIA_TYPE, KIND.PARTIAL, "1")), "SEARCH_TYPE_NOT_ALLOWED_ON_FIELD"),
        (params(item(FIELD.PLAYS, KIND.EXACT_MATCH, "1")), "SEARCH_TYPE_NOT_ALLOWED_ON_FIELD"),
        (params(partly("")), "EMPTY SEARCH TERM IS NOT ALLOWED"),
        (params(operator(OPERATOR.NOT_OP)), "EMPTY SEARCH ITEMS ARE NOT ALLOWED"),
        (params(KalturaESearchEntryOperator(searchItems=[partly("math")])), "MISSING OPERATOR TYPE"),
        (KalturaESearchEntryParams(objectStatuses="2"), "EMPTY SEARCH OPERATOR IS NOT ALLOWED"),
        (params(item(FIELD.CAPTIONS_CONTENT, KIND.PARTIAL, "word")), "FILTER_PROPERTY_NOT_SIMULATED"),
        (params(KalturaESearchUnifiedItem(searchTerm="x", itemType=KIND.PARTIAL)), "OBJECT_TYPE_ABSTRACT"),
    ],
)
def test_what_cannot_be_asked_is_refused(library: KalturaServer, asked: Any, code: str) -> None:
    assert error_of(search, library.admin(), asked) == code


def test_temporary_entry_is_found_by_its_id_alone(library: KalturaServer) -> None:
    client = library.admin()
    hidden = next(each for each in library.things("entries") if each["name"] == "new")
    library.control("POST", "change", kind="entries", id=hidden["id"], fields={"displayInSearch": -1})
    assert names(search(client, params())) == {"old", "never"}
    assert names(search(client, params(item(FIELD.ID, KIND.EXACT_MATCH, hidden["id"])))) == {"new"}
    assert names(search(client, params(objectId=hidden["id"]))) == {"new"}
