"""List the functions that are deployed, and check that everything that is registered is among them.

Called when the functions are listed: by a deployment, and by the emulator when it starts.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from functions import config

RULES: Final = Path(__file__).parent.parent / "firestore.rules"

OF_BUCKET: Final = frozenset({"onSlidesUploaded"})
"""The functions that are deployed only if `SLIDES_BUCKET` is set: the bucket of a trigger must exist."""


def deployable(functions: Iterable[str]) -> list[str]:
    """
    Return the functions that this deployment has.

    Args:
        functions: The names of all functions.

    Raises:
        ValueError: One is missing, or the rules leave a collection out; the sentence says what (never, until it is
            added).
    """
    from shared.reconcile.resource import require_named
    from shared.registry import RESOURCES

    listed = [name for name in functions if config.SLIDES_BUCKET.value or name not in OF_BUCKET]
    # An instance in the cloud has no rules, and lists nothing.
    if RULES.exists():
        require_named(RESOURCES, listed, RULES.read_text())
    return listed
