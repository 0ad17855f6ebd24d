"""Cloudflare Stream, as its simulator serves it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any, Final

import httpx

from emulator_tests.contract.accounts.account import Account
from emulator_tests.contract.accounts.files import Film
from emulator_tests.contract.accounts.simulated import SimulatedAccount, SimulatorServer
from emulator_tests.memory import MemoryDocuments
from emulator_tests.simulators.running import Running
from emulator_tests.simulators.tests.tus import begun, chunk_headers
from shared.limits.limiter import Limiter
from shared.ports import PROGRESS_TOLD, Audience, Events, ExternalIds, UploadSpec
from shared.providers.cloudflare.account import CloudflareAccount
from shared.providers.cloudflare.inventory import CloudflareInventory
from shared.providers.cloudflare.media import CloudflareMedia
from shared.providers.cloudflare.setup import make_signing_key
from shared.providers.cloudflare.signing import SigningKey
from shared.providers.unavailable import NoAudience, NoEvents

DECLARED_BYTES: Final = 1_000_000
"""Declared size of every file that is sent by TUS, which requires a file to have exactly its declared size."""


@dataclass(frozen=True, slots=True)
class CloudflareServer(SimulatorServer):
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


class CloudflareTestAccount(SimulatedAccount):
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
        self._neighbours: list[CloudflareTestAccount] = []
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
        for account in (self, *self._neighbours):
            account._account.client.close()

    def neighbour(self) -> Account:
        """
        Return a deployment with another namespace.
        """
        self._neighbours.append(CloudflareTestAccount(self._server, f"neighbour{len(self._neighbours)}"))
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

    def as_seen_with(self, *, url: str | None = None, api_token: str | None = None) -> CloudflareTestAccount:
        """
        Return the account with another token, or at another address.
        """
        server = self._server
        return CloudflareTestAccount(replace(server, url=url or server.url, api_token=api_token or server.api_token))

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
    def provider_account(self) -> CloudflareAccount:
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
