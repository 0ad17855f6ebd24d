"""Playback and downloads at the Cloudflare simulator, with tokens signed by Cloudflare's rules."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Any

import cloudflare as sdk
import jwt
import pytest
import requests

from emulator_tests.simulators.tests.cloudflare_server import ACCOUNT_ID, CloudflareServer

SIGNED: dict[str, str | None] = {"requiresignedurls": None}


def _signed(cloudflare: CloudflareServer, uid: str, **claims: Any) -> str:
    """A token by a key of the account, as an application signs it."""
    key = cloudflare.sdk.stream.keys.create(account_id=ACCOUNT_ID)
    assert key is not None
    usual = {"sub": uid, "kid": key.id, "exp": int(cloudflare.control("GET", "clock")["now"]) + 600}
    told = {name: value for name, value in (usual | claims).items() if value is not None}
    return jwt.encode(told, base64.b64decode(key.pem or ""), algorithm="RS256", headers={"kid": str(key.id)})


def _plays(cloudflare: CloudflareServer, who: str) -> int:
    return requests.get(f"{cloudflare.url}/{who}/manifest/video.m3u8", timeout=30).status_code


def test_a_signed_token_plays_real_bytes_and_the_id_alone_does_not(cloudflare: CloudflareServer, video: Path) -> None:
    uid = cloudflare.upload(video, SIGNED)
    cloudflare.await_state(uid, "ready")
    token = _signed(cloudflare, uid)

    assert _plays(cloudflare, uid) == 401
    url = f"{cloudflare.url}/{token}/manifest/video.m3u8"
    played = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", url],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert float(played.stdout) == pytest.approx(2, abs=0.3)
    picture = requests.get(f"{cloudflare.url}/{token}/thumbnails/thumbnail.jpg", timeout=30)
    assert picture.content[:2] == b"\xff\xd8"


BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "another video's": {"sub": "0" * 32},
    "expired": {"exp": 1_700_000_000},
    "without an end": {"exp": None},
    "for longer than a day": {"exp": 4_000_000_000},
    "not yet": {"nbf": 4_000_000_000},
    "another key's": {"kid": "0" * 32},
    "nobody is let in": {"accessRules": [{"type": "any", "action": "block"}]},
    "another address": {
        "accessRules": [{"type": "ip.src", "action": "allow", "ip": ["10.0.0.0/8"]}, {"type": "any", "action": "block"}]
    },
}


@pytest.mark.parametrize("claims", BAD_CLAIMS.values(), ids=BAD_CLAIMS)
def test_a_token_that_says_something_else_plays_nothing(
    cloudflare: CloudflareServer, video: Path, claims: dict[str, Any]
) -> None:
    uid = cloudflare.upload(video, SIGNED)
    cloudflare.await_state(uid, "ready")

    assert _plays(cloudflare, _signed(cloudflare, uid, **claims)) in (401, 403)


def test_a_token_of_a_deleted_key_or_of_a_stranger_plays_nothing(cloudflare: CloudflareServer, video: Path) -> None:
    uid = cloudflare.upload(video, SIGNED)
    cloudflare.await_state(uid, "ready")
    token = _signed(cloudflare, uid)
    assert _plays(cloudflare, token) == 200
    key_id = jwt.get_unverified_header(token)["kid"]

    cloudflare.sdk.stream.keys.delete(key_id, account_id=ACCOUNT_ID)

    assert _plays(cloudflare, token) == 401
    assert _plays(cloudflare, jwt.encode({"sub": uid}, "x" * 32, algorithm="HS256", headers={"kid": key_id})) == 401
    assert _plays(cloudflare, "a.b.c") == 401
    keys: Any = cloudflare.sdk.stream.keys.get(account_id=ACCOUNT_ID)
    assert key_id not in [key.id for key in keys]


def test_the_service_signs_tokens_too(cloudflare: CloudflareServer, video: Path) -> None:
    uid = cloudflare.upload(video, SIGNED)
    cloudflare.await_state(uid, "ready")

    made = cloudflare.sdk.stream.token.create(uid, account_id=ACCOUNT_ID)

    assert made is not None
    assert _plays(cloudflare, str(made.token)) == 200
    with pytest.raises(sdk.BadRequestError):
        cloudflare.sdk.stream.token.create(uid, account_id=ACCOUNT_ID, exp=4_000_000_000)


def test_a_download_must_be_asked_for_and_allowed_by_the_token(cloudflare: CloudflareServer, video: Path) -> None:
    uid = cloudflare.upload(video, SIGNED)
    cloudflare.await_state(uid, "ready")
    allowed, not_allowed = _signed(cloudflare, uid, downloadable=True), _signed(cloudflare, uid)

    def status(who: str) -> int:
        return requests.get(f"{cloudflare.url}/{who}/downloads/default.mp4", timeout=30).status_code

    assert status(allowed) == 404
    cloudflare.sdk.stream.downloads.create(uid, account_id=ACCOUNT_ID)
    cloudflare.control("POST", "clock", advance_s=2)
    assert (status(allowed), status(not_allowed), status(uid)) == (200, 403, 401)
    part = requests.get(
        f"{cloudflare.url}/{allowed}/downloads/default.mp4", headers={"Range": "bytes=0-99"}, timeout=30
    )
    assert (part.status_code, part.content) == (206, video.read_bytes()[:100])
