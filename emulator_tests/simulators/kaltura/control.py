"""The control interface under `/_simulator/`: what exists, what can be and was asked, time, faults.

Called by tests and the demo over HTTP, without a KS. Speaks JSON only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator_tests.simulators import control
from emulator_tests.simulators.clock import Readiness
from emulator_tests.simulators.kaltura import seed
from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models import broadcast, processing
from emulator_tests.simulators.kaltura.models.account import Account
from emulator_tests.simulators.kaltura.models.entry_state import EntryStatus
from emulator_tests.simulators.kaltura.models.faults import Rule
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.kaltura.responses import actions

_GROUP = 1
#: Tables that are bookkeeping rather than things.
_UNLISTED = ("endedSessions", "spentActions", "unsyncedPlays", "users")


async def answer(account: Account, request: Request, path: str) -> Response:
    """Answer one request to the control interface."""
    name = path.removeprefix("/_simulator").strip("/")
    try:
        sent = await request.json() if await request.body() else {}
        result = await _route(account, request, name, sent if isinstance(sent, dict) else {})
        await account.late.commit_due()
    except (ValueError, TypeError, KeyError, ApiError) as error:
        return JSONResponse({"error": str(error)}, 400)
    account.store.flush()
    if result is None:
        return JSONResponse({"error": f"there is no {request.method} {name or '/'}"}, 404)
    return JSONResponse(result)


async def _route(account: Account, request: Request, name: str, sent: Mapping[str, Any]) -> Any:
    match (request.method, name):
        case ("GET", "things"):
            query = request.query_params
            return things(account, query.get("deleted") == "1", query.get("seeded") == "1")
        case ("POST", "clock"):
            return set_clock(account, sent)
        case ("POST", "broadcast"):
            entry_id = str(sent["entryId"])
            if sent["live"]:
                return _brief(broadcast.start(account, entry_id))
            return _brief(await broadcast.stop(account, entry_id, sent.get("recording")))
        case ("POST", "change"):
            return _change(account, str(sent["kind"]), sent["id"], dict(sent["fields"]))
        case ("GET", "actions"):
            return [_described(row) for row in actions.ACTIONS.values()]
        case ("GET", "counts"):
            return dict(account.counts)
        case ("DELETE", "counts"):
            account.counts.clear()
            return {}
        case ("POST", "reset"):
            seed.reset(account)
            return {}
        case ("POST", "secret"):
            # What the console does when somebody asks for a new one: keys that were signed with the old one are read
            # no more.
            account.admin_secret = str(sent["adminSecret"])
            return {}
    return control.answer(account, Rule, request.method, name, sent)


def things(account: Account, with_deleted: bool, with_seeded: bool) -> dict[str, list[Record]]:
    """Everything that exists, by kind.

    Args:
        account: The simulated account.
        with_deleted: Also what was deleted.
        with_seeded: Also what every account begins with.
    """
    kinds: dict[str, list[Record]] = {"users": [], "groups": []}
    for name, table in account.store.tables.items():
        rows = [*table.rows.values(), *(table.buried.values() if with_deleted else ())]
        if not with_seeded:
            rows = [row for row in rows if not row.get("_seeded")]
        if name == "entries" and not with_deleted:
            rows = [row for row in rows if row["status"] != EntryStatus.DELETED]
        if name == "users":
            kinds["groups"] = [_brief(row) for row in rows if row.get("type") == _GROUP]
            kinds["users"] = [_brief(row) for row in rows if row.get("type") != _GROUP]
        elif name not in _UNLISTED:
            kinds[name] = [_brief(row) for row in rows]
    return kinds


def _brief(row: Record) -> Record:
    named = (
        "objectType", "id", "name", "summary", "description", "systemName", "referenceId", "status", "tags", "userId",
        "ownerId", "rootEntryId", "recordedEntryId", "recordStatus", "sessionPrivileges",
        "entryId", "groupId", "eventId", "resourceId", "categoryId", "attachedObjectId", "replacingEntryId",
        "replacedEntryId", "templateEntryId", "virtualEventId", "accessControlId", "flavorParamsId", "mediaType",
        "flaggedEntryId", "flagType", "moderationStatus", "moderationCount", "metadataProfileId", "objectId",
        "cuePointType", "text", "startTime", "partnerData", "widgetId", "uiConfId", "roles", "privileges",
        "lastPlayedAt", "plays", "views", "startDate", "endDate", "duration", "uploadedFileSize", "attempts", "dueAt",
        "sizeInBytes", "createdAt", "updatedAt",
    )  # fmt: skip
    brief = {key: row[key] for key in named if row.get(key) is not None}
    owner = row.get("userId") or row.get("ownerId") or row.get("owner")
    if owner:
        brief["owner"] = owner
    if "_deletedAt" in row:
        brief["deleted"] = True
    return brief


def _change(account: Account, kind: str, id: str | int, fields: Record) -> Record:
    """Set what callers cannot: what jobs of the server's own write, such as `lastPlayedAt`."""
    table = account.store.tables[kind]
    if table.get(id) is None:
        raise KeyError(f"there is no {id} among {kind}")
    return _brief(account.store.change(table, id, **fields))


def _described(row: actions.Action) -> Record:
    service, _, name = row.label.partition("->")
    return {
        "service": service,
        "action": name,
        "parameters": {each.name: each.kind for each in row.parameters},
        "roles": [role for role, letter in actions.ROLES.items() if letter in row.roles],
        "ownerOnly": bool(row.owner),
        "reads": row.reads,
    }


def set_clock(account: Account, sent: Mapping[str, Any]) -> Record:
    """Move the clock, or change when videos become ready."""
    if "ready" in sent:
        rule = Readiness.parse(str(sent["ready"]))
        if "entryId" in sent:
            account.store.change(account.store.entries, str(sent["entryId"]), _readiness=str(rule))
        else:
            account.readiness = rule
    control.move_clock(account, sent)
    processing.reschedule(account)
    return control.clock(account)
