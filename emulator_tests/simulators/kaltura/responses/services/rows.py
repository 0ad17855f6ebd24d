"""The common parts of services: checks of what may be set, lists with filter and pager, finding or refusing.

Called by the other modules of this package. A service is then a few table rows and its special rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models.account import Call
from emulator_tests.simulators.kaltura.models.filters import Explanation, conditions_of, order_of, page_of
from emulator_tests.simulators.kaltura.models.schema import SCHEMA, Record
from emulator_tests.simulators.kaltura.models.table import Condition, Key, Table


def insertable(call: Call, sent: Record, *required: str, admin_tags: bool = False) -> Record:
    """Check a new object as it was sent.

    Args:
        call: The call.
        sent: The object.
        required: Properties that must not be missing.
        admin_tags: Whether the session may set admin-only properties without being ADMIN.

    Raises:
        ApiError: PROPERTY_VALIDATION_NOT_UPDATABLE, _ADMIN_PROPERTY, _CANNOT_BE_NULL, _MIN_LENGTH or _MAX_LENGTH.
    """
    name = sent["objectType"]
    for key, each in SCHEMA.properties(name).items():
        if sent.get(key) is None:
            continue
        if each.read_only:
            raise ApiError("PROPERTY_VALIDATION_NOT_UPDATABLE", f"{name}::{key}")
        if each.admin_only and not (call.is_admin or admin_tags):
            raise ApiError("PROPERTY_VALIDATION_ADMIN_PROPERTY", key)
        each.own_limits.applied(sent[key], f"{name}::{key}")
    for key in required:
        if sent.get(key) is None:
            raise ApiError("PROPERTY_VALIDATION_CANNOT_BE_NULL", f"{name}::{key}")
    return {key: value for key, value in sent.items() if value is not None}


def updatable(call: Call, sent: Record, row: Record, *, admin_tags: bool = False) -> Record:
    """Check a change as it was sent; returns the properties that change, None for those to be emptied.

    Raises:
        ApiError: PROPERTY_VALIDATION_NOT_UPDATABLE, _ADMIN_PROPERTY, _MIN_LENGTH or _MAX_LENGTH.
    """
    name = row["objectType"]
    changes: Record = {}
    for key, each in SCHEMA.properties(name).items():
        if key not in sent or sent[key] == row.get(key):
            continue
        if (each.read_only or each.insert_only) and sent[key] is not None:
            raise ApiError("PROPERTY_VALIDATION_NOT_UPDATABLE", f"{sent['objectType']}::{key}")
        if each.admin_only and not (call.is_admin or admin_tags):
            raise ApiError("PROPERTY_VALIDATION_ADMIN_PROPERTY", key)
        if sent[key] is not None:
            each.own_limits.applied(sent[key], f"{sent['objectType']}::{key}")
        changes[key] = sent[key]
    return changes


def stamped(call: Call, fields: Record) -> Record:
    """A new row: the properties sent, the partner and the times."""
    return {**fields, "partnerId": call.account.partner_id, "createdAt": call.now, "updatedAt": call.now}


def found(table: Table, key: Key | None, code: str, *values: object) -> Record:
    """The row with an id.

    Raises:
        ApiError: The given code, with the id or the given values, when there is none.
    """
    row = table.get(key) if key is not None else None
    if row is None:
        raise ApiError(code, *(values or (key,)))
    return row


def listed(
    call: Call,
    table: Table,
    object_type: str,
    sent_filter: Mapping[str, Any],
    pager: Mapping[str, Any],
    *extra: Condition,
    types: tuple[str, ...] = (),
    default_order: str = "-createdAt",
    explained: Mapping[str, Explanation] | None = None,
) -> Record:
    """The list response of a service.

    Args:
        call: The call.
        table: What it lists.
        object_type: Declared type, which names the response.
        sent_filter: The filter as it came.
        pager: The pager as it came.
        extra: Conditions the service adds.
        types: Further types whose properties the filter may name.
        default_order: Order unless the filter asks for one.
        explained: What the service itself says of some properties of its filter.
    """
    conditions = [*extra, *conditions_of(sent_filter, (object_type, *types), call.now, explained)]
    rows, total = call.select(table, conditions, order_of(sent_filter, default_order), page_of(pager))
    return list_response(object_type, rows, total)


def listed_of(
    call: Call, rows: Iterable[Record], object_type: str, sent_filter: Mapping[str, Any], pager: Mapping[str, Any]
) -> Record:
    """The list response of a service whose rows are in no table, in the order they are given."""
    conditions = conditions_of(sent_filter, (object_type,), call.now)
    matching = [
        row for row in rows if all(each.test(row.get(each.field) if each.field else row) for each in conditions)
    ]
    offset, size = page_of(pager)
    return list_response(object_type, matching[offset : offset + size], len(matching))


def list_response(object_type: str, rows: list[Record], total: int) -> Record:
    """A list response. Pure."""
    return {"objectType": f"{object_type}ListResponse", "objects": rows, "totalCount": total}


def equal(field: str, value: Any) -> Condition:
    """The condition that a property has a value. Pure."""
    return among(field, value)


def among(field: str, *values: Any) -> Condition:
    """The condition that a property has one of some values. Pure."""
    wanted = frozenset(values)
    return Condition(field, lambda value: value in wanted, values=wanted)


def of_type(object_type: str) -> Condition:
    """The condition that a row is of a type or one derived from it. Pure."""
    return Condition("objectType", lambda value: SCHEMA.is_a(str(value), object_type))


def ensure_user(call: Call, user_id: str) -> None:
    """Create the record of a user who acts for the first time, as the service does by itself."""
    users = call.store.users
    if user_id and user_id not in users.rows:
        fields = {"objectType": "KalturaUser", "id": user_id, "type": 0, "status": 1, "isAdmin": False}
        call.store.put(users, stamped(call, {**fields, "screenName": user_id, "fullName": user_id}))
