"""Check that everything that is registered can be deployed.

Called when the functions are listed: by a deployment, and by the emulator when it starts.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

RULES: Final = Path(__file__).parent.parent / "firestore.rules"


def require_deployable(functions: Collection[str]) -> None:
    """
    Refuse to list functions if one is missing, or if the rules leave a collection out.

    Args:
        functions: The names of the deployed functions.

    Raises:
        ValueError: The sentence says what is missing (never, until it is added).
    """
    from shared.reconcile.resource import require_named
    from shared.registry import RESOURCES

    # An instance in the cloud has no rules, and lists nothing.
    if RULES.exists():
        require_named(RESOURCES, functions, RULES.read_text())
