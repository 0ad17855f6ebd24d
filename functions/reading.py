"""How the text of a setting becomes its value: cleaned, brought into one form, checked.

Called by `config.py`, which is the table of settings, and by `hosting.py`, whose table is a setting too. Every reader
raises `ValueError` with the rest of a sentence that begins with the setting's name: "must be …".
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
"""In place of a secret that the provider's account has itself."""

SHOWN_MAX: Final = 60
"""So many characters of a wrong value are repeated in the sentence that refuses it."""

RESERVED_CLAIMS: Final = re.compile(
    # The Admin SDK refuses these (firebase_admin/_auth_utils.py, RESERVED_CLAIMS).
    "acr|amr|at_hash|aud|auth_time|azp|c_hash|cnf|exp|firebase|iat|iss|jti|nbf|nonce|sub|"
    # Firebase itself puts these into ID tokens: `email_verified: true` would make everybody an administrator.
    "email|email_verified|name|phone_number|picture|provider_id|tenant|uid|user_id",
    re.IGNORECASE,
)

LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")

# What editors, shells and consoles leave around a value: white space, line ends, a byte order mark, invisible joiners
# and marks of direction.
_AROUND: Final = r"[\s\ufeff\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069]+"
_EDGES: Final = re.compile(rf"\A{_AROUND}|{_AROUND}\Z")
# What is copied out of JSON, or piped by a shell that keeps them. No value is meant to be in quotes.
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
    A setting of this deployment. It is no Firebase parameter: firebase-tools asks for each of those that is not set,
    its default or not, and deploys nothing where it cannot ask.

    Attributes:
        name: Of the environment variable.
        read: Makes the value of the cleaned text, or raises `ValueError`.
        default: Its value where it is not set, or set to nothing.
        description: For whoever sets it.
        is_secret: Whether no sentence may repeat it. Secrets are not there at deployment, so they are read when used.
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
        Raises:
            Misconfigured: It is set to a value that it cannot have (never, until it is changed).
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
    The text without what surrounds it unseen, such as the line end that `echo` adds, and without quotes around it.
    Pure.
    """
    text = _EDGES.sub("", text)
    quoted = _QUOTED.fullmatch(text)
    return text if quoted is None else _EDGES.sub("", quoted[2])


def truth(text: str) -> bool:
    """
    `true` or `false`, in any case. Pure.
    """
    if text.lower() not in ("true", "false"):
        raise ValueError("must be true or false")
    return text.lower() == "true"


def whole(least: int, most: int, because: str = "") -> Callable[[str], int]:
    """
    A whole number within a range, both ends included.

    Args:
        least: The smallest.
        most: The largest.
        because: What the range comes from, as the end of the sentence that refuses.
    """

    def read(text: str) -> int:
        if _WHOLE.fullmatch(text) is None or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}{because and ', ' + because}")
        return int(text)

    return read


def matching(pattern: str, must: str, *, lower: bool = False) -> Callable[[str], str]:
    """
    Text of a form.

    Args:
        pattern: What it matches as a whole.
        must: What that is, after "must be".
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
    A secret: visible ASCII characters and nothing between them. Pure.
    """
    if _WORD.fullmatch(text) is None:
        raise ValueError("must be one word of visible ASCII characters")
    return text


def word_or_find(text: str) -> str:
    """
    A secret, or the word `find` in its place. Pure.
    """
    return FIND if text.lower() == FIND else word(text)


def url(text: str) -> str:
    """
    An address without a slash at its end or two in a row, its scheme and host in small letters; https where no scheme
    is given. Pure.
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
    An address without a path. Pure.
    """
    address = url(text)
    if address.count("/") > 2:
        raise ValueError("must be an address without a path, such as https://www.example.com")
    return address


def kaltura_url(text: str) -> str:
    """
    The address of a Kaltura server; the `/api_v3` of its API may stand behind it. It has no other path: a KS for
    uploads is confined to the path that Kaltura sees, and we could not know how that begins. Pure.
    """
    return origin(url(text).removesuffix("/api_v3"))


def addresses(text: str) -> Mapping[str, str]:
    """
    Addresses by name: `name=address`, separated by commas. Pure.
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
    Names of domains, separated by commas. Pure.
    """
    found = tuple(clean(one).lower() for one in text.split(",") if clean(one))
    if not all(_DOMAIN.fullmatch(one) for one in found):
        raise ValueError("must be domains such as cdn.example.com, separated by commas, without https:// and paths")
    return found


def claim(text: str) -> str:
    """
    The name of a custom claim: one word that means nothing else in an ID token. Pure.
    """
    if _CLAIM.fullmatch(text) is None:
        raise ValueError("must be one word of up to 64 letters, digits and _, beginning with a letter")
    if RESERVED_CLAIMS.fullmatch(text):
        raise ValueError("must be a name that ID tokens do not already use")
    return text


def _shown(text: str) -> str:
    text = re.sub("//[^/@]*@", "//…@", text)
    return repr(text if len(text) <= SHOWN_MAX else text[:SHOWN_MAX] + "…")
