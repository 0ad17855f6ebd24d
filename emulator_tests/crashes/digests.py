"""The digest of everything that can be reached from some objects: equal digests mean equal states.

`memory` calls it to judge each state once. Two states that differ only in what has no effect (a counter, say) may have
different digests; then one more case is run.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from enum import Enum
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
    written = hashlib.blake2b(digest_size=16)
    numbers = {id(one): -1 for one in without}
    # Kept, because the id of an object that is gone may be given to another one.
    kept: list[object] = []
    left: list[object] = [*reversed(roots)]
    while left:
        one = left.pop()
        if isinstance(one, _PLAIN):
            written.update(f"{type(one).__name__} {one!r};".encode())
            continue
        if id(one) in numbers:
            written.update(f"seen {numbers[id(one)]};".encode())
            continue
        numbers[id(one)] = len(kept)
        kept.append(one)
        inner = list(_inner(one))
        written.update(f"{type(one).__qualname__} {len(inner)};".encode())
        left.extend(reversed(inner))
    return written.digest()


def _inner(one: Any) -> Iterator[object]:
    """
    Yield what an object refers to, in an order that is the same for equal objects.
    """
    if isinstance(one, dict):
        for key, value in one.items():
            yield key
            yield value
    elif isinstance(one, (list, tuple, deque)):
        yield from one
    elif isinstance(one, (set, frozenset)):
        yield from sorted(map(repr, one))
    elif isinstance(one, _NAMED):
        yield getattr(one, "__qualname__", one.__name__)
    elif isinstance(one, FunctionType):
        yield one.__module__
        yield one.__qualname__
        yield one.__closure__
        yield one.__defaults__
    elif isinstance(one, MethodType):
        yield one.__func__
        yield one.__self__
    elif isinstance(one, CellType):
        yield one.cell_contents
    elif not isinstance(one, type(Lock())):
        yield from _attributes(one)


def _attributes(one: Any) -> Iterator[object]:
    """
    Yield the names and values of an object's attributes, or its text if it has none, such as a counter.
    """
    names = [name for kind in type(one).__mro__ for name in getattr(kind, "__slots__", ())]
    fields = {name: getattr(one, name) for name in names if hasattr(one, name)} | getattr(one, "__dict__", {})
    if fields:
        yield fields
    elif type(one).__module__ in ("builtins", "itertools"):
        yield repr(one)
