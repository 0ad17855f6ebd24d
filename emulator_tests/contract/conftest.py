"""The provider accounts against which the contract suites run."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from emulator_tests.contract.accounts import (
    FILM_S,
    Account,
    CloudflareServer,
    CloudflareTestAccount,
    Film,
    KalturaServer,
    KalturaTestAccount,
    MemoryAccount,
    running_cloudflare,
)
from emulator_tests.simulators.running import Running
from emulator_tests.testbed.prosody import Prosody, running_prosody

PICTURE = ("-f", "lavfi", "-i", f"testsrc=size=320x180:rate=10:duration={FILM_S}")
SOUND = ("-f", "lavfi", "-i", f"sine=frequency=440:duration={FILM_S}")
FORMATS = {Film.VIDEO: (*PICTURE, *SOUND, "-pix_fmt", "yuv420p", "-shortest"), Film.SOUND: SOUND}


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[Film, Path]:
    """
    A file of each kind.
    """
    folder = tmp_path_factory.mktemp("films")
    paths = {film: folder / f"{film.name.lower()}.mp4" for film in Film}
    for film, arguments in FORMATS.items():
        subprocess.run(["ffmpeg", "-loglevel", "error", *arguments, paths[film]], check=True, timeout=60)
    paths[Film.GARBAGE].write_bytes(secrets.token_bytes(20_000))
    for film in (Film.STUBBORN, Film.SLOW):
        paths[film].write_bytes(paths[Film.VIDEO].read_bytes())
    return paths


@pytest.fixture(scope="session")
def kaltura(films: dict[Film, Path]) -> Iterator[KalturaServer]:
    """
    A Kaltura simulator for these suites only, because they lose calls and move its clock.
    """
    partner_id, admin_secret = 1_234_567, secrets.token_hex(16)
    arguments = [
        "--partner-id",
        str(partner_id),
        "--admin-secret",
        admin_secret,
        "--user-secret",
        secrets.token_hex(16),
    ]
    with Running("kaltura", *arguments) as simulator, httpx.Client(timeout=30, trust_env=False) as http:
        yield KalturaServer(simulator.url, films, http, partner_id, admin_secret)


@pytest.fixture(scope="session")
def cloudflare(films: dict[Film, Path]) -> Iterator[CloudflareServer]:
    """
    A Cloudflare simulator for these suites only.
    """
    with running_cloudflare(films) as server:
        yield server


@pytest.fixture(scope="session")
def prosody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prosody]:
    """
    A chat server for these suites only. A test that stops it starts another one.
    """
    with running_prosody(tmp_path_factory.mktemp("prosody")) as server:
        yield server


@pytest.fixture
def cloudflare_account(cloudflare: CloudflareServer) -> Iterator[CloudflareTestAccount]:
    """
    An empty account at Cloudflare.
    """
    cloudflare.control("POST", "reset")
    with closing(CloudflareTestAccount(cloudflare)) as account:
        yield account


ROOM_URL = "https://1234567.kaf.kaltura.com"


@pytest.fixture(params=["memory", "kaltura", "kaltura with rooms"])
def event_account(request: pytest.FixtureRequest) -> Iterator[Account]:
    """
    An empty account for live events. With rooms, an event has more parts.
    """
    yield from _accounts_of(request, ROOM_URL if request.param == "kaltura with rooms" else None)


@pytest.fixture
def rooms(request: pytest.FixtureRequest) -> Iterator[Account]:
    """
    An account whose events have rooms.
    """
    server: KalturaServer = request.getfixturevalue("kaltura")
    server.control("POST", "reset")
    with closing(KalturaTestAccount(server, room_url=ROOM_URL)) as account:
        yield account


@pytest.fixture(params=["memory", "kaltura"])
def lasting_account(request: pytest.FixtureRequest) -> Iterator[Account]:
    """
    An empty account in which a prepared upload is found as it was, and a failed video may be processed again.
    """
    yield from _accounts_of(request)


@pytest.fixture(params=["memory", "kaltura", "cloudflare"])
def account(request: pytest.FixtureRequest) -> Iterator[Account]:
    """
    An empty account that nobody else uses.
    """
    yield from _accounts_of(request)


def _accounts_of(request: pytest.FixtureRequest, room_url: str | None = None) -> Iterator[Account]:
    if request.param == "memory":
        yield MemoryAccount()
        return
    if request.param == "cloudflare":
        yield request.getfixturevalue("cloudflare_account")
        return
    server: KalturaServer = request.getfixturevalue("kaltura")
    server.control("POST", "reset")
    with closing(KalturaTestAccount(server, room_url=room_url)) as account:
        yield account
