"""The live-stream entry of a live event: create and update it, find its recordings, and read its ingest addresses.

Called by `KalturaEvents`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from shared.ports import EventSpec, ExternalIds, Ingest
from shared.providers.kaltura import mapping
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.events.parts import ENTRY

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Asked, Multi

_INGEST_VALUES: Final = (
    "streamUsername",
    "primarySecuredBroadcastingUrl",
    "secondarySecuredBroadcastingUrl",
    "primarySrtBroadcastingUrl",
    "primarySrtStreamId",
    "secondarySrtBroadcastingUrl",
    "secondarySrtStreamId",
    "srtPass",
)


@dataclass(frozen=True, slots=True)
class LiveEntry:
    """
    The live-stream entries of one account.

    Attributes:
        account: The account.
        records: Whether broadcasts are recorded.
    """

    account: KalturaAccount
    records: bool

    def add(self, reference: str, spec: EventSpec, access_control_id: int, library: Any) -> Any:
        """
        Create the entry.
        """
        from KalturaClient.Plugins.Core import (
            KalturaLiveStreamEntry,
            KalturaMediaType,
            KalturaRecordStatus,
            KalturaSourceType,
        )

        # Appended, so that an encoder that disconnects and comes back makes one recording, not two.
        recording = KalturaRecordStatus.APPENDED if self.records else KalturaRecordStatus.DISABLED
        entry = KalturaLiveStreamEntry(
            name=mapping.name_of(spec.title),
            mediaType=KalturaMediaType(KalturaMediaType.LIVE_STREAM_FLASH),
            referenceId=self.account.theirs(reference),
            adminTags=self.account.tag,
            accessControlId=access_control_id,
            recordStatus=KalturaRecordStatus(recording),
            partnerData=spec.stamp or NotImplemented,
        )
        return library.liveStream.add(entry, KalturaSourceType.LIVE_STREAM)

    def update(self, entry_id: str, reference: str, spec: EventSpec, library: Any) -> Any:
        """
        Update the entry to a spec.
        """
        from KalturaClient.Plugins.Core import KalturaLiveStreamEntry

        # Entries created by an earlier release have a reference that can be guessed.
        changed = KalturaLiveStreamEntry(name=mapping.name_of(spec.title), referenceId=self.account.theirs(reference))
        return library.liveStream.update(entry_id, changed)

    def created_under(self, reference: str) -> Any:
        """
        Return the list filter for the entries that were created under a reference.
        """
        from KalturaClient.Plugins.Core import KalturaBaseEntryFilter

        return KalturaBaseEntryFilter(
            statusIn=mapping.ALIVE,
            moderationStatusIn=mapping.MODERATED,
            orderBy="+createdAt",
            **self.account.made_under(reference),
        )

    def ask_recordings(self, multi: Multi, external_ids: Mapping[str, str]) -> Asked:
        """
        Ask for the recordings of a live entry, even if it is deleted, and for everything that was cut from them.
        """
        from KalturaClient.Plugins.Core import KalturaMediaEntryFilter

        of_entry = KalturaMediaEntryFilter(
            rootEntryIdEqual=external_ids[ENTRY],
            statusIn=mapping.ALIVE,
            moderationStatusIn=mapping.MODERATED,
            orderBy="+createdAt",
        )
        return multi.ask(lambda c: c.media.list(of_entry), fields=("id", "sourceType"))


def recordings_in(listed: Asked) -> tuple[ExternalIds, ...]:
    """
    Return the recordings in the answer to `LiveEntry.ask_recordings`, by the provider's ids.
    """
    return tuple({ENTRY: str(one.id)} for one in listed.answer().objects if mapping.is_recording(one))


def ingest_of(entry: Any) -> Ingest:
    """
    Return the addresses of a live entry that an encoder sends its stream to.
    """
    found = {name: getattr(entry, name) for name in _INGEST_VALUES}
    backup_url = entry.secondaryBroadcastingUrl
    return Ingest(
        url=str(entry.primaryBroadcastingUrl),
        backup_url=backup_url if isinstance(backup_url, str) and backup_url else None,
        stream_name=str(entry.streamName),
        stream_key=str(entry.streamPassword),
        values={name: value for name, value in found.items() if isinstance(value, str) and value},
    )
