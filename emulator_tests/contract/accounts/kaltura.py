"""Kaltura, as its simulator serves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import Final

from KalturaClient import KalturaClient, KalturaConfiguration
from KalturaClient.Plugins.Core import (
    KalturaMediaEntry,
    KalturaUploadedFileTokenResource,
    KalturaUploadToken,
    KalturaUser,
)

from emulator_tests.contract.accounts.account import Account
from emulator_tests.contract.accounts.files import PARTLY_SENT_BYTES, Film
from emulator_tests.contract.accounts.simulated import SimulatedAccount, SimulatorServer
from emulator_tests.memory import MemoryDocuments
from shared.ports import ExternalIds, UploadSpec
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.audience import KalturaAudience
from shared.providers.kaltura.events import KalturaEvents
from shared.providers.kaltura.inventory import KalturaInventory
from shared.providers.kaltura.media import KalturaMedia

CHAT_LIFETIME_S: Final = 2 * 3600
CHAT_SECRET: Final = "0" * 32
"""The secret that signs chat tokens here. `test_kaltura_audience.py` tests how it is found."""


@dataclass(frozen=True, slots=True)
class KalturaServer(SimulatorServer):
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


class KalturaTestAccount(SimulatedAccount):
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
        self._neighbours: list[KalturaTestAccount] = []
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
        for account in (self, *self._neighbours):
            account._account.client.close()

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

    def neighbour(self) -> Account:
        """
        Return a deployment with another namespace.
        """
        room_url = self._account.room_url
        self._neighbours.append(KalturaTestAccount(self._server, f"neighbour{len(self._neighbours)}", room_url))
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
