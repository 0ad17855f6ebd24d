"""Missing things: those that documents name and no provider has.

Called by the search for orphans after it has listed everything. A thing that was not listed is looked up by its id
before it counts as missing, because a list may leave something out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.core.history import History
from shared.hosts.model import Copy, CopyState
from shared.operations.orphans.report import Missing
from shared.ports import OBSERVED_MAX, Document, Events, ExternalIds, Hosts, MediaState, ProviderAccounts, holder_of
from shared.sessions.model import Pairing, PairingState
from shared.videos.controller import watched
from shared.videos.model import Video

Part = tuple[str, str, str]
"""One part of a thing: its provider, the name of the part, the provider's id."""


def parts_of(provider: str, external_ids: ExternalIds) -> set[Part]:
    """
    Return the parts of a thing. Pure.
    """
    return {(provider, name, part_id) for name, part_id in external_ids.items()}


@dataclass(frozen=True, slots=True)
class Lookout:
    """
    The search for missing things.

    Attributes:
        events: The provider of live events.
        provider_accounts: The providers.
        hosts: The hosts that get copies.
    """

    events: Events
    provider_accounts: ProviderAccounts
    hosts: Hosts

    def videos(self, page: Sequence[Document], there: set[Part], old_enough: datetime) -> list[Missing]:
        """
        Return the videos that were not listed, and that the provider reports as gone when asked by id.
        """
        suspected: dict[str, list[Missing]] = {}
        for document in page:
            video = Video.from_document(document)
            external_ids = watched(video)
            if (
                external_ids
                and _is_old(video.history, old_enough)
                and not there & parts_of(video.provider, external_ids)
            ):
                suspected.setdefault(video.provider, []).append(Missing(document.path, external_ids))
        found = []
        for provider, videos in suspected.items():
            for first in range(0, len(videos), OBSERVED_MAX):
                batch = videos[first : first + OBSERVED_MAX]
                seen = holder_of(self.provider_accounts, provider).media.observe([one.external_ids for one in batch])
                found += [one for one, seen_as in zip(batch, seen, strict=True) if seen_as.state is MediaState.GONE]
        return found

    def copies(self, page: Sequence[Document], there: set[Part], old_enough: datetime) -> list[Missing]:
        """
        Return the ready copies that were not listed, and that their host reports as gone when asked by id.
        """
        found = []
        for document in page:
            copy = Copy.from_document(document)
            host, is_old = self.hosts.get(copy.host), copy.begun_at < old_enough
            if host is None or copy.state is not CopyState.READY or not is_old:
                continue
            if there & parts_of(copy.host, copy.external_ids):
                continue
            if host.observe_copy(copy.external_ids).state is MediaState.GONE:
                found.append(Missing(document.path, copy.external_ids))
        return found

    def pairings(self, page: Sequence[Document], there: set[Part], old_enough: datetime) -> list[Missing]:
        """
        Return the records of sessions whose event was not listed, and cannot be found by its reference either.
        """
        found = []
        for document in page:
            pairing = Pairing.from_document(document)
            gone = pairing.state is PairingState.READY and not there & parts_of(self.events.name, pairing.external_ids)
            if gone and _is_old(pairing.history, old_enough) and not self.events.find_event(pairing.reference or ""):
                found.append(Missing(document.path, pairing.external_ids))
        return found


def _is_old(history: History, old_enough: datetime) -> bool:
    """
    Tell whether a document has been in its state for long enough. Pure.
    """
    return not history or history[-1].at < old_enough
