"""Text that people write: what one line may contain, and how to cut it to a limit without splitting a character. Pure.

Called by `videos/policy.py`, which refuses bad text, by the models of documents with text, and by the adapters, whose
fields have limits. `firestore.rules` (`isTitle`) checks the title of a session in the same way as `is_line` and
`is_blank`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

TITLE_MAX: Final = 200
"""The most characters of a title, of a session or a video."""

_NOT_IN_A_LINE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202d\u202e\ud800-\udfff]")
"""
Characters that a line may not contain: control characters and line breaks, which end a line, a header or a field;
overrides of direction, which show letters in another order than they have; lone surrogates, which cannot be encoded.
All others are allowed: embeddings, isolates and marks order whole words as right-to-left letters do, joiners and tags
make emoji, and a character that this Python's tables do not know is of a newer Unicode.
"""

_NOT_SENT: Final = re.compile(f"{_NOT_IN_A_LINE.pattern}|[\ufffe\uffff]")
"""XML 1.0 excludes two more characters. Source: https://www.w3.org/TR/xml/#charsets"""

_WHITE_CONTROLS: Final = re.compile("[\t\n\x0b\x0c\r\x85\u2028\u2029]+")

_INVISIBLE: Final = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})

_ZERO_WIDTH_JOINER: Final = "\u200d"
_SKIN_TONES: Final = ("\U0001f3fb", "\U0001f3ff")
_TAGS: Final = ("\U000e0020", "\U000e007f")
"""The tag characters, which follow a black flag and make it, for example, that of England."""

_REGIONAL_INDICATORS: Final = ("\U0001f1e6", "\U0001f1ff")
"""The letters of which two make a country's flag."""


def is_line(text: str) -> bool:
    """
    Tell whether a text is one line, without characters that `_NOT_IN_A_LINE` excludes. Pure.
    """
    return _NOT_IN_A_LINE.search(text) is None


def is_blank(text: str) -> bool:
    """
    Tell whether a text has no visible character. Pure.
    """
    return all(unicodedata.category(character) in _INVISIBLE for character in text)


def normalised(text: str) -> str:
    """
    Return a text in normal form (NFC), with spaces in place of tabs and none around it. Pure.
    """
    return unicodedata.normalize("NFC", text).replace("\t", " ").strip()


def as_line(text: str) -> str:
    """
    Return any text as one line: spaces in place of line breaks, without the other characters that a line or XML
    excludes. Pure.
    """
    return _NOT_SENT.sub("", _WHITE_CONTROLS.sub(" ", text)).strip()


def cut_to_characters(text: str, most: int) -> str:
    """
    Return the beginning of a text, at most `most` code points, without splitting what is read as one character. Pure.
    """
    return _cut(text, most, lambda _: 1)


def cut_to_bytes(text: str, most: int, extra_of: Callable[[str], int] = lambda _: 0) -> str:
    """
    Return the beginning of a text, at most `most` bytes in UTF-8, without splitting what is read as one character.
    Pure.

    Args:
        text: The text to cut.
        most: The most bytes.
        extra_of: Returns the bytes that a character takes in addition to its own, if the text is sent with additions.
    """
    return _cut(text, most, lambda character: len(character.encode()) + extra_of(character))


def _cut(text: str, most: int, size_of: Callable[[str], int]) -> str:
    end = size = 0
    while end < len(text) and (size := size + size_of(text[end])) <= most:
        end += 1
    whole = end
    while 0 < whole < len(text) and _continues(text, whole):
        whole -= 1
    # A single character with more marks than fit is split between its marks.
    return text[: whole or end]


def _continues(text: str, at: int) -> bool:
    """
    Tell whether a code point is read as one character with those before it. Covers marks, emoji and flags of Unicode's
    grapheme clusters. Pure.

    Source: https://unicode.org/reports/tr29/#Grapheme_Cluster_Boundary_Rules
    """
    character, before = text[at], text[at - 1]
    if unicodedata.category(character).startswith("M") or _ZERO_WIDTH_JOINER in (character, before):
        return True
    if _is_within(character, _SKIN_TONES) or _is_within(character, _TAGS):
        return True
    if not _is_within(character, _REGIONAL_INDICATORS):
        return False
    letters = 0
    while letters < at and _is_within(text[at - 1 - letters], _REGIONAL_INDICATORS):
        letters += 1
    return letters % 2 == 1


def _is_within(character: str, ends: tuple[str, str]) -> bool:
    return ends[0] <= character <= ends[1]
