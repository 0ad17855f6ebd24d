"""The digest of everything that can be reached from some objects: equal digests mean equal states.

`memory` calls it to judge each state once. Two states that differ only in what has no effect (a counter, say) may have
different digests; then one more case is run.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from enum import Enum
from functools import cache
from threading import Lock
from types import BuiltinFunctionType, CellType, FunctionType, MethodType, ModuleType
from typing import Any, Final

_PLAIN: Final = (bool, int, float, complex, str, bytes, date, timedelta, type(None), Enum)
_NAMED: Final = (type, ModuleType, BuiltinFunctionType)


def digest(*roots: object, without: Sequence[object] = ()) -> bytes:
    """
    Return 16 bytes that stand for the values of these objects and of all that they refer to.

    Args:
        roots: The objects.
        without: Objects whose values do not count, wherever they are referred to.
    """
    written: list[str] = []
    numbers = {id(one): -1 for one in without}
    # Kept, because the id of an object that is gone may be given to another one.
    kept: list[object] = []
    left: list[object] = [*reversed(roots)]
    while left:
        one = left.pop()
        kind: type = type(one)
        if _is_plain(kind):
            written.append(f"{kind.__name__} {one!r}")
            continue
        number = numbers.get(id(one))
        if number is not None:
            written.append(f"seen {number}")
            continue
        numbers[id(one)] = len(kept)
        kept.append(one)
        inner = _inner(one)
        written.append(f"{kind.__qualname__} {len(inner)}")
        left.extend(reversed(inner))
    return hashlib.blake2b(";".join(written).encode(), digest_size=16).digest()


@cache
def _is_plain(kind: type) -> bool:
    return issubclass(kind, _PLAIN)


def _inner(one: Any) -> Sequence[object]:
    """
    Return what an object refers to, in an order that is the same for equal objects.
    """
    if isinstance(one, dict):
        return [part for item in one.items() for part in item]
    if isinstance(one, (list, tuple)):
        return one
    if isinstance(one, deque):
        return [*one]
    if isinstance(one, (set, frozenset)):
        return sorted(map(repr, one))
    if isinstance(one, _NAMED):
        return [getattr(one, "__qualname__", one.__name__)]
    if isinstance(one, FunctionType):
        return [one.__module__, one.__qualname__, one.__closure__, one.__defaults__]
    if isinstance(one, MethodType):
        return [one.__func__, one.__self__]
    if isinstance(one, CellType):
        return [one.cell_contents]
    return [] if isinstance(one, type(Lock())) else _attributes(one)


def _attributes(one: Any) -> Sequence[object]:
    """
    Return the names and values of an object's attributes, or its text if it has none, such as a counter.
    """
    kind: type = type(one)
    fields = {name: getattr(one, name) for name in _slots(kind) if hasattr(one, name)}
    fields |= getattr(one, "__dict__", {})
    if fields:
        return [part for item in fields.items() for part in item]
    return [repr(one)] if kind.__module__ in ("builtins", "itertools") else []


@cache
def _slots(kind: type) -> Iterable[str]:
    return [name for base in kind.__mro__ for name in getattr(base, "__slots__", ())]
