"""References: the names `kind:key:generation` under which all our things are made at a provider.

Called by everything that gets a reference from outside: webhooks, the readiness poller, the inventory of a provider.
Such a text may be anything, because the administrator of an account can edit it there. This is the only parser, and no
text makes it raise. The provider's own `mapping` handles the form in which the provider stores a reference.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from shared.core import log
from shared.core.paths import COPIES, PAIRINGS, VIDEOS

KEY_MAX_BYTES: Final = 1500
"""The most bytes in the id of a Firestore document."""

REPORTED_MAX_LETTERS: Final = 80
"""The most characters of an invalid reference that an operator is shown."""

_GENERATION: Final = re.compile(r"[1-9][0-9]{0,8}")
_RESERVED: Final = re.compile(r"\.\.?|__.*__")


@dataclass(frozen=True, slots=True)
class Kind:
    """
    The kind of thing that a reference names.

    Attributes:
        name: The first part of its references: lower-case letters.
        collection: The collection of the documents that name such things.
        key: The form of a document's id there.
    """

    name: str
    collection: str
    key: re.Pattern[str]

    def __str__(self) -> str:
        return self.name


# A back end may choose any id for its sessions that Firestore accepts, as long as it has no colon.
SESSION: Final = Kind("session", PAIRINGS, re.compile(r"[^:/]+"))
VIDEO: Final = Kind("video", VIDEOS, re.compile(r"[A-Za-z0-9]{1,64}"))
COPY: Final = Kind("copy", COPIES, re.compile(r"[A-Za-z0-9]{1,64}-[a-z0-9]{1,20}"))

_KINDS: Final = {kind.name: kind for kind in (SESSION, VIDEO, COPY)}
"""The kinds that adapters know, and those that resources declare."""


def declare(kind: Kind) -> Kind:
    """
    Declare a kind of thing, so that its references can be parsed. Repeatable.

    Raises:
        ValueError: Another kind has the same name (never).
    """
    if _KINDS.setdefault(kind.name, kind) != kind:
        raise ValueError(f"Two kinds of references are named {kind.name}. Choose another name for one of them.")
    return kind


@dataclass(frozen=True, slots=True)
class Reference:
    """
    A parsed reference.

    Attributes:
        kind: The kind of thing.
        key: The id of the session or the video, or the key of the copy.
        generation: Counts the things that were made for this key, from 1.
    """

    kind: Kind
    key: str
    generation: int

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}:{self.generation}"

    @property
    def path(self) -> str:
        """
        Return the path of the document that would name the thing.
        """
        return f"{self.kind.collection}/{self.key}"


def parse(text: str) -> Reference | None:
    """
    Parse a reference; `None` if the text is not one. Raises for no text. Pure.
    """
    name, _, rest = text.partition(":")
    key, _, generation = rest.rpartition(":")
    kind = _KINDS.get(name)
    if kind is None or not _GENERATION.fullmatch(generation) or not _is_key(kind, key):
        return None
    return Reference(kind, key, int(generation))


def read(provider: str, text: str) -> Reference | None:
    """
    Parse a reference that a provider sent. Returns `None` if it is not one, and logs that once in each instance; the
    caller skips it.

    Args:
        provider: Our name of the provider or host.
        text: The text in place of a reference.
    """
    found = parse(text)
    if found is None:
        _report(provider, shown(text))
    return found


def is_session_id(text: str) -> bool:
    """
    Tell whether a text can be the id of a session that things are made for. Pure.
    """
    return _is_key(SESSION, text)


def shown(text: str) -> str:
    """
    Return a text from outside, cut and in ASCII, for a log or a report. Pure.
    """
    cut = text[:REPORTED_MAX_LETTERS].encode("ascii", "backslashreplace").decode("ascii")
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in cut)


def _is_key(kind: Kind, key: str) -> bool:
    # Characters that are not printable include those that cannot be encoded.
    if not kind.key.fullmatch(key) or not key.isprintable():
        return False
    return not _RESERVED.fullmatch(key) and len(key.encode()) <= KEY_MAX_BYTES


@lru_cache(maxsize=1000)
def _report(provider: str, text: str) -> None:
    log.reference_unreadable(provider, text)
