"""Fixtures of the simulators' tests: a running server, put back to its beginning before each test, and media files."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator_tests.simulators.tests.bunny_server import BunnyServer
from emulator_tests.simulators.tests.cloudflare_server import CloudflareServer
from emulator_tests.simulators.tests.kaltura_server import KalturaServer


@pytest.fixture(scope="session")
def kaltura_process() -> Iterator[KalturaServer]:
    """One simulator for the whole run, in which media are ready at once."""
    server = KalturaServer("--ready-after", "0s")
    yield server
    server.stop()


@pytest.fixture
def kaltura(kaltura_process: KalturaServer) -> KalturaServer:
    """The simulator, with nothing in it."""
    kaltura_process.control("POST", "reset")
    return kaltura_process


@pytest.fixture(scope="session")
def cloudflare_process() -> Iterator[CloudflareServer]:
    """One simulator for the whole run, in which videos are ready at once."""
    server = CloudflareServer("--ready-after", "0s")
    yield server
    server.stop()


@pytest.fixture
def cloudflare(cloudflare_process: CloudflareServer) -> CloudflareServer:
    """The simulator, with nothing in it but its signing keys."""
    cloudflare_process.control("POST", "reset")
    return cloudflare_process


@pytest.fixture(scope="session")
def bunny_process() -> Iterator[BunnyServer]:
    """One simulator for the whole run, in which videos are ready at once."""
    server = BunnyServer("--ready-after", "0s")
    yield server
    server.stop()


@pytest.fixture
def bunny(bunny_process: BunnyServer) -> BunnyServer:
    """The simulator, with nothing in it."""
    bunny_process.control("POST", "reset")
    return bunny_process


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a tone."""
    file = tmp_path_factory.mktemp("media") / "tone.mp4"
    _ffmpeg("-f", "lavfi", "-i", "sine=frequency=440:duration=2", "-c:a", "aac", str(file))
    return file


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a test picture with sound, 320 by 180."""
    file = tmp_path_factory.mktemp("media") / "lesson.mp4"
    _ffmpeg(
        "-f", "lavfi", "-i", "testsrc=size=320x180:rate=25:duration=2",
        "-f", "lavfi", "-i", "sine=frequency=440:duration=2",
        "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac", str(file),
    )  # fmt: skip
    return file


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A still picture, 64 by 48."""
    file = tmp_path_factory.mktemp("media") / "slide.png"
    _ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x48:rate=1:duration=1", "-frames:v", "1", str(file))
    return file


def _ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments], check=True, timeout=60)
