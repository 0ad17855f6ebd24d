"""The export of everything that is stored about a person: every document that names them, page by page.

Called by `functions/`. Leaves to `traces` where a person may be named, so that an export and an erasure find the same
documents.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from shared.core.callers import Caller, require_admin
from shared.core.errors import BadRequest
from shared.core.paths import can_be_id
from shared.ports import Document, Documents, Query
from shared.reconcile.traces import Naming, Trace, condition, paths_of

EXPORTED_AT_ONCE: Final = 50
"""Documents of one page. The largest documents, of sessions with hundreds of videos, have some 100 KB each."""

HIDDEN: Final = "parts"
"""The field with the ids of things at providers. They say nothing about a person, and some of them give access."""

OF_APP: Final = "app"
"""The field of a session in which an app may use any name."""

ID_MAX_BYTES: Final = 1500
"""The longest id of a document. Source: https://firebase.google.com/docs/firestore/quotas."""


@dataclass(frozen=True, slots=True)
class Exported:
    """
    A page of an export.

    Attributes:
        things: The documents, each with its `section`, `path` and `fields`. `fields` is empty if the document is about
            another person and only names this one.
        after: Where the next page begins; `None` if this is the last one.
    """

    things: tuple[Mapping[str, Any], ...]
    after: str | None


def export_content(
    caller: Caller, uid: str, after: str | None, documents: Documents, traces: Sequence[Trace]
) -> Exported:
    """
    Return what is stored about a person.

    Args:
        caller: The person themselves, or an administrator.
        uid: The person.
        after: The `after` of the page before; `None` for the first page.
        documents: Where everything is stored.
        traces: The fields and ids that may name a person. Their sections follow one another in this order.

    Raises:
        NotAllowed: The caller may not export it (never).
        BadRequest: No page can begin at `after` (never).
        Transient: The documents could not be reached (again).
    """
    if uid != caller.uid:
        require_admin(caller)
    sections = [trace.section for trace in traces]
    section, _, after_id = (after or f"{sections[0]}/").partition("/")
    if section not in sections or not can_be_id(after_id) or len(after_id.encode()) > ID_MAX_BYTES:
        raise BadRequest("The field after must be the after of the previous answer.", reason="FIELD_INVALID")
    things: list[Mapping[str, Any]] = []
    for trace in traces[sections.index(section) :]:
        room = EXPORTED_AT_ONCE - len(things)
        found = _naming(trace, uid, after_id if trace.section == section else "", room + 1, documents)
        things += [_shown(trace, one) for one in found[:room]]
        if len(found) > room:
            last = found[room - 1].id if room else ""
            return Exported(tuple(things), f"{trace.section}/{last}")
    return Exported(tuple(things), None)


def _naming(trace: Trace, uid: str, after_id: str, limit: int, documents: Documents) -> Sequence[Document]:
    if trace.naming is Naming.ID:
        read = documents.read(*sorted(paths_of(trace, uid)))
        return [one for one in read if one is not None and one.id > after_id]
    named = condition(trace, uid)
    if named is None:
        return ()
    return documents.select(Query(trace.collection, (named,), after_id=after_id or None, limit=limit))


def _shown(trace: Trace, document: Document) -> Mapping[str, Any]:
    is_theirs = trace.naming in (Naming.VALUE, Naming.ID)
    return {
        "section": trace.section,
        "path": document.path,
        "fields": _plain(document.fields) if is_theirs else {},
    }


def _plain(value: Any, *, hides: bool = True) -> Any:
    """
    Return a value in a form that JSON can represent, without hidden fields. An app's back end may have stored values of
    any type. Pure.
    """
    if isinstance(value, Mapping):
        return {
            name: _plain(inner, hides=hides and name != OF_APP)
            for name, inner in value.items()
            if not (hides and name == HIDDEN)
        }
    if isinstance(value, list | tuple):
        return [_plain(inner, hides=hides) for inner in value]
    is_plain = value is None or isinstance(value, str | int | datetime)
    return value if is_plain or (isinstance(value, float) and math.isfinite(value)) else str(value)
