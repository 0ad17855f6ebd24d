"""The report of a search for orphans, with its document form `reports/orphans`.

Called by the search and by the operator's command.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from shared.ports import Document, InventoryItem
from shared.reconcile.epoch import Hold
from shared.reconcile.owned import Missing

REPORTED_MAX: Final = 100
"""The most entries of each kind that a report lists; it counts them all."""

NAME_MAX: Final = 200
"""The most characters of the name at which a search of the bucket continues; after a longer one it starts over."""


@dataclass(frozen=True, slots=True)
class Report:
    """
    The result of one search.

    Attributes:
        at: When it began.
        things: The number of things at the providers that were checked.
        documents: The number of documents that were checked.
        orphans: The orphans; for each it is known whether it has content.
        missing: The things that documents name and that do not exist.
        unreadable: Things that are marked as ours, with a name that none of ours has, cut and escaped.
        cleaned_up: Whether orphans are deleted and documents reconciled.
        hold: Why nothing was cleaned up although it was requested; `None` if deletions are not held.
        young: Things with content that no document names, and that are too young to be sure: a document may yet name
            them.
        stored_after: Where the next search of the bucket continues, by kind of thing, if this one did not reach its
            end.
    """

    at: datetime
    things: int
    documents: int
    orphans: tuple[InventoryItem, ...]
    missing: tuple[Missing, ...]
    unreadable: tuple[str, ...] = ()
    cleaned_up: bool = False
    hold: Hold | None = None
    young: tuple[InventoryItem, ...] = ()
    stored_after: Mapping[str, str] = field(default_factory=dict)

    @property
    def with_content(self) -> tuple[InventoryItem, ...]:
        """
        Return the orphans that wait for an operator, without the parts that belong to them.
        """
        return tuple(item for item in self.orphans if item.has_content and not item.is_part)

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form. Orphans with content come first, because they wait for an operator. Pure.
        """
        in_order = sorted(self.orphans, key=lambda item: not item.has_content)
        return {
            "at": self.at,
            "things": self.things,
            "documents": self.documents,
            "cleanedUp": self.cleaned_up,
            "held": self.hold is not None,
            "strayCount": len(self.orphans),
            "withContentCount": len(self.with_content),
            "strays": [
                {
                    "provider": one.provider,
                    "reference": one.reference,
                    "parts": dict(one.external_ids),
                    "createdAt": one.created_at,
                    "hasContent": bool(one.has_content),
                }
                for one in in_order[:REPORTED_MAX]
            ],
            "missingCount": len(self.missing),
            "missing": [{"path": one.path, "parts": dict(one.external_ids)} for one in self.missing[:REPORTED_MAX]],
            "unreadableCount": len(self.unreadable),
            "unreadable": list(self.unreadable[:REPORTED_MAX]),
            "storedAfter": dict(self.stored_after),
        }


def stored_after(kept: Document | None) -> Mapping[str, str]:
    """
    Return where the search of the bucket continues, according to the last report. A value
    that is not such a name starts over. Pure.
    """
    found = {} if kept is None else kept.fields.get("storedAfter")
    if not isinstance(found, dict):
        return {}
    return {kind: after for kind, after in found.items() if isinstance(after, str) and _is_name(after)}


def _is_name(text: str) -> bool:
    return bool(text) and text.isprintable() and len(text) <= NAME_MAX and {".", ".."}.isdisjoint(text.split("/"))
