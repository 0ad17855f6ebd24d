"""Create an event's parts in one request, and collect the results.

Called by `KalturaEvents`, which says what each part is. A part that Kaltura refuses for good does not stop the others,
except for the entry, without which there is no event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.core import log
from shared.ports import NOT_AVAILABLE, EventIds, Refusal
from shared.providers.kaltura import mapping
from shared.providers.kaltura.events.parts import ENTRY, GROUP
from shared.providers.kaltura.mapping import NAME
from shared.providers.kaltura.refusals import first_error, incomplete, is_not_offered, is_refused, refused_part

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Asked, Multi


@dataclass(frozen=True, slots=True)
class _Unnumbered:
    """
    A thing without an id of its own that was asked for.

    Attributes:
        part: The part that it belongs to.
        needed: The parts that it needs.
        asked: The calls, each after what it needs.
        exists: The error codes that mean that it exists already.
    """

    part: str
    needed: frozenset[str]
    asked: tuple[Asked, ...]
    exists: frozenset[str]


class Creation:
    """
    One request that creates parts. Later calls may use the ids of parts that are still to be created.
    """

    def __init__(self, multi: Multi, known: dict[str, str]) -> None:
        self.ids: dict[str, Any] = known
        self._known = dict(known)
        self._multi = multi
        self._asked: dict[str, Asked] = {}
        self._unnumbered: list[_Unnumbered] = []

    def ask(self, part: str, add: Callable[[Any], Any]) -> None:
        """
        Ask for a part, unless it is known.
        """
        if part in self.ids:
            return
        self._asked[part] = self._multi.ask(add)
        self.ids[part] = self._asked[part].result("id")

    def ask_unnumbered(
        self, part: str, *asks: Callable[[Any], Any], exists: frozenset[str], needs: str | None = None
    ) -> None:
        """
        Ask for a thing that has no id of its own.

        Args:
            part: The part that it belongs to.
            asks: The calls, each after what it needs.
            exists: The error codes that mean that it exists already.
            needs: Another part that it needs.
        """
        needed = frozenset({part, needs or part})
        self._unnumbered.append(_Unnumbered(part, needed, tuple(self._multi.ask(ask) for ask in asks), exists))

    def answer_for(self, part: str) -> Asked:
        """
        Return the answer for a part that was asked for.
        """
        return self._asked[part]

    def created(self) -> dict[str, str]:
        """
        Return the ids of the parts that were created.
        """
        return {part: str(asked.answer().id) for part, asked in self._asked.items() if asked.error is None}

    def outcome(self) -> EventIds:
        """
        Return all parts, including the known ones, and those that are refused for good.

        Raises:
            Doubtful: A part could not be created this time; those that were are found by their reference (again).
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
        for one in self._unnumbered:
            # If a part does not exist, a thing that needs it does not either.
            is_there = all(external_ids.get(part, NOT_AVAILABLE) != NOT_AVAILABLE for part in one.needed)
            error = first_error(one.asked, one.exists)
            if not is_there or error is None:
                continue
            if not is_refused(error):
                raise incomplete(error)
            refused[one.part] = refused_part(error)
        return EventIds(external_ids, refused)
