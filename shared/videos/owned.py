"""What the documents say about the content of videos at their providers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from shared.core.paths import RECONCILE_VIDEO
from shared.core.references import Reference
from shared.ports import OBSERVED_MAX, Document, ExternalIds, InventoryItem, MediaState, holder_of
from shared.reconcile.deployment import Deployment
from shared.reconcile.owned import Claim, Claimed, Missing, Owned, Part, is_among, is_settled, parts_of
from shared.videos.adopting import adopt_video
from shared.videos.controller import watched
from shared.videos.model import Video, VideoState, named


class VideoThings(Owned):
    """
    The content of videos.
    """

    queue: ClassVar[str] = RECONCILE_VIDEO

    def claim(
        self, item: InventoryItem, reference: Reference, document: Document | None, others: Sequence[Document | None]
    ) -> Claim:
        if document is None:
            return Claim.NOBODY
        video = Video.from_document(document)
        if is_among(item, named(video).values()):
            return Claim.NAMED
        is_tried = video.state is VideoState.PREPARING and video.reference == str(reference)
        return Claim.UNDER_WAY if is_tried else Claim.NOBODY

    def missing(
        self, deployment: Deployment, page: Sequence[Document], listed: set[Part], old_enough: datetime
    ) -> list[Missing]:
        """
        Return the videos that were not listed, and that the provider reports as gone when asked by id.
        """
        suspected: dict[str, list[Missing]] = {}
        for document in page:
            video = Video.from_document(document)
            external_ids = watched(video)
            is_listed = external_ids and listed & parts_of(video.provider, external_ids)
            if external_ids and is_settled(video.history, old_enough) and not is_listed:
                suspected.setdefault(video.provider, []).append(Missing(document.path, external_ids))
        found = []
        for provider, videos in suspected.items():
            media = holder_of(deployment.provider_accounts, provider).media
            for first in range(0, len(videos), OBSERVED_MAX):
                batch = videos[first : first + OBSERVED_MAX]
                seen = media.observe([one.external_ids for one in batch])
                found += [one for one, seen_as in zip(batch, seen, strict=True) if seen_as.state is MediaState.GONE]
        return found

    def adopt(self, deployment: Deployment, orphan: Claimed, external_ids: ExternalIds, session_id: str | None) -> None:
        """
        Make an orphan the content of its video; if the document of the video was lost, it is created.
        """
        adopt_video(deployment, orphan, external_ids, session_id)
