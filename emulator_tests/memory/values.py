"""Stored values as Firestore compares, orders, copies and changes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.cloud.firestore import stored
from shared.ports import Condition, Operator, Remove


def index_key(value: Any) -> Any:
    """
    Return a value as a dict key. Two keys are equal if Firestore's values are.
    """
    rank = sort_key(value)
    return float(value) if rank[0] == sort_key(0)[0] else repr(rank)


def copy_of(value: Any) -> Any:
    """
    Return a copy of stored values. Cheaper than `stored`, which has checked them already; this is the hot path of a run
    in memory.
    """
    if isinstance(value, dict):
        return {name: copy_of(child) for name, child in value.items()}
    return [copy_of(child) for child in value] if isinstance(value, list) else value


def put_value(fields: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """
    Set the value at a path in nested fields, or remove it.
    """
    *way, last = path
    for name in way:
        child = fields.get(name)
        if not isinstance(child, dict):
            if isinstance(value, Remove):
                return
            child = fields[name] = {}
        fields = child
    if isinstance(value, Remove):
        fields.pop(last, None)
    else:
        fields[last] = value


def meets(fields: Mapping[str, Any], condition: Condition) -> bool:
    """
    Tell whether a document's fields meet a condition of a query.
    """
    *way, name = (condition.field,) if isinstance(condition.field, str) else condition.field
    for step in way:
        inner = fields.get(step)
        if not isinstance(inner, Mapping):
            return False
        fields = inner
    if name not in fields:
        return False
    if condition.operator is Operator.IN:
        # `IN` never matches null, even if the list contains null.
        values = [stored(value) for value in condition.value if value is not None]
        return any(sort_key(fields[name]) == sort_key(value) for value in values)
    if condition.operator is Operator.CONTAINS:
        members = fields[name] if isinstance(fields[name], list) else []
        return any(sort_key(member) == sort_key(stored(condition.value)) for member in members)
    here, there = sort_key(fields[name]), sort_key(stored(condition.value))
    match condition.operator:
        case Operator.EQUAL:
            return here == there
        # Values of different types are ordered, but a comparison never matches across types.
        case Operator.AT_MOST:
            return here[0] == there[0] and here <= there
        case Operator.LESS:
            return here[0] == there[0] and here < there
        case Operator.GREATER:
            return here[0] == there[0] and here > there


def sort_key(value: Any) -> tuple[Any, ...]:
    """
    Return a key that sorts as Firestore orders values: first by type, then within the type.

    Source: https://firebase.google.com/docs/firestore/manage-data/data-types#value_type_ordering
    """
    match value:
        case None:
            return (0,)
        case bool():
            return (1, value)
        case int() | float():
            return (2, value)
        case datetime():
            return (3, value)
        case str():
            return (4, value.encode())
        case bytes():
            return (5, value)
        case list():
            return (6, [sort_key(child) for child in value])
        case _:
            return (7, [(name.encode(), sort_key(child)) for name, child in sorted(value.items())])
