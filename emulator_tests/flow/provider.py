"""A provider as the stories of videos see it: what a session names, what is there, how a video is sent, and played.

Used by the stories that are told once per provider; what only one of them has, its own files tell. Leaves to `School`
how a simulator is spoken to.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol
from urllib.parse import urljoin

import jwt
from KalturaClient.Plugins.Core import KalturaMediaEntry, KalturaMediaType

from emulator_tests.flow.school import CHUNK_BYTES, School
from emulator_tests.simulators.tests.tus import VERSION, begun
from shared.providers.kaltura import mapping

Token = Mapping[str, Any]
"""What `issueUploadToken` answers."""


def ks_of(grant: Token) -> str:
    """
    The KS that stands in the addresses of a grant to play at Kaltura.
    """
    return str(grant["manifestUrl"]).partition("?ks=")[2]


NAMESPACE: Final = "demo-greenroom"
"""As the stack of the tests is set up."""


class Provider(Protocol):
    """
    One provider of videos.

    Attributes:
        name: By which a session chooses it.
        not_a_video: Why a file that is no video has failed.
        no_picture: Code of the failure of a video without a picture.
        protocol: How bytes are sent there.
        upload_fields: The names of all that it takes to send some.
    """

    name: ClassVar[str]
    not_a_video: ClassVar[str]
    no_picture: ClassVar[str]
    protocol: ClassVar[str]
    upload_fields: ClassVar[frozenset[str]]

    def set_readiness(self, ready: str, of: str | None = None) -> None:
        """
        When what is processed gets ready (`never`, `failed`, `at_once`, `after_s:8`), all of it or one thing.
        """
        ...

    def made_for(self, video_id: str) -> list[str]:
        """
        The provider's ids of the videos that were made for a video of ours.
        """
        ...

    def has_anything_of(self, video_id: str) -> bool:
        """
        Whether there is anything of it at all, as an administrator sees who sees everything.
        """
        ...

    def uploads_of(self, video_id: str) -> int:
        """
        How many uploads there are for it, each of them whole.
        """
        ...

    def address(self, token: Token) -> str:
        """
        By what one upload is told from another.
        """
        ...

    def send_first(self, token: Token, video_bytes: bytes) -> int:
        """
        The first bytes of a video arrive, and no more.

        Returns:
            How many.
        """
        ...

    def takes_bytes(self, token: Token) -> bool:
        """
        Whether an upload still takes some.
        """
        ...

    def plays(self, grant: Token, video_bytes: bytes) -> bool:
        """
        Whether a grant plays this video, and nothing else.
        """
        ...

    def addresses(self, grant: Token) -> list[str]:
        """
        Everything that a grant gives access to, what its manifest points to included.
        """
        ...

    def bared(self, address: str, grant: Token) -> str:
        """
        The same address without the secret that stands in it.
        """
        ...

    def secret(self, address: str, grant: Token) -> str:
        """
        The secret that stands in an address of a grant to play.
        """
        ...

    def gives(self, address: str) -> bool:
        """
        Whether anything can be had from an address.
        """
        ...

    def fault(self, fault: Mapping[str, Any]) -> None:
        """
        From now on all requests go wrong like this, in the simulator's words.
        """
        ...

    def refuse_deletions(self, *, for_good: bool) -> None:
        """
        From now on no video is deleted.
        """
        ...

    def repair(self) -> None:
        """
        Nothing goes wrong any more.
        """
        ...

    def make_by_hand(self, namespace: str, reference: str) -> str:
        """
        Somebody, or a crash, leaves a video that says it was made like this; gives its id.
        """
        ...

    def everything(self) -> set[str]:
        """
        The ids of all videos there.
        """
        ...


@dataclass(frozen=True, slots=True)
class AtKaltura:
    """
    Kaltura, as its simulator serves it.
    """

    school: School

    name: ClassVar[str] = "kaltura"
    not_a_video: ClassVar[str] = "The file could not be converted: it is damaged, or it is not a video."
    no_picture: ClassVar[str] = "NOT_A_VIDEO"
    protocol: ClassVar[str] = "kaltura"
    upload_fields: ClassVar[frozenset[str]] = frozenset({"protocol", "url", "ks", "uploadTokenId", "chunkSizeBytes"})

    def set_readiness(self, ready: str, of: str | None = None) -> None:
        """
        See `Provider`.
        """
        self.school.simulator("POST", "clock", {"ready": ready} | ({} if of is None else {"entryId": of}))

    def made_for(self, video_id: str) -> list[str]:
        """
        See `Provider`.
        """
        return [number for kind, number in self.school.made_for(video_id) if kind == "entries"]

    def has_anything_of(self, video_id: str) -> bool:
        """
        See `Provider`. Entries, upload tokens and users, and what an administrator finds by reference.
        """
        reference = mapping.theirs(NAMESPACE, f"video:{video_id}:1", self.school.testbed.kaltura_admin_secret)
        listed = self.school.administrator().baseEntry.listByReferenceId(reference).totalCount
        return bool(self.school.made_for(video_id)) or listed > 0

    def uploads_of(self, video_id: str) -> int:
        """
        See `Provider`. Each an entry and a token.
        """
        kinds = [kind for kind, _ in self.school.made_for(video_id)]
        assert kinds.count("entries") == kinds.count("uploadTokens")
        return kinds.count("entries")

    def address(self, token: Token) -> str:
        """
        See `Provider`.
        """
        return str(token["upload"]["uploadTokenId"])

    def send_first(self, token: Token, video_bytes: bytes) -> int:
        """
        See `Provider`. One chunk.
        """
        upload = token["upload"]
        fields = {"ks": upload["ks"], "uploadTokenId": upload["uploadTokenId"], "finalChunk": "false", "format": "1"}
        files = {"fileData": ("film.mp4", video_bytes[:CHUNK_BYTES])}
        answer = self.school.http.post(upload["url"], fields, files=files, timeout=10).json()
        assert "code" not in answer, answer
        return CHUNK_BYTES

    def takes_bytes(self, token: Token) -> bool:
        """
        See `Provider`. A KS that has ended is told from one that is good, but not for the upload of somebody else.
        """
        fields = {"ks": token["upload"]["ks"], "uploadTokenId": "0_of_somebody_else", "format": "1"}
        files = {"fileData": ("film.mp4", b"1")}
        answer = self.school.http.post(token["upload"]["url"], fields, files=files, timeout=10).json()
        assert answer["code"] in ("INVALID_KS", "UPLOAD_TOKEN_NOT_FOUND"), answer
        return bool(answer["code"] == "UPLOAD_TOKEN_NOT_FOUND")

    def plays(self, grant: Token, video_bytes: bytes) -> bool:
        """
        See `Provider`. Byte for byte.
        """
        manifest = self.school.http.get(grant["manifestUrl"], timeout=10).text
        played = self.school.http.get(grant["progressiveUrl"], timeout=10)
        return manifest.startswith("#EXTM3U") and played.ok and played.content == video_bytes

    def addresses(self, grant: Token) -> list[str]:
        """
        See `Provider`.
        """
        return [grant["thumbnailUrl"], grant["progressiveUrl"], *_of_manifest(self.school, grant["manifestUrl"])]

    def bared(self, address: str, grant: Token) -> str:
        """
        See `Provider`.
        """
        return re.sub(r"/kt/[^/]*", "", address).partition("?")[0]

    def secret(self, address: str, grant: Token) -> str:
        """
        See `Provider`. What the manifest points to holds no KS but a token of Kaltura's own, `kt`.
        """
        token = re.search(r"/kt/([^/]*)", address)
        return token[1] if token else ks_of(grant)

    def gives(self, address: str) -> bool:
        """
        See `Provider`. It refuses with HTTP 200 and nothing in it, too, and says why.
        """
        answer = self.school.http.get(address, timeout=10)
        is_refused = answer.headers.get("X-Kaltura", "").startswith("error-")
        assert is_refused == (answer.content == b""), address
        return not is_refused

    def fault(self, fault: Mapping[str, Any]) -> None:
        """
        See `Provider`.
        """
        self.school.simulator("POST", "faults", {**fault, "match": {"times": 0}})

    def refuse_deletions(self, *, for_good: bool) -> None:
        """
        See `Provider`.
        """
        code = "SERVICE_FORBIDDEN" if for_good else "INTERNAL_SERVER_ERROR"
        match = {"service": "media", "action": "delete", "times": 0}
        self.school.simulator("POST", "faults", {"kind": "error", "code": code, "match": match})

    def repair(self) -> None:
        """
        See `Provider`.
        """
        self.school.simulator("DELETE", "faults")

    def make_by_hand(self, namespace: str, reference: str) -> str:
        """
        See `Provider`.
        """
        tag = "greenroom" + "".join(one for one in namespace if one.isalnum())
        entry = KalturaMediaEntry(
            name="By hand", mediaType=KalturaMediaType(1), referenceId=f"{namespace}:{reference}", adminTags=tag
        )
        return str(self.school.administrator().media.add(entry).id)

    def everything(self) -> set[str]:
        """
        See `Provider`.
        """
        return {str(entry["id"]) for entry in self.school.things("entries")}


@dataclass(frozen=True, slots=True)
class AtCloudflare:
    """
    Cloudflare Stream, as its simulator serves it.
    """

    school: School

    name: ClassVar[str] = "cloudflare"
    not_a_video: ClassVar[str] = "The file is not a video."
    no_picture: ClassVar[str] = "REFUSED_BY_PROVIDER"
    protocol: ClassVar[str] = "tus"
    upload_fields: ClassVar[frozenset[str]] = frozenset({"protocol", "url", "chunkSizeBytes"})

    def set_readiness(self, ready: str, of: str | None = None) -> None:
        """
        See `Provider`.
        """
        self.school.cloudflare("POST", "clock", {"ready": ready} | ({} if of is None else {"uid": of}))

    def made_for(self, video_id: str) -> list[str]:
        """
        See `Provider`.
        """
        return [video["uid"] for video in self.school.cloudflare_videos(video_id)]

    def has_anything_of(self, video_id: str) -> bool:
        """
        See `Provider`. Videos, and the minutes that are reserved for them.
        """
        return bool(self.made_for(video_id))

    def uploads_of(self, video_id: str) -> int:
        """
        See `Provider`.
        """
        return len(self.made_for(video_id))

    def address(self, token: Token) -> str:
        """
        See `Provider`.
        """
        return str(token["upload"]["url"])

    def send_first(self, token: Token, video_bytes: bytes) -> int:
        """
        See `Provider`. The line breaks in the first chunk.
        """

        def received() -> int:
            return sum(video["uploadedBytes"] for video in self.school.cloudflare_videos(token["videoId"]))

        with begun(token["upload"]["url"], video_bytes[:CHUNK_BYTES], len(video_bytes)):
            self.school.await_provider("the first bytes", lambda: received() == CHUNK_BYTES)
        return CHUNK_BYTES

    def takes_bytes(self, token: Token) -> bool:
        """
        See `Provider`. An address dies with its video.
        """
        return self.school.http.head(token["upload"]["url"], headers=VERSION, timeout=10).ok

    def plays(self, grant: Token, video_bytes: bytes) -> bool:
        """
        See `Provider`. The token's video plays and has the same duration.
        """
        uid = jwt.decode(self.secret(grant["manifestUrl"], grant), options={"verify_signature": False})["sub"]
        sizes = [video["size"] for video in self.school.cloudflare_videos() if video["uid"] == uid]
        *_, segment = self.addresses(grant)
        return sizes == [len(video_bytes)] and self.school.http.get(segment, timeout=10).content[:1] == b"\x47"

    def addresses(self, grant: Token) -> list[str]:
        """
        See `Provider`.
        """
        return [grant["thumbnailUrl"], *_of_manifest(self.school, grant["manifestUrl"])]

    def bared(self, address: str, grant: Token) -> str:
        """
        See `Provider`. The id of the video stands in its place.
        """
        token = self.secret(address, grant)
        return address.replace(token, jwt.decode(token, options={"verify_signature": False})["sub"])

    def secret(self, address: str, grant: Token) -> str:
        """
        See `Provider`.
        """
        return str(grant["manifestUrl"]).removeprefix(self.school.testbed.cloudflare_url).split("/")[1]

    def gives(self, address: str) -> bool:
        """
        See `Provider`.
        """
        answer = self.school.http.get(address, timeout=10)
        assert answer.ok or answer.status_code in (401, 403, 404), address
        return answer.ok

    def fault(self, fault: Mapping[str, Any]) -> None:
        """
        See `Provider`.
        """
        self.school.cloudflare("POST", "faults", {**fault, "match": {"times": 0}})

    def refuse_deletions(self, *, for_good: bool) -> None:
        """
        See `Provider`.
        """
        status = 400 if for_good else 500
        match = {"operation": "delete", "times": 0}
        self.school.cloudflare("POST", "faults", {"kind": "status", "status": status, "match": match})

    def repair(self) -> None:
        """
        See `Provider`.
        """
        self.school.cloudflare("DELETE", "faults")

    def make_by_hand(self, namespace: str, reference: str) -> str:
        """
        See `Provider`.
        """
        testbed = self.school.testbed
        url = f"{testbed.cloudflare_url}/client/v4/accounts/{testbed.cloudflare_account_id}/stream/direct_upload"
        whole = f"{namespace}:{reference}"
        body = {"maxDurationSeconds": 60, "creator": whole, "meta": {"greenroom": whole, "name": uuid.uuid4().hex}}
        headers = {"Authorization": f"Bearer {testbed.cloudflare_api_token}"}
        answer = self.school.http.post(url, json.dumps(body), headers=headers, timeout=10)
        assert answer.ok, answer.text
        return str(answer.json()["result"]["uid"])

    def everything(self) -> set[str]:
        """
        See `Provider`.
        """
        return {video["uid"] for video in self.school.cloudflare_videos()}


PROVIDERS: Final[Mapping[str, Callable[[School], Provider]]] = {"kaltura": AtKaltura, "cloudflare": AtCloudflare}


def _of_manifest(school: School, url: str) -> list[str]:
    """
    A manifest, what it points to, and the first segment of that.
    """
    found = [url]
    for _ in range(2):
        told = school.http.get(found[-1], timeout=10)
        assert told.ok, told.text
        assert told.text.startswith("#EXTM3U"), told.text
        line = next(line for line in told.text.splitlines() if line and not line.startswith("#"))
        found.append(urljoin(found[-1], line))
    return found
