"""elasticsearch_esearch: entries found by the second search index.

The rules are those of kaltura/server, plugins/search/providers/elastic_search: ESearchService, kEntrySearch and
kBaseSearch. Other than lists of entries it asks for no owner and hides nothing that waits for moderation.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models import entitlement, processing, replacement, search_items
from emulator_tests.simulators.kaltura.models.account import Call
from emulator_tests.simulators.kaltura.models.entry_state import EntryStatus
from emulator_tests.simulators.kaltura.models.filters import page_of, parts_of
from emulator_tests.simulators.kaltura.models.schema import Record, to_int
from emulator_tests.simulators.kaltura.models.table import Condition
from emulator_tests.simulators.kaltura.responses.actions import action
from emulator_tests.simulators.kaltura.responses.services.entries import got
from emulator_tests.simulators.kaltura.responses.services.rows import among

_HIDDEN = (-2, replacement.HIDDEN)
#: ESearchService::MAX_RESULT_WINDOW.
_MAX_WINDOW = 10_000
#: Elasticsearch's own page of a search without a pager.
_UNPAGED = (0, 10)


@action(
    "elasticsearch_esearch.searchEntry",
    "searchParams: KalturaESearchEntryParams, pager: pager = null",
    roles="U",
)
def search_entry(call: Call, search_params: Record, pager: Mapping[str, Any]) -> Record:
    operator = search_params.get("searchOperator")
    if not operator:
        raise ApiError("EMPTY SEARCH OPERATOR IS NOT ALLOWED")
    if (search_params.get("aggregations") or {}).get("aggregations"):
        raise ApiError("FILTER_PROPERTY_NOT_SIMULATED", "KalturaESearchEntryParams::aggregations")
    offset, size = page_of(pager) if pager else _UNPAGED
    if offset + size > _MAX_WINDOW:
        raise ApiError("CRITERIA EXCEEDED MAX MATCHES ALLOWED")
    conditions = [
        *entitlement.condition(call),
        *_implicit(search_params, operator),
        # The outermost operator alone is AND unless it says so, KalturaESearchParams::validateSearchOperator.
        Condition("", search_items.combined({"operator": search_items.Operator.AND, **operator})),
    ]
    # Without an order results come by their score, which says nothing about times: here by id.
    rows, total = call.select(call.store.entries, conditions, "+id", (0, len(call.store.entries)))
    page = _ordered(rows, search_params.get("orderBy"))[offset : offset + size]
    looked = [row if call.lag_s else processing.look(call.account, row) for row in page]
    results = [{"objectType": "KalturaESearchEntryResult", "object": got(call, row), "itemsData": []} for row in looked]
    return {"objectType": "KalturaESearchEntryResponse", "totalCount": total, "objects": results}


def _implicit(search_params: Record, operator: Record) -> list[Condition]:
    """Conditions of a search besides its items: statuses, ids, and that entries are not hidden."""
    statuses = [to_int(each) for each in parts_of(search_params.get("objectStatuses"))] or [EntryStatus.READY]
    found = [among("status", *statuses)]
    if "objectId" in search_params and "objectIds" in search_params:
        raise ApiError("OBJECTID AND OBJECTIDS NOT ALLOWED SIMULTANEOUSLY")
    ids = frozenset(parts_of(search_params.get("objectId") or search_params.get("objectIds")))
    if ids and search_params.get("objectIdsNotIn") == 1:
        found.append(Condition("id", lambda value: value not in ids))
    elif ids:
        found.append(among("id", *ids))
    if not ids:
        named = list(search_items.asked_for(operator))
        found.append(Condition("", lambda row: _is_shown(row, named)))
    return found


def _is_shown(row: Record, named: list[tuple[str, str]]) -> bool:
    """ESearchEntryQueryFilterAttributes::getDisplayInSearchFilter."""
    return row.get("displayInSearch") not in _HIDDEN or any(row.get(name) == value for name, value in named)


def _ordered(rows: list[Record], order_by: Record | None) -> list[Record]:
    """Sort results by each item of an order; what has no value comes last either way, as in Elasticsearch."""
    for item in reversed((order_by or {}).get("orderItems") or []):
        if not item.get("sortField"):
            raise ApiError("MISSING MANDATORY PARAMETERS IN ORDER ITEM")
        name = search_items.sort_property(item["sortField"])
        valued = [row for row in rows if row.get(name) not in (None, "")]
        valued.sort(key=itemgetter(name), reverse=item.get("sortOrder") == "desc")
        rows = valued + [row for row in rows if row.get(name) in (None, "")]
    return rows
