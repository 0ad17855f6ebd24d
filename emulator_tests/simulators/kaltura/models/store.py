"""Everything that exists in the simulated account, in memory and, if asked, in a journal.

Called by every service. With a state file, each change is a line of JSON written before the request that made it is
answered, so a process that is killed loses nothing it acknowledged; starting again replays and compacts the journal.
Bytes lie as files in a folder beside it.
"""

from __future__ import annotations

import json
import secrets
import shutil
import string
import tempfile
from collections import deque
from pathlib import Path
from typing import Any, TextIO

from emulator_tests.simulators.clock import Clock
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.kaltura.models.table import Key, Table

_ID_LETTERS = string.ascii_lowercase + string.digits
#: How far back lists can be made to lag.
_HISTORY_S = 900


class Store:
    """All tables, the folder of bytes, and the journal.

    Args:
        clock: Stamps deletions and the history.
        state_file: Where the journal lies; None keeps everything in memory and the bytes in a temporary folder.
    """

    def __init__(self, clock: Clock, state_file: Path | None = None) -> None:
        self.entries = Table(
            "entries",
            hashed=(
                "status", "referenceId", "userId", "type", "mediaType", "moderationStatus", "displayInSearch",
                "replacedEntryId", "parentEntryId", "rootEntryId", "accessControlId", "conversionProfileId",
            ),
            sorted_by=("createdAt", "updatedAt"),
            tagged=("tags", "adminTags", "categoriesIds"),
        )  # fmt: skip
        self.flavor_assets = Table("flavorAssets", hashed=("entryId",))
        self.thumb_assets = Table("thumbAssets", hashed=("entryId",))
        self.upload_tokens = Table("uploadTokens", hashed=("userId", "attachedObjectId", "status"))
        self.users = Table("users", hashed=("type", "status"), tagged=("tags",))
        self.group_users = Table("groupUsers", hashed=("userId", "groupId"))
        self.categories = Table("categories", hashed=("parentId", "fullName", "referenceId"))
        self.category_entries = Table("categoryEntries", hashed=("categoryId", "entryId"))
        self.category_users = Table("categoryUsers", hashed=("categoryId", "userId"))
        self.permissions = Table("permissions", hashed=("name",))
        self.user_roles = Table("userRoles", hashed=("systemName",))
        self.app_tokens = Table("appTokens")
        self.access_controls = Table("accessControls", hashed=("systemName",))
        self.conversion_profiles = Table("conversionProfiles", hashed=("systemName",))
        self.entry_server_nodes = Table("entryServerNodes", hashed=("entryId",))
        self.virtual_events = Table("virtualEvents")
        self.schedule_events = Table(
            "scheduleEvents",
            hashed=("referenceId", "status", "templateEntryId", "virtualEventId"),
            sorted_by=("createdAt", "updatedAt", "startDate", "endDate"),
            tagged=("tags",),
        )
        self.schedule_resources = Table("scheduleResources", hashed=("systemName",), tagged=("tags",))
        self.schedule_event_resources = Table("scheduleEventResources", hashed=("eventId", "resourceId"))
        self.notification_templates = Table("eventNotificationTemplates", hashed=("systemName",))
        self.notification_jobs = Table("notificationJobs", sorted_by=())
        self.moderation_flags = Table("moderationFlags", hashed=("flaggedEntryId",))
        self.metadata_profiles = Table("metadataProfiles", hashed=("systemName",))
        self.metadata = Table("metadata", hashed=("objectId", "metadataProfileId"))
        self.cue_points = Table("cuePoints", hashed=("entryId", "systemName"), tagged=("tags",))
        self.caption_assets = Table("captionAssets", hashed=("entryId",))
        self.widgets = Table("widgets", hashed=("entryId",))
        #: Plays that were reported and are not in their entries yet, by entry.
        self.unsynced_plays = Table("unsyncedPlays", sorted_by=())
        #: KS hashes and `sessionid:` values that were ended.
        self.ended_sessions = Table("endedSessions", sorted_by=())
        #: Requests spent by each KS that carries an actions limit.
        self.spent_actions = Table("spentActions", sorted_by=())
        self.tables: dict[str, Table] = {table.name: table for table in vars(self).values() if isinstance(table, Table)}
        self._clock = clock
        #: What each changed row was before, for lists that lag behind.
        self.history: deque[tuple[float, Table, Key, Record | None]] = deque()
        self._pending: list[str] = []
        self._journal: TextIO | None = None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        if state_file is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="kaltura-simulator-")
            self.files = Path(self._temporary.name)
        else:
            self.files = state_file.with_name(state_file.name + ".files")
            self.files.mkdir(parents=True, exist_ok=True)
            self._replay(state_file)
            self._journal = self._compact(state_file)

    def put(self, table: Table, row: Record) -> Record:
        """Store a row and note it for the journal."""
        key = row[table.key_field]
        self._remember(table, key)
        table.put(row)
        if self._journal is not None:
            self._pending.append(json.dumps([table.name, row], separators=(",", ":")))
        return row

    def change(self, table: Table, key: Key, **fields: Any) -> Record:
        """Replace some properties of a row; the row itself is never changed in place."""
        return self.put(table, {**table.rows[key], **fields})

    def bury(self, table: Table, key: Key, **fields: Any) -> Record:
        """Delete a row; it is kept out of sight."""
        return self.put(table, {**table.rows[key], **fields, "_deletedAt": self._clock.now()})

    def remove(self, table: Table, key: Key) -> None:
        """Forget a row for good."""
        self._remember(table, key)
        table.remove(key)
        if self._journal is not None:
            self._pending.append(json.dumps([table.name, key, None], separators=(",", ":")))

    def as_of(self, table: Table, instant: float) -> dict[Key, Record | None]:
        """The rows changed since an instant, as they were then; None for one that did not exist yet."""
        then: dict[Key, Record | None] = {}
        for changed_at, changed, key, row in reversed(self.history):
            if changed_at <= instant:
                break
            if changed is table:
                then[key] = row
        return then

    def flush(self) -> None:
        """Hand all noted changes to the operating system; must precede every answer."""
        if self._journal is not None and self._pending:
            self._journal.write("\n".join(self._pending) + "\n")
            self._journal.flush()
        self._pending.clear()

    def clear(self) -> None:
        """Forget everything, bytes included."""
        for table in self.tables.values():
            for key in (*table.rows, *table.buried):
                self.remove(table, key)
        for file in self.files.iterdir():
            if file.is_dir():
                shutil.rmtree(file)
            else:
                file.unlink()
        self.flush()

    def close(self) -> None:
        """Let go of the journal and of a temporary folder."""
        self.flush()
        if self._journal is not None:
            self._journal.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def new_entry_id(self) -> str:
        """An id such as `0_a1b2c3d4`, used for entries and their assets."""
        return "0_" + "".join(secrets.choice(_ID_LETTERS) for _ in range(8))

    def new_token_id(self) -> str:
        """An id such as `0_` and 32 hexadecimal digits, used for upload tokens and application tokens."""
        return "0_" + secrets.token_hex(16)

    def next_number(self, table: Table, above: int = 0) -> int:
        """The next counted id of a table, above a floor; none is used twice, as deleted rows are kept."""
        known = (key for key in (*table.rows, *table.buried) if isinstance(key, int))
        return max(known, default=above) + 1

    def _remember(self, table: Table, key: Key) -> None:
        now = self._clock.now()
        while self.history and self.history[0][0] < now - _HISTORY_S:
            self.history.popleft()
        self.history.append((now, table, key, table.get(key)))

    def _replay(self, state_file: Path) -> None:
        if not state_file.exists():
            return
        for line in state_file.read_text(encoding="utf-8").splitlines():
            try:
                name, row, *removed = json.loads(line)
            except ValueError:
                # A torn last line belongs to a request that was never answered.
                continue
            if removed:
                self.tables[name].remove(row)
            else:
                self.tables[name].put(row)

    def _compact(self, state_file: Path) -> TextIO:
        fresh = state_file.with_name(state_file.name + ".new")
        with fresh.open("w", encoding="utf-8") as out:
            for table in self.tables.values():
                for row in (*table.rows.values(), *table.buried.values()):
                    out.write(json.dumps([table.name, row], separators=(",", ":")) + "\n")
        fresh.replace(state_file)
        return state_file.open("a", encoding="utf-8")
