"""What the documents say about copies at hosts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from shared.core.errors import WrongState
from shared.core.paths import RECONCILE_COPY, video_path
from shared.core.references import Reference
from shared.hosts.model import Copy, CopyState
from shared.ports import Document, ExternalIds, InventoryItem, MediaState
from shared.reconcile.deployment import Deployment
from shared.reconcile.owned import Claim, Claimed, Missing, Owned, Part, is_among, parts_of


class CopyThings(Owned):
    """
    Copies of videos at hosts.
    """

    queue: ClassVar[str] = RECONCILE_COPY

    def other_paths(self, key: str) -> tuple[str, ...]:
        return (video_path(key.partition("-")[0]),)

    def claim(
        self, item: InventoryItem, reference: Reference, document: Document | None, others: Sequence[Document | None]
    ) -> Claim:
        if document is not None:
            copy = Copy.from_document(document)
            if is_among(item, [copy.external_ids]):
                return Claim.NAMED
            if copy.state is CopyState.MAKING and copy.reference == str(reference):
                return Claim.UNDER_WAY
        (video,) = others
        return Claim.SPARE if video is not None and _is_spare(video) else Claim.NOBODY

    def missing(
        self, deployment: Deployment, page: Sequence[Document], listed: set[Part], old_enough: datetime
    ) -> list[Missing]:
        """
        Return the ready copies that were not listed, and that their host reports as gone when asked by id.
        """
        found = []
        for document in page:
            copy = Copy.from_document(document)
            host, is_old = deployment.hosts.get(copy.host), copy.begun_at < old_enough
            if host is None or copy.state is not CopyState.READY or not is_old:
                continue
            if listed & parts_of(copy.host, copy.external_ids):
                continue
            if host.observe_copy(copy.external_ids).state is MediaState.GONE:
                found.append(Missing(document.path, copy.external_ids))
        return found

    def keep_taken(self, deployment: Deployment, orphan: Claimed) -> None:
        """
        Do nothing: a copy is made only of a video that plays, and then an orphan of the copy is not kept.
        """

    def adopt(self, deployment: Deployment, orphan: Claimed, external_ids: ExternalIds, session_id: str | None) -> None:
        """
        Refuse: another copy of the video is made.
        """
        raise WrongState("It is a copy. Give its video back: another copy is made then.", reason="ORPHAN_NOT_ADOPTABLE")


def _is_spare(video: Document) -> bool:
    """
    Tell whether a copy of a video is not needed: the video plays from its provider, or was deleted. Pure.
    """
    playable = video.fields["playable"]
    return bool(video.fields["gone"]) or (playable is not None and playable["trouble"] is None)
