"""The settings of hosts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.hosts.table import Terms


@dataclass(frozen=True, slots=True)
class HostTerms:
    """
    The settings of hosts.

    Attributes:
        terms: The cost and capacity of each host and provider, by name; empty: every video plays from its provider.
    """

    terms: Mapping[str, Terms] = field(default_factory=dict)
