"""The statements of documents about a thing at a provider: a document names it, may yet name it, or has it deleted.

Called by the search for orphans and by adoption, which decide what to do with it. The reference of a thing tells which
document would name it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.core import references
from shared.core.paths import DELETIONS, video_path
from shared.core.references import Kind, Reference
from shared.hosts.model import Copy, CopyState
from shared.ports import Condition, Document, Documents, ExternalIds, InventoryItem, Operator, Query
from shared.sessions.model import Pairing, PairingState
from shared.videos.model import Video, VideoState, named


class Claim(StrEnum):
    """
    The statement of the documents about a thing.

    `NAMED`: a document or a pending deletion names it. `UNDER_WAY`: a document may yet name it. `SPARE`: it is a copy,
    and its video's document names the original, or says that the video was deleted. `NOBODY`: no document says anything
    about it.
    """

    NAMED = "named"
    UNDER_WAY = "underWay"
    SPARE = "spare"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Claimed:
    """
    A thing, with the statement of the documents about it.

    Attributes:
        item: The thing.
        reference: Its parsed reference.
        claim: The statement.
        document: The document that would name it, as it was read.
    """

    item: InventoryItem
    reference: Reference
    claim: Claim
    document: Document | None


def claims(documents: Documents, items: Sequence[InventoryItem]) -> Iterator[Claimed]:
    """
    Yield each thing with the statement of the documents about it; a thing whose reference cannot be parsed is skipped.

    Raises:
        Transient: The documents could not be reached (again).
    """
    known = [(item, found) for item in items if (found := references.read(item.provider, item.reference))]
    paths = sorted({path for _, reference in known for path in _paths(reference)})
    read = dict(zip(paths, documents.read(*paths), strict=True)) if paths else {}
    for item, reference in known:
        claim = _claim(item, reference, read)
        if claim in (Claim.NOBODY, Claim.SPARE) and _is_released(documents, item):
            claim = Claim.NAMED
        yield Claimed(item, reference, claim, read[reference.path])


def _paths(reference: Reference) -> tuple[str, ...]:
    """
    Return the documents that may name a thing; for a copy also its video's.
    """
    if reference.kind is not Kind.COPY:
        return (reference.path,)
    return (reference.path, video_path(reference.key.partition("-")[0]))


def _claim(item: InventoryItem, reference: Reference, read: Mapping[str, Document | None]) -> Claim:
    document, *of_video = (read[path] for path in _paths(reference))
    match reference.kind:
        case Kind.VIDEO:
            return _by_video(item, reference, document)
        case Kind.SESSION:
            return _by_pairing(item, reference, document)
        case Kind.COPY:
            return _by_copy(item, reference, document, *of_video)


def _by_video(item: InventoryItem, reference: Reference, document: Document | None) -> Claim:
    if document is None:
        return Claim.NOBODY
    video = Video.from_document(document)
    if _is_among(item, named(video).values()):
        return Claim.NAMED
    is_tried = video.state is VideoState.PREPARING and video.reference == str(reference)
    return Claim.UNDER_WAY if is_tried else Claim.NOBODY


def _by_pairing(item: InventoryItem, reference: Reference, document: Document | None) -> Claim:
    if document is None:
        return Claim.NOBODY
    pairing = Pairing.from_document(document)
    if _is_among(item, [pairing.external_ids]):
        return Claim.NAMED
    is_tried = pairing.state is PairingState.CREATING and pairing.reference == str(reference)
    return Claim.UNDER_WAY if is_tried else Claim.NOBODY


def _by_copy(item: InventoryItem, reference: Reference, document: Document | None, video: Document | None) -> Claim:
    if document is not None:
        copy = Copy.from_document(document)
        if _is_among(item, [copy.external_ids]):
            return Claim.NAMED
        if copy.state is CopyState.MAKING and copy.reference == str(reference):
            return Claim.UNDER_WAY
    if video is None:
        return Claim.NOBODY
    original = Video.from_document(video)
    plays = original.playable is not None and original.playable.trouble is None
    return Claim.SPARE if plays or original.state is VideoState.GONE else Claim.NOBODY


def _is_among(item: InventoryItem, named_parts: Iterable[ExternalIds]) -> bool:
    return any(item.external_ids.items() <= external_ids.items() for external_ids in named_parts)


def _is_released(documents: Documents, item: InventoryItem) -> bool:
    """
    Tell whether a pending deletion names a thing.
    """
    of_it = Query(DELETIONS, (Condition("reference", Operator.EQUAL, item.reference),))
    return _is_among(item, (one.fields["parts"] for one in documents.select(of_it)))
