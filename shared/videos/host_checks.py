"""Checks of hosts and providers: whether they play, tested with real content and with the kind of address that viewers
get.

Called by `doctor`, and by the worker `checkHost`: every five minutes by the sweep, at once if a viewer reports that a
host fails, and each minute while one fails. `table` decides what follows from the result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.core import log
from shared.core.paths import COPIES, VIDEOS, host_path
from shared.core.retry import RetryOnConflict
from shared.hosts.model import Copy, CopyState
from shared.hosts.promises import encoded, unended
from shared.hosts.table import Standing, next_check
from shared.ports import (
    Clock,
    Condition,
    Create,
    Documents,
    Finding,
    Grant,
    Health,
    Hosts,
    Operator,
    Probe,
    ProviderAccounts,
    Query,
    Queue,
    Update,
)
from shared.videos.model import Video, VideoState

SAMPLES: Final = 3
"""The number of videos per host that are tested. It is healthy if one of them plays, because any single one may have
just been deleted."""

GRANT_S: Final = 60
AGAIN_S: Final = 60

_OPEN_PROVIDER: Final = "Anybody who knows an id can play its videos. Check in its console whether this was changed:"
_OPEN_HOST: Final = (
    "Anybody who knows an address can play its videos. Enable token authentication there, or make the bucket private."
)


@dataclass(frozen=True, slots=True)
class Checks:
    """
    The checks of one deployment's hosts and providers.

    Attributes:
        documents: The store of the hosts' states.
        queue: Gets the tasks.
        clock: Now, in UTC.
        provider_accounts: The providers.
        hosts: The hosts.
        names: The providers and hosts in the table of hosts.
        plays: Tests an address.
    """

    documents: Documents
    queue: Queue
    clock: Clock
    provider_accounts: ProviderAccounts
    hosts: Hosts
    names: tuple[str, ...]
    plays: Probe

    def check(self, name: str) -> None:
        """
        Test one host and record its state; if it fails, test it again soon. A host with no content to test counts as
        healthy. Also test an address without a permission, and raise an alarm if that is not refused.

        Raises:
            Transient, Conflict: Documents or queue could not be reached, or written (again).
        """
        if name not in self.names:
            return
        grants = list(self._samples(name))
        is_healthy = not grants or any(self.plays(grant.url) for grant in grants)
        if self._is_open(grants):
            log.host_open(name)
        self._record(name, is_healthy=is_healthy)
        if not is_healthy:
            self.queue.put(next_check(name, self.clock, AGAIN_S))

    def is_open(self, name: str) -> bool:
        """
        Tell whether a host or provider plays without any permission.

        Raises:
            Transient: Documents could not be reached (again).
        """
        return self._is_open(list(self._samples(name)))

    def findings(self) -> Iterator[Finding]:
        """
        Return one finding for each provider and host: whether it plays without any permission. Raises as `is_open`.
        """
        how = {name: f"{_OPEN_PROVIDER} {one.protection}." for name, one in self.provider_accounts.items()}
        for name, sentence in (how | dict.fromkeys(self.hosts, _OPEN_HOST)).items():
            if self.is_open(name):
                yield Finding(f"{name} playback", Health.MISSING, sentence)
            else:
                yield Finding(f"{name} playback", Health.OK)

    def _is_open(self, grants: Sequence[Grant]) -> bool:
        return any(grant.bare_url and self.plays(grant.bare_url) for grant in grants[:1])

    def _samples(self, name: str) -> Iterator[Grant]:
        if name in self.hosts:
            ready = (Condition("host", Operator.EQUAL, name), Condition("state", Operator.EQUAL, CopyState.READY.value))
            for document in self.documents.select(Query(COPIES, ready, limit=SAMPLES)):
                yield self.hosts[name].playback_grant(Copy.from_document(document).external_ids, GRANT_S)
        elif name in self.provider_accounts:
            of_it = Condition("provider", Operator.EQUAL, name)
            ready = (of_it, Condition("state", Operator.EQUAL, VideoState.READY.value))
            for document in self.documents.select(Query(VIDEOS, ready, limit=SAMPLES)):
                playable = Video.from_document(document).playable
                if playable is not None:
                    yield self.provider_accounts[name].media.playback_grant(playable.external_ids, name, GRANT_S)

    def _record(self, name: str, *, is_healthy: bool) -> None:
        path, now = host_path(name), self.clock()
        retry = RetryOnConflict(f"Others changed {path} at every try. Try again.")
        while True:
            (document,) = self.documents.read(path)
            before = Standing.from_document(document)
            has_turned = before.is_healthy != is_healthy or before.since is None
            since = now if has_turned else before.since
            fields: dict[str, Any] = {"isHealthy": is_healthy, "since": since, "checkedAt": now}
            if document is not None and len(unended(before.promised, now)) < len(before.promised):
                # Privacy: expired records of viewers are removed even if nobody watches now.
                fields["promised"] = encoded(unended(before.promised, now))
            with retry:
                self.documents.commit(
                    Create(path, fields) if document is None else Update(path, fields, if_version=document.version)
                )
                if before.is_healthy != is_healthy:
                    log.host_turned(name, is_healthy=is_healthy)
                return
