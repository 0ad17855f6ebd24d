"""The statements of documents about things at a provider: a document names one, may yet name it, or has it deleted.

Called by the search for orphans, which decides what to do with it. The reference of a thing tells which document would
name it; what that says is left to its resource (`shared/reconcile/owned.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shared.core import references
from shared.core.paths import DELETIONS
from shared.core.references import Kind
from shared.ports import Condition, Documents, InventoryItem, Operator, Query
from shared.reconcile.owned import Claim, Claimed, Owned, is_among
from shared.reconcile.resource import Resource


def claims(documents: Documents, resources: Sequence[Resource], items: Sequence[InventoryItem]) -> Iterator[Claimed]:
    """
    Yield each thing with the statement of the documents about it; a thing whose reference cannot be parsed is skipped.

    Raises:
        Transient: The documents could not be reached (again).
    """
    things = things_by_kind(resources)
    known = [(item, found) for item in items if (found := references.read(item.provider, item.reference))]
    others = {str(found): things[found.kind].other_paths(found.key) for _, found in known}
    paths = sorted({path for _, found in known for path in (found.path, *others[str(found)])})
    read = dict(zip(paths, documents.read(*paths), strict=True)) if paths else {}
    for item, reference in known:
        document = read[reference.path]
        more = [read[path] for path in others[str(reference)]]
        claim = things[reference.kind].claim(item, reference, document, more)
        if claim in (Claim.NOBODY, Claim.SPARE) and _is_released(documents, item):
            claim = Claim.NAMED
        yield Claimed(item, reference, claim, document)


def things_by_kind(resources: Sequence[Resource]) -> dict[Kind, Owned]:
    """
    Return what each resource says about its things, by the kind of their references.
    """
    return {one.kind: one.owned() for one in resources if one.kind is not None and one.owned is not None}


def _is_released(documents: Documents, item: InventoryItem) -> bool:
    """
    Tell whether a pending deletion names a thing.
    """
    of_it = Query(DELETIONS, (Condition("reference", Operator.EQUAL, item.reference),))
    return is_among(item, (one.fields["parts"] for one in documents.select(of_it)))
