"""Live events at Kaltura: a live-stream entry, and a schedule event for it where its times are known.

Called by the visit of sessions through `ports.Events`. Every method is one round trip, but for the making of a part
that was missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from shared.errors import Doubtful, Permanent, ProviderError, Transient
from shared.ports import EventWish, Grant, Parts
from shared.providers.kaltura import words
from shared.providers.kaltura.account import NAME, KalturaAccount

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Asked

ENTRY: Final = "entryId"
EVENT: Final = "eventId"


@dataclass(frozen=True, slots=True)
class KalturaEvents:
    """
    Fills `ports.Events`.
    """

    account: KalturaAccount

    def create_event(self, reference: str, wish: EventWish) -> Parts:
        """
        Make entry and schedule event in one request; see `ports.Events`.
        """
        from KalturaClient.Plugins.Core import KalturaLiveStreamEntry, KalturaMediaType, KalturaSourceType

        entry = KalturaLiveStreamEntry(
            name=wish.title,
            mediaType=KalturaMediaType(KalturaMediaType.LIVE_STREAM_FLASH),
            referenceId=words.theirs(self.account.namespace, reference),
            adminTags=self.account.tag,
            accessControlId=self.account.access_control_id(),
        )
        multi = self.account.client.multi(self.account.admin_ks())
        added = multi.ask(lambda c: c.liveStream.add(entry, KalturaSourceType.LIVE_STREAM))
        event = None
        if _is_scheduled(wish):
            scheduled = self._schedule_event(reference, wish, added.result("id"))
            event = multi.ask(lambda c: c.schedule.scheduleEvent.add(scheduled))
        multi.send()
        if added.error is not None:
            # Kaltura goes on after a failed part: what came after it must not stay behind alone.
            if event is not None and event.error is None:
                self.delete_event({EVENT: str(event.answer().id)})
            raise added.error
        parts = {ENTRY: str(added.answer().id)}
        if event is None:
            return parts
        if event.error is not None:
            # The entry exists: the next visit finds it by its reference and completes the event.
            raise incomplete(event.error)
        return {**parts, EVENT: str(event.answer().id)}

    def find_event(self, reference: str) -> Parts:
        """
        See `ports.Events`. A schedule event without its entry is no event.
        """
        multi = self.account.client.multi(self.account.admin_ks())
        entries = multi.ask(lambda c: c.baseEntry.list(self._entries_filter(reference)))
        events = multi.ask(lambda c: c.schedule.scheduleEvent.list(self._events_filter(reference)))
        multi.send()
        found_entries, found_events = entries.answer().objects, events.answer().objects
        if not found_entries:
            return {}
        parts = {ENTRY: str(found_entries[0].id)}
        return {**parts, EVENT: str(found_events[0].id)} if found_events else parts

    def update_event(self, reference: str, parts: Parts, wish: EventWish) -> Parts:
        """
        See `ports.Events`.
        """
        from KalturaClient.Plugins.Core import KalturaLiveStreamEntry

        multi = self.account.client.multi(self.account.admin_ks())
        entry_id, event_id = parts[ENTRY], parts.get(EVENT)
        updated = multi.ask(lambda c: c.liveStream.update(entry_id, KalturaLiveStreamEntry(name=wish.title)))
        event = None
        if event_id is not None and _is_scheduled(wish):
            scheduled = self._schedule_event(None, wish, None)
            event = multi.ask(lambda c: c.schedule.scheduleEvent.update(int(event_id), scheduled))
        elif event_id is not None:
            event = multi.ask(lambda c: c.schedule.scheduleEvent.delete(int(event_id)))
        multi.send()
        if updated.error is not None and is_gone(updated.error):
            self.delete_event(parts)
            return {}
        updated.answer()
        if event is not None and event.error is not None and not is_gone(event.error):
            # The entry has changed already: the next visit does both again.
            raise incomplete(event.error)
        if not _is_scheduled(wish):
            return {ENTRY: entry_id}
        if event_id is not None and event is not None and event.error is None:
            return {ENTRY: entry_id, EVENT: event_id}
        return {ENTRY: entry_id, EVENT: self._find_or_add_schedule_event(reference, wish, entry_id)}

    def delete_event(self, parts: Parts) -> None:
        """
        See `ports.Events`. The schedule event goes first: it points at the entry.
        """
        multi = self.account.client.multi(self.account.admin_ks())
        answers = []
        if EVENT in parts:
            answers.append(multi.ask(lambda c: c.schedule.scheduleEvent.delete(int(parts[EVENT]))))
        if ENTRY in parts:
            answers.append(multi.ask(lambda c: c.liveStream.delete(parts[ENTRY])))
        if not answers:
            return
        multi.send()
        for answer in answers:
            raise_unless_gone(answer)

    def playback_grant(self, parts: Parts, viewer_uid: str, lifetime_s: int) -> Grant:
        """
        See `ports.Events`.
        """
        return self.account.playback_grant(parts[ENTRY], viewer_uid, lifetime_s)

    def _find_or_add_schedule_event(self, reference: str, wish: EventWish, entry_id: str) -> str:
        client, ks = self.account.client, self.account.admin_ks()
        found = client.call(ks, lambda c: c.schedule.scheduleEvent.list(self._events_filter(reference))).objects
        if found:
            return str(found[0].id)
        scheduled = self._schedule_event(reference, wish, entry_id)
        return str(client.call(ks, lambda c: c.schedule.scheduleEvent.add(scheduled)).id)

    def _schedule_event(self, reference: str | None, wish: EventWish, entry_id: Any) -> Any:
        """
        A schedule event of this wish; without reference and entry it is the change of one.
        """
        from KalturaClient.Plugins.Schedule import KalturaLiveStreamScheduleEvent, KalturaScheduleEventRecurrenceType

        event = KalturaLiveStreamScheduleEvent(summary=wish.title)
        if wish.starts_at is not None and wish.ends_at is not None:
            event.startDate, event.endDate = int(wish.starts_at.timestamp()), int(wish.ends_at.timestamp())
        if reference is not None:
            event.recurrenceType = KalturaScheduleEventRecurrenceType(KalturaScheduleEventRecurrenceType.NONE)
            event.referenceId = words.theirs(self.account.namespace, reference)
            event.tags = self.account.tag
            event.templateEntryId = entry_id
        return event

    def _entries_filter(self, reference: str) -> Any:
        from KalturaClient.Plugins.Core import KalturaBaseEntryFilter

        return KalturaBaseEntryFilter(
            referenceIdEqual=words.theirs(self.account.namespace, reference),
            statusIn=words.ALIVE,
            orderBy="+createdAt",
        )

    def _events_filter(self, reference: str) -> Any:
        from KalturaClient.Plugins.Schedule import KalturaScheduleEventFilter

        return KalturaScheduleEventFilter(
            referenceIdEqual=words.theirs(self.account.namespace, reference), orderBy="+createdAt"
        )


def _is_scheduled(wish: EventWish) -> bool:
    return wish.starts_at is not None and wish.ends_at is not None


def incomplete(error: ProviderError) -> Doubtful:
    """
    What is raised where one part exists and another does not: look, and go on from there.
    """
    retry_after_s = error.retry_after_s if isinstance(error, Transient) else None
    doubt = Doubtful(str(error), provider=NAME, operation=error.operation, code=error.code, retry_after_s=retry_after_s)
    doubt.__cause__ = error
    return doubt


def raise_unless_gone(answer: Asked) -> None:
    """
    Let a deletion of what is gone pass.

    Raises:
        Transient, Doubtful, Permanent: The deletion failed for another reason.
    """
    if answer.error is not None and not is_gone(answer.error):
        raise answer.error


def remaining(looks: Mapping[str, Asked], parts: Parts) -> Parts:
    """
    Which parts are still there, given a look at each.

    Raises:
        Transient, Doubtful, Permanent: One of them cannot be told.
    """
    for look in looks.values():
        raise_unless_gone(look)
    return {name: parts[name] for name, look in looks.items() if look.error is None}


def is_gone(error: ProviderError) -> bool:
    """
    Whether an error under an administrator's KS says that the thing does not exist. Pure.
    """
    return isinstance(error, Permanent) and error.code in words.GONE_CODES
