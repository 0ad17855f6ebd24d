"""The parts of a live event at Kaltura: their names among our external ids, and how each is read and deleted.

Called by the other files of this folder, and by the files outside it that need the ids of an event's parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

ENTRY: Final = "entryId"
EVENT: Final = "eventId"
VIRTUAL_EVENT: Final = "virtualEventId"
RESOURCE: Final = "resourceId"
GROUP: Final = "groupId"

_DELETIONS: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    EVENT: lambda c, id_: c.schedule.scheduleEvent.delete(int(id_)),
    RESOURCE: lambda c, id_: c.schedule.scheduleResource.delete(int(id_)),
    VIRTUAL_EVENT: lambda c, id_: c.virtualEvent.virtualEvent.delete(int(id_)),
    GROUP: lambda c, id_: c.group.group.delete(id_),
    ENTRY: lambda c, id_: c.baseEntry.delete(id_),
}
_READS: Final[Mapping[str, Callable[[Any, str], Any]]] = {
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


def read_part(part: str, part_id: str, library: Any) -> Any:
    """
    Ask for one part of an event, to see whether it exists.
    """
    return _READS[part](library, part_id)
