"""The hosts that play copies of ready videos."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from shared.ports.grants import ExternalIds, Grant
from shared.ports.inventory import Inventory
from shared.ports.videos import Observation, Source


class Host(Inventory, Protocol):
    """
    A host that ready videos are copied to, so that they play from there too. Raises as `Events` does.
    """

    @property
    def name(self) -> str:
        """
        Return our name of the host.
        """
        ...

    def begin_copy(self, reference: str, source: Source) -> ExternalIds:
        """
        Begin the copy of a video; it can be found by `reference` from the moment it exists. Not repeatable: find first
        when in doubt.
        """
        ...

    def find_copy(self, reference: str) -> ExternalIds:
        """
        Return the external ids of the oldest copy begun under `reference`; empty if there is none.
        """
        ...

    def observe_copy(self, external_ids: ExternalIds) -> Observation:
        """
        Return the state of a copy. In state `awaitingUpload` the host waits for us to send it bytes. Repeatable,
        changes nothing.
        """
        ...

    def send_more(self, external_ids: ExternalIds, source: Source) -> Observation:
        """
        Send the next bytes from the source to a host that waits for them, as many as one function call can transfer.
        Repeatable, by one worker at a time.

        Returns:
            The state of the copy afterwards.
        """
        ...

    def delete_media(self, external_ids: ExternalIds) -> ExternalIds:
        """
        Delete a copy, finished or not; see `Media.delete_media`.
        """
        ...

    def playback_grant(self, external_ids: ExternalIds, lifetime_s: int) -> Grant:
        """
        Let a client play this one copy; see `Media.playback_grant`.
        """
        ...


Hosts = Mapping[str, Host]
"""The hosts of one deployment that take copies, by our names; no host has the name of a provider."""


Probe = Callable[[str], bool]
"""Tell whether something can be loaded from an address now; `False` if there is no answer."""
