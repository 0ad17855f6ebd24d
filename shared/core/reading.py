"""Turn the text of a setting into its value: clean it, normalise it, check it. Pure.

Called by `functions/config.py`, and by the `settings.py` of each provider and host. Every reader raises `ValueError`
with the end of a sentence that begins with the setting's name: "must be …".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

DAY_S: Final = 24 * 3600

LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")

# Editors, shells and consoles leave these around a value: white space, line ends, a byte order mark, invisible joiners
# and marks of direction.
_AROUND: Final = r"[\s\ufeff\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069]+"
_EDGES: Final = re.compile(rf"\A{_AROUND}|{_AROUND}\Z")
# Quotes are copied along from JSON, or piped by a shell that keeps them. No value is meant to have quotes around it.
_QUOTED: Final = re.compile(r"([\"'])(.*)\1", re.DOTALL)
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
_WORD: Final = re.compile(r"[!-~]+")
_LINE: Final = re.compile(r"[ -~]+")
_DOMAIN: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9][a-z0-9-]*[a-z0-9]")
_URL: Final = re.compile(
    r"(https?)://([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?((?:/[A-Za-z0-9._~-]*)*)",
    re.IGNORECASE,
)


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


def line(text: str) -> str:
    """
    Read one line of the characters that a header can carry. Pure.
    """
    if _LINE.fullmatch(text) is None:
        raise ValueError("must be one line of ASCII characters")
    return text


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
