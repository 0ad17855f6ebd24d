"""Everything of this deployment at Cloudflare, by age, for the sweep to compare with what is recorded.

Called by `shared/orphans.py` through `ports.Strays`. Leaves to it what is a stray.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from shared.buckets import Priority
from shared.ports import Parts, Stray
from shared.providers.cloudflare import words
from shared.providers.cloudflare.account import NAME, UID, CloudflareAccount

PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class CloudflareStrays:
    """
    Fills `ports.Strays`.
    """

    account: CloudflareAccount

    def strays(self, since: datetime, until: datetime) -> Sequence[Stray]:
        """
        See `ports.Strays`. What others have in the same account is passed over.
        """
        found = (
            Stray(NAME, reference, {UID: str(video["uid"])}, made_at)
            for video in self.account.at(Priority.BULK).made_in(since, until)
            if (reference := self.account.ours(video)) and (made_at := words.instant(video.get("created")))
        )
        return list(islice(found, PAGE))

    def delete_stray(self, stray: Stray) -> Parts:
        """
        See `ports.Strays`.
        """
        return self.account.at(Priority.BULK).delete_and_look(stray.parts[UID])
