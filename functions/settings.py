"""A setting of the deployment: a variable of the environment, and how its text becomes a value.

Called by `config.py`, which declares all of them. The readers are those of `shared/core/reading.py`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from shared.core.errors import Misconfigured
from shared.core.reading import clean

Value = TypeVar("Value")

SHOWN_MAX: Final = 60
"""The error sentence repeats at most this many characters of an invalid value."""

RESERVED_CLAIMS: Final = re.compile(
    # The Admin SDK refuses these (firebase_admin/_auth_utils.py, RESERVED_CLAIMS).
    "acr|amr|at_hash|aud|auth_time|azp|c_hash|cnf|exp|firebase|iat|iss|jti|nbf|nonce|sub|"
    # Firebase itself puts these into ID tokens. `email_verified: true` would make every user an administrator.
    "email|email_verified|name|phone_number|picture|provider_id|tenant|uid|user_id",
    re.IGNORECASE,
)

_CLAIM: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_DATABASE: Final = re.compile(r"[a-z][a-z0-9-]{2,61}[a-z0-9]")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Setting(Generic[Value]):
    """
    A setting of this deployment. It is not a Firebase parameter: firebase-tools asks for each parameter that is not
    set, even if it has a default, and deploys nothing if it cannot ask.

    Attributes:
        name: The name of the environment variable.
        read: Makes the value from the cleaned text, or raises `ValueError`.
        default: The value if it is not set, or set to an empty text.
        description: For the operator who sets it.
        is_secret: Whether error sentences must not repeat it. Secrets do not exist at deployment, so they are read when
            first used.
    """

    name: str
    read: Callable[[str], Value]
    default: Value
    description: str
    is_secret: bool = False

    def __post_init__(self) -> None:
        # Invalid values fail at deployment, not at their first use.
        if not self.is_secret:
            _ = self.value

    @property
    def value(self) -> Value:
        """
        The setting's value now, or its default.

        Raises:
            Misconfigured: It is set to an invalid value (never, until it is changed).
        """
        text = clean(os.environ.get(self.name, ""))
        if not text:
            return self.default
        try:
            return self.read(text)
        except ValueError as error:
            shown = "" if self.is_secret else f"; it is {_shown(text)}"
            raise Misconfigured(f"{self.name} {error}{shown}.") from None


def claim(text: str) -> str:
    """
    Read the name of a custom claim: one word that ID tokens do not already use. Pure.
    """
    if _CLAIM.fullmatch(text) is None:
        raise ValueError("must be one word of up to 64 letters, digits and _, beginning with a letter")
    if RESERVED_CLAIMS.fullmatch(text):
        raise ValueError("must be a name that ID tokens do not already use")
    return text


def database(text: str) -> str:
    """
    Read the id of a database of Firestore. Pure.

    Source: `CreateDatabaseRequest.database_id` of google/firestore/admin/v1/firestore_admin.proto.
    """
    if text != "(default)" and (_DATABASE.fullmatch(text) is None or _UUID.fullmatch(text)):
        raise ValueError(
            "must be (default), or 4 to 63 small letters, digits and hyphens that begin with a letter, end with no "
            "hyphen and are no UUID"
        )
    return text


def _shown(text: str) -> str:
    text = re.sub("//[^/@]*@", "//…@", text)
    return repr(text if len(text) <= SHOWN_MAX else text[:SHOWN_MAX] + "…")


def listed(names: Iterable[str], last: str = "and") -> str:
    """
    Return names as a sentence lists them: "A, B and C". Pure.
    """
    *others, final = names
    return f" {last} ".join(filter(None, [", ".join(others), final]))
