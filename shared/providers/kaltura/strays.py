"""Everything of this deployment at Kaltura, by age, for the sweep to compare with what is recorded.

Called by `shared/sweep.py` through `ports.Strays`. Leaves to the sweep what is a stray.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from shared.ports import Parts, Stray
from shared.providers.kaltura import words
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.events import ENTRY, EVENT, raise_unless_gone, remaining
from shared.providers.kaltura.media import SERVER_KS_S

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Asked, Multi


@dataclass(frozen=True, slots=True)
class KalturaStrays:
    """
    Fills `ports.Strays`.
    """

    account: KalturaAccount

    def strays(self, since: datetime, until: datetime) -> Sequence[Stray]:
        """
        See `ports.Strays`. Entries of every kind and schedule events, in one request.
        """
        from KalturaClient.Plugins.Core import KalturaBaseEntryFilter, KalturaFilterPager
        from KalturaClient.Plugins.Schedule import KalturaScheduleEventFilter

        span = {
            "createdAtGreaterThanOrEqual": int(since.timestamp()),
            "createdAtLessThanOrEqual": int(until.timestamp()) - 1,
            "orderBy": "+createdAt",
        }
        pager = KalturaFilterPager(pageSize=words.PAGE)
        of_entries = KalturaBaseEntryFilter(adminTagsLike=self.account.tag, statusIn=words.ALIVE, **span)
        of_events = KalturaScheduleEventFilter(tagsLike=self.account.tag, **span)
        multi = self.account.client.multi(self.account.admin_ks())
        entries = multi.ask(lambda c: c.baseEntry.list(of_entries, pager))
        events = multi.ask(lambda c: c.schedule.scheduleEvent.list(of_events, pager))
        multi.send()
        found = [(ENTRY, thing) for thing in entries.answer().objects]
        found += [(EVENT, thing) for thing in events.answer().objects]
        strays = [self._stray(part, thing) for part, thing in found]
        return sorted((stray for stray in strays if stray), key=lambda stray: stray.created_at)[: words.PAGE]

    def delete_stray(self, stray: Stray) -> Parts:
        """
        See `ports.Strays`. An upload's user and tokens go with its entry, unless another entry was made under the same
        reference: then only the token that was bound to this one goes.
        """
        multi = self.account.client.multi(self.account.admin_ks())
        if EVENT in stray.parts:
            event_id = int(stray.parts[EVENT])
            answers = [multi.ask(lambda c: c.schedule.scheduleEvent.delete(event_id))]
            looks = {EVENT: multi.ask(lambda c: c.schedule.scheduleEvent.get(event_id))}
        else:
            entry_id = stray.parts[ENTRY]
            answers = self._delete_upload(stray, multi) if stray.reference.startswith("video:") else []
            answers.append(multi.ask(lambda c: c.baseEntry.delete(entry_id)))
            looks = {ENTRY: multi.ask(lambda c: c.baseEntry.get(entry_id))}
        multi.send()
        for answer in answers:
            raise_unless_gone(answer)
        return remaining(looks, stray.parts)

    def _delete_upload(self, stray: Stray, multi: Multi) -> list[Asked]:
        """
        Ask for the deletion of what belongs to the upload of a stray entry.
        """
        from KalturaClient.Plugins.Core import KalturaBaseEntryFilter

        entry_id, client = stray.parts[ENTRY], self.account.client
        uploader = words.uploader_of(self.account.namespace, stray.reference)
        uploader_ks = self.account.user_ks(uploader, (), SERVER_KS_S)
        same = KalturaBaseEntryFilter(
            referenceIdEqual=words.theirs(self.account.namespace, stray.reference), statusIn=words.ALIVE
        )
        looking = client.multi(self.account.admin_ks())
        twins = looking.ask(lambda c: c.baseEntry.list(same))
        tokens = looking.ask(lambda c: c.uploadToken.list(), ks=uploader_ks)
        looking.send()
        alone = all(str(entry.id) == entry_id for entry in twins.answer().objects)
        bound = [str(token.id) for token in tokens.answer().objects if alone or str(token.attachedObjectId) == entry_id]
        answers = [multi.ask(partial(_delete_token, token_id), ks=uploader_ks) for token_id in bound]
        if alone:
            answers.append(multi.ask(lambda c: c.user.delete(uploader)))
        return answers

    def _stray(self, part: str, thing: Any) -> Stray | None:
        reference = words.ours(self.account.namespace, str(thing.referenceId))
        if reference is None:
            return None
        return Stray(reference, {part: str(thing.id)}, datetime.fromtimestamp(thing.createdAt, UTC))


def _delete_token(token_id: str, library: Any) -> Any:
    return library.uploadToken.delete(token_id)
