"""Live events at Kaltura: a live-stream entry and the parts that belong to it.

Called by the reconciler of sessions through `ports.Events`. An event is a live entry, a virtual event, which scopes the
analytics of its users, a group of moderators, and, if its times are known, a schedule event, which has a resource of
its own if the account has rooms. Each is found again by our reference: entry and schedule event have it as their
reference id, the virtual event and the group as their description, the resource as its system name. Every method is one
round trip, except if a part is missing or moderators change.

Each part has a file of its own with the calls for it: `entry`, `virtual_event`, `group` and `schedule`, and `links` for
the pair of event and resource.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from shared.core import log
from shared.core.errors import Permanent
from shared.ports import NOT_AVAILABLE, Broadcast, EventIds, EventSpec, ExternalIds, Grant, Ingest
from shared.providers.kaltura import mapping
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.events.creation import Creation
from shared.providers.kaltura.events.entry import LiveEntry, ingest_of, recordings_in
from shared.providers.kaltura.events.group import MEMBER_EXISTS, ModeratorGroup, list_members
from shared.providers.kaltura.events.links import LINK_EXISTS, link, refused_pair, unlink, unlink_all
from shared.providers.kaltura.events.parts import (
    DELETION_ORDER,
    ENTRY,
    EVENT,
    GROUP,
    RESOURCE,
    VIRTUAL_EVENT,
    delete_part,
)
from shared.providers.kaltura.events.schedule import Schedule, is_scheduled
from shared.providers.kaltura.events.virtual_event import VirtualEvent
from shared.providers.kaltura.mapping import NAME
from shared.providers.kaltura.paging import all_pages
from shared.providers.kaltura.playback import addresses_grant
from shared.providers.kaltura.refusals import (
    incomplete,
    is_gone,
    is_lost,
    is_not_offered,
    is_refused,
    raise_unless_gone,
    refused_part,
)


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

    @property
    def _entry(self) -> LiveEntry:
        return LiveEntry(self.account, self.records)

    @property
    def _virtual_event(self) -> VirtualEvent:
        return VirtualEvent(self.account)

    @property
    def _group(self) -> ModeratorGroup:
        return ModeratorGroup(self.account)

    @property
    def _schedule(self) -> Schedule:
        return Schedule(self.account)

    def create_event(self, reference: str, spec: EventSpec) -> EventIds:
        """
        See `ports.Events`. Creates everything in one request.
        """
        creation = self._create(reference, spec, {})
        refusal = creation.answer_for(ENTRY).error
        if refusal is not None:
            # Kaltura continues after a failed part: the parts created after it must not stay behind alone.
            self._delete(creation.created())
            raise self.account.doubted(refusal)
        return creation.outcome()

    def find_event(self, reference: str) -> ExternalIds:
        """
        See `ports.Events`. Parts without their entry are not an event.
        """
        multi = self.account.client.multi(self.account.admin_ks())
        entries = multi.ask(lambda c: c.baseEntry.list(self._entry.created_under(reference)))
        reads = {
            VIRTUAL_EVENT: self._virtual_event.ask_page(multi, entries.result("objects", "0", "createdAt"), 1),
            EVENT: multi.ask(lambda c: c.schedule.scheduleEvent.list(self._schedule.events_created_under(reference))),
            RESOURCE: multi.ask(
                lambda c: c.schedule.scheduleResource.list(self._schedule.resources_created_under(reference))
            ),
        }
        group_id = entries.result("objects", "0", "id") + mapping.moderators_of("")
        group = multi.ask(lambda c: c.group.group.get(group_id))
        multi.send()
        found = entries.answer().objects
        if not found:
            return {}
        external_ids = {ENTRY: str(found[0].id)}
        for part, read in reads.items():
            if read.error is not None and is_not_offered(read.error):
                external_ids[part] = NOT_AVAILABLE
                continue
            objects = read.answer().objects
            if part == VIRTUAL_EVENT:
                every = all_pages(read, partial(self._virtual_event.page, int(found[0].createdAt)))
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
        return self._update(reference, external_ids, spec, searches=True)

    def observe_broadcast(self, external_ids: ExternalIds) -> Broadcast | None:
        """
        See `ports.Events`.
        """
        multi = self.account.client.multi(self.account.admin_ks())
        live = multi.ask(lambda c: c.liveStream.isLive(external_ids[ENTRY]))
        recorded = self._entry.ask_recordings(multi, external_ids)
        multi.send()
        if live.error is not None and is_gone(live.error):
            return None
        return Broadcast(str(live.answer()) in ("1", "true"), recordings_in(recorded))

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
        return ingest_of(
            self.account.client.call(self.account.admin_ks(), lambda c: c.liveStream.get(external_ids[ENTRY]))
        )

    def rotate_stream_key(self, external_ids: ExternalIds) -> Ingest:
        """
        See `ports.Events`.
        """
        entry_id, ks = external_ids[ENTRY], self.account.admin_ks()
        return ingest_of(self.account.client.call(ks, lambda c: c.liveStream.regenerateStreamToken(entry_id)))

    def playback_grant(
        self, external_ids: ExternalIds, viewer_uid: str, lifetime_s: int, revocation_id: str | None = None
    ) -> Grant:
        """
        See `ports.Events`.
        """
        return addresses_grant(self.account, external_ids[ENTRY], viewer_uid, lifetime_s, revocation_id)

    # --- create and update --------------------------------------------------------------------------------------------

    def _create(self, reference: str, spec: EventSpec, known: ExternalIds) -> Creation:
        """
        Create every wanted part that is not known, each after the parts that it points to, and the moderators.
        """
        access_control_id = 0
        if ENTRY not in known:
            access_control_id = self.account.access_control_id()
            # Created now, so that the very first viewer does not wait for it.
            self.account.addresses_role_name()
        multi = self.account.client.multi(self.account.admin_ks())
        creation = Creation(multi, dict(known))
        creation.ask(ENTRY, partial(self._entry.add, reference, spec, access_control_id))
        entry_id = creation.ids[ENTRY]
        creation.ask(VIRTUAL_EVENT, partial(self._virtual_event.add, reference, spec))
        if GROUP not in known:
            group_id = entry_id + mapping.moderators_of("")
            creation.ask(GROUP, partial(self._group.add, reference, group_id))
            for uid in spec.moderators:
                creation.ask_unnumbered(GROUP, *self._group.membership(uid, group_id), exists=MEMBER_EXISTS)
        if is_scheduled(spec):
            creation.ask(EVENT, partial(self._schedule.add_event, reference, spec, entry_id))
        if self._schedule.has_room(spec):
            creation.ask(RESOURCE, partial(self._schedule.add_resource, reference, spec))
            if NOT_AVAILABLE not in (creation.ids[EVENT], creation.ids[RESOURCE]):
                pair = link(creation.ids[EVENT], creation.ids[RESOURCE])
                creation.ask_unnumbered(RESOURCE, pair, exists=LINK_EXISTS, needs=EVENT)
        multi.send()
        return creation

    def _update(self, reference: str, external_ids: ExternalIds, spec: EventSpec, *, searches: bool) -> EventIds:
        """
        Update the known parts, and create missing ones. If `searches` is set, missing parts are searched for first,
        because the answer of their creation may have been lost. Parts that cannot be updated stay as they are.
        """
        multi = self.account.client.multi(self.account.admin_ks())
        entry_id, group_id = external_ids[ENTRY], external_ids.get(GROUP)
        answers = {ENTRY: multi.ask(partial(self._entry.update, entry_id, reference, spec))}
        if external_ids.get(VIRTUAL_EVENT):
            answers[VIRTUAL_EVENT] = multi.ask(
                partial(self._virtual_event.update, int(external_ids[VIRTUAL_EVENT]), spec)
            )
        if external_ids.get(EVENT):
            answers[EVENT] = multi.ask(self._schedule.change_event(int(external_ids[EVENT]), spec, entry_id))
        if external_ids.get(RESOURCE):
            answers[RESOURCE] = multi.ask(self._schedule.change_resource(int(external_ids[RESOURCE]), spec))
        if group_id:
            answers[GROUP] = multi.ask(lambda c: c.group.group.get(group_id))
            members = multi.ask(partial(list_members, group_id))
        has_pair = self._schedule.has_room(spec) and external_ids.get(EVENT) and external_ids.get(RESOURCE)
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
        if missing and searches:
            found = {part: id_ for part, id_ in self.find_event(reference).items() if part in missing}
            if found:
                return self._update(reference, {**kept, **found}, spec, searches=False)
        if group_id and GROUP in kept and GROUP not in refused:
            refused |= self._group.set_members(group_id, members, spec)
        if pair is not None and {EVENT, RESOURCE} <= kept.keys():
            refused |= refused_pair(pair)
        if missing:
            created = self._create(reference, spec, kept).outcome()
            return EventIds(created.external_ids, {**refused, **created.refused})
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

    def _delete(self, external_ids: Mapping[str, str]) -> Broadcast:
        """
        Delete parts in one request. Each is deleted before the parts that it points to.
        """
        multi = self.account.client.multi(self.account.admin_ks())
        recorded = self._entry.ask_recordings(multi, external_ids) if ENTRY in external_ids else None
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
        return Broadcast(is_live=False, recordings=() if recorded is None else recordings_in(recorded))

    def _wanted(self, spec: EventSpec) -> set[str]:
        """
        Return the parts of an event with this spec.
        """
        scheduled = {EVENT} if is_scheduled(spec) else set()
        room = {RESOURCE} if self._schedule.has_room(spec) else set()
        return {ENTRY, VIRTUAL_EVENT, GROUP} | scheduled | room
