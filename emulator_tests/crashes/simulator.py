"""The Kaltura simulator as a process for these tests, and what is in its account, as types of our ports.

Called by `conftest` and `world`. It only uses the simulator's own controls and what they return; the vendor's client
speaks Kaltura's API.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import urlsplit

from emulator_tests.memory import MadeEvent, MadeMedia
from emulator_tests.simulators.running import Running
from shared.ports import EventSpec, MediaState, Observation, UploadSpec
from shared.providers.kaltura import mapping
from shared.providers.kaltura.events.parts import ENTRY, EVENT, GROUP, RESOURCE, VIRTUAL_EVENT
from shared.providers.kaltura.observations import TOKEN, UPLOADER

NAMESPACE: Final = "crashes"
PARTNER_ID: Final = 4_711

PROCESSING_S: Final = 40
"""Seconds for which the simulator processes a video: two ticks of the readiness poller."""

ROUND_S: Final = 300
"""Every run begins at a multiple of this."""

_LIVE: Final = 201
_OTHERS: Final = {VIRTUAL_EVENT: "virtualEvents", RESOURCE: "scheduleResources", GROUP: "groups"}
"""The simulator's names for an event's parts, besides its entry and schedule event."""

_RECORDING: Final = "recording:"
_UNSEEN: Final = "\u2060"


class Simulator:
    """
    One process with one account, used by one run after the other.
    """

    def __init__(self) -> None:
        self.admin_secret = secrets.token_hex(16)
        account = ("--partner-id", str(PARTNER_ID), "--admin-secret", self.admin_secret)
        self._running = Running("kaltura", *account, "--user-secret", secrets.token_hex(16))
        self.url = self._running.url
        address = urlsplit(self.url)
        self._connection = HTTPConnection(address.hostname or "", address.port, timeout=30)

    def stop(self) -> None:
        """
        Stop the process, and wait until it has ended.
        """
        self._connection.close()
        self._running.stop()

    def reset(self) -> datetime:
        """
        Empty the account, and stop its clock.

        Returns:
            The time of the stopped clock. It is ahead of the machine's clock, because the simulator's never goes back.
                It is
            a multiple of `ROUND_S`, so that the code's rounding gives the same results in every run.
        """
        # The last run may be long past. The simulator may have closed an idle connection since.
        self._connection.close()
        self.control("POST", "reset", {})
        self._now = datetime.fromtimestamp((int(time.time()) // ROUND_S + 2) * ROUND_S, UTC)
        self.control("POST", "clock", {"stand_at": self._now.timestamp(), "ready": f"after_s:{PROCESSING_S}"})
        return self._now

    def snapshot(self) -> None:
        """
        Keep the state of the account, so that copies of this process can begin at it.
        """
        self.control("POST", "snapshot", {})

    def restore(self) -> None:
        """
        Bring the account back to the last snapshot. This process must not have changed it since.
        """
        self.control("POST", "restore", {})

    def digest(self) -> str:
        """
        Return a digest of everything on which the account's later answers depend.
        """
        return str(self.control("GET", "digest")["digest"])

    def leave_connection(self) -> None:
        """
        Speak over another connection from now on, in a copy of the process that opened the present one.
        """
        self._connection.close()

    def move_to(self, at: datetime) -> None:
        """
        Move the simulator's clock to an instant, and stop it there.
        """
        if at > self._now:
            self._now = at
            self.control("POST", "clock", {"stand_at": at.timestamp()})

    def convert(self, how: str) -> None:
        """
        Set how conversions go from now on; values as in the simulators' `clock.py`.
        """
        self.control("POST", "clock", {"ready": how})

    def let_go_wrong(self, kind: str, match: Mapping[str, Any] | None = None, **how: Any) -> None:
        """
        Let the next request, or those that match, fail.
        """
        self.control("POST", "faults", {"kind": kind, "match": match or {}, **how})

    def control(self, method: str, name: str, body: Mapping[str, Any] | None = None) -> Any:
        """
        Call one of the simulator's own controls.
        """
        sent = None if body is None else json.dumps(body).encode()
        self._connection.request(method, f"/_simulator/{name}", sent, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        told = answer.read()
        assert answer.status == 200, told
        return json.loads(told)

    def things(self) -> Things:
        """
        Return what is in the account.
        """
        return Things(self.control("GET", "things"))


@dataclass(frozen=True, slots=True)
class Part:
    """
    One object at Kaltura that was created for a session or a video.

    Attributes:
        kind: The name that documents use for its id (`entryId`, `eventId`, `uploadTokenId`, `uploaderId`).
        id: Its id.
        reference: The reference with which it was created.
    """

    kind: str
    id: str
    reference: str


class Things:
    """
    The contents of the account at one moment.
    """

    def __init__(self, told: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        self._entries = {str(thing["id"]): thing for thing in told["entries"]}
        self._events = {str(thing["id"]): thing for thing in told["scheduleEvents"]}
        self._others = {kind: {str(thing["id"]): thing for thing in told[name]} for kind, name in _OTHERS.items()}
        self._members = told["groupUsers"]
        self._tokens = {str(thing["id"]): thing for thing in told["uploadTokens"]}
        self._users = [str(thing["id"]) for thing in told["users"]]

    def external_ids(self) -> tuple[Part, ...]:
        """
        Return every object that was created for a session or a video, even if its other parts are missing.
        """
        found = [Part(ENTRY, id_, _reference(thing)) for id_, thing in self._entries.items()]
        found += [Part(EVENT, id_, _reference(thing)) for id_, thing in self._events.items()]
        found += [
            Part(kind, id_, _reference(thing)) for kind, things in self._others.items() for id_, thing in things.items()
        ]
        found += [Part(TOKEN, id_, _uploaded(str(thing["userId"]))) for id_, thing in self._tokens.items()]
        found += [Part(UPLOADER, id_, _uploaded(id_)) for id_ in self._users if id_.startswith("upload-")]
        return tuple(found)

    def status(self, entry_id: str) -> str | None:
        """
        Return the status of an entry, as Kaltura's value, `None` if there is no such entry.
        """
        entry = self._entries.get(entry_id)
        return None if entry is None else str(entry["status"])

    def events(self) -> tuple[MadeEvent, ...]:
        """
        Return the live entries, each with the event's other parts.
        """
        return tuple(self._event(id_, entry) for id_, entry in self._entries.items() if entry["mediaType"] == _LIVE)

    def media(self) -> tuple[MadeMedia, ...]:
        """
        Return the uploaded entries, each with its token and its user, and the adopted recordings.
        """
        return tuple(
            self._media(id_, entry)
            for id_, entry in self._entries.items()
            if entry["mediaType"] != _LIVE and not _reference(entry).startswith(_RECORDING)
        )

    def _event(self, entry_id: str, entry: Mapping[str, Any]) -> MadeEvent:
        external_ids = {ENTRY: entry_id}
        starts_at = ends_at = None
        for event_id, event in self._events.items():
            if event.get("templateEntryId") == entry_id:
                external_ids[EVENT] = event_id
                starts_at, ends_at = _instant(event["startDate"]), _instant(event["endDate"])
        reference, group_id = _reference(entry), f"{entry_id}_moderators"
        for kind, things in self._others.items():
            external_ids.update((kind, id_) for id_, thing in things.items() if _reference(thing) == reference)
        if group_id in self._others[GROUP]:
            external_ids[GROUP] = group_id
        members = sorted(str(one["userId"]) for one in self._members if one["groupId"] == group_id)
        spec = EventSpec(str(entry["name"]).replace(_UNSEEN, ""), starts_at, ends_at, tuple(members))
        return MadeEvent(reference, spec, external_ids, _instant(entry["createdAt"]))

    def _media(self, entry_id: str, entry: Mapping[str, Any]) -> MadeMedia:
        external_ids = {ENTRY: entry_id}
        for token_id, token in self._tokens.items():
            if token.get("attachedObjectId") == entry_id:
                external_ids |= {TOKEN: token_id, UPLOADER: str(token["userId"])}
        state = mapping.media_state(str(entry["status"]))
        return MadeMedia(
            reference=_reference(entry),
            spec=UploadSpec(str(entry["name"]), "", 0),
            external_ids=external_ids,
            created_at=_instant(entry["createdAt"]),
            changed_at=_instant(entry["updatedAt"]),
            observation=Observation(state, 100 if state is MediaState.READY else 0),
        )


def _reference(thing: Mapping[str, Any]) -> str:
    """
    Return the reference with which an object was created. A recording that Kaltura made has none until it is adopted.
    """
    if thing.get("rootEntryId") not in (None, thing["id"]) and "referenceId" not in thing:
        return f"{_RECORDING}{thing['rootEntryId']}:0"
    told = thing.get("referenceId") or thing.get("systemName") or thing.get("description")
    reference = mapping.ours(NAMESPACE, str(told))
    assert reference is not None, f"nobody but us makes anything here, and we make nothing without reference: {thing}"
    return reference


def _uploaded(uploader: str) -> str:
    """
    Return the reference of an upload, given its user: `upload-crashes-video-{videoId}-{generation}`.
    """
    return ":".join(uploader.removeprefix(f"upload-{NAMESPACE}-").split("-"))


def _instant(unix_s: float) -> datetime:
    return datetime.fromtimestamp(unix_s, UTC)
