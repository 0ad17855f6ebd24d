"""Playback at the Bunny simulator: tokens, judged by those that Bunny has published."""

from __future__ import annotations

import base64
import hashlib
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import pytest
import requests

from emulator_tests.simulators.bunny.responses.playback import is_signed
from emulator_tests.simulators.tests.bunny_server import TOKEN_KEY, BunnyServer
from emulator_tests.simulators.tests.files import serving

PUBLISHED_AT = 1_598_024_587


def _signed(path: str, allowed: str = "", *, key: str = TOKEN_KEY, lifetime_s: int = 60) -> dict[str, str]:
    """The parameters of the older kind of token, which needs no code of ours."""
    expires = str(int(time.time()) + lifetime_s)
    parameters = {"token_path": allowed} if allowed else {}
    signed = "&".join(f"{name}={value}" for name, value in parameters.items())
    digest = hashlib.sha256(f"{key}{allowed or path}{expires}{signed}".encode()).digest()
    token = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return {"token": token, **parameters, "expires": expires}


def _get(bunny: BunnyServer, path: str, parameters: dict[str, str], **more: Any) -> requests.Response:
    return requests.get(bunny.url + path, params=parameters, timeout=10, **more)


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/300kb.jpg", {"token": "HS256-o10JRWlsAItyAsdKS6jJKjabHN4FrFsplDHPV1idcX4"}),
        (
            "/abc/300kb.jpg",
            {"token": "HS256-uVZvT3SbEoVKYJyDJgbcsDmSFf73cv-uNUVaJiKWpbQ", "token_path": "/abc"},
        ),
        ("/300kb.jpg", {"token": "HS256-DAVapqNNED3Z7JkjRTYX0UOIHNtbHEuuhRNEc4A7mMQ", "limit": "1000"}),
    ],
    ids=["one file", "a folder", "another parameter"],
)
def test_tokens_as_their_makers_have_published_them_are_good_until_they_end(path: str, sent: dict[str, str]) -> None:
    # BunnyWay/BunnyCDN.TokenAuthentication, e2e/vectors.json: plain, path_only, limit_only; made with "SecurityKey".
    told = sent | {"expires": str(PUBLISHED_AT)}

    assert is_signed("SecurityKey", path, told, PUBLISHED_AT)
    assert not is_signed("SecurityKey", path, told, PUBLISHED_AT + 1)
    assert not is_signed("AnotherKey", path, told, PUBLISHED_AT)
    assert not is_signed("SecurityKey", "/other.jpg", told, PUBLISHED_AT)
    assert not is_signed("SecurityKey", path, told | {"token": told["token"][:-1]}, PUBLISHED_AT)
    assert not is_signed("SecurityKey", path, told | {"expires": ""}, 0)
    assert not is_signed("SecurityKey", path, told | {"more": "x"}, PUBLISHED_AT)


def test_a_token_before_the_path_is_good_for_all_that_a_manifest_points_to(bunny: BunnyServer, video: Path) -> None:
    with serving({"/film.mp4": video.read_bytes()}) as files:
        guid = bunny.fetch(f"{files.url}/film.mp4")
        bunny.await_status(guid, 4)
    sent = _signed("", f"/{guid}/")
    before = f"bcdn_token={sent['token']}&token_path={quote(sent['token_path'], safe='')}&expires={sent['expires']}"
    url = f"{bunny.url}/{before}/{guid}/playlist.m3u8"

    manifest = requests.get(url, timeout=10).text
    assert manifest.startswith("#EXTM3U")
    variant = urljoin(url, manifest.splitlines()[-1])
    segments = [line for line in requests.get(variant, timeout=10).text.splitlines() if not line.startswith("#")]
    assert requests.get(urljoin(variant, segments[0]), timeout=10).content[:1] == b"\x47"
    picture = requests.get(urljoin(url, "thumbnail.jpg"), timeout=10)
    assert picture.content[:2] == b"\xff\xd8"
    part = requests.get(urljoin(url, "original"), headers={"Range": "bytes=4-7"}, timeout=10)
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert requests.get(url.replace(guid, "0" * 36), timeout=10).status_code == 403


def test_without_a_token_or_with_another_one_there_is_no_byte(bunny: BunnyServer, video: Path) -> None:
    with serving({"/film.mp4": video.read_bytes()}) as files:
        guid, other = bunny.fetch(f"{files.url}/film.mp4"), bunny.fetch(f"{files.url}/film.mp4")
        for one in (guid, other):
            bunny.await_status(one, 4)
    path = f"/{guid}/original"
    assert _get(bunny, path, _signed(path)).content == video.read_bytes()

    for parameters in (
        {},
        _signed(path, key="another"),
        _signed(path, lifetime_s=-1),
        _signed(f"/{other}/original"),
        _signed("", f"/{other}/"),
        _signed(path) | {"expires": "9999999999"},
        {name: value for name, value in _signed(path).items() if name != "expires"},
    ):
        refused = _get(bunny, path, parameters)
        assert (refused.status_code, b"ftyp" in refused.content) == (403, False), parameters


def test_a_video_that_is_not_finished_does_not_play(bunny: BunnyServer, video: Path) -> None:
    bunny.control("POST", "clock", ready="never")
    with serving({"/film.mp4": video.read_bytes()}) as files:
        guid = bunny.fetch(f"{files.url}/film.mp4")
        bunny.await_status(guid, 3)
    path = f"/{guid}/playlist.m3u8"

    assert _get(bunny, path, _signed(path)).status_code == 404
