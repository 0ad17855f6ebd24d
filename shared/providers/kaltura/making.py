"""The making of an event's parts in one request, and what came of it.

Called by `events.py`, which says what each part is. A part that Kaltura refuses for good hinders no other, but for the
entry, without which there is no event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from shared.core import log
from shared.ports import NOT_AVAILABLE, EventIds, Refusal
from shared.providers.kaltura import mapping
from shared.providers.kaltura.account import NAME
from shared.providers.kaltura.refusals import first_error, incomplete, is_not_offered, is_refused, refused_part

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Asked, Multi

ENTRY: Final = "entryId"
EVENT: Final = "eventId"
VIRTUAL_EVENT: Final = "virtualEventId"
RESOURCE: Final = "resourceId"
GROUP: Final = "groupId"


@dataclass(frozen=True, slots=True)
class _More:
    """
    Something without an id of its own that was asked for.

    Attributes:
        part: The part that it belongs to.
        needed: The parts without which it cannot be.
        asked: What was asked, each after what it needs.
        exists: The answers that mean that it is so already.
    """

    part: str
    needed: frozenset[str]
    asked: tuple[Asked, ...]
    exists: frozenset[str]


class Making:
    """
    One request in which parts are made; the ids of those that are to come stand for themselves in later questions.
    """

    def __init__(self, multi: Multi, known: dict[str, str]) -> None:
        self.ids: dict[str, Any] = known
        self._known = dict(known)
        self._multi = multi
        self._asked: dict[str, Asked] = {}
        self._more: list[_More] = []

    def ask(self, part: str, add: Callable[[Any], Any]) -> None:
        """
        Ask for a part, unless it is known.
        """
        if part in self.ids:
            return
        self._asked[part] = self._multi.ask(add)
        self.ids[part] = self._asked[part].result("id")

    def ask_more(
        self, part: str, *asks: Callable[[Any], Any], exists: frozenset[str], needs: str | None = None
    ) -> None:
        """
        Ask for what has no id of its own.

        Args:
            part: The part that it belongs to.
            asks: What is asked, each after what it needs.
            exists: The answers that mean that it is so already.
            needs: Another part without which it cannot be.
        """
        needed = frozenset({part, needs or part})
        self._more.append(_More(part, needed, tuple(self._multi.ask(ask) for ask in asks), exists))

    def of(self, part: str) -> Asked:
        """
        The answer for a part that was asked for.
        """
        return self._asked[part]

    def made(self) -> dict[str, str]:
        """
        What has been made.
        """
        return {part: str(asked.answer().id) for part, asked in self._asked.items() if asked.error is None}

    def outcome(self) -> EventIds:
        """
        All parts, the known ones included, and those that are refused for good.

        Raises:
            Doubtful: One of them could not be made this time: what could is found by its reference (again).
        """
        external_ids, refused = dict(self._known), dict[str, Refusal]()
        for part, asked in self._asked.items():
            if asked.error is None:
                external_ids[part] = str(asked.answer().id)
            elif part == GROUP and asked.error.code == mapping.USER_EXISTS:
                external_ids[part] = mapping.moderators_of(external_ids[ENTRY])
            elif part != ENTRY and is_not_offered(asked.error):
                external_ids[part] = NOT_AVAILABLE
                log.part_not_offered(NAME, part, asked.error)
            elif part != ENTRY and is_refused(asked.error):
                refused[part] = refused_part(asked.error)
            else:
                raise incomplete(asked.error)
        for one in self._more:
            # Where a part is not there, what hangs on it is not either.
            is_there = all(external_ids.get(part, NOT_AVAILABLE) != NOT_AVAILABLE for part in one.needed)
            error = first_error(one.asked, one.exists)
            if not is_there or error is None:
                continue
            if not is_refused(error):
                raise incomplete(error)
            refused[one.part] = refused_part(error)
        return EventIds(external_ids, refused)
