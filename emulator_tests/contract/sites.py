"""Provider accounts for their contract suites: the ports, and a back door to see and change what exists there.

Used by the suites of events, media and inventory, which test the promises of their ports for every `Site`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from time import monotonic
from typing import Any, Final, Protocol, TypeVar

import httpx
from KalturaClient import KalturaClient, KalturaConfiguration
from KalturaClient.Plugins.Core import (
    KalturaMediaEntry,
    KalturaUploadedFileTokenResource,
    KalturaUploadToken,
    KalturaUser,
)

from emulator_tests.fakes import (
    ManualClock,
    MemoryAudience,
    MemoryDocuments,
    MemoryEvents,
    MemoryInventory,
    MemoryMedia,
)
from emulator_tests.simulators.running import Running
from emulator_tests.simulators.tests.tus import begun, chunk_headers
from shared.core.errors import Doubtful, Transient
from shared.limits.limiter import Limiter
from shared.ports import (
    PROGRESS_TOLD,
    Allowance,
    Audience,
    Events,
    ExternalIds,
    Inventory,
    Media,
    MediaState,
    Observation,
    Source,
    Stage,
    UploadSpec,
)
from shared.providers.cloudflare.account import CloudflareAccount
from shared.providers.cloudflare.inventory import CloudflareInventory
from shared.providers.cloudflare.media import CloudflareMedia
from shared.providers.cloudflare.setup import make_signing_key
from shared.providers.cloudflare.signing import SigningKey
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.audience import KalturaAudience
from shared.providers.kaltura.events import KalturaEvents
from shared.providers.kaltura.inventory import KalturaInventory
from shared.providers.kaltura.media import KalturaMedia
from shared.providers.unavailable import NoAudience, NoEvents

T = TypeVar("T")


class Film(StrEnum):
    """
    The kinds of files to upload.
    """

    VIDEO = "two seconds of picture and sound"
    SOUND = "sound alone"
    GARBAGE = "bytes that are no medium"
    STUBBORN = "two seconds of picture and sound, at which the converter fails"
    SLOW = "two seconds of picture and sound, with which the converter is not done"


FILM_S: Final = 2.0

CHAT_LIFETIME_S: Final = 2 * 3600
CHAT_SECRET: Final = "0" * 32
"""The secret that signs chat tokens here. `test_kaltura_audience.py` tests how it is found."""

PARTLY_SENT_BYTES: Final = 1_000_000
"""The declared size of a file that is sent only in part."""


class Site(Protocol):
    """
    One provider account.

    Attributes:
        main_part: Name of a video's own id in `ExternalIds`.
        film_type: Media type that is reported for a video, `None` if there is none.
        has_events: Whether there are live events.
        look_calls_max: The most calls to observe many videos once.
        protocol: Protocol of uploads.
    """

    main_part: str
    film_type: str | None
    has_events: bool
    look_calls_max: int
    protocol: str

    def progress_calls(self, uploads: int) -> int:
        """
        Return the most calls to ask for changes and for the progress of this many uploads.
        """
        ...

    @property
    def events(self) -> Events:
        """
        The events port under test.
        """
        ...

    @property
    def audience(self) -> Audience:
        """
        The audience port under test.
        """
        ...

    @property
    def media(self) -> Media:
        """
        The media port under test.
        """
        ...

    @property
    def inventory(self) -> Inventory:
        """
        The inventory port under test.
        """
        ...

    def clock(self) -> datetime:
        """
        Return the current time, for us and for the provider.
        """
        ...

    def neighbour(self) -> Site:
        """
        Return another deployment on the same account.
        """
        ...

    def alive(self) -> set[tuple[str, str]]:
        """
        Return name and id of every part that exists in the account, from any deployment.
        """
        ...

    def everything(self) -> set[tuple[str, str]]:
        """
        Return the same as `alive`, with parts that no document names because they are deleted with another part.
        """
        ...

    def title(self, external_ids: ExternalIds) -> str:
        """
        Return the title that viewers see.
        """
        ...

    def moderators(self, external_ids: ExternalIds) -> set[str]:
        """
        Return the uids of an event's moderators.
        """
        ...

    def people(self) -> set[str]:
        """
        Return the uids of the users that the provider knows.
        """
        ...

    def welcome(self, uid: str) -> None:
        """
        Create a user there, as if from outside this project.
        """
        ...

    def broadcast(self, external_ids: ExternalIds, film: Film | None, *, is_live: bool) -> None:
        """
        Let an encoder begin to send to an event, or stop. When it stops, `film` is the recording.
        """
        ...

    def vanish(self, part: str, part_id: str) -> None:
        """
        Delete one part, as if from outside this project, given its name in `ExternalIds` and its id.
        """
        ...

    def later(self) -> None:
        """
        Let enough time pass for later changes to get another timestamp.
        """
        ...

    def prepare_many(self, count: int, film: Film | None = None) -> None:
        """
        Create videos with the references `video:v0:1`, `video:v1:1`, and so on. If there is a file, upload it to each.
        """
        ...

    def upload(self, external_ids: ExternalIds, film: Film) -> None:
        """
        Upload a file, and wait for the end of its processing, if it ends.
        """
        ...

    def send_some(self, external_ids: ExternalIds, size_bytes: int) -> None:
        """
        Upload some bytes of a file, and no more yet.
        """
        ...

    def read(self, source: Source) -> bytes | None:
        """
        Return the bytes of a source; `None` if there are none.
        """
        ...

    def calls(self) -> int:
        """
        Return the number of calls to the provider so far.
        """
        ...

    def lose_call(self, operation: str) -> None:
        """
        Lose the next call of this method of a port before it reaches the provider.
        """
        ...

    def lose_answer(self, operation: str) -> None:
        """
        Lose the answer to the next call of this method.
        """
        ...


@dataclass(slots=True)
class _Weather:
    """
    An effect that counts calls, and loses one call or one answer.
    """

    calls: int = 0
    lost_call: str = ""
    lost_answer: str = ""

    def __call__(self, operation: str, do: Callable[[], T]) -> T:
        self.calls += 1
        if operation == self.lost_call:
            self.lost_call = ""
            raise Transient("It does not answer.", provider="memory", operation=operation, code="UNREACHABLE")
        done = do()
        if operation == self.lost_answer:
            self.lost_answer = ""
            raise Doubtful("The answer was lost.", provider="memory", operation=operation, code="TIMEOUT")
        return done


class MemorySite:
    """
    The in-memory provider.
    """

    main_part = "entryId"
    film_type: str | None = "video/mp4"
    has_events = True
    look_calls_max = 1
    protocol = "memory"

    def __init__(self) -> None:
        self.clock = ManualClock()
        self._weather = _Weather()
        self.events = MemoryEvents(self.clock, self._weather)
        self.audience = MemoryAudience(self.clock, self._weather)
        self.media = MemoryMedia(self.clock, self._weather)
        self.inventory = MemoryInventory(self.events, self.media, self._weather)

    def progress_calls(self, uploads: int) -> int:
        """
        Return 1: one call is enough.
        """
        return 1

    def neighbour(self) -> Site:
        """
        Return another in-memory provider, because nothing is shared in memory.
        """
        return MemorySite()

    def alive(self) -> set[tuple[str, str]]:
        """
        Return the parts of the in-memory events and videos.
        """
        made: list[Any] = [*self.events.alive(), *self.media.alive()]
        return {part for one in made for part in one.external_ids.items()}

    def everything(self) -> set[tuple[str, str]]:
        """
        Return the same as `alive`: every part is named by a document.
        """
        return self.alive()

    def title(self, external_ids: ExternalIds) -> str:
        """
        Return the title of the spec.
        """
        made: list[Any] = [*self.events.alive(), *self.media.alive()]
        (title,) = (one.spec.title for one in made if one.external_ids.get("entryId") == external_ids["entryId"])
        return str(title)

    def moderators(self, external_ids: ExternalIds) -> set[str]:
        """
        Return the moderators of the spec.
        """
        (made,) = (made for made in self.events.alive() if made.external_ids["entryId"] == external_ids["entryId"])
        return set(made.spec.moderators)

    def people(self) -> set[str]:
        """
        Return the users of the in-memory audience.
        """
        return set(self.audience.known())

    def welcome(self, uid: str) -> None:
        """
        Do nothing: for us a user is unknown until our first call, even if they exist.
        """

    def broadcast(self, external_ids: ExternalIds, film: Film | None, *, is_live: bool) -> None:
        """
        Let the in-memory events broadcast. A recording is processed at once.
        """
        self.events.broadcast(external_ids, is_live=is_live)

    def vanish(self, part: str, part_id: str) -> None:
        """
        Delete the part by its id, which is unique in memory.
        """
        self.events.vanish(part_id)
        self.media.vanish(part_id)

    def later(self) -> None:
        """
        Advance the clock by a second.
        """
        self.clock.advance(1)

    def prepare_many(self, count: int, film: Film | None = None) -> None:
        """
        Create the videos one by one.
        """
        for number in range(count):
            external_ids = self.media.prepare_upload(f"video:v{number}:1", UploadSpec("", "lecture.mp4", 1))
            if film is not None:
                self.upload(external_ids, film)

    def upload(self, external_ids: ExternalIds, film: Film) -> None:
        """
        Set what a provider would report about such a file.
        """
        seen = {
            Film.VIDEO: Observation(MediaState.READY, 100, None, None, FILM_S, 50_000, "video/mp4", is_video=True),
            Film.SOUND: Observation(MediaState.READY, 100, None, None, FILM_S, 20_000, "video/mp4", is_video=False),
            Film.GARBAGE: Observation(MediaState.ERROR, reason="It is no medium."),
            Film.STUBBORN: Observation(
                MediaState.ERROR, media_type="video/mp4", reason="It could not be converted.", retryable=True
            ),
            Film.SLOW: Observation(MediaState.PROCESSING, 25, Stage.CONVERTING),
        }
        self.media.show(external_ids, seen[film])

    def send_some(self, external_ids: ExternalIds, size_bytes: int) -> None:
        """
        Set what a provider would report about such an upload.
        """
        percent = 100 * size_bytes // PARTLY_SENT_BYTES
        seen = Observation(MediaState.AWAITING_UPLOAD, percent, Stage.RECEIVING, received_bytes=size_bytes)
        self.media.show(external_ids, seen)

    def read(self, source: Source) -> bytes | None:
        """
        Return the video's id instead of bytes, which do not exist in memory.
        """
        entry_id = source.url.removeprefix("memory://")
        return (
            entry_id.encode() if any(made.external_ids["entryId"] == entry_id for made in self.media.alive()) else None
        )

    def calls(self) -> int:
        """
        Return the calls that the effect counted.
        """
        return self._weather.calls

    def lose_call(self, operation: str) -> None:
        """
        Lose the call in the effect.
        """
        self._weather.lost_call = operation

    def lose_answer(self, operation: str) -> None:
        """
        Lose the answer in the effect.
        """
        self._weather.lost_answer = operation


@dataclass(frozen=True, slots=True)
class _Server:
    """
    A simulator for these suites only.
    """

    url: str
    films: Mapping[Film, Path]
    http: httpx.Client

    def control(self, method: str, name: str, body: Mapping[str, Any] | None = None) -> Any:
        """
        Call one of the simulator's own controls.
        """
        answer = self.http.request(method, f"{self.url}/_simulator/{name}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()


class _Served:
    """
    An account as a simulator serves it. Our clock follows the simulator's, however often that is moved.
    """

    def __init__(self, server: _Server) -> None:
        self._simulator = server
        self._ahead = timedelta()

    def clock(self) -> datetime:
        """
        Return the current time, for us and for the provider.
        """
        return datetime.now(UTC) + self._ahead

    def go_on(self, seconds: float) -> None:
        """
        Let time pass, for us and for the provider.
        """
        self._simulator.control("POST", "clock", {"advance_s": seconds})
        self._ahead += timedelta(seconds=seconds)

    def later(self) -> None:
        """
        Let a second pass, the unit of Kaltura's timestamps.
        """
        self.go_on(1)

    def allowance(self, media: Media, size_bytes: int) -> Allowance:
        """
        Return an allowance to upload this many bytes within ten minutes.
        """
        return Allowance(media.requests_for(size_bytes), self.clock() + timedelta(seconds=600))

    def read(self, source: Source) -> bytes | None:
        """
        Download the source as any client does.
        """
        answer = self._simulator.http.get(source.url, follow_redirects=True)
        return answer.content if answer.is_success and answer.content else None

    def calls(self) -> int:
        """
        Return the number of requests in the simulator's log.
        """
        return len(self._simulator.control("GET", "requests"))

    def lose_call(self, operation: str) -> None:
        """
        Cut the connection before the simulator reads the request.
        """
        self._disturb(operation, "drop_before")

    def lose_answer(self, operation: str) -> None:
        """
        Cut the connection instead of the simulator's answer.
        """
        self._disturb(operation, "drop_after_commit")

    def _disturb(self, operation: str, kind: str) -> None:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class KalturaServer(_Server):
    """
    A Kaltura simulator for these suites only, and the files to upload.
    """

    partner_id: int
    admin_secret: str


_PARTS: Final = {
    "entries": "entryId",
    "scheduleEvents": "eventId",
    "virtualEvents": "virtualEventId",
    "scheduleResources": "resourceId",
    "groups": "groupId",
    "uploadTokens": "uploadTokenId",
    "users": "uploaderId",
    "flavorAssets": "flavorAssetId",
    "thumbAssets": "thumbAssetId",
}
"""The simulator's kinds of things, and the name of their ids in `ExternalIds`."""

_UNNAMED: Final = {"scheduleEventResources": "pair", "groupUsers": "member"}
"""Kinds that are created with others, and that no document names."""

OF_ACCOUNT: Final = frozenset(
    {"accessControls", "appTokens", "eventNotificationTemplates", "permissions", "userRoles", "entryServerNodes"}
)
"""Kinds that an account needs once, or that the provider creates for itself. None belongs to a session or a video."""

_READY: Final = {Film.STUBBORN: "failed", Film.SLOW: "never"}
"""The simulator's rule for when, and with what result, an upload is processed."""


class KalturaSite(_Served):
    """
    Kaltura, as its simulator serves it.
    """

    main_part = "entryId"
    film_type: str | None = "video/mp4"
    has_events = True
    look_calls_max = 1
    protocol = "kaltura"

    def __init__(self, server: KalturaServer, namespace: str = "contract", room_url: str | None = None) -> None:
        super().__init__(server)
        self._server = server
        self._neighbours: list[KalturaSite] = []
        self._account = KalturaAccount(
            url=server.url,
            partner_id=server.partner_id,
            admin_secret=server.admin_secret,
            namespace=namespace,
            upload_role=None,
            documents=MemoryDocuments(),
            clock=self.clock,
            room_url=room_url,
        )
        self.events = KalturaEvents(self._account)
        self.audience = KalturaAudience(self._account, CHAT_LIFETIME_S, CHAT_SECRET)
        self.media = KalturaMedia(self._account)
        self.inventory = KalturaInventory(self._account)

    def close(self) -> None:
        """
        Close the connections.
        """
        for site in (self, *self._neighbours):
            site._account.client.close()

    def progress_calls(self, uploads: int) -> int:
        """
        Return 1: one call is enough.
        """
        return 1

    def go_ahead(self, seconds: float) -> None:
        """
        Let only our own clock run ahead.
        """
        self._ahead += timedelta(seconds=seconds)

    def neighbour(self) -> Site:
        """
        Return a deployment with another namespace.
        """
        room_url = self._account.room_url
        self._neighbours.append(KalturaSite(self._server, f"neighbour{len(self._neighbours)}", room_url))
        return self._neighbours[-1]

    def alive(self) -> set[tuple[str, str]]:
        """
        Return the parts that the simulator lists, without what an account needs once (a profile, a role).
        """
        return self._alive(_PARTS)

    def everything(self) -> set[tuple[str, str]]:
        """
        Return all parts that the simulator lists. A kind that is not known here is an error.
        """
        things = self._server.control("GET", "things")
        unknown = {kind for kind, found in things.items() if found} - {*_PARTS, *_UNNAMED} - OF_ACCOUNT
        assert not unknown, f"Nobody looks for orphans among these: {unknown}"
        return self._alive(_PARTS | _UNNAMED)

    def _alive(self, kinds: Mapping[str, str]) -> set[tuple[str, str]]:
        things = self._server.control("GET", "things")
        return {
            (part, str(thing["id"]))
            for kind, part in kinds.items()
            for thing in things[kind]
            # Users are people, and stay. Users of uploads are created by us, and are deleted.
            if kind != "users" or thing["id"].startswith("upload-")
        }

    def title(self, external_ids: ExternalIds) -> str:
        """
        Return the name of the entry, without invisible characters.
        """
        entries = self._server.control("GET", "things")["entries"]
        (name,) = (entry["name"] for entry in entries if entry["id"] == external_ids["entryId"])
        return str(name).replace("\u2060", "")

    def moderators(self, external_ids: ExternalIds) -> set[str]:
        """
        Return the members of the event's group of moderators.
        """
        members = self._server.control("GET", "things")["groupUsers"]
        return {member["userId"] for member in members if member["groupId"] == f"{external_ids['entryId']}_moderators"}

    def people(self) -> set[str]:
        """
        Return the users that the simulator lists, without users of uploads and administrators.
        """
        users = {str(thing["id"]) for thing in self._server.control("GET", "things")["users"]}
        return {user for user in users if not user.startswith("upload-")} - {"greenroom", "someone"}

    def welcome(self, uid: str) -> None:
        """
        Create the user with Kaltura's own client.
        """
        self.administrator().user.add(KalturaUser(id=uid))

    def broadcast(self, external_ids: ExternalIds, film: Film | None, *, is_live: bool) -> None:
        """
        Let the simulator broadcast. It processes a recording before it answers.
        """
        recording = {} if film is None else {"recording": str(self._server.films[film])}
        self._server.control("POST", "clock", {"ready": "at_once"})
        self._server.control("POST", "broadcast", {"entryId": external_ids["entryId"], "live": is_live, **recording})

    def vanish(self, part: str, part_id: str) -> None:
        """
        Delete the part with Kaltura's own client, as an administrator may.
        """
        client = self.administrator()
        match part:
            case "entryId":
                client.baseEntry.delete(part_id)
            case "eventId":
                client.schedule.scheduleEvent.delete(int(part_id))
            case "virtualEventId":
                client.virtualEvent.virtualEvent.delete(int(part_id))
            case "resourceId":
                client.schedule.scheduleResource.delete(int(part_id))
            case "groupId":
                client.group.group.delete(part_id)
            case "uploadTokenId":
                client.uploadToken.delete(part_id)
            case _:
                client.user.delete(part_id)

    def upload(self, external_ids: ExternalIds, film: Film) -> None:
        """
        Upload with a grant, as a browser does. The simulator processes the file, if at all, before it answers.
        """
        path = self._server.films[film]
        self._server.control("POST", "clock", {"ready": _READY.get(film, "at_once")})
        spec = UploadSpec("", "lecture.mp4", path.stat().st_size)
        grant = self.media.upload_grant(external_ids, spec, self.allowance(self.media, spec.size_bytes))
        answer = self._server.http.post(
            grant.url,
            data={"ks": grant.values["ks"], "uploadTokenId": grant.values["uploadTokenId"], "format": "1"},
            files={"fileData": ("lecture.mp4", path.read_bytes())},
        )
        assert answer.json()["objectType"] == "KalturaUploadToken", answer.text
        if film is not Film.SLOW:
            self._server.control("POST", "clock", {"ready": "at_once"})

    def send_some(self, external_ids: ExternalIds, size_bytes: int) -> None:
        """
        Upload with a grant, as a browser sends its first chunk.
        """
        spec = UploadSpec("", "lecture.mp4", PARTLY_SENT_BYTES)
        grant = self.media.upload_grant(external_ids, spec, self.allowance(self.media, spec.size_bytes))
        fields = {"ks": grant.values["ks"], "uploadTokenId": grant.values["uploadTokenId"]}
        fields |= {"finalChunk": "false", "format": "1"}
        answer = self._server.http.post(grant.url, data=fields, files={"fileData": ("a.mp4", b"x" * size_bytes)})
        assert answer.json()["uploadedFileSize"] == size_bytes, answer.text

    def prepare_many(self, count: int, film: Film | None = None) -> None:
        """
        Create one video with our adapter, and the others like it in a few requests.
        """
        external_ids = self.media.prepare_upload("video:v0:1", UploadSpec("", "lecture.mp4", 1))
        client = self.administrator()
        made = client.media.get(external_ids["entryId"])
        if film is not None:
            self.upload(external_ids, film)
        content = b"" if film is None else self._server.films[film].read_bytes()
        for first in range(1, count, 100):
            client.startMultiRequest()
            for number in range(first, min(first + 100, count)):
                reference = made.referenceId.replace("v0", f"v{number}")
                entry = KalturaMediaEntry(mediaType=made.mediaType, referenceId=reference, adminTags=made.adminTags)
                added = client.media.add(entry)
                if film is not None:
                    token = client.uploadToken.add(KalturaUploadToken())
                    client.uploadToken.upload(token.id, ("lecture.mp4", BytesIO(content), "video/mp4"))
                    client.media.addContent(added.id, KalturaUploadedFileTokenResource(token=token.id))
            client.doMultiRequest()

    def administrator(self) -> KalturaClient:
        """
        Return Kaltura's own client, with an administrator's KS.
        """
        client = KalturaClient(KalturaConfiguration(self._server.url))
        client.setKs(client.generateSessionV2(self._server.admin_secret, "someone", 2, self._server.partner_id, 60, ""))
        return client

    def _disturb(self, operation: str, kind: str) -> None:
        service, action = {
            "create_event": ("liveStream", "add"),
            "update_event": ("liveStream", "update"),
            "delete_event": ("baseEntry", "delete"),
            "prepare_upload": ("media", "add"),
            "rename": ("media", "update"),
            "reprocess": ("media", "convert"),
            "delete_media": ("media", "delete"),
            "delete_stray": ("baseEntry", "delete"),
            "forget": ("user", "delete"),
        }[operation]
        self._server.control("POST", "faults", {"kind": kind, "match": {"service": service, "action": action}})


DECLARED_BYTES: Final = 1_000_000
"""Declared size of every file that is sent by TUS, which requires a file to have exactly its declared size."""


@dataclass(frozen=True, slots=True)
class CloudflareServer(_Server):
    """
    A Cloudflare simulator for these suites only, with a signing key, and the files to upload.
    """

    account_id: str
    api_token: str
    signing_key: SigningKey


@contextmanager
def running_cloudflare(films: Mapping[Film, Path]) -> Iterator[CloudflareServer]:
    """
    Run a Cloudflare simulator during a `with` block. Its videos are ready at once.
    """
    account_id, api_token = secrets.token_hex(16), secrets.token_hex(20)
    account = ("--account-id", account_id, "--api-token", api_token, "--ready-after", "0s")
    with Running("cloudflare", *account) as simulator, httpx.Client(timeout=30, trust_env=False) as http:
        key = make_signing_key(f"{simulator.url}/client/v4", account_id, api_token)
        yield CloudflareServer(simulator.url, films, http, account_id, api_token, key)


class CloudflareSite(_Served):
    """
    Cloudflare Stream, as its simulator serves it.
    """

    main_part = "uid"
    film_type: str | None = None
    has_events = False
    look_calls_max = 5
    protocol = "tus"

    def __init__(self, server: CloudflareServer, namespace: str = "contract") -> None:
        super().__init__(server)
        self._server = server
        self._neighbours: list[CloudflareSite] = []
        self._account = CloudflareAccount(
            url=f"{server.url}/client/v4",
            account_id=server.account_id,
            api_token=server.api_token,
            namespace=namespace,
            signing_key=server.signing_key,
            playback_url=server.url,
            upload_lifetime_s=6 * 3600,
            max_duration_s=3600,
            clock=self.clock,
            limiter=Limiter(MemoryDocuments(), self.clock),
            # Some tests create more videos per minute than Cloudflare would let them.
            calls_max=100_000,
        )
        self.events: Events = NoEvents()
        self.audience: Audience = NoAudience()
        self.media = CloudflareMedia(self._account)
        self.inventory = CloudflareInventory(self._account)

    def progress_calls(self, uploads: int) -> int:
        """
        Return one call for the list, and one for each upload, up to a limit.
        """
        return 1 + min(uploads, PROGRESS_TOLD)

    def close(self) -> None:
        """
        Close the connections.
        """
        for site in (self, *self._neighbours):
            site._account.client.close()

    def neighbour(self) -> Site:
        """
        Return a deployment with another namespace.
        """
        self._neighbours.append(CloudflareSite(self._server, f"neighbour{len(self._neighbours)}"))
        return self._neighbours[-1]

    def alive(self) -> set[tuple[str, str]]:
        """
        Return the videos that the simulator lists.
        """
        return {("uid", str(video["uid"])) for video in self._videos()}

    def everything(self) -> set[tuple[str, str]]:
        """
        Return the same as `alive`: every part is named by a document.
        """
        return self.alive()

    def title(self, external_ids: ExternalIds) -> str:
        """
        Return the name in the video's `meta`.
        """
        return str(self._video(external_ids)["meta"]["name"])

    def moderators(self, external_ids: ExternalIds) -> set[str]:
        """
        Return no moderators: there are no events.
        """
        return set()

    def people(self) -> set[str]:
        """
        Return no users: Cloudflare has none.
        """
        return set()

    def welcome(self, uid: str) -> None:
        """
        Do nothing: Cloudflare has no users.
        """

    def broadcast(self, external_ids: ExternalIds, film: Film | None, *, is_live: bool) -> None:
        """
        Do nothing: there are no events.
        """

    def vanish(self, part: str, part_id: str) -> None:
        """
        Delete the video through the API, as an administrator may.
        """
        self.api("DELETE", part_id)

    def prepare_many(self, count: int, film: Film | None = None) -> None:
        """
        Create the videos one by one.
        """
        spec = UploadSpec("", "lecture.mp4", DECLARED_BYTES)
        for number in range(count):
            external_ids = self.media.prepare_upload(f"video:v{number}:1", spec)
            if film is not None:
                self.upload(external_ids, film)

    def upload(self, external_ids: ExternalIds, film: Film) -> None:
        """
        Upload to the address of a grant, as a browser does, then wait for the end of its processing, if it ends.
        """
        ready = {Film.STUBBORN: "failed", Film.SLOW: "after_s:4000"}.get(film, "at_once")
        self._server.control("POST", "clock", {"ready": ready, "uid": external_ids["uid"]})
        spec = UploadSpec("", "lecture.mp4", DECLARED_BYTES)
        grant = self.media.upload_grant(external_ids, spec, self.allowance(self.media, spec.size_bytes))
        answer = self._server.http.patch(grant.url, content=_padded(self._server.films[film]), headers=chunk_headers(0))
        assert answer.status_code == 204, answer.text
        meant = ("inprogress",) if film is Film.SLOW else ("ready", "error")
        ends_at = monotonic() + 30
        while self._video(external_ids)["status"]["state"] not in meant:
            assert monotonic() < ends_at, "It is processed for too long."
        if film is Film.SLOW:
            self.go_on(1000)

    def send_some(self, external_ids: ExternalIds, size_bytes: int) -> None:
        """
        Upload to the address of a grant over a connection that breaks before the chunk has ended.
        """
        spec = UploadSpec("", "lecture.mp4", DECLARED_BYTES)
        grant = self.media.upload_grant(external_ids, spec, self.allowance(self.media, spec.size_bytes))
        ends_at, sent = monotonic() + 30, self._chunks()
        with begun(grant.url, bytes(size_bytes), DECLARED_BYTES):
            while self._video(external_ids)["uploadedBytes"] < size_bytes:
                assert monotonic() < ends_at, "The bytes do not arrive."
        # The simulator notices a moment later that the connection has broken.
        while self._chunks() == sent:
            assert monotonic() < ends_at, "The request does not end."

    def _chunks(self) -> int:
        """
        Return the number of chunk requests that have ended.
        """
        return sum(request["method"] == "PATCH" for request in self._simulator.control("GET", "requests"))

    def api(self, method: str, path: str) -> Any:
        """
        Return the API's answer to an administrator, at an address under `/stream/`.
        """
        url = f"{self._account.url}/accounts/{self._account.account_id}/stream/{path}"
        headers = {"Authorization": f"Bearer {self._account.api_token}"}
        answer = self._server.http.request(method, url, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def as_seen_with(self, *, url: str | None = None, api_token: str | None = None) -> CloudflareSite:
        """
        Return the account with another token, or at another address.
        """
        server = self._server
        return CloudflareSite(replace(server, url=url or server.url, api_token=api_token or server.api_token))

    def disturb(self, fault: Mapping[str, Any]) -> None:
        """
        Let the next requests fail; `fault` is as the simulator takes it.
        """
        self._server.control("POST", "faults", fault)

    def control(self, method: str, name: str, body: Mapping[str, Any] | None = None) -> Any:
        """
        Call one of the simulator's own controls.
        """
        return self._server.control(method, name, body)

    @property
    def account(self) -> CloudflareAccount:
        """
        The account, as the ports use it.
        """
        return self._account

    def _disturb(self, operation: str, kind: str) -> None:
        operations = {
            "prepare_upload": "create",
            "rename": "edit",
            "delete_media": "delete",
            "delete_stray": "delete",
        }
        self.disturb({"kind": kind, "match": {"operation": operations[operation]}})

    def _videos(self) -> list[dict[str, Any]]:
        videos: list[dict[str, Any]] = self._server.control("GET", "things")["videos"]
        return videos

    def _video(self, external_ids: ExternalIds) -> dict[str, Any]:
        (video,) = (video for video in self._videos() if video["uid"] == external_ids["uid"])
        return video


def _padded(film: Path) -> bytes:
    """
    Return a video file with a box appended that players skip, so that it has the declared size.
    """
    content = film.read_bytes()
    padding = DECLARED_BYTES - len(content)
    return content + padding.to_bytes(4, "big") + b"free" + bytes(padding - 8)
