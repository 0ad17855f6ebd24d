"""Fields of a document that an operator may have edited by hand: an unreadable field raises no error. Pure.

Called by the readers of `operations/epoch`, which decide what follows from an unreadable field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from shared.ports import Fields

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EditedFields:
    """
    The fields of one document.

    Attributes:
        fields: As they are stored, of any type.
        unreadable: The names of the fields that could not be read so far.
    """

    fields: Fields
    unreadable: list[str] = field(default_factory=list)

    def read(self, name: str, parse: Callable[[Any], T], default: T) -> T:
        """
        Return a field's value; the default if it is missing, null or unreadable.

        Args:
            name: The field's name.
            parse: Returns the value; raises KeyError, TypeError or ValueError if it is invalid.
            default: The default.
        """
        value = self.fields.get(name)
        if value is None:
            return default
        try:
            return parse(value)
        except (KeyError, TypeError, ValueError):
            self.unreadable.append(name)
            return default


def text(value: object) -> str:
    """
    Return a value that is a string.

    Raises:
        TypeError: It is not (never).
    """
    if not isinstance(value, str):
        raise TypeError("This is not a string.")
    return value


def texts(value: object) -> tuple[str, ...]:
    """
    Return a value that is a list of strings.

    Raises:
        TypeError: It is not (never).
    """
    if not isinstance(value, list):
        raise TypeError("This is not a list.")
    return tuple(map(text, value))


def mapping(value: object) -> Mapping[str, Any]:
    """
    Return a value that is a map.

    Raises:
        TypeError: It is not (never).
    """
    if not isinstance(value, Mapping):
        raise TypeError("This is not a map.")
    return value


def instant(value: object) -> datetime:
    """
    Return a value that is an instant.

    Raises:
        TypeError: It is not (never).
    """
    if not isinstance(value, datetime):
        raise TypeError("This is not a timestamp.")
    return value


def past(value: object, now: datetime) -> datetime:
    """
    Return a value that is the instant of a past event; a future one counts as now.

    Raises:
        TypeError: It is not an instant (never).
    """
    return min(instant(value), now)


def pasts(value: object, now: datetime) -> Mapping[str, datetime]:
    """
    Return a value that is a map of instants of past events.

    Raises:
        TypeError: It is not (never).
    """
    return {name: past(at, now) for name, at in mapping(value).items()}
