"""Live events at Kaltura: a live-stream entry and the parts that belong to it.

Called by the reconciler of sessions through `ports.Events`. An event is a live entry, a virtual event, which scopes the
analytics of its users, a group of moderators, and, if its times are known, a schedule event, which has a resource of
its own if the account has rooms. Each is found again by our reference: entry and schedule event have it as their
reference id, the virtual event and the group as their description, the resource as its system name. Every method is one
round trip, except if a part is missing or moderators change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from shared.core import log
from shared.core.errors import Permanent
from shared.ports import NOT_AVAILABLE, Broadcast, EventIds, EventSpec, ExternalIds, Grant, Ingest, Refusal
from shared.providers.kaltura import mapping
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.events.links import LINK_EXISTS, link, refused_pair, unlink, unlink_all
from shared.providers.kaltura.events.creation import ENTRY, EVENT, GROUP, RESOURCE, VIRTUAL_EVENT, Making
from shared.providers.kaltura.mapping import NAME
from shared.providers.kaltura.paging import all_pages
from shared.providers.kaltura.playback import addresses_grant
from shared.providers.kaltura.refusals import (
    first_error,
    incomplete,
    is_gone,
    is_lost,
    is_not_offered,
    is_refused,
    raise_unless_gone,
    refused_part,
)

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Asked, Multi

ROOM_TAGS: Final = "vcprovider:newrow"
"""The tag by which Kaltura's room product recognises a resource, and opens a room for its event."""

_MEMBER_EXISTS: Final = frozenset({mapping.USER_EXISTS, "GROUP_USER_ALREADY_EXISTS"})
_MEMBER_GONE: Final = frozenset({"GROUP_USER_DOES_NOT_EXISTS"}) | mapping.GONE_CODES


@dataclass(frozen=True, slots=True)
class KalturaEvents:
    """
    Fills `ports.Events`.

    Attributes:
        account: The account that has the events.
        records: Whether broadcasts are recorded.
    """

    account: KalturaAccount
    records: bool = True
    name: str = NAME

    def create_event(self, reference: str, spec: EventSpec) -> EventIds:
        """
        See `ports.Events`. Creates everything in one request.
        """
        making = self._make(reference, spec, {})
        refusal = making.of(ENTRY).error
        if refusal is not None:
            # Kaltura continues after a failed part: the parts created after it must not stay behind alone.
            self._delete(making.made())
            raise self.account.doubted(refusal)
        return making.outcome()

    def find_event(self, reference: str) -> ExternalIds:
        """
        See `ports.Events`. Parts without their entry are not an event.
        """
        multi = self.account.client.multi(self.account.admin_ks())
        entries = multi.ask(lambda c: c.baseEntry.list(self._entries_filter(reference)))
        looks = {
            VIRTUAL_EVENT: self._list_virtual_events(multi, entries.result("objects", "0", "createdAt"), 1),
            EVENT: multi.ask(lambda c: c.schedule.scheduleEvent.list(self._events_filter(reference))),
            RESOURCE: multi.ask(lambda c: c.schedule.scheduleResource.list(self._resources_filter(reference))),
        }
        group_id = entries.result("objects", "0", "id") + mapping.moderators_of("")
        group = multi.ask(lambda c: c.group.group.get(group_id))
        multi.send()
        found = entries.answer().objects
        if not found:
            return {}
        external_ids = {ENTRY: str(found[0].id)}
        for part, look in looks.items():
            if look.error is not None and is_not_offered(look.error):
                external_ids[part] = NOT_AVAILABLE
                continue
            objects = look.answer().objects
            if part == VIRTUAL_EVENT:
                every = all_pages(look, partial(self._virtual_events, int(found[0].createdAt)))
                objects = [one for one in every if self.account.ours(one.description) == reference]
            if objects:
                external_ids[part] = str(objects[0].id)
        if group.error is not None and is_not_offered(group.error):
            external_ids[GROUP] = NOT_AVAILABLE
        else:
            raise_unless_gone(group)
            if group.error is None:
                external_ids[GROUP] = mapping.moderators_of(external_ids[ENTRY])
        if not self.account.has_rooms:
            external_ids.pop(RESOURCE, None)
        return external_ids

    def update_event(self, reference: str, external_ids: ExternalIds, spec: EventSpec) -> EventIds:
        """
        See `ports.Events`.
        """
        return self._update(reference, external_ids, spec, looks=True)

    def observe_broadcast(self, external_ids: ExternalIds) -> Broadcast | None:
        """
        See `ports.Events`.
        """
        multi = self.account.client.multi(self.account.admin_ks())
        live = multi.ask(lambda c: c.liveStream.isLive(external_ids[ENTRY]))
        recorded = self._ask_recordings(multi, external_ids)
        multi.send()
        if live.error is not None and is_gone(live.error):
            return None
        return Broadcast(str(live.answer()) in ("1", "true"), _recordings(recorded))

    def delete_event(self, external_ids: ExternalIds) -> Broadcast:
        """
        See `ports.Events`. Recordings are listed by the entry's id, even after the entry is deleted.
        """
        if not external_ids:
            return Broadcast(is_live=False)
        return self._delete(external_ids)

    def ingest(self, external_ids: ExternalIds) -> Ingest:
        """
        See `ports.Events`.
        """
        return _ingest(
            self.account.client.call(self.account.admin_ks(), lambda c: c.liveStream.get(external_ids[ENTRY]))
        )

    def rotate_stream_key(self, external_ids: ExternalIds) -> Ingest:
        """
        See `ports.Events`.
        """
        entry_id, ks = external_ids[ENTRY], self.account.admin_ks()
        return _ingest(self.account.client.call(ks, lambda c: c.liveStream.regenerateStreamToken(entry_id)))

    def playback_grant(
        self, external_ids: ExternalIds, viewer_uid: str, lifetime_s: int, revocation_id: str | None = None
    ) -> Grant:
        """
        See `ports.Events`.
        """
        return addresses_grant(self.account, external_ids[ENTRY], viewer_uid, lifetime_s, revocation_id)

    # --- create and update --------------------------------------------------------------------------------------------

    def _make(self, reference: str, spec: EventSpec, known: ExternalIds) -> Making:
        """
        Create every wanted part that is not known, each after the parts that it points to, and the moderators.
        """
        access_control_id = 0
        if ENTRY not in known:
            access_control_id = self.account.access_control_id()
            # Created now, so that the very first viewer does not wait for it.
            self.account.addresses_role_name()
        multi = self.account.client.multi(self.account.admin_ks())
        making = Making(multi, dict(known))
        making.ask(ENTRY, partial(self._add_entry, reference, spec, access_control_id))
        entry_id = making.ids[ENTRY]
        making.ask(VIRTUAL_EVENT, partial(self._add_virtual_event, reference, spec))
        if GROUP not in known:
            group_id = entry_id + mapping.moderators_of("")
            making.ask(GROUP, partial(self._add_group, reference, group_id))
            for uid in spec.moderators:
                making.ask_more(GROUP, *self._membership(uid, group_id), exists=_MEMBER_EXISTS)
        if _is_scheduled(spec):
            making.ask(EVENT, partial(self._add_schedule_event, reference, spec, entry_id))
        if self._has_room(spec):
            making.ask(RESOURCE, partial(self._add_resource, reference, spec))
            if NOT_AVAILABLE not in (making.ids[EVENT], making.ids[RESOURCE]):
                pair = link(making.ids[EVENT], making.ids[RESOURCE])
                making.ask_more(RESOURCE, pair, exists=LINK_EXISTS, needs=EVENT)
        multi.send()
        return making

    def _update(self, reference: str, external_ids: ExternalIds, spec: EventSpec, *, looks: bool) -> EventIds:
        """
        Update the known parts, and create missing ones. If `looks` is set, missing parts are searched for first,
        because the answer of their creation may have been lost. Parts that cannot be updated stay as they are.
        """
        multi = self.account.client.multi(self.account.admin_ks())
        entry_id, group_id = external_ids[ENTRY], external_ids.get(GROUP)
        answers = {ENTRY: multi.ask(partial(self._update_entry, entry_id, reference, spec))}
        if external_ids.get(VIRTUAL_EVENT):
            answers[VIRTUAL_EVENT] = multi.ask(
                partial(self._update_virtual_event, int(external_ids[VIRTUAL_EVENT]), spec)
            )
        if external_ids.get(EVENT):
            answers[EVENT] = multi.ask(self._reform_schedule_event(int(external_ids[EVENT]), spec, entry_id))
        if external_ids.get(RESOURCE):
            answers[RESOURCE] = multi.ask(self._reform_resource(int(external_ids[RESOURCE]), spec))
        if group_id:
            answers[GROUP] = multi.ask(lambda c: c.group.group.get(group_id))
            members = multi.ask(partial(_list_members, group_id))
        has_pair = self._has_room(spec) and external_ids.get(EVENT) and external_ids.get(RESOURCE)
        # The pair has no id that could be recorded. If it is missing, by a refusal or a manual deletion, this creates
        # it.
        pair = multi.ask(link(int(external_ids[EVENT]), int(external_ids[RESOURCE]))) if has_pair else None
        multi.send()
        entry = answers[ENTRY]
        if entry.error is not None and is_gone(entry.error):
            self._delete(external_ids)
            return EventIds({})
        refused = {part: refused_part(answer.error) for part, answer in answers.items() if is_refused(answer.error)}
        for part, answer in answers.items():
            if answer.error is not None and part not in refused and not is_gone(answer.error):
                # A part has changed already, so the next reconcile does all of it again.
                raise incomplete(answer.error)
        kept = {
            part: id_ for part, id_ in external_ids.items() if part not in answers or not is_lost(answers[part].error)
        }
        for part in external_ids.keys() - kept.keys():
            log.part_vanished(NAME, reference, part, external_ids[part])
        wanted = self._wanted(spec)
        kept = {part: id_ for part, id_ in kept.items() if part in wanted or part in refused}
        self._unlink_gone(external_ids, kept, wanted)
        missing = wanted - kept.keys()
        if missing and looks:
            found = {part: id_ for part, id_ in self.find_event(reference).items() if part in missing}
            if found:
                return self._update(reference, {**kept, **found}, spec, looks=False)
        if group_id and GROUP in kept and GROUP not in refused:
            refused |= self._set_members(group_id, members, spec)
        if pair is not None and {EVENT, RESOURCE} <= kept.keys():
            refused |= refused_pair(pair)
        if missing:
            made = self._make(reference, spec, kept).outcome()
            return EventIds(made.external_ids, {**refused, **made.refused})
        return EventIds(kept, refused)

    def _unlink_gone(self, before: ExternalIds, kept: ExternalIds, wanted: set[str]) -> None:
        """
        Delete the pairs of an event and a resource of which one is not kept, because its replacement gets a new pair.
        """
        ends = {EVENT, RESOURCE}
        is_whole = not ends & (wanted | before.keys()) - kept.keys()
        if is_whole or RESOURCE not in wanted | before.keys():
            # Without rooms there are no pairs.
            return
        try:
            for part in sorted(ends):
                if before.get(part):
                    unlink_all(self.account, part, before[part])
        except Permanent as error:
            raise incomplete(error) from None

    def _set_members(self, group_id: str, members: Asked, spec: EventSpec) -> dict[str, Refusal]:
        """
        Add and remove members of a group until they are as wanted. Nothing is called if they already are.

        Returns:
            The reason why a person cannot be added or removed; empty if all are as wanted.
        """
        if is_refused(members.error):
            return {GROUP: refused_part(members.error)}
        present = {str(one.userId) for one in members.answer().objects}
        wanted = {mapping.viewer_of(uid): uid for uid in spec.moderators}
        if present == wanted.keys():
            return {}
        multi = self.account.client.multi(self.account.admin_ks())
        added = [
            [multi.ask(ask) for ask in self._membership(wanted[user_id], group_id)]
            for user_id in sorted(wanted.keys() - present)
        ]
        removed = [
            [multi.ask(partial(_remove_member, user_id, group_id))] for user_id in sorted(present - wanted.keys())
        ]
        multi.send()
        refused: dict[str, Refusal] = {}
        for changes, settled in ((added, _MEMBER_EXISTS), (removed, _MEMBER_GONE)):
            for error in filter(None, (first_error(answers, settled) for answers in changes)):
                if not is_refused(error):
                    raise incomplete(error)
                refused[GROUP] = refused_part(error)
        return refused

    def _delete(self, external_ids: Mapping[str, str]) -> Broadcast:
        """
        Delete parts in one request. Each is deleted before the parts that it points to.
        """
        multi = self.account.client.multi(self.account.admin_ks())
        recorded = self._ask_recordings(multi, external_ids) if ENTRY in external_ids else None
        answers = []
        if external_ids.get(EVENT) and external_ids.get(RESOURCE):
            answers.append(multi.ask(partial(unlink, int(external_ids[EVENT]), int(external_ids[RESOURCE]))))
        answers += [
            multi.ask(partial(delete_part, part, external_ids[part]))
            for part in DELETION_ORDER
            if external_ids.get(part)
        ]
        if not answers:
            return Broadcast(is_live=False)
        multi.send()
        for answer in answers:
            raise_unless_gone(answer)
        return Broadcast(is_live=False, recordings=() if recorded is None else _recordings(recorded))

    def _wanted(self, spec: EventSpec) -> set[str]:
        """
        Return the parts of an event with this spec.
        """
        scheduled = {EVENT} if _is_scheduled(spec) else set()
        room = {RESOURCE} if self._has_room(spec) else set()
        return {ENTRY, VIRTUAL_EVENT, GROUP} | scheduled | room

    def _has_room(self, spec: EventSpec) -> bool:
        return self.account.has_rooms and _is_scheduled(spec)

    # --- each part ----------------------------------------------------------------------------------------------------

    def _add_entry(self, reference: str, spec: EventSpec, access_control_id: int, library: Any) -> Any:
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

    def _update_entry(self, entry_id: str, reference: str, spec: EventSpec, library: Any) -> Any:
        from KalturaClient.Plugins.Core import KalturaLiveStreamEntry

        # Entries created by an earlier release have a reference that can be guessed.
        changed = KalturaLiveStreamEntry(name=mapping.name_of(spec.title), referenceId=self.account.theirs(reference))
        return library.liveStream.update(entry_id, changed)

    def _add_virtual_event(self, reference: str, spec: EventSpec, library: Any) -> Any:
        from KalturaClient.Plugins.VirtualEvent import KalturaVirtualEvent

        event = KalturaVirtualEvent(
            name=_virtual_event_name(spec),
            description=self.account.theirs(reference),
            tags=self.account.tag,
        )
        return library.virtualEvent.virtualEvent.add(event)

    def _update_virtual_event(self, virtual_event_id: int, spec: EventSpec, library: Any) -> Any:
        from KalturaClient.Plugins.VirtualEvent import KalturaVirtualEvent

        return library.virtualEvent.virtualEvent.update(
            virtual_event_id, KalturaVirtualEvent(name=_virtual_event_name(spec))
        )

    def _add_group(self, reference: str, group_id: str, library: Any) -> Any:
        from KalturaClient.Plugins.Group import KalturaGroup

        group = KalturaGroup(id=group_id, description=self.account.theirs(reference), tags=self.account.tag)
        return library.group.group.add(group)

    def _add_schedule_event(self, reference: str, spec: EventSpec, entry_id: str, library: Any) -> Any:
        from KalturaClient.Plugins.Schedule import KalturaScheduleEventRecurrenceType

        event = self._schedule_event(spec, entry_id)
        event.recurrenceType = KalturaScheduleEventRecurrenceType(KalturaScheduleEventRecurrenceType.NONE)
        event.referenceId = self.account.theirs(reference)
        event.tags = self.account.tag
        return library.schedule.scheduleEvent.add(event)

    def _reform_schedule_event(self, event_id: int, spec: EventSpec, entry_id: str) -> Callable[[Any], Any]:
        if not _is_scheduled(spec):
            return partial(delete_part, EVENT, str(event_id))
        return lambda c: c.schedule.scheduleEvent.update(event_id, self._schedule_event(spec, entry_id))

    def _schedule_event(self, spec: EventSpec, entry_id: Any) -> Any:
        """
        Return a schedule event with the wanted fields. The room product accepts only its own kind. The entry is set
        each time: if two events were created under one reference, the parts that were found may not belong together.
        """
        from KalturaClient.Plugins.Schedule import KalturaLiveStreamScheduleEvent, KalturaRecordScheduleEvent

        kind = KalturaRecordScheduleEvent if self.account.has_rooms else KalturaLiveStreamScheduleEvent
        event = kind(summary=mapping.name_of(spec.title), templateEntryId=entry_id)
        if spec.starts_at is not None and spec.ends_at is not None:
            event.startDate, event.endDate = int(spec.starts_at.timestamp()), int(spec.ends_at.timestamp())
        return event

    def _add_resource(self, reference: str, spec: EventSpec, library: Any) -> Any:
        from KalturaClient.Plugins.Schedule import KalturaLocationScheduleResource

        resource = KalturaLocationScheduleResource(
            name=mapping.name_of(spec.title),
            systemName=self.account.theirs(reference),
            tags=f"{ROOM_TAGS},{self.account.tag}",
        )
        return library.schedule.scheduleResource.add(resource)

    def _reform_resource(self, resource_id: int, spec: EventSpec) -> Callable[[Any], Any]:
        from KalturaClient.Plugins.Schedule import KalturaLocationScheduleResource

        if not self._has_room(spec):
            return partial(delete_part, RESOURCE, str(resource_id))
        changed = KalturaLocationScheduleResource(name=mapping.name_of(spec.title))
        return lambda c: c.schedule.scheduleResource.update(resource_id, changed)

    def _membership(self, uid: str, group_id: str) -> Iterable[Callable[[Any], Any]]:
        """
        Return the calls that make a person a member: create their user, and add it to the group.
        """
        from KalturaClient.Plugins.Core import KalturaGroupUser, KalturaUser

        user_id = mapping.viewer_of(uid)
        return (
            lambda c: c.user.add(KalturaUser(id=user_id, tags=self.account.tag)),
            lambda c: c.groupUser.add(KalturaGroupUser(userId=user_id, groupId=group_id)),
        )

    # --- read ---------------------------------------------------------------------------------------------------------

    def _ask_recordings(self, multi: Multi, external_ids: Mapping[str, str]) -> Asked:
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

    def _list_virtual_events(self, multi: Multi, since: Any, page: int) -> Asked:
        """
        Ask for the virtual events created since an instant. The list cannot be filtered by anything of ours.
        """
        from KalturaClient.Plugins.Core import KalturaFilterPager
        from KalturaClient.Plugins.VirtualEvent import KalturaVirtualEventFilter

        made_since = KalturaVirtualEventFilter(createdAtGreaterThanOrEqual=since, orderBy="+createdAt")
        pager = KalturaFilterPager(pageSize=mapping.PAGE, pageIndex=page)
        return multi.ask(lambda c: c.virtualEvent.virtualEvent.list(made_since, pager))

    def _virtual_events(self, since_s: int, page: int) -> Asked:
        multi = self.account.client.multi(self.account.admin_ks())
        listed = self._list_virtual_events(multi, since_s, page)
        multi.send()
        return listed

    def _entries_filter(self, reference: str) -> Any:
        from KalturaClient.Plugins.Core import KalturaBaseEntryFilter

        return KalturaBaseEntryFilter(
            statusIn=mapping.ALIVE,
            moderationStatusIn=mapping.MODERATED,
            orderBy="+createdAt",
            **self.account.made_under(reference),
        )

    def _events_filter(self, reference: str) -> Any:
        from KalturaClient.Plugins.Schedule import KalturaScheduleEventFilter

        return KalturaScheduleEventFilter(orderBy="+createdAt", **self.account.made_under(reference))

    def _resources_filter(self, reference: str) -> Any:
        from KalturaClient.Plugins.Schedule import KalturaScheduleResourceFilter

        return KalturaScheduleResourceFilter(**self.account.made_under(reference, "systemName"))


def _virtual_event_name(spec: EventSpec) -> str:
    return mapping.name_of(spec.title, mapping.VIRTUAL_EVENT_NAME_MIN_BYTES)


def _is_scheduled(spec: EventSpec) -> bool:
    return spec.starts_at is not None and spec.ends_at is not None


def _recordings(listed: Asked) -> tuple[ExternalIds, ...]:
    return tuple({ENTRY: str(one.id)} for one in listed.answer().objects if mapping.is_recording(one))


def _list_members(group_id: str, library: Any) -> Any:
    from KalturaClient.Plugins.Core import KalturaFilterPager, KalturaGroupUserFilter

    return library.groupUser.list(
        KalturaGroupUserFilter(groupIdEqual=group_id), KalturaFilterPager(pageSize=mapping.PAGE)
    )


def _remove_member(user_id: str, group_id: str, library: Any) -> Any:
    return library.groupUser.delete(user_id, group_id)


_DELETIONS: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    EVENT: lambda c, id_: c.schedule.scheduleEvent.delete(int(id_)),
    RESOURCE: lambda c, id_: c.schedule.scheduleResource.delete(int(id_)),
    VIRTUAL_EVENT: lambda c, id_: c.virtualEvent.virtualEvent.delete(int(id_)),
    GROUP: lambda c, id_: c.group.group.delete(id_),
    ENTRY: lambda c, id_: c.baseEntry.delete(id_),
}
_LOOKS: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    EVENT: lambda c, id_: c.schedule.scheduleEvent.get(int(id_)),
    RESOURCE: lambda c, id_: c.schedule.scheduleResource.get(int(id_)),
    VIRTUAL_EVENT: lambda c, id_: c.virtualEvent.virtualEvent.get(int(id_)),
    GROUP: lambda c, id_: c.group.group.get(id_),
    ENTRY: lambda c, id_: c.baseEntry.get(id_),
}

DELETION_ORDER: Final = tuple(_DELETIONS)
"""
The parts of an event in the order of deletion: each before the parts that it points to. The entry, which may refuse, is
the last.
"""


def delete_part(part: str, part_id: str, library: Any) -> Any:
    """
    Ask for the deletion of one part of an event.
    """
    return _DELETIONS[part](library, part_id)


def look_at_part(part: str, part_id: str, library: Any) -> Any:
    """
    Ask for one part of an event, to see whether it exists.
    """
    return _LOOKS[part](library, part_id)


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


def _ingest(entry: Any) -> Ingest:
    """
    Return the addresses of a live entry that an encoder sends its stream to.
    """
    told = {name: getattr(entry, name) for name in _INGEST_VALUES}
    backup_url = entry.secondaryBroadcastingUrl
    return Ingest(
        url=str(entry.primaryBroadcastingUrl),
        backup_url=backup_url if isinstance(backup_url, str) and backup_url else None,
        stream_name=str(entry.streamName),
        stream_key=str(entry.streamPassword),
        values={name: value for name, value in told.items() if isinstance(value, str) and value},
    )
