"""Crash enumeration for Cloudflare: every effect of an upload broken once, in every way, and then only the sweep.

Nothing may be left over, doubled or lost, and no minute may stay reserved. The real use cases and the real adapter run
against the simulator. Documents and queue are in memory, and one clock moves all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, Final, TypeVar

import pytest

from emulator_tests.contract.accounts import CloudflareServer, running_cloudflare
from emulator_tests.deployment_settings import deployment_settings
from emulator_tests.memory import Effect, ManualClock, MemoryDocuments, MemoryQueue
from emulator_tests.pure.deployment import ROOMY, TEACHER, Killed
from emulator_tests.simulators.tests.tus import chunk_headers
from emulator_tests.testbed.places import TEST_PICTURE
from shared.app import App
from shared.core.errors import Conflict, Doubtful, Refused, Transient
from shared.core.paths import DELETIONS, ERASURES, RECONCILE_SESSION, session_path
from shared.erasure.commands import ask_erasure
from shared.erasure.model import Erasure, ErasureState
from shared.limits.limiter import Limiter
from shared.ports import (
    Allowance,
    Changes,
    Create,
    Delete,
    ExternalIds,
    Grant,
    Inventory,
    InventoryItem,
    Media,
    Observation,
    ProviderAccount,
    Query,
    Source,
    Task,
    UploadGrant,
    UploadSpec,
)
from shared.providers.cloudflare.account import CloudflareAccount
from shared.providers.cloudflare.inventory import CloudflareInventory
from shared.providers.cloudflare.media import CloudflareMedia
from shared.providers.unavailable import NoEvents
from shared.sessions.broadcasting import Window
from shared.videos.commands import cancel_upload
from shared.videos.model import Video, VideoState
from shared.videos.resource import upload_tokens
from shared.videos.upload_tokens import UploadRequest, UploadToken

T = TypeVar("T")

FILM: Final = TEST_PICTURE.read_bytes()
STRAY_AGE_S: Final = 3600
SWEEP_S: Final = 300
SWEEPS_MAX: Final = 40
TRIES_MAX: Final = 40
VIDEO: Final = UploadRequest("s1", "r1", "film.mp4", len(FILM), "A film")


# --- the account --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def simulator() -> Iterator[CloudflareServer]:
    """The simulator, for the tests of this file. It does not look at the bytes that it receives."""
    with running_cloudflare({}) as server:
        yield server


class WatchedMedia:
    """The media adapter, with an effect around each of its calls."""

    name = "cloudflare"

    def __init__(self, media: Media, effect: Effect) -> None:
        self._media, self._effect = media, effect

    def prepare_upload(self, reference: str, spec: UploadSpec) -> ExternalIds:
        return self._effect("prepare_upload", lambda: self._media.prepare_upload(reference, spec))

    def find_upload(self, reference: str, spec: UploadSpec) -> ExternalIds:
        return self._effect("find_upload", lambda: self._media.find_upload(reference, spec))

    def adopt_recording(self, reference: str, spec: UploadSpec) -> ExternalIds:
        return self._effect("adopt_recording", lambda: self._media.adopt_recording(reference, spec))

    def observe(self, external_ids: Sequence[ExternalIds]) -> Sequence[Observation]:
        return self._effect("observe", lambda: self._media.observe(external_ids))

    def rename(self, reference: str, external_ids: ExternalIds, spec: UploadSpec) -> None:
        self._effect("rename", lambda: self._media.rename(reference, external_ids, spec))

    def reprocess(self, external_ids: ExternalIds) -> None:
        self._effect("reprocess", lambda: self._media.reprocess(external_ids))

    def delete_media(self, external_ids: ExternalIds) -> ExternalIds:
        return self._effect("delete_media", lambda: self._media.delete_media(external_ids))

    def changes(self, since: datetime, page: int, pages: int = 1, uploads: Sequence[ExternalIds] = ()) -> Changes:
        return self._effect("changes", lambda: self._media.changes(since, page, pages, uploads))

    def source(self, external_ids: ExternalIds, lifetime_s: int) -> Source:
        return self._media.source(external_ids, lifetime_s)

    def requests_for(self, size_bytes: int) -> int:
        return self._media.requests_for(size_bytes)

    def upload_grant(self, external_ids: ExternalIds, spec: UploadSpec, allowance: Allowance) -> UploadGrant:
        return self._media.upload_grant(external_ids, spec, allowance)

    def playback_grant(
        self, external_ids: ExternalIds, viewer_uid: str, lifetime_s: int, revocation_id: str | None = None
    ) -> Grant:
        return self._media.playback_grant(external_ids, viewer_uid, lifetime_s, revocation_id)


class WatchedInventory:
    """The inventory adapter, with an effect around each of its calls."""

    def __init__(self, inventory: Inventory, effect: Effect) -> None:
        self._strays, self._effect = inventory, effect

    def list_items(self, since: datetime, until: datetime) -> Sequence[InventoryItem]:
        return self._effect("strays", lambda: self._strays.list_items(since, until))

    def has_content(self, item: InventoryItem) -> bool:
        return self._effect("has_content", lambda: self._strays.has_content(item))

    def delete_item(self, item: InventoryItem) -> ExternalIds:
        return self._effect("delete_stray", lambda: self._strays.delete_item(item))


PROVIDER_CALLS: Final = frozenset(
    {"prepare_upload", "find_upload", "observe", "delete_media", "changes", "strays", "has_content", "delete_stray"}
)


class World:
    """
    One deployment on the empty account, in which one effect is broken.

    Args:
        simulator: The account.
        broken: The number of the effect.
        how: The way in which it fails; `None` breaks nothing.
    """

    def __init__(self, simulator: CloudflareServer, broken: int = -1, how: str | None = None) -> None:
        simulator.control("POST", "reset")
        self._simulator = simulator
        self._broken, self._how = broken, how
        self.effects: list[str] = []
        self.is_watched = True
        self.clock = ManualClock(datetime.now(UTC) + timedelta(seconds=5))
        self._stood_at: datetime | None = None
        account = CloudflareAccount(
            url=f"{simulator.url}/client/v4",
            account_id=simulator.account_id,
            api_token=simulator.api_token,
            namespace="crashes",
            signing_key=simulator.signing_key,
            playback_url=simulator.url,
            upload_lifetime_s=24 * 3600,
            max_duration_s=3600,
            clock=self.clock,
            limiter=Limiter(MemoryDocuments(), self.clock),
        )
        self._account = account
        self.documents = MemoryDocuments(self._effect)
        self.queue = MemoryQueue(self.clock, self._effect)
        provider_account = ProviderAccount(
            WatchedMedia(CloudflareMedia(account), self._effect),
            WatchedInventory(CloudflareInventory(account), self._effect),
        )
        settings = deployment_settings(
            policy=replace(ROOMY, max_bytes=10_000_000),
            provider="cloudflare",
            reap_grace_s=0,
            late_commit_s=60,
            window=Window(early_s=900, overrun_s=3600),
            stray_age_s=STRAY_AGE_S,
            feed_interval_s=10,
            feed_overlap_s=60,
            feed_ticks_max=1000,
            tasks_per_hour_max=100_000,
        )
        self.app = App(self.documents, self.queue, self.clock, NoEvents(), {"cloudflare": provider_account}, settings)
        fields = {"ownerUid": TEACHER.uid, "title": "Algebra", "status": "public", "format": "onDemand"}
        self.is_watched = False
        whole = {**fields, "visibility": "open", "createdAt": self.clock(), "updatedAt": self.clock()}
        self.documents.commit(Create(session_path("s1"), whole))
        self.is_watched = True

    def close(self) -> None:
        """Close the connections."""
        self._account.client.close()

    def _effect(self, operation: str, do: Callable[[], T]) -> T:
        if operation in PROVIDER_CALLS:
            self._set_clock()
        if not self.is_watched:
            return do()
        self.effects.append(operation)
        if len(self.effects) - 1 != self._broken:
            return do()
        match self._how:
            case "killed before it":
                raise Killed
            case "killed after it":
                do()
                raise Killed
            case "not done":
                raise Transient("Not done.", provider="cloudflare", operation=operation, code="HTTP_503")
            case "its answer is lost":
                do()
                if operation in PROVIDER_CALLS:
                    raise Doubtful("Lost.", provider="cloudflare", operation=operation, code="TIMEOUT")
                raise Transient("Lost.", provider="firestore", operation=operation, code="UNAVAILABLE")
        return do()

    def _set_clock(self) -> None:
        now = self.clock()
        if now != self._stood_at:
            self._simulator.control("POST", "clock", {"stand_at": now.timestamp()})
            self._stood_at = now

    # Acts of people, repeated until they succeed.

    def insist(self, act: Callable[[], object]) -> None:
        """Repeat an act until there is an answer."""

        def answered() -> bool:
            act()
            return True

        for _ in range(TRIES_MAX):
            if self.alive(answered):
                return
            self.run(5)
        raise AssertionError("There is never an answer.")

    def alive(self, act: Callable[[], T]) -> T | None:
        """Do an act during which the process may die. Its death loses all tasks."""
        try:
            return act()
        except Killed:
            while self.queue.waiting():
                self.queue.take()
        except (Transient, Conflict):
            # The caller tries again later.
            pass
        return None

    def run(self, seconds: float) -> None:
        """Let time pass."""
        until = self.clock() + timedelta(seconds=seconds)
        while self.clock() < until:
            self.alive(lambda: self.queue.deliver_until(until, lambda task: self.app.work(task.queue, task.key)))

    def ask(self) -> UploadToken | None:
        """Ask for the upload until there is an answer."""
        for _ in range(TRIES_MAX):
            try:
                token = self.alive(lambda: self.app.get(upload_tokens).issue_upload_token(TEACHER, VIDEO))
            except Refused:
                # The upload has ended meanwhile.
                return None
            if token is not None:
                return token
            self.run(30)
            self.alive(self.app.sweep.run)
        raise AssertionError("The upload is never given.")

    def send(self, token: UploadToken) -> None:
        """Send the video as a browser does, and wait until the simulator has examined it."""
        self._set_clock()
        answer = self._simulator.http.patch(token.grant.url, content=FILM, headers=chunk_headers(0))
        assert answer.status_code == 204, answer.text
        ends_at = monotonic() + 30
        while any(video["status"]["state"] == "queued" for video in self.videos()):
            assert monotonic() < ends_at, "It is never looked into."

    def sweep_until(self, holds: Callable[[], bool]) -> None:
        """Run only the sweep, with nothing broken any more."""
        self.is_watched = False
        self.clock.advance(STRAY_AGE_S + 1)
        for _ in range(SWEEPS_MAX):
            self.app.sweep.run()
            self.run(SWEEP_S)
            if holds():
                return
        raise AssertionError(f"It does not come to rest; {self.effects[self._broken]} was broken: {self._how}.")

    # Existing things.

    def videos(self) -> list[dict[str, Any]]:
        """Return the videos at Cloudflare."""
        found: list[dict[str, Any]] = self._simulator.control("GET", "things")["videos"]
        return found

    def reserved_minutes(self) -> float:
        """Return the minutes that are reserved at Cloudflare."""
        return float(self._simulator.control("GET", "things")["storage"]["reservedMinutes"])

    def recorded(self) -> list[Video]:
        """Return the documents of videos."""
        return [Video.from_document(one) for one in self.documents.select(Query("videos"))]

    def is_empty(self) -> bool:
        """Tell whether nothing is left."""
        return (
            not self.videos()
            and not self.documents.select(Query(DELETIONS))
            and all(video.state is VideoState.GONE for video in self.recorded())
        )


# --- the flows ----------------------------------------------------------------------------------------------------


def upload(world: World) -> None:
    """Upload a video, which becomes ready."""
    token = world.ask()
    assert token is not None
    world.send(token)
    world.run(60)


def cancel(world: World) -> None:
    """Ask for an upload, and cancel it."""
    token = world.ask()
    assert token is not None
    world.insist(lambda: cancel_upload(TEACHER, token.video_id, world.documents, world.queue, world.clock))
    world.run(60)


def delete(world: World) -> None:
    """Upload a video, which becomes ready, and delete its session."""
    upload(world)
    world.insist(lambda: world.documents.commit(Delete(session_path("s1"))))
    # The task of the trigger, unless it is lost.
    world.alive(lambda: world.queue.put(Task(RECONCILE_SESSION, "s1")))
    world.run(60)


def adopt(world: World) -> None:
    """Upload a video, which becomes ready, lose its document, and adopt it."""
    upload(world)
    world.is_watched = False
    for video in world.documents.select(Query("videos")):
        if Video.from_document(video).state is VideoState.READY:
            world.documents.commit(Delete(video.path))
    world.is_watched = True
    world.insist(lambda: world.app.adoption.adopt(world.app.orphans.all(young=True)))
    world.run(60)


def remove(world: World) -> None:
    """Upload a video, which becomes ready, and let the teacher erase all their content."""
    upload(world)
    world.insist(lambda: ask_erasure(TEACHER, "r2", TEACHER.uid, world.documents, world.queue, world.clock))
    world.run(600)


def _is_removed(world: World) -> bool:
    erasures = [Erasure.from_document(one) for one in world.documents.select(Query(ERASURES))]
    return world.is_empty() and [one.state for one in erasures] == [ErasureState.DONE]


def _has_its_film(world: World) -> bool:
    (video,) = world.recorded()
    made = world.videos()
    return (
        video.state is VideoState.READY
        and video.playable is not None
        and [one["uid"] for one in made] == [video.playable.external_ids["uid"]]
        and not world.documents.select(Query(DELETIONS))
    )


FLOWS: Final[dict[str, tuple[Callable[[World], None], Callable[[World], bool]]]] = {
    "upload": (upload, _has_its_film),
    "cancel": (cancel, World.is_empty),
    "delete": (delete, World.is_empty),
    "remove": (remove, _is_removed),
    "adopt": (adopt, _has_its_film),
}
WAYS: Final = ("killed before it", "killed after it", "not done", "its answer is lost")


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("flow", FLOWS)
def test_whatever_is_broken_it_ends_as_it_was_wished_and_no_minute_stays_reserved(
    simulator: CloudflareServer, flow: str, how: str
) -> None:
    play, holds = FLOWS[flow]
    sound = World(simulator)
    play(sound)
    sound.sweep_until(lambda: holds(sound))
    sound.close()
    assert len(sound.effects) > 30

    for number in range(len(sound.effects)):
        world = World(simulator, number, how)
        play(world)
        world.sweep_until(lambda: holds(world))  # noqa: B023  # called here
        assert world.reserved_minutes() == 0, world.effects[number]
        world.close()
