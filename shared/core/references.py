"""References: the names `kind:key:generation` under which everything of ours is made at a provider.

Called by everyone who is told a reference by the outside world: webhooks, the readiness poller, lists of what a
provider has. Such a text may be anything: whoever administers an account may write it there by hand. There is this one
parser, and it raises for no text. The outer form, in which a provider keeps a reference, is for the provider's own
`mapping`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from shared.core import log
from shared.core.paths import copy_path, pairing_path, video_path

KEY_MAX_BYTES: Final = 1500
"""The longest id of a Firestore document."""

REPORTED_MAX_LETTERS: Final = 80
"""So much of a text that is no reference is shown to an operator."""

_GENERATION: Final = re.compile(r"[1-9][0-9]{0,8}")
_RESERVED: Final = re.compile(r"\.\.?|__.*__")


class Kind(StrEnum):
    """
    What a reference is of.
    """

    SESSION = "session"
    VIDEO = "video"
    COPY = "copy"


_KEYS: Final = {
    # A back end may choose any id for its sessions that Firestore takes, without a colon.
    Kind.SESSION: re.compile(r"[^:/]+"),
    Kind.VIDEO: re.compile(r"[A-Za-z0-9]{1,64}"),
    Kind.COPY: re.compile(r"[A-Za-z0-9]{1,64}-[a-z0-9]{1,20}"),
}


@dataclass(frozen=True, slots=True)
class Reference:
    """
    A reference that was understood.

    Attributes:
        kind: What it is of.
        key: The id of the session or the video, or the key of the copy.
        generation: Which of the things that were made for it, from 1.
    """

    kind: Kind
    key: str
    generation: int

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}:{self.generation}"

    @property
    def path(self) -> str:
        """
        The document that would name the thing.
        """
        match self.kind:
            case Kind.SESSION:
                return pairing_path(self.key)
            case Kind.VIDEO:
                return video_path(self.key)
            case Kind.COPY:
                return copy_path(self.key)


def parse(text: str) -> Reference | None:
    """
    Read a reference; `None` where the text is none. Raises for no text. Pure.
    """
    kind, _, rest = text.partition(":")
    key, _, generation = rest.rpartition(":")
    if kind not in list(Kind) or not _GENERATION.fullmatch(generation) or not _is_key(Kind(kind), key):
        return None
    return Reference(Kind(kind), key, int(generation))


def read(provider: str, text: str) -> Reference | None:
    """
    Read a reference that a provider told; one that is none is skipped by the caller, and logged once by each instance.

    Args:
        provider: Our name of the provider or host.
        text: What stands there in the place of a reference.
    """
    found = parse(text)
    if found is None:
        _report(provider, shown(text))
    return found


def is_session_id(text: str) -> bool:
    """
    Return whether a text can be the id of a session that things are made for. Pure.
    """
    return _is_key(Kind.SESSION, text)


def shown(text: str) -> str:
    """
    Return a text from outside, cut and in ASCII, for a log or a report. Pure.
    """
    cut = text[:REPORTED_MAX_LETTERS].encode("ascii", "backslashreplace").decode("ascii")
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in cut)


def _is_key(kind: Kind, key: str) -> bool:
    # What cannot be printed includes what cannot be encoded.
    if not _KEYS[kind].fullmatch(key) or not key.isprintable():
        return False
    return not _RESERVED.fullmatch(key) and len(key.encode()) <= KEY_MAX_BYTES


@lru_cache(maxsize=1000)
def _report(provider: str, text: str) -> None:
    log.reference_unreadable(provider, text)
