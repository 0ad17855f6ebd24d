"""The Kaltura simulator for these tests, and what is in its account, as types of our ports.

Called by `account` and `world`, and by `test_at_once`, which needs real connections. It only uses the simulator's own
controls and what they return; the vendor's client speaks Kaltura's API.
"""

from __future__ import annotations

import json
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import urlsplit

from emulator_tests.memory import MadeEvent, MadeMedia
from emulator_tests.simulators.clock import Clock, Readiness
from emulator_tests.simulators.in_process import InProcess
from emulator_tests.simulators.kaltura import control, seed
from emulator_tests.simulators.kaltura.models.account import Account
from emulator_tests.simulators.kaltura.models.store import Store
from emulator_tests.simulators.kaltura.snapshot import KeptFiles, digest
from emulator_tests.simulators.kaltura.urls import Application
from emulator_tests.simulators.running import Running
from emulator_tests.simulators.server import Connections
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


class Simulator(ABC):
    """
    One simulator with one account, used by one run after the other.

    Args:
        url: Its address.
        admin_secret: The secret of its account.
    """

    def __init__(self, url: str, admin_secret: str) -> None:
        self.url = url
        self.admin_secret = admin_secret

    @abstractmethod
    def connect(self) -> HTTPConnection:
        """
        Return a new connection.
        """

    @abstractmethod
    def stop(self) -> None:
        """
        Stop the simulator.
        """

    def reset(self) -> datetime:
        """
        Empty the account, and stop its clock.

        Returns:
            The time of the stopped clock. It is ahead of the machine's clock, because the simulator's never goes back,
            and a multiple of `ROUND_S`, so that the code's rounding gives the same results in every run.
        """
        self.control("POST", "reset", {})
        self._now = datetime.fromtimestamp((int(time.time()) // ROUND_S + 2) * ROUND_S, UTC)
        self.control("POST", "clock", {"stand_at": self._now.timestamp(), "ready": f"after_s:{PROCESSING_S}"})
        return self._now

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
        with closing(self.connect()) as connection:
            connection.request(method, f"/_simulator/{name}", sent, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            told = answer.read()
        assert answer.status == 200, told
        return json.loads(told)

    def things(self) -> Things:
        """
        Return what is in the account.
        """
        return Things(self._things())

    def _things(self) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        found: Mapping[str, Sequence[Mapping[str, Any]]] = self.control("GET", "things")
        return found


class InProcessSimulator(Simulator):
    """
    The simulator in this process. Copies of the process have copies of it.
    """

    def __init__(self) -> None:
        clock, readiness = Clock(), Readiness.parse_duration("2s")
        self._account = Account(
            partner_id=PARTNER_ID,
            admin_secret=secrets.token_hex(16),
            user_secret=secrets.token_hex(16),
            store=Store(clock),
            clock=clock,
            readiness=readiness,
            first_readiness=readiness,
        )
        seed.fill(self._account)
        self._server = InProcess(Application(self._account, Connections()))
        super().__init__(self._server.url, self._account.admin_secret)

    def connect(self) -> HTTPConnection:
        """
        Return a new connection.
        """
        return self._server.connect()

    def stop(self) -> None:
        """
        Delete the files of the account.
        """
        self._server.stop()
        self._account.store.close()

    def move_to(self, at: datetime) -> None:
        """
        Move the clock without a request, because it is moved before each effect.
        """
        if self._account.late.held:
            # Only the application can carry out the requests that are due by then.
            super().move_to(at)
        elif at > self._now:
            self._now = at
            control.set_clock(self._account, {"stand_at": at.timestamp()})
            self._account.store.flush()

    def _things(self) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        return control.things(self._account, with_deleted=False, with_seeded=False)

    def keep_files(self) -> KeptFiles:
        """
        Keep the files of the account: copies of this process change the same files.
        """
        return KeptFiles(self._account)

    def digest(self) -> str:
        """
        Return a digest of everything on which the account's later answers depend.
        """
        return digest(self._account)


class SimulatorProcess(Simulator):
    """
    The simulator as a process of its own, which threads may call at once.
    """

    def __init__(self) -> None:
        secret = secrets.token_hex(16)
        account = ("--partner-id", str(PARTNER_ID), "--admin-secret", secret)
        self._running = Running("kaltura", *account, "--user-secret", secrets.token_hex(16))
        super().__init__(self._running.url, secret)

    def connect(self) -> HTTPConnection:
        """
        Return a new connection.
        """
        address = urlsplit(self.url)
        return HTTPConnection(address.hostname or "", address.port, timeout=30)

    def stop(self) -> None:
        """
        Stop the process, and wait until it has ended.
        """
        self._running.stop()


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
