"""Compare tags, content and cold store of an entry, and find what mends a difference. Pure.

Called by the operator's commands `status` and `repair`. The sentences of the first six problems are those of
`kaltura_aws.py`.

Source: PrincetonUniversity/kaltura_archiver, README.md and kaltura_aws.py, entry_health_check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from shared.archive.model import (
    ARCHIVED_TAG,
    FLAVORS_DELETED_TAG,
    HELD,
    ArchivedEntry,
    ArchiveState,
    is_size,
)
from shared.ports import ColdObject, Entry, Flavor

HEALTHY: Final = "HEALTHY"


class Problem(StrEnum):
    """
    A problem of an entry.
    """

    NO_ORIGINAL = "noOriginal"
    UNTAGGED = "untagged"
    NOT_STORED = "notStored"
    HALF_TAGGED = "halfTagged"
    OTHER_SIZE = "otherSize"
    NOT_REPLACED = "notReplaced"
    OTHER_OBJECT = "otherObject"
    UNRECORDED = "unrecorded"
    NO_ENTRY = "noEntry"
    STUCK = "stuck"


class Remedy(StrEnum):
    """
    The safe way to mend a problem. `TAGS`: put the tags right. `STORE`: store the original once more, beside what is
    there. `TAKE_OVER`: record what another program has archived. `ASK_AGAIN`: try again what has failed. `NONE`: a
    person has to look.
    """

    TAGS = "tags"
    STORE = "store"
    TAKE_OVER = "takeOver"
    ASK_AGAIN = "askAgain"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Health:
    """
    The health of one entry.

    Attributes:
        entry_id: Its id.
        problem: What is wrong; `None` if nothing is.
        sentence: That in words; `HEALTHY` if nothing is.
        remedy: What mends it.
        original_id: The provider's id of its original, which may be the placeholder; `None` if it has none.
        original_ready: Whether that can be read.
        is_archived: Whether it has the tag that says so.
        is_replaced: Whether it has the tag that says so.
        stored_bytes: The size of its object in the cold store; `None` if there is none.
        original_kb: The size of its original, as the provider reports it.
        state: That of its record; `None` if it has none.
        due_at: When its original can be read in the cold store, if that is waited for; else `None`.
    """

    entry_id: str
    problem: Problem | None
    sentence: str
    remedy: Remedy
    original_id: str | None
    original_ready: bool
    is_archived: bool
    is_replaced: bool
    stored_bytes: int | None
    original_kb: int | None
    state: ArchiveState | None
    due_at: datetime | None = None

    @property
    def is_healthy(self) -> bool:
        """
        Tell whether nothing is wrong.
        """
        return self.problem is None

    def to_fields(self) -> Mapping[str, Any]:
        """
        Return the form for programs and documents.
        """
        return {
            "entryId": self.entry_id,
            "healthy": self.is_healthy,
            "problem": None if self.problem is None else self.problem.value,
            "sentence": self.sentence,
            "remedy": self.remedy.value,
            "original": self.original_id,
            "originalReady": self.original_ready,
            "archived_to_s3": self.is_archived,
            "flavors_deleted": self.is_replaced,
            "storedBytes": self.stored_bytes,
            "originalKb": self.original_kb,
            "state": None if self.state is None else self.state.value,
            "dueAt": self.due_at,
        }

    def to_line(self) -> str:
        """
        Return the line of `kaltura_aws.py`, with its blanks: cells separated by tabs, and both sizes in kilobytes.
        """
        status = "MISSING" if self.original_id is None else "READY" if self.original_ready else "NOT READY"
        stored_kb = 0 if self.stored_bytes is None else self.stored_bytes // 1024
        original_kb = "" if self.original_kb is None else self.original_kb
        cells = (
            self.entry_id,
            f"{self.is_healthy!s:<9}",
            f"{self.original_id or '':>10}",
            f"{status:>11}",
            _tag(FLAVORS_DELETED_TAG, is_there=self.is_replaced),
            _tag(ARCHIVED_TAG, is_there=self.is_archived),
            str(stored_kb),
            f"{original_kb:>10}",
            self.sentence if self.is_healthy else f"ERROR: {self.sentence}",
        )
        return "\t".join(cells)


def _tag(tag: str, *, is_there: bool) -> str:
    return tag if is_there else " " * len(tag)


COLUMNS: Final = (
    "entry-id",
    "status-ok",
    "original",
    "orig-status",
    FLAVORS_DELETED_TAG,
    ARCHIVED_TAG,
    "s3-size",
    "orig-size",
    "---",
)

HEADING: Final = "\t".join(COLUMNS)
"""The first line above those of `Health.to_line`."""


def health_of(entry: Entry, item: ColdObject | None, record: ArchivedEntry | None, bucket: str) -> Health:
    """
    Return the health of an entry.

    Args:
        entry: The entry, as the provider has it.
        item: Its object in the cold store: the recorded version, or the newest; `None` if there is none.
        record: Its record; `None` if there is none.
        bucket: The name of the cold store, for sentences.
    """
    found = _problem(entry, item, record, bucket)
    problem, sentence, remedy = (None, HEALTHY, Remedy.NONE) if found is None else found
    original = entry.original
    return Health(
        entry.id,
        problem,
        sentence,
        remedy,
        original_id=None if original is None else original.id,
        original_ready=original is not None and original.is_ready,
        is_archived=ARCHIVED_TAG in entry.tags,
        is_replaced=FLAVORS_DELETED_TAG in entry.tags,
        stored_bytes=None if item is None else item.size_bytes,
        original_kb=None if original is None else original.size_kb,
        state=None if record is None else record.state,
        due_at=None if record is None else record.due_at,
    )


def missing_entry(entry_id: str, record: ArchivedEntry | None, item: ColdObject | None) -> Health:
    """
    Return the health of an entry that does not exist.
    """
    return Health(
        entry_id,
        Problem.NO_ENTRY,
        "No such entry; its original stays in the cold store" if item is not None else "No such entry",
        Remedy.NONE,
        original_id=None,
        original_ready=False,
        is_archived=False,
        is_replaced=False,
        stored_bytes=None if item is None else item.size_bytes,
        original_kb=None,
        state=None if record is None else record.state,
    )


def _problem(
    entry: Entry, item: ColdObject | None, record: ArchivedEntry | None, bucket: str
) -> tuple[Problem, str, Remedy] | None:
    original, is_archived, is_replaced = (
        entry.original,
        ARCHIVED_TAG in entry.tags,
        FLAVORS_DELETED_TAG in entry.tags,
    )
    if original is None or not original.is_ready:
        return Problem.NO_ORIGINAL, "No healthy Original", Remedy.NONE
    if record is not None and record.progress.failure is not None and record.progress.failure.retry_at is None:
        return Problem.STUCK, record.progress.failure.message, Remedy.ASK_AGAIN
    if record is not None and record.state not in (
        ArchiveState.INITIAL,
        ArchiveState.ARCHIVED,
        ArchiveState.PLACE_HOLDER,
    ):
        # It is on its way, so that its parts differ.
        return None
    if item is not None and not is_archived:
        sentence = f"in bucket {bucket} - but no {ARCHIVED_TAG} tag"
        return Problem.UNTAGGED, sentence, _of_untagged(record, original, is_replaced=is_replaced)
    if item is None and is_archived:
        remedy = Remedy.NONE if is_replaced or _is_held(record) else Remedy.STORE
        return Problem.NOT_STORED, f"has tag {ARCHIVED_TAG} - but not in bucket {bucket}", remedy
    if is_replaced and not is_archived:
        return Problem.HALF_TAGGED, f"has tag {FLAVORS_DELETED_TAG} - but no {ARCHIVED_TAG} tag", Remedy.NONE
    if item is None:
        if record is None or record.original is None:
            return None
        remedy = Remedy.NONE if _is_held(record) else Remedy.STORE
        return Problem.NOT_STORED, f"recorded as archived - but not in bucket {bucket}", remedy
    if is_replaced != _is_held(record) and record is not None and record.original is not None:
        state = "is" if _is_held(record) else "is not"
        sentence = f"recorded that a placeholder {state} in its place - but the tags say otherwise"
        return Problem.HALF_TAGGED, sentence, _tags(record, original)
    matches = is_size(original, item.size_bytes)
    if not is_replaced and not matches:
        return (
            Problem.OTHER_SIZE,
            f"size of original and of the object in bucket {bucket} differ: the original was replaced",
            Remedy.STORE,
        )
    if is_replaced and matches:
        return Problem.NOT_REPLACED, "tagged replaced but sizes match", Remedy.NONE
    if record is None:
        return (
            Problem.UNRECORDED,
            "archived by another program: Greenroom knows no checksum of it",
            Remedy.TAKE_OVER if is_replaced else Remedy.STORE,
        )
    if record.original is not None and not record.original.is_at(item):
        return (
            Problem.OTHER_OBJECT,
            f"the object in bucket {bucket} is not the one that was stored",
            Remedy.NONE if is_replaced else Remedy.STORE,
        )
    if record.original is not None and not is_replaced and not record.original.is_of(original):
        return Problem.OTHER_SIZE, "the original was replaced after it was archived", Remedy.STORE
    return None


def _of_untagged(record: ArchivedEntry | None, original: Flavor, *, is_replaced: bool) -> Remedy:
    """
    Return what mends an entry that is in the cold store and does not say so. What plays may be a placeholder, which
    must not be stored as if it were the original.
    """
    if record is not None and record.original is not None:
        return _tags(record, original)
    if is_replaced:
        return Remedy.TAKE_OVER if record is None else Remedy.NONE
    return Remedy.STORE


def _tags(record: ArchivedEntry, original: Flavor) -> Remedy:
    """
    Return whether tags can be put right. If somebody has put other content in the place of a placeholder, asking for
    the same again would replace that.
    """
    return Remedy.NONE if _is_held(record) and not record.is_placeholder(original) else Remedy.TAGS


def _is_held(record: ArchivedEntry | None) -> bool:
    return record is not None and record.state in HELD
