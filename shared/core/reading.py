"""Turn the text of a setting into its value: clean it, normalise it, check it.

Called by `config.py`, the table of settings, and by `hosting.py`, whose table is a setting too. Every reader raises
`ValueError` with the end of a sentence that begins with the setting's name: "must be …".
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from shared.core.errors import Misconfigured

Value = TypeVar("Value")

FIND: Final = "find"
"""Stands in for a secret that can be looked up in the provider's account."""

SHOWN_MAX: Final = 60
"""The error sentence repeats at most this many characters of an invalid value."""

RESERVED_CLAIMS: Final = re.compile(
    # The Admin SDK refuses these (firebase_admin/_auth_utils.py, RESERVED_CLAIMS).
    "acr|amr|at_hash|aud|auth_time|azp|c_hash|cnf|exp|firebase|iat|iss|jti|nbf|nonce|sub|"
    # Firebase itself puts these into ID tokens. `email_verified: true` would make every user an administrator.
    "email|email_verified|name|phone_number|picture|provider_id|tenant|uid|user_id",
    re.IGNORECASE,
)

LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")

# Editors, shells and consoles leave these around a value: white space, line ends, a byte order mark, invisible joiners
# and marks of direction.
_AROUND: Final = r"[\s\ufeff\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069]+"
_EDGES: Final = re.compile(rf"\A{_AROUND}|{_AROUND}\Z")
# Quotes are copied along from JSON, or piped by a shell that keeps them. No value is meant to have quotes around it.
_QUOTED: Final = re.compile(r"([\"'])(.*)\1", re.DOTALL)
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
_WORD: Final = re.compile(r"[!-~]+")
_CLAIM: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_DOMAIN: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9][a-z0-9-]*[a-z0-9]")
_URL: Final = re.compile(
    r"(https?)://([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?((?:/[A-Za-z0-9._~-]*)*)",
    re.IGNORECASE,
)


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


def clean(text: str) -> str:
    """
    Remove invisible characters around a text, such as the line end that `echo` adds, and quotes around it. Pure.
    """
    text = _EDGES.sub("", text)
    quoted = _QUOTED.fullmatch(text)
    return text if quoted is None else _EDGES.sub("", quoted[2])


def truth(text: str) -> bool:
    """
    Read `true` or `false`, in any case. Pure.
    """
    if text.lower() not in ("true", "false"):
        raise ValueError("must be true or false")
    return text.lower() == "true"


def whole(least: int, most: int, because: str = "") -> Callable[[str], int]:
    """
    Return a reader of whole numbers within a range, both ends included.

    Args:
        least: The smallest.
        most: The largest.
        because: The reason for the range, as the end of the error sentence.
    """

    def read(text: str) -> int:
        if _WHOLE.fullmatch(text) is None or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}{because and ', ' + because}")
        return int(text)

    return read


def matching(pattern: str, must: str, *, lower: bool = False) -> Callable[[str], str]:
    """
    Return a reader of texts that match a pattern.

    Args:
        pattern: Must match the whole text.
        must: The form in words, after "must be".
        lower: Whether capitals are made small first.
    """
    form = re.compile(pattern)

    def read(text: str) -> str:
        text = text.lower() if lower else text
        if form.fullmatch(text) is None:
            raise ValueError(f"must be {must}")
        return text

    return read


def word(text: str) -> str:
    """
    Read a secret: visible ASCII characters without spaces. Pure.
    """
    if _WORD.fullmatch(text) is None:
        raise ValueError("must be one word of visible ASCII characters")
    return text


def word_or_find(text: str) -> str:
    """
    Read a secret, or the word `find` in its place. Pure.
    """
    return FIND if text.lower() == FIND else word(text)


def url(text: str) -> str:
    """
    Read an address. Trailing and double slashes are removed, scheme and host become lower case, and https is added if
    there is no scheme. Pure.
    """
    found = _URL.fullmatch(text if "://" in text else f"https://{text}")
    if found is None or int(found[3] or 1) not in range(1, 65536):
        raise ValueError("must be an address such as https://www.example.com, without a question mark or a user")
    scheme, host, port, path = found[1].lower(), found[2].lower(), found[3], found[4]
    if scheme == "http" and host not in LOOPBACK:
        raise ValueError("must begin with https://, because secrets are sent there")
    steps = [step for step in path.split("/") if step]
    if {".", ".."} & set(steps):
        raise ValueError("must be an address without . or .. in its path")
    return "/".join([f"{scheme}://{host}{':' + port if port else ''}", *steps])


def origin(text: str) -> str:
    """
    Read an address without a path. Pure.
    """
    address = url(text)
    if address.count("/") > 2:
        raise ValueError("must be an address without a path, such as https://www.example.com")
    return address


def kaltura_url(text: str) -> str:
    """
    Read the address of a Kaltura server, with or without `/api_v3` at its end. No other path is possible: a KS for
    uploads is restricted to the path that Kaltura sees, and the start of that path would be unknown. Pure.
    """
    return origin(url(text).removesuffix("/api_v3"))


def addresses(text: str) -> Mapping[str, str]:
    """
    Read addresses by name: `name=address`, separated by commas. Pure.
    """
    found: dict[str, str] = {}
    for pair in filter(None, map(clean, text.split(","))):
        name, equals, address = pair.partition("=")
        if not equals or not clean(name) or clean(name) in found:
            raise ValueError("must be namespace=address, separated by commas, with each namespace once")
        found[clean(name)] = url(clean(address))
    return found


def domains(text: str) -> tuple[str, ...]:
    """
    Read domain names, separated by commas. Pure.
    """
    found = tuple(clean(one).lower() for one in text.split(",") if clean(one))
    if not all(_DOMAIN.fullmatch(one) for one in found):
        raise ValueError("must be domains such as cdn.example.com, separated by commas, without https:// and paths")
    return found


def claim(text: str) -> str:
    """
    Read the name of a custom claim: one word that ID tokens do not already use. Pure.
    """
    if _CLAIM.fullmatch(text) is None:
        raise ValueError("must be one word of up to 64 letters, digits and _, beginning with a letter")
    if RESERVED_CLAIMS.fullmatch(text):
        raise ValueError("must be a name that ID tokens do not already use")
    return text


def _shown(text: str) -> str:
    text = re.sub("//[^/@]*@", "//…@", text)
    return repr(text if len(text) <= SHOWN_MAX else text[:SHOWN_MAX] + "…")
