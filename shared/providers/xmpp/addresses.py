"""Turn our ids into names that XMPP servers accept. Pure.

A server makes the letters of a name small and refuses some signs, so that two of our ids could become one name.
Therefore whatever is not a small letter, a digit, a hyphen or a dot is written as `=` and two hexadecimal digits for
each byte of its UTF-8.

Source: https://www.rfc-editor.org/rfc/rfc7622#section-3.3
"""

from __future__ import annotations

import re
from typing import Final

from shared.core.errors import Permanent
from shared.providers.xmpp.client import NAME

NAME_BYTES_MAX: Final = 1023

_ESCAPED: Final = re.compile("[^a-z0-9.-]")


def name_of(operation: str, text: str) -> str:
    """
    Return the name of an id: different ids have different names.

    Args:
        operation: For the error.
        text: The id.

    Raises:
        Permanent: It is empty or too long (never).
    """
    name = _ESCAPED.sub(lambda found: _bytes_of(found[0]), text)
    if not 0 < len(name) <= NAME_BYTES_MAX:
        raise Permanent(
            "This id is empty, or too long for the chat server.", provider=NAME, operation=operation, code="ID_LENGTH"
        )
    return name


def _bytes_of(character: str) -> str:
    return "".join(f"={byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
