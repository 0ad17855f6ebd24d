"""One service call as it is sent, and references in its parameters to the results of earlier calls.

Called by `library`, which builds and sends service calls, and by `multirequest`, which returns references.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

# The pattern that the server replaces in any text of a multirequest
# (KalturaFrontController::getMultiRequestResultsPaths).
_REFERENCE: Final = re.compile(r"\{(?=[0-9]+:result.*\})")
_WORD_JOINER: Final = "\u2060"


@dataclass(frozen=True, slots=True)
class ServiceCall:
    """
    One service call as it is sent.

    Attributes:
        service: The service, with the prefix of its plugin.
        action: The action of the service.
        returns: The type of object that the action returns; `"None"` for a scalar or nothing.
        params: The parameters, with the KS.
        many: Whether the action returns a bare list of these objects.
    """

    service: str
    action: str
    returns: str
    params: dict[str, Any]
    many: bool = False

    @property
    def operation(self) -> str:
        return f"{self.service}.{self.action}"


class Reference(str):
    """
    Text that Kaltura completes from an earlier answer of the same multirequest.

    Text is added with `+`. Any other operation would make it plain text, which refers to nothing.
    """

    __slots__ = ()

    def __str__(self) -> str:
        # The library passes every value through `str`, which must return a reference still.
        return self

    def __add__(self, text: str) -> Reference:
        return Reference(str.__add__(self, _braceless(text)))

    def __radd__(self, text: str) -> Reference:
        return Reference(str.__add__(_braceless(text), self))

    def __format__(self, spec: str) -> str:
        raise TypeError("add text to a reference with +")


def without_references(value: Any) -> Any:
    """
    Return the same parameters, with text that only looks like a reference changed to mean itself. Pure.
    """
    if isinstance(value, Reference):
        return value
    if isinstance(value, str):
        return _REFERENCE.sub("{" + _WORD_JOINER, value) if "{" in value else value
    if isinstance(value, dict):
        return {key: without_references(inner) for key, inner in value.items()}
    return [without_references(inner) for inner in value]


def _braceless(text: str) -> str:
    # The server reads a reference up to the last brace of the whole text.
    if "{" in text or "}" in text:
        raise ValueError("text beside a reference cannot hold braces")
    return text
