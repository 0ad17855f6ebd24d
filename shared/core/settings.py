"""Declare a setting once, where it is used: the name of its variable, its reader, its description and its default.

Filled by the `settings.py` of each resource, whose dataclasses have a declaration for each field. Read by
`functions/config.py`, which finds the values in the environment, and by the generator of docs/settings.md.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

T = TypeVar("T")

_KEY: Final = "setting"


@dataclass(frozen=True, slots=True)
class Declared:
    """
    The declaration of one setting.

    Attributes:
        name: The environment variable.
        read: Makes the value from the cleaned text, or raises `ValueError` as the readers of `reading`.
        description: For the operator who sets it.
        default: The value if it is not set.
        is_secret: Whether it is in Secret Manager, and error sentences must not repeat it.
    """

    name: str
    read: Callable[[str], Any]
    description: str
    default: Any
    is_secret: bool = False


def setting(name: str, read: Callable[[str], T], description: str, default: T) -> T:
    """
    Declare the setting of a dataclass's field; the parameters as the attributes of `Declared`.
    """
    return cast(T, field_of(Declared(name, read, description, default)))


def field_of(declared: Declared, **options: Any) -> Any:
    """
    Return the field of a dataclass that a declaration fills.

    Args:
        declared: The declaration.
        options: As for `dataclasses.field`.
    """
    return dataclasses.field(metadata={_KEY: declared}, **options)


def settings_of(kind: type) -> Mapping[str, Any]:
    """
    Return the `Declared` settings of a dataclass, by its fields. Pure.
    """
    return {field.name: field.metadata[_KEY] for field in dataclasses.fields(kind)}
