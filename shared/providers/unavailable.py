"""The stand-in for live events, in a deployment that has no account for them.

Called by the reconciler of sessions and by those that admit people, through `ports.Events` and `ports.Audience`. A
session that wants an event gets the reason why it has none, and is tried again when it changes. Videos are not
affected.
"""

from __future__ import annotations

from typing import Final, NoReturn

from shared.core.errors import Permanent
from shared.ports import Admission, Attendee, Broadcast, EventIds, EventSpec, ExternalIds, Grant, Ingest

NAME: Final = "nowhere"


class NoEvents:
    """
    Fills `ports.Events`: there are none, and none are created.
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
        See `ports.Events`. Refuses (never): an event of an account that is no longer configured may still exist.
        """
        _refuse("update_event")

    def observe_broadcast(self, external_ids: ExternalIds) -> Broadcast | None:
        """
        See `ports.Events`. Refuses (never).
        """
        _refuse("observe_broadcast")

    def delete_event(self, external_ids: ExternalIds) -> Broadcast:
        """
        See `ports.Events`. Refuses (never), so that an event that still exists somewhere is not forgotten.
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
    Fills `ports.Audience`: nobody is admitted.
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
