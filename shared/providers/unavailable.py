"""In place of live events, in a deployment that has no account for them.

Called by the reconciliation of sessions and by those who enter them through `ports.Events` and `ports.Audience`. A
session that wants an event is told why it gets none, and is tried again when it changes; videos do without.
"""

from __future__ import annotations

from typing import Final, NoReturn

from shared.core.errors import Permanent
from shared.ports import Admission, Attendee, Broadcast, EventIds, EventSpec, ExternalIds, Grant, Ingest

NAME: Final = "nowhere"


class NoEvents:
    """
    Fills `ports.Events`: there are none, and none are made.
    """

    name: Final = NAME

    def create_event(self, reference: str, spec: EventSpec) -> EventIds:
        """
        See `ports.Events`. Refuses (never).
        """
        _refuse("create_event")

    def find_event(self, reference: str) -> ExternalIds:
        """
        See `ports.Events`. There is none.
        """
        return {}

    def update_event(self, reference: str, external_ids: ExternalIds, spec: EventSpec) -> EventIds:
        """
        See `ports.Events`. Refuses (never): what was made by an account that is set up no more may still be there.
        """
        _refuse("update_event")

    def observe_broadcast(self, external_ids: ExternalIds) -> Broadcast | None:
        """
        See `ports.Events`. Refuses (never).
        """
        _refuse("observe_broadcast")

    def delete_event(self, external_ids: ExternalIds) -> Broadcast:
        """
        See `ports.Events`. Refuses (never), so that what is left somewhere is not forgotten.
        """
        _refuse("delete_event")

    def ingest(self, external_ids: ExternalIds) -> Ingest:
        """
        See `ports.Events`. Refuses (never).
        """
        _refuse("ingest")

    def rotate_stream_key(self, external_ids: ExternalIds) -> Ingest:
        """
        See `ports.Events`. Refuses (never).
        """
        _refuse("rotate_stream_key")

    def playback_grant(
        self, external_ids: ExternalIds, viewer_uid: str, lifetime_s: int, revocation_id: str | None = None
    ) -> Grant:
        """
        See `ports.Events`. Refuses (never).
        """
        _refuse("playback_grant")


class NoAudience:
    """
    Fills `ports.Audience`: nobody is let in.
    """

    def knows(self, uid: str) -> bool:
        """
        See `ports.Audience`. Nobody is known.
        """
        return False

    def forget(self, uid: str | None) -> bool:
        """
        See `ports.Audience`. There is nobody to forget.
        """
        return True

    def admit(
        self,
        external_ids: ExternalIds,
        attendee: Attendee,
        lifetime_s: int,
        *,
        revocation_id: str | None = None,
        force_refresh: bool = False,
    ) -> Admission:
        """
        See `ports.Audience`. Refuses (never).
        """
        _refuse("admit")


def _refuse(operation: str) -> NoReturn:
    raise Permanent(
        "This project has no account for live events.",
        provider=NAME,
        operation=operation,
        code="NO_LIVE_EVENTS",
        reason="LIVE_EVENTS_NOT_OFFERED",
    )
